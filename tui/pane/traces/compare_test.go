package traces_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/traces"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

// beside opens the sample's comparison.
func beside(ctx pane.Context) *traces.Pane {
	ctx.Frame.Compare = sample.Compared()
	p := traces.New(nil)
	p.Update(ctx, pane.OpenTraceMsg{ID: ctx.Frame.Detail.ID})
	panetest.Do(p, ctx, keymap.Typical)
	return p
}

func TestGoldenCompared(t *testing.T) {
	for _, size := range [][2]int{{78, 18}, {118, 28}, {198, 41}} {
		for _, theme := range []string{"dark", "light", "mono"} {
			t.Run(fmt.Sprintf("%dx%d-%s", size[0], size[1], theme), func(t *testing.T) {
				ctx := panetest.Context(t, sample.Frame(), size[0], size[1])
				ctx.Theme = panetest.Theme(t, theme)
				p := beside(ctx)
				golden.RequireEqual(t, p.Title(ctx)+"\n"+strings.Join(p.View(ctx), "\n")+"\n")
			})
		}
	}
}

func TestComparedRowsAreExact(t *testing.T) {
	panetest.Conform(t, func() pane.Pane {
		p := traces.New(nil)
		ctx := panetest.Context(t, sample.Frame(), 98, 21)
		p.Update(ctx, pane.OpenTraceMsg{ID: ctx.Frame.Detail.ID})
		panetest.Do(p, ctx, keymap.Typical)
		return p
	})
	for w := 10; w < 200; w += 27 {
		for h := 1; h < 45; h += 5 {
			ctx := panetest.Context(t, sample.Frame(), w, h)
			p := beside(ctx)
			panetest.Check(t, p, ctx, "compared")
			panetest.Do(p, ctx, keymap.Open)
			panetest.Do(p, ctx, keymap.Order)
			panetest.Check(t, p, ctx, "compared, all of it")
		}
	}
}

// TestTwoTracesAreAskedFor: the marked one and the one under the cursor, or a typical one, and nothing once that is left.
func TestTwoTracesAreAskedFor(t *testing.T) {
	f := sample.Frame()
	ctx := panetest.Context(t, f, 98, 21)
	p := traces.New(nil)
	asked := func() signal.CompareAsk {
		var v signal.View
		p.Want(&v)
		p.WantShown(&v)
		return v.Compare
	}
	panetest.Do(p, ctx, keymap.Down)
	require.NotContains(t, p.Keys(ctx), keymap.Compare, "nothing is marked")
	panetest.Do(p, ctx, keymap.MarkTrace)
	require.Contains(t, p.Title(ctx), "marked "+f.Traces[1].ID.Short())
	panetest.Do(p, ctx, keymap.Down)
	require.Contains(t, panetest.Text(p, ctx), "◆")
	require.Contains(t, p.Keys(ctx), keymap.Compare)
	require.Zero(t, asked())
	panetest.Do(p, ctx, keymap.Compare)
	require.Equal(t, signal.CompareAsk{A: f.Traces[1].ID, B: f.Traces[2].ID}, asked())
	require.Contains(t, panetest.Text(p, ctx), "Putting the two traces side by side")
	other := *f
	other.Compare = &signal.Comparison{Ask: asked(), Err: "trace 1234 is not held"}
	ctx.Frame = &other
	require.Contains(t, panetest.Text(p, ctx), "Trace 1234 is not held.")
	require.Equal(t, []keymap.Action{keymap.Leave}, p.Keys(ctx))
	panetest.Do(p, ctx, keymap.Leave)
	require.Zero(t, asked())
	panetest.Do(p, ctx, keymap.Typical)
	require.Equal(t, signal.CompareAsk{B: f.Traces[2].ID, Typical: true}, asked())
	p.Update(ctx, pane.OpenTraceMsg{ID: f.Detail.ID})
	require.Zero(t, asked(), "another trace was opened")
	panetest.Do(p, ctx, keymap.MarkTrace)
	panetest.Do(p, ctx, keymap.MarkTrace)
	panetest.Do(p, ctx, keymap.Compare)
	require.Zero(t, asked(), "marked and not marked any more")
}

// TestWhatDiffersIsNamed: at the top by time, in the rows by sign and bar, and below by attribute.
func TestWhatDiffersIsNamed(t *testing.T) {
	ctx := panetest.Context(t, sample.Frame(), 118, 28)
	p := beside(ctx)
	text := panetest.Text(p, ctx)
	for _, want := range []string{"A 708192a3 12:02:30 101 ms", "+1.11 s, 12 times as long", "A is the median of 212 healthy requests of the baseline",
		"by itself: payment Charge attempt 1 +562 ms · payment Charge attempt 2 +520 ms · checkout PlaceOrder +20 ms", "✘600 ms",
		"payment Charge attempt 1  6 attributes differ", "status", "ok → failed", "http.response.status_code  200 → 504", "and 3 more"} {
		require.Contains(t, strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "  ", " "), strings.Join(strings.Fields(want), " "))
	}
	require.Contains(t, p.Title(ctx), "6 steps in both, + 2 only in B")
	require.Contains(t, panetest.Do(p, ctx, keymap.CopyRow).(pane.CopyMsg).Text, `name="Charge attempt 1" a=(38ms failed=false`)
	panetest.Do(p, ctx, keymap.Open)
	require.Contains(t, panetest.Text(p, ctx), "10.0.0.7:8443", "all of it")
	panetest.Do(p, ctx, keymap.NextError)
	require.Contains(t, panetest.Text(p, ctx), "payment Charge attempt 2  only in B")
	require.Equal(t, pane.OpenTraceMsg{ID: ctx.Frame.Detail.ID}, panetest.Do(p, ctx, keymap.FocusIt))
	panetest.Do(p, ctx, keymap.Order)
	at := strings.Index(panetest.Text(p, ctx), "▌")
	require.Positive(t, at, "the cursor stays on its step")
	require.Contains(t, panetest.Text(p, ctx)[at:at+60], "attempt 2")
	panetest.Do(p, ctx, keymap.Leave)
	require.Contains(t, p.Title(ctx), "trace "+ctx.Frame.Detail.ID.Short())
}

// TestTheWaterfallOpensOnWhatSaysMost: the failure where it began, else what held the request up; the root is one key away.
func TestTheWaterfallOpensOnWhatSaysMost(t *testing.T) {
	row := func(f *signal.Frame, w, h int) string {
		ctx := panetest.Context(t, f, w, h)
		p := traces.New(nil)
		p.Update(ctx, pane.OpenTraceMsg{ID: f.Detail.ID})
		for _, r := range strings.Split(panetest.Text(p, ctx), "\n") {
			if strings.HasPrefix(r, "▌") {
				panetest.Do(p, ctx, keymap.Top)
				require.Contains(t, panetest.Text(p, ctx), "▌▾"+f.Detail.Spans[0].Service)
				return r
			}
		}
		return ""
	}
	f := sample.Frame()
	require.Contains(t, row(f, 78, 18), "Charge attempt 1", "it failed, and nothing below it did; checkout only passes it on")
	require.Contains(t, row(f, 78, 6), "Charge attempt 1", "on the screen, however small")
	f.Detail = sample.Healthy()
	require.Contains(t, row(f, 78, 18), "Charge attempt 1", "it took 38 of the 101 ms")
	f.Detail.Spans[4].Duration, f.Detail.Spans[5].Duration = 60*time.Millisecond, 10*time.Millisecond
	require.Contains(t, row(f, 78, 18), "Reserve")
	big := sample.BigTrace(2000)
	for i := range big.Spans {
		big.Spans[i].Failed = i == 1234
	}
	f.Detail = big
	require.Contains(t, row(f, 78, 18), "step 1234")
}

// TestALongDifferenceIsReadWhole: beside each other while there is room, one below the other when all of them are asked for.
func TestALongDifferenceIsReadWhole(t *testing.T) {
	f := sample.Frame()
	long := strings.TrimSpace(strings.Repeat("refused ", 20)) + " end"
	ctx := panetest.Context(t, f, 118, 28)
	p := beside(ctx)
	row := slices.IndexFunc(f.Compare.Rows, func(r signal.CompareRow) bool { return r.A != nil && r.B != nil && r.B.Span.Name == "Charge attempt 1" })
	require.GreaterOrEqual(t, row, 0)
	b := *f.Compare.Rows[row].B
	b.Span.Message = long
	f.Compare.Rows[row].B = &b
	require.NotContains(t, panetest.Text(p, ctx), " end")
	panetest.Do(p, ctx, keymap.Open)
	text := panetest.Text(p, ctx)
	require.Equal(t, 20, strings.Count(text, "refused"))
	require.Contains(t, text, " end")
	ctx.Height = 12
	require.Contains(t, panetest.Text(p, ctx), "and more, for which there is no room")
}
