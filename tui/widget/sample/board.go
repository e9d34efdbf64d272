package sample

import (
	"math"
	"time"

	"gameday/sources/signal"
)

// Board is a dashboard of the shop with panels of every kind.
func Board() *signal.Board {
	f := Frame()
	line := func(base, swing float64, n int) []signal.Sample {
		var out []signal.Sample
		for t := f.Window.From; !t.After(f.Window.To); t = t.Add(5 * time.Second) {
			x := t.Sub(f.Window.From).Seconds()
			out = append(out, signal.Sample{T: t, V: base + swing*math.Sin(x/40+float64(n))})
		}
		return out
	}
	series := func(name string, samples []signal.Sample, kv ...string) signal.Series {
		s := signal.Series{Name: name, Samples: samples}
		for i := 0; i < len(kv); i += 2 {
			s.Labels = append(s.Labels, signal.Attr{Key: kv[i], Value: kv[i+1]})
		}
		return s
	}
	zero, one := 0.0, 1.0
	levels := []signal.BoardThreshold{{From: math.Inf(-1), Level: signal.Good}, {From: 0.01, Level: signal.Warning}, {From: 0.05, Level: signal.Bad}}
	var many []signal.Series
	var values []float64
	for i, svc := range []string{"gateway", "checkout", "payment", "catalog", "inventory"} {
		s := series(svc, line(float64(40*(i+1)), float64(7*i+3), i), "service", svc)
		many = append(many, s)
		values = append(values, s.Samples[len(s.Samples)-1].V)
	}
	var heat []signal.Series
	for i, le := range []string{"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "+Inf"} {
		heat = append(heat, series(le, line(math.Max(0, 30-6*math.Abs(float64(i)-4)), 5, i), "le", le))
	}
	latency := f.Metrics[0]
	panels := []signal.BoardPanel{
		{Kind: signal.BoardStat, Width: 6, Panel: signal.Panel{Title: "requests", Unit: "reqps", Query: "sum(rate(http_requests_total[1m]))", Series: many[:1]}, Values: values[:1]},
		{Kind: signal.BoardStat, Width: 6, Panel: signal.Panel{Title: "errors", Unit: "percentunit", Series: []signal.Series{series("", line(0.02, 0.015, 0))}}, Values: []float64{0.0234}, Thresholds: levels},
		{Kind: signal.BoardGauge, Width: 6, Min: &zero, Max: &one, Panel: signal.Panel{Title: "within 200 ms", Unit: "percentunit", Series: []signal.Series{series("", line(0.9, 0.05, 0))}}, Values: []float64{0.93}},
		{Kind: signal.BoardBars, Width: 6, Panel: signal.Panel{Title: "p95 by service", Unit: "ms", Series: many}, Values: values},
		{Kind: signal.BoardSeries, Width: 12, Panel: signal.Panel{Title: "requests by service", Unit: "reqps", Query: "sum by (service) (rate(http_requests_total[1m]))", Series: many}, Values: values},
		{Kind: signal.BoardSeries, Width: 12, Log: true, Panel: signal.Panel{Title: latency.Title, Unit: "s", Query: latency.Query, Series: latency.Series}, Thresholds: []signal.BoardThreshold{{From: 0.2, Level: signal.Warning}}},
		{Kind: signal.BoardHeatmap, Width: 12, Panel: signal.Panel{Title: "how long it takes", Unit: "s", Series: heat}},
		{Kind: signal.BoardTable, Width: 12, Panel: signal.Panel{Title: "busiest", Unit: "reqps", Series: many}, Values: values},
		{Kind: signal.BoardLogs, Width: 12, Panel: signal.Panel{Title: "warnings and errors"}, Records: f.Logs[max(len(f.Logs)-6, 0):]},
		{Kind: signal.BoardUnknown, Width: 6, Foreign: "nodeGraph", Panel: signal.Panel{Title: "map"}},
		{Kind: signal.BoardText, Width: 6, Text: "What users feel stands above; what each service does stands below.", Panel: signal.Panel{Title: "read me"}},
		{Kind: signal.BoardSeries, Width: 12, Panel: signal.Panel{Title: "broken", Err: "query sum((: unclosed left parenthesis at character 5"}},
	}
	for i := range panels {
		panels[i].ID, panels[i].Evaluated = i, true
	}
	panels[0].NewRow, panels[0].Row = true, "users"
	panels[4].NewRow, panels[4].Row = true, "services"
	return &signal.Board{Name: "shop", Title: "The shop", All: []signal.BoardName{{Name: "shop", Title: "The shop"}, {Name: "node", Title: "Nodes"}}, Panels: panels,
		Vars: []signal.BoardVar{
			{Name: "service", Label: "service", Type: "query", Multi: true, All: true, Chosen: []string{"$__all"}, Options: options("gateway", "checkout", "payment")},
			{Name: "quantile", Label: "quantile", Type: "custom", Chosen: []string{"0.95"}, Options: []signal.BoardOption{{Text: "p95", Value: "0.95"}, {Text: "p99", Value: "0.99"}}},
			{Name: "secret", Label: "secret", Type: "constant", Hidden: true, Chosen: []string{"x"}},
		}}
}

func options(words ...string) []signal.BoardOption {
	var out []signal.BoardOption
	for _, w := range words {
		out = append(out, signal.BoardOption{Text: w, Value: w})
	}
	return out
}

// BoardFrame is the sample frame with the dashboard, and the query that is being asked when there is one.
func BoardFrame(query string) *signal.Frame {
	f := Frame()
	f.Board = Board()
	if query != "" {
		q := f.Board.Panels[4]
		q.ID, q.Width, q.Title, q.Query, q.NewRow, q.Row = -1, 24, "query", query, false, ""
		f.Board.Query = &q
		f.Board.Words = signal.Words{Typed: query, From: len(query), List: []string{"http_requests_total", "up"}}
	}
	return f
}
