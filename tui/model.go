package tui

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/overlay"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// The screen's rhythm and bounds.
const (
	frameEvery  = 100 * time.Millisecond // while live
	pausedEvery = 5                      // so many ticks between two frames while paused: faults and probes go on
	soonest     = 50 * time.Millisecond  // between two frames that keys asked for
	statusFor   = 8 * time.Second
	minWidth    = 60
	minHeight   = 16
)

// DefaultWindow is how much of the past a cockpit shows that was told nothing else.
const DefaultWindow = 5 * time.Minute

// Config is what a cockpit is made of.
type Config struct {
	Session  Session
	Panes    []pane.Pane
	Themes   []*themes.Theme      // nil: the embedded ones
	Theme    string               // the one to start with; "" is chosen by the terminal's background
	Keys     *keymap.Map          // nil: the defaults
	Window   time.Duration        // shown until the operator chooses another; 0 is DefaultWindow
	Whole    bool                 // show all of the window from the start, for a system whose past is known; else it grows to it
	ASCII    bool                 // the terminal has no braille and no box drawing; the same as Symbols: ASCII
	Symbols  Symbols              // what the terminal's font has; AutoSymbols goes by the terminal's environment
	Restyled <-chan Restyled      // themes that took the place of others, such as a file that was saved; nil for none
	NoMouse  bool                 // leave the mouse to the terminal
	Welcome  bool                 // say once which three keys to press
	Focus    signal.CorrelationID // what the cockpit is narrowed to from the start
	Shared   *Shared              // of a session that several people share; nil: it is the operator's own
	Now      func() time.Time
	// Playback is the clock of a replay; nil: the session is alive. Frames are asked for by its time, and nothing can be
	// started, changed or undone.
	Playback *Playback
	// Tour is shown from the start, until it is over or the operator presses a key.
	Tour []Scene
	// Mark is told what happens to experiments, as labels; Resized the terminal's size. Both are called while the screen waits.
	Mark    func(label string)
	Resized func(width, height int)
	// Layouts are what the operator made of the workspaces before. Keep takes what he changed since it was called last, a
	// moment after the last change and when the cockpit ends; it may take its time. nil: nothing is remembered.
	Layouts Layouts
	Keep    func(changed Layouts) error
	Notice  string // said at first in the status line
}

// Validate says what is missing.
func (c Config) Validate() error {
	if c.Session == nil {
		return fmt.Errorf("open the cockpit: no session given")
	}
	if len(c.Panes) == 0 {
		return fmt.Errorf("open the cockpit: no panes given")
	}
	for _, t := range c.Themes {
		if t.Name == c.Theme {
			return nil
		}
	}
	if c.Theme == "" || c.Themes == nil {
		return nil
	}
	return fmt.Errorf("open the cockpit: theme %q is not among the themes given", c.Theme)
}

// Model is the root model. It is a tea.Model; all its methods belong to one goroutine.
type Model struct {
	ctx     context.Context
	session Session
	keys    *keymap.Map
	now     func() time.Time
	ascii   bool
	names   widget.Colours // of services

	given    []*themes.Theme // as they are
	themes   []*themes.Theme // as the terminal can show them, in the same order
	theme    *themes.Theme   // one of themes
	chosen   bool            // by the operator, not by the terminal's background
	term     terminal
	restyled <-chan Restyled
	noMouse  bool
	width    int
	height   int

	frame    *signal.Frame
	seq      uint64
	seen     bool // a frame has come
	inflight bool
	views    uint64 // counts what was asked for by keys
	fetched  time.Time
	ticks    int

	beforeMap beforeMap

	length time.Duration // of the window
	most   time.Duration // what it grows to by itself while there is little to show; 0 when it does not
	began  time.Time
	paused bool
	play   *Playback     // nil in a live session
	at     time.Time     // the instant the operator looks at while paused
	lead   time.Duration // how much of the window lies behind it

	figuresAt time.Time // when the figures beside a paused picture were taken ...
	figuresOf uint64    // ... and for which of the views

	focus   focusHistory
	opening bool           // what the cockpit was opened on has not been found yet
	lookup  *signal.Lookup // the last one that was told
	asking  *signal.Lookup // the one that is being waited for, since askedAt
	askedAt time.Time
	from    string // the pane that the trace on the screen was opened from; "" when there is none to go back to
	slots   map[string]*slot
	order   []string
	spaces  [8]workspace
	space   int
	screen  geometry
	shared  *Shared
	whyBox  *overlay.Why // the last answer to what changed
	parted  bool         // the last operator was told what leaving means
	loads   bool         // there are load plans to start

	keeper     *keeper   // nil: nothing is remembered
	changed    [8]bool   // workspaces that are to be kept
	keepAt     time.Time // then; zero: there is nothing to keep
	keeping    bool
	keepFailed bool

	over     overlay.Overlay
	overAt   [2]int // where it was drawn
	status   message
	said     []message // what it said before, the last one last
	aborting bool
	leaving  bool
	err      error
	pending  map[string]bool // switches on their way
	tour     *tour           // nil when none is given
	onMark   func(string)
	onSize   func(int, int)
	marked   map[marked]bool
	pointer  pointer
}

// slot is one pane with its last drawing.
type slot struct {
	pane pane.Pane
	gen  uint64 // counts messages: what it draws may have changed
	key  drawnAs
	rows []string
}

// message is what the status line says for a while.
type message struct {
	text  string
	role  themes.Role
	until time.Time
}

// New makes a cockpit. The config must be valid.
func New(cfg Config) *Model {
	m := &Model{
		ctx: context.Background(), session: cfg.Session, keys: cfg.Keys, now: cfg.Now, ascii: cfg.ASCII,
		given: cfg.Themes, noMouse: cfg.NoMouse, length: cfg.Window, restyled: cfg.Restyled, shared: cfg.Shared,
		term: terminal{depth: themes.AllColours, symbols: cfg.Symbols},
		play: cfg.Playback, onMark: cfg.Mark, onSize: cfg.Resized, marked: map[marked]bool{},
		frame: &signal.Frame{Headline: signal.Headline{Rate: -1, P95: -1, ErrorRate: -1, Budget: -1}},
		slots: map[string]*slot{}, pending: map[string]bool{}, spaces: workspaces(),
	}
	if cfg.Keep != nil {
		m.keeper = newKeeper(cfg.Keep)
	}
	if m.keys == nil {
		m.keys = keymap.Default()
	}
	if m.now == nil {
		m.now = time.Now
	}
	m.loads = len(m.session.LoadPlans()) > 0
	if m.length <= 0 {
		m.length = DefaultWindow
	}
	if len(cfg.Tour) > 0 {
		m.tour = &tour{scenes: cfg.Tour}
	}
	if m.play != nil {
		m.play.run(m.now())
	} else if !cfg.Whole {
		m.began, m.most = m.now(), m.length
		m.length = min(m.length, lengths[0])
	}
	if len(m.given) == 0 {
		m.given = themes.All()
	}
	if m.ascii {
		m.term.symbols = ASCII
	}
	m.ascii = m.term.symbols == ASCII
	m.themes = m.given
	m.theme = m.themes[0]
	for _, t := range m.themes {
		if t.Name == cfg.Theme {
			m.theme, m.chosen = t, true
		}
	}
	for _, p := range cfg.Panes {
		m.slots[p.ID()] = &slot{pane: p}
		m.order = append(m.order, p.ID())
	}
	for i := range m.spaces {
		m.spaces[i].keep(m.slots)
		if made, ok := cfg.Layouts[m.spaces[i].name]; ok {
			m.spaces[i].take(made)
		}
	}
	if cfg.Focus != "" {
		m.focus.set(cfg.Focus, m.place())
		m.opening = true
		m.activate("traces")
	}
	if cfg.Notice != "" {
		m.say(themes.Warning, "%s", oneLine(cfg.Notice))
	}
	if cfg.Welcome {
		m.over = &overlay.Welcome{System: "a live system"}
	}
	return m
}

// Err is why the session ended by itself, nil when it did not.
func (m *Model) Err() error { return m.err }

type (
	tickMsg  struct{}
	frameMsg struct {
		frame *signal.Frame
		view  uint64 // the count of views when it was asked for
		live  bool
	}
	endedMsg struct{ err error }
)

// Init implements tea.Model.
func (m *Model) Init() tea.Cmd {
	return tea.Batch(tick(), m.fetch(), m.waitForEnd(), m.waitForTheme(), tea.RequestBackgroundColor)
}

func tick() tea.Cmd { return tea.Tick(frameEvery, func(time.Time) tea.Msg { return tickMsg{} }) }

func (m *Model) waitForEnd() tea.Cmd {
	done, ctx := m.session.Done(), m.ctx
	if done == nil {
		return nil
	}
	return func() tea.Msg {
		select {
		case err := <-done:
			return endedMsg{err}
		case <-ctx.Done():
			return nil
		}
	}
}

// fetch asks for the next frame, beside the screen and never twice at a time.
func (m *Model) fetch() tea.Cmd {
	if m.inflight {
		return nil
	}
	m.inflight = true
	m.fetched = m.now()
	s, v, n := m.session, m.view(), m.views
	return func() tea.Msg { return frameMsg{s.Frame(v), n, v.Live} }
}

// fetchSoon is fetch for something that a key changed; the next tick does it when one was taken just now.
func (m *Model) fetchSoon() tea.Cmd {
	m.ticks = 0
	m.views++
	if m.now().Sub(m.fetched) < soonest {
		return nil
	}
	return m.fetch()
}

// view is the picture that is wanted now.
func (m *Model) view() signal.View {
	v := signal.View{Window: m.window(), Live: !m.paused, Focus: m.focus.current}
	for _, id := range m.order {
		m.slots[id].pane.Want(&v)
	}
	for _, id := range m.visible() {
		if p, ok := m.slots[id].pane.(pane.Shown); ok {
			p.WantShown(&v)
		}
	}
	return v
}

// Update implements tea.Model.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) { return m, m.update(msg) }

func (m *Model) update(msg tea.Msg) tea.Cmd {
	if m.takeOver(msg) {
		return nil
	}
	switch msg := msg.(type) {
	case tickMsg:
		return m.ticked()
	case frameMsg:
		return m.framed(msg)
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		if m.onSize != nil {
			m.onSize(m.width, m.height)
		}
		return nil
	case tea.KeyPressMsg:
		return m.key(msg)
	case tea.PasteMsg:
		if m.over != nil {
			return m.answer(m.over.Update(msg))
		}
		m.say(themes.Muted, "what was pasted is left out: nothing here takes text; %s opens a line that does", m.keys.Key(keymap.Filter))
		return nil
	case tea.MouseMsg:
		return m.mouse(msg)
	case keptMsg:
		m.kept(msg)
		return nil
	case Remark:
		m.say(themes.Text, "%s", oneLine(string(msg)))
		return nil
	case Notice:
		m.say(themes.Warning, "%s", oneLine(string(msg)))
		return nil
	case endedMsg:
		m.err = msg.err
		return tea.Quit
	}
	if cmd, ok := m.wish(msg); ok {
		return cmd
	}
	if cmd, ok := m.terminalMsg(msg); ok {
		return cmd
	}
	if cmd, ok := m.done(msg); ok {
		return cmd
	}
	if m.over != nil {
		return m.answer(m.over.Update(msg))
	}
	return nil
}

func (m *Model) ticked() tea.Cmd {
	m.ticks++
	if m.status.text != "" && m.now().After(m.status.until) {
		m.status = message{}
	}
	m.grow()
	m.played()
	next := tea.Batch(m.guide(), m.remember())
	if m.paused && m.seen && m.ticks%pausedEvery != 1 {
		return tea.Batch(tick(), next)
	}
	return tea.Batch(tick(), m.fetch(), next)
}

// framed takes a frame. One that was asked for before the last key is shown as well, so that a key that is held down
// does not stop the picture, but the right one is asked for at once; a live one never shows while paused.
func (m *Model) framed(msg frameMsg) tea.Cmd {
	m.inflight = false
	var cmds []tea.Cmd
	if msg.view != m.views {
		cmds = append(cmds, m.fetch())
	}
	f := msg.frame
	if f == nil || f == m.frame || m.seen && msg.live == m.paused {
		return tea.Batch(cmds...)
	}
	f = m.calmed(f, msg.view)
	m.tellArrivals(m.frame.People, f.People)
	m.frame, m.seen = f, true
	for i := range f.Processes { // in their order, whatever comes onto the screen first
		m.names.Service(f.Processes[i].Name)
	}
	m.seq++
	m.mark(f)
	m.refreshSwitches()
	m.refreshWords()
	cmds = append(cmds, m.tellLookup())
	for _, id := range m.visible() {
		if s := m.slots[id]; s != nil {
			cmds = append(cmds, s.pane.Update(m.context(id), pane.FrameMsg{}))
		}
	}
	return tea.Batch(cmds...)
}

// tell sends a message to one pane.
func (m *Model) tell(id string, msg tea.Msg) tea.Cmd {
	s := m.slots[id]
	if s == nil {
		return nil
	}
	s.gen++
	return s.pane.Update(m.context(id), msg)
}

// context is what a pane may look at.
func (m *Model) context(id string) pane.Context {
	r, ok := m.placement().Find(id)
	if !ok {
		r.W, r.H = 40, 10 // not on the screen: any size will do to find out about its keys
	}
	return pane.Context{Frame: m.frame, Theme: m.theme, Width: max(r.W-2, 1), Height: max(r.H-2, 1),
		Active: id == m.active(), ASCII: m.ascii, Replay: m.play != nil, Names: &m.names}
}

func (m *Model) pen() widget.Pen { return widget.Pen{Theme: m.theme, ASCII: m.ascii, Names: &m.names} }

// say shows a sentence in the status line for a while.
func (m *Model) say(role themes.Role, format string, args ...any) {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	m.status = message{text, role, m.now().Add(statusFor)}
	m.remind(m.status)
}
