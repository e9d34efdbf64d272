package tui

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/tuitest"
)

func TestPickReadStart(t *testing.T) {
	s := newFake()
	s.frame = tuitest.Calm()
	drive(t, s, Config{}, func(b *bench) {
		b.press("e")
		require.Contains(t, b.screen(), "payment answers 800 ms late")
		b.press("enter")
		b.wait(300 * time.Millisecond)
		require.Contains(t, b.screen(), "checkout→payment (1 of 12 links, 8 %)")
		require.Contains(t, b.screen(), "[ back ]    START")
		require.Contains(t, b.screen(), "tab to START")
		require.Equal(t, "plan payment-slow", s.called())
		b.press("tab")
		require.Contains(t, b.screen(), "a moment of quiet")
		b.press("enter") // too soon: it was typed ahead
		require.Equal(t, "plan payment-slow", s.called())
		b.wait(300 * time.Millisecond)
		require.Contains(t, b.screen(), "  back    [ START ]")
		require.Contains(t, b.screen(), "enter START")
		b.press("enter")
		b.wait(50 * time.Millisecond)
		require.Equal(t, "plan payment-slow; start payment-slow", s.called())
		require.Contains(t, b.screen(), "started: payment answers 800 ms late; ctrl+x undoes everything")
		require.Equal(t, "experiment", b.m.active())
	})
}

func TestKeysTypedAheadStartNothing(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		b.press("e", "enter", "enter", "enter") // before the plan is there
		b.wait(10 * time.Millisecond)
		for range 40 { // the key is held down
			b.press("enter")
			b.wait(33 * time.Millisecond)
		}
		require.Equal(t, "plan payment-slow", s.called())
		require.Contains(t, b.screen(), "[ back ]")
		b.press("tab", "enter", "enter")
		require.Equal(t, "plan payment-slow", s.called(), "the quiet time begins anew with each key")
		b.wait(300 * time.Millisecond)
		k := keyPress("enter")
		k.IsRepeat = true
		b.send(k)
		require.Equal(t, "plan payment-slow", s.called(), "a repeated key is no yes")
		b.wait(300 * time.Millisecond)
		b.press("enter")
		b.wait(20 * time.Millisecond)
		require.Contains(t, s.called(), "start payment-slow")
	})
}

func TestTheDefaultAnswerStartsNothing(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		b.press("e", "enter")
		b.wait(300 * time.Millisecond)
		b.press("enter")
		b.wait(50 * time.Millisecond)
		require.Equal(t, "plan payment-slow", s.called())
		require.Nil(t, b.m.over, "enter on back leaves")

		b.press("e", "enter")
		b.wait(300 * time.Millisecond)
		b.press("right", "left")
		b.wait(300 * time.Millisecond)
		b.press("enter")
		b.wait(50 * time.Millisecond)
		require.NotContains(t, s.called(), "start")
	})
}

// In gameday's own shop nothing can be harmed: there two enters are enough, with a quiet moment between them.
func TestTheDemoBeginsOnYes(t *testing.T) {
	s := newFake()
	s.own = true
	drive(t, s, Config{}, func(b *bench) {
		b.press("e", "enter", "enter")
		b.wait(50 * time.Millisecond)
		require.Equal(t, "plan payment-slow", s.called(), "typed ahead")
		b.wait(300 * time.Millisecond)
		b.press("enter")
		b.wait(50 * time.Millisecond)
		require.Contains(t, s.called(), "start payment-slow")
	})
}

func TestTheMouseAnswersWithTwoClicks(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		b.press("e", "enter")
		b.wait(300 * time.Millisecond)
		at := func(word string) tea.Msg {
			for y, row := range strings.Split(b.screen(), "\n") {
				if x := strings.Index(row, word); x >= 0 {
					return tea.MouseClickMsg{X: len([]rune(row[:x])) + 1, Y: y, Button: tea.MouseLeft}
				}
			}
			t.Fatal("no " + word)
			return nil
		}
		click := at("  START  ")
		b.send(click)
		b.wait(20 * time.Millisecond)
		b.send(click)
		require.NotContains(t, s.called(), "start", "a double click starts nothing")
		b.wait(300 * time.Millisecond)
		b.send(click)
		b.wait(20 * time.Millisecond)
		require.Contains(t, s.called(), "start payment-slow")

		b.press("ctrl+x")
		b.wait(50 * time.Millisecond)
		b.press("e", "enter")
		b.wait(300 * time.Millisecond)
		b.send(at("[ back ]"))
		require.Nil(t, b.m.over)
	})
}

func TestProductionWantsTheNameTyped(t *testing.T) {
	s := newFake()
	s.prod = true
	s.frame = tuitest.Production()
	drive(t, s, Config{}, func(b *bench) {
		require.Contains(t, b.screen(), "▲ PRODUCTION")
		b.press("e", "enter")
		b.wait(300 * time.Millisecond)
		b.press("enter")
		b.wait(300 * time.Millisecond)
		b.text("checkou")
		b.send(tea.PasteMsg{Content: "t"}) // not typed
		b.wait(300 * time.Millisecond)
		b.press("enter")
		require.NotContains(t, s.called(), "start")
		b.wait(300 * time.Millisecond)
		b.text("t")
		b.wait(300 * time.Millisecond)
		b.press("enter")
		b.wait(20 * time.Millisecond)
		require.Contains(t, s.called(), "start payment-slow")
	})
}

func TestAPlanThatFailsSaysWhy(t *testing.T) {
	s := newFake()
	s.refuse = errors.New("no target matches service=paymnt")
	drive(t, s, Config{}, func(b *bench) {
		b.press("e", "enter")
		b.wait(300 * time.Millisecond)
		require.Contains(t, b.screen(), "no target matches service=paymnt")
		b.press("enter")
		b.wait(20 * time.Millisecond)
		require.NotContains(t, s.called(), "start")
	})
}

func TestAbortFromAnywhere(t *testing.T) {
	for name, open := range map[string][]string{
		"cockpit": nil, "picker": {"e"}, "question": {"e", "enter"}, "palette": {":"}, "filter": {"/"}, "note": {"n"}, "help": {"?"}, "switches": {"p"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake()
			drive(t, s, Config{Welcome: true}, func(b *bench) {
				b.press(open...)
				b.wait(300 * time.Millisecond)
				b.press("ctrl+x")
				require.Contains(t, b.screen(), "aborting")
				b.wait(100 * time.Millisecond)
				require.Contains(t, s.called(), "abort")
				require.Contains(t, b.screen(), "aborted: 1 fault undone in 12 ms; load stopped")
			})
		})
	}
}

func TestAbortThatFailsStays(t *testing.T) {
	s := newFake()
	s.stuck = errors.New("undo payment +800ms: the proxy does not answer")
	drive(t, s, Config{}, func(b *bench) {
		b.press("ctrl+x")
		b.wait(30 * time.Second)
		require.Contains(t, b.screen(), "abort: undo payment +800ms: the proxy does not answer")
	})
}

func TestQuitUndoesFirst(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		b.press("q")
		require.False(t, b.quit)
		require.Contains(t, b.screen(), "leaving: undoing 1 fault first")
		b.wait(50 * time.Millisecond)
		require.True(t, b.quit)
		require.Equal(t, "abort", s.called())
	})
}

func TestQuitLeavesAtOnceWhenNothingIsInForce(t *testing.T) {
	s := newFake()
	s.frame = tuitest.Calm()
	drive(t, s, Config{}, func(b *bench) {
		b.press("q")
		b.wait(time.Millisecond)
		require.True(t, b.quit)
		require.Empty(t, s.called())
	})
}

func TestQuitStaysWhenTheUndoFailed(t *testing.T) {
	s := newFake()
	s.stuck = errors.New("the proxy does not answer")
	drive(t, s, Config{}, func(b *bench) {
		b.press("ctrl+c")
		b.wait(50 * time.Millisecond)
		require.False(t, b.quit)
		require.Contains(t, b.screen(), "q again leaves anyway")
		b.press("q")
		b.wait(time.Millisecond)
		require.True(t, b.quit)
	})
}

func TestOneFrameAtATimeAndTenASecond(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		b.wait(2 * time.Second)
		require.LessOrEqual(t, len(s.asked()), 22)
		require.GreaterOrEqual(t, len(s.asked()), 15)
		s.mu.Lock()
		s.slow = 350 * time.Millisecond
		s.mu.Unlock()
		for range 60 {
			b.press("]", "[", "space", "space")
			b.wait(20 * time.Millisecond)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Equal(t, 1, s.most)
	})
}

func TestUnchangedPanesAreNotDrawnAgain(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		before := b.panes["logs"].drawn
		b.wait(2 * time.Second) // the session hands out the same frame
		require.Equal(t, before, b.panes["logs"].drawn)
		first := b.m.View().Content
		require.Equal(t, first, b.m.View().Content)
		b.m.active()
		b.press("down") // for metrics only
		require.Equal(t, before, b.panes["logs"].drawn)
	})
}

func TestPausedTimeTravels(t *testing.T) {
	s := newFake()
	drive(t, s, Config{Whole: true}, func(b *bench) {
		last := func() signal.View { v := s.asked(); return v[len(v)-1] }
		require.True(t, last().Live)
		b.press("space")
		b.wait(600 * time.Millisecond)
		require.False(t, last().Live)
		require.Equal(t, tuitest.Now, last().Window.To)
		require.Contains(t, b.screen(), "‖ paused 12:05:00")
		b.press("left", "left")
		b.wait(600 * time.Millisecond)
		require.Equal(t, tuitest.Now.Add(-10*time.Second), last().Window.To)
		b.press("<")
		b.wait(600 * time.Millisecond)
		require.Equal(t, tuitest.Now.Add(-85*time.Second), last().Window.To)
		b.press("]")
		b.wait(600 * time.Millisecond)
		require.Equal(t, 10*time.Minute, last().Window.Length())
		b.press("space")
		b.wait(600 * time.Millisecond)
		require.True(t, last().Live)
		require.Empty(t, b.panes["metrics"].told, "the arrows did not reach the pane")
	})
}

func TestOpenTraceFocusesAndComesBack(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		b.m.activate("experiment")
		b.panes["experiment"].answer = pane.Wish(pane.OpenTraceMsg{ID: tuitest.SampleTrace})
		b.press("enter")
		b.wait(200 * time.Millisecond)
		require.Equal(t, "traces", b.m.active())
		require.Equal(t, []tea.Msg{pane.OpenTraceMsg{ID: tuitest.SampleTrace}}, b.panes["traces"].told)
		v := s.asked()
		require.Equal(t, signal.CorrelationID(tuitest.SampleTrace.String()), v[len(v)-1].Focus)
		require.Contains(t, b.screen(), "⌖ "+tuitest.SampleTrace.Short())

		b.press("esc")
		require.Empty(t, b.m.focus.current)
		require.Equal(t, "experiment", b.m.active(), "esc goes back to where enter was pressed")
		b.press("alt+left")
		require.NotEmpty(t, b.m.focus.current)
		b.press("alt+left")
		require.Empty(t, b.m.focus.current)
		b.press("alt+right")
		require.NotEmpty(t, b.m.focus.current)
	})
}

func TestFilterAppliesWhileTypingAndEscRestores(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		p := b.panes["metrics"]
		p.filter = "old"
		b.press("/")
		b.text(" x")
		require.Equal(t, "old x", p.filter)
		b.text("!")
		require.Contains(t, b.screen(), "a filter has no exclamation mark")
		require.Equal(t, "old x", p.filter, "a filter with a fault is not applied")
		b.press("enter")
		require.NotNil(t, b.m.over, "nor taken")
		b.press("esc")
		require.Equal(t, "old", p.filter)
		b.press("esc")
		require.Empty(t, p.filter, "esc takes the filter away")
	})
}

func TestSwitchesTurn(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		b.press("p", "space")
		b.wait(20 * time.Millisecond)
		b.press("j", "j", "enter")
		b.wait(20 * time.Millisecond)
		require.Equal(t, "set patterns true; set checkout/timeout false", s.called())
		require.Contains(t, b.screen(), "all patterns")
	})
}

func TestNoteAndLoad(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		b.press("n")
		b.text("q is typed")
		b.press("enter")
		b.wait(20 * time.Millisecond)
		b.press("l", "enter")
		b.wait(20 * time.Millisecond)
		require.Equal(t, "note q is typed; stop load", s.called())
	})
}

func TestPaletteFindsThings(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		b.press(":")
		b.text("replica dies")
		b.press("enter")
		b.wait(20 * time.Millisecond)
		require.Equal(t, "plan replica", s.called())
		b.press("esc", ":")
		b.text("light")
		b.press("enter")
		require.Equal(t, "light", b.m.theme.Name)
		b.press(":")
		b.text("workspace logs")
		b.press("esc", ":")
		b.text("req-20812")
		b.press("enter")
		require.Equal(t, signal.CorrelationID("req-20812"), b.m.focus.current)
		b.press(":")
		b.text(tuitest.SampleTrace.String())
		b.press("enter")
		require.Equal(t, signal.CorrelationID(tuitest.SampleTrace.String()), b.m.focus.current)
	})
}

func TestWelcomeGoesWithAnyKeyWhichStillActs(t *testing.T) {
	s := newFake()
	drive(t, s, Config{Welcome: true}, func(b *bench) {
		require.Contains(t, b.screen(), "undo everything, at any moment")
		b.press("z")
		require.NotContains(t, b.screen(), "undo everything, at any moment")
		require.True(t, b.m.here().zoomed)
	})
}

func TestZoomResizeAndWorkspacesComeBackAsTheyWere(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		before, _ := b.m.placement().Find("metrics")
		b.press("+", "+")
		grown, _ := b.m.placement().Find("metrics")
		require.Greater(t, grown.W, before.W)
		b.press("z")
		zoomed, _ := b.m.placement().Find("metrics")
		require.Equal(t, 120, zoomed.W)
		b.press("5", "1", "z")
		again, _ := b.m.placement().Find("metrics")
		require.Equal(t, grown, again)
		b.press("=")
		even, _ := b.m.placement().Find("metrics")
		require.Equal(t, before, even)
	})
}

func TestPanesAreReachedBothWays(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		at := func() string { return b.m.active() }
		b.press("ctrl+l")
		require.Equal(t, "traces", at())
		b.press("ctrl+j")
		require.Equal(t, "experiment", at())
		b.press("ctrl+h", "ctrl+k", "tab")
		require.Equal(t, "logs", at())
		b.send(tea.WindowSizeMsg{Width: 80, Height: 24})
		require.Equal(t, []string{"traces", "logs"}, b.m.visible())
		b.press("tab")
		require.Equal(t, []string{"metrics", "experiment"}, b.m.visible())
		b.press("ctrl+j", "ctrl+j")
		require.Equal(t, "traces", at(), "beyond the last row is the next page")
	})
}

func TestMouse(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		b.send(tea.MouseClickMsg{X: 80, Y: 25, Button: tea.MouseLeft})
		require.Equal(t, "experiment", b.m.active())
		require.Equal(t, []tea.Msg{pane.ClickMsg{X: 80 - 61, Y: 25 - 18}}, b.panes["experiment"].told)
		b.send(tea.MouseWheelMsg{X: 80, Y: 5, Button: tea.MouseWheelDown})
		require.Equal(t, []tea.Msg{pane.WheelMsg{Rows: 3}}, b.panes["traces"].told)
		b.send(tea.MouseClickMsg{X: 60, Y: 5, Button: tea.MouseLeft})
		b.send(tea.MouseMotionMsg{X: 70, Y: 5, Button: tea.MouseLeft})
		b.send(tea.MouseReleaseMsg{X: 70, Y: 5})
		r, _ := b.m.placement().Find("metrics")
		require.Equal(t, 70, r.W)
		b.send(tea.MouseClickMsg{X: 60, Y: 32, Button: tea.MouseLeft})
		require.True(t, b.m.paused, "a click on the timeline goes to that moment")
		for _, z := range b.m.pointer.zones {
			if z.action == keymap.Help {
				b.send(tea.MouseClickMsg{X: z.x, Y: 34, Button: tea.MouseLeft})
			}
		}
		require.NotNil(t, b.m.over)
	})
}

func TestANeedForAPersonIsNeverCovered(t *testing.T) {
	s := newFake()
	f := tuitest.SampleFrame()
	f.Faults[0].Phase, f.Faults[0].Remedy, f.Faults[0].Err = signal.FaultNeedsHuman, "gameday recover", "proxy gone"
	s.frame = f
	drive(t, s, Config{}, func(b *bench) {
		b.press("t")
		require.Contains(t, b.screen(), "NEEDS YOU: payment +800ms could not be undone (proxy gone); run: gameday recover")
	})
}

func TestASessionThatEndsEndsTheCockpit(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		s.ended <- errors.New("the shop ended")
		b.wait(10 * time.Millisecond)
		require.True(t, b.quit)
		require.ErrorContains(t, b.m.Err(), "the shop ended")
	})
}

func TestThemeFollowsTheTerminalUntilChosen(t *testing.T) {
	m := New(Config{Session: newFake(), Panes: []pane.Pane{&fakePane{id: "logs"}}})
	m.ground(false)
	require.Equal(t, "light", m.theme.Name)
	m.nextTheme()
	require.Equal(t, "contrast", m.theme.Name)
	m.ground(false)
	require.Equal(t, "contrast", m.theme.Name)
}

func TestConfigValidate(t *testing.T) {
	require.ErrorContains(t, Config{}.Validate(), "no session")
	require.ErrorContains(t, Config{Session: newFake()}.Validate(), "no panes")
}

// waiting is a frame whose experiment asks for a go-ahead since some time.
func waiting(since time.Duration) *signal.Frame {
	f := tuitest.SampleFrame()
	e := *f.Experiment
	e.Suspended = &signal.Suspension{Message: "look at the queue;\x1b[31m go on?", Since: tuitest.Now.Add(-since), Until: tuitest.Now.Add(9 * time.Minute)}
	e.Verdict, e.Phase = signal.VerdictNone, signal.PhaseDuring
	f.Experiment, f.Now = &e, tuitest.Now
	return f
}

func TestTheGoAheadIsAskedForAndGiven(t *testing.T) {
	s := newFake()
	s.frame = waiting(5 * time.Second)
	drive(t, s, Config{}, func(b *bench) {
		require.Contains(t, b.screen(), "waiting for you: look at the queue;")
		require.Contains(t, b.screen(), "c goes on, ctrl+x undoes everything; 09:00 left")
		require.Contains(t, b.screen(), "c GO ON")
		b.press("c")
		b.wait(50 * time.Millisecond)
		require.Equal(t, "proceed", s.called())
		require.Contains(t, b.screen(), "go-ahead given")
	})
}

// A key that was on its way when the question came is no answer to it.
func TestNoGoAheadBeforeItCanHaveBeenRead(t *testing.T) {
	s := newFake()
	s.frame = waiting(0)
	drive(t, s, Config{}, func(b *bench) {
		b.press("c")
		b.wait(50 * time.Millisecond)
		require.Empty(t, s.called())
		require.Contains(t, b.screen(), "read first what it waits for")
		b.wait(2 * time.Second)
		b.press("c")
		b.wait(50 * time.Millisecond)
		require.Equal(t, "proceed", s.called())
	})
}

func TestWithoutAQuestionThereIsNoGoAhead(t *testing.T) {
	s := newFake()
	s.refuse = errors.New("the experiment does not wait for a go-ahead")
	drive(t, s, Config{}, func(b *bench) {
		require.NotContains(t, b.screen(), "GO ON")
		b.press("c")
		b.wait(50 * time.Millisecond)
		require.Empty(t, s.called())
		require.Contains(t, b.screen(), "no experiment waits for a go-ahead")
		b.s.mu.Lock()
		b.s.frame = waiting(5 * time.Second)
		b.s.mu.Unlock()
		b.wait(2 * time.Second)
		b.press("c") // another terminal was faster
		b.wait(50 * time.Millisecond)
		require.Contains(t, b.screen(), "could not go on: the experiment does not wait")
	})
}

func TestAKeyThatDoesNothingSaysWhy(t *testing.T) {
	s := newFake()
	s.frame = tuitest.Calm()
	drive(t, s, Config{}, func(b *bench) {
		b.press("f") // the fake panes cannot be focused
		require.Contains(t, b.screen(), "focus: the cursor stands on no request")
		b.press("?")
		require.Contains(t, b.screen(), "not now: no experiment waits")
		b.press("esc", ":")
		b.text("GO ON")
		require.Contains(t, b.screen(), "not now: no experiment waits for a go-ahead")
	})
}

func TestAnIncidentIsOpenedAndTakenByKeys(t *testing.T) {
	s := newFake()
	s.frame = tuitest.SampleFrame()
	s.frame.Incidents = nil
	drive(t, s, Config{}, func(b *bench) {
		b.press("i", "enter") // nothing is open: the first row opens one of the worst kind
		b.text("checkout fails")
		b.press("enter")
		b.wait(50 * time.Millisecond)
		require.Equal(t, "incident open checkout fails 1", s.called())
		s.frame = tuitest.SampleFrame()
		b.wait(200 * time.Millisecond)
		require.Contains(t, b.screen(), "SEV2 acknowledged")
		b.press("i", "enter") // it is taken already, so telling comes first
		b.text("better")
		b.press("enter")
		b.wait(50 * time.Millisecond)
		require.Contains(t, s.called(), "incident update better 0")
	})
}
