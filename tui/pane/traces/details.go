package traces

import (
	"strings"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// maxDetailRows bounds the rows of one fact, such as a stack trace; copying it gives all of it.
const maxDetailRows = 60

// details are the facts shown under an opened span: its status, IDs, attributes and events.
func details(s *signal.Span) []signal.Attr {
	var out []signal.Attr
	if s.Message != "" {
		out = append(out, signal.Attr{Key: "status", Value: s.Message})
	}
	out = append(out, signal.Attr{Key: "span id", Value: s.SpanID.String()}, signal.Attr{Key: "kind", Value: kindName(s.Kind)})
	out = append(out, s.Attrs...)
	for _, e := range s.Events {
		text := e.Name
		if len(e.Attrs) > 0 {
			text += " " + e.Attrs.String()
		}
		out = append(out, signal.Attr{Key: "event +" + duration(e.Time.Sub(s.Start)), Value: text})
	}
	return out
}

// lineFacts are those shown under an opened log line: its text, and its attributes.
func lineFacts(r *signal.Record) []signal.Attr {
	out := []signal.Attr{{Key: "text", Value: r.Body}}
	out = append(out, r.Attrs...)
	return append(out, signal.Attr{Key: "source", Value: r.Source})
}

// wrapped are the rows of facts: what does not fit goes on below its beginning.
func wrapped(facts []signal.Attr, like item, width int) []item {
	var out []item
	for i, a := range facts {
		like.attr, like.key = i, a.Key
		room := width - 3 - min(like.depth+1, width/4) - widget.Width(a.Key) - 1
		rows := widget.Wrap(a.Value, max(room, 12))
		for j, text := range rows[:min(len(rows), maxDetailRows)] {
			if j == maxDetailRows-1 && j < len(rows)-1 {
				text = "and more: copy it"
			}
			like.text = text
			out = append(out, like)
			like.key = ""
		}
	}
	return out
}

// factSegs are a row of a fact: below its first the name is left out.
func factSegs(g geometry, key string, it item) []widget.Seg {
	role := themes.Text
	if key == "status" {
		role = themes.Failed
	}
	pre := indent(it.depth+1, g.label)
	if it.key == "" {
		return []widget.Seg{{Role: themes.Muted, Text: pre + strings.Repeat(" ", widget.Width(key)+1)}, {Role: role, Text: it.text}}
	}
	return []widget.Seg{{Role: themes.Muted, Text: pre + key + " "}, {Role: role, Text: it.text}}
}

// facts are those that an item is a row of.
func (t *tree) facts(it item) []signal.Attr {
	if it.kind == factItem {
		return lineFacts(&t.trace.Logs[it.index])
	}
	return details(&t.trace.Spans[it.index])
}

// toggleDetails shows what there is to know about the span or the log line under the cursor below it, and hides it again.
// What is shown is brought onto the screen of so many rows.
func (p *Pane) toggleDetails(t *tree, height int) {
	if len(p.items) == 0 {
		return
	}
	for k := p.items[p.rows.Cursor].kind; k == detailItem || k == factItem; k = p.items[p.rows.Cursor].kind {
		p.rows.Cursor--
	}
	it := p.items[p.rows.Cursor]
	if it.kind == logItem {
		seq := t.trace.Logs[it.index].Seq
		p.folds.lines[seq] = !p.folds.lines[seq]
	} else {
		id := t.trace.Spans[it.index].SpanID
		p.folds.expanded[id] = !p.folds.expanded[id]
	}
	p.items = t.items(&p.folds)
	last := p.rows.Cursor
	for last+1 < len(p.items) && (p.items[last+1].kind == detailItem || p.items[last+1].kind == factItem) {
		last++
	}
	p.rows.Top = max(p.rows.Top, min(last-height+1, p.rows.Cursor))
}

// fit lays the facts out anew for another width, with the cursor on the row that it was on, or near it.
func (p *Pane) fit(ctx pane.Context) {
	if p.folds.width != ctx.Width {
		p.folds.width, p.items = ctx.Width, nil
	}
}
