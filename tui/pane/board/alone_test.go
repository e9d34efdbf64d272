package board_test

import (
	"strings"
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

// TestThePictureStaysWhileAQueryIsTyped and is none for a moment; it says what is wrong, and goes when the query is taken like that.
func TestThePictureStaysWhileAQueryIsTyped(t *testing.T) {
	ctx := panetest.Context(t, sample.BoardFrame("sum(up)"), 118, 29)
	p := board.New()
	typing := func(text string, done bool) {
		p.Update(ctx, pane.TypedMsg{ID: "query", Text: text, Cursor: len(text), Done: done})
	}
	panetest.Do(p, ctx, keymap.Ask)
	typing("sum(up)", false)
	picture := panetest.Text(p, ctx)
	require.Contains(t, picture, "┤")
	broken := *ctx.Frame
	b := *ctx.Frame.Board
	b.Query = &signal.BoardPanel{ID: -1, Kind: signal.BoardSeries, Evaluated: true, Width: 24, Panel: signal.Panel{Title: "query", Query: "sum(up", Err: `query "sum(up": unclosed left parenthesis`, Failed: true}}
	broken.Board = &b
	ctx.Frame = &broken
	typing("sum(up", false)
	text := panetest.Text(p, ctx)
	require.Contains(t, text, "as it was before: unclosed left parenthesis")
	require.Equal(t, pane.CopyMsg{Text: "sum(up"}, panetest.Do(p, ctx, keymap.Copy))
	axis := func(s string) string { return strings.Split(s, "\n")[4] }
	require.Equal(t, axis(picture), axis(text))
	typing("sum(up", true)
	require.NotContains(t, panetest.Text(p, ctx), "as it was before")
	require.Contains(t, panetest.Text(p, ctx), "unclosed left parenthesis")
}
