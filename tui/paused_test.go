package tui

import (
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
	"gameday/tui/tuitest"
)

// TestThePausedPictureIsCalm: the figures of a load wait, what happens does not, and what the operator asks for neither.
func TestThePausedPictureIsCalm(t *testing.T) {
	now := tuitest.Now
	m, _ := makeModel(newFake(), Config{Now: func() time.Time { return now }, Whole: true})
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 35})
	frame := func(rate float64, change func(*signal.Frame)) *signal.Frame {
		f := *tuitest.Calm()
		f.Now, f.Window = now, m.window()
		f.Load = &signal.LoadState{Name: "steady", Running: true, Rate: rate, P95: 12 * time.Millisecond}
		if change != nil {
			change(&f)
		}
		return &f
	}
	show(m, frame(10, nil))
	press(m, "space")
	step := func(after time.Duration, rate float64, change func(*signal.Frame)) float64 {
		now = now.Add(after)
		m.Update(tickMsg{})
		show(m, frame(rate, change))
		return m.frame.Load.Rate
	}
	require.EqualValues(t, 10, step(500*time.Millisecond, 20, nil))
	m.status = message{}
	before := m.View().Content
	require.EqualValues(t, 10, step(500*time.Millisecond, 30, nil))
	require.EqualValues(t, 10, step(8500*time.Millisecond, 40, nil))
	require.Equal(t, before, m.View().Content, "nothing is sent")
	require.EqualValues(t, 50, step(500*time.Millisecond, 50, nil), "ten seconds are over")
	require.Contains(t, m.View().Content, "50 answers/s")

	broken := func(f *signal.Frame) {
		f.Faults = []signal.FaultState{{ID: "1", Title: "payment +800ms", Phase: signal.FaultArmed, Injected: now, Until: now.Add(time.Minute)}}
	}
	require.EqualValues(t, 60, step(500*time.Millisecond, 60, broken), "a fault began")
	require.Contains(t, m.View().Content, "1 fault")
	require.EqualValues(t, 60, step(500*time.Millisecond, 70, broken))
	require.EqualValues(t, 80, step(1500*time.Millisecond, 80, broken), "danger moves faster")
	require.EqualValues(t, 90, step(500*time.Millisecond, 90, nil), "it is over")
	require.EqualValues(t, 95, step(500*time.Millisecond, 95, func(f *signal.Frame) { f.Load.Running = false }))
	require.EqualValues(t, 95, step(500*time.Millisecond, 99, func(f *signal.Frame) { f.Load.Running = false }))
	press(m, "left")
	require.EqualValues(t, 99, step(500*time.Millisecond, 99, func(f *signal.Frame) { f.Load.Running = false }), "the operator moved")
	press(m, "space")
	require.EqualValues(t, 1, step(100*time.Millisecond, 1, nil), "live")
	require.EqualValues(t, 2, step(100*time.Millisecond, 2, nil), "live")
}

func TestWhatStirsAPausedPicture(t *testing.T) {
	base := func() *signal.Frame {
		f := *tuitest.SampleFrame()
		return &f
	}
	require.False(t, stirred(base(), base()))
	for name, change := range map[string]func(*signal.Frame){
		"a load ends":          func(f *signal.Frame) { f.Load = nil },
		"a fault needs a hand": func(f *signal.Frame) { f.Faults = append(f.Faults, signal.FaultState{ID: "new"}) },
		"a source is lost": func(f *signal.Frame) {
			f.Health = append([]signal.SourceHealth{}, f.Health...)
			f.Health[0].State = signal.SourceRetrying
		},
		"a process died": func(f *signal.Frame) {
			f.Processes = append([]signal.Process{}, f.Processes...)
			f.Processes[0].State = "down"
		},
		"a probe turned": func(f *signal.Frame) {
			e := *f.Experiment
			e.Probes = append([]signal.ProbeState{}, e.Probes...)
			e.Probes[0].Now = signal.CheckUnknown
			f.Experiment = &e
		},
		"no experiment": func(f *signal.Frame) { f.Experiment = nil },
	} {
		f := base()
		change(f)
		require.True(t, stirred(base(), f), name)
		require.True(t, stirred(f, base()), name)
	}
}
