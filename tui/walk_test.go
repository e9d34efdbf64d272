package tui

import (
	"errors"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/tuitest"
)

// The whole walk: exemplar → trace → another request with its order → the fault → a trace of its time, and every step back.
func TestWalkThereAndBack(t *testing.T) {
	s := newFake()
	drive(t, s, Config{}, func(b *bench) {
		wish := func(from string, msg tea.Msg) {
			b.m.activate(from)
			b.run(b.m.update(msg))
			b.wait(200 * time.Millisecond)
		}
		trace := signal.CorrelationID(tuitest.SampleTrace.String())
		b.m.activate("experiment")
		b.panes["experiment"].answer = pane.Wish(pane.OpenTraceMsg{ID: tuitest.SampleTrace})
		b.press("enter")
		b.wait(200 * time.Millisecond)
		fault := s.frame.Events[4]
		steps := []pane.Step{
			{Kind: "field", Title: "everything with order_id ord-20931", Why: "attribute order_id of the span checkout place order", Msg: pane.FocusMsg{ID: "ord-20931"}},
			{Kind: "fault", Title: fault.Title, Msg: pane.EventMsg{ID: fault.ID, At: fault.Start}},
		}
		wish("traces", pane.WalkMsg{From: "trace x", Steps: steps})
		require.Contains(t, b.screen(), "walk on from trace x")
		require.Contains(t, b.screen(), "attribute order_id of the span", "a way to see why")
		b.press("enter")
		require.Equal(t, signal.CorrelationID("ord-20931"), b.m.focus.current)
		wish("logs", pane.WalkMsg{From: "a line", Steps: steps[1:]}) // one step is taken at once
		require.Equal(t, "events", b.m.active())
		require.True(t, b.m.paused)
		require.Equal(t, fault.Start, b.m.at)
		w := signal.Window{From: fault.Start, To: tuitest.Now}
		wish("events", pane.DuringMsg{Window: w, What: fault.Title})
		require.Equal(t, "traces", b.m.active())
		require.Empty(t, b.m.focus.current)
		v := s.asked()
		require.False(t, v[len(v)-1].Window.From.After(w.From))
		require.Equal(t, w.To, v[len(v)-1].Window.To)

		b.press("alt+left")
		require.Equal(t, "events", b.m.active())
		require.Equal(t, fault.Start, b.m.at)
		require.Equal(t, signal.CorrelationID("ord-20931"), b.m.focus.current)
		b.press("alt+left")
		require.Equal(t, "logs", b.m.active())
		require.False(t, b.m.paused, "the time goes on as it did there")
		b.press("alt+left")
		require.Equal(t, trace, b.m.focus.current)
		require.Equal(t, "traces", b.m.active())
		b.press("alt+left")
		require.Equal(t, "experiment", b.m.active())
		require.Empty(t, b.m.focus.current)
		for range 4 {
			b.press("alt+right")
		}
		require.Equal(t, "traces", b.m.active())
		require.True(t, b.m.paused)
		require.Equal(t, w.To, b.m.at)
	})
}

func TestAnAlertIsSilencedWithAReason(t *testing.T) {
	s := newFake()
	labels := signal.Attrs{{Key: "alertname", Value: "PaymentSlow"}, {Key: "service", Value: "payment"}}
	s.frame.Events = append(s.frame.Events,
		signal.Event{ID: 20, Start: s.frame.Now.Add(-time.Minute), Open: true, Kind: signal.EventAlert, Outcome: signal.Bad, Title: "PaymentSlow", Attrs: labels})
	s.silences = []Silence{{ID: "abc", Source: "am", Match: `{alertname="Old"}`, Until: s.frame.Now.Add(time.Hour), By: "bob", Reason: "being moved"}}
	drive(t, s, Config{}, func(b *bench) {
		b.run(b.m.update(pane.SilenceMsg{Title: "PaymentSlow", Match: labels}))
		b.wait(20 * time.Millisecond)
		require.Contains(t, b.screen(), "silence this alert for 15m")
		require.Contains(t, b.screen(), "it ends: PaymentSlow.")
		b.press("down", "enter")
		b.press("enter")
		require.Empty(t, s.called(), "nothing is silenced without a reason")
		b.m.update(pane.SilenceMsg{Title: "PaymentSlow", Match: labels})
		b.press("down", "enter")
		b.text("gameday slows payment")
		b.press("enter")
		b.wait(20 * time.Millisecond)
		require.Equal(t, `silence {alertname="PaymentSlow", service="payment"} for 1h0m0s: gameday slows payment; expire  at `, s.called())
	})
}

func TestSilencesInForceAreListedAndEnded(t *testing.T) {
	s := newFake()
	s.silences = []Silence{{ID: "abc", Source: "am", Match: `{alertname="Old"}`, Until: s.frame.Now.Add(time.Hour), By: "bob", Reason: "being moved"}}
	drive(t, s, Config{}, func(b *bench) {
		open := b.m.update(pane.SilenceMsg{})
		b.m.update(open())
		require.Contains(t, b.screen(), `end the silence {alertname="Old"}`)
		require.Contains(t, b.screen(), "being moved")
		b.press("enter")
		b.wait(20 * time.Millisecond)
		require.Equal(t, "silence {} for 0s: ; expire abc at am", s.called())

		s.silences, s.refuse = nil, errors.New("alertmanager: connection refused")
		open = b.m.update(pane.SilenceMsg{})
		b.m.update(open())
		require.Contains(t, b.screen(), "silences in force are not known")
		require.Contains(t, b.screen(), "connection refused")
	})
}

func TestAViewerSilencesNothing(t *testing.T) {
	s := newFake()
	drive(t, s, Config{Shared: &Shared{Name: "eve", Refused: "you are a viewer"}}, func(b *bench) {
		b.m.activate("alerts")
		b.press("s")
		require.Contains(t, b.screen(), "silence: you are a viewer")
		require.Nil(t, b.m.over)
	})
}

// The map that was called for is left by esc, to where it was called for; the footer says so.
func TestTheMapIsLeftToWhereItWasCalledFor(t *testing.T) {
	s := newFake()
	drive(t, s, Config{Panes: []pane.Pane{&fakePane{id: "map", keys: []keymap.Action{keymap.Open}}}}, func(b *bench) {
		b.m.activate("logs")
		from := b.m.space
		b.press("M")
		require.Equal(t, "map", b.m.active())
		require.Contains(t, b.screen(), "esc back")
		b.press("esc")
		require.Equal(t, "logs", b.m.active())
		require.Equal(t, from, b.m.space)
		b.press("M", "M")
		require.Equal(t, "traces", b.m.active(), "again for the traces")
		b.press("M")
		b.m.goTo(from)
		b.m.activate("map")
		b.press("esc")
		require.Equal(t, "map", b.m.active(), "whoever came another way is not thrown somewhere")
	})
}
