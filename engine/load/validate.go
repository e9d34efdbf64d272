package load

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"

	"gameday/engine/load/http1"
	"gameday/engine/load/template"
	"gameday/sources/spec"
)

// The bounds of a plan. They are far above what one process can do; they keep a slip of the finger from filling memory.
const (
	maxRate        = 10_000_000
	maxUsers       = 1_000_000
	maxConnections = 1_000_000
	maxQueue       = 10_000_000
	maxSteps       = 10_000
	maxPlanTime    = 10 * 365 * 24 * time.Hour
)

// checker collects what is wrong with a plan.
type checker struct{ doc *spec.Document }

func (p *Plan) validate(doc *spec.Document) {
	c := checker{doc}
	c.target(p)
	c.span("warmup", p.Warmup)
	c.span("duration", p.Duration)
	c.span("timeout", p.Timeout)
	c.headers("headers", p.Headers)
	if p.Executor != nil {
		c.executor("executor", p.Executor, p)
	}
	if doc.Has("scenarios") && len(p.Scenarios) == 0 {
		doc.Reportf("scenarios", "a plan needs at least one scenario")
	}
	names, total := map[string]bool{}, 0
	for i := range p.Scenarios {
		path := fmt.Sprintf("scenarios[%d]", i)
		c.scenario(path, &p.Scenarios[i], p)
		c.unique(path+".name", "scenario", p.Scenarios[i].Name, names)
		total += len(p.Scenarios[i].Steps) + len(p.Scenarios[i].Mix)
	}
	if total > maxSteps {
		doc.Reportf("scenarios", "%d steps are more than the %d a plan may have", total, maxSteps)
	}
	for i := range p.Thresholds {
		c.threshold(fmt.Sprintf("thresholds[%d]", i), &p.Thresholds[i], p)
	}
}

func (c checker) target(p *Plan) {
	if p.Target == "" || strings.Contains(p.Target, "${") {
		return // judged when the variables are known
	}
	if u, err := url.Parse(p.Target); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		c.doc.Reportf("target", "is not an address such as http://127.0.0.1:8080")
	}
}

func (c checker) span(path string, d time.Duration) {
	if d < 0 || d > maxPlanTime {
		c.doc.Reportf(path, "%v must be between 0s and ten years", d)
	}
}

func (c checker) unique(path, what, name string, seen map[string]bool) {
	if name != "" && seen[name] {
		c.doc.Reportf(path, "another %s is called %s already", what, spec.Quote(name))
	}
	seen[name] = true
}

func (c checker) headers(path string, headers map[string]string) {
	for name, value := range headers {
		if err := http1.CheckHeader(name, value); err != nil {
			c.doc.Reportf(fmt.Sprintf("%s[%q]", path, name), "%v", err)
		}
	}
}

func (c checker) scenario(path string, sc *Scenario, p *Plan) {
	c.headers(path+".headers", sc.Headers)
	steps, kind := sc.Steps, "steps"
	switch {
	case len(sc.Steps) > 0 && len(sc.Mix) > 0:
		c.doc.Reportf(path+".mix", "a scenario has steps (all, in order) or a mix (one, by weight), not both")
	case len(sc.Mix) > 0:
		steps, kind = sc.Mix, "mix"
	case len(sc.Steps) == 0:
		c.doc.Reportf(path, "give steps (all, in order) or a mix (one, by weight)")
	}
	names := map[string]bool{}
	for i := range steps {
		at := fmt.Sprintf("%s.%s[%d]", path, kind, i)
		c.step(at, &steps[i])
		c.unique(at+".name", "step", steps[i].Name, names)
		if kind == "steps" && c.doc.Has(at+".weight") {
			c.doc.Reportf(at+".weight", "only counts in a mix: steps are all made, in order")
		}
		c.weight(at+".weight", steps[i].Weight)
	}
	c.weight(path+".weight", sc.Weight)
	switch {
	case sc.Executor != nil:
		c.executor(path+".executor", sc.Executor, p)
		if c.doc.Has(path + ".weight") {
			c.doc.Reportf(path+".weight", "has no meaning beside an executor of its own")
		}
	case p.Executor == nil:
		c.doc.Reportf(path, "has no executor: give it one, or give the plan one")
	}
}

func (c checker) weight(path string, w float64) {
	if !(w > 0 && w <= 1e9) {
		c.doc.Reportf(path, "%v must be above 0 and at most 1e9", w)
	}
}

func (c checker) step(path string, s *Step) {
	c.headers(path+".headers", s.Headers)
	c.span(path+".timeout", s.Timeout)
	if s.Timeout == 0 {
		c.doc.Reportf(path+".timeout", "a request needs a timeout")
	}
	if s.Path != "" && !strings.Contains(s.Path, "${") {
		if err := http1.CheckPath(s.Path, nil); err != nil {
			c.doc.Reportf(path+".path", "%v", err)
		}
	}
	if _, err := template.Compile(s.Body, nil); err != nil {
		c.doc.Reportf(path+".body", "%v", err)
	}
}

func (c checker) executor(path string, e *Executor, p *Plan) {
	switch e.Kind {
	case ConstantRate, RampingRate:
		c.level(path+".rate", e.Rate, maxRate, e.Kind == ConstantRate)
		c.misplaced(path+".users", "an open executor has a rate")
	case ConstantUsers, RampingUsers:
		c.level(path+".users", float64(e.Users), maxUsers, e.Kind == ConstantUsers)
		for _, key := range []string{".rate", ".maxConnections", ".maxQueue", ".spacing"} {
			c.misplaced(path+key, "only counts with constant-rate and ramping-rate")
		}
	default:
		return // missing or unknown: reported already
	}
	if e.MaxConnections < 0 || e.MaxConnections > maxConnections {
		c.doc.Reportf(path+".maxConnections", "%d must be between 1 and %d", e.MaxConnections, maxConnections)
	}
	if e.MaxQueue < 0 || e.MaxQueue > maxQueue {
		c.doc.Reportf(path+".maxQueue", "%d must be between 1 and %d", e.MaxQueue, maxQueue)
	}
	if !e.Kind.ramping() {
		c.misplaced(path+".stages", "only counts with ramping-rate and ramping-users")
		return
	}
	c.stages(path, e, p)
}

func (c checker) stages(path string, e *Executor, p *Plan) {
	if len(e.Stages) == 0 {
		c.doc.Reportf(path, "%s needs stages, such as `stages: [{to: 100, for: 30s}]`", e.Kind)
	}
	var total time.Duration
	for i, st := range e.Stages {
		at := fmt.Sprintf("%s.stages[%d]", path, i)
		limit := float64(maxRate)
		if !e.Kind.Open() {
			limit = maxUsers
		}
		c.level(at+".to", st.To, limit, false)
		c.span(at+".for", st.For)
		total += min(max(st.For, 0), maxPlanTime)
	}
	if p.Duration > 0 && p.Duration < total {
		c.doc.Reportf(path+".stages", "take %v, longer than the plan's duration of %v", total, p.Duration)
	}
}

func (c checker) misplaced(path, why string) {
	if c.doc.Has(path) {
		c.doc.Reportf(path, "%s", why)
	}
}

func (c checker) level(path string, v, limit float64, positive bool) {
	switch {
	case math.IsNaN(v) || v < 0 || v > limit:
		c.doc.Reportf(path, "%v must be between 0 and %.0f", v, limit)
	case positive && v == 0:
		c.doc.Reportf(path, "must be given and above 0")
	}
}
