package remote

import (
	"fmt"
	"strings"
	"time"
)

// shownParts bounds a list in a sentence.
const shownParts = 8

// notes say what must be known to read the summary.
func (m *Merged) notes() {
	by := map[PartState][]*Part{}
	for i := range m.Parts {
		p := &m.Parts[i]
		by[p.State] = append(by[p.State], p)
	}
	note := func(format string, args ...any) {
		m.Report.Notes = append(m.Report.Notes, fmt.Sprintf(format, args...))
	}
	counted := len(by[Running]) + len(by[Finished])
	switch still := len(by[Running]); {
	case still > 0:
		note("run %s: %d of %d parts, %d of them still running", m.Run, counted, len(m.Parts), still)
	default:
		note("run %s: %d of %d parts", m.Run, counted, len(m.Parts))
	}
	if lost := by[Lost]; len(lost) > 0 {
		note("lost, and not in the figures: %s", told(lost, func(p *Part) string {
			return fmt.Sprintf("part %s, last heard of %s with %d requests", p, p.progress(), p.Requests)
		}))
	}
	if silent := by[Silent]; len(silent) > 0 {
		note("never heard of, and not in the figures: %s", told(silent, func(p *Part) string { return "part " + p.String() }))
	}
	var early []*Part
	for _, p := range by[Finished] {
		if p.Planned > 0 && p.Elapsed < p.Planned-time.Second {
			early = append(early, p)
		}
	}
	if len(early) > 0 {
		note("ended early: %s", told(early, func(p *Part) string { return fmt.Sprintf("part %s %s", p, p.progress()) }))
	}
	if missing := len(m.Parts) - counted; missing > 0 {
		note("the target was loaded with less than the plan says: %d of %d parts are missing from some time on", missing, len(m.Parts))
	}
	note("percentiles are within %.2g %% of the true ones (native histograms, schema %d)", Error*100, Schema)
	if len(m.Others) > 0 {
		note("other runs of this plan: %s", strings.Join(m.Others[:min(len(m.Others), shownParts)], ", "))
	}
}

// progress is how far a part has come.
func (p *Part) progress() string {
	if p.Planned == 0 {
		return "after " + p.Elapsed.Round(100*time.Millisecond).String()
	}
	return fmt.Sprintf("after %s of %s", p.Elapsed.Round(100*time.Millisecond), p.Planned)
}

func told(parts []*Part, one func(*Part) string) string {
	var out []string
	for i, p := range parts {
		if i == shownParts {
			out = append(out, fmt.Sprintf("and %d more", len(parts)-i))
			break
		}
		out = append(out, one(p))
	}
	return strings.Join(out, "; ")
}
