// Package experiment is the pane of the hypothesis ladder: the probes of the experiment with their readings, the method
// across time, the faults that are in force, and below them the load and the processes it all happens to.
package experiment

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// Pane shows the experiment that runs or ran last. Make it with New; it is not safe for concurrent use.
type Pane struct {
	widget.Place[ref]
	open map[ref]bool

	run   time.Time // when the experiment that is shown began
	moved bool      // the operator has moved the cursor in this run: it is his
	memo  widget.Memo[key]
	rev   int
}

type key struct {
	ctx pane.Context
	rev int
}

// ref names something the cursor can be on, so that it stays there while readings change around it.
type ref struct {
	kind refKind
	name string
}

type refKind uint8

const (
	nothing refKind = iota
	probeRef
	faultRef
	requestRef
)

// line is one row of the pane before it is drawn.
type line struct {
	ref  ref
	segs []widget.Seg
	bg   themes.Role // with banner: the whole row stands out
	loud bool
}

// New makes the pane.
func New() *Pane { return &Pane{open: make(map[ref]bool)} }

// ID implements pane.Pane.
func (p *Pane) ID() string { return "experiment" }

// Title implements pane.Pane.
func (p *Pane) Title(ctx pane.Context) string {
	if ctx.Frame == nil || ctx.Frame.Experiment == nil {
		return "experiment"
	}
	e := ctx.Frame.Experiment
	t := "experiment " + e.Name
	if e.Verdict != signal.VerdictNone {
		return t + " " + e.Verdict.String()
	}
	return t + " " + e.Phase.String()
}

// Want implements pane.Pane: everything shown here is in every frame.
func (p *Pane) Want(*signal.View) {}

// Keys implements pane.Pane.
func (p *Pane) Keys(ctx pane.Context) []keymap.Action {
	if ctx.Frame == nil || ctx.Frame.Experiment == nil {
		return []keymap.Action{keymap.Experiments, keymap.LoadPlans, keymap.Switches}
	}
	keys := []keymap.Action{}
	if p.At.kind != nothing {
		keys = append(keys, keymap.Open)
	}
	if p.At.kind == probeRef || p.At.kind == faultRef {
		keys = append(keys, keymap.Detail)
	}
	if running(ctx.Frame) {
		keys = append(keys, keymap.Abort)
	} else {
		keys = append(keys, keymap.Experiments)
	}
	return append(keys, keymap.NextError, keymap.Switches, keymap.Copy, keymap.CopyRow)
}

func running(f *signal.Frame) bool {
	return f.Experiment != nil && f.Experiment.Phase != signal.PhaseIdle && f.Experiment.Phase != signal.PhaseDone
}

// View implements pane.Pane.
func (p *Pane) View(ctx pane.Context) []string {
	return p.memo.Rows(key{ctx, p.rev}, func() []string {
		pen := widget.Pen{Theme: ctx.Theme, ASCII: ctx.ASCII}
		lines := p.lines(pen, ctx)
		p.place(ctx, lines)
		rows := make([]string, 0, ctx.Height)
		for y := range ctx.Height {
			i := p.Top + y
			if i >= len(lines) {
				break
			}
			rows = append(rows, p.draw(pen, ctx, lines[i])+pen.Row(1, pen.ScrollMark(y, ctx.Height, p.Top, len(lines))))
		}
		return pen.Page(rows, ctx.Width, ctx.Height)
	})
}

func (p *Pane) draw(pen widget.Pen, ctx pane.Context, l line) string {
	width := ctx.Width - 1
	if l.loud {
		return pen.RowOn(l.bg, width, l.segs...)
	}
	at := l.ref.kind != nothing && l.ref == p.At
	mark := " "
	if at {
		mark = pen.Glyph(widget.Cursor)
	}
	segs := append([]widget.Seg{{Role: themes.Accent, Text: mark}}, l.segs...)
	return pen.Line(at && ctx.Active, width, segs...)
}

// place puts the cursor onto something that exists, and the top where the cursor can be seen.
func (p *Pane) place(ctx pane.Context, lines []line) {
	p.toRed(ctx, lines)
	p.Settle(len(lines), standsFor(lines), ctx.Height)
}

// toRed puts the cursor onto the probe that turned red, so that enter opens the trace behind it; not when the operator
// has moved the cursor himself in this run.
func (p *Pane) toRed(ctx pane.Context, lines []line) {
	if ctx.Frame == nil || ctx.Frame.Experiment == nil {
		return
	}
	e := ctx.Frame.Experiment
	if !e.Started.Equal(p.run) {
		p.run, p.moved, p.At, p.Top = e.Started, false, ref{}, 0
	}
	if p.moved {
		return
	}
	if s := p.probe(ctx); p.At.kind == probeRef && s != nil && red(s) && !s.TraceID.IsZero() {
		return // it stands there already
	}
	best := -1
	for i := range e.Probes {
		s := &e.Probes[i]
		if red(s) && (best < 0 || e.Probes[best].TraceID.IsZero() && !s.TraceID.IsZero()) {
			best = i
		}
	}
	if best < 0 || p.At == (ref{probeRef, e.Probes[best].Name}) {
		return
	}
	p.At = ref{probeRef, e.Probes[best].Name}
	p.Show(p.Find(len(lines), standsFor(lines)), ctx.Height)
}

// red reports whether the probe is or was outside what is expected.
func red(s *signal.ProbeState) bool {
	return s.Now == signal.CheckFailed || s.During == signal.CheckFailed || s.After == signal.CheckFailed || s.Before == signal.CheckFailed
}

// standsFor tells what each line stands for.
func standsFor(lines []line) func(i int) ref { return func(i int) ref { return lines[i].ref } }

func anything(ref) bool { return true }

// Update implements pane.Pane.
func (p *Pane) Update(ctx pane.Context, msg tea.Msg) tea.Cmd {
	p.rev++
	pen := widget.Pen{Theme: ctx.Theme, ASCII: ctx.ASCII}
	if ctx.Frame == nil {
		return nil
	}
	lines := p.lines(pen, ctx)
	p.place(ctx, lines)
	switch m := msg.(type) {
	case pane.ClickMsg:
		if i := p.Top + m.Y; m.Y >= 0 && i < len(lines) && lines[i].ref.kind != nothing {
			p.At, p.moved = lines[i].ref, true
			if m.Double {
				return p.enter(ctx)
			}
		}
	case pane.WheelMsg:
		p.moved = true
		p.Scroll(len(lines), m.Rows, ctx.Height)
	case pane.ActionMsg:
		return p.act(ctx, lines, m.Action)
	}
	return nil
}

func (p *Pane) act(ctx pane.Context, lines []line, a keymap.Action) tea.Cmd {
	h := ctx.Height
	switch a {
	case keymap.Up, keymap.Down, keymap.PageUp, keymap.PageDown, keymap.Top, keymap.Bottom, keymap.NextError, keymap.PrevError:
		p.moved = true
	}
	switch a {
	case keymap.Up:
		p.step(lines, -1, h)
	case keymap.Down:
		p.step(lines, 1, h)
	case keymap.PageUp:
		p.Scroll(len(lines), -max(h-1, 1), h)
	case keymap.PageDown:
		p.Scroll(len(lines), max(h-1, 1), h)
	case keymap.Top:
		p.At = ref{}
		p.Scroll(len(lines), -len(lines), h)
	case keymap.Bottom:
		p.Scroll(len(lines), len(lines), h)
	case keymap.NextError:
		p.failed(ctx, lines, 1)
	case keymap.PrevError:
		p.failed(ctx, lines, -1)
	case keymap.Open:
		return p.enter(ctx)
	case keymap.Detail:
		if p.At.kind == probeRef || p.At.kind == faultRef {
			p.unfold()
		}
	case keymap.FocusIt:
		if id := p.trace(ctx); !id.IsZero() {
			return pane.Wish(pane.FocusMsg{ID: signal.CorrelationID(id.String())})
		}
		return pane.Wish(pane.StatusMsg{Text: "no request is known that stands for this row", Role: themes.Muted})
	case keymap.Copy, keymap.CopyRow:
		return p.copy(ctx, lines, a == keymap.CopyRow)
	}
	return nil
}

// step goes to the next thing; past the last one it scrolls what is below into sight.
func (p *Pane) step(lines []line, by, height int) {
	if !p.Step(len(lines), standsFor(lines), by, height, anything) {
		p.Scroll(len(lines), by, height)
	}
}

// failed goes to the next probe that has failed.
func (p *Pane) failed(ctx pane.Context, lines []line, by int) {
	if ctx.Frame.Experiment == nil {
		return
	}
	bad := make(map[string]bool)
	for _, s := range ctx.Frame.Experiment.Probes {
		bad[s.Name] = red(&s)
	}
	for i := p.Find(len(lines), standsFor(lines)) + by; i >= 0 && i < len(lines); i += by {
		if r := lines[i].ref; r.kind == probeRef && bad[r.name] {
			p.At = r
			return
		}
	}
}

// trace is the exemplar behind what the cursor is on.
func (p *Pane) trace(ctx pane.Context) signal.TraceID {
	switch p.At.kind {
	case probeRef:
		if s := p.probe(ctx); s != nil {
			return s.TraceID
		}
	case requestRef:
		if l := ctx.Frame.Load; l != nil {
			for _, e := range l.Exemplars {
				if e.TraceID.String() == p.At.name {
					return e.TraceID
				}
			}
		}
	}
	return signal.TraceID{}
}

func (p *Pane) probe(ctx pane.Context) *signal.ProbeState {
	if e := ctx.Frame.Experiment; e != nil {
		for i := range e.Probes {
			if e.Probes[i].Name == p.At.name {
				return &e.Probes[i]
			}
		}
	}
	return nil
}

// enter goes from a red probe to the trace that broke it, and opens the details of a fault.
func (p *Pane) enter(ctx pane.Context) tea.Cmd {
	if id := p.trace(ctx); !id.IsZero() {
		return pane.Wish(pane.OpenTraceMsg{ID: id})
	}
	switch p.At.kind {
	case faultRef:
		p.unfold()
	case probeRef:
		p.unfold()
		return pane.Wish(pane.StatusMsg{Text: p.At.name + " has no exemplar: it leads to a trace once it has failed on a traced request", Role: themes.Muted})
	}
	return nil
}

// unfold shows all that there is to know of what the cursor is on below it, and hides it again.
func (p *Pane) unfold() {
	if len(p.open) > 256 { // of runs and faults long gone
		clear(p.open)
	}
	p.open[p.At] = !p.open[p.At]
}

func (p *Pane) copy(ctx pane.Context, lines []line, row bool) tea.Cmd {
	if !row {
		if id := p.trace(ctx); !id.IsZero() {
			return pane.Wish(pane.CopyMsg{Text: id.String()})
		}
		if s := p.probe(ctx); p.At.kind == probeRef && s != nil {
			return pane.Wish(pane.CopyMsg{Text: s.Value})
		}
		if f := p.fault(ctx); f != nil && f.Remedy != "" {
			return pane.Wish(pane.CopyMsg{Text: f.Remedy})
		}
	}
	i := p.Find(len(lines), standsFor(lines))
	if i < 0 {
		return nil
	}
	text := ""
	for _, s := range lines[i].segs {
		text += s.Text
	}
	return pane.Wish(pane.CopyMsg{Text: squeeze(text)})
}

func (p *Pane) fault(ctx pane.Context) *signal.FaultState {
	if p.At.kind != faultRef {
		return nil
	}
	for i := range ctx.Frame.Faults {
		if ctx.Frame.Faults[i].ID == p.At.name {
			return &ctx.Frame.Faults[i]
		}
	}
	return nil
}

var _ pane.Pane = (*Pane)(nil)
