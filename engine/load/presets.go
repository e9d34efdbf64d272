package load

import (
	"math"
	"slices"
	"strings"
	"time"

	"gameday/engine/load/analysis"
)

// TestType is what a load test is to find out.
type TestType string

// The types of test.
const (
	LoadTest        TestType = "load"        // up to the usual load, holding it, down again: is it held?
	StressTest      TestType = "stress"      // more and more: where does it break?
	SpikeTest       TestType = "spike"       // a burst of many times the usual load: when is it back to normal?
	EnduranceTest   TestType = "endurance"   // the usual load for long: does anything creep up?
	ScalabilityTest TestType = "scalability" // more and more users in steps: where does throughput peak?
)

// Test is a load test of a known type, instead of an executor: what it does over time follows from its type, and the
// result answers its question. Zero values become the defaults of the type.
type Test struct {
	Type   TestType      `yaml:"type,required" enum:"load,stress,spike,endurance,scalability" doc:"What it is to find out."`
	Rate   float64       `yaml:"rate" doc:"The usual load in iterations per second; stress begins with it. Or give users."`
	Users  int           `yaml:"users" doc:"The usual load as virtual users, instead of a rate; scalability begins with them (default 1)."`
	Peak   float64       `yaml:"peak" doc:"Stress: the rate or the users it rises to at most; default 20 times where it begins. Scalability: the most users; default 64 times."`
	Factor float64       `yaml:"factor" doc:"Spike: how many times the usual load. Default 10."`
	Ramp   time.Duration `yaml:"ramp" doc:"Load: the time up, and down again; default 30s. Stress: the time up to the peak; default 10m."`
	Hold   time.Duration `yaml:"hold" doc:"How long the load is held. Load: default 5m. Endurance: default 1h."`
	Before time.Duration `yaml:"before" doc:"Spike: the usual load before the burst. Default 1m."`
	Burst  time.Duration `yaml:"burst" doc:"Spike: how long the burst lasts. Default 30s."`
	After  time.Duration `yaml:"after" doc:"Spike: the usual load after the burst; default 2m. Stress: how long it goes on when it is broken; default 10s."`
	Levels int           `yaml:"levels" doc:"Scalability: how many levels of users, each about so many times the one before. Default 8."`
	Each   time.Duration `yaml:"each" doc:"Scalability: how long each level lasts. Default 30s."`
	Settle time.Duration `yaml:"settle" doc:"What is not looked at. Scalability: of each level; default a fifth. Endurance: of the beginning; default a tenth, at most 5m."`

	Limits    *TestLimits    `yaml:"limits" doc:"Load and stress: what counts as broken."`
	Tolerance *TestTolerance `yaml:"tolerance" doc:"Spike: what counts as back to normal."`
	Least     Share          `yaml:"least" doc:"Endurance: the least change over the run that matters. Default 5%."`

	MaxConnections int    `yaml:"maxConnections" doc:"With a rate: most connections at once. Default 512."`
	MaxQueue       int    `yaml:"maxQueue" doc:"With a rate: most arrivals that wait for a connection. Default: five seconds' worth of the highest rate."`
	Spacing        string `yaml:"spacing" enum:"even,poisson" doc:"With a rate: how arrivals are spaced. Default even."`
}

// TestLimits are what a target must keep. A zero takes the default.
type TestLimits struct {
	Errors   Share         `yaml:"errors" doc:"Share of requests that fail. Default 5%."`
	P95      time.Duration `yaml:"p95" doc:"95th percentile of latency. Default: no limit of its own."`
	Multiple float64       `yaml:"multiple" doc:"Stress: P95 as a multiple of its value at the beginning. Default 5."`
	Behind   Share         `yaml:"behind" doc:"Share of the planned arrivals that is not done. Default 10%."`
}

// TestTolerance is how far from the time before a burst is normal. A zero takes the default.
type TestTolerance struct {
	P95    float64       `yaml:"p95" doc:"Share by which P95 may be above what it was, such as 0.2. Default 0.2."`
	Errors Share         `yaml:"errors" doc:"By how much the share of failures may be above what it was. Default 1%."`
	Hold   time.Duration `yaml:"hold" doc:"How long it must stay within. Default 5s."`
}

// countsWith says which types a field has a meaning for; those that are not here have one for all.
var countsWith = map[string][]TestType{
	"rate":      {LoadTest, StressTest, SpikeTest, EnduranceTest},
	"peak":      {StressTest, ScalabilityTest},
	"factor":    {SpikeTest},
	"ramp":      {LoadTest, StressTest},
	"hold":      {LoadTest, EnduranceTest},
	"before":    {SpikeTest},
	"burst":     {SpikeTest},
	"after":     {SpikeTest, StressTest},
	"levels":    {ScalabilityTest},
	"each":      {ScalabilityTest},
	"settle":    {ScalabilityTest, EnduranceTest},
	"limits":    {LoadTest, StressTest},
	"tolerance": {SpikeTest},
	"least":     {EnduranceTest},
}

// Of scalability tests.
const (
	mostLevels  = 1_000
	leastLevels = 4 // that a law can be fitted to
)

// complete fills in the defaults of the type. given tells fields that stand in the plan, whose zero is meant.
func (t *Test) complete(given func(field string) bool) {
	if t.Type == ScalabilityTest && t.Users == 0 && !given("users") {
		t.Users = 1
	}
	base := t.base()
	number := func(field string, v *float64, otherwise float64) {
		if *v == 0 && !given(field) {
			*v = otherwise
		}
	}
	span := func(field string, v *time.Duration, otherwise time.Duration) {
		if *v == 0 && !given(field) {
			*v = otherwise
		}
	}
	switch t.Type {
	case LoadTest:
		span("ramp", &t.Ramp, 30*time.Second)
		span("hold", &t.Hold, 5*time.Minute)
	case StressTest:
		number("peak", &t.Peak, 20*base)
		span("ramp", &t.Ramp, 10*time.Minute)
		span("after", &t.After, 10*time.Second)
	case SpikeTest:
		number("factor", &t.Factor, 10)
		span("before", &t.Before, time.Minute)
		span("burst", &t.Burst, 30*time.Second)
		span("after", &t.After, 2*time.Minute)
	case EnduranceTest:
		span("hold", &t.Hold, time.Hour)
		span("settle", &t.Settle, min(t.Hold/10, 5*time.Minute))
	case ScalabilityTest:
		number("peak", &t.Peak, 64*base)
		span("each", &t.Each, 30*time.Second)
		span("settle", &t.Settle, t.Each/5)
		if t.Levels == 0 && !given("levels") {
			t.Levels = 8
		}
	}
}

// base is the usual load: a rate or a number of users.
func (t *Test) base() float64 {
	if t.Users != 0 {
		return float64(t.Users)
	}
	return t.Rate
}

// executor is what the test does over time. duration is for what has no stages.
func (t *Test) executor() (e *Executor, duration time.Duration) {
	constant, ramping := ConstantRate, RampingRate
	if t.Users != 0 {
		constant, ramping = ConstantUsers, RampingUsers
	}
	base := t.base()
	e = &Executor{Kind: ramping, Rate: t.Rate, Users: t.Users, MaxConnections: t.MaxConnections, MaxQueue: t.MaxQueue, Spacing: t.Spacing}
	switch t.Type {
	case LoadTest:
		e.Rate, e.Users = 0, 0
		e.Stages = []Stage{{To: base, For: t.Ramp}, {To: base, For: t.Hold}, {To: 0, For: t.Ramp}}
	case StressTest:
		e.Stages = []Stage{{To: t.Peak, For: t.Ramp}}
	case SpikeTest:
		high := base * t.Factor
		if t.Users != 0 {
			high = math.Round(high)
		}
		e.Stages = []Stage{{base, t.Before}, {high, 0}, {high, t.Burst}, {base, 0}, {base, t.After}}
	case EnduranceTest:
		e.Kind, duration = constant, t.Hold
	case ScalabilityTest:
		for i, users := range t.levels() {
			if i > 0 {
				e.Stages = append(e.Stages, Stage{To: users})
			}
			e.Stages = append(e.Stages, Stage{To: users, For: t.Each})
		}
	}
	return e, duration
}

// levels are the numbers of users of a scalability test: from the first to the peak, each about so many times the one
// before, without those that round to the same.
func (t *Test) levels() (out []float64) {
	n := min(t.Levels, mostLevels)
	for i := range n {
		part := 0.0
		if n > 1 {
			part = float64(i) / float64(n-1)
		}
		users := math.Round(float64(t.Users) * math.Pow(t.Peak/float64(t.Users), part))
		if len(out) == 0 || users != out[len(out)-1] {
			out = append(out, users)
		}
	}
	return out
}

// limits are those of the analysis.
func (t *Test) limits() (out analysis.Limits) {
	if l := t.Limits; l != nil {
		out = analysis.Limits{Errors: float64(l.Errors), P95: l.P95, Multiple: l.Multiple, Behind: float64(l.Behind)}
	}
	return out
}

func (t *Test) tolerance() (out analysis.Tolerance) {
	if o := t.Tolerance; o != nil {
		out = analysis.Tolerance{P95: o.P95, Errors: float64(o.Errors), Hold: o.Hold}
	}
	return out
}

// test reports what is wrong with a test, and with what stands beside it.
func (c checker) test(p *Plan) {
	t := p.Test
	if t == nil {
		return
	}
	c.misplaced("executor", "a test says itself what is done over time: give one or the other")
	c.misplaced("duration", "a test says itself how long it takes: give test.hold, test.ramp and the like")
	for i := range p.Scenarios {
		c.misplaced(indexed("scenarios", i)+".executor", "a test drives all scenarios by their weights: an executor of their own does not go with it")
	}
	if !slices.Contains([]TestType{LoadTest, StressTest, SpikeTest, EnduranceTest, ScalabilityTest}, t.Type) {
		return // missing or unknown: reported already
	}
	for _, field := range c.doc.Keys("test") {
		if types, only := countsWith[field]; only && !slices.Contains(types, t.Type) {
			names := make([]string, len(types))
			for i, name := range types {
				names[i] = string(name)
			}
			c.doc.Reportf("test."+field, "has no meaning in a test of type %s: it goes with %s", t.Type, strings.Join(names, ", "))
		}
	}
	c.testLevels(t)
	c.testSpans(t)
	c.testLimits(t)
}

// testLevels reports what is wrong with how much a test does.
func (c checker) testLevels(t *Test) {
	limit := float64(maxRate)
	switch closed := t.Type == ScalabilityTest || c.doc.Has("test.users"); {
	case closed && c.doc.Has("test.rate") && t.Type != ScalabilityTest:
		c.doc.Reportf("test.users", "give a rate or users, not both")
	case closed:
		limit = maxUsers
		c.level("test.users", float64(t.Users), maxUsers, true)
		for _, field := range []string{"maxConnections", "maxQueue", "spacing"} {
			c.misplaced("test."+field, "only counts with a rate")
		}
	case !c.doc.Has("test.rate"):
		c.doc.Reportf("test", "needs the usual load: a rate, or users")
	default:
		c.level("test.rate", t.Rate, maxRate, true)
	}
	if t.MaxConnections < 0 || t.MaxConnections > maxConnections {
		c.doc.Reportf("test.maxConnections", "%d must be between 1 and %d", t.MaxConnections, maxConnections)
	}
	if t.MaxQueue < 0 || t.MaxQueue > maxQueue {
		c.doc.Reportf("test.maxQueue", "%d must be between 1 and %d", t.MaxQueue, maxQueue)
	}
	base := t.base()
	switch t.Type {
	case StressTest:
		c.rising(t.Peak, base, limit)
	case SpikeTest:
		if !(t.Factor > 1) || t.Factor*base > limit {
			c.doc.Reportf("test.factor", "%v must be above 1, and %v times as much at most %.0f", t.Factor, base, limit)
		}
	case ScalabilityTest:
		c.rising(t.Peak, base, limit)
		switch n := len(t.levels()); {
		case t.Levels < leastLevels || t.Levels > mostLevels:
			c.doc.Reportf("test.levels", "%d must be between %d, the least that a law can be fitted to, and %d", t.Levels, leastLevels, mostLevels)
		case base > 0 && t.Peak > base && n < leastLevels:
			c.doc.Reportf("test.peak", "from %.0f to %.0f users there are only %d different levels: a law takes %d", base, t.Peak, n, leastLevels)
		}
	}
}

func (c checker) rising(peak, base, limit float64) {
	if base > 0 && !(peak > base && peak <= limit) {
		c.doc.Reportf("test.peak", "%v must be above %v, where it begins, and at most %.0f", peak, base, limit)
	}
}

func (c checker) testSpans(t *Test) {
	for _, one := range []struct {
		field string
		d     time.Duration
		least bool // it must be there
	}{
		{"ramp", t.Ramp, t.Type == StressTest}, {"hold", t.Hold, t.Type == LoadTest || t.Type == EnduranceTest},
		{"before", t.Before, t.Type == SpikeTest}, {"burst", t.Burst, t.Type == SpikeTest}, {"after", t.After, t.Type == SpikeTest},
		{"each", t.Each, t.Type == ScalabilityTest}, {"settle", t.Settle, false},
	} {
		c.span("test."+one.field, one.d)
		if one.least && one.d == 0 {
			c.doc.Reportf("test."+one.field, "must be above 0s")
		}
	}
	if t.Type == ScalabilityTest && t.Each > 0 && t.Settle >= t.Each || t.Type == EnduranceTest && t.Hold > 0 && t.Settle >= t.Hold {
		c.doc.Reportf("test.settle", "%v leaves nothing that could be looked at", t.Settle)
	}
}

func (c checker) testLimits(t *Test) {
	if l := t.Limits; l != nil {
		c.span("test.limits.p95", l.P95)
		if l.Multiple != 0 && !(l.Multiple > 1 && l.Multiple <= 1e6) {
			c.doc.Reportf("test.limits.multiple", "%v must be above 1", l.Multiple)
		}
		if t.Type == LoadTest {
			c.misplaced("test.limits.multiple", "only counts in a stress test, which begins low")
		}
	}
	if o := t.Tolerance; o != nil {
		c.span("test.tolerance.hold", o.Hold)
		if !(o.P95 >= 0 && o.P95 <= 1e3) {
			c.doc.Reportf("test.tolerance.p95", "%v must be a share such as 0.2", o.P95)
		}
	}
}
