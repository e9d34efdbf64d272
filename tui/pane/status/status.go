// Package status holds the plain lists: processes, sources and events.
package status

import (
	"cmp"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// row is one row of a list.
type row struct {
	segs  []widget.Seg
	text  string         // what copying it gives
	value string         // what copying the value gives; "" is all of it
	wish  func() tea.Cmd // enter; nil for nothing
	// walk makes the ways to go on; nil when there are none
	walk  func() *pane.Steps
	event *signal.Event // the entry of the timeline that the row is; nil for none
	key   string        // tells it from other rows; "" is its text
	facts func() []fact // all there is to read of it; nil is its text
	whole bool          // enter reads it, and goes on from there
}

// list is a pane that shows rows made from the frame, with a cursor.
type list struct {
	id    string
	empty string
	then  string // instead of empty in a replay; "" is the same
	rows  func(ctx pane.Context, p widget.Pen) []row
	title func(f *signal.Frame) string
	sel   int
	top   int
	// seek is the event that the cursor stays on where a frame has it; 0 for none.
	seek uint64
	open *opened // the row that is read; nil for the list
	// quiet says that what the rows are can be silenced.
	quiet bool
}

// Processes lists the processes of the system under test.
func Processes() pane.Pane {
	return &list{id: "processes", empty: "No processes: this system was not started here.", rows: processes,
		title: func(f *signal.Frame) string { return fmt.Sprintf("processes %d", len(f.Processes)) }}
}

// Sources lists where signals come from, and the balance of what came.
func Sources() pane.Pane {
	return &list{id: "sources", empty: "No sources: nothing is being read.", rows: sources,
		title: func(f *signal.Frame) string { return fmt.Sprintf("sources %d", len(f.Health)) }}
}

// Events lists what happened, the newest first.
func Events() pane.Pane {
	return &list{id: "events", empty: "Nothing has happened in this window. A longer window shows more.", rows: events,
		title: func(f *signal.Frame) string { return fmt.Sprintf("events %d", len(f.Events)) }}
}

// All makes all of them.
func All() []pane.Pane {
	return []pane.Pane{SLOs(), Alerts(), Scorecard(), Processes(), Host(), Sources(), Incidents(), Events()}
}

// ID implements pane.Pane.
func (l *list) ID() string { return l.id }

// Title implements pane.Pane.
func (l *list) Title(ctx pane.Context) string { return l.title(ctx.Frame) }

// Want implements pane.Pane.
func (l *list) Want(*signal.View) {}

// Keys implements pane.Pane.
func (l *list) Keys(ctx pane.Context) []keymap.Action {
	rows := l.rows(ctx, widget.Pen{Theme: ctx.Theme, ASCII: ctx.ASCII})
	if l.open != nil {
		return l.readKeys()
	}
	var keys []keymap.Action
	if len(rows) > 0 {
		l.find(rows)
		at := rows[min(l.sel, len(rows)-1)]
		keys = append(keys, keymap.Open)
		if at.wish != nil && !at.whole {
			keys = append(keys, keymap.Detail)
		}
		if at.walk != nil {
			keys = append(keys, keymap.Walk)
		}
		keys = append(keys, keymap.Copy, keymap.CopyRow)
	}
	if l.quiet {
		keys = append(keys, keymap.Silence)
	}
	return keys
}

// find puts the cursor on the event that it was sent to, in every frame that has it, until the operator moves it.
func (l *list) find(rows []row) {
	if l.seek == 0 {
		return
	}
	for i := range rows {
		if rows[i].event != nil && rows[i].event.ID == l.seek {
			l.sel = i
			return
		}
	}
}

// silence is the wish to keep the alert under the cursor quiet.
func (l *list) silence(rows []row) tea.Cmd {
	msg := pane.SilenceMsg{}
	if l.sel < len(rows) && rows[l.sel].event != nil {
		msg = pane.SilenceMsg{Title: rows[l.sel].event.Title, Match: rows[l.sel].event.Attrs}
	}
	return pane.Wish(msg)
}

// Update implements pane.Pane.
func (l *list) Update(ctx pane.Context, msg tea.Msg) tea.Cmd {
	rows := l.rows(ctx, widget.Pen{Theme: ctx.Theme, ASCII: ctx.ASCII})
	cmd := tea.Cmd(nil)
	l.find(rows)
	switch msg := msg.(type) {
	case pane.EventMsg:
		l.seek, l.open = msg.ID, nil
		l.find(rows)
	case pane.ActionMsg:
		if l.open != nil {
			l.refresh(rows)
			return l.read(ctx, msg.Action, rows)
		}
		cmd = l.act(ctx, msg.Action, rows)
	case pane.WheelMsg:
		if l.open != nil {
			l.open.top = max(l.open.top+msg.Rows, 0)
			return nil
		}
		l.seek = 0
		l.sel += msg.Rows
	case pane.ClickMsg:
		if i := l.top + msg.Y; i < len(rows) && l.open == nil {
			l.sel, l.seek = i, 0
			if msg.Double {
				cmd = l.enter(&rows[i])
			}
		}
	}
	l.sel = max(min(l.sel, len(rows)-1), 0)
	return cmd
}

func (l *list) act(ctx pane.Context, a keymap.Action, rows []row) tea.Cmd {
	if by, moves := a.Rows(ctx.Height, len(rows)); moves {
		l.sel, l.seek = l.sel+by, 0
		return nil
	}
	switch a {
	case keymap.Open:
		if l.sel < len(rows) {
			return l.enter(&rows[l.sel])
		}
	case keymap.Detail:
		if l.sel < len(rows) {
			l.show(&rows[l.sel])
		}
	case keymap.Walk:
		if l.sel < len(rows) && rows[l.sel].walk != nil {
			return rows[l.sel].walk().Wish("this event")
		}
	case keymap.Silence:
		if l.quiet {
			return l.silence(rows)
		}
	case keymap.Copy:
		if l.sel < len(rows) {
			return pane.Wish(pane.CopyMsg{Text: cmp.Or(rows[l.sel].value, rows[l.sel].text)})
		}
	case keymap.CopyRow:
		if l.sel < len(rows) {
			return pane.Wish(pane.CopyMsg{Text: rows[l.sel].text})
		}
	}
	return nil
}

// nothing is what stands there when there are no rows.
func (l *list) nothing(replay bool) string {
	if replay && l.then != "" {
		return l.then
	}
	return l.empty
}

// enter goes where a row leads, or reads it.
func (l *list) enter(r *row) tea.Cmd {
	if r.wish != nil && !r.whole {
		return r.wish()
	}
	l.show(r)
	return nil
}

// View implements pane.Pane.
func (l *list) View(ctx pane.Context) []string {
	p := widget.Pen{Theme: ctx.Theme, ASCII: ctx.ASCII}
	rows := l.rows(ctx, p)
	if l.open != nil {
		l.refresh(rows)
		return l.drawOpen(p, ctx)
	}
	if len(rows) == 0 {
		return p.Message(ctx.Width, ctx.Height, widget.Seg{Role: themes.Muted, Text: l.nothing(ctx.Replay)})
	}
	l.find(rows)
	l.sel = max(min(l.sel, len(rows)-1), 0)
	l.top = max(min(l.top, l.sel), l.sel-ctx.Height+1, 0)
	l.top = max(min(l.top, len(rows)-ctx.Height), 0)
	out := make([]string, 0, ctx.Height)
	for i := l.top; i < len(rows) && len(out) < ctx.Height; i++ {
		out = append(out, p.Line(ctx.Active && i == l.sel, ctx.Width, rows[i].segs...))
	}
	return p.Page(out, ctx.Width, ctx.Height)
}

func seg(r themes.Role, s string) widget.Seg { return widget.Seg{Role: r, Text: s} }

func processes(ctx pane.Context, p widget.Pen) []row {
	var out []row
	all := ctx.Frame.Processes
	state := widget.Widest(12, len(all), func(i int) string { return all[i].State })
	name := widget.Widest(24, len(all), func(i int) string { return all[i].Name })
	address := widget.Widest(40, len(all), func(i int) string { return all[i].Address })
	for _, x := range all {
		role, glyph := themes.OK, p.Glyph(widget.Passed)
		switch x.State {
		case "up":
		case "down":
			role, glyph = themes.Failed, p.Glyph(widget.Failed)
		default:
			role, glyph = themes.Warning, p.Glyph(widget.Unknown)
		}
		restarts := ""
		if x.Restarts > 0 {
			restarts = fmt.Sprintf("restarted %d times", x.Restarts)
			if x.Restarts == 1 {
				restarts = "restarted once"
			}
		}
		out = append(out, row{text: fmt.Sprintf("%s %s pid=%d %s", x.Name, x.State, x.PID, x.Address), value: x.Address, key: x.Name, segs: []widget.Seg{
			seg(role, " "+glyph+" "+p.Left(x.State, state)), seg(themes.Text, " "+p.Left(x.Name, name)),
			seg(themes.Muted, " "+p.Left(x.Address, address)), seg(themes.Muted, fmt.Sprintf(" pid %-7d", x.PID)), seg(themes.Warning, " "+restarts)}})
	}
	return out
}

func sources(ctx pane.Context, p widget.Pen) []row {
	var out []row
	all := ctx.Frame.Health
	name := max(widget.Widest(20, len(all), func(i int) string { return all[i].Name }), 4)
	address := widget.Widest(24, len(all), func(i int) string { return all[i].Address })
	for _, h := range all {
		role, glyph, word := themes.OK, p.Glyph(widget.Passed), "live"
		switch h.State {
		case signal.SourceStarting:
			role, glyph, word = themes.Muted, p.Glyph(widget.Pending), "starting"
		case signal.SourceRetrying:
			role, glyph, word = themes.Failed, p.Glyph(widget.Failed), "lost"
		case signal.SourceStopped:
			role, glyph, word = themes.Muted, p.Glyph(widget.Aborted), "stopped"
		}
		balance := "received " + widget.Count(h.Received) + "  kept " + widget.Count(h.Kept)
		if h.Filtered > 0 {
			balance += "  filtered " + widget.Count(h.Filtered)
		}
		segs := []widget.Seg{seg(role, " "+glyph+" "+p.Left(word, 9)), seg(themes.Text, p.Left(h.Name, name)), seg(themes.Muted, " "+p.Left(h.Address, address)), seg(themes.Text, " "+balance)}
		if h.Dropped > 0 {
			segs = append(segs, seg(themes.Warning, "  dropped "+widget.Count(h.Dropped)))
		}
		if h.Err != "" {
			segs = append(segs, seg(themes.Failed, "  "+oneLine(h.Err)))
		}
		out = append(out, row{segs: segs, text: h.Name + " " + word + " " + balance + " " + h.Err, value: cmp.Or(h.Err, h.Name), key: "source " + h.Name,
			facts: func() []fact { return sourceFacts(ctx.Frame, &h, role, word, balance) }})
	}
	for _, k := range []struct {
		name string
		s    signal.KindStats
	}{{"logs held", ctx.Frame.Store.Logs}, {"spans held", ctx.Frame.Store.Spans}, {"events held", ctx.Frame.Store.Events}} {
		text := fmt.Sprintf("%s of %s received", widget.Count(k.s.Held), widget.Count(k.s.Received))
		if k.s.Evicted+k.s.Dropped+k.s.Filtered > 0 {
			text += fmt.Sprintf("; evicted %s, dropped %s, filtered %s", widget.Count(k.s.Evicted), widget.Count(k.s.Dropped), widget.Count(k.s.Filtered))
		}
		if k.s.MaxBytes > 0 {
			text += fmt.Sprintf("; %s of %s", widget.Bytes(float64(k.s.Bytes)), widget.Bytes(float64(k.s.MaxBytes)))
		}
		out = append(out, row{segs: []widget.Seg{seg(themes.Muted, p.Left("   "+k.name, 15)), seg(themes.Text, text)}, text: k.name + " " + text, value: text, key: k.name})
	}
	return out
}

func events(ctx pane.Context, p widget.Pen) []row {
	var out []row
	all := ctx.Frame.Events
	title := max(widget.Widest(max(26, ctx.Width/3), len(all), func(i int) string { return oneLine(all[i].Title) }), 26)
	for i := len(ctx.Frame.Events) - 1; i >= 0; i-- {
		e := ctx.Frame.Events[i]
		role, glyph := themes.Muted, p.Glyph(widget.Pending)
		switch e.Outcome {
		case signal.Good:
			role, glyph = themes.OK, p.Glyph(widget.Passed)
		case signal.Bad:
			role, glyph = themes.Failed, p.Glyph(widget.Failed)
		case signal.Warning:
			role, glyph = themes.Warning, p.Glyph(widget.Warn)
		}
		when := e.Start.Local().Format("15:04:05")
		took := ""
		switch {
		case e.Open:
			took = "going on"
		case !e.End.IsZero():
			took = widget.Duration(e.End.Sub(e.Start))
		}
		if e.By != "" {
			e.Detail = strings.TrimSpace(e.By + ": " + e.Detail)
		}
		r := row{text: when + " " + kind(e.Kind) + " " + e.Title + " " + e.Detail, segs: []widget.Seg{seg(themes.Muted, " "+when+" "), seg(role, glyph+" "+p.Left(kind(e.Kind), 11)),
			seg(themes.Text, p.Left(oneLine(e.Title), title)+" "), seg(themes.Muted, p.Left(took, 9)), seg(themes.Muted, oneLine(e.Detail))}}
		r.event = &e
		r.key, r.facts = orID("event ", e.ID, r.text), func() []fact { return eventFacts(ctx.Frame, &ctx.Frame.Events[i], role) }
		if r.value = e.Title; !e.TraceID.IsZero() {
			r.value = e.TraceID.String()
		}
		r.walk = func() *pane.Steps { return eventSteps(ctx.Frame, &e) }
		at, id := e.Start, e.TraceID
		r.wish = func() tea.Cmd { return pane.Wish(pane.MomentMsg{At: at}) }
		if !id.IsZero() {
			r.wish = func() tea.Cmd { return pane.Wish(pane.OpenTraceMsg{ID: id}) }
		}
		out = append(out, r)
	}
	return out
}

// eventSteps are the ways to go on from an entry of the timeline: the request behind it, and requests of its time.
func eventSteps(f *signal.Frame, e *signal.Event) *pane.Steps {
	s := pane.NewSteps(f)
	s.Trace(e.TraceID, "the request behind it", "the event's trace ID")
	s.Fields(e.Attrs, "the event")
	if e.Kind != signal.EventFault && e.Kind != signal.EventExperiment {
		s.Faults(f.Events, e.Start, e.Start)
	}
	s.Examples(e)
	return s
}

func kind(k signal.EventKind) string {
	names := [...]string{"note", "fault", "probe", "load", "experiment", "abort", "process", "source", "switch", "alert", "person", "incident"}
	if int(k) >= len(names) {
		return "event"
	}
	return names[k]
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
