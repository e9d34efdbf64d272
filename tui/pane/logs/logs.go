// Package logs is the pane of log lines: a live tail that can be held, filtered and followed to the request behind a line.
package logs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// levels are what the level action walks through.
var levels = [...]signal.Severity{signal.SeverityUnset, signal.SeverityInfo, signal.SeverityWarn, signal.SeverityError}

// Pane shows log lines, the newest at the bottom. Make it with New; it is not safe for concurrent use.
type Pane struct {
	check  func(string) error
	words  func(string) []string
	filter string
	level  int      // index into levels
	marked []string // what to highlight

	// While the cursor is off the newest line, the lines it stands among stay: a tail that runs away cannot be read.
	// They are the frame's own, immutable, and at most as many as a frame or a page holds.
	held []signal.Record
	at   uint64 // Seq of the line under the cursor while held
	ends ends
	ask  signal.LogPageAsk // the page that was asked for and has not come yet
	asks uint32
	list widget.List
	seen scope

	calm  widget.Calm
	tail  []signal.Record // what follows, as of the last frame that was taken
	total int             // in the window then

	open   *signal.Record // all of which is shown; nil for the list
	line   int            // the uppermost line of that
	anchor *signal.Record // the line that others are shown around; nil for the list
	around []signal.Record

	rows map[rowKey]string
	memo widget.Memo[key]
	rev  int
}

type key struct {
	ctx pane.Context
	rev int
}

// scope is what a held tail belongs to: when it changes, the pane follows again.
type scope struct {
	focus signal.CorrelationID
	set   bool
}

// New makes the pane. check says what is wrong with a filter, nil when nothing; words lists the words of a filter that
// are to be highlighted in a line. Both may be nil: then any text is a filter, and nothing is highlighted.
func New(check func(string) error, words func(string) []string) *Pane {
	if check == nil {
		check = func(string) error { return nil }
	}
	if words == nil {
		words = func(string) []string { return nil }
	}
	return &Pane{check: check, words: words, rows: make(map[rowKey]string)}
}

// ID implements pane.Pane.
func (p *Pane) ID() string { return "logs" }

// Title implements pane.Pane.
func (p *Pane) Title(ctx pane.Context) string {
	p.sync(ctx)
	t := "logs"
	if p.anchor != nil {
		a := p.anchor
		return fmt.Sprintf("logs around %s of %s: %d lines, unfiltered", a.Time.In(ctx.Frame.Now.Location()).Format("15:04:05.000"), a.Service, len(p.lines(ctx)))
	}
	if p.filter != "" {
		t += " /" + p.filter
	}
	if min := levels[p.level]; min != signal.SeverityUnset {
		t += " " + min.String() + "+"
	}
	if f := ctx.Frame; f != nil {
		part := ""
		if f.LogsPartial {
			part = "~"
		}
		if n := len(p.lines(ctx)); n < signal.PageSide {
			t += fmt.Sprintf(" %d of", n)
		}
		t += " " + part + widget.Count(uint64(max(p.total, 0)))
		if f.LogsPartial {
			t += " partly searched"
		}
		if f.Focus != "" && f.LogsNear > 0 {
			t += fmt.Sprintf(", %d near: they may belong to it", f.LogsNear)
		}
		if n := f.Store.Logs.Dropped; n > 0 {
			t += ", dropped " + widget.Count(n)
		}
	}
	if r, ok := p.current(ctx); ok && p.held != nil {
		t += ", paused at " + r.Time.In(ctx.Frame.Now.Location()).Format("15:04:05") + ", G to follow"
	}
	if said := p.said(); said != "" {
		t += ", " + said
	}
	return t
}

// Want implements pane.Pane.
func (p *Pane) Want(v *signal.View) {
	v.Logs.Text = p.filter
	v.Logs.MinLevel = levels[p.level]
	v.LogPage = p.ask
	if p.anchor != nil {
		v.Around = signal.Around{Seq: p.anchor.Seq, Service: p.anchor.Service, Source: p.anchor.Source}
	}
}

// Filter implements pane.Filterer.
func (p *Pane) Filter() string { return p.filter }

// FilterHelp implements pane.Filterer.
func (p *Pane) FilterHelp() string {
	return `words · "a phrase" · -without · key=value · level>=warn · LogQL: {service="x"} |= "y" | json`
}

// CheckFilter implements pane.Filterer.
func (p *Pane) CheckFilter(text string) error { return p.check(text) }

// Keys implements pane.Pane.
func (p *Pane) Keys(ctx pane.Context) []keymap.Action {
	p.sync(ctx)
	if p.open != nil {
		keys := []keymap.Action{keymap.Leave, keymap.Detail, keymap.Copy, keymap.CopyRow}
		if steps(ctx.Frame, p.open).Len() > 0 {
			keys = append([]keymap.Action{keymap.Walk}, keys...)
		}
		if correlation(ctx.Frame, p.open) != "" {
			keys = append([]keymap.Action{keymap.Open, keymap.FocusIt}, keys...)
		}
		return keys
	}
	var keys []keymap.Action
	if p.anchor != nil {
		keys = append(keys, keymap.Leave)
	}
	if r, ok := p.current(ctx); ok {
		keys = append(keys, keymap.Open, keymap.Detail, keymap.Context)
		if correlation(ctx.Frame, &r) != "" {
			keys = append(keys, keymap.FocusIt)
		}
		if steps(ctx.Frame, &r).Len() > 0 {
			keys = append(keys, keymap.Walk)
		}
		if p.held != nil {
			keys = append(keys, keymap.Bottom)
		}
	}
	return append(keys, keymap.Filter, keymap.Level, keymap.NextError, keymap.PrevError, keymap.Copy, keymap.CopyRow)
}

// sync lets go of held lines when the cockpit's focus has changed, or when time was turned back before them.
func (p *Pane) sync(ctx pane.Context) {
	if ctx.Frame == nil {
		return
	}
	now := scope{focus: ctx.Frame.Focus, set: true}
	back := len(p.held) > 0 && ctx.Frame.Window.To.Before(p.held[len(p.held)-1].Time)
	if p.seen != now || back {
		if p.seen.set && p.seen != now || back {
			p.open, p.anchor = nil, nil
			p.follow()
		}
		p.seen = now
	}
}

func (p *Pane) follow() {
	p.held, p.ends, p.ask = nil, ends{}, signal.LogPageAsk{}
	p.calm.Hurry()
	p.rev++
}

// tailEvery is the shortest time between two changes of the tail.
const tailEvery = 500 * time.Millisecond

// lines are those on screen: the tail's, or the ones held.
func (p *Pane) lines(ctx pane.Context) []signal.Record {
	if p.anchor != nil {
		return p.beside(ctx)
	}
	if p.held != nil {
		return p.held
	}
	if ctx.Frame == nil {
		return nil
	}
	if p.calm.Take(ctx.Frame, tailEvery) || len(p.tail) == 0 {
		p.tail, p.total = ctx.Frame.Logs, ctx.Frame.LogsTotal
	}
	return p.tail
}

// locate puts the cursor on its line: the newest while following.
func (p *Pane) locate(ctx pane.Context, height int) []signal.Record {
	lines := p.lines(ctx)
	if p.held == nil && p.anchor == nil {
		p.list.Cursor = max(len(lines)-1, 0)
		p.list.Top = max(len(lines)-height, 0)
	} else {
		for i := range lines {
			if lines[i].Seq == p.at {
				p.list.Cursor = i
				break
			}
		}
	}
	p.list.Clamp(len(lines), height)
	return lines
}

// current is the line under the cursor.
func (p *Pane) current(ctx pane.Context) (signal.Record, bool) {
	lines := p.locate(ctx, ctx.Height)
	if len(lines) == 0 {
		return signal.Record{}, false
	}
	return lines[p.list.Cursor], true
}

// View implements pane.Pane.
func (p *Pane) View(ctx pane.Context) []string {
	p.sync(ctx)
	return p.memo.Rows(key{ctx, p.rev}, func() []string { return p.draw(ctx) })
}

// steps are the ways to go on from a line.
func steps(f *signal.Frame, r *signal.Record) *pane.Steps {
	s := pane.NewSteps(f)
	why := "the line's trace ID"
	if by := r.Attrs.Get("joined_by"); by != "" {
		why += "; read out of it: " + by
	}
	s.Trace(r.TraceID, "the trace it belongs to", why)
	s.Fields(r.Attrs, "the line")
	if f != nil {
		s.Faults(f.Events, r.Time, r.Time)
	}
	return s
}

// correlation is the ID that a line can be focused by: its trace, or a request ID among its attributes, or the first other
// field that joins.
func correlation(f *signal.Frame, r *signal.Record) signal.CorrelationID {
	if !r.TraceID.IsZero() {
		return signal.CorrelationID(r.TraceID.String())
	}
	for _, k := range []string{"request_id", "x-correlation-id", "correlation_id", "x-request-id", "requestId", "request.id"} {
		if v := r.Attrs.Get(k); v != "" {
			return signal.CorrelationID(v)
		}
	}
	for _, a := range r.Attrs {
		if a.Value != "" && f != nil && slices.Contains(f.Fields, strings.ToLower(a.Key)) {
			return signal.CorrelationID(a.Value)
		}
	}
	return ""
}

// Update implements pane.Pane.
func (p *Pane) Update(ctx pane.Context, msg tea.Msg) tea.Cmd {
	p.sync(ctx)
	p.rev++
	switch m := msg.(type) {
	case pane.FrameMsg:
		if ctx.Frame != nil {
			return p.adopt(ctx.Frame.LogPage)
		}
	case pane.FilterMsg:
		p.filter, p.marked = m.Text, nil
		if m.Text != "" {
			p.marked = p.words(m.Text)
		}
		clear(p.rows)
		p.open, p.anchor = nil, nil
		p.follow()
	case pane.ClickMsg:
		if p.open != nil {
			return nil
		}
		return p.click(ctx, m)
	case pane.WheelMsg:
		if p.open != nil {
			p.line += m.Rows
			return nil
		}
		p.move(ctx, m.Rows)
	case pane.ActionMsg:
		return p.act(ctx, m.Action)
	}
	return nil
}

var _ interface {
	pane.Pane
	pane.Filterer
} = (*Pane)(nil)
