package tui

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/overlay"
	"gameday/tui/tuitest"
)

// still is a model that shows a frame and does not move.
func still(t testing.TB, cfg Config, f *signal.Frame, w, h int) *Model {
	t.Helper()
	s := newFake()
	s.frame = f
	cfg.Now = func() time.Time { return tuitest.Now }
	cfg.Whole = true
	m, _ := makeModel(s, cfg)
	m.Update(tea.WindowSizeMsg{Width: w, Height: h})
	show(m, f)
	return m
}

func show(m *Model, f *signal.Frame) { m.Update(frameMsg{frame: f, view: m.views, live: !m.paused}) }

func press(m *Model, keys ...string) {
	for _, k := range keys {
		m.Update(keyPress(k))
	}
}

// requireExact fails unless the screen is exactly the terminal's size.
func requireExact(t *testing.T, m *Model, w, h int) {
	t.Helper()
	rows := strings.Split(m.View().Content, "\n")
	if len(rows) != h {
		require.Len(t, rows, h, "%dx%d", w, h)
	}
	for i, r := range rows {
		if n := ansi.StringWidth(r); n != w {
			require.Equal(t, w, n, "%dx%d row %d: %q", w, h, i, ansi.Strip(r))
		}
	}
}

func TestGoldenScreens(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 35}, {200, 50}} {
		for _, theme := range []string{"dark", "light", "mono"} {
			t.Run(fmt.Sprintf("%dx%d-%s", size[0], size[1], theme), func(t *testing.T) {
				m := still(t, Config{Theme: theme}, tuitest.SampleFrame(), size[0], size[1])
				requireExact(t, m, size[0], size[1])
				golden.RequireEqual(t, m.View().Content)
			})
		}
	}
}

// ask puts the question of an experiment on the screen, armed.
func ask(m *Model, p Plan) {
	press(m, "e", "enter")
	box := m.over.(*overlay.Confirm)
	arm := box.Ask(question(p, choiceMsg{Choice: m.session.Experiments()[0]}))
	m.Update(arm())
}

func TestGoldenOverlays(t *testing.T) {
	production := samplePlan()
	production.Environment, production.Production, production.Typed = "production", true, "checkout"
	refused := samplePlan()
	refused.Refused = "the blast radius allows 1 target, the plan hits 3: narrow the selector"
	for name, c := range map[string]struct {
		cfg   Config
		frame *signal.Frame
		do    func(m *Model)
	}{
		"help":        {do: func(m *Model) { press(m, "?") }},
		"palette":     {do: func(m *Model) { press(m, ":", "c", "h") }},
		"experiment":  {do: func(m *Model) { press(m, "e", "down") }},
		"question":    {do: func(m *Model) { ask(m, samplePlan()) }},
		"production":  {frame: tuitest.Production(), do: func(m *Model) { ask(m, production) }},
		"refused":     {do: func(m *Model) { ask(m, refused) }},
		"switches":    {do: func(m *Model) { press(m, "p") }},
		"filter":      {do: func(m *Model) { press(m, "/", "a", "!") }},
		"welcome":     {cfg: Config{Welcome: true}, frame: tuitest.Calm(), do: func(*Model) {}},
		"zoomed":      {do: func(m *Model) { press(m, "z") }},
		"paused":      {do: func(m *Model) { press(m, "space", "<") }},
		"ascii":       {cfg: Config{ASCII: true}, do: func(*Model) {}},
		"reliability": {do: func(m *Model) { press(m, "7") }},
		"events":      {do: func(m *Model) { press(m, "8") }},
	} {
		for _, size := range [][2]int{{80, 24}, {120, 35}} {
			t.Run(fmt.Sprintf("%s-%dx%d", name, size[0], size[1]), func(t *testing.T) {
				f := c.frame
				if f == nil {
					f = tuitest.SampleFrame()
				}
				m := still(t, c.cfg, f, size[0], size[1])
				c.do(m)
				requireExact(t, m, size[0], size[1])
				if c.cfg.ASCII {
					frame := ansi.Strip(strings.Join(append(m.timeline(), m.header(), m.footer(nil), m.statusLine()), ""))
					require.Equal(t, "", strings.Trim(frame, asciiCharacters()), "only ASCII in the frame")
				}
				golden.RequireEqual(t, ansi.Strip(m.View().Content))
			})
		}
	}
}

func asciiCharacters() string {
	var b strings.Builder
	for c := byte(' '); c < 127; c++ {
		b.WriteByte(c)
	}
	return b.String()
}

func TestEveryRowFitsAtEverySize(t *testing.T) {
	f := tuitest.SampleFrame()
	m := still(t, Config{}, f, 80, 24)
	step := 1
	if testing.Short() || raceOn {
		step = 7
	}
	for w := 60; w <= 200; w += step {
		for h := 16; h <= 50; h += 1 + step/2 {
			m.Update(tea.WindowSizeMsg{Width: w, Height: h})
			requireExact(t, m, w, h)
		}
	}
	for _, size := range [][2]int{{1, 1}, {10, 3}, {59, 40}, {200, 15}} {
		m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		requireExact(t, m, size[0], size[1])
	}
}

func TestOverlaysFitAtEverySize(t *testing.T) {
	for _, keys := range [][]string{{"?"}, {":", "c"}, {"e"}, {"e", "/", "z", "z"}, {"p"}, {"/"}, {"n"}, {"l"}} {
		m := still(t, Config{}, tuitest.SampleFrame(), 120, 35)
		press(m, keys...)
		for w := 60; w <= 200; w += 23 {
			for h := 16; h <= 50; h += 5 {
				m.Update(tea.WindowSizeMsg{Width: w, Height: h})
				requireExact(t, m, w, h)
			}
		}
	}
	m := still(t, Config{}, tuitest.SampleFrame(), 120, 35)
	p := samplePlan()
	p.Typed = "checkout"
	ask(m, p)
	for w := 60; w <= 200; w += 23 {
		for h := 16; h <= 50; h += 5 {
			m.Update(tea.WindowSizeMsg{Width: w, Height: h})
			requireExact(t, m, w, h)
		}
	}
}

func TestTooSmallSaysSo(t *testing.T) {
	m := still(t, Config{}, tuitest.SampleFrame(), 50, 12)
	require.Contains(t, ansi.Strip(m.View().Content), "gameday needs 60x16")
	require.Contains(t, ansi.Strip(m.View().Content), "1 fault in force")
}

func TestHostileNamesStayInTheirRow(t *testing.T) {
	f := tuitest.SampleFrame()
	f.System = "sh\x1b[31mop\u202e\n"
	f.Environment = strings.Repeat("日本", 60)
	f.Events[0].Title = "a\nb\tc\x07 👩‍👩‍👧 e\u0301"
	f.Faults[0].Title = strings.Repeat("x", 500)
	f.Switches[0].Help = "\x1b]0;evil\x07"
	for _, keys := range [][]string{nil, {"p"}, {"8"}} {
		m := still(t, Config{}, f, 100, 30)
		press(m, keys...)
		requireExact(t, m, 100, 30)
		require.NotContains(t, m.View().Content, "\x07")
		require.NotContains(t, m.View().Content, "\x1b]")
	}
}

// everyKey are all keys that are bound, and some that are not.
func everyKey() []string {
	keys := []string{"a", "w", "i", "ctrl+a", "ctrl+b", "alt+x", "backspace", "delete", "home", "X", "5"}
	for _, b := range keymap.Default().All() {
		keys = append(keys, b.Keys...)
	}
	return keys
}

func FuzzKeys(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 20 {
		seq := make([]byte, 60)
		for i := range seq {
			seq[i] = byte(r.Uint32())
		}
		f.Add(seq)
	}
	keys := everyKey()
	frames := []*signal.Frame{tuitest.SampleFrame(), tuitest.Calm(), {}, tuitest.Production()}
	f.Fuzz(func(t *testing.T, seq []byte) {
		if len(seq) > 300 {
			seq = seq[:300]
		}
		m := still(t, Config{}, frames[0], 120, 35)
		for i, b := range seq {
			switch {
			case b >= 250:
				show(m, frames[int(b)%len(frames)])
			case b >= 240:
				m.Update(tea.WindowSizeMsg{Width: 40 + int(b-240)*17, Height: 10 + int(b-240)*4})
			case b >= 230:
				m.Update(tea.MouseClickMsg{X: int(b-230) * 13, Y: i % 40, Button: tea.MouseLeft})
			case b >= 225:
				m.Update(tea.PasteMsg{Content: "pasted\ntext\x1b[31m"})
			default:
				press(m, keys[int(b)%len(keys)])
			}
			if i%4 == 0 {
				m.View()
			}
		}
		requireExact(t, m, m.width, m.height)
	})
}

func BenchmarkKey200x50(b *testing.B) {
	m := still(b, Config{}, tuitest.SampleFrame(), 200, 50)
	b.ReportAllocs()
	for b.Loop() {
		press(m, "tab")
		m.View()
	}
}

func BenchmarkOverlay200x50(b *testing.B) {
	m := still(b, Config{}, tuitest.SampleFrame(), 200, 50)
	press(m, ":")
	b.ReportAllocs()
	for b.Loop() {
		m.View()
	}
}
