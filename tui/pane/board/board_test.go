package board_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/board"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

func TestRowsAreExact(t *testing.T) {
	panetest.Conform(t, func() pane.Pane { return board.New() })
	rng := rand.New(rand.NewPCG(1, 2))
	actions := append([]keymap.Action{keymap.LogAxis, keymap.OneSeries, keymap.OnlySeries}, panetest.Actions...)
	p := board.New()
	for range 50 {
		ctx := panetest.Context(t, sample.BoardFrame([]string{"", "up"}[rng.IntN(2)]), 1+rng.IntN(220), 1+rng.IntN(60))
		ctx.ASCII = rng.IntN(4) == 0
		panetest.Do(p, ctx, actions[rng.IntN(len(actions))])
		panetest.Check(t, p, ctx, "at random")
		if rng.IntN(5) == 0 {
			p.Update(ctx, pane.ClickMsg{X: rng.IntN(ctx.Width), Y: rng.IntN(ctx.Height), Double: rng.IntN(2) == 0})
		}
		if rng.IntN(9) == 0 {
			p.Update(ctx, pane.TypedMsg{ID: "query", Text: "up", Done: true})
		}
	}
}

func view(p *board.Pane) signal.BoardView {
	var v signal.View
	p.Want(&v)
	if v.Board.Wanted {
		panic("a pane off the screen wants nothing")
	}
	p.WantShown(&v)
	return v.Board
}

func TestOnlyWhatIsOnTheScreenIsWanted(t *testing.T) {
	p := board.New()
	require.Equal(t, signal.BoardView{Wanted: true, To: 12}, view(p), "before anything was drawn")
	ctx := panetest.Context(t, sample.BoardFrame(""), 120, 24)
	p.View(ctx)
	v := view(p)
	require.Zero(t, v.From)
	require.Less(t, v.To, 12)
	panetest.Do(p, ctx, keymap.Bottom)
	p.View(ctx)
	v = view(p)
	require.Positive(t, v.From)
	require.Equal(t, 12, v.To)
	panetest.Do(p, ctx, keymap.Open)
	p.View(ctx)
	v = view(p)
	require.Equal(t, []int{11, 12}, []int{v.From, v.To}, "one panel alone")
}

func TestVariablesAreChosen(t *testing.T) {
	p := board.New()
	ctx := panetest.Context(t, sample.BoardFrame(""), 120, 35)
	require.Contains(t, panetest.Text(p, ctx), "service All  quantile p95")
	pick := panetest.Do(p, ctx, keymap.Variables).(pane.PickMsg)
	require.Len(t, pick.Items, 2, "hidden ones are not changed")
	values := p.Update(ctx, pane.PickedMsg{ID: pick.ID, Item: "service"})().(pane.PickMsg)
	require.True(t, values.Stay, "several may be chosen")
	again := p.Update(ctx, pane.PickedMsg{ID: values.ID, Item: "payment"})().(pane.PickMsg)
	require.True(t, again.Refresh)
	p.Update(ctx, pane.PickedMsg{ID: values.ID, Item: "gateway"})
	require.Equal(t, map[string][]string{"service": {"payment", "gateway"}}, view(p).Values())
	p.Update(ctx, pane.PickedMsg{ID: values.ID, Item: "payment"})
	p.Update(ctx, pane.PickedMsg{ID: values.ID, Item: "gateway"})
	require.Equal(t, []string{"$__all"}, view(p).Values()["service"], "nothing left is all")
	one := p.Update(ctx, pane.PickedMsg{ID: pick.ID, Item: "quantile"})().(pane.PickMsg)
	require.Nil(t, p.Update(ctx, pane.PickedMsg{ID: one.ID, Item: "0.99"}))
	require.Equal(t, []string{"0.99"}, view(p).Values()["quantile"])
	boards := panetest.Do(p, ctx, keymap.Dashboards).(pane.PickMsg)
	p.Update(ctx, pane.PickedMsg{ID: boards.ID, Item: "node"})
	require.Equal(t, signal.BoardView{Wanted: true, Name: "node", To: 12}, view(p), "values belong to their dashboard")
}

func TestAQueryIsAChartWhileItIsTyped(t *testing.T) {
	p := board.New()
	ctx := panetest.Context(t, sample.BoardFrame("sum(up)"), 120, 35)
	ask := panetest.Do(p, ctx, keymap.Ask).(pane.PromptMsg)
	require.True(t, ask.Words)
	p.Update(ctx, pane.TypedMsg{ID: ask.ID, Text: "sum(up)", Cursor: 6})
	require.Equal(t, "sum(up)", view(p).Query)
	require.Equal(t, "sum(up", view(p).Typed, "words go on from the cursor")
	require.Contains(t, panetest.Text(p, ctx), "query")
	p.Update(ctx, pane.TypedMsg{ID: ask.ID, Text: "sum(up)", Done: true})
	require.Empty(t, view(p).Typed)
	require.Equal(t, "sum(up)", view(p).Query, "it stays")
	panetest.Do(p, ctx, keymap.Leave)
	require.Empty(t, view(p).Query)
	require.NotContains(t, panetest.Text(p, ctx), "query")
}

func TestSeriesAreTurnedOffAndAxesLogarithmic(t *testing.T) {
	p := board.New()
	ctx := panetest.Context(t, sample.BoardFrame(""), 120, 35)
	for range 4 {
		panetest.Do(p, ctx, keymap.Down)
	}
	before := panetest.Text(p, ctx)
	panetest.Do(p, ctx, keymap.LogAxis)
	require.NotEqual(t, before, panetest.Text(p, ctx))
	panetest.Do(p, ctx, keymap.LogAxis)
	require.Equal(t, before, panetest.Text(p, ctx))
	panetest.Do(p, ctx, keymap.Open)
	require.Contains(t, panetest.Text(p, ctx), "✔  1 gateway")
	panetest.Do(p, ctx, keymap.OnlySeries)
	text := panetest.Text(p, ctx)
	require.Contains(t, text, "✔  1 gateway")
	require.Contains(t, text, "·  2 checkout")
	panetest.Do(p, ctx, keymap.OnlySeries)
	require.Contains(t, panetest.Text(p, ctx), "✔  2 checkout")
	panetest.Do(p, ctx, keymap.Down)
	panetest.Do(p, ctx, keymap.OneSeries)
	require.Contains(t, panetest.Text(p, ctx), "·  2 checkout")
}

func TestExemplarsLeadToTraces(t *testing.T) {
	f := sample.BoardFrame("")
	ctx := panetest.Context(t, f, 160, 45)
	p := board.New()
	for range 5 {
		panetest.Do(p, ctx, keymap.Down)
	}
	require.Nil(t, panetest.Do(p, ctx, keymap.Exemplars))
	open := panetest.Do(p, ctx, keymap.Open).(pane.OpenTraceMsg)
	require.Contains(t, panetest.Text(p, ctx), "trace "+open.ID.Short())
	require.Equal(t, pane.FocusMsg{ID: signal.CorrelationID(open.ID.String())}, panetest.Do(p, ctx, keymap.FocusIt))
}

func TestWhatIsWrongIsSaidInPlace(t *testing.T) {
	p := board.New()
	ctx := panetest.Context(t, sample.BoardFrame(""), 160, 45)
	panetest.Do(p, ctx, keymap.Bottom)
	text := panetest.Text(p, ctx)
	require.Contains(t, text, "unclosed left parenthesis")
	require.Contains(t, text, "nodeGraph, which")
	for i := range ctx.Frame.Board.Panels {
		if b := &ctx.Frame.Board.Panels[i]; len(b.Series) > 0 {
			b.Err, b.Failed, b.Stale = "prom: nobody listens there", true, ctx.Frame.Now.Add(-time.Minute)
		}
	}
	since := "stale since " + ctx.Frame.Now.Add(-time.Minute).Format("15:04:05") + ": prom"
	panetest.Do(p, ctx, keymap.Top)
	require.Greater(t, strings.Count(panetest.Text(p, ctx), since), 3, "charts and figures stay, marked as old")
	panetest.Do(p, ctx, keymap.Bottom)
	p.Update(ctx, pane.FilterMsg{Text: "no such"})
	require.Contains(t, panetest.Text(p, ctx), `No panel matches "no such"`)
	ctx.Frame = &signal.Frame{Board: &signal.Board{}}
	p.Update(ctx, pane.FilterMsg{})
	require.Contains(t, panetest.Text(p, ctx), "No dashboard is configured")
}

// TestGolden is the pane at the sizes it has in workspace 6 of 80x24, 120x35 and 200x50.
func TestGolden(t *testing.T) {
	for _, size := range [][2]int{{78, 18}, {118, 29}, {198, 43}} {
		for _, theme := range []string{"dark", "light", "mono"} {
			t.Run(fmt.Sprintf("%dx%d-%s", size[0], size[1], theme), func(t *testing.T) {
				ctx := panetest.Context(t, sample.BoardFrame(""), size[0], size[1])
				ctx.Theme = panetest.Theme(t, theme)
				p := board.New()
				golden.RequireEqual(t, p.Title(ctx)+"\n"+strings.Join(p.View(ctx), "\n")+"\n")
			})
		}
	}
}

// TestWordsUnitsAndColumns: words stand for values, single series have units of their own, columns other titles.
func TestWordsUnitsAndColumns(t *testing.T) {
	point := func(v float64) []signal.Sample { return []signal.Sample{{T: sample.Now, V: v}} }
	job := func(name string) signal.Attrs {
		return signal.Attrs{{Key: "job", Value: name}, {Key: "pod", Value: name + "-0"}}
	}
	two := 2
	f := sample.BoardFrame("")
	f.Board.Panels = []signal.BoardPanel{
		{ID: 0, Kind: signal.BoardStat, Width: 24, Evaluated: true, NewRow: true, Panel: signal.Panel{Title: "state", Series: []signal.Series{{Name: "cart", Samples: point(1)}, {Name: "size", Samples: point(2048)}}},
			Values: []float64{1, 2048}, Mappings: []signal.BoardMapping{{From: 1, To: 1, Text: "UP", Level: signal.Good}}, Formats: []signal.BoardFormat{{}, {Unit: "bytes", Decimals: &two}}},
		{ID: 1, Kind: signal.BoardTable, Width: 24, Evaluated: true, NewRow: true, Panel: signal.Panel{Title: "list", Series: []signal.Series{{Name: "a", Labels: job("cart"), Samples: point(1)}, {Name: "b", Labels: job("shop"), Samples: point(3)}}},
			Values: []float64{1, 3}, Columns: []signal.BoardColumn{{Name: "job", Title: "Service"}, {Name: "pod", Hidden: true}, {Name: "Value", Title: "Requests"}}},
		{ID: 2, Kind: signal.BoardSeries, Width: 24, Height: 10, Evaluated: true, NewRow: true, Stacked: true, Panel: signal.Panel{Title: "heap", Series: []signal.Series{{Name: "low", Samples: point(1)}, {Name: "high", Samples: point(4)}}}, Values: []float64{1, 3}},
	}
	text := panetest.Text(board.New(), panetest.Context(t, f, 100, 40))
	for _, want := range []string{"✔ UP  cart", "2 KiB  size", "Service", "Requests", "heap, one on another", "high 3", "low 1"} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "cart-0")
}
