package chaos_test

import (
	"strings"
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
	require.Equal(t, 1, strings.Count(panetest.Text(d, ctx), "gameday/v1"), "what explains nothing is left out")
	c := chaos.Catalog()
	require.True(t, ask(c).Catalog)
	require.Contains(t, c.Title(ctx), "1 not on this machine")
}

// TestAListIsFilteredByWords of the name and of what it says, and says so when nothing is left.
func TestAListIsFilteredByWords(t *testing.T) {
	ctx := panetest.Context(t, sample.Frame(), 58, 14)
	p := chaos.Catalog()
	require.Contains(t, p.Keys(ctx), keymap.Filter)
	panetest.Do(p, ctx, keymap.Bottom)
	p.Update(ctx, pane.FilterMsg{Text: "LATER link"})
	require.Contains(t, p.Title(ctx), "/LATER link 1")
	text := panetest.Text(p, ctx)
	require.Contains(t, text, "network.latency")
	require.NotContains(t, text, "host.loss")
	require.Equal(t, pane.CopyMsg{Text: "network.latency"}, panetest.Do(p, ctx, keymap.Copy))
	panetest.Do(p, ctx, keymap.Open)
	require.Contains(t, panetest.Text(p, ctx), "jitter")
	panetest.Do(p, ctx, keymap.Leave)
	require.Equal(t, "LATER link", p.(pane.Filterer).Filter())
	p.Update(ctx, pane.FilterMsg{Text: "nowhere"})
	require.Contains(t, panetest.Text(p, ctx), `Nothing here matches "nowhere".`)
	require.Equal(t, []keymap.Action{keymap.Filter}, p.Keys(ctx))
	p.Update(ctx, pane.FilterMsg{})
	require.Contains(t, panetest.Text(p, ctx), "host.loss")
}

// TestWhatARowCannotSayStandsBelow: the whole sentence of the row under the cursor, where the list has no room for it.
func TestWhatARowCannotSayStandsBelow(t *testing.T) {
	f := sample.Frame()
	f.Catalog[1].Help = "requests on the link answer later, each by as much as the distribution says, and connections that are open already too"
	ctx := panetest.Context(t, f, 58, 14)
	p := chaos.Catalog()
	panetest.Do(p, ctx, keymap.Down)
	text := panetest.Text(p, ctx)
	require.Contains(t, text, "already too")
	require.Contains(t, text, "process.kill")
	ctx.Height = 6
	require.NotContains(t, panetest.Text(p, ctx), "already too", "a small pane is all list")
	ctx.Width, ctx.Height = 190, 14
	require.Equal(t, 1, strings.Count(panetest.Text(p, ctx), "already too"), "nothing is said twice")
}
