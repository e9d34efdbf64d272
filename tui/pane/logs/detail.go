package logs

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// maxDetail bounds the text of a record that is laid out, in bytes.
const maxDetail = 256 << 10

// show opens all of a record.
func (p *Pane) show(r *signal.Record) { p.open, p.line = r, 0 }

// beside are the lines around the anchor: until the frame has them, the anchor alone.
func (p *Pane) beside(ctx pane.Context) []signal.Record {
	if f := ctx.Frame; f != nil {
		for i := range f.Around {
			if f.Around[i].Seq == p.anchor.Seq {
				p.around = f.Around
				break
			}
		}
	}
	if p.around == nil {
		return []signal.Record{*p.anchor}
	}
	return p.around
}

// leaveContext goes back to the list, with the cursor on the line that the others stood around if it is still there.
func (p *Pane) leaveContext() {
	seq := p.anchor.Seq
	p.anchor, p.around = nil, nil
	lines := p.held
	if lines == nil {
		lines = p.tail
	}
	for i := range lines {
		if lines[i].Seq == seq {
			p.held, p.at = lines, seq
			return
		}
	}
	p.follow()
}

func (p *Pane) actDetail(ctx pane.Context, a keymap.Action) tea.Cmd {
	if to, moves := a.Scroll(p.line, max(ctx.Height-1, 1)); moves {
		p.line = to
		return nil
	}
	switch a {
	case keymap.Leave, keymap.Detail, keymap.Left:
		p.open = nil
	case keymap.Copy, keymap.CopyRow:
		return pane.Wish(pane.CopyMsg{Text: document(p.open)})
	case keymap.Open, keymap.FocusIt:
		if correlation(ctx.Frame, p.open) == "" {
			return pane.Wish(pane.StatusMsg{Text: "this line carries neither a trace ID nor a request ID", Role: themes.Warning})
		}
		return p.focus(ctx.Frame, p.open, a == keymap.Open)
	case keymap.Walk:
		return steps(ctx.Frame, p.open).Wish("a line of " + p.open.Service)
	}
	return nil
}

// field is one member of the document, in its order.
type field struct {
	key string
	val any
}

// document is the record as JSON. A body that is JSON itself is laid out as such.
func document(r *signal.Record) string {
	fields := []field{{"time", r.Time.Format(time.RFC3339Nano)}, {"level", r.Severity.String()}, {"service", r.Service}, {"body", body(r.Body)}}
	if !r.TraceID.IsZero() {
		fields = append(fields, field{"trace_id", r.TraceID.String()})
	}
	if r.SpanID != (signal.SpanID{}) {
		fields = append(fields, field{"span_id", r.SpanID.String()})
	}
	fields = append(fields, field{"source", r.Source})
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		member(&b, f.key, f.val)
	}
	b.WriteString(`,"attributes":{`)
	for i, a := range r.Attrs {
		if i > 0 {
			b.WriteByte(',')
		}
		member(&b, a.Key, a.Value)
	}
	b.WriteString("}}")
	var out bytes.Buffer
	if err := json.Indent(&out, b.Bytes(), "", "  "); err != nil {
		return b.String() // what is above is JSON; if not, better unindented than not at all
	}
	return out.String()
}

func body(text string) any {
	if t := strings.TrimSpace(text); len(t) <= maxDetail && strings.HasPrefix(t, "{") && json.Valid([]byte(t)) {
		return json.RawMessage(t)
	}
	return text
}

func member(b *bytes.Buffer, key string, val any) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(key) // a string can always be written
	b.WriteByte(':')
	_ = enc.Encode(val) // likewise, and a body was seen to be JSON
}

// joined says where the record's IDs came from.
func joined(f *signal.Frame, r *signal.Record) string {
	by := r.Attrs.Get("joined_by")
	switch {
	case r.Near:
		return "It carries no ID: it stands here because a service of the request wrote it at that time. It may belong to it, or not."
	case by != "":
		return "Its IDs were found in its text: " + by + "."
	case !r.TraceID.IsZero():
		return "Its trace ID came with the record."
	case correlation(f, r) != "":
		return "It is joined by the attribute that holds its request ID."
	}
	return "It carries no ID of a request."
}

func (p *Pane) drawDetail(pen widget.Pen, ctx pane.Context) []string {
	text := document(p.open)
	text = text[:min(len(text), maxDetail)]
	lines := []widget.Seg{{Role: themes.Muted, Text: joined(ctx.Frame, p.open)}}
	if p.open.Near {
		lines[0].Role = themes.Warning
		lines[0].Text = pen.Glyph(widget.Near) + " " + lines[0].Text
	}
	var rows []widget.Seg
	for _, l := range widget.Wrap(lines[0].Text, max(ctx.Width-3, 1)) {
		rows = append(rows, widget.Seg{Role: lines[0].Role, Text: l})
	}
	for line := range strings.SplitSeq(text, "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		room := max(ctx.Width-3-len(indent), 1)
		if widget.Width(line)-len(indent) <= room {
			rows = append(rows, widget.Seg{Role: themes.Text, Text: line})
			continue
		}
		for i, part := range widget.Wrap(line, max(room-2, 1)) {
			if i > 0 {
				part = "  " + part
			}
			rows = append(rows, widget.Seg{Role: themes.Text, Text: indent + part})
		}
	}
	p.line = max(min(p.line, len(rows)-ctx.Height), 0)
	out := make([]string, 0, ctx.Height)
	for i := p.line; i < min(p.line+ctx.Height, len(rows)); i++ {
		segs := []widget.Seg{{Role: themes.Text, Text: " "}}
		key, rest, ok := strings.Cut(rows[i].Text, `": `)
		if ok && strings.HasPrefix(strings.TrimSpace(key), `"`) {
			segs = append(segs, widget.Seg{Role: themes.Key, Text: key + `"`}, widget.Seg{Role: themes.Text, Text: ": "})
			rows[i].Text = rest
		}
		segs = highlight(segs, rows[i].Text, p.marked, rows[i].Role)
		out = append(out, pen.Row(ctx.Width-1, segs...)+pen.Row(1, pen.ScrollMark(len(out), ctx.Height, p.line, len(rows))))
	}
	return pen.Page(out, ctx.Width, ctx.Height)
}
