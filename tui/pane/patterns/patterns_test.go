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
