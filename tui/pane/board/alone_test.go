package board_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/board"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

// TestAFigureThatIsOpenedHasItsCourse: a chart with an axis below it, and what it asks; one without any has the figure alone.
func TestAFigureThatIsOpenedHasItsCourse(t *testing.T) {
	f := sample.Frame()
	f.Board = sample.Board()
	ctx := panetest.Context(t, f, 118, 29)
	p := board.New()
	p.View(ctx)
	kinds := map[signal.BoardKind]bool{}
	for range f.Board.Panels {
		at := panetest.Text(p, ctx)
		panetest.Do(p, ctx, keymap.Open)
		text := panetest.Text(p, ctx)
		query := panetest.Do(p, ctx, keymap.Copy)
		for i := range f.Board.Panels {
			b := &f.Board.Panels[i]
			if copied, ok := query.(pane.CopyMsg); !ok || copied.Text != b.Query || b.Query == "" {
				continue
			}
			require.Contains(t, text, "asks   "+b.Query[:min(len(b.Query), 60)])
			switch b.Kind {
			case signal.BoardStat, signal.BoardGauge, signal.BoardBars:
				if len(b.Series) > 0 && len(b.Series[0].Samples) > 1 {
					kinds[b.Kind] = true
					require.Contains(t, text, "over the window", b.Title)
					require.Contains(t, text, "┤", "an axis")
				}
			default:
				require.NotContains(t, text, "over the window")
			}
		}
		panetest.Do(p, ctx, keymap.Leave)
		require.Equal(t, at, panetest.Text(p, ctx))
		panetest.Do(p, ctx, keymap.Right)
	}
	require.NotEmpty(t, kinds)
}

// TestAnOpenPanelOffersWhatCanBeDoneInIt first: the footer has room for six.
func TestAnOpenPanelOffersWhatCanBeDoneInIt(t *testing.T) {
	f := sample.Frame()
	f.Board = sample.Board()
	ctx := panetest.Context(t, f, 118, 29)
	p := board.New()
	p.View(ctx)
	closed := p.Keys(ctx)
	require.NotContains(t, closed, keymap.OneSeries)
	require.NotContains(t, closed, keymap.Leave)
	found := map[signal.BoardKind]bool{}
	for range f.Board.Panels {
		panetest.Do(p, ctx, keymap.Open)
		p.View(ctx)
		keys := p.Keys(ctx)
		require.Equal(t, keymap.Leave, keys[0])
		if keys[1] == keymap.OneSeries {
			require.Equal(t, []keymap.Action{keymap.OneSeries, keymap.OnlySeries, keymap.LogAxis}, keys[1:4])
			before := panetest.Text(p, ctx)
			panetest.Do(p, ctx, keymap.OneSeries)
			require.NotEqual(t, before, panetest.Text(p, ctx))
			panetest.Do(p, ctx, keymap.OneSeries)
			require.Equal(t, before, panetest.Text(p, ctx))
			for i := range f.Board.Panels {
				if b := &f.Board.Panels[i]; b.Query == panetest.Do(p, ctx, keymap.Copy).(pane.CopyMsg).Text {
					found[b.Kind] = true
				}
			}
		}
		panetest.Do(p, ctx, keymap.Leave)
		panetest.Do(p, ctx, keymap.Down)
	}
	require.True(t, found[signal.BoardSeries])
}
