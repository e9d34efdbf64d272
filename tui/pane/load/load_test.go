package load_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/load"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

// TestGolden compares the screens that the pane has alone in cockpits of 80x24, 120x35 and 200x50.
func TestGolden(t *testing.T) {
	for _, size := range [][2]int{{78, 18}, {118, 29}, {198, 43}} {
		for _, theme := range []string{"dark", "light", "mono", "ascii"} {
			for face, name := range []string{"", "-latency", "-rows"} {
				if face > 0 && theme != "mono" {
					continue
				}
				t.Run(fmt.Sprintf("%dx%d-%s%s", size[0], size[1], theme, name), func(t *testing.T) {
					ctx := panetest.Context(t, sample.LoadRun(), size[0], size[1])
					ctx.Theme = panetest.Theme(t, strings.Replace(theme, "ascii", "mono", 1))
					ctx.ASCII = theme == "ascii"
					p := load.New()
					for range face {
						panetest.Do(p, ctx, keymap.Face)
					}
					panetest.Check(t, p, ctx, "golden")
					golden.RequireEqual(t, p.Title(ctx)+"\n"+strings.Join(p.View(ctx), "\n")+"\n")
				})
			}
		}
	}
}

func TestRequestsLeadToTraces(t *testing.T) {
	f := sample.LoadRun()
	ctx := panetest.Context(t, f, 118, 29)
	p := load.New()
	p.View(ctx)
	require.Equal(t, pane.OpenTraceMsg{ID: f.Load.Thresholds[0].TraceID}, panetest.Do(p, ctx, keymap.Open), "the cursor begins on the first threshold")
	panetest.Do(p, ctx, keymap.Down)
	require.Equal(t, "success > 99%: passed", panetest.Do(p, ctx, keymap.Open).(pane.StatusMsg).Text)
	for range 3 {
		panetest.Do(p, ctx, keymap.Down)
	}
	require.Equal(t, pane.OpenTraceMsg{ID: f.Load.Exemplars[0].TraceID}, panetest.Do(p, ctx, keymap.Open))
	require.Equal(t, pane.CopyMsg{Text: f.Load.Exemplars[0].TraceID.String()}, panetest.Do(p, ctx, keymap.Copy))
	for range 3 {
		panetest.Do(p, ctx, keymap.Down)
	}
	require.Equal(t, pane.FocusMsg{ID: signal.CorrelationID(f.Load.Exemplars[3].CorrelationID)}, panetest.Do(p, ctx, keymap.Open),
		"one that was not traced leads to its log lines")
}

func TestNextErrorGoesOverWhatFailed(t *testing.T) {
	f := sample.LoadRun()
	ctx := panetest.Context(t, f, 78, 18)
	p := load.New()
	p.View(ctx)
	panetest.Do(p, ctx, keymap.NextError)
	require.Equal(t, pane.OpenTraceMsg{ID: f.Load.Exemplars[1].TraceID}, panetest.Do(p, ctx, keymap.Open))
	require.Contains(t, panetest.Text(p, ctx), "status 5xx", "it was scrolled into sight")
	panetest.Do(p, ctx, keymap.PrevError)
	require.Equal(t, pane.OpenTraceMsg{ID: f.Load.Thresholds[0].TraceID}, panetest.Do(p, ctx, keymap.Open))
}

func TestKeysAreThoseThatDoSomething(t *testing.T) {
	f := sample.LoadRun()
	ctx := panetest.Context(t, f, 118, 29)
	p := load.New()
	require.Subset(t, p.Keys(ctx), []keymap.Action{keymap.RaiseLoad, keymap.LowerLoad, keymap.HoldLoad, keymap.StopLoad})
	require.NotContains(t, p.Keys(ctx), keymap.ResumeLoad)
	f.Load.Paused = true
	require.Contains(t, p.Keys(ctx), keymap.ResumeLoad)
	f.Load.Adjustable, f.Load.Paused = false, false
	require.NotContains(t, p.Keys(ctx), keymap.RaiseLoad)
	require.Contains(t, p.Keys(ctx), keymap.StopLoad)
	require.Contains(t, panetest.Text(p, ctx), "follows its plan")
	f.Load.Running = false
	require.NotContains(t, p.Keys(ctx), keymap.StopLoad)
	f.Load = nil
	require.Equal(t, []keymap.Action{keymap.LoadPlans}, p.Keys(ctx))
	require.Contains(t, panetest.Text(load.New(), ctx), "No load has run yet")
}

// TestFacesShowWhatASmallScreenDropped: nothing can only be seen on a large one.
func TestFacesShowWhatASmallScreenDropped(t *testing.T) {
	ctx := panetest.Context(t, sample.LoadRun(), 78, 18)
	p := load.New()
	var seen string
	for range 3 {
		seen += panetest.Text(p, ctx)
		for range 40 {
			panetest.Do(p, ctx, keymap.Down)
			seen += panetest.Text(p, ctx)
		}
		panetest.Do(p, ctx, keymap.Face)
	}
	for _, word := range []string{"latency", "rate against plan", "latency heatmap", "percentile spectrum", "p95", "inconclusive", "GET /products",
		"lost 3", "phases now", "timeout: no answer", "status 5xx"} {
		require.Contains(t, seen, word)
	}
	require.Equal(t, "load steady, 1 of 4 thresholds failed (overview, 1 of 3)", p.Title(ctx))
}

// TestItIsDrawnFourTimesASecond while frames come ten times a second.
func TestItIsDrawnFourTimesASecond(t *testing.T) {
	f := sample.LoadRun()
	ctx := panetest.Context(t, f, 118, 29)
	p := load.New()
	drawn, before := 0, ""
	for i := range 20 {
		next := *f
		state := *f.Load
		state.InFlight = 1000 + i
		next.Load, next.Now = &state, f.Now.Add(time.Duration(i)*100*time.Millisecond)
		next.Window.To = next.Now
		ctx.Frame = &next
		if text := panetest.Text(p, ctx); text != before {
			drawn, before = drawn+1, text
		}
	}
	require.LessOrEqual(t, drawn, 8)
	require.GreaterOrEqual(t, drawn, 6)
}

// TestClicksFindWhatIsDrawn: wherever the mouse clicks, the pane goes on; twice on a request opens its trace.
func TestClicksFindWhatIsDrawn(t *testing.T) {
	ctx := panetest.Context(t, sample.LoadRun(), 118, 29)
	p := load.New()
	p.View(ctx)
	chart, list := 0, 0
	for y := range ctx.Height {
		for x := range ctx.Width {
			if cmd := p.Update(ctx, pane.ClickMsg{X: x, Y: y, Double: true}); cmd != nil {
				if _, ok := cmd().(pane.OpenTraceMsg); ok && y < 11 {
					chart++
				} else if ok {
					list++
				}
			}
			if x%20 == 0 {
				p.View(ctx)
			}
		}
	}
	require.Positive(t, chart)
	require.Positive(t, list)
}

// BenchmarkDraw is one drawing at 120x35.
func BenchmarkDraw(b *testing.B) {
	f := sample.LoadRun()
	ctx := panetest.Context(b, f, 118, 29)
	p := load.New()
	b.ReportAllocs()
	for b.Loop() {
		next := *f
		ctx.Frame = &next
		p.View(ctx)
	}
}
