package report

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
)

//go:embed report.html
var page string

// view is what the page's template needs besides the document.
type view struct {
	*Document
	Tone   string // of the verdict: good, bad, warning
	Story  []string
	Cards  []probeCard
	Charts []chart
	Empty  []string // charts without data
	Took   string
}

type probeCard struct {
	Probe
	Tone   string
	Phases []phaseCell
	Chart  chart
}

type phaseCell struct {
	Name, Glyph, Tone string
	Big, Small, Count string
}

// writeHTML makes one page that needs nothing else: no script, no font, no picture from elsewhere. The document is
// harmless already, and the template escapes for its place whatever it is given.
func writeHTML(w io.Writer, d *Document) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"since": d.since, "undone": d.undone, "duration": duration, "optional": optional, "glyph": glyph, "join": strings.Join,
		"when":      func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"share":     Fault.share,
		"touched":   Fault.touched,
		"latency":   latency,
		"rate":      func(v float64) string { return value(v, "/s") },
		"waterfall": waterfall,
		"offset":    func(t Trace, l Log) string { return "+" + l.Time.Sub(t.Start).Round(time.Millisecond).String() },
		"level":     func(l string) string { return map[string]string{"ERROR": "bad", "FATAL": "bad", "WARN": "warning"}[l] },
	}).Parse(page)
	if err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	if err := t.Execute(w, newView(d)); err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	return nil
}

var tones = map[string]string{passed: "good", failed: "bad", unknown: "warning", errored: "warning"}

func newView(d *Document) view {
	v := view{Document: d, Tone: "warning", Story: d.story(), Took: duration(SecondsOf(d.Summary.Ended.Sub(d.Summary.Started)))}
	switch d.Summary.Verdict {
	case "held":
		v.Tone = "good"
	case "did not hold", "rollback failed":
		v.Tone = "bad"
	}
	for _, p := range d.Probes {
		c := probeCard{Probe: p, Chart: d.probeChart(p)}
		worst := ""
		for _, ph := range []struct {
			name  string
			stats Stats
		}{{"before", p.Before}, {"during", p.During}, {"after", p.After}} {
			cell := phaseCell{Name: ph.name, Glyph: glyph(ph.stats.Check), Tone: tones[ph.stats.Check]}
			cell.Big, cell.Small = ph.stats.Typical.Text, "worst "+ph.stats.Worst.Text
			if ph.stats.Check == failed && ph.stats.Worst.Text != "" { // a good median beside a cross would be no help
				cell.Big, cell.Small = ph.stats.Worst.Text, "typical "+ph.stats.Typical.Text
			}
			if ph.stats.Worst.Text == "" || ph.stats.Typical.Text == "" || ph.stats.Worst.Text == ph.stats.Typical.Text {
				cell.Big, cell.Small = cmp.Or(ph.stats.Typical.Text, ph.stats.Worst.Text, ph.stats.Check), ""
			}
			if ph.stats.Failed > 0 {
				cell.Count = fmt.Sprintf("%d of %d readings bad", ph.stats.Failed, ph.stats.Readings)
			} else if ph.stats.Readings > 0 {
				cell.Count = plural(ph.stats.Readings, "reading")
			}
			if rank[ph.stats.Check] > rank[worst] {
				worst = ph.stats.Check
			}
			c.Phases = append(c.Phases, cell)
		}
		c.Tone = tones[worst]
		v.Cards = append(v.Cards, c)
	}
	for _, p := range d.Panels {
		if c := d.panelChart(p); c.Err != "" || len(c.Lines) == 0 {
			v.Empty = append(v.Empty, p.Title)
		} else {
			v.Charts = append(v.Charts, c)
		}
	}
	return v
}

// Rolled is the proof of the rollback in one sentence.
func (v view) Rolled() string { return v.rollback() }

// RolledTone is its colour.
func (v view) RolledTone() string {
	if _, all := v.rolledBack(); !all {
		return "bad"
	}
	return "good"
}

// Limits are the blast radius in words.
func (v view) Limits() string { return v.Blast.limits() }

// SwitchedOn are the switches that were on at the start, and SwitchedOff the others.
func (v view) SwitchedOn() string { return v.switched(true) }

// SwitchedOff are the switches that were off at the start.
func (v view) SwitchedOff() string { return v.switched(false) }

func (v view) switched(on bool) string {
	var out []string
	for _, s := range v.Switches {
		if s.On == on {
			out = append(out, s.Name)
		}
	}
	return strings.Join(out, ", ")
}

// story tells the run in a few plain sentences.
func (d *Document) story() []string {
	var out []string
	for _, f := range d.Faults {
		if f.Injected.IsZero() {
			out = append(out, fmt.Sprintf("%s was not injected.", f.Title))
			continue
		}
		s := fmt.Sprintf("%s was put in force at %s on %s (%s)", f.Title, d.since(f.Injected), strings.Join(f.Targets, ", "), f.share())
		if !f.Undone.IsZero() && f.State != "irreversible" {
			s += " for " + duration(SecondsOf(f.Undone.Sub(f.Injected)))
		}
		out = append(out, s+fmt.Sprintf(" and touched %s.", f.touched()))
	}
	var hurt []string
	for _, p := range d.Probes {
		if p.During.Check == failed {
			hurt = append(hurt, fmt.Sprintf("%s went from %s to %s at worst, expected %s", p.Name, p.Before.Typical.Text, p.During.Worst.Text, p.Expect))
		}
	}
	injected := slices.ContainsFunc(d.Faults, func(f Fault) bool { return !f.Injected.IsZero() })
	switch {
	case len(hurt) > 0 && d.Summary.Detected != nil:
		out = append(out, fmt.Sprintf("%s after the first fault it showed: %s.", duration(*d.Summary.Detected), strings.Join(hurt, "; ")))
	case len(hurt) > 0:
		out = append(out, strings.Join(hurt, "; ")+".")
	case injected:
		out = append(out, "No probe failed under the fault.")
	}
	if d.Summary.Recovered != nil {
		out = append(out, recovery(*d.Summary.Recovered))
	}
	return append(out, d.rollback())
}

func recovery(s Seconds) string {
	if s == 0 {
		return "The steady state was there when the faults were over."
	}
	return fmt.Sprintf("The steady state was back %s after the undo.", duration(s))
}

// bar is one span of the waterfall: a share of the trace's time, in per cent.
type bar struct {
	Span
	X, Width float64
	Indent   int
}

func waterfall(t Trace) []bar {
	total := float64(t.Took)
	for _, s := range t.Spans {
		total = max(total, float64(s.Offset+s.Took))
	}
	out := make([]bar, len(t.Spans))
	for i, s := range t.Spans {
		out[i] = bar{Span: s, Indent: min(max(s.Depth, 0), 12)}
		if total > 0 {
			out[i].X = round1(min(max(100*float64(s.Offset)/total, 0), 99.5))
			out[i].Width = round1(min(max(100*float64(s.Took)/total, 0.5), 100-out[i].X))
		}
	}
	return out
}
