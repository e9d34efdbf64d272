package toolkit

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gameday/chaos/format"
	"gameday/sources/reference"
)

const defaultTimeout = 30 * time.Second // the toolkit waits for ever; gameday does not

// activity is what a provider does, as action.do has it.
func (c *converter) activity(a *format.Node, _ string) (format.Map, bool) {
	p := a.Get("provider")
	switch p.Of("type") {
	case "http":
		r, _, ok := c.request(p)
		if !ok {
			return nil, false
		}
		return format.Map{{Key: "http", Value: r}, {Key: "timeout", Value: c.timeout(p)}}, true
	case "process":
		cmd, ok := c.command(p)
		if !ok {
			return nil, false
		}
		return append(cmd, format.Field{Key: "timeout", Value: c.timeout(p)}), true
	case "python":
		return c.python(a, p)
	}
	p.Plain()
	c.cov.Add("provider", p.Path, format.NotConverted, "its type is "+format.Label(p.Get("type").Text(), "not given")+", none of http, process and python")
	return nil, false
}

// timeout is a number of seconds, or two of them: to connect and to read.
func (c *converter) timeout(p *format.Node) time.Duration {
	t := p.Get("timeout")
	var total float64
	for _, s := range t.Texts() {
		v, ok := number(s)
		if !ok || v < 0 {
			c.cov.Add("timeout", t.Path, format.NotConverted, format.Label(s, "nothing")+" is no number of seconds")
			return defaultTimeout
		}
		total += v
	}
	if total == 0 {
		return defaultTimeout
	}
	return time.Duration(min(max(total, 0.001), 600) * float64(time.Second))
}

// request is an http provider, as probes and actions have it. method tells what kind of request it is.
func (c *converter) request(p *format.Node) (m format.Map, method string, ok bool) {
	secrets := c.secretsOf(p)
	address, ok := c.fill(p.Of("url"), secrets, p.Get("url").Path)
	if !ok {
		return nil, "", false
	}
	p.Lost(c.cov, "certificates are always verified", "verify_tls")
	method = strings.ToUpper(p.Of("method"))
	if method == "" {
		method = "GET"
	}
	if !slices.Contains([]string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}, method) {
		c.cov.Add("provider", p.Path, format.NotConverted, "gameday has no method "+format.Label(method, ""))
		return nil, "", false
	}
	headers := format.Map{}
	for _, k := range p.Get("headers").Keys() {
		v, ok := c.fill(p.Get("headers").Of(k), secrets, p.Get("headers").Get(k).Path)
		if !ok {
			return nil, "", false
		}
		headers = append(headers, format.Field{Key: k, Value: c.guarded(k, v, p.Get("headers").Get(k).Path)})
	}
	body := ""
	if args := p.Get("arguments"); args.Exists() {
		if body, address, headers, ok = c.arguments(args, method, address, headers, secrets); !ok {
			return nil, "", false
		}
	}
	m = format.Map{{Key: "url", Value: address}}
	if method != "GET" {
		m = append(m, format.Field{Key: "method", Value: method})
	}
	return append(m, format.Field{Key: "headers", Value: headers}, format.Field{Key: "body", Value: body}), method, true
}

// guarded keeps credentials that stand in the file out of the experiment.
func (c *converter) guarded(name, value, path string) string {
	switch strings.ToLower(name) {
	case "authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token":
		if !strings.Contains(value, "${") {
			env := "SECRET_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
			c.cov.Add("header "+strings.ToLower(name), path, format.Approximated, "a secret does not belong into an experiment: taken from the environment variable "+env+", which must be set")
			return reference.Env(env)
		}
	}
	return value
}

// arguments are the query of a GET, and the form or the JSON of others.
func (c *converter) arguments(args *format.Node, method, address string, headers format.Map, secrets map[string]string) (body, to string, _ format.Map, ok bool) {
	if args.IsText() {
		body, ok = c.fill(args.Text(), secrets, args.Path)
		return body, address, headers, ok
	}
	kind := ""
	for _, h := range headers {
		if strings.EqualFold(h.Key, "Content-Type") {
			kind, _ = h.Value.(string)
		}
	}
	if method != "GET" && strings.Contains(kind, "json") {
		text, ok := c.fill(asJSON(args), secrets, args.Path)
		return text, address, headers, ok
	}
	var parts []string
	for _, k := range args.Keys() {
		v, ok := c.fill(args.Of(k), secrets, args.Get(k).Path)
		if !ok {
			return "", "", nil, false
		}
		if !strings.Contains(v, "${") {
			v = url.QueryEscape(v)
		}
		parts = append(parts, url.QueryEscape(k)+"="+v)
	}
	form := strings.Join(parts, "&")
	if method == "GET" {
		sep := "?"
		if strings.Contains(address, "?") {
			sep = "&"
		}
		return "", address + sep + form, headers, true
	}
	if kind == "" {
		headers = append(headers, format.Field{Key: "Content-Type", Value: "application/x-www-form-urlencoded"})
	}
	return form, address, headers, true
}

// command is a process provider.
func (c *converter) command(p *format.Node) (format.Map, bool) {
	secrets := c.secretsOf(p)
	program, ok := c.fill(p.Of("path"), secrets, p.Get("path").Path)
	if !ok || strings.TrimSpace(program) == "" {
		c.cov.Add("provider", p.Path, format.NotConverted, "it names no program")
		return nil, false
	}
	var m format.Map
	args := p.Get("arguments")
	if args.IsText() { // the toolkit hands such a line to a shell
		line, ok := c.fill(args.Text(), nil, args.Path)
		if !ok {
			return nil, false
		}
		if strings.Contains(line, "${") {
			c.cov.Add("provider", p.Path, format.NotConverted, "a line for a shell cannot hold a value from outside; write its arguments as a list")
			return nil, false
		}
		m = format.Map{{Key: "shell", Value: program + " " + line}}
	} else {
		words, ok := c.words(args, secrets)
		if !ok {
			return nil, false
		}
		m = format.Map{{Key: "run", Value: append([]string{program}, words...)}}
	}
	if c.Dir != "" {
		m = append(m, format.Field{Key: "dir", Value: c.Dir})
	}
	c.cov.Add("process environment", p.Path, format.Approximated, "a program gets PATH, HOME, LANG and KUBECONFIG only; add others to inherit")
	return append(m, format.Field{Key: "inherit", Value: []string{"KUBECONFIG"}}), true
}

func (c *converter) words(args *format.Node, secrets map[string]string) (out []string, ok bool) {
	add := func(n *format.Node, text string) bool {
		if text == "" {
			return true
		}
		word, ok := c.fill(text, secrets, n.Path)
		out = append(out, word)
		return ok
	}
	for _, k := range args.Keys() {
		if !add(args, k) || !add(args.Get(k), args.Of(k)) {
			return nil, false
		}
	}
	for _, i := range args.Items() {
		if !i.IsText() {
			continue
		}
		if !add(i, i.Text()) {
			return nil, false
		}
	}
	return out, true
}

// python is an activity that an installed toolkit carries out: an experiment of its own with nothing else in it. It is
// fed through a file that the shell makes, so that gameday leaves nothing behind.
func (c *converter) python(a, p *format.Node) (format.Map, bool) {
	what := format.Label(p.Of("module")+"."+p.Of("func"), "a function")
	kind := a.Of("type")
	if kind != "probe" {
		kind = "action"
	}
	single := format.Map{{Key: "title", Value: "gameday: " + format.Label(a.Of("name"), what)}, {Key: "description", Value: "one activity"},
		{Key: "configuration", Value: c.root.Get("configuration").Plain()}, {Key: "secrets", Value: c.root.Get("secrets").Plain()},
		{Key: "method", Value: []any{format.Map{{Key: "type", Value: kind}, {Key: "name", Value: a.Of("name")}, {Key: "provider", Value: p.Plain()}}}}}
	// The last line of the journal says whether the activity itself went well: the toolkit's exit code does not.
	m, ok := c.byToolkit("python "+what, p.Path, single, ` || exit $?; tr -d ' \n' <j.json | grep -q '"status":"failed"' && exit 1; exit 0`)
	if !ok {
		return nil, false
	}
	return append(m, format.Field{Key: "timeout", Value: max(c.timeout(p), time.Minute)}), true
}

// byToolkit is the command that has the toolkit run an experiment, and whose exit code is what verdict, the rest of the
// script, makes of the journal j.json. what is the part of the file that needs it, and stands at path.
func (c *converter) byToolkit(what, path string, experiment format.Map, verdict string) (format.Map, bool) {
	if c.Chaos == "" {
		c.cov.Add(what, path, format.NotConverted, "not runnable: it takes the program chaos, which is not installed; name it by --chaos")
		return nil, false
	}
	if inFile := strings.Contains(asJSON(c.root.Get("secrets")), `"type"`); !inFile && c.root.Has("secrets") {
		c.cov.Add(what, path, format.NotConverted, "not runnable: its secrets stand in the file, and gameday writes none down")
		return nil, false
	}
	script := `d=$(mktemp -d) || exit 2; trap 'rm -rf "$d"' EXIT; cd "$d" || exit 2; printf %s "$GAMEDAY_ACTIVITY" >x.json; ` +
		quoted(c.Chaos) + ` run --journal-path j.json x.json >&2` + verdict
	c.cov.Add(what, path, format.Approximated, "run by "+filepath.Base(c.Chaos)+", in an experiment of its own")
	env := format.Map{{Key: "GAMEDAY_ACTIVITY", Value: strings.ReplaceAll(jsonOf(experiment), "${", `\u0024{`)}}
	return format.Map{{Key: "shell", Value: script}, {Key: "env", Value: env}, {Key: "inherit", Value: c.inherited()}}, true
}

// inherited are the variables that configuration and secrets name.
func (c *converter) inherited() []string {
	out := []string{"KUBECONFIG", "PYTHONPATH", "VIRTUAL_ENV"}
	add := func(n *format.Node) {
		if n.IsMap() && n.Of("type") == "env" && n.Of("key") != "" && !slices.Contains(out, n.Of("key")) {
			out = append(out, n.Of("key"))
		}
	}
	for _, k := range c.root.Get("configuration").Keys() {
		add(c.root.Get("configuration").Get(k))
	}
	for _, g := range c.root.Get("secrets").Keys() {
		group := c.root.Get("secrets").Get(g)
		for _, k := range group.Keys() {
			add(group.Get(k))
		}
	}
	return out
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
