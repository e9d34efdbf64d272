package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"gameday/themes"
)

// terminal is what is known of the operator's terminal: of the one at the other end of an SSH link, where there is one.
type terminal struct {
	dark    *bool // its background; nil while unknown
	depth   int   // of its colours
	symbols Symbols
	noColor bool // nobody wants colours, or it has none
	unknown bool // its environment has not been told yet: what is drawn before might be what it cannot show
	mux     multiplexer
	holds   bool // esc, until the next key, while the mouse is taken
}

// multiplexer is what the terminal's sequences go through.
type multiplexer uint8

const (
	direct multiplexer = iota
	inTmux
	inScreen
)

// Restyled is a theme that took the place of another, such as a file that was saved, or why it could not.
type Restyled struct {
	Of    string        // the name of the theme that it takes the place of
	Theme *themes.Theme // nil with an error
	Err   error
}

// restyledMsg is Restyled on its way to the model.
type restyledMsg Restyled

// terminalMsg takes what is learnt about the terminal.
func (m *Model) terminalMsg(msg tea.Msg) (cmd tea.Cmd, ok bool) {
	switch msg := msg.(type) {
	case tea.EnvMsg:
		m.learn(msg.Getenv)
	case tea.ColorProfileMsg:
		m.term.depth = depthOf(msg.Profile)
		m.fit()
	case tea.BackgroundColorMsg:
		m.ground(msg.IsDark())
	case restyledMsg:
		m.restyle(Restyled(msg))
		return m.waitForTheme(), true
	default:
		return nil, false
	}
	return nil, true
}

// learn takes the environment of the terminal, which may not be that of the machine gameday runs on.
func (m *Model) learn(getenv func(string) string) {
	m.term.unknown = false
	m.term.noColor = Colourless(getenv) != ""
	term := getenv("TERM")
	switch {
	case getenv("TMUX") != "" || strings.HasPrefix(term, "tmux"):
		m.term.mux = inTmux
	case getenv("STY") != "" || strings.HasPrefix(term, "screen"):
		m.term.mux = inScreen
	}
	if m.term.holds = HoldsEsc(getenv); m.term.holds {
		m.noMouse = true
	}
	if m.term.symbols == AutoSymbols {
		m.term.symbols, _ = SymbolsFor(getenv)
		m.ascii = m.term.symbols == ASCII
	}
	m.fit()
}

// Colourless says why a terminal is to be sent no colours, "" when it may: NO_COLOR is set (https://no-color.org), or its TERM is one
// without, as terminfo has it: the vt of before the vt525, and what ends in -m or -mono. COLORTERM says otherwise.
func Colourless(getenv func(string) string) string {
	if getenv("NO_COLOR") != "" {
		return "NO_COLOR is set"
	}
	if getenv("COLORTERM") != "" {
		return ""
	}
	term := getenv("TERM")
	model, _, _ := strings.Cut(term, "-")
	number, vt := strings.CutPrefix(model, "vt")
	if n, err := strconv.Atoi(number); vt && err == nil && n < 525 || strings.HasSuffix(term, "-m") || strings.HasSuffix(term, "-mono") {
		return "a terminal of the kind " + term + " has none"
	}
	return ""
}

// HoldsEsc reports whether the terminal keeps esc to itself until the next key while a program takes the mouse, as GNU screen does (4.9,
// whatever its maptimeout), for it may be the beginning of what the mouse sends. A prompt could not be left then. At the other end of an
// SSH link only TERM tells, which an old tmux has as well.
func HoldsEsc(getenv func(string) string) bool {
	return getenv("STY") != "" || getenv("TMUX") == "" && strings.HasPrefix(getenv("TERM"), "screen")
}

func depthOf(p colorprofile.Profile) int {
	switch p {
	case colorprofile.TrueColor:
		return themes.AllColours
	case colorprofile.ANSI256:
		return themes.Colours256
	case colorprofile.ANSI:
		return themes.Colours16
	}
	return themes.NoColours
}

// fit makes of every theme what the terminal can show of it, and draws everything anew.
func (m *Model) fit() {
	depth := m.term.depth
	if m.term.noColor {
		depth = themes.NoColours
	}
	now := 0
	for i, t := range m.themes {
		if t == m.theme {
			now = i
		}
	}
	fitted := make([]*themes.Theme, len(m.given))
	for i, t := range m.given {
		fitted[i] = t.For(depth, m.term.dark == nil || *m.term.dark)
	}
	m.themes, m.theme = fitted, fitted[now]
	for _, s := range m.slots {
		s.gen++
	}
}

// ground follows the terminal's background while the operator has not chosen a theme.
func (m *Model) ground(dark bool) {
	m.term.dark = &dark
	if !m.chosen {
		for i, t := range m.given {
			if t.Dark == dark && !t.Mono {
				m.theme = m.themes[i]
				break
			}
		}
	}
	m.fit()
}

// owned reports whether the theme's own ground must be painted: it was chosen, so it is to look as it was made.
func (m *Model) owned() bool { return m.chosen && m.theme.Background != "" }

// restyle puts a theme in the place of another.
func (m *Model) restyle(r Restyled) {
	if r.Err != nil {
		m.say(themes.Failed, "%s; the theme stays as it was", oneLine(r.Err.Error()))
		return
	}
	for i, t := range m.given {
		if t.Name != r.Of {
			continue
		}
		given := append([]*themes.Theme{}, m.given...)
		given[i] = r.Theme
		m.given = given
		m.fit()
		if pale := r.Theme.Pale(); len(pale) > 0 {
			m.say(themes.Warning, "theme %s, as it was saved: %s", r.Theme.Name, strings.Join(pale, "; "))
			return
		}
		m.say(themes.Text, "theme %s, as it was saved", r.Theme.Name)
		return
	}
}

// waitForTheme waits for the next theme that was saved.
func (m *Model) waitForTheme() tea.Cmd {
	from, ctx := m.restyled, m.ctx
	if from == nil {
		return nil
	}
	return func() tea.Msg {
		select {
		case r, ok := <-from:
			if !ok {
				return nil
			}
			return restyledMsg(r)
		case <-ctx.Done():
			return nil
		}
	}
}

// maxCopy is how much is put into the clipboard at once: terminals drop what is longer.
const maxCopy = 100_000

// copyText puts text into the clipboard of the operator's own terminal, by OSC 52. tmux and screen keep that from the terminal
// behind them unless it is wrapped for them; tmux is told both ways, since which one it takes depends on its settings.
func (m *Model) copyText(text string) tea.Cmd {
	if len(text) > maxCopy {
		m.say(themes.Warning, "not copied: %d bytes are more than terminals take at once", len(text))
		return nil
	}
	m.say(themes.Text, "copied: %s", oneLine(text))
	return tea.Raw(clipboard(text, m.term.mux))
}

func clipboard(text string, mux multiplexer) string {
	seq := ansi.SetSystemClipboard(text)
	switch mux {
	case inTmux:
		return seq + ansi.TmuxPassthrough(seq)
	case inScreen:
		return seq + ansi.ScreenPassthrough(seq, 700) // screen forgets strings of more than 768 bytes
	}
	return seq
}
