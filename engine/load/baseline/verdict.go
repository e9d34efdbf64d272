package baseline

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gameday/engine/load/analysis"
	"gameday/engine/load/analysis/rank"
)

// all calls f with every difference, the total's first.
func (c *Comparison) all(f func(step *Compared, d *Difference)) {
	for i := range c.Total.Differences {
		f(&c.Total, &c.Total.Differences[i])
	}
	for s := range c.Steps {
		for i := range c.Steps[s].Differences {
			f(&c.Steps[s], &c.Steps[s].Differences[i])
		}
	}
}

func (c *Comparison) judge() {
	var p []float64
	c.all(func(_ *Compared, d *Difference) { p = append(p, d.P) })
	adjusted := rank.Holm(p)
	i := 0
	c.all(func(_ *Compared, d *Difference) {
		d.Adjusted = adjusted[i]
		if i++; !math.IsNaN(d.P) {
			c.Tests++
		}
		d.judge(&c.Options)
		c.distrust(d)
	})
	c.Verdict = c.together()
	if c.Base.Plan != c.Now.Plan && !c.Options.AnyPlan {
		c.Verdict = Inconclusive
	}
	c.Finding = c.sentence()
}

func (d *Difference) judge(o *Options) {
	least := o.Least
	if d.Stat == Errors {
		least = max(o.LeastErrors, o.Least*d.Base)
	}
	higher, lower := Worse, Better
	if d.Stat == Rate {
		higher, lower = Better, Worse
	}
	switch {
	case math.IsNaN(d.P) || math.IsNaN(d.Effect):
		if d.Why == "" {
			d.Why = "the base has no figure to compare with"
		}
	case d.Stat == Errors && d.Base == 0 && d.Now == 0:
		d.Verdict, d.Why = Same, "nothing failed in either run"
	case d.Lo > -least && d.Hi < least:
		d.Verdict = Same
	case d.Adjusted < o.Alpha && d.Effect >= least && d.Lo > 0:
		d.Verdict = higher
	case d.Adjusted < o.Alpha && d.Effect <= -least && d.Hi < 0:
		d.Verdict = lower
	case d.Adjusted < o.Alpha:
		d.Why = fmt.Sprintf("there is a difference, and it cannot be told whether it is as large as %s", analysis.Share.Format(least))
	default:
		d.Why = "the runs are too short or too noisy to tell"
	}
}

// distrust takes back what is said in favour of a run whose percentiles are too good.
func (c *Comparison) distrust(d *Difference) {
	if d.Stat == Rate || d.Stat == Errors {
		return
	}
	switch {
	case c.Now.Missed > 0 && (d.Verdict == Better || d.Verdict == Same):
		d.Verdict, d.Why = Inconclusive, "the new run missed arrivals, which makes its percentiles too good"
	case c.Base.Missed > 0 && (d.Verdict == Worse || d.Verdict == Same):
		d.Verdict, d.Why = Inconclusive, "the base missed arrivals, which makes its percentiles too good"
	}
}

func (c *Comparison) together() Verdict {
	seen := map[Verdict]int{}
	for _, d := range c.Total.Differences {
		seen[d.Verdict]++
	}
	worse := 0
	c.all(func(_ *Compared, d *Difference) {
		if d.Verdict == Worse {
			worse++
		}
	})
	switch {
	case worse > 0:
		return Worse
	case seen[Inconclusive] > 0 || len(c.Total.Differences) == 0:
		return Inconclusive
	case seen[Better] > 0:
		return Better
	}
	return Same
}

func (c *Comparison) reasons(gone, added []string) {
	say := func(format string, args ...any) { c.Reasons = append(c.Reasons, fmt.Sprintf(format, args...)) }
	if c.Base.Plan != c.Now.Plan {
		say("the plans differ, so the work may not be the same")
	}
	if a, b := c.Base.Machine, c.Now.Machine; a != b {
		say("the load came from another machine: %s then, %s now", a, b)
	}
	if a, b := c.Base.Gameday, c.Now.Gameday; a != b {
		say("gameday was %s then and is %s now", orUnknown(a), orUnknown(b))
	}
	if n := c.Base.Missed; n > 0 {
		say("the base missed %d arrivals: its percentiles are too good", n)
	}
	if n := c.Now.Missed; n > 0 {
		say("the new run missed %d arrivals: its percentiles are too good", n)
	}
	if len(gone) > 0 {
		say("steps of the base that are gone: %s", few(gone))
	}
	if len(added) > 0 {
		say("steps that the base does not have: %s", few(added))
	}
	for _, d := range c.Total.Differences {
		if d.Stat == Rate && !(d.Now > 0.8*d.Base && d.Now < 1.25*d.Base) && d.Base > 0 {
			say("the load differs (%s/s then, %s/s now), and latency with it", analysis.Plain.Format(d.Base), analysis.Plain.Format(d.Now))
		}
	}
}

func (m Machine) String() string {
	return fmt.Sprintf("%s (%s/%s, %d CPUs)", orUnknown(m.Name), orUnknown(m.OS), orUnknown(m.Arch), m.CPUs)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// few are the first names of a list.
func few(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func (c *Comparison) sentence() string {
	words := map[Verdict]string{Worse: "worse than", Better: "better than", Same: "the same as", Inconclusive: "inconclusive against"}
	var of []string
	for _, v := range []Verdict{Worse, Better, Inconclusive} {
		n, where := 0, ""
		c.all(func(s *Compared, d *Difference) {
			if d.Verdict == v {
				if n++; where == "" {
					where = s.Step + " " + string(d.Stat)
				}
			}
		})
		switch {
		case n == 1:
			of = append(of, fmt.Sprintf("%s %s", where, v))
		case n > 1:
			of = append(of, fmt.Sprintf("%d figures %s", n, v))
		}
	}
	if len(of) == 0 {
		of = append(of, fmt.Sprintf("no figure differs by %s or more", analysis.Share.Format(c.Options.Least)))
	}
	return fmt.Sprintf("%s the baseline of %s: %s", words[c.Verdict], c.Base.Started.Format("2006-01-02 15:04"), strings.Join(of, ", "))
}

// maxShown is how many differences a summary shows of each kind.
const maxShown = 10

// Lines are the comparison for a summary on a terminal: the sentence, what is worse, what is better, what the total cannot
// tell, what must be known, and how it was judged.
func (c *Comparison) Lines() []string {
	out := []string{c.Finding}
	for _, v := range []Verdict{Worse, Better} {
		n := 0
		c.all(func(s *Compared, d *Difference) {
			if d.Verdict != v {
				return
			}
			if n++; n <= maxShown {
				out = append(out, s.Step+" "+d.String())
			}
		})
		if n > maxShown {
			out = append(out, fmt.Sprintf("and %d more that are %s", n-maxShown, v))
		}
	}
	for _, d := range c.Total.Differences {
		if d.Verdict == Inconclusive {
			out = append(out, c.Total.Step+" "+d.String())
		}
	}
	out = append(out, slices.Clone(c.Reasons)...)
	return append(out, fmt.Sprintf("judged by %s (%d); differences under %s of the base, or %s of the requests for errors, do not count",
		Test, c.Tests, analysis.Share.Format(c.Options.Least), analysis.Share.Format(c.Options.LeastErrors)))
}

// String is the difference with its interval: "p95 worse: 180 ms → 214 ms, +19 % (95 % CI +12 % to +26 %), p < 0.001".
func (d *Difference) String() string {
	unit, suffix := analysis.Seconds, ""
	switch d.Stat {
	case Errors:
		unit = analysis.Share
	case Rate:
		unit, suffix = analysis.Plain, "/s"
	}
	show := func(v float64) string {
		if math.IsNaN(v) {
			return "nothing"
		}
		return unit.Format(v) + suffix
	}
	out := fmt.Sprintf("%s %s: %s → %s", d.Stat, d.Verdict, show(d.Base), show(d.Now))
	if !math.IsNaN(d.P) && !math.IsNaN(d.Effect) {
		points := " %"
		if d.Stat == Errors {
			points = " points"
		}
		out += fmt.Sprintf(", %s (95 %% CI %s to %s), %s", signed(d.Effect)+points, signed(d.Lo)+points, signed(d.Hi)+points, analysis.Probability(d.Adjusted))
		if d.Paired {
			out += ", in pairs"
		}
	}
	if d.Why != "" {
		out += "; " + d.Why
	}
	return out
}

// signed is a share in percent with its sign, to a tenth, or to two digits when it is smaller.
func signed(v float64) string {
	p := v * 100
	if a := math.Abs(p); a > 0 && a < 0.1 {
		return fmt.Sprintf("%+.2g", p)
	}
	s := fmt.Sprintf("%+.1f", p)
	return strings.TrimSuffix(s, ".0")
}
