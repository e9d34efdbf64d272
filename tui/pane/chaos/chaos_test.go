package chaos_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/chaos"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

func TestRowsAreExact(t *testing.T) {
	for i, p := range chaos.All() {
		t.Run(p.ID(), func(t *testing.T) { panetest.Conform(t, func() pane.Pane { return chaos.All()[i] }) })
	}
}

func TestGolden(t *testing.T) {
	for i, p := range chaos.All() {
		t.Run(p.ID(), func(t *testing.T) { panetest.Golden(t, func(pane.Context) pane.Pane { return chaos.All()[i] }) })
		t.Run(p.ID()+"-open", func(t *testing.T) {
			panetest.Golden(t, func(ctx pane.Context) pane.Pane {
				p := chaos.All()[i]
				panetest.Do(p, ctx, keymap.Open)
				return p
			})
		})
	}
}

// TestNothingIsOfferedInAReplay: no key starts an experiment there.
func TestNothingIsOfferedInAReplay(t *testing.T) {
	ctx := panetest.Context(t, &signal.Frame{}, 98, 8)
	for _, p := range []pane.Pane{chaos.Catalog(), chaos.Faults(), chaos.Runs(), chaos.Definitions()} {
		ctx.Replay = false
		require.NotContains(t, panetest.Text(p, ctx), "replay", p.ID())
		ctx.Replay = true
		require.Contains(t, panetest.Text(p, ctx), "A replay shows what was, and does nothing.", p.ID())
		require.NotContains(t, panetest.Text(p, ctx), "Press", p.ID())
	}
}

func TestWhatIsOpenIsAskedFor(t *testing.T) {
	ctx := panetest.Context(t, sample.Frame(), 98, 21)
	ask := func(p pane.Pane) (v signal.View) { p.Want(&v); return v }
	runs := chaos.Runs()
	require.Equal(t, signal.View{Runs: true}, ask(runs))
	panetest.Do(runs, ctx, keymap.Down)
	panetest.Do(runs, ctx, keymap.Open)
	require.Equal(t, ctx.Frame.Runs[1].ID, ask(runs).Report)
	require.Contains(t, panetest.Text(runs, ctx), "is being read")
	panetest.Do(runs, ctx, keymap.Leave)
	require.Empty(t, ask(runs).Report)
	d := chaos.Definitions()
	panetest.Do(d, ctx, keymap.Open)
	require.Equal(t, "payment-slow", ask(d).Definition)
	require.Contains(t, panetest.Text(d, ctx), "the claim that is tested")
	c := chaos.Catalog()
	require.True(t, ask(c).Catalog)
	require.Contains(t, c.Title(ctx), "1 not on this machine")
}
