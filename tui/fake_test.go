package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/pane/status"
	"gameday/tui/tuitest"
	"gameday/tui/widget"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // the screens show local time
	os.Exit(m.Run())
}

// fakeSession remembers what it was asked for.
type fakeSession struct {
	reason   string // of the last abort
	mu       sync.Mutex
	frame    *signal.Frame
	views    []signal.View
	calls    []string
	busy     int
	most     int
	slow     time.Duration
	prod     bool
	own      bool // the system is gameday's own demo
	silences []Silence
	refuse   error
	stuck    error // what Abort answers
	ended    chan error
	aborted  Aborted
}

func newFake() *fakeSession {
	return &fakeSession{frame: tuitest.SampleFrame(), aborted: Aborted{Faults: 1, Load: true}}
}

func (s *fakeSession) Frame(v signal.View) *signal.Frame {
	s.mu.Lock()
	s.busy++
	s.most = max(s.most, s.busy)
	s.views = append(s.views, v)
	f, slow := s.frame, s.slow
	s.mu.Unlock()
	time.Sleep(slow)
	s.mu.Lock()
	s.busy--
	s.mu.Unlock()
	return f
}

func (s *fakeSession) Why(_ context.Context, ask signal.WhyAsk) (*signal.Why, error) {
	s.call("why %t", ask.At.IsZero())
	return tuitest.SampleWhy(), s.refuse
}

func (s *fakeSession) call(format string, args ...any) {
	s.mu.Lock()
	s.calls = append(s.calls, fmt.Sprintf(format, args...))
	s.mu.Unlock()
}

func (s *fakeSession) Experiments() []Choice {
	return []Choice{
		{ID: "payment-slow", Title: "payment answers 800 ms late", Detail: "When the payment provider answers late, checkouts still succeed. One link is delayed for a minute."},
		{ID: "replica", Title: "a database replica dies", Detail: "Reads go to the other replica when retries are on."},
		{ID: "inventory", Title: "inventory is cut off", Detail: "The link to inventory drops everything."},
	}
}

func (s *fakeSession) LoadPlans() []Choice {
	return []Choice{{ID: "mix", Title: "checkout mix", Detail: "Shoppers browse and buy, 120 requests a second."}}
}

func (s *fakeSession) Plan(_ context.Context, id string) (Plan, error) {
	s.call("plan %s", id)
	if s.refuse != nil {
		return Plan{}, s.refuse
	}
	p := samplePlan()
	if s.own {
		p.Environment = "demo"
	}
	if s.prod {
		p.Environment, p.Production, p.Typed = "production", true, "checkout"
	}
	return p, nil
}

func samplePlan() Plan {
	return Plan{Title: "Checkout survives a slow payment provider", Environment: "staging",
		Hypothesis: "When the payment provider answers 800 ms late, checkouts still succeed and answer within 200 ms.",
		Probes:     []string{"success rate > 99%", "p95 < 200ms"},
		Load:       "checkout mix, 120 requests/s for 1m50s",
		Faults: []PlannedFault{{Title: "payment +800ms", Kind: "network.latency", Targets: []string{"checkout→payment"}, Share: "1 of 12 links, 8 %",
			Actions: []string{"delay what passes the proxy at 127.0.0.1:39112 by 800 ms ± 100 ms"},
			Undo:    "the proxy passes everything through again", At: 30 * time.Second, For: time.Minute}},
		Duration: 110 * time.Second, AbortWhen: []string{"success rate below 50 % for 10s"}}
}

func (s *fakeSession) StartExperiment(_ context.Context, id string) error {
	s.call("start %s", id)
	return nil
}

func (s *fakeSession) StartLoad(_ context.Context, id string) error {
	s.call("load %s", id)
	return nil
}
func (s *fakeSession) StopLoad(context.Context) error { s.call("stop load"); return nil }
func (s *fakeSession) Proceed() error                 { s.call("proceed"); return s.refuse }
func (s *fakeSession) AdjustLoad(_ context.Context, how LoadChange) (string, error) {
	s.call("adjust %+v", how)
	return "the rate from 120/s to 132/s", s.refuse
}
func (s *fakeSession) Incident(_ context.Context, act IncidentAct) (string, error) {
	s.call("incident %s %s %d", act.Do, act.Text, act.Severity)
	return "incident " + act.Do, nil
}
func (s *fakeSession) Silences(context.Context) ([]Silence, error) { return s.silences, s.refuse }
func (s *fakeSession) Silence(_ context.Context, act SilenceAct) (string, error) {
	s.call("silence %s for %s: %s; expire %s at %s", act.Match, act.For, act.Reason, act.Expire, act.Source)
	return "silenced", s.refuse
}
func (s *fakeSession) Note(text string)   { s.call("note %s", text) }
func (s *fakeSession) Done() <-chan error { return s.ended }

func (s *fakeSession) Abort(_ context.Context, reason string) (Aborted, error) {
	s.call("abort")
	s.mu.Lock()
	s.reason = reason
	s.mu.Unlock()
	time.Sleep(12 * time.Millisecond)
	if s.stuck != nil {
		return Aborted{}, s.stuck
	}
	s.mu.Lock()
	s.frame = tuitest.Calm()
	s.mu.Unlock()
	return s.aborted, nil
}

func (s *fakeSession) Set(_ context.Context, name string, on bool) error {
	s.call("set %s %v", name, on)
	return nil
}

func (s *fakeSession) called() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.calls, "; ")
}

func (s *fakeSession) asked() []signal.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]signal.View(nil), s.views...)
}

// fakePane draws its own name and size, and remembers what it was told.
type fakePane struct {
	id     string
	filter string
	told   []tea.Msg
	drawn  int
	keys   []keymap.Action
	answer tea.Cmd
}

func (p *fakePane) ID() string                { return p.id }
func (p *fakePane) Title(pane.Context) string { return p.id + " 3 of 12" }
func (p *fakePane) Want(v *signal.View)       { v.Logs.Text = p.filter }
func (p *fakePane) Filter() string            { return p.filter }
func (p *fakePane) FilterHelp() string        { return "words, key=value" }

func (p *fakePane) CheckFilter(text string) error {
	if strings.Contains(text, "!") {
		return errors.New("a filter has no exclamation mark")
	}
	return nil
}

func (p *fakePane) Keys(pane.Context) []keymap.Action { return p.keys }

func (p *fakePane) Update(_ pane.Context, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case pane.FrameMsg:
		return nil
	case pane.FilterMsg:
		p.filter = msg.Text
	case pane.ActionMsg:
		if msg.Action == keymap.Open {
			return p.answer
		}
	}
	p.told = append(p.told, msg)
	return nil
}

func (p *fakePane) View(ctx pane.Context) []string {
	p.drawn++
	pen := widget.Pen{Theme: ctx.Theme, ASCII: ctx.ASCII}
	roles := []themes.Role{themes.Text, themes.OK, themes.Warning, themes.Failed, themes.Fault, themes.Focus, themes.Load, themes.Muted}
	var rows []string
	for i := range ctx.Height {
		rows = append(rows, pen.Line(ctx.Active && i == 1, ctx.Width, widget.Seg{Role: themes.Muted, Text: fmt.Sprintf("%3d ", i)},
			widget.Seg{Role: roles[i%len(roles)], Text: fmt.Sprintf("%s %dx%d wörk 日本 %s", p.id, ctx.Width, ctx.Height, strings.Repeat("=", 40))}))
	}
	return rows
}

// bench is a model with its fakes, run by an event loop in fake time.
type bench struct {
	t     *testing.T
	m     *Model
	s     *fakeSession
	panes map[string]*fakePane
	in    chan tea.Msg
	over  chan struct{}
	wg    sync.WaitGroup
	quit  bool
}

func makeModel(s *fakeSession, cfg Config) (*Model, map[string]*fakePane) {
	panes := map[string]*fakePane{}
	for _, id := range []string{"metrics", "traces", "logs", "experiment"} {
		p := &fakePane{id: id, keys: []keymap.Action{keymap.Open, keymap.Copy}}
		panes[id] = p
		cfg.Panes = append(cfg.Panes, p)
	}
	cfg.Panes = append(cfg.Panes, status.All()...)
	cfg.Session = s
	if cfg.Theme == "" {
		cfg.Theme = "dark"
	}
	return New(cfg), panes
}

// drive runs f with a cockpit of 120x35 that has its first frame.
func drive(t *testing.T, s *fakeSession, cfg Config, f func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		cfg.Now = func() time.Time { return tuitest.Now.Add(time.Since(start)) }
		s.ended = make(chan error, 1) // in here: a channel from outside stops fake time
		m, panes := makeModel(s, cfg)
		b := &bench{t: t, m: m, s: s, panes: panes, in: make(chan tea.Msg), over: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		m.ctx = ctx
		defer b.wg.Wait() // timers run out in fake time
		defer close(b.over)
		defer cancel()
		b.run(m.Init())
		b.send(tea.WindowSizeMsg{Width: 120, Height: 35})
		b.wait(50 * time.Millisecond)
		f(b)
	})
}

// run starts a command, as the program would.
func (b *bench) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	b.wg.Go(func() {
		msg := cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			for _, c := range batch {
				b.run(c)
			}
			return
		}
		select {
		case b.in <- msg:
		case <-b.over:
		}
	})
}

func (b *bench) send(msg tea.Msg) {
	if _, ok := msg.(tea.QuitMsg); ok {
		b.quit = true
		return
	}
	_, cmd := b.m.Update(msg)
	b.run(cmd)
	b.m.View()
}

// wait lets fake time pass, and handles what comes meanwhile.
func (b *bench) wait(d time.Duration) {
	end := time.After(d)
	for {
		select {
		case msg := <-b.in:
			b.send(msg)
		case <-end:
			return
		}
	}
}

// press types keys, one after the other, with no time between them.
func (b *bench) press(keys ...string) {
	for _, k := range keys {
		b.send(keyPress(k))
	}
}

// text types every character of s.
func (b *bench) text(s string) {
	for _, r := range s {
		b.send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

func (b *bench) screen() string { return ansi.Strip(b.m.View().Content) }

func keyPress(name string) tea.KeyPressMsg {
	var k tea.KeyPressMsg
	parts := strings.Split(name, "+")
	if name == "+" || name == "ctrl++" {
		parts = []string{"+"}
	}
	for _, p := range parts[:len(parts)-1] {
		switch p {
		case "ctrl":
			k.Mod |= tea.ModCtrl
		case "alt":
			k.Mod |= tea.ModAlt
		case "shift":
			k.Mod |= tea.ModShift
		}
	}
	last := parts[len(parts)-1]
	special := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown,
		"left": tea.KeyLeft, "right": tea.KeyRight, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd,
		"backspace": tea.KeyBackspace, "delete": tea.KeyDelete}
	if c, ok := special[last]; ok {
		k.Code = c
		return k
	}
	if last == "space" {
		k.Code, k.Text = tea.KeySpace, " "
		return k
	}
	r := []rune(last)[0]
	k.Code = r
	if k.Mod == 0 {
		k.Text = string(r)
	}
	return k
}
