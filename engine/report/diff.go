package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// Diff is two runs side by side.
type Diff struct{ a, b *Document }

// Compare puts two runs side by side. Which one is older does not matter.
func Compare(a, b *Document) Diff { return Diff{harmless(a), harmless(b)} }

// Write prints the comparison as text: what the runs are, the numbers of each probe, and what differs between them.
func (x Diff) Write(out io.Writer) error {
	var text strings.Builder
	if err := x.table(&text); err != nil {
		return err
	}
	for _, l := range strings.Split(text.String(), "\n") {
		if _, err := fmt.Fprintln(out, strings.TrimRight(l, " ")); err != nil {
			return err
		}
	}
	a, b := x.a.Summary, x.b.Summary
	fmt.Fprintf(out, "A %s: %s\nB %s: %s\n\n", a.Verdict, a.Reason, b.Verdict, b.Reason)
	changed := x.Changed()
	if len(changed) == 0 {
		changed = []string{"nothing that was set differs: the same experiment, the same switches, the same gameday"}
	}
	_, err := fmt.Fprintln(out, strings.Join(changed, "\n"))
	return err
}

// table is the part in columns. Every row has all of them, so that they stand in line.
func (x Diff) table(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(cells ...string) {
		fmt.Fprintln(w, strings.Join(append(cells, make([]string, 4-len(cells))...), "\t"))
	}
	a, b := x.a.Summary, x.b.Summary
	row("", "A", "B")
	row("run", a.ID, b.ID)
	row("started", a.Started.Local().Format(time.DateTime), b.Started.Local().Format(time.DateTime))
	row("system", a.System+"/"+a.Environment, b.System+"/"+b.Environment, differs(a.System+a.Environment, b.System+b.Environment))
	row("verdict", a.Verdict, b.Verdict, differs(a.Verdict, b.Verdict))
	row("time to detect", optional(a.Detected, "-"), optional(b.Detected, "-"), change(seconds(a.Detected), seconds(b.Detected)))
	row("time to recover", optional(a.Recovered, "-"), optional(b.Recovered, "-"), change(seconds(a.Recovered), seconds(b.Recovered)))
	row()
	row("probe", "A", "B", "change")
	for _, p := range x.probes() {
		row(p.name)
		for _, phase := range []struct {
			name string
			a, b Stats
		}{{"before", p.a.Before, p.b.Before}, {"during", p.a.During, p.b.During}, {"after", p.a.After, p.b.After}} {
			row("  "+phase.name, x.cell(p.inA, phase.a), x.cell(p.inB, phase.b), change(phase.a.Typical.Value, phase.b.Typical.Value))
		}
	}
	x.load(row)
	return w.Flush()
}

func (x Diff) cell(known bool, s Stats) string {
	if !known {
		return "no such probe"
	}
	return glyph(s.Check) + " " + s.told()
}

func (x Diff) load(row func(...string)) {
	la, lb := x.a.Load, x.b.Load
	if la == nil || lb == nil {
		return
	}
	row()
	row("load", "A", "B", "change")
	row("  answers", fmt.Sprint(la.Total.Done), fmt.Sprint(lb.Total.Done), change(Number(la.Total.Done), Number(lb.Total.Done)))
	row("  failed", fmt.Sprint(la.Total.Failed), fmt.Sprint(lb.Total.Failed), change(Number(la.Total.Failed), Number(lb.Total.Failed)))
	row("  p95", latency(la.Total.P95), latency(lb.Total.P95), change(Number(la.Total.P95), Number(lb.Total.P95)))
	row("  p99", latency(la.Total.P99), latency(lb.Total.P99), change(Number(la.Total.P99), Number(lb.Total.P99)))
}

// pair is one probe in both runs.
type pair struct {
	name     string
	a, b     Probe
	inA, inB bool
}

// probes are those of A in their order, then those that only B has.
func (x Diff) probes() []pair {
	var out []pair
	for _, p := range x.a.Probes {
		out = append(out, pair{name: p.Name + " " + p.Expect, a: p, inA: true})
	}
next:
	for _, p := range x.b.Probes {
		for i := range out {
			if q := &out[i]; q.a.Name == p.Name && q.inA && !q.inB {
				q.b, q.inB = p, true
				if q.a.Expect != p.Expect {
					q.name += " (B: " + p.Expect + ")"
				}
				continue next
			}
		}
		out = append(out, pair{name: p.Name + " " + p.Expect, b: p, inB: true})
	}
	return out
}

// Changed lists what was set differently: the experiment, the switches, the program. One sentence each.
func (x Diff) Changed() []string {
	var out []string
	a, b := x.a, x.b
	switch {
	case a.Summary.Name != b.Summary.Name:
		out = append(out, fmt.Sprintf("these are different experiments: %s and %s", a.Summary.Name, b.Summary.Name))
	case a.File.SHA256 != b.File.SHA256:
		out = append(out, fmt.Sprintf("the experiment's file (%.12s… and %.12s…)", a.File.SHA256, b.File.SHA256))
	}
	was := map[string]bool{}
	for _, s := range a.Switches {
		was[s.Name] = s.On
	}
	for _, now := range []bool{true, false} {
		var turned []string
		for _, s := range b.Switches {
			if before, known := was[s.Name]; known && before != s.On && s.On == now {
				turned = append(turned, s.Name)
			}
		}
		if len(turned) > 0 {
			out = append(out, fmt.Sprintf("%s in B, not in A: %s", map[bool]string{true: "switched on", false: "switched off"}[now], strings.Join(turned, ", ")))
		}
	}
	for i, f := range a.Faults {
		if i < len(b.Faults) && strings.Join(f.Targets, " ") != strings.Join(b.Faults[i].Targets, " ") {
			out = append(out, fmt.Sprintf("%s hit %s, then %s", f.Title, strings.Join(f.Targets, " "), strings.Join(b.Faults[i].Targets, " ")))
		}
	}
	if a.Program.Version != b.Program.Version {
		out = append(out, fmt.Sprintf("gameday %s → %s", a.Program.Version, b.Program.Version))
	}
	return out
}

func differs(a, b string) string {
	if a == b {
		return ""
	}
	return "≠"
}

func seconds(s *Seconds) Number {
	if s == nil {
		return Number(math.NaN())
	}
	return Number(*s)
}

// change is how a number changed, as a share of what it was.
func change(a, b Number) string {
	switch {
	case !a.Known() || !b.Known() || a == b:
		return ""
	case a == 0:
		return "from 0"
	}
	share := float64((b - a) / a * 100)
	switch {
	case math.Abs(share) < 0.5:
		return ""
	case math.Abs(share) > 1000:
		return fmt.Sprintf("×%.0f", float64(b/a))
	}
	return fmt.Sprintf("%+.0f %%", share)
}
