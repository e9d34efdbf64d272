package patterns_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/patterns"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

func TestRowsAreExact(t *testing.T) {
	panetest.Conform(t, func() pane.Pane { return patterns.New() })
}

func TestGolden(t *testing.T) {
	panetest.Golden(t, func(ctx pane.Context) pane.Pane {
		p := patterns.New()
		panetest.Do(p, ctx, keymap.Down)
		return p
	})
}

func TestEnterFiltersTheLogs(t *testing.T) {
	ctx := panetest.Context(t, sample.Frame(), 98, 21)
	p := patterns.New()
	var v signal.View
	p.Want(&v)
	require.True(t, v.Patterns)
	require.Equal(t, pane.FilterPaneMsg{Pane: "logs", Text: `{service="checkout"} |> "x <_>"`}, panetest.Do(p, ctx, keymap.Open))
	panetest.Do(p, ctx, keymap.Bottom)
	require.Equal(t, pane.FilterPaneMsg{Pane: "logs", Text: `{service="payment"} |> "x <_>"`}, panetest.Do(p, ctx, keymap.Open))
	require.Nil(t, panetest.Do(p, ctx, keymap.PrevError))
	require.Contains(t, panetest.Do(p, ctx, keymap.CopyRow).(pane.CopyMsg).Text, "payment failed")
	require.IsType(t, pane.StatusMsg{}, panetest.Do(p, ctx, keymap.PrevError))
	require.Contains(t, p.Title(ctx), "2 new since 12:03:31")
	require.Equal(t, 2, strings.Count(panetest.Text(p, ctx), "NEW"))
}

// TestTheCursorStaysOnItsPattern when others move past it.
func TestTheCursorStaysOnItsPattern(t *testing.T) {
	ctx := panetest.Context(t, sample.Frame(), 98, 21)
	p := patterns.New()
	panetest.Do(p, ctx, keymap.Down)
	panetest.Do(p, ctx, keymap.Down)
	f := sample.Frame()
	f.Now = f.Now.Add(2 * time.Second)
	f.Window.To = f.Now
	rows := f.Patterns
	f.Patterns = append([]signal.LogPattern{rows[6], rows[5]}, rows[:5]...)
	ctx.Frame = f
	require.Contains(t, panetest.Do(p, ctx, keymap.CopyRow).(pane.CopyMsg).Text, "POST /checkout")
	f = sample.Frame()
	f.Patterns = nil
	f.Now = f.Now.Add(4 * time.Second)
	ctx.Frame = f
	require.Contains(t, panetest.Text(p, ctx), "No log patterns")
}

// TestTheExampleIsOfTheTimeThatIsLookedAt: patterns come with one of their newest lines, which a paused picture must not show.
func TestTheExampleIsOfTheTimeThatIsLookedAt(t *testing.T) {
	f := sample.Frame()
	p := patterns.New()
	ctx := panetest.Context(t, f, 98, 21)
	x := &f.Patterns[0]
	x.Example = signal.Record{Time: f.Window.To.Add(-time.Second), Body: "written before", TraceID: signal.TraceID{1}}
	asked := func() string {
		var v signal.View
		p.WantShown(&v)
		return v.Such
	}
	require.Contains(t, panetest.Text(p, ctx), "written before")
	require.Empty(t, asked(), "it is there already")

	paused := *f
	paused.Now = f.Now.Add(5 * time.Minute)
	paused.Patterns = append([]signal.LogPattern(nil), f.Patterns...)
	paused.Patterns[0].Example = signal.Record{Time: f.Window.To.Add(time.Minute), Body: "written LATER", TraceID: signal.TraceID{2}}
	ctx.Frame = &paused
	text := panetest.Text(p, ctx)
	require.NotContains(t, text, "LATER")
	require.Contains(t, text, "looking for a line of this time")
	require.Equal(t, x.Filter, asked())
	require.NotContains(t, p.Keys(ctx), keymap.FocusIt)
	require.IsType(t, pane.StatusMsg{}, panetest.Do(p, ctx, keymap.FocusIt), "the request of another time is not focused either")

	found := paused
	found.Such = &signal.SuchAs{Filter: x.Filter, Found: true, Record: signal.Record{Time: f.Window.From.Add(time.Second), Body: "written then", TraceID: signal.TraceID{3}}}
	ctx.Frame = &found
	require.Contains(t, panetest.Text(p, ctx), "written then")
	require.Equal(t, pane.FocusMsg{ID: signal.CorrelationID(signal.TraceID{3}.String())}, panetest.Do(p, ctx, keymap.FocusIt))

	gone := paused
	gone.Such = &signal.SuchAs{Filter: x.Filter}
	ctx.Frame = &gone
	require.Contains(t, panetest.Text(p, ctx), "no line of it is held of this time")
	other := paused
	other.Such = &signal.SuchAs{Filter: `{service="other"}`, Found: true, Record: signal.Record{Time: f.Window.To, Body: "of another pattern"}}
	ctx.Frame = &other
	require.NotContains(t, panetest.Text(p, ctx), "of another pattern")
}
