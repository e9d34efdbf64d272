// Package jmx turns a JMeter test plan into a load plan.
//
// JMeter's tree is walked with the scope rules it has: defaults, headers, timers and assertions count for the samplers
// beside and below them. Controllers that choose become weighted scenarios, one for each way through them. What a load
// plan cannot say is named in the coverage table with its path.
package jmx

import (
	"fmt"
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
	pace    *pace // of the thread group in hand

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
	c := &converter{cov: &format.Coverage{}, draft: &format.Draft{}, origin: first.origins.Main()}
	c.plan(root)
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

// users are what a thread group is: how many users when, and a scenario for each way through it.
type users struct {
	name     string
	executor *load.Executor
	ways     []way
}

func (c *converter) groups(plan element) {
	sc := c.scope(scope{path: plan.title()}, plan.below)
	var all []users
	for _, e := range plan.below {
		at := sc.path + "/" + e.title()
		switch {
		case isScope(e.kind()): // read above
		case !e.enabled():
			c.skip(e, at)
		case strings.HasSuffix(e.kind(), "ThreadGroup"):
			if u, ok := c.threads(e, sc, at); ok {
				all = append(all, u)
			}
		default:
			c.unknown(e, sc.path)
		}
	}
	for _, u := range all {
		c.scenarios(u, len(all) == 1)
	}
}

// threads converts one thread group.
func (c *converter) threads(e element, sc scope, at string) (users, bool) {
	c.group, c.pace = e.title(), nil
	executor, ok := c.executor(e, at)
	if !ok {
		c.drop(e.below, at)
		return users{}, false
	}
	sc.path = at
	ways := c.block(e.below, sc)
	u := users{name: e.title(), executor: executor}
	empty := 0.0
	for _, w := range ways {
		if len(w.steps) == 0 {
			empty += w.share
			continue
		}
		u.ways = append(u.ways, w)
	}
	if len(u.ways) == 0 {
		c.cov.Add(e.kind(), at, format.NotConverted, "it makes no request that a plan can make")
		return u, false
	}
	if empty > 0 {
		c.cov.Add("iterations without a request", at, format.Approximated, fmt.Sprintf("%.0f %% of the iterations asked for nothing and are left out", empty*100))
	}
	if c.pace != nil {
		u.executor = c.pace.apply(u, c.cov, at)
	}
	return u, true
}

// scenarios adds a thread group to the draft.
func (c *converter) scenarios(u users, alone bool) {
	single := true
	for _, w := range u.ways {
		single = single && len(w.steps) == 1
	}
	switch {
	case len(u.ways) == 1:
		c.draft.Scenarios = append(c.draft.Scenarios, format.Scenario{Name: u.name, Executor: u.executor, Steps: u.ways[0].steps})
	case single:
		mix := format.Scenario{Name: u.name, Executor: u.executor, Mix: true}
		for _, w := range u.ways {
			step := w.steps[0]
			step.Weight = rounded(w.share * 100)
			mix.Steps = append(mix.Steps, step)
		}
		c.draft.Scenarios = append(c.draft.Scenarios, mix)
	default:
		total := 0.0
		for _, w := range u.ways {
			total += w.share
		}
		for i, w := range u.ways {
			s := format.Scenario{Name: fmt.Sprintf("%s, way %d", u.name, i+1), Steps: w.steps, Weight: rounded(w.share * 100)}
			if !alone {
				s.Executor = scaled(u.executor, w.share/total)
				c.cov.Add("choices", u.name, format.Approximated, "each way through the controllers has users of its own")
			}
			c.draft.Scenarios = append(c.draft.Scenarios, s)
		}
		if alone {
			c.draft.Executor = u.executor
		}
	}
}

func rounded(v float64) float64 { return max(math.Round(v*1000)/1000, 0.001) }

// scaled is a share of an executor's users or rate.
func scaled(e *load.Executor, share float64) *load.Executor {
	out := *e
	out.Users = int(math.Ceil(float64(e.Users) * share))
	out.Rate = e.Rate * share
	out.Stages = nil
	for _, st := range e.Stages {
		st.To *= share
		if !e.Kind.Open() {
			st.To = math.Ceil(st.To)
		}
		out.Stages = append(out.Stages, st)
	}
	return &out
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
	"CookieManager":             "cookies are not kept",
	"CacheManager":              "every request goes out; answers are not cached",
	"AuthManager":               "give the header under headers",
	"CSVDataSet":                "a load plan has no data feeders; its variables must be given under vars",
	"CounterConfig":             "a load plan has no counters but {{n}}",
	"RandomVariableConfig":      "use {{random LOW HIGH}} where it is needed",
	"RegexExtractor":            "answers are not looked at",
	"JSONPostProcessor":         "answers are not looked at",
	"BoundaryExtractor":         "answers are not looked at",
	"XPathExtractor":            "answers are not looked at",
	"XPath2Extractor":           "answers are not looked at",
	"HtmlExtractor":             "answers are not looked at",
	"JSONPathAssertion":         "only statuses are checked",
	"SizeAssertion":             "only statuses are checked",
	"XPathAssertion":            "only statuses are checked",
	"IfController":              "conditions need answers or scripts",
	"WhileController":           "conditions need answers or scripts",
	"ForeachController":         "conditions need answers or scripts",
	"SwitchController":          "conditions need answers or scripts",
	"RunTime":                   "an iteration has no time limit",
	"CriticalSectionController": "iterations do not wait for each other",
	"ModuleController":          "does not refer to other parts of a plan",
	"IncludeController":         "other files are not read",
	"TestFragmentController":    "only runs where something includes it",
	"SetupThreadGroup":          "nothing runs before a load plan",
	"PostThreadGroup":           "nothing runs after a load plan",
	"JSR223Sampler":             "scripts are not run",
	"JSR223PreProcessor":        "scripts are not run",
	"JSR223PostProcessor":       "scripts are not run",
	"JSR223Assertion":           "scripts are not run",
	"JSR223Timer":               "scripts are not run",
	"BeanShellSampler":          "scripts are not run",
	"BeanShellPreProcessor":     "scripts are not run",
	"BeanShellPostProcessor":    "scripts are not run",
	"BeanShellAssertion":        "scripts are not run",
	"JDBCSampler":               "a load plan speaks HTTP only",
	"JavaSampler":               "a load plan speaks HTTP only",
	"TCPSampler":                "a load plan speaks HTTP only",
	"SyncTimer":                 "iterations do not wait for each other",
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
