package load

import (
	"fmt"
	"time"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// ref names something the cursor can be on, so that it stays there while figures change around it.
type ref struct {
	kind refKind
	name string
}

type refKind uint8

const (
	nothing refKind = iota
	thresholdRef
	stepRef
	requestRef
)

// line is one row of the list before it is drawn.
type line struct {
	ref  ref
	segs []widget.Seg
}

// lines are the list: thresholds, steps where nothing beside the list shows them, requests.
func (p *Pane) lines(pen widget.Pen, ctx pane.Context, width int) []line {
	l := loadOf(ctx)
	if l == nil {
		return nil
	}
	out := thresholdLines(pen, l, width)
	if ctx.Width < wide {
		out = append(out, stepLines(pen, l, width)...)
		out = append(out, requestLines(pen, ctx.Frame, width)...)
		return append(out, flowPhases(pen, l, width)...)
	}
	if len(ctx.Frame.Load.Exemplars) == 0 { // else their heading divides the two lists
		out = append(out, line{})
	}
	return append(out, requestLines(pen, ctx.Frame, width)...)
}

var checks = map[signal.Check]struct {
	glyph widget.Glyph
	role  themes.Role
	word  string
}{
	signal.CheckPending: {widget.Pending, themes.Muted, "not judged yet"},
	signal.CheckPassed:  {widget.Passed, themes.OK, "passed"},
	signal.CheckFailed:  {widget.Failed, themes.Failed, "failed"},
	signal.CheckUnknown: {widget.Unknown, themes.Warning, "inconclusive"},
	signal.CheckError:   {widget.Alarm, themes.Warning, "error"},
}

func thresholdLines(pen widget.Pen, l *signal.LoadState, width int) []line {
	if len(l.Thresholds) == 0 {
		return []line{{segs: []widget.Seg{seg(themes.Muted, "the plan has no thresholds: nothing is judged")}}}
	}
	table := widget.NewTable(width, widget.Column{Width: 1}, widget.Column{Title: "threshold", Width: min(max(width/4, 12), 28)},
		widget.Column{Title: "expected", Width: 10, Drop: 1}, widget.Column{Title: "value", Width: 8, Right: true},
		widget.Column{Title: "state", Min: 6})
	out := []line{{segs: table.Header(pen)}}
	for i := range l.Thresholds {
		t := &l.Thresholds[i]
		c := checks[t.Check]
		state := c.word
		if t.Why != "" {
			state += ": " + t.Why
		}
		value := t.Value
		if value == "" {
			value = took(pen, 0)
		}
		out = append(out, line{ref: ref{thresholdRef, t.Name + t.Expect}, segs: table.Segs(pen, seg(c.role, pen.Glyph(c.glyph)), seg(themes.Text, t.Name),
			seg(themes.Muted, t.Expect), seg(c.role, value), seg(c.role, state))})
	}
	return out
}

// requestLines are the load's own exemplars, each a way to a trace or to log lines.
func requestLines(pen widget.Pen, f *signal.Frame, width int) []line {
	if len(f.Load.Exemplars) == 0 {
		return []line{{segs: []widget.Seg{seg(themes.Muted, "no slow or failed request was kept in the last minute")}}}
	}
	table := widget.NewTable(width, widget.Column{Width: 1}, widget.Column{Title: "request", Width: 8}, widget.Column{Title: "done", Width: 8, Drop: 2},
		widget.Column{Title: "took", Width: 7, Right: true}, widget.Column{Title: "step", Min: 10, Drop: 1}, widget.Column{Title: "answer", Min: 10})
	out := []line{{segs: []widget.Seg{seg(themes.Title, "slowest and failed requests"), seg(themes.Muted, " of the last minute")}}, {segs: table.Header(pen)}}
	for i := range f.Load.Exemplars {
		e := &f.Load.Exemplars[i]
		mark, role := widget.Exemplar, themes.Focus
		what, tone := fmt.Sprintf("status %d", e.Status), themes.Text
		if e.Status == 0 {
			what = "answered"
		}
		if e.Err != "" {
			what, tone = pen.Glyph(widget.Failed)+" "+e.Err, themes.Failed
		}
		if e.TraceID.IsZero() {
			mark, role = widget.Pending, themes.Muted
		}
		out = append(out, line{ref: ref{requestRef, requestName(e)}, segs: table.Segs(pen, seg(role, pen.Glyph(mark)), seg(role, short(e)),
			seg(themes.Muted, e.At.In(f.Now.Location()).Format(time.TimeOnly)), seg(themes.Text, widget.Duration(e.Latency)), seg(themes.Text, e.Step), seg(tone, what))})
	}
	return out
}

// requestName tells requests apart: by trace, or by what their log lines carry.
func requestName(e *signal.RequestExemplar) string {
	if e.TraceID.IsZero() {
		return e.CorrelationID
	}
	return e.TraceID.String()
}

func short(e *signal.RequestExemplar) string {
	if e.TraceID.IsZero() {
		return signal.CorrelationID(e.CorrelationID).Short()
	}
	return e.TraceID.Short()
}

// rows draws the list in an area.
func (p *Pane) rows(pen widget.Pen, ctx pane.Context, a area) []string {
	p.list = a
	lines := p.lines(pen, ctx, a.w-2)
	p.Settle(len(lines), standsFor(lines), a.h)
	out := make([]string, 0, a.h)
	for y := range a.h {
		i := p.Top + y
		if i >= len(lines) {
			break
		}
		on := lines[i].ref.kind != nothing && lines[i].ref == p.At
		mark := " "
		if on {
			mark = pen.Glyph(widget.Cursor)
		}
		segs := append([]widget.Seg{seg(themes.Accent, mark)}, lines[i].segs...)
		out = append(out, pen.Line(on && ctx.Active, a.w-1, segs...)+pen.Row(1, pen.ScrollMark(y, a.h, p.Top, len(lines))))
	}
	return pen.Page(out, a.w, a.h)
}

// standsFor tells what each line stands for.
func standsFor(lines []line) func(i int) ref { return func(i int) ref { return lines[i].ref } }

func anything(ref) bool { return true }
