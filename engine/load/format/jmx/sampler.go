package jmx

import (
	"slices"
	"strings"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/format"
)

type thinkTime = load.ThinkTime

// request is a sampler with what happens before it.
func (c *converter) request(e element, sc scope, at string) []format.Step {
	sc = c.scope(scopeAt(sc, at), e.below)
	for _, below := range e.below {
		if !isScope(below.kind()) {
			c.unknown(below, at)
		}
	}
	step, ok := c.sampler(e, sc, at)
	if !ok {
		return nil
	}
	return append(append(pauses(sc.pauses), c.made()...), step)
}

// made sets the variables that the texts translated since have to make.
func (c *converter) made() (out []format.Step) {
	if len(c.before) > 0 {
		out = []format.Step{block(format.Block{Kind: "set", Set: c.before})}
	}
	c.before = nil
	return out
}

// sampler converts one HTTP request.
func (c *converter) sampler(e element, sc scope, at string) (step format.Step, ok bool) {
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
	if c.hasLive(origin) {
		c.cov.Add(e.kind(), at, format.NotConverted, "its server is only known while it runs")
		return step, false
	}
	if c.origin == "" {
		c.origins.Add(origin)
	} else if origin != c.origin {
		step.Target = origin
		c.cov.Add(e.kind()+" to another host", at, format.Converted, "")
	}
	step.Name = format.Label(c.resolved(e.title()), "request")
	step.Path = c.path(get("HTTPSampler.path"), at)
	step.Headers = append([]format.Pair(nil), sc.headers...)
	step.Status, step.That, step.Extract = sc.status, sc.checks, sc.extracts
	step.Within, step.MinSize, step.MaxSize = sc.within, sc.minSize, sc.maxSize
	c.timeouts(&step, get, at)
	c.arguments(e, sc, &step, at)
	if e.flag("HTTPSampler.image_parser") {
		c.cov.Add("embedded resources", at, format.NotConverted, "what a page refers to is not asked for")
	}
	step.HTTP = c.spoken(e, sc, origin+step.Path, at)
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

// timeouts takes the response timeout over.
func (c *converter) timeouts(step *format.Step, get func(string) string, at string) {
	step.Timeout = min(millis(c.number(get("HTTPSampler.response_timeout"), "response timeout", at, 0)), 24*time.Hour)
	if get("HTTPSampler.connect_timeout") != "" {
		c.cov.Add("connect timeout", at, format.Approximated, "a request's timeout includes connecting")
	}
}

// files are what a sampler uploads.
func (c *converter) files(e element, at string) (parts []load.Part) {
	all := e.find("HTTPsampler.Files")
	if all == nil {
		return nil
	}
	for _, f := range all.collection("HTTPFileArgs.files") {
		p := load.Part{Name: c.resolved(f.prop("File.paramname")), File: c.text(f.prop("File.path"), at), Type: c.resolved(f.prop("File.mimetype"))}
		switch {
		case p.File == "":
		case c.hasLive(p.File):
			c.cov.Add("file upload", at, format.NotConverted, "its file is only known while it runs")
		default:
			c.cov.Add("file upload", at, format.Converted, "")
			parts = append(parts, p)
		}
	}
	return parts
}

// arguments puts a sampler's parameters and files into the query or the body.
func (c *converter) arguments(e element, sc scope, step *format.Step, at string) {
	files := c.files(e, at)
	var args []*node
	for _, d := range sc.defaults {
		if a := d.find("HTTPsampler.Arguments"); a != nil {
			args = append(args, a.collection("Arguments.arguments")...)
		}
	}
	if a := e.find("HTTPsampler.Arguments"); a != nil {
		args = append(args, a.collection("Arguments.arguments")...)
	}
	bodied := step.Method == "POST" || step.Method == "PUT" || step.Method == "PATCH"
	switch {
	case e.flag("HTTPSampler.postBodyRaw"):
		var body strings.Builder
		for _, a := range args {
			body.WriteString(c.text(a.prop("Argument.value"), at))
		}
		step.Body = body.String()
	case bodied && len(files) == 1 && files[0].Name == "" && len(args) == 0:
		step.BodyFile = files[0].File
		if files[0].Type != "" && !format.HasHeader(step.Headers, "Content-Type") {
			step.Headers = append(step.Headers, format.Pair{Name: "Content-Type", Value: format.Literal(files[0].Type)})
		}
	case bodied && (len(files) > 0 || e.flag("HTTPSampler.DO_MULTIPART_POST") && len(args) > 0):
		for _, a := range args {
			step.Parts = append(step.Parts, load.Part{Name: c.resolved(a.prop("Argument.name")), Value: c.text(a.prop("Argument.value"), at)})
		}
		step.Parts = append(step.Parts, files...)
		// The form's own Content-Type names what parts its fields.
		step.Headers = slices.DeleteFunc(step.Headers, func(p format.Pair) bool { return strings.EqualFold(p.Name, "Content-Type") })
	case len(args) > 0:
		c.form(args, bodied, step, at)
	}
}

// form puts parameters into the body, or into the query.
func (c *converter) form(args []*node, bodied bool, step *format.Step, at string) {
	fields := make([]string, 0, len(args))
	for _, a := range args {
		fields = append(fields, c.field(a, at))
	}
	all := strings.Join(fields, "&")
	if bodied {
		step.Body = all
		if !format.HasHeader(step.Headers, "Content-Type") {
			step.Headers = append(step.Headers, format.Pair{Name: "Content-Type", Value: "application/x-www-form-urlencoded"})
		}
		return
	}
	sep := "?"
	if strings.Contains(step.Path, "?") {
		sep = "&"
	}
	step.Path += sep + all
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
