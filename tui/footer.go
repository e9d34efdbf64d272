package tui

import (
	"slices"
	"strings"
	"time"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

// zone is a piece of the footer that can be clicked.
type zone struct {
	x, w   int
	action keymap.Action
}

// footer is the last row: the keys that work here and now.
func (m *Model) footer(zones *[]zone) string {
	items := []item{m.keyItem(4, keymap.NextPane, "")}
	if suspension(m.frame) != nil && m.play == nil {
		goOn := m.keyItem(0, keymap.Proceed, "")
		for i := range goOn.segs {
			goOn.segs[i].Role = themes.Warning
		}
		items = append([]item{goOn}, items...)
	}
	id := m.active()
	if s := m.slots[id]; s != nil {
		for i, a := range s.pane.Keys(m.context(id)) {
			if i < 6 && !plain(a) {
				items = append(items, m.keyItem(3+2*i, a, ""))
			}
		}
	}
	if m.backFromMap() {
		items = append(items, m.keyItem(4, keymap.Leave, ""))
	}
	if f, ok := m.filterer(); ok {
		name := ""
		if f.Filter() != "" {
			name = "filter on"
		}
		items = append(items, m.keyItem(5, keymap.Filter, name))
	}
	pause := ""
	if m.paused {
		pause = "live"
	}
	if m.play == nil {
		items = append(items, m.keyItem(2, keymap.Experiments, ""), m.keyItem(8, keymap.LoadPlans, ""), m.keyItem(9, keymap.Switches, ""))
	} else {
		items = append(items, m.keyItem(2, keymap.EarlierLeap, "back"), m.keyItem(2, keymap.LaterLeap, "on"), m.keyItem(7, keymap.Faster, ""), m.keyItem(8, keymap.Slower, ""))
		if m.paused {
			pause = "play"
		}
	}
	items = append(items, m.keyItem(5, keymap.Pause, pause))
	if m.here().zoomed {
		items = append(items, m.keyItem(3, keymap.Zoom, "all panes"))
	} else {
		items = append(items, m.keyItem(10, keymap.Zoom, ""))
	}
	items = append(items, m.keyItem(6, keymap.Palette, ""), m.keyItem(1, keymap.Help, ""))
	items = unique(items)
	abort := m.keyItem(0, keymap.Abort, "")
	if len(abort.segs) > 0 && m.play == nil {
		abort.right = true
		if m.forbidden(keymap.Abort) != "" {
			abort.segs = []widget.Seg{sg(themes.Warning, "you look only")}
		} else if !m.danger() {
			abort.segs[1].Role = themes.Muted
		} else {
			abort.segs[0].Role, abort.segs[1].Role = themes.Fault, themes.Fault
		}
		items = append(items, abort)
	}
	return m.bar(items, m.gap(), func(tag string, x, w int) {
		if zones != nil {
			*zones = append(*zones, zone{x, w, keymap.Action(tag)})
		}
	})
}

// danger reports whether there is something to abort.
func (m *Model) danger() bool {
	if m.play != nil {
		return false // it was there then
	}
	return activeFaults(m.frame) > 0 || m.frame.Load != nil && m.frame.Load.Running
}

// plain reports whether the action needs no offer of its own: a movement that everybody knows, or a key that the footer
// has in a fixed place.
func plain(a keymap.Action) bool {
	switch a {
	case keymap.Up, keymap.Down, keymap.Left, keymap.Right, keymap.PageUp, keymap.PageDown, keymap.Top, keymap.Bottom, keymap.Filter,
		keymap.Abort: // it has its own place on the right
		return true
	}
	return false
}

func unique(items []item) []item {
	var out []item
	for _, it := range items {
		if len(it.segs) > 0 && !slices.ContainsFunc(out, func(o item) bool { return o.tag == it.tag }) {
			out = append(out, it)
		}
	}
	return out
}

// keyItem is "key what"; an unbound action has no item.
func (m *Model) keyItem(rank int, a keymap.Action, what string) item {
	b, ok := m.keys.Lookup(a)
	k := m.keys.Key(a)
	if !ok || k == "" {
		return item{tag: string(a)}
	}
	if what == "" {
		what = b.Short
	}
	key, text := themes.Key, themes.Muted
	if m.forbidden(a) != "" {
		key, text = themes.Border, themes.Border
	}
	return item{segs: []widget.Seg{sg(key, k), sg(text, " "+what)}, rank: rank, tag: string(a)}
}

// statusLine is the row above the footer: what was just done, or what needs the operator most.
func (m *Model) statusLine() string {
	role, glyph, text := m.attention()
	segs := []widget.Seg{sg(role, " ")}
	if glyph != "" {
		segs = append(segs, sg(role, glyph+" "))
	}
	pen, used := m.pen(), widthOf(segs)
	if key := m.keys.Key(keymap.Said); used+widget.Width(text) > m.width && key != "" {
		whole := []widget.Seg{sg(themes.Key, " "+key), sg(themes.Muted, " all ")}
		room := m.width - used - widthOf(whole)
		return pen.Row(m.width, append(append(segs, sg(role, pen.Left(text, room))), whole...)...)
	}
	return pen.Row(m.width, append(segs, sg(role, text))...)
}

// attention decides what the status line says. What a person must do by hand comes first and stays.
func (m *Model) attention() (role themes.Role, glyph, text string) {
	pen := m.pen()
	for i := range m.frame.Faults {
		if f := &m.frame.Faults[i]; f.Phase == signal.FaultNeedsHuman {
			return themes.Failed, pen.Glyph(widget.Warn), "NEEDS YOU: " + title(f.Title) + " could not be undone (" + oneLine(f.Err) + "); run: " + oneLine(f.Remedy)
		}
	}
	if m.status.text != "" {
		switch m.status.role {
		case themes.Failed:
			glyph = pen.Glyph(widget.Failed)
		case themes.OK:
			glyph = pen.Glyph(widget.Passed)
		case themes.Fault:
			glyph = m.bolt()
		}
		return m.status.role, glyph, m.status.text
	}
	if q := suspension(m.frame); q != nil && m.play == nil {
		return themes.Warning, pen.Glyph(widget.Warn), "waiting for you: " + oneLine(q.Message) + "; " + m.keys.Key(keymap.Proceed) + " goes on, " +
			m.keys.Key(keymap.Abort) + " undoes everything; " + widget.Clock(max(q.Until.Sub(m.frame.Now), 0)) + " left"
	}
	if text := m.redProbe(); text != "" {
		return themes.Failed, pen.Glyph(widget.Failed), text
	}
	for _, h := range m.frame.Health {
		if h.State == signal.SourceRetrying {
			text := "source " + h.Name + " is lost since " + h.Since.Local().Format("15:04:05") + ": " + oneLine(h.Err)
			if !h.Retry.IsZero() {
				text += "; next try at " + h.Retry.Local().Format("15:04:05")
			}
			return themes.Warning, pen.Glyph(widget.Warn), text
		}
	}
	return m.calm()
}

// redProbe says which probe is red and what to press.
func (m *Model) redProbe() string {
	e := m.frame.Experiment
	if e == nil || e.Phase == signal.PhaseDone {
		return ""
	}
	var red *signal.ProbeState // the one that has been red the longest: the cursor went there
	for i := range e.Probes {
		if p := &e.Probes[i]; p.Now == signal.CheckFailed && (red == nil || p.Since.Before(red.Since)) {
			red = p
		}
	}
	if red == nil {
		return ""
	}
	text := strings.TrimSpace(red.Name+" "+red.Value) + ", want " + red.Expect
	if !red.Since.IsZero() {
		text += ", since " + red.Since.Local().Format("15:04:05")
	}
	switch {
	case red.TraceID.IsZero():
	case m.active() == "experiment":
		text += "; " + m.keys.Key(keymap.Open) + " opens its trace"
	default:
		text += "; in experiment " + m.keys.Key(keymap.Open) + " opens its trace"
	}
	return text
}

// calm is what the status line says when nothing needs anybody.
func (m *Model) calm() (role themes.Role, glyph, text string) {
	f := m.frame
	switch {
	case !m.seen:
		return themes.Muted, "", "waiting for the first signals"
	case m.asking != nil && m.asking.ID == m.focus.current && m.now().Sub(m.askedAt) >= time.Second:
		return themes.Muted, "", "asking the sources about " + m.asking.ID.Short() + ", " + widget.Duration(m.now().Sub(m.askedAt).Truncate(time.Second))
	case m.focus.current != "":
		return themes.Focus, m.pen().Glyph(widget.FocusMark), "everything is narrowed to " + string(m.focus.current) + "; " + m.keys.Key(keymap.Leave) + " leaves"
	case f.Experiment != nil && f.Experiment.Phase != signal.PhaseDone && f.Experiment.Phase != signal.PhaseIdle:
		e := f.Experiment
		return themes.Text, m.bolt(), title(e.Title) + ": " + e.Phase.String() + ", " + widget.Clock(e.Elapsed) + " of " + widget.Clock(e.Total) + startedBy(e.By)
	case f.Experiment != nil && f.Experiment.Verdict != signal.VerdictNone:
		return verdict(f.Experiment, m.pen())
	case f.Load != nil && f.Load.Running:
		return themes.Load, m.pen().Glyph(widget.Closed), "load " + f.Load.Name + ": " + widget.Number(f.Load.Rate) + " answers/s, p95 " + widget.Duration(f.Load.P95) + startedBy(f.Load.By)
	}
	if m.play != nil {
		return themes.Muted, "", "nothing happens here"
	}
	text = "quiet: " + m.keys.Key(keymap.Experiments) + " picks an experiment"
	if m.loads && m.frame.Load != nil { // some ran, and was ended
		text = "no load runs: " + m.keys.Key(keymap.LoadPlans) + " brings it back, " + m.keys.Key(keymap.Experiments) + " picks an experiment"
	}
	return themes.Muted, "", text
}

func verdict(e *signal.ExperimentState, pen widget.Pen) (themes.Role, string, string) {
	text := title(e.Title) + ": " + e.Verdict.String()
	if e.Reason != "" {
		text += ": " + oneLine(e.Reason)
	}
	switch e.Verdict {
	case signal.VerdictHeld:
		return themes.OK, pen.Glyph(widget.Passed), text
	case signal.VerdictBroken, signal.VerdictRollbackFailed, signal.VerdictError:
		return themes.Failed, pen.Glyph(widget.Failed), text
	}
	return themes.Warning, pen.Glyph(widget.Unknown), text
}
