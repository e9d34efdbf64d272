// Package panetest holds what every pane is tested by: rows of an exact width and height whatever the size, the signals
// and the keys, and golden screens.
package panetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget/sample"
)

// Actions are those a pane may be told.
var Actions = []keymap.Action{keymap.Up, keymap.Down, keymap.Left, keymap.Right, keymap.PageUp, keymap.PageDown, keymap.Top, keymap.Bottom,
	keymap.Open, keymap.Leave, keymap.FocusIt, keymap.Copy, keymap.CopyRow, keymap.Level, keymap.Detail, keymap.Context, keymap.NextError, keymap.PrevError, keymap.Order, keymap.Exemplars, keymap.Face,
	keymap.MarkTrace, keymap.Compare, keymap.Typical}

// Theme is an embedded theme by name.
func Theme(tb testing.TB, name string) *themes.Theme {
	tb.Helper()
	th, err := themes.ByName(name)
	require.NoError(tb, err)
	return th
}

// Context is one for the frame, of the given size, in the dark theme, active.
func Context(tb testing.TB, f *signal.Frame, w, h int) pane.Context {
	tb.Helper()
	return pane.Context{Frame: f, Theme: Theme(tb, "dark"), Width: w, Height: h, Active: true}
}

// Text draws the pane without styles.
func Text(p pane.Pane, ctx pane.Context) string {
	return ansi.Strip(strings.Join(p.View(ctx), "\n"))
}

// Do tells the pane an action and returns the message it wished for, nil for none.
func Do(p pane.Pane, ctx pane.Context, a keymap.Action) any {
	if cmd := p.Update(ctx, pane.ActionMsg{Action: a}); cmd != nil {
		return cmd()
	}
	return nil
}

// Check draws the pane and requires exact rows.
func Check(tb testing.TB, p pane.Pane, ctx pane.Context, note string) {
	tb.Helper()
	rows := p.View(ctx)
	if len(rows) != ctx.Height {
		require.Failf(tb, "height", "%s: %d rows at %dx%d", note, len(rows), ctx.Width, ctx.Height)
	}
	for i, r := range rows {
		g, wc := ansi.StringWidth(r), ansi.StringWidthWc(r)
		if g != ctx.Width || wc != ctx.Width || strings.ContainsAny(r, "\n\r\t") {
			require.Failf(tb, "width", "%s: row %d at %dx%d is %d cells by clusters, %d by runes: %q", note, i, ctx.Width, ctx.Height, g, wc, r)
		}
	}
	require.NotContains(tb, p.Title(ctx), "\x1b")
	p.Keys(ctx)
	var v signal.View
	p.Want(&v)
}

// Conform walks a pane through sizes, frames, themes, keys and clicks, and requires exact rows throughout.
func Conform(t *testing.T, make func() pane.Pane) {
	frames := map[string]*signal.Frame{"sample": sample.Frame(), "hostile": Hostile(), "empty": {Now: sample.Now}, "none": nil}
	for name, f := range frames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(7, uint64(len(name))))
			p := make()
			steps := 200
			if f == nil || f.Metrics == nil {
				steps = 50
			}
			for i := range steps {
				ctx := Context(t, f, 10+rng.IntN(191), 1+rng.IntN(60))
				switch i % 4 {
				case 1:
					ctx.Theme, ctx.ASCII = Theme(t, "mono"), rng.IntN(2) == 0
				case 2:
					ctx.Active = false
				case 3:
					ctx.Width, ctx.Height = 10+rng.IntN(30), 1+rng.IntN(8)
				}
				Check(t, p, ctx, fmt.Sprintf("%s step %d", name, i))
				disturb(p, ctx, rng)
			}
		})
	}
}

// disturb does something to the pane that an operator could do.
func disturb(p pane.Pane, ctx pane.Context, rng *rand.Rand) {
	switch rng.IntN(8) {
	case 0:
		p.Update(ctx, pane.ClickMsg{X: rng.IntN(ctx.Width), Y: rng.IntN(ctx.Height), Double: rng.IntN(2) == 0})
	case 1:
		p.Update(ctx, pane.WheelMsg{Rows: rng.IntN(7) - 3})
	case 2:
		p.Update(ctx, pane.FilterMsg{Text: []string{"", "payment", "家族"}[rng.IntN(3)]})
	case 3:
		if ctx.Frame != nil && ctx.Frame.Detail != nil {
			p.Update(ctx, pane.OpenTraceMsg{ID: ctx.Frame.Detail.ID})
		}
	default:
		p.Update(ctx, pane.ActionMsg{Action: Actions[rng.IntN(len(Actions))]})
	}
}

// Golden compares the pane's screen of the sample at the sizes it has in cockpits of 80x24, 120x35 and 200x50, in three themes.
func Golden(t *testing.T, make func(ctx pane.Context) pane.Pane) { GoldenOf(t, sample.Frame, make) }

// GoldenOf is Golden for a frame of the caller's.
func GoldenOf(t *testing.T, frame func() *signal.Frame, make func(ctx pane.Context) pane.Pane) {
	for _, size := range [][2]int{{78, 18}, {58, 14}, {98, 21}} {
		for _, theme := range []string{"dark", "light", "mono"} {
			t.Run(fmt.Sprintf("%dx%d-%s", size[0], size[1], theme), func(t *testing.T) {
				ctx := Context(t, frame(), size[0], size[1])
				ctx.Theme = Theme(t, theme)
				p := make(ctx)
				golden.RequireEqual(t, p.Title(ctx)+"\n"+strings.Join(p.View(ctx), "\n")+"\n")
			})
		}
	}
}

// nasty is text as a sanitiser may let it through: wide, joined, combining, right to left, and long.
var nasty = []string{
	"日本語のログ行です、とても長い", "👨‍👩‍👧‍👦 family 🏳️‍🌈 flag 🇩🇪🇫🇷", "e\u0301\u0301\u0301\u0301 Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘", "مرحبا بالعالم", "नमस्ते दुनिया", "❤️ ⚠️ ☎️ 1️⃣",
	"", "\u200b\u200d", "‹U+202E›", "x", "ｆｕｌｌｗｉｄｔｈ", "한국어 텍스트", "\u0e01\u0e33\u0e01\u0e33", "ꧨ🫠\U0001F9D1\u200d\U0001F680", "\x07\x1b[31m", strings.Repeat("very long ", 300),
}

// Hostile is the sample frame with every text replaced by something hard to draw.
func Hostile() *signal.Frame {
	f := sample.Frame()
	n := 0
	text := func() string { n++; return nasty[n%len(nasty)] }
	for i := range f.Metrics {
		f.Metrics[i].Title = text() + fmt.Sprint(i)
		f.Metrics[i].Unit = []string{"s", "req/s", "%", "bytes", "家", "ms"}[i%6]
		for j := range f.Metrics[i].Series {
			f.Metrics[i].Series[j].Name = text()
		}
	}
	for i := range f.Logs {
		r := &f.Logs[i]
		r.Service, r.Body = text(), text()
		r.Attrs = signal.Attrs{{Key: text(), Value: text()}, {Key: "request_id", Value: text()}}
	}
	for i := range f.Patterns {
		p := &f.Patterns[i]
		p.Service, p.Text, p.Filter, p.Example.Body = text(), text(), text(), text()
	}
	for i := range f.Around {
		f.Around[i].Body = text()
	}
	for i := range f.Traces {
		f.Traces[i].Service, f.Traces[i].Name = text(), text()
	}
	for i := range f.Detail.Spans {
		s := &f.Detail.Spans[i]
		s.Service, s.Name, s.Message, s.Attrs = text(), text(), text(), signal.Attrs{{Key: text(), Value: text()}}
	}
	for i := range f.Detail.Logs {
		f.Detail.Logs[i].Service, f.Detail.Logs[i].Body = text(), text()
	}
	for i := range f.Events {
		f.Events[i].Title = text()
	}
	e := f.Experiment
	e.Title, e.Name, e.Hypothesis, e.Reason, e.Verdict = text(), text(), text(), text(), signal.VerdictBroken
	for i := range e.Probes {
		p := &e.Probes[i]
		p.Name, p.Value, p.Expect, p.Err = text()+fmt.Sprint(i), text(), text(), text()
	}
	for i := range e.Steps {
		e.Steps[i].Title = text()
	}
	for i := range f.Faults {
		s := &f.Faults[i]
		s.Title, s.Kind, s.Undo, s.Err, s.Remedy, s.Unit, s.Targets = text(), text(), text(), text(), text(), text(), []string{text(), text()}
	}
	for i := range f.Load.Steps {
		f.Load.Steps[i].Name = text()
	}
	for i := range f.Load.Thresholds {
		t := &f.Load.Thresholds[i]
		t.Name, t.Expect, t.Value, t.Why = text(), text(), text(), text()
	}
	for i := range f.Load.Seconds {
		for j := range f.Load.Seconds[i].Errors {
			f.Load.Seconds[i].Errors[j].Kind = nasty[j]
		}
	}
	for range 5 {
		f.Load.Exemplars = append(f.Load.Exemplars, signal.RequestExemplar{At: f.Now, Step: text(), Err: text(), CorrelationID: text()})
	}
	f.Load.Steps[0].Extras = []signal.LoadExtra{{Name: text(), Unit: text(), Value: 7}}
	for i := range f.Processes {
		f.Processes[i].Name = text()
	}
	return f
}
