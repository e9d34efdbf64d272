package experiment

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

// faults are one row each: phase, title, what it touched, how it is undone and when; details on enter.
func (p *Pane) faults(pen widget.Pen, f *signal.Frame, width int) []line {
	var out []line
	for i := range f.Faults {
		s := &f.Faults[i]
		label := ""
		if i == 0 {
			label = "faults"
		}
		r := ref{faultRef, s.ID}
		out = append(out, line{ref: r, segs: append([]widget.Seg{seg(themes.Muted, pen.Left(label, labelWidth))}, faultSegs(pen, f, s, width)...)})
		note := func(role themes.Role, text string) {
			out = append(out, noted(pen, role, labelWidth, text, width)...)
		}
		if s.Phase == signal.FaultNeedsHuman && s.Remedy != "" {
			note(themes.Failed, "run this yourself: "+s.Remedy)
		}
		if s.Err != "" {
			note(themes.Failed, "error: "+s.Err)
		}
		if p.open[r] {
			note(themes.Muted, s.Title)
			note(themes.Muted, "kind "+s.Kind)
			note(themes.Muted, "targets "+strings.Join(s.Targets, ", "))
			if s.Undo != "" {
				note(themes.Muted, "undo: "+s.Undo)
			}
			if s.Remedy != "" && s.Phase != signal.FaultNeedsHuman {
				note(themes.Muted, "by hand: "+s.Remedy)
			}
		}
	}
	return out
}

// noted is a text below a row, as many cells to the right, whole: it goes on in further rows.
func noted(pen widget.Pen, role themes.Role, at int, text string, width int) []line {
	var out []line
	sign := pen.Glyph(widget.Branch) + " "
	for _, part := range widget.Wrap(text, max(width-at-2, 12)) {
		out = append(out, line{segs: []widget.Seg{seg(role, pen.Left("", at)+sign+part)}})
		sign = "  "
	}
	return out
}

func faultSegs(pen widget.Pen, f *signal.Frame, s *signal.FaultState, width int) []widget.Seg {
	glyph, role := widget.Pending, themes.Muted
	switch s.Phase {
	case signal.FaultInjecting, signal.FaultArmed, signal.FaultUndoing:
		glyph, role = widget.Warn, themes.Fault
	case signal.FaultUndone:
		glyph, role = widget.Passed, themes.OK
	case signal.FaultIrreversible:
		glyph, role = widget.Aborted, themes.Warning
	case signal.FaultNeedsHuman:
		glyph, role = widget.Alarm, themes.Failed
	}
	at, word := s.Injected, s.Phase.String()
	if s.Phase == signal.FaultUndone && !s.Undone.IsZero() {
		at = s.Undone
	}
	if !at.IsZero() && width >= 64 {
		word += " " + at.In(f.Now.Location()).Format("15:04:05")
	}
	segs := []widget.Seg{seg(role, pen.Glyph(glyph)+" "+s.Title+" "), seg(role, " "+word)}
	used := widget.Width(segs[0].Text + segs[1].Text)
	add := func(role themes.Role, text string) { // whole or not at all
		if used+2+widget.Width(text) <= width-labelWidth {
			segs = append(segs, seg(role, "  "+text))
			used += 2 + widget.Width(text)
		}
	}
	if s.Unit != "" {
		touched := themes.Text
		if s.Touched == 0 && s.Phase != signal.FaultPlanned {
			touched = themes.Warning
		}
		add(touched, counted(s.Touched, s.Unit))
	}
	if s.Phase == signal.FaultArmed && s.Undo != "" {
		add(themes.OK, "undo ready")
	}
	if s.Phase.Active() && !s.Until.IsZero() {
		add(themes.Text, "lease "+strconv.Itoa(int(max(s.Until.Sub(f.Now), 0).Seconds()))+"s")
	}
	add(themes.Muted, s.Kind+" on "+strings.Join(s.Targets, ", "))
	return segs
}

// counted is a number with its unit, which comes as a plural.
func counted(n uint64, unit string) string {
	if n == 1 {
		if s, ok := strings.CutSuffix(unit, "sses"); ok {
			unit = s + "ss"
		} else {
			unit = strings.TrimSuffix(unit, "s")
		}
	}
	return widget.Count(n) + " " + unit
}

// loadLines say what is sent and how it is answered.
func loadLines(pen widget.Pen, f *signal.Frame, width int) []line {
	label := seg(themes.Muted, pen.Left("load", labelWidth))
	l := f.Load
	if l == nil {
		return []line{{segs: []widget.Seg{label, seg(themes.Muted, "none: press "), seg(themes.Key, "l"), seg(themes.Muted, " to start a plan")}}}
	}
	glyph, state, role := widget.Pending, "ended", themes.Muted
	switch {
	case l.Paused:
		glyph, state, role = widget.Aborted, "paused", themes.Warning
	case l.Running:
		glyph, state, role = widget.Closed, "running", themes.Load
	}
	first := []widget.Seg{label, seg(role, pen.Glyph(glyph)+" "+l.Name+" "+state+" "+widget.Clock(l.Elapsed))}
	if l.Total > 0 {
		first = append(first, seg(themes.Muted, " / "+widget.Clock(l.Total)))
	}
	blank := seg(themes.Muted, pen.Left("", labelWidth))
	rate := []widget.Seg{seg(themes.Text, pen.Right(whole(l.Rate), 5)+" req/s")}
	if l.Target > 0 {
		rate = append(rate, seg(themes.Muted, " of "+whole(l.Target)+" planned "), seg(themes.Load, pen.Progress(l.Rate/l.Target, min(max(width/10, 4), 16))))
	}
	second := []widget.Seg{blank, seg(themes.Text, fmt.Sprintf("%5d in flight %6s done", l.InFlight, widget.Count(l.Done)))}
	if l.Users > 0 {
		second = append(second, seg(themes.Text, fmt.Sprintf(" %5d users", l.Users)))
	}
	if l.Missed > 0 {
		second = append(second, seg(themes.Warning, "  "+pen.Glyph(widget.Warn)+" "+widget.Count(l.Missed)+" missed"))
		if width >= 76 {
			second = append(second, seg(themes.Warning, ": generator saturated"))
		}
	}
	out := []line{{segs: append(append(first, seg(themes.Text, "  ")), rate...)}}
	if width < 70 {
		out = []line{{segs: first}, {segs: append([]widget.Seg{blank}, rate...)}}
	}
	out = append(out, line{segs: second}, line{segs: []widget.Seg{blank, seg(themes.Text, percentiles(pen, l, width)), seg(themes.Muted, fmt.Sprintf(" max %7s", took(pen, l.Max)))}})
	out = append(out, errorLines(pen, l, width)...)
	return append(append(out, stepLines(pen, l, width)...), requestLines(pen, f, l)...)
}

func percentiles(pen widget.Pen, l *signal.LoadState, width int) string {
	if width < 72 {
		return fmt.Sprintf("p50 %7s p95 %7s p99 %7s", took(pen, l.P50), took(pen, l.P95), took(pen, l.P99))
	}
	return fmt.Sprintf("p50 %7s  p90 %7s  p95 %7s  p99 %7s", took(pen, l.P50), took(pen, l.P90), took(pen, l.P95), took(pen, l.P99))
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

// whole is a rate without the digits that only flicker.
func whole(v float64) string {
	if v >= 9.95 && v < 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return widget.Number(v)
}

// errorLines say how many requests failed, and of what: beside it where there is room, else below.
func errorLines(pen widget.Pen, l *signal.LoadState, width int) []line {
	blank := seg(themes.Muted, pen.Left("", labelWidth))
	if l.Failed == 0 {
		return []line{{segs: []widget.Seg{blank, seg(themes.OK, pen.Glyph(widget.Passed)+" no failed request")}}}
	}
	kinds := make([]string, 0, len(l.Errors))
	for _, e := range l.Errors {
		kinds = append(kinds, e.Kind+" "+widget.Count(e.Count))
	}
	text, of := fmt.Sprintf("%s %s failed, now %s", pen.Glyph(widget.Failed), widget.Count(l.Failed), widget.Percent(100*l.ErrorRate)), strings.Join(kinds, ", ")
	first := line{segs: []widget.Seg{blank, seg(themes.Failed, text)}}
	if labelWidth+widget.Width(text)+2+widget.Width(of) <= width || of == "" {
		first.segs = append(first.segs, seg(themes.Muted, "  "+of))
		return []line{first}
	}
	return append([]line{first}, noted(pen, themes.Muted, labelWidth, of, width)...)
}

func stepLines(pen widget.Pen, l *signal.LoadState, width int) []line {
	if len(l.Steps) == 0 {
		return nil
	}
	table := widget.NewTable(width-labelWidth, widget.Column{Title: "step", Min: 14}, widget.Column{Title: "req/s", Width: 6, Right: true},
		widget.Column{Title: "failed", Width: 6, Right: true, Drop: 2}, widget.Column{Title: "p50", Width: 7, Right: true, Drop: 4},
		widget.Column{Title: "p95", Width: 7, Right: true, Drop: 1}, widget.Column{Title: "p99", Width: 7, Right: true, Drop: 3})
	blank := seg(themes.Muted, pen.Left("", labelWidth))
	out := []line{{segs: append([]widget.Seg{blank}, table.Header(pen)...)}}
	for _, s := range l.Steps {
		failed := themes.Muted
		if s.Failed > 0 {
			failed = themes.Failed
		}
		out = append(out, line{segs: append([]widget.Seg{blank}, table.Segs(pen, seg(themes.Text, s.Name), seg(themes.Text, whole(s.Rate)),
			seg(failed, widget.Count(s.Failed)), seg(themes.Text, took(pen, s.P50)), seg(themes.Text, took(pen, s.P95)), seg(themes.Text, took(pen, s.P99)))...)})
	}
	return out
}

// requestLines are the load's own exemplars, each a way to a trace.
func requestLines(pen widget.Pen, f *signal.Frame, l *signal.LoadState) []line {
	var out []line
	for _, e := range l.Exemplars {
		if e.TraceID.IsZero() || len(out) == 5 {
			continue
		}
		label := ""
		if len(out) == 0 {
			label = "look at"
		}
		what, role := fmt.Sprintf("HTTP %d", e.Status), themes.Text
		if e.Status == 0 {
			what = "no answer"
		}
		if e.Err != "" {
			what, role = pen.Glyph(widget.Failed)+" "+e.Err, themes.Failed
		}
		out = append(out, line{ref: ref{requestRef, e.TraceID.String()}, segs: []widget.Seg{seg(themes.Muted, pen.Left(label, labelWidth)),
			seg(themes.Focus, pen.Glyph(widget.Exemplar)+" "+e.TraceID.Short()+" "), seg(themes.Muted, e.At.In(f.Now.Location()).Format("15:04:05")+" "),
			seg(themes.Text, pen.Right(widget.Duration(e.Latency), 7)+" "+e.Step+" "), seg(role, what)}})
	}
	return out
}

// flow lays words of several rows' length out behind a label.
func flow(pen widget.Pen, label string, items [][]widget.Seg, width int) []line {
	var out []line
	var cur []widget.Seg
	used := 0
	start := func() {
		text := ""
		if len(out) == 0 {
			text = label
		}
		cur, used = []widget.Seg{seg(themes.Muted, pen.Left(text, labelWidth))}, labelWidth
	}
	start()
	for _, it := range items {
		w := 0
		for _, s := range it {
			w += widget.Width(s.Text)
		}
		if used > labelWidth && used+2+w > width {
			out = append(out, line{segs: cur})
			start()
		}
		if used > labelWidth {
			cur = append(cur, seg(themes.Text, "  "))
			used += 2
		}
		cur = append(cur, it...)
		used += w
	}
	return append(out, line{segs: cur})
}

func processLines(pen widget.Pen, list []signal.Process, width int) []line {
	if len(list) == 0 {
		return nil
	}
	items := make([][]widget.Seg, 0, len(list))
	for _, p := range list {
		glyph, role, word := widget.Warn, themes.Warning, " "+p.State
		switch p.State {
		case "up":
			glyph, role, word = widget.Passed, themes.OK, ""
		case "down":
			glyph, role = widget.Failed, themes.Failed
		}
		if p.Restarts > 0 {
			word += fmt.Sprintf(" %d restarts", p.Restarts)
			if p.Restarts == 1 {
				word = strings.TrimSuffix(word, "s")
			}
		}
		items = append(items, []widget.Seg{seg(role, pen.Glyph(glyph)+" "), seg(themes.Text, p.Name), seg(role, word)})
	}
	return flow(pen, "up", items, width)
}

func switchLines(pen widget.Pen, list []signal.Switch, width int) []line {
	if len(list) == 0 {
		return nil
	}
	items := make([][]widget.Seg, 0, len(list))
	for _, s := range list {
		state, role := "off", themes.Muted
		if s.On {
			state, role = "on", themes.OK
		}
		items = append(items, []widget.Seg{seg(themes.Text, s.Name+" "), seg(role, state)})
	}
	return flow(pen, "switch", items, width)
}
