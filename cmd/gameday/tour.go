package main

import (
	"time"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui"
)

// demoTour shows a newcomer what the cockpit is for: a fault, the probe that turns red, the request behind it, and the way back. All of
// it really happens.
func demoTour() []tui.Scene {
	const second = time.Second
	return []tui.Scene{
		{Caption: "This is a small shop, really running on this machine, under real requests. You are shown around: any key takes over.",
			Wait: func(f *signal.Frame) bool { return f.Headline.Rate > 0 && len(f.Traces) > 0 && len(f.Logs) > 0 }, Read: 9 * second},
		{Caption: "Metrics, traces, logs and the experiment belong together: every one of them leads to the others.", Read: 8 * second},
		{Caption: "Let us break something. {experiments} lists the experiments.", Read: 5 * second, Press: []string{string(keymap.Experiments)}},
		{Caption: "Each makes a claim and tries to refute it. This one: the shop stays fast while payment answers 800 ms late.", Read: 8 * second,
			Press: []string{string(keymap.Open)}},
		{Caption: "Nothing has happened yet. This says what will be hit, how that is undone, and what ends it early.", Read: 10 * second,
			Press: []string{string(keymap.Open)}}, // the question begins on START: it is gameday's own shop
		{Caption: "It runs. First the steady state is measured: what is wrong already is not to be blamed on the fault.",
			Wait: inPhase(signal.PhaseBefore), Read: 7 * second},
		{Caption: "Now the fault is in. {abort} would undo everything at once, from anywhere; otherwise it ends by itself.",
			Wait: func(f *signal.Frame) bool { return faultsIn(f) > 0 }, Read: 3 * second},
		{Caption: "A probe turned red. {open} goes to the very request that broke it.", Wait: redWithTrace, Read: 5 * second, Press: []string{string(keymap.Open)}},
		{Caption: "Its spans on one axis, its log lines between them at their instant: the time went into the call to payment.", Read: 8 * second,
			Press: []string{string(keymap.Leave), string(keymap.Why)}},
		{Caption: "That was one request. {why} compares all of them: what the slow ones have that the others have not, ranked.", Read: 9 * second,
			Press: []string{string(keymap.Leave)}},
		{Caption: "The fault is undone by itself, the undo is proven, and the shop has to come back to its steady state.",
			Wait: inPhase(signal.PhaseDone), AtMost: 2 * time.Minute, Read: 6 * second},
		{Caption: "The verdict, with what was measured before, during and after. A report was kept: gameday report tells it again.", Read: 9 * second},
		{Caption: "With its resilience patterns on, the shop survives the same fault: {switches} turns them on, {experiments} runs it again.", Read: 8 * second},
		{Caption: "{workspace.1} to {workspace.8} are workspaces: load, chaos, traces, logs, more. {help} shows the keys, {palette} finds everything.", Read: 7 * second},
	}
}

// inPhase is whether an experiment has come that far.
func inPhase(p signal.Phase) func(*signal.Frame) bool {
	return func(f *signal.Frame) bool { return f.Experiment != nil && f.Experiment.Phase >= p }
}

func faultsIn(f *signal.Frame) (n int) {
	for i := range f.Faults {
		if f.Faults[i].Phase == signal.FaultArmed {
			n++
		}
	}
	return n
}

// redWithTrace is whether a probe failed and has a request to show for it.
func redWithTrace(f *signal.Frame) bool {
	if f.Experiment == nil {
		return false
	}
	for _, p := range f.Experiment.Probes {
		if p.Now == signal.CheckFailed && !p.TraceID.IsZero() {
			return true
		}
	}
	return false
}
