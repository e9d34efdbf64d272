package tui

import (
	"context"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/overlay"
	"gameday/tui/pane"
	"gameday/tui/tuitest"
)

func TestAnAbortSaysHowLoadComesBack(t *testing.T) {
	drive(t, newFake(), Config{}, func(b *bench) {
		b.press("ctrl+x")
		b.wait(50 * time.Millisecond)
		require.Contains(t, b.screen(), "load stopped; l brings load back")
		ended := *tuitest.Calm()
		ended.Load = &signal.LoadState{Name: "shop"}
		b.s.frame = &ended
		b.wait(statusFor + time.Second)
		require.Contains(t, b.screen(), "no load runs: l brings it back, e picks an experiment")
	})
}

// TestPastedTextNeverActsAsKeys pastes what would start, stop and leave if it were typed, everywhere.
func TestPastedTextNeverActsAsKeys(t *testing.T) {
	const garbage = "e\nenter\x18\x03qq:quit\n8z\x1b[A\x1b[200~wi"
	for _, keys := range [][]string{nil, {"2"}, {"3"}, {"5"}, {"7"}, {"z"}, {"?"}, {":"}, {"e"}, {"/"}, {"n"}, {"l"}, {"p"}, {"i"}} {
		drive(t, newFake(), Config{}, func(b *bench) {
			b.press(keys...)
			b.wait(20 * time.Millisecond)
			calls, space, zoomed := b.s.called(), b.m.space, b.m.here().zoomed
			b.send(tea.PasteMsg{Content: garbage})
			b.wait(time.Second)
			require.Equal(t, calls, b.s.called(), "%v", keys)
			require.Equal(t, []any{space, zoomed}, []any{b.m.space, b.m.here().zoomed}, "%v", keys)
			require.False(t, b.m.leaving)
			requireExact(t, b.m, 120, 35)
		})
	}
}

func TestPastedTextIsTypedIntoPrompts(t *testing.T) {
	drive(t, newFake(), Config{}, func(b *bench) {
		b.press("n")
		b.send(tea.PasteMsg{Content: "first line\nsecond\x1b[31m"})
		require.NotNil(t, b.m.over, "a line's end in it is no enter")
		require.Contains(t, b.screen(), "first line second")
		b.press("enter")
		b.wait(20 * time.Millisecond)
		require.Contains(t, b.s.called(), "first line second")
	})
	drive(t, newFake(), Config{}, func(b *bench) {
		b.send(tea.PasteMsg{Content: "4f2a91c0"})
		require.Contains(t, b.screen(), "what was pasted is left out")
	})
}

// TestTheTerminalBracketsWhatIsPasted runs the program itself: it asks the terminal to bracket, and takes what stands between
// the brackets for text.
func TestTheTerminalBracketsWhatIsPasted(t *testing.T) {
	keys, out, done := running(t, t.Context())
	require.Contains(t, out.String(), "\x1b[?2004h")
	_, err := io.WriteString(keys, "\x1b[200~q\x03:\x1b[201~")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Contains(ansi.Strip(out.String()), "pasted") }, 20*time.Second, 10*time.Millisecond)
	select {
	case <-done:
		t.Fatal("a q that was pasted ended the cockpit")
	default:
	}
	_, err = io.WriteString(keys, "q")
	require.NoError(t, err)
	ends(t, done)
}

// TestWhoWaitsIsToldHowLong: a question that takes its time says so, also one to the sources.
func TestWhoWaitsIsToldHowLong(t *testing.T) {
	f := tuitest.SampleFrame()
	now := tuitest.Now
	m := still(t, Config{}, f, 120, 35)
	m.now = func() time.Time { return now }
	m.over = overlay.NewWhy(now, func(signal.TraceID) tea.Msg { return nil })
	require.NotContains(t, ansi.Strip(m.View().Content), "then with those before, ")
	now = now.Add(3 * time.Second)
	require.Contains(t, ansi.Strip(m.View().Content), "then with those before, 3 s")
	press(m, "esc", "e", "enter")
	require.Contains(t, ansi.Strip(m.View().Content), "working out what would be hit…")
	now = now.Add(2 * time.Second)
	require.Contains(t, ansi.Strip(m.View().Content), "working out what would be hit, 2 s…")
	press(m, "esc")

	asking := *f
	id := signal.CorrelationID(tuitest.SampleTrace.String())
	asking.Lookup = &signal.Lookup{ID: id, Asking: true}
	asking.Experiment, asking.Faults, asking.Health = nil, nil, nil
	m.focus.set(id, m.place())
	m.status = message{}
	show(m, &asking)
	now = now.Add(4 * time.Second)
	require.Contains(t, ansi.Strip(m.statusLine()), "asking the sources about "+id.Short()+", 4.00 s")
	answered := asking
	answered.Lookup = &signal.Lookup{ID: id}
	show(m, &answered)
	require.Contains(t, ansi.Strip(m.statusLine()), "everything is narrowed to")
}

// TestPlainTerminals draws for terminals that hardly have anything: no escape but those that they know, and no symbol but
// those they have.
func TestPlainTerminals(t *testing.T) {
	for _, c := range []struct {
		name   string
		env    []string
		ascii  bool
		colour bool
	}{
		{"screen", []string{"TERM=screen", "LANG=C.UTF-8"}, false, true},
		{"linux", []string{"TERM=linux", "LANG=C.UTF-8"}, false, true},
		{"linux without a locale", []string{"TERM=linux"}, true, true},
		{"vt100 without UTF-8", []string{"TERM=vt100", "LANG=C"}, true, false},
		{"vt220 that wraps late", []string{"TERM=vt220-am", "LANG=C"}, true, false},
		{"xterm in monochrome", []string{"TERM=xterm-mono", "LANG=C.UTF-8"}, false, false},
		{"vt525", []string{"TERM=vt525", "LANG=C"}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFake()
			in, keys := io.Pipe()
			t.Cleanup(func() { _ = in.Close() })
			out, done := &sink{}, make(chan error, 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				done <- Run(ctx, Config{Session: s, Panes: []pane.Pane{&fakePane{id: "metrics"}}}, tea.WithInput(in), tea.WithOutput(out),
					tea.WithWindowSize(80, 24), tea.WithEnvironment(c.env), tea.WithColorProfile(colorprofile.Env(c.env)))
			}()
			require.Eventually(t, func() bool { return strings.Contains(out.String(), "payment") }, 20*time.Second, 10*time.Millisecond)
			go func() { // who has left already reads no more, and the pipe is closed at the end
				_, _ = io.WriteString(keys, "\x03\x03")
				_, _ = io.WriteString(keys, "q")
			}()
			select {
			case err := <-done:
				require.NoError(t, err)
			case <-time.After(20 * time.Second):
				t.Fatal("the cockpit did not end")
			}
			sent := out.String()
			text := ansi.Strip(sent)
			for _, r := range text {
				if c.ascii {
					require.Less(t, r, rune(128), "%q", r)
				} else if strings.HasPrefix(c.name, "linux") {
					require.False(t, r >= 0x2800 && r < 0x2900, "the console has no braille")
				}
			}
			require.Equal(t, c.colour, regexp.MustCompile(`\x1b\[([0-9;]*;)?(3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]`).MatchString(sent), "colours")
			require.NotContains(t, sent, "38;2;", "no terminal of these has 16 million colours")
		})
	}
}

func TestATerminalThatCannotPlaceTextIsRefused(t *testing.T) {
	require.ErrorContains(t, CanShow("dumb"), "TERM=dumb")
	for _, name := range []string{"", "linux", "screen", "xterm-256color", "vt100"} {
		require.NoError(t, CanShow(name))
	}
}

// TestWhatWasSaidIsReadWhole: the status line says when it has no room for a sentence, and a key shows it and those before it.
func TestWhatWasSaidIsReadWhole(t *testing.T) {
	long := "did not answer about 4bf92f35: loki: ask http://127.0.0.1:3100: " + strings.Repeat("refused ", 20) + "end"
	m := still(t, Config{}, tuitest.Calm(), 80, 24)
	m.say(themes.Warning, "a word before")
	m.say(themes.Warning, "%s", long)
	m.say(themes.Warning, "%s", long)
	require.Equal(t, 80, ansi.StringWidth(m.statusLine()))
	require.True(t, strings.HasSuffix(ansi.Strip(m.statusLine()), "… ! all "), ansi.Strip(m.statusLine()))
	m.say(themes.Text, "short")
	require.NotContains(t, m.statusLine(), " all ")
	press(m, "!", "down")
	requireExact(t, m, 80, 24)
	screen := strings.Join(strings.Fields(strings.ReplaceAll(ansi.Strip(m.View().Content), "│", " ")), " ")
	require.Contains(t, screen, "what was said 3", "the same is kept once")
	require.Contains(t, screen, "a word before")
	require.Contains(t, screen, strings.TrimSpace(strings.Repeat("refused ", 7))+" ")
	require.Contains(t, screen, "refused end")
	for range 3 * maxSaid {
		m.say(themes.Text, "%d", len(m.said))
		m.say(themes.Text, "short")
	}
	require.Len(t, m.said, maxSaid)
}
