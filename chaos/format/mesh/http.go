package mesh

import (
	"slices"
	"strconv"
	"strings"

	"gameday/chaos/format"
)

// adder makes a step of what an HTTPChaos or NetworkChaos does.
type adder func(kind string, target, args format.Map, title, why string)

func (f *fault) http() (format.Map, bool) {
	p, why := f.pods(f.spec)
	if why != "" {
		return f.needs("kubernetes", why)
	}
	s := f.spec
	s.Skip(f.cov, "a link has one port", "port")
	s.Lost(f.cov, "gameday's links take off no TLS", "tls")
	match := format.Map{}
	for _, k := range []string{"path", "method"} {
		if v := s.Of(k); v != "" {
			match = append(match, format.Field{Key: k, Value: v})
		}
	}
	headers := s.Get("request_headers")
	if keys := headers.Keys(); len(keys) == 1 {
		match = append(match, format.Field{Key: "header", Value: keys[0] + ": " + headers.Of(keys[0])})
	} else if len(keys) > 1 {
		headers.Plain()
		f.cov.Add("request_headers", headers.Path, format.NotConverted, "requests are chosen by one header here")
	}
	s.Lost(f.cov, "requests are chosen by what they ask, not by their answer", "code", "response_headers")
	var steps []format.Map
	add := func(kind string, target, args format.Map, title, why string) {
		if st, ok := f.step(kind, target, append(args, match...), p.String()+": "+title, why); ok {
			steps = append(steps, st)
		}
	}
	if s.Of("abort") == "true" {
		add("dependency.abort", p.Links(), nil, "requests aborted", "")
	}
	if v, ok := f.time(s.Get("delay")); ok {
		add("dependency.delay", p.Links(), format.Map{{Key: "delay", Value: v}}, "requests late", "")
	}
	on := "response"
	if strings.EqualFold(s.Of("target"), "Request") {
		on = "request"
	}
	f.changes(s.Get("replace"), on, p.Links(), add)
	f.changes(s.Get("patch"), on, p.Links(), add)
	return f.together(steps, "nothing of what it does can be done on a link")
}

// changes are what is replaced or patched in requests and answers.
func (f *fault) changes(n *format.Node, on string, target format.Map, add adder) {
	n.Lost(f.cov, "is not offered on links", "path", "method", "queries")
	if on == "request" {
		n.Lost(f.cov, "of a request is not offered on links", "code", "body")
	}
	if code := n.Get("code"); code.Exists() && on == "response" {
		if v, ok := code.Number(); ok && v >= 400 && v <= 599 {
			add("dependency.error", target, format.Map{{Key: "status", Value: int(v)}}, "answers "+strconv.Itoa(int(v)), "the request does not reach the application")
		} else {
			f.cov.Add("code", code.Path, format.NotConverted, "an answer is replaced by an error only: 400 to 599")
		}
	}
	header := func(name, value, why string) {
		add("dependency.header", slices.Clone(target), format.Map{{Key: "on", Value: on}, {Key: "set", Value: name + ": " + value}}, on+" header "+name, why)
	}
	for _, h := range n.Get("headers").Keys() {
		header(h, n.Get("headers").Of(h), "")
	}
	for _, pair := range n.Get("headers").Items() {
		if kv := pair.Texts(); len(kv) == 2 {
			header(kv[0], kv[1], "a header of that name is replaced, not added to")
		}
	}
	b := n.Get("body")
	if !b.Exists() || on != "response" {
		return
	}
	text, why := b.Text(), ""
	if b.IsMap() {
		text, why = b.Of("value"), "the whole body is replaced by it, not a part"
		_ = b.Of("type") // JSON, the only one there is
	}
	add("dependency.body", target, format.Map{{Key: "body", Value: text}}, "another body", why)
}
