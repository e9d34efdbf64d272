package load

import (
	"math"
	"sort"

	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/metrics"
	"gameday/tui/widget"
)

// tile is one picture.
type tile struct {
	title string
	draw  func(pen widget.Pen, w, h int) []string
}

// tiles are all pictures, in the order in which they are given room.
func (p *Pane) tiles(ctx pane.Context) []tile {
	l, w := ctx.Frame.Load, ctx.Frame.Window
	secs := within(l.Seconds, w)
	times := p.chart(ctx, latencyPanel(secs), requests(l))
	rate := p.chart(ctx, ratePanel(secs), nil)
	errors := p.chart(ctx, errorPanel(secs), nil)
	work := p.chart(ctx, workPanel(secs), nil)
	heat := tile{"heat", func(pen widget.Pen, width, height int) []string {
		return pen.Heat("latency heatmap", secs, w, width, height)
	}}
	spectrum := tile{"spectrum", func(pen widget.Pen, width, height int) []string {
		return pen.Spectrum("percentile spectrum of the run", l.Spectrum, width, height)
	}}
	if p.face == latency {
		return []tile{heat, spectrum, times, rate, errors, work}
	}
	if ctx.Width >= 150 { // three side by side
		return []tile{times, rate, errors, heat, spectrum, work}
	}
	return []tile{times, rate, heat, spectrum, errors, work}
}

// within are the seconds that lie in a window or reach into it.
func within(secs []signal.LoadSecond, w signal.Window) []signal.LoadSecond {
	from := sort.Search(len(secs), func(i int) bool { return secs[i].To.After(w.From) })
	to := sort.Search(len(secs), func(i int) bool { return secs[i].From.After(w.To) })
	return secs[from:max(to, from)]
}

// chart is a tile of lines.
func (p *Pane) chart(ctx pane.Context, panel signal.Panel, exemplars []signal.Exemplar) tile {
	return tile{panel.Title, func(pen widget.Pen, w, h int) []string {
		c := p.charts[panel.Title]
		if c == nil {
			c = &widget.Chart{}
			p.charts[panel.Title] = c
		}
		return c.Rows(pen, widget.ChartData{Panel: panel, Window: ctx.Frame.Window, Bands: metrics.Bands(ctx.Frame), Exemplars: exemplars, Picked: p.picked(exemplars)}, w, h)
	}}
}

// picked is the exemplar whose request the cursor is on.
func (p *Pane) picked(list []signal.Exemplar) int {
	for i := range list {
		if p.At == (ref{requestRef, list[i].TraceID.String()}) {
			return i
		}
	}
	return -1
}

// requests are the traced ones as exemplars, by time.
func requests(l *signal.LoadState) (out []signal.Exemplar) {
	for _, e := range l.Exemplars {
		if !e.TraceID.IsZero() {
			out = append(out, signal.Exemplar{T: e.At, V: e.Latency.Seconds(), TraceID: e.TraceID})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].T.Before(out[j].T) })
	return out
}

// series makes a line of the seconds; f is NaN where there is a gap.
func series(name string, secs []signal.LoadSecond, f func(s *signal.LoadSecond) float64) signal.Series {
	out := signal.Series{Name: name, Samples: make([]signal.Sample, len(secs))}
	for i := range secs {
		out.Samples[i] = signal.Sample{T: secs[i].To, V: f(&secs[i])}
	}
	return out
}

func latencyPanel(secs []signal.LoadSecond) signal.Panel {
	answered := func(f func(s *signal.LoadSecond) float64) func(s *signal.LoadSecond) float64 {
		return func(s *signal.LoadSecond) float64 {
			if s.Done == 0 {
				return math.NaN()
			}
			return f(s)
		}
	}
	return signal.Panel{Title: "latency", Unit: "s", Series: []signal.Series{
		series("p50", secs, answered(func(s *signal.LoadSecond) float64 { return s.P50.Seconds() })),
		series("p95", secs, answered(func(s *signal.LoadSecond) float64 { return s.P95.Seconds() })),
		series("p99", secs, answered(func(s *signal.LoadSecond) float64 { return s.P99.Seconds() })),
	}}
}

func ratePanel(secs []signal.LoadSecond) signal.Panel {
	out := signal.Panel{Title: "rate against plan", Unit: "req/s", Series: []signal.Series{
		series("done", secs, func(s *signal.LoadSecond) float64 { return s.Rate() })}}
	planned, missed := false, false
	for i := range secs {
		planned, missed = planned || secs[i].Target > 0, missed || secs[i].Missed > 0
	}
	if planned {
		out.Series = append(out.Series, series("planned", secs, func(s *signal.LoadSecond) float64 { return s.Target }))
	} else {
		out.Title = "rate"
	}
	if missed {
		out.Series = append(out.Series, series("missed", secs, func(s *signal.LoadSecond) float64 { return s.MissedRate() }))
	}
	return out
}

// shownKinds is how many kinds of failure have a line of their own.
const shownKinds = 4

func errorPanel(secs []signal.LoadSecond) signal.Panel {
	out := signal.Panel{Title: "errors by kind", Unit: "/s"}
	sums := map[string]uint64{}
	for i := range secs {
		for _, e := range secs[i].Errors {
			sums[e.Kind] += e.Count
		}
	}
	kinds := make([]string, 0, len(sums))
	for kind := range sums {
		kinds = append(kinds, kind)
	}
	sort.Slice(kinds, func(i, j int) bool {
		if a, b := sums[kinds[i]], sums[kinds[j]]; a != b {
			return a > b
		}
		return kinds[i] < kinds[j]
	})
	if len(kinds) == 0 {
		if out.Err = "no request has failed in this window"; len(secs) == 0 {
			out.Err = ""
		}
		return out
	}
	shown := map[string]bool{}
	for _, kind := range kinds[:min(len(kinds), shownKinds)] {
		shown[kind] = true
		out.Series = append(out.Series, series(kind, secs, func(s *signal.LoadSecond) float64 {
			return failures(s, func(k string) bool { return k == kind })
		}))
	}
	if len(kinds) > shownKinds {
		out.Series = append(out.Series, series("others", secs, func(s *signal.LoadSecond) float64 {
			return failures(s, func(k string) bool { return !shown[k] })
		}))
	}
	return out
}

// failures a second of some kinds.
func failures(s *signal.LoadSecond, of func(kind string) bool) float64 {
	var n uint64
	for _, e := range s.Errors {
		if of(e.Kind) {
			n += e.Count
		}
	}
	if span := s.To.Sub(s.From).Seconds(); span > 0 {
		return float64(n) / span
	}
	return 0
}

func workPanel(secs []signal.LoadSecond) signal.Panel {
	return signal.Panel{Title: "users and in flight", Series: []signal.Series{
		series("in flight", secs, func(s *signal.LoadSecond) float64 { return float64(s.InFlight) }),
		series("users", secs, func(s *signal.LoadSecond) float64 { return float64(s.Users) }),
	}}
}
