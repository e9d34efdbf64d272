package panetest_test

import (
	"testing"

	"gameday/keymap"
	"gameday/tui/pane"
	"gameday/tui/pane/experiment"
	"gameday/tui/pane/logs"
	"gameday/tui/pane/metrics"
	"gameday/tui/pane/traces"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

// BenchmarkCockpit draws the four panes of a 200x50 cockpit from a new frame each time, as the tick does.
func BenchmarkCockpit(b *testing.B) {
	f := sample.Frame()
	f.Logs = sample.Logs(500)
	panes := map[string]pane.Pane{"metrics": metrics.New(), "traces": traces.New(nil), "logs": logs.New(nil, nil), "experiment": experiment.New()}
	all := []pane.Pane{panes["metrics"], panes["traces"], panes["logs"], panes["experiment"]}
	draw := func(b *testing.B, list ...pane.Pane) {
		b.ReportAllocs()
		ctx := panetest.Context(b, f, 98, 21)
		for b.Loop() {
			next := *f // a frame is never the same twice
			ctx.Frame = &next
			for _, p := range list {
				p.View(ctx)
			}
		}
	}
	b.Run("all", func(b *testing.B) { draw(b, all...) })
	for _, p := range all {
		b.Run(p.ID(), func(b *testing.B) { draw(b, p) })
	}
}

// BenchmarkWaterfall moves the cursor through a trace of 5,000 spans nested up to 500 deep.
func BenchmarkWaterfall(b *testing.B) {
	f := sample.Frame()
	f.Detail = sample.BigTrace(5000)
	ctx := panetest.Context(b, f, 98, 21)
	p := traces.New(nil)
	p.Update(ctx, pane.OpenTraceMsg{ID: f.Detail.ID})
	b.ReportAllocs()
	for b.Loop() {
		p.Update(ctx, pane.ActionMsg{Action: keymap.Down})
		p.View(ctx)
	}
}
