package experiment

import (
	"fmt"
	"slices"
	"strings"

	"gameday/chaos"
	"gameday/chaos/probe"
	"gameday/sources/spec"
)

const (
	maxTimes = 100 // rounds of a repeat
	maxDeep  = 8   // groups within each other
)

func (c checker) method() {
	if c.doc.Has("method") && len(c.e.Method) == 0 {
		c.doc.Reportf("method", "is empty: without a fault nothing is tested")
		return
	}
	c.steps("method", c.e.Method, false, 0)
	p := c.e.program()
	switch {
	case p.tooBig:
		c.doc.Reportf("method", "unfolds to more than %d steps; repeat less", maxSteps)
	case len(c.e.Method) > 0 && len(p.faults) == 0 && !c.anyFault(c.e.Method):
		c.doc.Reportf("method", "holds no fault: nothing would be tested")
	}
}

// anyFault reports whether there is a fault, or a step of which it was said already that it is nothing.
func (c checker) anyFault(steps []Step) bool {
	return slices.ContainsFunc(steps, func(s Step) bool {
		return s.Fault != "" || len(s.kinds()) != 1 || c.anyFault(s.Sequence) || c.anyFault(s.Parallel) || c.anyFault(s.Choose) ||
			s.Repeat != nil && c.anyFault(s.Repeat.Steps)
	})
}

// steps checks a group. inSequence says that its steps come one after another.
func (c checker) steps(path string, steps []Step, inSequence bool, deep int) {
	if deep > maxDeep {
		c.doc.Reportf(path, "groups are nested deeper than %d", maxDeep)
		return
	}
	for i := range steps {
		at := fmt.Sprintf("%s[%d]", path, i)
		if !c.doc.Has(at) {
			c.doc.Reportf(at, "is empty")
			continue
		}
		c.step(at, &steps[i], inSequence, deep)
	}
}

func (c checker) step(path string, s *Step, inSequence bool, deep int) {
	report := c.at(path)
	switch set := s.kinds(); {
	case len(set) == 0 && c.doc.Has(path+".wait"):
		report("wait", "0s is no wait")
		return
	case len(set) == 0 && emptyGroup(c.doc, path) != "":
		report(emptyGroup(c.doc, path), "is empty")
		return
	case len(set) == 0:
		report("fault", "is required: the kind of fault; or one of wait, suspend, sequence, parallel, repeat, choose")
		return
	case len(set) > 1:
		report("", "has %s; a step is one of them", strings.Join(set, " and "))
		return
	}
	if s.At < 0 || s.At > maxDuration {
		report("at", "%s is outside 0s to 24h", s.At)
	}
	if s.For < 0 || s.For > maxDuration {
		report("for", "%s is outside 0s to 24h", s.For)
	}
	if inSequence && s.At > 0 {
		report("at", "steps of a sequence come one after another; put a wait before it")
	}
	c.condition(report, path, s.When)
	if s.Fault != "" {
		c.faultStep(report, path, *s)
		return
	}
	for _, field := range []string{"for", "untilEnd", "target", "args"} {
		if c.doc.Has(path + "." + field) {
			report(field, "is for faults, and this step is a %s", s.kinds()[0])
		}
	}
	c.groupStep(report, path, s, inSequence, deep)
}

// emptyGroup is the group of a step that holds nothing.
func emptyGroup(doc *spec.Document, path string) string {
	for _, g := range []string{"sequence", "parallel", "choose"} {
		if doc.Has(path + "." + g) {
			return g
		}
	}
	return ""
}

func (c checker) groupStep(report func(path, format string, args ...any), path string, s *Step, inSequence bool, deep int) {
	switch {
	case s.Wait != 0:
		if s.Wait < 0 || s.Wait > maxDuration {
			report("wait", "%s is outside 0s to 24h", s.Wait)
		}
		if !inSequence {
			report("wait", "steps begin together here, so a wait holds nothing up; give the others an at, or put them in a sequence")
		}
	case s.Suspend != nil:
		if strings.TrimSpace(s.Suspend.Message) == "" && c.doc.Has(path+".suspend") {
			report("suspend", "says nothing: write what the operator should look at")
		}
		if s.Suspend.Timeout < 0 || s.Suspend.Timeout > maxDuration {
			report("suspend.timeout", "%s is outside 0s to 24h", s.Suspend.Timeout)
		}
	case s.Repeat != nil:
		if n := s.Repeat.Times; c.doc.Has(path+".repeat.times") && (n < 1 || n > maxTimes) {
			report("repeat.times", "%d is outside 1 to %d", n, maxTimes)
		}
		if s.Repeat.Pause < 0 || s.Repeat.Pause > maxDuration {
			report("repeat.pause", "%s is outside 0s to 24h", s.Repeat.Pause)
		}
		if c.doc.Has(path+".repeat.steps") && len(s.Repeat.Steps) == 0 {
			report("repeat.steps", "is empty")
		}
		c.steps(path+".repeat.steps", s.Repeat.Steps, true, deep+1)
	case s.Parallel != nil:
		c.group(report, path, "parallel", s.Parallel, false, deep)
	case s.Sequence != nil:
		c.group(report, path, "sequence", s.Sequence, true, deep)
	case s.Choose != nil:
		c.group(report, path, "choose", s.Choose, true, deep)
	}
}

func (c checker) group(report func(path, format string, args ...any), path, name string, steps []Step, inSequence bool, deep int) {
	if len(steps) == 0 {
		report(name, "is empty")
	}
	c.steps(path+"."+name, steps, inSequence, deep+1)
}

func (c checker) condition(report func(path, format string, args ...any), path string, w *Condition) {
	if w == nil {
		return
	}
	if w.Probe == "" && w.Fault == "" {
		report("when", "needs the name of a probe, or the title of a fault")
		return
	}
	if w.Probe != "" {
		names := c.probeNames()
		i := slices.Index(names, w.Probe)
		switch {
		case i < 0:
			report("when.probe", "no probe is called %s%s", spec.Quote(w.Probe), spec.DidYouMean(w.Probe, names))
		case !c.e.SteadyState.Probes[i].Mode.JudgedDuring():
			report("when.probe", "%s is not measured during the method: its mode is %s", spec.Quote(w.Probe), c.e.SteadyState.Probes[i].Mode)
		}
	} else if w.Is != "" {
		report("when.is", "is for a probe")
	}
	if w.Fault != "" {
		if titles := c.titles(c.e.Method); !slices.Contains(titles, w.Fault) {
			report("when.fault", "no fault of the method is called %s%s", spec.Quote(w.Fault), spec.DidYouMean(w.Fault, titles))
		}
		if err := w.Touched.Fits("what a fault has touched", probe.UnitNone); err != nil || w.Touched.NeedsBaseline() {
			report("when.touched", `%q is no number; write it as "> 100"`, w.Touched)
		}
	} else if !w.Touched.IsZero() {
		report("when.touched", "is for a fault: give its title")
	}
	if w.Within < 0 || w.Within > maxDuration {
		report("when.within", "%s is outside 0s to 24h", w.Within)
	}
}

// titles are what the method's faults are called.
func (c checker) titles(steps []Step) []string {
	var out []string
	for i := range steps {
		s := &steps[i]
		if s.Fault != "" {
			out = append(out, orElse(s.Title, s.Fault))
		}
		for _, kids := range [][]Step{s.Sequence, s.Parallel, s.Choose} {
			out = append(out, c.titles(kids)...)
		}
		if s.Repeat != nil {
			out = append(out, c.titles(s.Repeat.Steps)...)
		}
	}
	return out
}

// faultStep holds a fault against the catalog.
func (c checker) faultStep(report func(path, format string, args ...any), path string, s Step) {
	if !c.doc.Has(path + ".target") {
		report("target", "is required: what the fault hits")
	}
	if c.cfg.Faults == nil {
		return
	}
	i := slices.IndexFunc(c.cfg.Faults, func(f chaos.Fault) bool { return f.Kind() == s.Fault })
	if i < 0 {
		report("fault", "no fault is called %s%s", spec.Quote(s.Fault), spec.DidYouMean(s.Fault, kinds(c.cfg.Faults)))
		return
	}
	f := c.cfg.Faults[i]
	switch {
	case s.UntilEnd && s.For != 0:
		report("untilEnd", "says how long the fault is in force, and so does for; give one of them")
	case s.UntilEnd && !f.Reversible():
		report("untilEnd", "%s is never undone", s.Fault)
	case f.Reversible() && s.For == 0 && !s.UntilEnd:
		report("for", "is required: say how long %s is in force", s.Fault)
	}
	if c.doc.Has(path + ".target") {
		if err := s.Target.Selector().Validate(f.Hits()); err != nil {
			report("target", "%s", err)
		}
	}
	_, errs := chaos.CheckArgs(f.Params(), chaos.Args(s.Args))
	for _, e := range errs {
		report("args."+e.Name, "%s", e.Err)
	}
}
