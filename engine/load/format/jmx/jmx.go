// Package jmx turns a JMeter test plan into a load plan.
//
// JMeter's tree is walked with the scope rules it has: defaults, headers, timers and assertions count for the samplers
// beside and below them. Controllers become blocks of steps, and a variable that something sets while the load runs becomes
// one of the plan's, {{name}}; all others are filled in before the run, ${name}. What a load plan cannot say is named in the coverage table with its path.
package jmx

import (
	"math"
	"sort"
	"strings"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/format"
)

// Options are what a test plan does not say.
type Options struct {
	Target string // instead of the host most requests go to
}

// converter is one plan on its way.
type converter struct {
	cov     *format.Coverage
	draft   *format.Draft
	vars    map[string]string
	origins format.Origins
	origin  string // of the requests that are taken; "" while they are counted
	group   string
	several int               // thread groups
	pace    *pace             // of the thread group in hand
	endless bool              // the thread group in hand has an endless loop, outside of which this is
	lead    []format.Step     // what its users begin with
	setup   []format.Pair     // variables that are made anew in each iteration
	before  []format.Pair     // variables that the sampler in hand makes
	live    map[string]string // variables that get values while the load runs, and what they are called in the plan
	anyLive bool              // a file whose columns are not known gives variables

	refs, unfolded int // of the text in hand
}

// Convert reads a test plan. The error says why nothing can be made of it.
func Convert(data []byte, o Options) (*format.Result, error) {
	root, err := parse(data)
	if err != nil {
		return nil, err
	}
	// The first pass only counts where requests go, because a plan has one target; the second one converts.
	first := &converter{cov: &format.Coverage{}, draft: &format.Draft{}}
	first.plan(root)
	c := &converter{cov: &format.Coverage{}, draft: &format.Draft{}, origin: first.origins.Main(), live: first.live, anyLive: first.anyLive}
	c.plan(root)
	hoist(c.draft)
	c.draft.Target = c.origin
	if o.Target != "" {
		c.draft.Target = o.Target
	}
	return format.Finish(c.draft, c.cov)
}

func (c *converter) plan(root *node) {
	c.vars = map[string]string{}
	var top []element
	for _, kid := range root.kids {
		if kid.name == "hashTree" {
			top = append(top, kid.elements()...)
		}
	}
	c.draft.From, c.draft.Name = "a JMeter plan", "jmeter"
	for _, e := range top {
		if e.kind() != "TestPlan" {
			c.unknown(e, "")
			continue
		}
		c.draft.Title = format.Label(e.title(), "")
		c.variables(e.find("TestPlan.user_defined_variables"))
		c.collectVariables(e.below)
		if e.flag("TestPlan.serialize_threadgroups") {
			c.cov.Add("TestPlan", e.title(), format.Approximated, "thread groups run at the same time, not one after the other")
		} else {
			c.cov.Add("TestPlan", e.title(), format.Converted, "")
		}
		c.groups(e)
	}
}

// collectVariables reads user defined variables wherever they stand: they count for the whole plan.
func (c *converter) collectVariables(list []element) {
	for _, e := range list {
		if !e.enabled() {
			continue
		}
		if e.kind() == "Arguments" {
			c.variables(e.node)
		}
		c.collectVariables(e.below)
	}
}

func (c *converter) variables(args *node) {
	if args == nil {
		return
	}
	for _, arg := range args.collection("Arguments.arguments") {
		if name := strings.TrimSpace(arg.prop("Argument.name")); name != "" {
			c.vars[name] = arg.prop("Argument.value")
		}
	}
}

// users are what a thread group is: how many users when, and what they do.
type users struct {
	name      string
	executor  *load.Executor
	steps     []format.Step
	onFailure string
}

func (c *converter) groups(plan element) {
	c.several = 0
	for _, e := range plan.below {
		if e.enabled() && runs(e.kind()) {
			c.several++
		}
	}
	sc := c.scope(scope{path: plan.title()}, plan.below)
	shared := c.setup
	for _, e := range plan.below {
		at := sc.path + "/" + e.title()
		switch {
		case isScope(e.kind()): // read above
		case !e.enabled():
			c.skip(e, at)
		case strings.HasSuffix(e.kind(), "ThreadGroup"):
			c.setup = append([]format.Pair(nil), shared...)
			if u, ok := c.threads(e, sc, at); ok {
				c.draft.Scenarios = append(c.draft.Scenarios, format.Scenario{Name: u.name, Executor: u.executor, OnFailure: u.onFailure, Steps: u.steps})
			}
		default:
			c.unknown(e, sc.path)
		}
	}
}

// runs reports whether a kind of element is a thread group that a plan runs.
func runs(kind string) bool {
	return strings.HasSuffix(kind, "ThreadGroup") && kind != "SetupThreadGroup" && kind != "PostThreadGroup"
}

// threads converts one thread group.
func (c *converter) threads(e element, sc scope, at string) (users, bool) {
	c.group, c.pace, c.lead, c.before = e.title(), nil, nil, nil
	endless := endlessLoop(e.below)
	c.endless = endless >= 0
	u := users{name: e.title()}
	var ok bool
	if u.executor, ok = c.executor(e, at, &u); !ok {
		c.drop(e.below, at)
		return u, false
	}
	sc.path = at
	var steps []format.Step
	if c.endless {
		steps = c.forever(e.below, endless, sc)
	} else {
		steps = c.block(e.below, sc)
	}
	if requests(steps) == 0 && !makesAny(steps) {
		c.cov.Add(e.kind(), at, format.NotConverted, "it makes no request that a plan can make")
		return u, false
	}
	if c.pace != nil {
		u.executor = c.pace.apply(u.executor, requests(steps), c.cov, at)
	}
	u.steps = append(append(c.lead, c.setSteps()...), steps...)
	return u, true
}

func makesAny(steps []format.Step) (any bool) {
	format.Each(steps, func(s *format.Step) { any = any || s.Block == nil })
	return any
}

// endlessLoop finds a loop without an end among the elements of a thread group; -1 without one.
func endlessLoop(list []element) int {
	for i, e := range list {
		if e.enabled() && e.kind() == "LoopController" && strings.TrimSpace(e.prop("LoopController.loops")) == "-1" {
			return i
		}
	}
	return -1
}

// forever converts a group whose users come to an endless loop: what stands before it is done once, and each of its
// rounds is an iteration.
func (c *converter) forever(list []element, loop int, sc scope) []format.Step {
	sc = c.scope(sc, list)
	c.endless = false
	keep := func(part []element) (out []element) {
		for _, e := range part {
			if !isScope(e.kind()) {
				out = append(out, e)
			}
		}
		return out
	}
	out := within(format.Block{Kind: "once"}, c.block(keep(list[:loop]), sc))
	at := sc.path + "/" + list[loop].title()
	c.cov.Add("LoopController", at, format.Converted, "")
	inner := sc
	inner.path = at
	out = append(out, c.block(list[loop].below, inner)...)
	for _, e := range keep(list[loop+1:]) {
		c.cov.Add(e.kind(), sc.path+"/"+e.title(), format.Skipped, "stands behind an endless loop and is never reached")
	}
	return out
}

// skip lists an element that is switched off, with everything below it.
func (c *converter) skip(e element, at string) {
	c.cov.Add(e.kind(), at, format.Skipped, "disabled in the plan")
	for _, below := range e.below {
		c.skip(below, at+"/"+below.title())
	}
}

// drop lists everything below an element that is not converted.
func (c *converter) drop(list []element, at string) {
	for _, e := range list {
		here := at + "/" + e.title()
		if !e.enabled() {
			c.skip(e, here)
			continue
		}
		c.cov.Add(e.kind(), here, format.NotConverted, "belongs to something that is not converted")
		c.drop(e.below, here)
	}
}

// listeners say nothing about the load.
func listener(kind string) bool {
	for _, end := range []string{"Collector", "Summariser", "BackendListener", "Visualizer", "DebugSampler", "Gui", "Reporter", "ResultAction"} {
		if strings.HasSuffix(kind, end) {
			return kind != "DebugPostProcessor"
		}
	}
	return false
}

// unknown lists an element that has no counterpart.
func (c *converter) unknown(e element, path string) {
	at := strings.TrimPrefix(path+"/"+e.title(), "/")
	switch {
	case !e.enabled():
		c.skip(e, at)
		return
	case listener(e.kind()):
		c.cov.Add(e.kind(), at, format.Skipped, "listens to results; gameday has its own")
		return
	}
	why, known := reasons[e.kind()]
	if !known {
		why = "has no counterpart in a load plan"
	}
	c.cov.Add(e.kind(), at, format.NotConverted, why)
	c.drop(e.below, at)
}

// reasons are for the elements that are met most.
var reasons = map[string]string{
	"HtmlExtractor":          "CSS selectors are not understood: use XPath",
	"JMESPathExtractor":      "JMESPath is not understood: use JSONPath",
	"JMESPathAssertion":      "JMESPath is not understood: use JSONPath",
	"HTMLAssertion":          "answers are not checked for being well-formed",
	"XMLAssertion":           "answers are not checked for being well-formed",
	"MD5HexAssertion":        "digests of answers are not checked",
	"CompareAssertion":       "answers are not compared with each other",
	"ForeachController":      "variables cannot be counted through",
	"RunTime":                "an iteration has no time limit",
	"ModuleController":       "does not refer to other parts of a plan",
	"IncludeController":      "other files are not read",
	"SetupThreadGroup":       "nothing runs before a load plan: what each user does first is an once only controller",
	"PostThreadGroup":        "nothing runs after a load plan",
	"JSR223Sampler":          "scripts are not run",
	"JSR223PreProcessor":     "scripts are not run",
	"JSR223PostProcessor":    "scripts are not run",
	"JSR223Assertion":        "scripts are not run",
	"JSR223Timer":            "scripts are not run",
	"BeanShellSampler":       "scripts are not run",
	"BeanShellPreProcessor":  "scripts are not run",
	"BeanShellPostProcessor": "scripts are not run",
	"BeanShellAssertion":     "scripts are not run",
	"JDBCSampler":            "of JMeter only HTTP requests are converted",
	"JavaSampler":            "of JMeter only HTTP requests are converted",
	"TCPSampler":             "of JMeter only HTTP requests are converted",
	"SyncTimer":              "iterations do not wait for each other",
}

// stages makes a profile out of straight pieces: each adds what it holds, ramped up and down.
func stages(rows []ramp) (out []load.Stage) {
	times := map[time.Duration]bool{}
	for _, r := range rows {
		for _, t := range r.corners() {
			times[t] = true
		}
	}
	delete(times, 0)
	sorted := make([]time.Duration, 0, len(times))
	for t := range times {
		sorted = append(sorted, t)
	}
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	sum := func(t time.Duration, after bool) (v float64) {
		for _, r := range rows {
			v += r.at(t, after)
		}
		return math.Round(v*1000) / 1000
	}
	last, from := time.Duration(0), sum(0, true)
	if from > 0 {
		out = append(out, load.Stage{To: from})
	}
	for _, t := range sorted {
		out = append(out, load.Stage{To: sum(t, false), For: t - last})
		if after := sum(t, true); after != sum(t, false) && t != sorted[len(sorted)-1] {
			out = append(out, load.Stage{To: after})
		}
		last = t
	}
	return out
}

// ramp is one straight piece: up to a height, held, and down.
type ramp struct {
	height                float64
	delay, up, hold, down time.Duration
}

func (r ramp) corners() [4]time.Duration {
	return [4]time.Duration{r.delay, r.delay + r.up, r.delay + r.up + r.hold, r.delay + r.up + r.hold + r.down}
}

// at is the ramp's height just before or just after an instant.
func (r ramp) at(t time.Duration, after bool) float64 {
	c := r.corners()
	past := func(corner time.Duration) bool { return t > corner || after && t == corner }
	switch {
	case past(c[3]) || !past(c[0]):
		return 0
	case past(c[2]):
		return r.height * float64(c[3]-t) / float64(r.down)
	case past(c[1]):
		return r.height
	}
	return r.height * float64(t-c[0]) / float64(r.up)
}
