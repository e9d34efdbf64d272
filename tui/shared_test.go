package tui

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/tuitest"
)

func TestAViewerHasNoHarmfulKeys(t *testing.T) {
	s := newFake()
	s.frame = tuitest.SampleFrame()
	drive(t, s, Config{Shared: &Shared{Name: "bob", Refused: "you are a viewer here"}}, func(b *bench) {
		require.Contains(t, b.screen(), "you look only")
		for key, name := range map[string]string{"ctrl+x": "ABORT", "e": "experiments", "l": "load", "p": "patterns", "c": "GO ON"} {
			b.press(key)
			b.wait(20 * time.Millisecond)
			require.Contains(t, b.screen(), name+": you are a viewer here")
		}
		for _, a := range []keymap.Action{keymap.RaiseLoad, keymap.LowerLoad, keymap.HoldLoad, keymap.ResumeLoad, keymap.StopLoad, keymap.Abort, keymap.Proceed} {
			b.run(b.m.act(a))
			require.Equal(t, "you are a viewer here", b.m.whyNot(a))
		}
		b.press("?")
		require.Contains(t, b.screen(), "you are a viewer here")
		b.press("ctrl+x") // over a dialog too
		b.wait(20 * time.Millisecond)
		b.press("n")
		b.text("saw it")
		b.press("enter")
		b.wait(20 * time.Millisecond)
		require.Equal(t, "note saw it", s.called(), "a note is all that reached the session")
	})
}

func TestEveryDangerousActionIsForbiddenToViewers(t *testing.T) {
	m, _ := makeModel(newFake(), Config{Shared: &Shared{Refused: "no"}})
	for _, binding := range m.keys.All() {
		if binding.Danger {
			require.Equal(t, "no", m.forbidden(binding.Action), string(binding.Action))
		}
	}
	require.Empty(t, m.forbidden(keymap.Pause))
	require.Empty(t, m.forbidden(keymap.Note))
	m.shared.Refused = ""
	require.Empty(t, m.forbidden(keymap.Abort))
}

func TestLeavingASharedSessionUndoesNothing(t *testing.T) {
	s := newFake()
	s.frame = tuitest.SampleFrame() // a fault is in force
	s.frame.People = []signal.Person{{Name: "alice", Operator: true, Views: 1}, {Name: "bob", Views: 1}}
	drive(t, s, Config{Shared: &Shared{Name: "alice", Grace: 30 * time.Second}}, func(b *bench) {
		b.press("q")
		require.Contains(t, b.screen(), "no other operator is here: undone 30.0 s after you leave")
		require.True(t, b.m.parted)
		require.NotNil(t, b.m.part(), "the second time it leaves")
		require.Empty(t, s.called())
	})
	s.frame.People[1].Operator = true
	drive(t, s, Config{Shared: &Shared{Name: "alice"}}, func(b *bench) {
		require.NotNil(t, b.m.part(), "another operator is there")
	})
}

func TestTheHeaderSaysWhoIsHere(t *testing.T) {
	s := newFake()
	s.frame.People = []signal.Person{{Name: "alice", Operator: true, Views: 2}, {Name: "bob", Views: 1}}
	s.frame.Experiment.By = "alice"
	drive(t, s, Config{Shared: &Shared{Name: "bob"}}, func(b *bench) {
		require.Contains(t, b.screen(), "◆alice ◇bob")
	})
	drive(t, s, Config{Shared: &Shared{Name: "bob"}, ASCII: true}, func(b *bench) {
		require.Contains(t, b.screen(), "@alice .bob")
	})
	s.frame.People = append(s.frame.People, signal.Person{Name: "carol"}, signal.Person{Name: "dave"})
	drive(t, s, Config{Shared: &Shared{Name: "bob"}}, func(b *bench) {
		require.Contains(t, b.screen(), "@4 here")
	})
	drive(t, s, Config{}, func(b *bench) {
		require.NotContains(t, b.screen(), "@4 here", "an operator's own session has no people")
	})
}

// TestThePeopleAreCountedWhereTheyCannotBeNamed: at 80 columns, with a fault in force, the names took too much room, and nothing said that
// anybody else was there.
func TestThePeopleAreCountedWhereTheyCannotBeNamed(t *testing.T) {
	s := newFake()
	s.frame = tuitest.SampleFrame()
	s.frame.Incidents = nil
	s.frame.People = []signal.Person{{Name: "alexandra", Operator: true, Views: 1}, {Name: "bartholomew", Views: 1}, {Name: "christopher", Views: 1}}
	drive(t, s, Config{Shared: &Shared{Name: "alexandra"}}, func(b *bench) {
		b.send(tea.WindowSizeMsg{Width: 80, Height: 24})
		header, _, _ := strings.Cut(b.screen(), "\n")
		require.Contains(t, header, "@3 here")
		require.Contains(t, header, "1 fault")
	})
}

func TestWhoComesAndLeavesIsTold(t *testing.T) {
	s := newFake()
	s.frame = tuitest.Calm()
	alice, bob := signal.Person{Name: "alice", Operator: true, Views: 1}, signal.Person{Name: "bob", Views: 1}
	s.frame.People = []signal.Person{alice}
	drive(t, s, Config{Shared: &Shared{Name: "alice"}}, func(b *bench) {
		b.send(Remark("you are alone here"))
		next := func(people ...signal.Person) string {
			f := *s.frame
			f.People = people
			show(b.m, &f)
			return b.screen()
		}
		require.Contains(t, next(alice, bob), "bob is here now, a viewer")
		require.NotContains(t, next(alice, bob), "you are alone here")
		require.Contains(t, next(alice), "bob has left")
		b.m.say(themes.Warning, "not copied")
		require.Contains(t, next(alice, bob), "not copied", "a warning stays")
	})
}

// TestAnAbortSaysWhose: the experiment that ends may be another's, who read that the operator had ended it.
func TestAnAbortSaysWhose(t *testing.T) {
	for name, want := range map[string]string{"carol": "aborted by carol", "": "aborted by the operator"} {
		s := newFake()
		drive(t, s, Config{Shared: &Shared{Name: name}}, func(b *bench) {
			b.press("ctrl+x")
			b.wait(50 * time.Millisecond)
			s.mu.Lock()
			defer s.mu.Unlock()
			require.Equal(t, want, s.reason)
		})
	}
}

func TestTheGreetingTellsWhoStartedWhat(t *testing.T) {
	f := tuitest.SampleFrame()
	f.People = []signal.Person{{Name: "me", Views: 1}}
	f.Experiment = nil
	require.Equal(t, "you are alone here; 1 fault in force", Greeting(f, "me"))
	f = tuitest.SampleFrame()
	f.Experiment.By = "alice"
	f.People = []signal.Person{{Name: "alice", Operator: true, Views: 1}, {Name: "bob", Views: 1}, {Name: "me", Views: 1}}
	require.Equal(t, "here: alice, bob (viewer); "+f.Experiment.Title+" runs, started by alice", Greeting(f, "me"))
}

func TestNoticesReachTheStatusLine(t *testing.T) {
	drive(t, newFake(), Config{Shared: &Shared{}}, func(b *bench) {
		b.send(Notice("this view is closed in a minute"))
		require.Contains(t, b.screen(), "this view is closed in a minute")
	})
}
