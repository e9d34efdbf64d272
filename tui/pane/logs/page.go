package logs

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
)

// margin is how many lines from the end of those that are here more are asked for: a few screens, so that they have come when
// the cursor gets there.
const margin = 100

// ends says where the lines that are held end.
type ends struct {
	first bool // none in the window is older
	more  bool // there are newer ones than these, which are no tail
}

// paged reports whether more lines can be asked for: a focus has all of its own already.
func paged(ctx pane.Context) bool { return ctx.Frame != nil && ctx.Frame.Focus == "" }

// seek asks for a page of lines; what was asked for before is of no use any more.
func (p *Pane) seek(what signal.Seek, from *signal.Record) {
	if what == signal.SeekHere && p.ask.Seek == what {
		return // on its way
	}
	p.asks++
	p.ask = signal.LogPageAsk{Seek: what, Time: from.Time, Seq: from.Seq, No: p.asks}
}

// adopt takes over the page that was asked for. The cursor's line stays where it is on the screen, unless another one was sought.
func (p *Pane) adopt(page *signal.LogPage) tea.Cmd {
	sought := p.ask.Seek
	if page == nil || sought == signal.SeekNone || page.Ask != p.ask {
		return nil
	}
	p.ask = signal.LogPageAsk{}
	if page.At < 0 {
		text := "no older error in this window"
		switch sought {
		case signal.SeekErrorNewer:
			text = "no newer error in this window"
		case signal.SeekErrorOlder:
		default:
			return nil
		}
		return pane.Wish(pane.StatusMsg{Text: text, Role: themes.Muted})
	}
	if sought != signal.SeekHere {
		p.at = page.Records[page.At].Seq
	}
	now := place(page.Records, p.at)
	if now < 0 {
		return nil // the cursor has gone on; it asks again when it comes to an end
	}
	if was := place(p.held, p.at); was >= 0 {
		p.list.Top += now - was
	}
	p.held, p.ends = page.Records, ends{first: page.First, more: !page.Last}
	return nil
}

func place(lines []signal.Record, seq uint64) int {
	return slices.IndexFunc(lines, func(r signal.Record) bool { return r.Seq == seq })
}

// where is the place of the uppermost line on the screen among all of the window: of lines that are only some of them, by its time.
func (p *Pane) where(ctx pane.Context, lines []signal.Record) (top, of int) {
	if len(lines) < signal.PageSide || p.anchor != nil || ctx.Frame == nil {
		return p.list.Top, len(lines)
	}
	w := ctx.Frame.Window
	of = max(p.total, len(lines))
	share := float64(lines[p.list.Top].Time.Sub(w.From)) / max(float64(w.Length()), 1)
	if p.held == nil {
		share = 1
	}
	return int(share * float64(of-ctx.Height)), of
}

// said is what is being looked for.
func (p *Pane) said() string {
	switch p.ask.Seek {
	case signal.SeekErrorOlder, signal.SeekErrorNewer:
		return "looking for an error"
	case signal.SeekOldest:
		return "looking for the oldest"
	}
	return ""
}
