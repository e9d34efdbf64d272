package experiment

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"gameday/chaos"
	"gameday/chaos/probe"
	"gameday/sources/spec"
)

// ParseConfig says what an experiment is checked against. What is nil is not checked.
type ParseConfig struct {
	Faults    []chaos.Fault        // the catalog
	Vars      []string             // names that ${name} may have
	CheckLoad func(*spec.Document) // reports to the document what is wrong with a load plan
	OpenLoad  bool                 // a load plan in a file of its own is read and checked as well
}

// The defaults of the phases.
const (
	defaultWarmup = 5 * time.Second
	defaultBefore = 10 * time.Second
	defaultAfter  = 30 * time.Second
	maxDuration   = 24 * time.Hour
)

// Load reads an experiment and, where it names one, its load plan. The error is a *spec.Problems, or says why the file
// could not be read.
func Load(file string, cfg ParseConfig) (*Experiment, error) {
	if _, err := spec.Load(file); err != nil { // its size is bounded, and it can be read
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, errors.Unwrap(err))
	}
	cfg.OpenLoad = true
	return Parse(file, data, cfg)
}

// Parse reads an experiment that is in memory. file is its name in messages and what a load plan's file is found from.
func Parse(file string, data []byte, cfg ParseConfig) (*Experiment, error) {
	doc, err := spec.Parse(file, data)
	if err != nil {
		return nil, err
	}
	e, err := parse(doc, cfg)
	if err != nil {
		return nil, err
	}
	e.source = bytes.Clone(data)
	return e, nil
}

func parse(doc *spec.Document, cfg ParseConfig) (*Experiment, error) {
	e := &Experiment{file: doc.File()}
	e.Durations = Durations{Before: defaultBefore, After: defaultAfter}
	if doc.Has("load") {
		e.Durations.Warmup = defaultWarmup
	}
	doc.Decode(e)
	c := checker{doc: doc, cfg: cfg, e: e}
	c.metadata()
	c.probes()
	c.method()
	c.blast()
	c.abort()
	c.durations()
	c.load()
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return e, nil
}

// checker reports what is wrong beyond the shape of the document.
type checker struct {
	doc *spec.Document
	cfg ParseConfig
	e   *Experiment
}

// at returns a reporter for paths below a prefix.
func (c checker) at(prefix string) func(path, format string, args ...any) {
	return func(path, format string, args ...any) {
		if path != "" {
			path = "." + path
		}
		c.doc.Reportf(prefix+path, format, args...)
	}
}

var nameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

func (c checker) metadata() {
	if n := c.e.Metadata.Name; n != "" && !nameRule.MatchString(n) {
		c.doc.Reportf("metadata.name", "%s is no name: use up to 63 letters, digits, - _ and .", spec.Quote(n))
	}
	if c.doc.Has("hypothesis") && strings.TrimSpace(c.e.Hypothesis) == "" {
		c.doc.Reportf("hypothesis", "is empty: say what is claimed")
	}
}

func (c checker) probes() {
	if c.doc.Has("steadyState.probes") && len(c.e.SteadyState.Probes) == 0 {
		c.doc.Reportf("steadyState.probes", "a steady state needs at least one probe")
	}
	seen := map[string]bool{}
	for i := range c.e.SteadyState.Probes {
		p := &c.e.SteadyState.Probes[i]
		path := fmt.Sprintf("steadyState.probes[%d]", i)
		if !c.doc.Has(path) {
			c.doc.Reportf(path, "is empty")
			continue
		}
		if !c.doc.Has(path + ".name") { // said already
			p.Name = fmt.Sprintf("probe %d", i+1)
		}
		p.Check(c.at(path))
		c.vars(path, &p.Measure)
		if seen[p.Name] {
			c.doc.Reportf(path+".name", "%s is the name of another probe", spec.Quote(p.Name))
		}
		seen[p.Name] = true
	}
	judged := func(p probe.Config) bool { return p.Mode.JudgedBefore() }
	if all := c.e.SteadyState.Probes; len(all) > 0 && !slices.ContainsFunc(all, judged) {
		c.doc.Reportf("steadyState.probes", "no probe is judged before anything is touched: give one of them the mode continuous, edge or before")
	}
}

func (c checker) vars(path string, m *probe.Measure) {
	if c.cfg.Vars != nil {
		m.CheckVars(c.cfg.Vars, c.at(path))
	}
}

func kinds(faults []chaos.Fault) []string {
	out := make([]string, len(faults))
	for i, f := range faults {
		out[i] = f.Kind()
	}
	slices.Sort(out)
	return out
}

func (c checker) blast() {
	if c.e.BlastRadius.MaxTargets < 0 {
		c.doc.Reportf("blastRadius.maxTargets", "%d is less than none", c.e.BlastRadius.MaxTargets)
	}
	c.e.BlastRadius.Hours.Check(c.at("blastRadius.hours"))
}

func (c checker) abort() {
	names := c.probeNames()
	for i := range c.e.Abort {
		a := &c.e.Abort[i]
		path := fmt.Sprintf("abort[%d]", i)
		report := c.at(path)
		if a.For < 0 || a.For > maxDuration {
			report("for", "%s is outside 0s to 24h", a.For)
		}
		if a.When.NeedsBaseline() {
			report("when", "an abort condition has no baseline; name a probe of the steady state that has one")
		}
		if a.Probe == "" {
			c.ownMeasure(path, a)
			continue
		}
		if !slices.Contains(names, a.Probe) {
			report("probe", "no probe is called %s%s", spec.Quote(a.Probe), spec.DidYouMean(a.Probe, names))
		}
		if set := a.Measure.Set(); len(set) > 0 {
			report("", "has a probe and %s; give one of them", strings.Join(set, " and "))
		}
	}
}

func (c checker) ownMeasure(path string, a *AbortCondition) {
	report := c.at(path)
	if len(a.Measure.Set()) == 0 {
		report("", "needs the name of a probe, or a measurement: %s", strings.Join(probe.Kinds(), ", "))
		return
	}
	if a.When.IsZero() {
		if !c.doc.Has(path + ".when") {
			report("when", `is required: say what makes it fire, such as "> 50%%"`)
		}
		a.Measure.Check(report)
	} else {
		p := a.config(0)
		p.Check(func(sub, format string, args ...any) {
			if sub == "expect" {
				sub = "when"
			}
			report(sub, format, args...)
		})
	}
	c.vars(path, &a.Measure)
}

func (c checker) probeNames() []string {
	var names []string
	for _, p := range c.e.SteadyState.Probes {
		names = append(names, p.Name)
	}
	return names
}

// durations checks that each phase is long enough for each probe to be judged in it: a reading counts for a phase when
// all the time it looks back over lies in the phase.
func (c checker) durations() {
	d, p := c.e.Durations, c.e.program()
	if d.During != 0 && d.During < p.length {
		c.doc.Reportf("durations.during", "%s is shorter than the method, which ends at %s", d.During, p.length)
	}
	for _, s := range p.faults {
		if s.For == 0 && !s.UntilEnd && s.Start >= c.e.During() && !c.needsFor(s.Step) {
			c.doc.Reportf(s.Path+".for", "is required: this step comes at the end of the method, and nothing would be watched after it")
		}
	}
	for _, ph := range []struct {
		name   string
		length time.Duration
		judged func(probe.Mode) bool
	}{{"warmup", d.Warmup, nil}, {"before", d.Before, probe.Mode.JudgedBefore}, {"during", c.e.During(), probe.Mode.JudgedDuring}, {"after", d.After, probe.Mode.JudgedAfter}} {
		path := "durations." + ph.name
		if ph.length < 0 || ph.length > maxDuration {
			c.doc.Reportf(path, "%s is outside 0s to 24h", ph.length)
			continue
		}
		if ph.name == "warmup" || ph.name == "during" && ph.length == 0 {
			continue
		}
		c.longEnough(path, ph.name, ph.length, ph.judged)
	}
}

// needsFor reports whether the lack of the step's length was reported already.
func (c checker) needsFor(s Step) bool {
	return slices.ContainsFunc(c.cfg.Faults, func(f chaos.Fault) bool { return f.Kind() == s.Fault && f.Reversible() })
}

// leastBaseline is how many readings make a baseline.
const leastBaseline = 3

func (c checker) longEnough(path, name string, length time.Duration, judged func(probe.Mode) bool) {
	var slowest *probe.Config
	var need time.Duration
	for i := range c.e.SteadyState.Probes {
		p := &c.e.SteadyState.Probes[i]
		if !judged(p.Mode) {
			continue
		}
		readings := min(max(1, p.MinSamples), int(maxDuration/time.Millisecond))
		if p.Expect.NeedsBaseline() && name == "before" {
			readings = max(readings, leastBaseline)
		}
		if n := p.Window() + time.Duration(readings)*p.IntervalOrDefault(); n > need {
			slowest, need = p, n
		}
	}
	if length < need {
		c.doc.Reportf(path, "the phase %q lasts %s, too short to judge the probe %s: it looks back %s every %s, so %s are needed",
			name, length, spec.Quote(slowest.Name), slowest.Window(), slowest.IntervalOrDefault(), need)
	}
}

func (c checker) load() {
	l := c.e.Load
	switch {
	case l == nil:
	case l.Inline != nil:
		if c.cfg.CheckLoad != nil {
			c.cfg.CheckLoad(l.Inline)
		}
	case l.File != "":
		if !filepath.IsAbs(l.File) {
			l.File = filepath.Join(filepath.Dir(c.e.file), l.File)
		}
		if c.cfg.OpenLoad {
			c.loadFile(l.File)
		}
	}
}

func (c checker) loadFile(file string) {
	doc, err := spec.Load(file)
	if err == nil && c.cfg.CheckLoad != nil {
		c.cfg.CheckLoad(doc)
		err = doc.Err()
	}
	var problems *spec.Problems
	switch {
	case errors.As(err, &problems):
		for _, p := range problems.List {
			c.doc.Reportf("load.file", "%s", p)
		}
	case err != nil:
		c.doc.Reportf("load.file", "%s", err)
	}
}

// config is a condition's own measurement as a probe.
func (a *AbortCondition) config(i int) probe.Config {
	name := a.Name
	if name == "" {
		name = fmt.Sprintf("abort condition %d", i+1)
	}
	return probe.Config{Name: name, Measure: a.Measure, Expect: a.When, Interval: a.Interval, Timeout: a.Timeout}
}
