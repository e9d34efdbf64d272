package jmx

import (
	"strings"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/format"
)

type thinkTime = load.ThinkTime

// sampler converts one HTTP request.
func (c *converter) sampler(e element, sc scope, at string) (step format.Step, ok bool) {
	sc = c.scope(scopeAt(sc, at), e.below)
	for _, below := range e.below {
		if !isScope(below.kind()) {
			c.unknown(below, at)
		}
	}
	get := func(name string) string {
		if v := strings.TrimSpace(e.prop(name)); v != "" {
			return v
		}
		for i := len(sc.defaults) - 1; i >= 0; i-- {
			if v := strings.TrimSpace(sc.defaults[i].prop(name)); v != "" {
				return v
			}
		}
		return ""
	}
	if step.Method, ok = format.Method(c.resolved(orDefault(get("HTTPSampler.method"), "GET"))); !ok {
		c.cov.Add(e.kind(), at, format.NotConverted, "a plan has no such method")
		return step, false
	}
	origin := c.server(get, at)
	if c.origin == "" {
		c.origins.Add(origin)
	} else if origin != c.origin {
		c.cov.Add(e.kind()+" to another host", at, format.NotConverted, "a plan has one target; this one goes to "+origin)
		return step, false
	}
	step.Name = format.Label(sc.prefix+c.resolved(e.title()), "request")
	step.Path = c.path(get("HTTPSampler.path"), at)
	step.Headers = append([]format.Pair(nil), sc.headers...)
	step.Status, step.Think = sc.status, sc.think
	c.timeouts(&step, get, sc, at)
	c.arguments(e, sc, &step, at)
	if e.flag("HTTPSampler.follow_redirects") || e.flag("HTTPSampler.auto_redirects") {
		c.cov.Add("follow redirects", at, format.Approximated, "redirects are not followed; they count as good answers")
	}
	if e.flag("HTTPSampler.image_parser") {
		c.cov.Add("embedded resources", at, format.NotConverted, "answers are not looked at")
	}
	if e.prop("HTTPSampler.use_keepalive") == "false" {
		c.cov.Add("use KeepAlive off", at, format.Approximated, "connections are kept")
	}
	c.cov.Add(e.kind(), at, format.Converted, "")
	return step, true
}

func scopeAt(sc scope, at string) scope {
	sc.path = at
	return sc
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// whole reports whether a sampler's path is an address of its own, and splits it.
func (c *converter) whole(raw string) (origin, path string, ok bool) {
	full := c.resolved(raw)
	_, rest, found := strings.Cut(full, "://")
	if !found || !strings.HasPrefix(full, "http") {
		return "", "", false
	}
	before, _, _ := strings.Cut(full, "${") // what only a run could fill in
	origin, _, err := format.Address(before)
	if err != nil {
		return "", "", false
	}
	path = "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		path = rest[i:]
	}
	return origin, path, true
}

// path is what a sampler asks for, in the plan's notation.
func (c *converter) path(raw, at string) string {
	if _, path, ok := c.whole(raw); ok {
		return c.slashed(path, at)
	}
	return c.slashed(raw, at)
}

// server is where a sampler sends its request, in the plan's notation.
func (c *converter) server(get func(string) string, at string) string {
	if origin, _, ok := c.whole(get("HTTPSampler.path")); ok {
		return origin
	}
	scheme := strings.ToLower(orDefault(c.resolved(get("HTTPSampler.protocol")), "http"))
	host := c.text(get("HTTPSampler.domain"), at)
	if host == "" {
		host = "localhost"
		c.cov.Add("HTTPSampler.domain", at, format.Approximated, "no server is named: the target is localhost; give --target")
	}
	origin := scheme + "://" + host
	port := c.resolved(get("HTTPSampler.port"))
	if port != "" && port != "0" && !(scheme == "http" && port == "80") && !(scheme == "https" && port == "443") {
		origin += ":" + c.text(get("HTTPSampler.port"), at)
	}
	return origin
}

func (c *converter) slashed(raw, at string) string {
	path := c.encoded(raw, at)
	if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "${") {
		path = "/" + path
	}
	if strings.HasPrefix(path, "${") {
		name, _, _ := strings.Cut(path[2:], "}")
		if !strings.HasPrefix(c.resolved("${"+name+"}"), "/") {
			path = "/" + path
		} else {
			// A plan wants to see the slash, so the variable's text stands here.
			path = c.encoded(c.resolved(raw), at)
		}
	}
	return path
}

// timeouts takes the response timeout over, or the limit of a duration assertion when that is shorter.
func (c *converter) timeouts(step *format.Step, get func(string) string, sc scope, at string) {
	limit := millis(c.number(get("HTTPSampler.response_timeout"), "response timeout", at, 0))
	if sc.limit > 0 && (limit == 0 || sc.limit < limit) {
		limit = sc.limit
	}
	step.Timeout = min(limit, 24*time.Hour)
	if get("HTTPSampler.connect_timeout") != "" {
		c.cov.Add("connect timeout", at, format.Approximated, "a request's timeout includes connecting")
	}
}

// arguments puts a sampler's parameters into the query or the body.
func (c *converter) arguments(e element, sc scope, step *format.Step, at string) {
	if files := e.find("HTTPsampler.Files"); files != nil {
		for range files.collection("HTTPFileArgs.files") {
			c.cov.Add("file upload", at, format.NotConverted, "files are not read")
		}
	}
	var args []*node
	for _, d := range sc.defaults {
		if a := d.find("HTTPsampler.Arguments"); a != nil {
			args = append(args, a.collection("Arguments.arguments")...)
		}
	}
	if a := e.find("HTTPsampler.Arguments"); a != nil {
		args = append(args, a.collection("Arguments.arguments")...)
	}
	if e.flag("HTTPSampler.postBodyRaw") {
		var body strings.Builder
		for _, a := range args {
			body.WriteString(c.text(a.prop("Argument.value"), at))
		}
		step.Body = body.String()
		return
	}
	if len(args) == 0 {
		return
	}
	if e.flag("HTTPSampler.DO_MULTIPART_POST") {
		c.cov.Add("multipart body", at, format.Approximated, "sent as application/x-www-form-urlencoded")
	}
	fields := make([]string, 0, len(args))
	for _, a := range args {
		fields = append(fields, c.field(a, at))
	}
	all := strings.Join(fields, "&")
	switch step.Method {
	case "POST", "PUT", "PATCH":
		step.Body = all
		if !format.HasHeader(step.Headers, "Content-Type") {
			step.Headers = append(step.Headers, format.Pair{Name: "Content-Type", Value: "application/x-www-form-urlencoded"})
		}
	default:
		sep := "?"
		if strings.Contains(step.Path, "?") {
			sep = "&"
		}
		step.Path += sep + all
	}
}

// field is one parameter, encoded unless it says that it is already.
func (c *converter) field(a *node, at string) string {
	name, value := a.prop("Argument.name"), a.prop("Argument.value")
	encode := c.escaped
	if a.prop("HTTPArgument.always_encode") == "false" {
		encode = c.encoded
	}
	out := encode(name, at)
	if a.prop("HTTPArgument.use_equals") != "false" || value != "" {
		out += "=" + encode(value, at)
	}
	return out
}
