package load

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

func seg(r themes.Role, text string) widget.Seg { return widget.Seg{Role: r, Text: text} }

// strip puts facts side by side, each whole or not at all; the first stands whatever the width.
type strip struct {
	segs  []widget.Seg
	used  int
	width int
}

func (s *strip) add(items ...widget.Seg) {
	w := 2
	for _, it := range items {
		w += widget.Width(it.Text)
	}
	if len(s.segs) > 1 && s.used+w > s.width {
		return
	}
	if len(s.segs) > 1 {
		s.segs = append(s.segs, seg(themes.Text, "  "))
	}
	s.segs = append(s.segs, items...)
	s.used += w
}

func newStrip(width int) *strip {
	return &strip{segs: []widget.Seg{seg(themes.Text, " ")}, used: 1, width: width}
}

// head is two rows: what runs and how it keeps to its plan, and what came of it.
func head(pen widget.Pen, l *signal.LoadState, width int) []string {
	glyph, state, role := widget.Pending, "ended", themes.Muted
	switch {
	case l.Paused:
		glyph, state, role = widget.Aborted, "held", themes.Warning
	case l.Running && !l.Adjustable:
		glyph, state, role = widget.Closed, "follows its plan", themes.Load
	case l.Running:
		glyph, state, role = widget.Closed, "running", themes.Load
	}
	first := newStrip(width)
	first.add(seg(role, pen.Glyph(glyph)+" "+state), seg(themes.Text, " "+widget.Clock(l.Elapsed)), seg(themes.Muted, total(l)))
	rate := []widget.Seg{seg(themes.Text, pen.Right(whole(l.Rate), 5)+" req/s")}
	if l.Target > 0 {
		rate = append(rate, seg(themes.Muted, " of "+whole(l.Target)+" planned"))
	}
	first.add(rate...)
	if l.Target > 0 && width >= 70 {
		first.add(seg(themes.Load, pen.Progress(l.Rate/l.Target, min(max(width/10, 6), 16))))
	}
	if l.Missed > 0 {
		first.add(seg(themes.Warning, pen.Glyph(widget.Warn)+" "+widget.Count(l.Missed)+" missed: generator saturated"))
	}
	second := newStrip(width)
	second.add(seg(themes.Text, widget.Count(l.Done)+" done"))
	if l.Failed > 0 {
		second.add(seg(themes.Failed, fmt.Sprintf("%s %s failed, now %s", pen.Glyph(widget.Failed), widget.Count(l.Failed), widget.Percent(100*l.ErrorRate))))
	} else {
		second.add(seg(themes.OK, pen.Glyph(widget.Passed)+" none failed"))
	}
	if width >= 76 || l.Failed == 0 {
		second.add(seg(themes.Text, "p95 "+pen.Right(took(pen, l.P95), 7)))
	}
	second.add(seg(themes.Text, strconv.Itoa(l.InFlight)+" in flight"))
	second.add(seg(themes.Text, strconv.Itoa(l.Users)+" users"))
	for _, e := range l.Errors {
		second.add(seg(themes.Failed, e.Kind), seg(themes.Muted, " "+widget.Count(e.Count)))
	}
	return []string{pen.Row(width, first.segs...), pen.Row(width, second.segs...)}
}

func total(l *signal.LoadState) string {
	if l.Total == 0 {
		return ""
	}
	return " / " + widget.Clock(l.Total)
}

// whole is a rate without the digits that only flicker.
func whole(v float64) string {
	if v >= 9.95 && v < 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return widget.Number(v)
}

// took is a latency; none is not the same as no time at all.
func took(pen widget.Pen, d time.Duration) string {
	switch {
	case d > 0:
		return widget.Duration(d)
	case pen.ASCII:
		return "-"
	}
	return "–"
}

// facts are the steps and the phases beside the list. Steps come first; the phases are a table where there is room, else
// one line; and what has no room is counted.
func facts(pen widget.Pen, ctx pane.Context, width, height int) []string {
	l := ctx.Frame.Load
	steps := stepLines(pen, l, width-1)
	short := flowPhases(pen, l, width-1)
	long := phaseTable(pen, l, width-1)
	phases := long
	if len(steps)+1+len(long) > height {
		phases = short
	}
	room := height - len(phases) - 1
	if room < 3 {
		phases, room = nil, height
	}
	if len(steps) > room {
		left := len(steps) - room + 1
		steps = append(steps[:max(room-1, 0):max(room-1, 0)], line{segs: []widget.Seg{seg(themes.Muted, fmt.Sprintf("and %d more rows in another view", left))}})
	}
	if len(phases) > 0 {
		steps = append(append(steps, line{}), phases...)
	}
	out := make([]string, 0, len(steps))
	for _, s := range steps {
		out = append(out, pen.Row(width, append([]widget.Seg{seg(themes.Text, " ")}, s.segs...)...))
	}
	return out
}

// stepLines are a table of the steps, with the figures of their protocol's own below each.
func stepLines(pen widget.Pen, l *signal.LoadState, width int) []line {
	if len(l.Steps) == 0 {
		return nil
	}
	latency := func(title string, drop int) widget.Column {
		return widget.Column{Title: title, Width: 7, Right: true, Drop: drop}
	}
	table := widget.NewTable(width, widget.Column{Title: "step", Min: 14}, widget.Column{Title: "req/s", Width: 6, Right: true},
		widget.Column{Title: "done", Width: 6, Right: true, Drop: 5}, widget.Column{Title: "failed", Width: 6, Right: true, Drop: 1},
		latency("p50", 3), latency("p90", 6), latency("p95", 2), latency("p99", 4))
	out := []line{{segs: table.Header(pen)}}
	for i := range l.Steps {
		s := &l.Steps[i]
		failed := themes.Muted
		if s.Failed > 0 {
			failed = themes.Failed
		}
		text := func(t string) widget.Seg { return seg(themes.Text, t) }
		out = append(out, line{ref: ref{stepRef, s.Name}, segs: table.Segs(pen, text(s.Name), text(whole(s.Rate)), text(widget.Count(s.Done)),
			seg(failed, widget.Count(s.Failed)), text(took(pen, s.P50)), text(took(pen, s.P90)), text(took(pen, s.P95)), text(took(pen, s.P99)))})
		if len(s.Extras) > 0 {
			var extras []string
			for _, x := range s.Extras {
				extras = append(extras, x.Name+" "+widget.Value(x.Value, x.Unit))
			}
			out = append(out, line{segs: []widget.Seg{seg(themes.Muted, pen.Glyph(widget.Branch)+" "+strings.Join(extras, "  "))}})
		}
	}
	return out
}

// phase is one part of a request's time, now and since the start.
type phase struct {
	name       string
	now, whole time.Duration
}

func phasesOf(l *signal.LoadState) []phase {
	n, t := l.Phases, l.PhasesTotal
	return []phase{{"resolve", n.Resolve, t.Resolve}, {"connect", n.Connect, t.Connect}, {"tls", n.TLS, t.TLS}, {"write", n.Write, t.Write},
		{"wait", n.Wait, t.Wait}, {"read", n.Read, t.Read}}
}

// phaseTable has a row for each phase, with a bar for its share of the last second.
func phaseTable(pen widget.Pen, l *signal.LoadState, width int) []line {
	if l.PhasesTotal.Sum() == 0 {
		return nil
	}
	table := widget.NewTable(width, widget.Column{Title: "phase of a request", Width: 18}, widget.Column{Title: "now", Width: 7, Right: true},
		widget.Column{Title: "", Min: 6, Drop: 1}, widget.Column{Title: "of the run", Width: 10, Right: true, Drop: 2})
	out := []line{{segs: table.Header(pen)}}
	sum := max(l.Phases.Sum(), 1)
	for i, ph := range phasesOf(l) {
		out = append(out, line{segs: table.Segs(pen, seg(themes.Text, ph.name), seg(themes.Text, took(pen, ph.now)),
			seg(themes.Series0+themes.Role(i), pen.Bar(float64(ph.now)/float64(sum), table.ColumnWidth(2))), seg(themes.Muted, took(pen, ph.whole)))})
	}
	return out
}

// flowPhases names the phases that took time in one line, the last second's before the run's.
func flowPhases(pen widget.Pen, l *signal.LoadState, width int) []line {
	if l.PhasesTotal.Sum() == 0 {
		return nil
	}
	one := func(label string, of func(phase) time.Duration) line {
		s := &strip{segs: []widget.Seg{seg(themes.Muted, pen.Left(label, 12))}, used: 10, width: width}
		list := phasesOf(l)
		slices.SortStableFunc(list, func(a, b phase) int { return cmp.Compare(of(b), of(a)) }) // what matters has room
		for _, ph := range list {
			if d := of(ph); d > 0 {
				s.add(seg(themes.Muted, ph.name+" "), seg(themes.Text, widget.Duration(d)))
			}
		}
		if len(s.segs) > 1 { // the label stands apart already
			return line{segs: s.segs}
		}
		return line{segs: append(s.segs, seg(themes.Muted, took(pen, 0)))}
	}
	return []line{one("phases now", func(p phase) time.Duration { return p.now }), one("of the run", func(p phase) time.Duration { return p.whole })}
}
