// Package toolkit reads experiments of the Chaos Toolkit (https://chaostoolkit.org/reference/api/experiment/).
//
// Its activities are programs, requests and Python functions. The first two become probes, or actions of gameday's own
// (action.do and action.with-undo); rollbacks are undone like any fault, whatever becomes of gameday. Functions are run
// by an installed `chaos`, one generated experiment each.
package toolkit

import (
	"errors"
	"strings"
	"time"

	"gameday/chaos/format"
)

type converter struct {
	format.Options
	cov    *format.Coverage
	draft  *format.Draft
	config map[string]string // configuration in gameday's notation: literal, or a reference
	bad    map[string]string // configuration that has no value before the run, and why
	secret map[string]map[string]string
	inline map[string]string // secrets that stand in the file, and the variables that replace them
	root   *format.Node
}

// maxDeep is how many background activities may follow one another: each takes a group of its own.
const maxDeep = 5

// Convert reads one experiment. The error says why nothing can be made of it.
func Convert(docs []*format.Node, o format.Options) (*format.Result, error) {
	if len(docs) != 1 || !docs[0].IsMap() {
		return nil, errors.New("not a Chaos Toolkit experiment: it is no single map")
	}
	n := docs[0]
	c := &converter{Options: o, cov: &format.Coverage{Engines: true}, root: n,
		draft: &format.Draft{From: "a Chaos Toolkit experiment", Name: o.Name, Title: n.Of("title"), Description: n.Of("description")}}
	c.settings(n)
	n.Skip(c.cov, "says nothing about the experiment", "version", "contributions", "tags")
	n.Lost(c.cov, "controls are Python code around the experiment, and gameday does not run them", "controls")
	for _, e := range n.Get("extensions").Items() {
		e.Plain()
		c.cov.Add("extension "+format.Label(e.Of("name"), "without a name"), e.Path, format.NotConverted, "extensions are for other programs; it is left out")
	}
	mode, every := c.runtime(n)
	c.hypothesis(n.Get("steady-state-hypothesis"), mode, every)
	method := c.method(n.Get("method").Items(), 0)
	c.rollbacks(n.Get("rollbacks").Items(), method)
	n.Rest(c.cov)
	return format.Finish(c.draft, c.cov, o)
}

// runtime is when the hypothesis is looked at.
func (c *converter) runtime(n *format.Node) (mode string, every time.Duration) {
	rt := n.Get("runtime")
	h := rt.Get("hypothesis")
	mode = "edge"
	if s := h.Of("strategy"); s != "" {
		known := map[string]string{"default": "edge", "before-method-only": "before", "after-method-only": "after", "during-method-only": "on-fault",
			"continuously": "continuous", "continous": "continuous"}
		m, ok := known[s]
		if !ok {
			c.cov.Add("strategy "+s, h.Get("strategy").Path, format.NotConverted, "is not known; the hypothesis is looked at before and after")
		} else {
			mode = m
			c.cov.Add("strategy "+s, h.Get("strategy").Path, format.Converted, "")
		}
	}
	if f := h.Get("frequency"); f.Exists() {
		if d, ok := c.seconds(f); ok {
			every = min(max(d, 100*time.Millisecond), time.Hour)
			c.cov.Add("frequency", f.Path, format.Converted, "")
		}
	}
	if f := h.Get("fail_fast"); f.Exists() {
		c.cov.Add("fail_fast", f.Path, format.Approximated, "a probe that fails is seen at once and ends nothing; an abort condition would")
	}
	rb := rt.Get("rollbacks")
	if s := rb.Of("strategy"); s != "" {
		if s == "always" {
			c.cov.Add("rollback strategy", rb.Get("strategy").Path, format.Converted, "")
		} else {
			c.cov.Add("rollback strategy", rb.Get("strategy").Path, format.Approximated, "gameday always rolls back, whatever happens")
		}
	}
	return mode, every
}

func (c *converter) hypothesis(h *format.Node, mode string, every time.Duration) {
	if !h.Exists() {
		return
	}
	c.draft.Hypothesis = h.Of("title")
	h.Lost(c.cov, "controls are Python code, and gameday does not run them", "controls")
	for _, p := range h.Get("probes").Items() {
		_ = p.Of("type") // a probe, whatever it says
		m, ok := c.probe(p)
		if !ok {
			continue
		}
		if every > 0 {
			m = append(m, format.Field{Key: "interval", Value: every})
		}
		if mode != "continuous" {
			m = append(m, format.Field{Key: "mode", Value: mode})
		}
		c.draft.Probes = append(c.draft.Probes, m)
	}
}

// method makes the activities a sequence. What runs in the background runs beside all that follows it.
func (c *converter) method(items []*format.Node, deep int) (steps []format.Map) {
	for i, a := range items {
		if ref := a.Of("ref"); ref != "" {
			c.cov.Add("activity reference", a.Path, format.NotConverted, "the activity "+format.Label(ref, "")+" stands elsewhere in the file; write it out")
			continue
		}
		a.Lost(c.cov, "controls are Python code, and gameday does not run them", "controls")
		before, after := c.pause(a, "before"), c.pause(a, "after")
		steps = append(steps, before...)
		step, ok := c.step(a)
		background := a.Of("background") == "true"
		if ok && background && deep < maxDeep && i+1 < len(items) {
			c.cov.Add("background", a.Path, format.Converted, "")
			rest := append(after, c.method(items[i+1:], deep+1)...)
			if len(rest) == 0 {
				return append(steps, step)
			}
			return append(steps, format.Map{{Key: "parallel", Value: []format.Map{step, {{Key: "sequence", Value: rest}}}}})
		}
		if background && deep >= maxDeep {
			c.cov.Add("background", a.Path, format.Approximated, "too many activities run beside one another; this one holds up those after it")
		}
		if ok {
			steps = append(steps, step)
		}
		steps = append(steps, after...)
	}
	return steps
}

func (c *converter) pause(a *format.Node, when string) []format.Map {
	p := a.Get("pauses").Get(when)
	if !p.Exists() {
		return nil
	}
	d, ok := c.seconds(p)
	if !ok {
		return nil
	}
	c.cov.Add("pause", p.Path, format.Converted, "")
	return []format.Map{{{Key: "wait", Value: d}}}
}

// seconds reads a number of seconds, which may come from the configuration.
func (c *converter) seconds(n *format.Node) (time.Duration, bool) {
	text, ok := c.fill(n.Text(), nil, n.Path)
	if !ok {
		return 0, false
	}
	v, ok := number(text)
	d, fits := format.Bound(time.Duration(min(max(v, 0), 1e6) * float64(time.Second)))
	switch {
	case strings.Contains(text, "${"):
		c.cov.Add("time", n.Path, format.NotConverted, "times must be known when the experiment is read, and this one comes from outside")
		return 0, false
	case !ok || v < 0 || v > 0 && !fits:
		c.cov.Add("time", n.Path, format.NotConverted, format.Label(text, "nothing")+" is no time between 0 and 24 h in seconds")
		return 0, false
	}
	return d, v > 0
}

// step is one activity of the method.
func (c *converter) step(a *format.Node) (format.Map, bool) {
	kind, name := a.Of("type"), format.Label(a.Of("name"), "activity")
	act, ok := c.activity(a, "actions")
	if !ok {
		return nil, false
	}
	act = append(format.Map{{Key: "name", Value: name}}, act...)
	switch kind {
	case "action":
		c.cov.Add("action", a.Path, format.Converted, "one that fails ends the experiment, where the toolkit goes on")
	case "probe":
		act = append(act, format.Field{Key: "mayFail", Value: true})
		if a.Has("tolerance") {
			c.cov.Add("probe of the method", a.Path, format.Approximated, "carried out in its place; its tolerance is judged all along the method")
			if m, ok := c.probe(a); ok {
				c.draft.Probes = append(c.draft.Probes, append(m, format.Field{Key: "mode", Value: "on-fault"}))
			}
		} else {
			c.cov.Add("probe of the method", a.Path, format.Approximated, "carried out in its place; without a tolerance nothing is judged")
		}
	default:
		c.cov.Add("activity", a.Path, format.NotConverted, "its type is "+format.Label(kind, "not given")+", neither action nor probe")
		return nil, false
	}
	return format.Map{{Key: "for", Value: 100 * time.Millisecond}, {Key: "fault", Value: "action.do"}, {Key: "target", Value: format.Localhost()},
		{Key: "args", Value: format.Map{{Key: "do", Value: []any{act}}}}, {Key: "title", Value: name}}, true
}

// rollbacks make one fault that does nothing but being undone, around the whole method.
func (c *converter) rollbacks(items []*format.Node, method []format.Map) {
	var undo []any
	for _, a := range items {
		_ = a.Of("type") // an action, whatever it says
		if p := a.Get("pauses"); p.Exists() {
			p.Plain()
			c.cov.Add("pause", p.Path, format.NotConverted, "rollbacks do not wait")
		}
		act, ok := c.activity(a, "actions")
		if !ok {
			continue
		}
		act = append(format.Map{{Key: "name", Value: format.Label(a.Of("name"), "rollback")}}, act...)
		if t := act.Duration("timeout"); t > maxRollback {
			act = act.Set("timeout", maxRollback)
			c.cov.Add("timeout", a.Path, format.Approximated, "a rollback gets 10 s, and is tried three times")
		}
		undo = append(undo, act)
		c.cov.Add("rollback", a.Path, format.Converted, "also when gameday is killed; it may be carried out more than once")
	}
	if len(undo) > 0 {
		method = append([]format.Map{{{Key: "untilEnd", Value: true}, {Key: "fault", Value: "action.with-undo"}, {Key: "target", Value: format.Localhost()},
			{Key: "args", Value: format.Map{{Key: "undo", Value: undo}}}, {Key: "title", Value: "rollbacks"}}}, method...)
	}
	if len(method) > 0 {
		c.draft.Steps = []format.Map{{{Key: "sequence", Value: method}}}
	}
}

const maxRollback = 10 * time.Second
