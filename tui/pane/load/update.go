package load

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// Update implements pane.Pane.
func (p *Pane) Update(ctx pane.Context, msg tea.Msg) tea.Cmd {
	if _, frame := msg.(pane.FrameMsg); frame {
		return nil
	}
	p.rev++
	if loadOf(ctx) == nil {
		return nil
	}
	pen := widget.Pen{Theme: ctx.Theme, ASCII: ctx.ASCII}
	width, height := max(p.list.w-2, 1), max(p.list.h, 1)
	if p.list.w == 0 { // it was not drawn yet
		width, height = ctx.Width-2, ctx.Height
	}
	lines := p.lines(pen, ctx, width)
	p.Settle(len(lines), standsFor(lines), height)
	switch m := msg.(type) {
	case pane.ClickMsg:
		return p.click(ctx, lines, m)
	case pane.WheelMsg:
		p.Scroll(len(lines), m.Rows, height)
	case pane.ActionMsg:
		return p.act(ctx, lines, height, m.Action)
	}
	return nil
}

func (p *Pane) act(ctx pane.Context, lines []line, height int, a keymap.Action) tea.Cmd {
	switch a {
	case keymap.Up:
		p.step(lines, -1, height)
	case keymap.Down:
		p.step(lines, 1, height)
	case keymap.PageUp:
		p.Scroll(len(lines), -max(height-1, 1), height)
	case keymap.PageDown:
		p.Scroll(len(lines), max(height-1, 1), height)
	case keymap.Top:
		p.At = ref{}
		p.Scroll(len(lines), -len(lines), height)
	case keymap.Bottom:
		p.Scroll(len(lines), len(lines), height)
	case keymap.Left:
		p.turn(-1)
	case keymap.Right, keymap.Face:
		p.turn(1)
	case keymap.NextError:
		p.failed(ctx, lines, 1, height)
	case keymap.PrevError:
		p.failed(ctx, lines, -1, height)
	case keymap.Open:
		return p.enter(ctx)
	case keymap.FocusIt:
		if e := p.request(ctx); e != nil {
			return pane.Wish(pane.FocusMsg{ID: signal.CorrelationID(requestName(e))})
		}
		return pane.Wish(pane.StatusMsg{Text: "there is no request behind this row", Role: themes.Muted})
	case keymap.Copy, keymap.CopyRow:
		return p.copy(ctx, lines, a == keymap.CopyRow)
	}
	return nil
}

// turn goes to another face, from its top.
func (p *Pane) turn(by int) { p.face, p.Top = face((int(p.face)+by+int(numFaces))%int(numFaces)), 0 }

// step goes to the next thing; past the last one it scrolls what is below into sight.
func (p *Pane) step(lines []line, by, height int) {
	if !p.Step(len(lines), standsFor(lines), by, height, anything) {
		p.Scroll(len(lines), by, height)
	}
}

// failed goes to the next threshold or request that has failed.
func (p *Pane) failed(ctx pane.Context, lines []line, by, height int) {
	bad := map[ref]bool{}
	for i := range ctx.Frame.Load.Thresholds {
		t := &ctx.Frame.Load.Thresholds[i]
		bad[ref{thresholdRef, t.Name + t.Expect}] = t.Check == signal.CheckFailed
	}
	for i := range ctx.Frame.Load.Exemplars {
		e := &ctx.Frame.Load.Exemplars[i]
		bad[ref{requestRef, requestName(e)}] = e.Err != ""
	}
	p.Step(len(lines), standsFor(lines), by, height, func(r ref) bool { return bad[r] })
}

// request is the one that the cursor is on.
func (p *Pane) request(ctx pane.Context) *signal.RequestExemplar {
	if p.At.kind != requestRef {
		return nil
	}
	for i := range ctx.Frame.Load.Exemplars {
		if e := &ctx.Frame.Load.Exemplars[i]; requestName(e) == p.At.name {
			return e
		}
	}
	return nil
}

func (p *Pane) threshold(ctx pane.Context) *signal.LoadThreshold {
	if p.At.kind != thresholdRef {
		return nil
	}
	for i := range ctx.Frame.Load.Thresholds {
		if t := &ctx.Frame.Load.Thresholds[i]; t.Name+t.Expect == p.At.name {
			return t
		}
	}
	return nil
}

// enter goes to the trace of a request, or of one behind a threshold that has failed.
func (p *Pane) enter(ctx pane.Context) tea.Cmd {
	if e := p.request(ctx); e != nil {
		if e.TraceID.IsZero() {
			return pane.Wish(pane.FocusMsg{ID: signal.CorrelationID(e.CorrelationID)})
		}
		return pane.Wish(pane.OpenTraceMsg{ID: e.TraceID})
	}
	if t := p.threshold(ctx); t != nil {
		if !t.TraceID.IsZero() {
			return pane.Wish(pane.OpenTraceMsg{ID: t.TraceID})
		}
		text := fmt.Sprintf("%s %s: %s", t.Name, t.Expect, checks[t.Check].word)
		if t.Why != "" {
			text += ": " + t.Why
		}
		return pane.Wish(pane.StatusMsg{Text: text, Role: themes.Muted})
	}
	return nil
}

func (p *Pane) copy(ctx pane.Context, lines []line, row bool) tea.Cmd {
	if !row {
		if e := p.request(ctx); e != nil {
			return pane.Wish(pane.CopyMsg{Text: requestName(e)})
		}
		if t := p.threshold(ctx); t != nil {
			return pane.Wish(pane.CopyMsg{Text: t.Value})
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
	return pane.Wish(pane.CopyMsg{Text: strings.Join(strings.Fields(text), " ")})
}

// click selects a row or the request drawn at that cell; the second click opens it.
func (p *Pane) click(ctx pane.Context, lines []line, m pane.ClickMsg) tea.Cmd {
	hit := false
	if i := p.Top + m.Y - p.list.y; p.list.has(m.X, m.Y) && i >= 0 && i < len(lines) && lines[i].ref.kind != nothing {
		p.At, hit = lines[i].ref, true
	}
	for _, pl := range p.places {
		c := p.charts[pl.title]
		if c == nil || !pl.has(m.X, m.Y) {
			continue
		}
		all := requests(ctx.Frame.Load)
		if i, ok := c.At(m.X-pl.x, m.Y-pl.y); ok && i < len(all) {
			p.At, hit = ref{requestRef, all[i].TraceID.String()}, true
			p.Show(p.Find(len(lines), standsFor(lines)), max(p.list.h, 1))
		}
	}
	if hit && m.Double {
		return p.enter(ctx)
	}
	return nil
}
