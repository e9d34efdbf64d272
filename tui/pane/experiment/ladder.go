package experiment

import (
	"fmt"
	"strings"
	"time"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// squeeze makes one blank of many: for a copied row.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

func seg(r themes.Role, text string) widget.Seg { return widget.Seg{Role: r, Text: text} }

// labelWidth is the room of the words that stand before a section's rows.
const labelWidth = 8

// lines lists everything there is to show, most important first.
func (p *Pane) lines(pen widget.Pen, ctx pane.Context) []line {
	f := ctx.Frame
	if f == nil {
		return []line{{segs: []widget.Seg{seg(themes.Muted, "waiting for the first frame")}}}
	}
	width := ctx.Width - 2 // cursor's mark and scroll mark
	var out []line
	if e := f.Experiment; e != nil {
		out = append(out, head(pen, e, width))
		out = append(out, question(pen, f, width)...)
		out = append(out, verdict(pen, f, width, ctx.Height)...)
		if e.Hypothesis != "" && ctx.Height >= 12 {
			for _, text := range widget.Wrap(e.Hypothesis, max(width-2, 1)) {
				out = append(out, line{segs: []widget.Seg{seg(themes.Muted, text)}})
			}
		}
		out = append(out, p.probes(pen, ctx, e, width)...)
		out = append(out, method(pen, e, width)...)
		out = append(out, skipped(pen, e, width)...)
	} else {
		out = append(out, line{segs: []widget.Seg{seg(themes.Text, "no experiment yet: press "), seg(themes.Key, "e"), seg(themes.Text, " to pick one")}},
			line{segs: []widget.Seg{seg(themes.Muted, "first you read what it will hit; ctrl+x takes it back")}})
	}
	out = append(out, p.faults(pen, f, width)...)
	out = append(out, loadLines(pen, f, width)...)
	out = append(out, processLines(pen, f.Processes, width)...)
	return append(out, switchLines(pen, f.Switches, width)...)
}

// head is the title with phase and clock on the right.
func head(pen widget.Pen, e *signal.ExperimentState, width int) line {
	right := fmt.Sprintf("%s  %s / %s", e.Phase, widget.Clock(e.Elapsed), widget.Clock(e.Total))
	role := themes.Accent
	if e.Phase == signal.PhaseDone {
		role = themes.Muted
	}
	title := e.Title
	if title == "" {
		title = e.Name
	}
	room := width - widget.Width(right) - 1
	if room < 10 {
		return line{segs: []widget.Seg{seg(role, right+" "), seg(themes.Title, title)}}
	}
	return line{segs: []widget.Seg{seg(themes.Title, pen.Left(title, room)+" "), seg(role, right)}}
}

// checkGlyph is the sign and role of a probe's state.
func checkGlyph(c signal.Check) (widget.Glyph, themes.Role) {
	switch c {
	case signal.CheckPassed:
		return widget.Passed, themes.OK
	case signal.CheckFailed:
		return widget.Failed, themes.Failed
	case signal.CheckUnknown:
		return widget.Unknown, themes.Warning
	case signal.CheckError:
		return widget.Alarm, themes.Warning
	}
	return widget.Pending, themes.Muted
}

// The columns of the ladder.
const (
	colGlyph = iota
	colName
	colValue
	colExpect
	colWord
	colSpark
	colBefore
	colDuring
	colAfter
	colSince
	colTrace
)

func ladder(width int, e *signal.ExperimentState) (widget.Table, bool) {
	value, expect := 6, 6
	for _, s := range e.Probes {
		value = min(max(value, widget.Width(s.Value)), 14)
		expect = min(max(expect, widget.Width(s.Expect)), 16)
	}
	words := width >= 104 // room for "before ✔  during ✔  after ·"
	name, before, during, after := 8, 1, 1, 1
	head := []string{"b", "d", "a"}
	if words {
		before, during, after = 8, 8, 7
		head = []string{"", "", ""}
	}
	for _, s := range e.Probes {
		name = min(max(name, widget.Width(s.Name)), 16)
	}
	return widget.NewTable(width,
		widget.Column{Width: 1},
		widget.Column{Title: "probe", Min: name},
		widget.Column{Title: "now", Width: value, Right: true},
		widget.Column{Title: "expect", Width: expect, Drop: 2},
		widget.Column{Title: "is", Width: 7, Drop: 3},
		widget.Column{Title: "", Width: min(max(width/9, 6), 24), Drop: 5},
		widget.Column{Title: head[0], Width: before, Drop: 4},
		widget.Column{Title: head[1], Width: during, Drop: 4},
		widget.Column{Title: head[2], Width: after, Drop: 4},
		widget.Column{Title: "since", Width: 8, Drop: 7},
		widget.Column{Title: "trace", Width: 10, Drop: 6},
	), words
}

func (p *Pane) probes(pen widget.Pen, ctx pane.Context, e *signal.ExperimentState, width int) []line {
	table, words := ladder(width, e)
	var out []line
	if ctx.Height >= 9 && len(e.Probes) > 0 {
		out = append(out, line{segs: table.Header(pen)})
	}
	for i := range e.Probes {
		s := &e.Probes[i]
		r := ref{probeRef, s.Name}
		out = append(out, line{ref: r, segs: rung(pen, ctx, table, words, s)})
		if p.open[r] {
			out = append(out, all(pen, ctx, s, width)...)
		}
		if red(s) && table.ColumnWidth(colTrace) == 0 && (s.Now == signal.CheckFailed || !s.TraceID.IsZero()) {
			out = append(out, line{segs: behind(pen, ctx, s)})
		}
		if s.Err != "" {
			out = append(out, noted(pen, themes.Warning, 2, wordOf(s)+": "+s.Err, width)...)
		}
		if s.Recovered && s.Recovery > 0 {
			out = append(out, line{segs: []widget.Seg{seg(themes.OK, "  "+pen.Glyph(widget.Branch)+" good again "+widget.Duration(s.Recovery)+" after the undo")}})
		}
	}
	return out
}

// all is what there is to know of a probe, for those who have no room for its columns or whose texts are longer than they are.
func all(pen widget.Pen, ctx pane.Context, s *signal.ProbeState, width int) []line {
	text := strings.TrimSpace(s.Name + ": " + s.Value)
	text += ", expected " + s.Expect + ", " + s.Now.String()
	if !s.Since.IsZero() {
		text += " since " + s.Since.In(ctx.Frame.Now.Location()).Format("15:04:05")
	}
	out := noted(pen, themes.Text, 2, text, width)
	out = append(out, noted(pen, themes.Muted, 2, fmt.Sprintf("before %s, during %s, after %s", s.Before, s.During, s.After), width)...)
	if !s.TraceID.IsZero() {
		out = append(out, noted(pen, themes.Focus, 2, "trace "+s.TraceID.String(), width)...)
	}
	return out
}

// wordOf says what an error text is about: no data, or a measurement that went wrong.
func wordOf(s *signal.ProbeState) string {
	if s.Now == signal.CheckError {
		return "error"
	}
	return "unknown"
}

// behind says in a row of its own what the narrow ladder has no columns for: since when, and the exemplar.
func behind(pen widget.Pen, ctx pane.Context, s *signal.ProbeState) []widget.Seg {
	text := "  " + pen.Glyph(widget.Branch)
	switch {
	case s.Now != signal.CheckFailed:
		text += " it failed"
	case !s.Since.IsZero():
		text += " since " + s.Since.In(ctx.Frame.Now.Location()).Format("15:04:05")
	}
	segs := []widget.Seg{seg(themes.Muted, text)}
	if !s.TraceID.IsZero() {
		segs = append(segs, seg(themes.Focus, "  "+pen.Glyph(widget.FocusMark)+" "+s.TraceID.Short()), seg(themes.Muted, " enter opens it"))
	}
	return segs
}

// rung is one probe's row.
func rung(pen widget.Pen, ctx pane.Context, table widget.Table, words bool, s *signal.ProbeState) []widget.Seg {
	glyph, role := checkGlyph(s.Now)
	text := themes.Text
	if s.Now == signal.CheckFailed {
		text = themes.Failed
	}
	value, since, trace := s.Value, "", ""
	if value == "" {
		value = "–"
		if pen.ASCII {
			value = "-"
		}
	}
	if !s.Since.IsZero() {
		since = s.Since.In(ctx.Frame.Now.Location()).Format("15:04:05")
	}
	if !s.TraceID.IsZero() {
		trace = pen.Glyph(widget.FocusMark) + " " + s.TraceID.Short()
	}
	spark := themes.Series0
	if s.Now == signal.CheckFailed {
		spark = themes.Failed
	}
	cells := make([]widget.Seg, 11)
	cells[colGlyph] = seg(role, pen.Glyph(glyph))
	cells[colName] = seg(text, s.Name)
	cells[colValue] = seg(text, value)
	cells[colExpect] = seg(themes.Muted, s.Expect)
	cells[colWord] = seg(role, s.Now.String())
	cells[colSpark] = seg(spark, pen.Spark(widget.Squash(s.History, table.ColumnWidth(colSpark)), table.ColumnWidth(colSpark)))
	cells[colBefore] = phase(pen, "before ", s.Before, words)
	cells[colDuring] = phase(pen, "during ", s.During, words)
	cells[colAfter] = phase(pen, "after ", s.After, words)
	cells[colSince] = seg(themes.Muted, since)
	cells[colTrace] = seg(themes.Focus, trace)
	return table.Segs(pen, cells...)
}

// phase is a probe's state in one phase: its sign, behind the phase's name where there is room.
func phase(pen widget.Pen, name string, c signal.Check, words bool) widget.Seg {
	g, role := checkGlyph(c)
	if !words {
		name = ""
	}
	return seg(role, name+pen.Glyph(g))
}

// skipped names the steps that were not taken.
func skipped(pen widget.Pen, e *signal.ExperimentState, width int) []line {
	var out []line
	for i, text := range e.Skipped {
		label := ""
		if i == 0 {
			label = "skipped"
		}
		for _, part := range widget.Wrap(text, max(width-labelWidth, 12)) {
			out = append(out, line{segs: []widget.Seg{seg(themes.Muted, pen.Left(label, labelWidth)), seg(themes.Warning, part)}})
			label = ""
		}
	}
	return out
}

// method draws the steps across time: in one row when they fit, else a row each.
func method(pen widget.Pen, e *signal.ExperimentState, width int) []line {
	if len(e.Steps) == 0 {
		return nil
	}
	const least = 4
	room := width - labelWidth
	fixed := 0
	var total time.Duration
	for i := range e.Steps {
		fixed += widget.Width(e.Steps[i].Title) + 1 + 1 + widget.Width(clockOf(e, i)) + 3
		total += max(e.Steps[i].End-e.Steps[i].Start, 0)
	}
	fixed -= 3
	bars := room - fixed
	if bars < least*len(e.Steps) || total <= 0 {
		return methodRows(pen, e, room)
	}
	segs := []widget.Seg{seg(themes.Muted, pen.Left("method", labelWidth))}
	for i, s := range e.Steps {
		if i > 0 {
			segs = append(segs, seg(themes.Border, " "+pen.Glyph(widget.Wall)+" "))
		}
		w := least + int(float64(bars-least*len(e.Steps))*float64(max(s.End-s.Start, 0))/float64(total))
		segs = append(segs, stepSegs(pen, e, i, s.Title+" ", min(w, 24))...)
	}
	return []line{{segs: segs}}
}

func methodRows(pen widget.Pen, e *signal.ExperimentState, room int) []line {
	name := 8
	for _, s := range e.Steps {
		name = max(name, widget.Width(s.Title))
	}
	name = min(name, max(room/2, 4))
	var out []line
	for i, s := range e.Steps {
		label := ""
		if i == 0 {
			label = "method"
		}
		segs := []widget.Seg{seg(themes.Muted, pen.Left(label, labelWidth))}
		bar := min(max(room-name-2-8, 3), 16)
		out = append(out, line{segs: append(segs, stepSegs(pen, e, i, pen.Left(s.Title, name)+" ", bar)...)})
	}
	return out
}

func stepSegs(pen widget.Pen, e *signal.ExperimentState, i int, title string, bar int) []widget.Seg {
	s := e.Steps[i]
	role, text := themes.Muted, themes.Muted
	if s.Fault {
		role = themes.Fault
	}
	length := max(s.End-s.Start, 1)
	if e.Elapsed >= s.Start && e.Elapsed < s.End && e.Phase != signal.PhaseDone {
		text = themes.Text
		if !s.Fault {
			role = themes.Text
		}
	}
	if s.Fault {
		text = themes.Fault
	}
	share := float64(e.Elapsed-s.Start) / float64(length)
	return []widget.Seg{seg(text, title), seg(role, pen.Progress(share, bar)), seg(themes.Muted, " "+clockOf(e, i))}
}

// clockOf is how far a step is: 13/30s while it runs, its length otherwise.
func clockOf(e *signal.ExperimentState, i int) string {
	s := e.Steps[i]
	length := s.End - s.Start
	if e.Elapsed >= s.Start && e.Elapsed < s.End && e.Phase != signal.PhaseDone {
		return fmt.Sprintf("%d/%ds", int((e.Elapsed - s.Start).Seconds()), int(length.Seconds()))
	}
	return fmt.Sprintf("%ds", int(length.Seconds()))
}
