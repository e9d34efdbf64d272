package status

import (
	"fmt"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// Host shows what the machine that gameday runs on has left, and where that is going.
func Host() pane.Pane {
	return &list{id: "host", empty: "This machine is not measured: name a source of kind host in gameday.yaml.", rows: host,
		title: func(f *signal.Frame) string {
			worse := 0
			for _, r := range f.Host {
				if r.Trend == signal.TrendDegrading {
					worse++
				}
			}
			if worse > 0 {
				return fmt.Sprintf("machine %d degrading", worse)
			}
			return "machine"
		}}
}

func host(ctx pane.Context, p widget.Pen) []row {
	var out []row
	all := ctx.Frame.Host
	name := widget.Widest(20, len(all), func(i int) string { return all[i].Name })
	trendWidth := widget.Widest(20, len(all), func(i int) string { return all[i].Trend.String() })
	spark := max(min(ctx.Width-name-trendWidth-18, 30), 4)
	for _, r := range all {
		now := widget.Value(r.Now, "bytes") + "/s"
		role := themes.Text
		if r.Ratio {
			now = widget.Percent(100 * r.Now)
			if r.Now > 0.9 {
				role = themes.Warning
			}
		}
		trend, mark := themes.Muted, p.Glyph(widget.Dot)
		switch r.Trend {
		case signal.TrendDegrading:
			trend, mark = themes.Warning, p.Glyph(widget.UpTri)
		case signal.TrendImproving:
			trend, mark = themes.OK, p.Glyph(widget.DownTri)
		}
		out = append(out, row{text: fmt.Sprintf("%s %s %s", r.Name, now, r.Trend), value: now, segs: []widget.Seg{
			seg(themes.Text, " "+p.Left(r.Name, name)), seg(role, p.Right(now, 10)+"  "), seg(themes.Series0, p.Spark(r.History, spark)+"  "),
			seg(trend, mark+" "+r.Trend.String())}})
	}
	return out
}
