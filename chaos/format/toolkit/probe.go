package toolkit

import (
	"encoding/json"
	"strings"
	"time"

	"gameday/chaos/format"
)

// asJSON writes a value of the file as JSON. Numbers and booleans are those that it had been.
func asJSON(n *format.Node) string { return jsonOf(n.Plain()) }

func jsonOf(v any) string {
	switch v := v.(type) {
	case format.Map:
		var parts []string
		for _, f := range v {
			if f.Value == nil {
				continue
			}
			parts = append(parts, jsonOf(f.Key)+":"+jsonOf(f.Value))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, jsonOf(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case format.Raw:
		return string(v)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return "null" // texts always encode
	}
	return string(out)
}

// probe makes a probe with a tolerance one of gameday's.
func (c *converter) probe(p *format.Node) (format.Map, bool) {
	m := format.Map{{Key: "name", Value: format.Label(p.Of("name"), "probe")}}
	provider, tol := p.Get("provider"), p.Get("tolerance")
	lost := func(why string) (format.Map, bool) {
		tol.Plain()
		c.cov.Add("probe", p.Path, format.NotConverted, why)
		return nil, false
	}
	if tol.Of("type") == "probe" || provider.Of("type") == "python" && tol.Exists() && tol.Text() != "true" {
		return c.judgedByToolkit(p, m)
	}
	var kind string
	var measure format.Map
	switch kind = provider.Of("type"); kind {
	case "http":
		r, _, ok := c.request(provider)
		if !ok {
			return nil, false
		}
		measure = r
	case "process":
		cmd, ok := c.command(provider)
		if !ok {
			return nil, false
		}
		measure, kind = cmd, "command"
	case "python":
		act, ok := c.python(p, provider)
		if !ok {
			return nil, false
		}
		if !tol.Exists() {
			return lost("it has no tolerance")
		}
		c.cov.Add("tolerance", tol.Path, format.Approximated, "that the function goes well; what it gives back is not seen")
		t := act.Duration("timeout")
		return append(m, format.Field{Key: "command", Value: act.Without("timeout")}, format.Field{Key: "expect", Value: "= 0"}, format.Field{Key: "timeout", Value: t}), true
	default:
		provider.Plain()
		return lost("its provider is none of http, process and python")
	}
	what, expect, why := c.tolerance(tol, kind)
	if why != "" {
		return lost(why)
	}
	expect, err := format.Checked(expect)
	if err != nil {
		return lost(err.Error())
	}
	c.cov.Add("probe", p.Path, format.Converted, "")
	return append(m, format.Field{Key: kind, Value: append(measure, what...)}, format.Field{Key: "expect", Value: expect},
		format.Field{Key: "timeout", Value: c.timeout(provider)}), true
}

// judgedByToolkit hands a probe with its tolerance to the toolkit, as the hypothesis of an experiment that does nothing: the
// tolerance is Python, or another probe that is given the value. Met is 0, not met 1, and what could not be measured 2.
func (c *converter) judgedByToolkit(p *format.Node, m format.Map) (format.Map, bool) {
	for _, provider := range []*format.Node{p.Get("provider"), p.Get("tolerance").Get("provider")} {
		for _, k := range provider.Get("headers").Keys() {
			if v := provider.Get("headers").Of(k); v != "" && c.guarded(k, v, p.Path) != v {
				p.Plain()
				c.cov.Add("probe", p.Path, format.NotConverted, "a credential stands in the file, and gameday writes none down; take it from a secret")
				return nil, false
			}
		}
	}
	single := format.Map{{Key: "title", Value: "gameday: " + format.Label(p.Of("name"), "probe")}, {Key: "description", Value: "one probe"},
		{Key: "configuration", Value: c.root.Get("configuration").Plain()}, {Key: "secrets", Value: c.root.Get("secrets").Plain()},
		{Key: "steady-state-hypothesis", Value: format.Map{{Key: "title", Value: "it is within its tolerance"},
			{Key: "probes", Value: []any{format.Map{{Key: "type", Value: "probe"}, {Key: "name", Value: format.Label(p.Of("name"), "probe")},
				{Key: "tolerance", Value: p.Get("tolerance").Plain()}, {Key: "provider", Value: p.Get("provider").Plain()}}}}}},
		{Key: "method", Value: []any{}}}
	act, ok := c.byToolkit("tolerance "+format.Label(p.Get("tolerance").Of("type"), "of Python"), p.Get("tolerance").Path, single,
		`; j=$(tr -d ' \n' <j.json) || exit 2; case $j in *'"steady_state_met":false'*) exit 1;; *'"steady_state_met":true'*) exit 0;; esac; exit 2`)
	if !ok {
		return nil, false
	}
	c.cov.Add("probe", p.Path, format.Converted, "")
	t := max(c.timeout(p.Get("provider")), time.Minute)
	return append(m, format.Field{Key: "command", Value: act}, format.Field{Key: "expect", Value: "= 0"}, format.Field{Key: "timeout", Value: t}), true
}

// tolerance says what of an answer is measured and what it must be; why is set when that cannot be said.
func (c *converter) tolerance(t *format.Node, kind string) (what format.Map, expect, why string) {
	whole := "body"
	if kind == "command" {
		whole = "stdout"
	}
	text := format.Map{{Key: "measure", Value: whole}}
	done := func(word string) { c.cov.Add("tolerance "+word, t.Path, format.Converted, "") }
	switch {
	case t.IsList():
		values := t.Texts()
		for _, v := range values {
			if _, ok := number(v); !ok {
				return nil, "", "its tolerance is a list of texts, and the status is a number"
			}
		}
		if len(values) == 0 {
			return nil, "", "its tolerance is an empty list"
		}
		done("list")
		return nil, "one of " + strings.Join(values, ", "), ""
	case t.IsMap():
		return c.typed(t, whole)
	case t.Bool() && kind == "command":
		c.cov.Add("tolerance boolean", t.Path, format.Approximated, "true: the program ends with 0; false: it does not")
		return nil, map[string]string{"true": "= 0", "false": "!= 0"}[t.Text()], ""
	case t.Bool():
		c.cov.Add("tolerance boolean", t.Path, format.Approximated, "true: the status is below 400; false: it is not")
		return nil, map[string]string{"true": "< 400", "false": ">= 400"}[t.Text()], ""
	case t.Quoted():
		done("string")
		return text, format.TextIs(t.Text()), ""
	}
	if _, ok := t.Number(); ok {
		done("integer")
		return nil, "= " + strings.TrimSpace(t.Text()), ""
	}
	if t.IsText() {
		done("string")
		return text, format.TextIs(t.Text()), ""
	}
	return nil, "", "it has no tolerance"
}

// typed is a tolerance that says its type.
func (c *converter) typed(t *format.Node, whole string) (what format.Map, expect, why string) {
	target := t.Of("target")
	if target == "" {
		target = whole
		c.cov.Add("tolerance", t.Path, format.Approximated, "it names no target; the "+whole+" is meant")
	}
	isStatus := target == "status"
	if target != whole && !isStatus {
		return nil, "", "its tolerance is about " + format.Label(target, "") + ", and gameday sees the status and the " + whole
	}
	text := format.Map{{Key: "measure", Value: whole}}
	done := func() { c.cov.Add("tolerance "+t.Of("type"), t.Path, format.Converted, "") }
	switch t.Of("type") {
	case "regex":
		pattern, ok := c.fill(t.Of("pattern"), nil, t.Path)
		if !ok || strings.Contains(pattern, "${env:") || strings.Contains(pattern, "${file:") {
			return nil, "", "its pattern has a value from outside"
		}
		done()
		if isStatus {
			return nil, "matches " + pattern, ""
		}
		return text, "matches " + pattern, ""
	case "jsonpath":
		if isStatus {
			return nil, "", "a status is no JSON"
		}
		expect, why = jsonPath(t)
		if why == "" {
			done()
		}
		return text, expect, why
	case "range":
		ends := t.Get("range").Items()
		if len(ends) != 2 {
			return nil, "", "its range has not two ends"
		}
		lo, ok := ends[0].Number()
		hi, ok2 := ends[1].Number()
		if !ok || !ok2 {
			return nil, "", "the ends of its range are not numbers"
		}
		done()
		switch {
		case isStatus:
			return nil, format.Range(lo, hi), ""
		case whole == "stdout":
			return format.Map{{Key: "measure", Value: "number"}}, format.Range(lo, hi), ""
		}
		return format.Map{{Key: "regex", Value: `\S+`}}, format.Range(lo, hi), ""
	}
	return nil, "", "the type of its tolerance is not known: " + format.Label(t.Of("type"), "none")
}

// jsonPath is what must stand at a path. As in the toolkit, expect decides alone where it is given, then count; without
// either anything will do. What is found is compared as a whole and in order.
func jsonPath(t *format.Node) (expect, why string) {
	path, want, count := strings.TrimSpace(t.Of("path")), t.Get("expect"), t.Get("count")
	n, isNumber := count.Number()
	switch {
	case path == "":
		return "", "its JSON path is empty"
	case !t.Has("expect") && !t.Has("count"):
		return "json " + path + " count > 0", ""
	case !t.Has("expect") && !isNumber:
		return "", "the count of its JSON path is not a number"
	case !t.Has("expect"):
		return "json " + path + " count = " + format.Decimal(n), ""
	}
	count.Plain()
	list := want.IsList()
	if values := want.Texts(); len(values) == 1 && onlyOne(path) && (!list || len(want.Items()) == 1) {
		if _, ok := number(values[0]); ok || plainWord(values[0]) && !want.IsMap() {
			return "json " + path + " = " + values[0], ""
		}
	}
	value := asJSON(want)
	if !list {
		value = "[" + value + "]"
	}
	return "json " + path + " values " + value, ""
}

// onlyOne reports whether at most one value can stand at a path.
func onlyOne(path string) bool {
	return !strings.ContainsAny(path, "*?:,") && !strings.Contains(path, "..")
}

func plainWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_') })
}
