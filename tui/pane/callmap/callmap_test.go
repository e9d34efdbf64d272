package callmap_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/callmap"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

func TestRowsAreExact(t *testing.T) {
	panetest.Conform(t, func() pane.Pane { return callmap.New() })
}

// The sizes of the pane in cockpits of 80x24, 120x35 and 200x50, where it is zoomed.
var sizes = [][2]int{{78, 18}, {118, 28}, {198, 41}}

func TestGolden(t *testing.T) {
	for _, size := range sizes {
		for _, theme := range []string{"dark", "light", "mono"} {
			t.Run(fmt.Sprintf("%dx%d-%s", size[0], size[1], theme), func(t *testing.T) {
				ctx := panetest.Context(t, sample.Frame(), size[0], size[1])
				ctx.Theme = panetest.Theme(t, theme)
				p := callmap.New()
				golden.RequireEqual(t, p.Title(ctx)+"\n"+strings.Join(p.View(ctx), "\n")+"\n")
			})
		}
	}
}

func TestGoldenOthers(t *testing.T) {
	for name, c := range map[string]struct {
		w, h int
		m    *signal.ServiceMap
		do   func(p *callmap.Pane, ctx pane.Context)
	}{
		"calls": {118, 28, sample.Map(), func(p *callmap.Pane, ctx pane.Context) { panetest.Do(p, ctx, keymap.Open) }},
		"table": {118, 28, sample.Map(), func(p *callmap.Pane, ctx pane.Context) {
			panetest.Do(p, ctx, keymap.Face)
			panetest.Do(p, ctx, keymap.Order)
		}},
		"many":   {118, 28, sample.BigMap(120), func(p *callmap.Pane, ctx pane.Context) { panetest.Do(p, ctx, keymap.PageDown) }},
		"filter": {118, 28, sample.Map(), func(p *callmap.Pane, ctx pane.Context) { p.Update(ctx, pane.FilterMsg{Text: "check"}) }},
		"rates":  {148, 24, sample.Map(), func(*callmap.Pane, pane.Context) {}}, // in the boxes, for lines have no room
		"small":  {58, 8, sample.Map(), func(*callmap.Pane, pane.Context) {}},
	} {
		t.Run(name, func(t *testing.T) {
			f := sample.Frame()
			f.Map = c.m
			ctx := panetest.Context(t, f, c.w, c.h)
			p := callmap.New()
			p.View(ctx)
			c.do(p, ctx)
			golden.RequireEqual(t, p.Title(ctx)+"\n"+panetest.Text(p, ctx)+"\n")
		})
	}
}

// TestFiguresDoNotMoveAnything: with all figures different the boxes and lines stand where they stood.
func TestFiguresDoNotMoveAnything(t *testing.T) {
	f := sample.Frame()
	f.Map.Worst, f.Map.Faults = -1, nil
	ctx := panetest.Context(t, f, 198, 41)
	p := callmap.New()
	outline := func(s string) string {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune("╭╮╰╯│├┤┬┴┼▸\n", r) {
				return r
			}
			return ' '
		}, s)
	}
	before := panetest.Text(p, ctx)
	other := sample.Frame()
	other.Map.Worst, other.Map.Faults = -1, nil
	for i := range other.Map.Calls {
		c := &other.Map.Calls[i]
		c.Rate, c.P95, c.Failed = 1234*float64(i)/100, time.Duration(i)*time.Second, c.Count*(i%3)/2
	}
	other.Now = other.Now.Add(2 * time.Second)
	ctx.Frame = other
	after := panetest.Text(p, ctx)
	require.NotEqual(t, before, after)
	require.Equal(t, outline(before), outline(after))
}

// TestTheCursorWalksAlongCalls and names what it stands on.
func TestTheCursorWalksAlongCalls(t *testing.T) {
	ctx := panetest.Context(t, sample.Frame(), 198, 41)
	p := callmap.New()
	at := func() string { return panetest.Do(p, ctx, keymap.Copy).(pane.CopyMsg).Text }
	require.Equal(t, "checkout→payment", at(), "the worst is where it begins")
	for _, step := range []struct {
		do   keymap.Action
		want string
	}{
		{keymap.Right, "payment"}, {keymap.Down, "payment→checkout"}, {keymap.Left, "payment"}, {keymap.Right, "payment→bank.example:443"}, {keymap.Up, "kafka→mailer"},
		{keymap.Left, "kafka"}, {keymap.Up, "inventory"}, {keymap.Left, "checkout→inventory"}, {keymap.Left, "checkout"}, {keymap.Up, "catalog→catalog"}, {keymap.Up, "catalog"},
		{keymap.Left, "gateway→catalog"}, {keymap.Left, "gateway"}, {keymap.Left, "outside→gateway"}, {keymap.Left, "outside"}, {keymap.Left, "outside"}, {keymap.NextError, "outside→gateway"},
		{keymap.NextError, "gateway→checkout"}, {keymap.NextError, "checkout→inventory"}, {keymap.NextError, "checkout→payment"}, {keymap.NextError, "checkout→payment"},
	} {
		panetest.Do(p, ctx, step.do)
		require.Equal(t, step.want, at(), "after %s", step.do)
		require.Contains(t, panetest.Text(p, ctx), "▌", "the cursor is on the screen")
	}
	require.Contains(t, panetest.Do(p, ctx, keymap.CopyRow).(pane.CopyMsg).Text, "checkout→payment rate=5.4/s calls=1620 failed=93 p50=82ms p95=910ms")

	ctx.Width, ctx.Height = 78, 18 // the table: every call once, from the outside in
	panetest.Do(p, ctx, keymap.Top)
	var seen []string
	for range len(ctx.Frame.Map.Calls) {
		seen = append(seen, at())
		panetest.Do(p, ctx, keymap.Down)
	}
	require.Equal(t, "outside→gateway", seen[0])
	require.Len(t, map[string]bool{}, 0)
	unique := map[string]bool{}
	for _, s := range seen {
		unique[s] = true
	}
	require.Len(t, unique, len(ctx.Frame.Map.Calls))
}

// TestEnterOpensWhatIsBehind a call: its failed and slowest, one by one; behind a service its traces.
func TestEnterOpensWhatIsBehind(t *testing.T) {
	ctx := panetest.Context(t, sample.Frame(), 118, 28)
	p := callmap.New()
	require.Nil(t, panetest.Do(p, ctx, keymap.Open))
	text := panetest.Text(p, ctx)
	require.Contains(t, text, "of 1620 calls the 3 slowest of 93 that failed, and the 5 slowest others")
	require.Contains(t, text, "1612 more: the traces with service=checkout service=payment")
	require.Equal(t, 3, strings.Count(text, "✘ failed"))
	require.Contains(t, p.Title(ctx), "checkout → payment")
	panetest.Do(p, ctx, keymap.Down)
	want := ctx.Frame.Map.Calls[ctx.Frame.Map.Worst].Examples[1].Trace
	require.Equal(t, pane.OpenTraceMsg{ID: want}, panetest.Do(p, ctx, keymap.Open))
	panetest.Do(p, ctx, keymap.Bottom)
	others := pane.FilterPaneMsg{Pane: "traces", Text: "service=checkout service=payment"}
	require.Equal(t, others, panetest.Do(p, ctx, keymap.Open), "the last row leads to all others")
	require.Equal(t, pane.CopyMsg{Text: others.Text}, panetest.Do(p, ctx, keymap.CopyRow))
	few := ctx
	few.Height = 9 // fewer rows than calls: they are scrolled
	require.Contains(t, panetest.Text(p, few), "1612 more")
	panetest.Do(p, few, keymap.Top)
	require.NotContains(t, panetest.Text(p, few), "1612 more")
	panetest.Do(p, ctx, keymap.Down)
	require.Contains(t, p.Keys(ctx), keymap.Leave)
	panetest.Do(p, ctx, keymap.Leave)
	require.NotContains(t, p.Keys(ctx), keymap.Leave)
	require.Equal(t, pane.OpenTraceMsg{ID: ctx.Frame.Map.Calls[ctx.Frame.Map.Worst].Examples[0].Trace}, panetest.Do(p, ctx, keymap.FocusIt))
	panetest.Do(p, ctx, keymap.Right)
	require.Equal(t, pane.FilterPaneMsg{Pane: "traces", Text: "service=payment"}, panetest.Do(p, ctx, keymap.Open))
	panetest.Do(p, ctx, keymap.Right)
	panetest.Do(p, ctx, keymap.Right)
	require.Contains(t, panetest.Do(p, ctx, keymap.Open).(pane.StatusMsg).Text, "bank.example:443 sends no spans")
	walk := panetest.Do(p, ctx, keymap.Walk).(pane.WalkMsg)
	require.Equal(t, "fault", walk.Steps[0].Kind)
}

// TestFaultsStandWhereTheyAct: by sign and title on the line, by word when they are over, and in words below.
func TestFaultsStandWhereTheyAct(t *testing.T) {
	ctx := panetest.Context(t, sample.Frame(), 198, 41)
	p := callmap.New()
	text := panetest.Text(p, ctx)
	for _, want := range []string{"▌⚡▲ 5.7%  910 ms ━▸│", "⚡ payment +800ms ╭ payment", "was cart paused", "payment +800ms acts here, since 12:03:31",
		"kill orders-replica-1 on orders-replica-1, which is not on the map, 12:00:40 to 12:01:10", "▲ worst: most failures begin here"} {
		require.Contains(t, text, want)
	}
	f := sample.Frame()
	f.Map.Faults[0].Active, f.Map.Faults[0].End = false, sample.Now.Add(-time.Second)
	ctx.Frame = f
	text = panetest.Text(p, ctx)
	require.NotContains(t, text, "⚡")
	require.Contains(t, text, "was payment +800ms")
	ctx.ASCII = true
	p = callmap.New()
	require.Contains(t, panetest.Text(p, ctx), "outside")
}

// TestClicksFindWhatIsDrawn there.
func TestClicksFindWhatIsDrawn(t *testing.T) {
	ctx := panetest.Context(t, sample.Frame(), 198, 41)
	p := callmap.New()
	for word, want := range map[string]string{"inventory": "inventory", "1.10 s ─▸": "gateway→checkout", "postgresql": "postgresql db:5432"} {
		for y, row := range strings.Split(panetest.Text(p, ctx), "\n") {
			if i := strings.Index(row, word); i >= 0 {
				p.Update(ctx, pane.ClickMsg{X: len([]rune(row[:i])) + 1, Y: y})
				break
			}
		}
		require.Equal(t, want, panetest.Do(p, ctx, keymap.Copy).(pane.CopyMsg).Text)
	}
}

func TestEmptyIsExplained(t *testing.T) {
	f := sample.Frame()
	f.Map = nil
	ctx := panetest.Context(t, f, 98, 21)
	p := callmap.New()
	require.Contains(t, panetest.Text(p, ctx), "Counting who calls whom")
	ctx.Frame = sample.Frame()
	ctx.Frame.Map = &signal.ServiceMap{Worst: -1}
	require.Contains(t, panetest.Text(p, ctx), "No spans in this window")
	ctx.Frame = sample.Frame()
	p.Update(ctx, pane.FilterMsg{Text: "nobody"})
	require.Contains(t, panetest.Text(p, ctx), `No call matches "nobody"`)
}

func BenchmarkView(b *testing.B) {
	for name, m := range map[string]*signal.ServiceMap{"shop": sample.Map(), "300 services": sample.BigMap(300)} {
		b.Run(name, func(b *testing.B) {
			f := sample.Frame()
			f.Map = m
			ctx := panetest.Context(b, f, 198, 41)
			p := callmap.New()
			b.ReportAllocs()
			for b.Loop() {
				p.Update(ctx, pane.ActionMsg{Action: keymap.Down})
				p.View(ctx)
			}
		})
	}
}

// TestToldCallsHaveNoFigures: they are dotted, and say who tells of them.
func TestToldCallsHaveNoFigures(t *testing.T) {
	f := sample.Frame()
	f.Map.Calls = append(f.Map.Calls, signal.MapCall{From: "payment", To: "zz-ledger", By: "jaeger", Told: 1204})
	f.Map.Services = append(f.Map.Services, signal.MapService{Name: "zz-ledger", Kind: signal.MapUnseen})
	ctx := panetest.Context(t, f, 198, 41)
	p := callmap.New()
	p.Update(ctx, pane.FilterMsg{Text: "zz"})
	panetest.Text(p, ctx)
	p.Update(ctx, pane.FilterMsg{})
	require.Equal(t, "payment→zz-ledger", panetest.Do(p, ctx, keymap.Copy).(pane.CopyMsg).Text, "the cursor stays when the filter goes")
	text := panetest.Text(p, ctx)
	require.Contains(t, text, "┄┄▌jaeger ┄▸│ no spans")
	require.Contains(t, text, "payment → zz-ledger  told by jaeger, 1.2k calls; no span of them is held")
	require.Contains(t, panetest.Do(p, ctx, keymap.Open).(pane.StatusMsg).Text, "no span of these calls is held")
	ctx.Width, ctx.Height = 98, 28
	panetest.Do(p, ctx, keymap.Face)
	require.Regexp(t, `payment +zz-ledger( +·){6} +jaeger`, strings.Join(strings.Fields(panetest.Text(p, ctx)), "  "))
}
