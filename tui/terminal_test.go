package tui

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/tuitest"
)

// getenv is an environment written as NAME=value NAME=value.
func getenv(environ string) func(string) string {
	env := map[string]string{}
	for _, kv := range strings.Fields(environ) {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	return func(name string) string { return env[name] }
}

func TestSymbolsFor(t *testing.T) {
	for _, c := range []struct {
		env  string
		want Symbols
	}{
		{"", Braille}, {"LANG=en_GB.UTF-8", Braille}, {"LANG=C.utf8", Braille}, {"LANG=C", ASCII}, {"LANG=POSIX", ASCII},
		{"LANG=de_DE.ISO-8859-1", ASCII}, {"LANG=C LC_ALL=C.UTF-8", Braille}, {"LANG=C.UTF-8 LC_CTYPE=C", ASCII},
		{"TERM=linux", ASCII}, {"TERM=linux LANG=C.UTF-8", Blocks}, {"TERM=linux LANG=C", ASCII}, {"TERM=screen LANG=C.UTF-8", Braille},
	} {
		got, why := SymbolsFor(getenv(c.env))
		require.Equal(t, c.want, got, c.env)
		require.NotEmpty(t, why)
	}
}

func TestParseSymbols(t *testing.T) {
	for _, n := range SymbolNames() {
		s, err := ParseSymbols(n)
		require.NoError(t, err)
		require.Equal(t, n, s.String())
	}
	_, err := ParseSymbols("dots")
	require.ErrorContains(t, err, "choose one of auto, braille, blocks, ascii")
}

func TestPlainerKeepsTheCells(t *testing.T) {
	for _, c := range []struct{ in, blocks, ascii string }{
		{"\x1b[31m╭─ ✔ …\x1b[m", "\x1b[31m┌─ √ »\x1b[m", "\x1b[31m+- + ~\x1b[m"},
		{"⠉⣀⡇⢸⣿⠀", "▀▄▌▐█ ", "'.::: "},
		{"日本 wörk é", "???? wörk é", "???? w?rk ?"},
		{"⚡1", "! 1", "! 1"},
		{"👩‍👧x", "??x", "??x"},
		{"e\u0301", "e", "e"},
		{"Привет", "Привет", "??????"},
	} {
		require.Equal(t, c.blocks, plainer(c.in, Blocks))
		require.Equal(t, c.ascii, plainer(c.in, ASCII))
		require.Equal(t, c.in, plainer(c.in, Braille))
		for _, s := range []Symbols{Blocks, ASCII} {
			require.Equal(t, ansi.StringWidth(c.in), ansi.StringWidth(plainer(c.in, s)), c.in)
		}
	}
}

func TestStandInsAreThere(t *testing.T) {
	for r, two := range stands {
		require.Less(t, two[1], rune(utf8.RuneSelf), "%q", r)
		require.Contains(t, console, string(two[0]), "%q", r)
	}
}

// console is what fonts of 256 characters have beside ASCII: the code page 437 of the kernel's own, in which Latin-1 letters
// are few, and what Debian's Lat15 has in its place.
const console = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~" +
	"░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀σΣµ±≥≤≈°·√²³■►◄▲▼↑↓→←«»∞"

// Every symbol that the screen's own code draws must have a stand-in. Text from outside may not: it becomes question marks.
func TestEverySymbolHasAStandIn(t *testing.T) {
	var missing []string
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.Contains(path, "tuitest") || strings.Contains(path, "sample") || strings.Contains(path, "panetest") || path == "symbols.go" || strings.HasPrefix(path, "picture") { // reads a screen, draws none
			return err
		}
		text, err := os.ReadFile(path)
		for _, line := range strings.Split(string(text), "\n") {
			code, _, _ := strings.Cut(line, "//")
			for _, r := range code {
				if r >= utf8.RuneSelf && standIn(r, ASCII) == '?' {
					missing = append(missing, path+": "+string(r))
				}
			}
		}
		return err
	})
	require.NoError(t, err)
	require.Empty(t, missing, "give them stand-ins in symbols.go")
}

// A console shows every workspace and every overlay in the characters that it has.
func TestTheConsoleShowsOnlyWhatItHas(t *testing.T) {
	for _, level := range []Symbols{Blocks, ASCII} {
		drive(t, newFake(), Config{Symbols: level}, func(b *bench) {
			for _, keys := range [][]string{{"1"}, {"2"}, {"5"}, {"?"}, {"esc", ":"}, {"esc", "e"}, {"enter"}} {
				b.press(keys...)
				for _, r := range ansi.Strip(b.m.View().Content) {
					if r == '\n' || r < utf8.RuneSelf {
						continue
					}
					require.Equal(t, Blocks, level, "%q in ASCII", r)
					require.True(t, strings.ContainsRune(console, r) || r >= 0xa0 && r < 0x100, "%q after %v", r, keys)
				}
			}
		})
	}
}

func TestTheEnvironmentChooses(t *testing.T) {
	drive(t, newFake(), Config{}, func(b *bench) {
		b.send(tea.EnvMsg{"TERM=linux", "LANG=C.UTF-8"})
		b.send(tea.ColorProfileMsg{Profile: colorprofile.ANSI})
		require.Equal(t, Blocks, b.m.term.symbols)
		content := b.m.View().Content
		require.NotContains(t, content, "[38;2;", "no colours that a console has not")
		require.Contains(t, content, "┌")
		require.NotContains(t, content, "╭")
		require.Nil(t, b.m.View().BackgroundColor)
		b.press("t")
		require.Contains(t, b.screen(), "theme light, in the sixteen colours")
		require.Nil(t, b.m.View().BackgroundColor, "a console's ground cannot be changed")
	})
	drive(t, newFake(), Config{Theme: "light"}, func(b *bench) {
		require.NotNil(t, b.m.View().BackgroundColor, "what was chosen brings its ground")
		b.send(tea.EnvMsg{"TERM=xterm-256color", "NO_COLOR=yes"})
		content := b.m.View().Content
		require.NotRegexp(t, `\x1b\[[0-9;]*[34]8;`, content)
		require.Nil(t, b.m.View().BackgroundColor)
		b.press("t")
		require.Contains(t, b.screen(), "NO_COLOR is set")
	})
	drive(t, newFake(), Config{Symbols: Braille}, func(b *bench) {
		b.send(tea.EnvMsg{"LANG=C"})
		require.Equal(t, Braille, b.m.term.symbols, "what the operator chose stays")
	})
}

func TestCopyGoesThroughMultiplexers(t *testing.T) {
	const osc = "\x1b]52;c;aGVsbG8=\x07"
	for _, c := range []struct{ env, want string }{
		{"TERM=xterm", osc},
		{"TMUX=/tmp/tmux-0/default,1,0", osc + "\x1bPtmux;\x1b\x1b]52;c;aGVsbG8=\x07\x1b\\"},
		{"TERM=tmux-256color", osc + "\x1bPtmux;\x1b\x1b]52;c;aGVsbG8=\x07\x1b\\"},
		{"TERM=screen.xterm-256color", osc + "\x1bP\x1b]52;c;aGVsbG8=\x07\x1b\\"},
	} {
		drive(t, newFake(), Config{}, func(b *bench) {
			b.send(tea.EnvMsg{c.env})
			cmd, ok := b.m.wish(pane.CopyMsg{Text: "hello"})
			require.True(t, ok)
			require.Equal(t, tea.RawMsg{Msg: c.want}, cmd())
			cmd, _ = b.m.wish(pane.CopyMsg{Text: strings.Repeat("x", maxCopy+1)})
			require.Nil(t, cmd)
			require.Contains(t, b.screen(), "not copied")
		})
	}
}

// TestNothingIsDrawnForATerminalThatIsNotKnown: on a busy machine the first picture came before the environment, with what a console
// without UTF-8 cannot show, and took the mouse.
func TestNothingIsDrawnForATerminalThatIsNotKnown(t *testing.T) {
	m := still(t, Config{}, tuitest.SampleFrame(), 80, 24)
	m.term.unknown = true
	require.Empty(t, m.View().Content)
	require.Equal(t, tea.MouseModeNone, m.View().MouseMode)
	m.Update(tea.EnvMsg{"TERM=vt100", "LANG=C"})
	require.Contains(t, m.View().Content, "metrics")
	require.NotContains(t, m.View().Content, "▸")
}

// TestWithinScreenTheMouseIsLeftToTheTerminal: GNU screen holds esc back while a program takes the mouse, so that no prompt could be left.
func TestWithinScreenTheMouseIsLeftToTheTerminal(t *testing.T) {
	for env, left := range map[string]bool{
		"STY=123.pts-0.host TERM=screen.xterm-256color": true,
		"TERM=screen": true, // over SSH no more is known
		"TMUX=/tmp/tmux-0/default,1,0 TERM=screen":                    false,
		"STY=123.pts-0.host TMUX=/tmp/tmux-0/default,1,0 TERM=screen": true,
		"TERM=tmux-256color":  false,
		"TERM=xterm-256color": false,
	} {
		drive(t, newFake(), Config{}, func(b *bench) {
			b.send(tea.EnvMsg(strings.Fields(env)))
			require.Equal(t, left, b.m.View().MouseMode == tea.MouseModeNone, env)
			if left {
				b.press("m")
				require.NotEqual(t, tea.MouseModeNone, b.m.View().MouseMode, "who asks for it gets it")
				require.Contains(t, b.screen(), "within screen esc now waits for the next key")
			}
		})
	}
}

func TestAThemeThatWasSaved(t *testing.T) {
	mine := func(text string) *themes.Theme {
		th, err := themes.Parse("mine.yaml", []byte(text))
		require.NoError(t, err)
		return th
	}
	drive(t, newFake(), Config{Themes: append(themes.All(), mine("roles: {ok: \"#00ff00\"}")), Theme: "mine"}, func(b *bench) {
		require.Equal(t, "#00ff00", b.m.theme.Styles[themes.OK].FG)
		b.send(restyledMsg(Restyled{Of: "mine", Theme: mine("roles: {ok: \"#00ffff\"}")}))
		require.Equal(t, "#00ffff", b.m.theme.Styles[themes.OK].FG)
		require.Contains(t, b.screen(), "theme mine, as it was saved")
		b.send(restyledMsg(Restyled{Of: "mine", Err: errors.New("theme mine.yaml: roles.okk: there is no such role")}))
		require.Equal(t, "#00ffff", b.m.theme.Styles[themes.OK].FG)
		require.Contains(t, b.screen(), "there is no such role; the theme stays as it was")
		b.send(restyledMsg(Restyled{Of: "mine", Theme: mine("roles: {ok: \"#222222\"}")}))
		require.Contains(t, b.screen(), "ok has a contrast of")
	})
	saved := make(chan Restyled, 1)
	m, _ := makeModel(newFake(), Config{Restyled: saved})
	saved <- Restyled{Of: "mine"}
	require.Equal(t, restyledMsg{Of: "mine"}, m.waitForTheme()())
	close(saved)
	require.Nil(t, m.waitForTheme()())
}

func TestWhoGetsNoColours(t *testing.T) {
	for environ, none := range map[string]bool{
		"TERM=vt100": true, "TERM=vt220-8bit": true, "TERM=vt420": true, "TERM=xterm-mono": true, "TERM=linux-m": true,
		"TERM=xterm NO_COLOR=0": true, "TERM=xterm-256color COLORTERM=truecolor NO_COLOR=1": true,
		"TERM=vt525": false, "TERM=vt220 COLORTERM=truecolor": false, "TERM=xterm": false, "TERM=vte-256color": false, "TERM=vt": false, "TERM=": false,
	} {
		require.Equal(t, none, Colourless(getenv(environ)) != "", environ)
	}
}
