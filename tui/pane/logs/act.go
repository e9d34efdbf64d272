package logs

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
)

// move moves the cursor by so many lines: off the newest line the tail is held, back on it it follows again.
func (p *Pane) move(ctx pane.Context, by int) {
	lines := p.locate(ctx, ctx.Height)
	if len(lines) == 0 {
		return
	}
	p.goTo(ctx, lines, p.list.Cursor+by)
}

// goTo puts the cursor on line i, and asks for more lines when it comes near the end of those that are here.
func (p *Pane) goTo(ctx pane.Context, lines []signal.Record, i int) {
	last := len(lines) - 1
	i = min(max(i, 0), last)
	if p.anchor != nil {
		p.at = lines[i].Seq
		return
	}
	if i == last && !p.ends.more {
		p.follow()
		return
	}
	p.held, p.at = lines, lines[i].Seq
	if paged(ctx) && (i < margin && !p.ends.first && len(lines) >= signal.PageSide || i > last-margin && p.ends.more) {
		p.seek(signal.SeekHere, &lines[i])
	}
}

func (p *Pane) act(ctx pane.Context, a keymap.Action) tea.Cmd {
	if p.open != nil {
		return p.actDetail(ctx, a)
	}
	if p.anchor != nil && (a == keymap.Leave || a == keymap.Context) {
		p.leaveContext()
		return nil
	}
	if a == keymap.Level {
		p.anchor = nil
		p.level = (p.level + 1) % len(levels)
		p.follow()
		return nil
	}
	lines := p.locate(ctx, ctx.Height)
	if len(lines) == 0 {
		return nil
	}
	r := lines[p.list.Cursor]
	if by, moves := a.Rows(max(ctx.Height-1, 1), len(lines)); moves {
		switch {
		case a == keymap.Bottom:
			p.follow()
		case a == keymap.Top && paged(ctx) && !p.ends.first && len(lines) >= signal.PageSide:
			p.held, p.at = lines, lines[0].Seq
			p.seek(signal.SeekOldest, &lines[0])
		default:
			p.goTo(ctx, lines, p.list.Cursor+by)
		}
		return nil
	}
	switch a {
	case keymap.Leave:
		p.follow()
	case keymap.Detail:
		p.show(&r)
	case keymap.Context:
		p.anchor, p.around, p.at = &r, nil, r.Seq
	case keymap.NextError:
		return p.nextError(ctx, lines, 1)
	case keymap.PrevError:
		return p.nextError(ctx, lines, -1)
	case keymap.Open, keymap.FocusIt:
		return p.focus(ctx.Frame, &r, a == keymap.Open)
	case keymap.Walk:
		return steps(ctx.Frame, &r).Wish("a line of " + r.Service)
	case keymap.Copy:
		return pane.Wish(pane.CopyMsg{Text: r.Body})
	case keymap.CopyRow:
		return pane.Wish(pane.CopyMsg{Text: fmt.Sprintf("%s %s %s %s trace_id=%s %s", r.Time.Format(time.RFC3339Nano), r.Severity, r.Service, r.Body, r.TraceID, r.Attrs)})
	}
	return nil
}

func (p *Pane) focus(f *signal.Frame, r *signal.Record, open bool) tea.Cmd {
	id := correlation(f, r)
	switch {
	case id == "" && open:
		p.show(r)
		return nil
	case id == "":
		return pane.Wish(pane.StatusMsg{Text: "this line carries neither a trace ID nor a request ID", Role: themes.Warning})
	case open && !r.TraceID.IsZero():
		return pane.Wish(pane.OpenTraceMsg{ID: r.TraceID})
	}
	return pane.Wish(pane.FocusMsg{ID: id})
}

func (p *Pane) nextError(ctx pane.Context, lines []signal.Record, by int) tea.Cmd {
	for i := p.list.Cursor + by; i >= 0 && i < len(lines); i += by {
		if lines[i].Severity >= signal.SeverityError {
			p.goTo(ctx, lines, i)
			if i == len(lines)-1 && p.anchor == nil { // the newest: stand on it rather than follow
				p.held, p.at = lines, lines[i].Seq
			}
			return nil
		}
	}
	if paged(ctx) && p.anchor == nil {
		here := &lines[p.list.Cursor]
		if by < 0 && !p.ends.first && len(lines) >= signal.PageSide {
			p.seek(signal.SeekErrorOlder, here)
			return nil
		}
		if by > 0 && p.ends.more {
			p.seek(signal.SeekErrorNewer, here)
			return nil
		}
	}
	text := "no newer error in this window"
	switch {
	case p.anchor != nil:
		text = "no more errors around this line"
	case by < 0:
		text = "no older error in this window"
	}
	return pane.Wish(pane.StatusMsg{Text: text, Role: themes.Muted})
}

func (p *Pane) click(ctx pane.Context, m pane.ClickMsg) tea.Cmd {
	lines := p.locate(ctx, ctx.Height)
	i := p.list.Top + m.Y
	if m.Y < 0 || i >= len(lines) {
		return nil
	}
	p.goTo(ctx, lines, i)
	if m.Double {
		r := lines[i]
		return p.focus(ctx.Frame, &r, true)
	}
	return nil
}
