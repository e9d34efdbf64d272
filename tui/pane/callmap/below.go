package callmap

import (
	"fmt"
	"strings"
	"time"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// below is what stands under the map: all figures of what the cursor is on, and the faults. It gives way on small screens.
func (p *Pane) below(pen widget.Pen, ctx pane.Context) []string {
	lines := [][]widget.Seg{p.figuresOf(pen, ctx)}
	if why := p.whyOf(pen, ctx); why != nil {
		lines = append(lines, why)
	} else if ctx.Height >= 14 {
		lines = append(lines, nil)
	}
	lines = append(lines, p.faultLine(pen, ctx))
	if ctx.Height < 14 {
		lines = compact(lines)
	}
	switch {
	case ctx.Height < 6:
		return nil
	case ctx.Height < 10:
		lines = lines[:1]
	}
	out := []string{pen.Row(ctx.Width, widget.Seg{Role: themes.Border, Text: strings.Repeat(pen.Glyph(widget.Rule), ctx.Width)})}
	for _, l := range lines {
		out = append(out, pen.Row(ctx.Width, l...))
	}
	return out
}

func compact(lines [][]widget.Seg) [][]widget.Seg {
	out := lines[:0]
	for _, l := range lines {
		if l != nil {
			out = append(out, l)
		}
	}
	return out
}

// figuresOf are the figures of the call or service under the cursor.
func (p *Pane) figuresOf(pen widget.Pen, ctx pane.Context) []widget.Seg {
	name := widget.Seg{Role: themes.Title, Text: " " + p.name(ctx, p.at)}
	f, what := p.served(), "visits"
	if i := p.call(p.at); i >= 0 {
		f, what = p.m.Calls[i].MapFigures, "calls"
	}
	if i := p.call(p.at); i >= 0 && p.m.Calls[i].By != "" {
		c := &p.m.Calls[i]
		text := "  told by " + c.By
		if c.Told > 0 {
			text += fmt.Sprintf(", %s calls", widget.Count(c.Told))
		}
		return []widget.Seg{name, {Role: themes.Muted, Text: text + "; no span of them is held, so there are no figures"}}
	}
	if f.Count == 0 {
		return []widget.Seg{name, {Role: themes.Muted, Text: "  calls others only"}}
	}
	failed := widget.Seg{Role: themes.Muted, Text: "none failed"}
	if f.Failed > 0 {
		failed = widget.Seg{Role: themes.Failed, Text: fmt.Sprintf("%s %s failed (%d)", pen.Glyph(widget.Failed), share(f.ErrorShare()), f.Failed)}
	}
	d := widget.Duration
	out := []widget.Seg{name, {Role: themes.Text, Text: fmt.Sprintf("  %s  ", rate(f.Rate))}, failed,
		{Role: themes.Muted, Text: "  P50 "}, {Role: themes.Text, Text: d(f.P50)}, {Role: themes.Muted, Text: "  P95 "}, {Role: themes.Text, Text: d(f.P95)},
		{Role: themes.Muted, Text: "  P99 "}, {Role: themes.Text, Text: d(f.P99)}, {Role: themes.Muted, Text: fmt.Sprintf("  max %s  %d %s", d(f.Max), f.Count, what)}}
	if wide(out) > ctx.Width {
		out = out[:len(out)-1]
	}
	if wide(out) > ctx.Width && f.Failed > 0 {
		out[2].Text = pen.Glyph(widget.Failed) + share(f.ErrorShare())
	}
	return out
}

// wide is how many cells segments take.
func wide(segs []widget.Seg) (n int) {
	for _, s := range segs {
		n += widget.Width(s.Text)
	}
	return n
}

// served are the visits to the service under the cursor.
func (p *Pane) served() (f signal.MapFigures) {
	for i := range p.m.Services {
		if p.m.Services[i].Name == p.at.to && p.at.to != signal.Outside {
			f = p.m.Services[i].Served
		}
	}
	return f
}

// whyOf says why a call is the worst, and how long it takes by itself.
func (p *Pane) whyOf(pen widget.Pen, ctx pane.Context) []widget.Seg {
	i := p.call(p.at)
	var out []widget.Seg
	switch worst := p.m.Worst; {
	case worst >= 0 && i == worst:
		out = append(out, widget.Seg{Role: themes.Warning, Text: fmt.Sprintf(" %s worst: %s ", pen.Glyph(widget.UpTri), p.m.Why)})
	case worst >= 0:
		w := &p.m.Calls[worst]
		out = append(out, widget.Seg{Role: themes.Warning, Text: fmt.Sprintf(" %s worst: %s, %s ", pen.Glyph(widget.UpTri), p.name(ctx, spotOf(w)), p.m.Why)})
	}
	if i < 0 {
		return out
	}
	c := &p.m.Calls[i]
	if c.By != "" {
		return out
	}
	text := fmt.Sprintf(" by itself %s on average", widget.Duration(c.Own/time.Duration(max(c.Count, 1))))
	if i != p.m.Worst || c.Origins > 0 {
		text += ", " + share(c.Share) + " of all time"
	}
	if c.Origins > 0 && i != p.m.Worst {
		text += fmt.Sprintf(", %d of the failed began to fail here", c.Origins)
	}
	return append(out, widget.Seg{Role: themes.Muted, Text: text})
}

// faultLine names the faults: those on what the cursor is on first, then the others, with what they act on.
func (p *Pane) faultLine(pen widget.Pen, ctx pane.Context) []widget.Seg {
	if ctx.Frame == nil || ctx.Frame.Map == nil || len(ctx.Frame.Map.Faults) == 0 {
		return nil
	}
	mine := faults(ctx, p.at)
	var out []widget.Seg
	add := func(f signal.MapFault, text string) {
		role, sign := themes.Fault, " "+pen.Bolt()+" "
		if !f.Active {
			role, sign = themes.Muted, "  was "
		}
		out = append(out, widget.Seg{Role: role, Text: sign + strings.Join(strings.Fields(f.Title), " ") + " " + text})
	}
	when := func(f signal.MapFault) string {
		at := f.Start.In(ctx.Frame.Now.Location()).Format(time.TimeOnly)
		if f.Active {
			return "since " + at
		}
		return at + " to " + f.End.In(ctx.Frame.Now.Location()).Format(time.TimeOnly)
	}
	for _, f := range mine {
		add(f, "acts here, "+when(f))
	}
	for _, f := range ctx.Frame.Map.Faults {
		if len(mine) > 0 && f.Call == p.at.call && f.To == p.at.to && f.From == p.at.from {
			continue
		}
		switch {
		case f.To == "":
			add(f, "on "+f.Target+", which is not on the map, "+when(f))
		default:
			add(f, "on "+p.name(ctx, spot{f.Call, f.From, f.To})+", "+when(f))
		}
	}
	return out
}
