package experiment_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/experiment"
	"gameday/sources/signal"
)

// slow is 4 s warm-up, 5 s before, 10 s of fault, 8 s after: the fault is in force from 9.25 s to 19.25 s of the run.
const slow = `
apiVersion: gameday/v1
kind: Experiment
metadata: {name: slow}
hypothesis: it stays fast
steadyState:
  probes:
    - {name: p95, load: {stat: p95, over: 2s}, expect: "< 200ms"}
    - {name: success, load: {stat: success, over: 2s}, expect: "> 99%"}
load: {file: plan.yaml}
method:
  - {for: 10s, fault: network.latency, target: {service: payment}, args: {latency: 800ms}, title: payment +800ms}
blastRadius: {environments: [demo]}
durations: {warmup: 4250ms, before: 5s, after: 8s}
`

func parse(t *testing.T, text string) *experiment.Experiment {
	t.Helper()
	e, err := experiment.Parse("slow.yaml", []byte(text), experiment.ParseConfig{Faults: catalog})
	require.NoError(t, err)
	return e
}

// with replaces a line's text in an experiment.
func with(text string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			panic("nothing to replace: " + pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// run runs an experiment in a world of its own, in no time.
func run(t *testing.T, text string, setup func(*world), check func(*testing.T, *world, experiment.Result)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if setup != nil {
			setup(w)
		}
		check(t, w, experiment.Run(t.Context(), w.config(parse(t, text))))
	})
}

func verdict(t *testing.T, res experiment.Result, want signal.Verdict, reason string) {
	t.Helper()
	require.Equal(t, want, res.State.Verdict, res.State.Reason)
	require.Equal(t, reason, res.State.Reason)
	require.Equal(t, signal.PhaseDone, res.State.Phase)
	require.Equal(t, want.ExitCode(), res.ExitCode())
	require.Equal(t, res.State.Ended.Sub(res.State.Started), res.State.Elapsed)
}

func TestHeld(t *testing.T) {
	run(t, slow, func(w *world) { w.harmless = true }, func(t *testing.T, w *world, res experiment.Result) {
		verdict(t, res, signal.VerdictHeld, "2 probes stayed as expected while payment +800ms touched 7 requests")
		require.Equal(t, []string{"0s load plan.yaml", "9.25s inject payment +800ms", "19.25s undo payment +800ms", "27.25s load stopped"}, w.log)
		for _, p := range res.State.Probes {
			require.Equal(t, []signal.Check{signal.CheckPassed, signal.CheckPassed, signal.CheckPassed, signal.CheckPassed}, []signal.Check{p.Now, p.Before, p.During, p.After})
			require.Len(t, p.History, 28)
		}
		require.Equal(t, "50.0 ms", res.State.Probes[0].Value)
		require.False(t, res.Detected)
		require.True(t, res.Recovered)
		require.Zero(t, res.TimeToRecover)
		require.Equal(t, res.State.Total, res.State.Elapsed)
		require.Equal(t, []signal.Step{
			{Title: "baseline", End: 9250 * time.Millisecond},
			{Title: "payment +800ms", Start: 9250 * time.Millisecond, End: 19250 * time.Millisecond, Fault: true},
			{Title: "recover", Start: 19250 * time.Millisecond, End: 27250 * time.Millisecond},
		}, res.State.Steps)
		require.Len(t, res.Faults, 1)
	})
}

func TestBroken(t *testing.T) {
	run(t, slow, nil, func(t *testing.T, w *world, res experiment.Result) {
		verdict(t, res, signal.VerdictBroken, "p95 was 812 ms, expected < 200ms, 800ms after the first fault")
		p := res.State.Probes[0]
		require.Equal(t, []signal.Check{signal.CheckPassed, signal.CheckPassed, signal.CheckFailed, signal.CheckPassed}, []signal.Check{p.Now, p.Before, p.During, p.After})
		require.Equal(t, badTrace, p.TraceID, "the way to the cause")
		require.Equal(t, signal.CheckPassed, res.State.Probes[1].During)
		require.True(t, res.Detected)
		require.Equal(t, 750*time.Millisecond, res.TimeToDetect)
		require.True(t, res.Recovered)
		require.Equal(t, 2750*time.Millisecond, res.TimeToRecover, "the look-back window of 2 s is part of it")
		require.Equal(t, "19.25s undo payment +800ms", w.log[2], "a failed probe does not end the experiment")
	})
}

func TestTimelineTellsTheStory(t *testing.T) {
	run(t, slow, nil, func(t *testing.T, w *world, res experiment.Result) {
		var got []string
		for _, e := range w.events {
			got = append(got, fmt.Sprintf("%gs %d %s | %s", e.Start.Sub(w.start).Seconds(), e.Outcome, e.Title, e.Detail))
		}
		require.Equal(t, []string{
			"0s 0 slow | it stays fast",
			"4.25s 0 before | slow: the steady state must hold before anything is touched",
			"9.25s 0 during | slow: the method begins",
			"10s 3 p95 | 812 ms, expected < 200ms",
			"19.25s 0 rollback | slow: the faults are being undone",
			"19.25s 0 after | slow: the steady state must return",
			"22s 1 p95 | 50.0 ms, as expected: < 200ms",
			"0s 3 slow: did not hold | p95 was 812 ms, expected < 200ms, 800ms after the first fault",
		}, got)
		require.Equal(t, badTrace, w.events[3].TraceID)
		first, last := w.events[0], w.events[len(w.events)-1]
		require.Equal(t, first.ID, last.ID, "the experiment is one event, from its start to its verdict")
		require.True(t, first.Open && !last.Open)
		require.Equal(t, res.State.Ended, last.End)
	})
}

func TestNothingIsTouchedWhenTheSteadyStateDoesNotHold(t *testing.T) {
	t.Run("failed", func(t *testing.T) {
		run(t, slow, func(w *world) { w.base = func(time.Duration) float64 { return 0.3 } }, func(t *testing.T, w *world, res experiment.Result) {
			verdict(t, res, signal.VerdictError, "the steady state does not hold, so nothing was touched: p95 is 300 ms, expected < 200ms")
			require.Equal(t, []string{"0s load plan.yaml", "8s load stopped"}, w.log, "with the first reading that counts, it is over")
			require.Equal(t, signal.CheckFailed, res.State.Probes[0].Before)
			require.Equal(t, signal.CheckPending, res.State.Probes[0].During)
		})
	})
	t.Run("no data", func(t *testing.T) {
		run(t, slow, func(w *world) { w.blind = func(time.Duration) bool { return true } }, func(t *testing.T, w *world, res experiment.Result) {
			verdict(t, res, signal.VerdictError, "the steady state does not hold, so nothing was touched: "+
				"p95 is unknown: no load is running, or none of its requests has ended yet; success is unknown: no load is running, or none of its requests has ended yet")
			require.Equal(t, signal.CheckUnknown, res.State.Probes[0].Before)
		})
	})
	t.Run("a slow start is no fault", func(t *testing.T) {
		run(t, slow, func(w *world) {
			w.harmless = true
			w.base = func(at time.Duration) float64 { return map[bool]float64{true: 3, false: 0.05}[at < 6*time.Second] }
		}, func(t *testing.T, w *world, res experiment.Result) {
			require.Equal(t, signal.VerdictHeld, res.State.Verdict, "what looks back to the warm-up is not judged: %s", res.State.Reason)
		})
	})
}

func TestCouldNotRun(t *testing.T) {
	for name, c := range map[string]struct {
		setup  func(*world)
		text   string
		reason string
		log    []string
	}{
		"load":        {func(w *world) { w.loadErr = errors.New("port 80 is closed") }, slow, "the load did not start: port 80 is closed", nil},
		"target":      {func(w *world) { w.planErr = errors.New(`nothing is called "paymnt"`) }, slow, `step 1: nothing is called "paymnt"`, nil},
		"environment": {nil, with(slow, "[demo]", "[staging, test]"), `the experiment may run in staging, test, and this is "demo"`, nil},
		"variable": {nil, with(slow, `load: {stat: success, over: 2s}, expect: "> 99%"`, `http: "${gatway}", expect: "= 200"`),
			`run experiment slow: probe "success": the variable "${gatway}" is not known`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, c.text, c.setup, func(t *testing.T, w *world, res experiment.Result) {
				verdict(t, res, signal.VerdictError, c.reason)
				require.Equal(t, c.log, w.log, "nothing was touched")
			})
		})
	}
}

func TestInjectionThatFails(t *testing.T) {
	two := with(slow, "load: {file: plan.yaml}\nmethod:", "load: {file: plan.yaml}\nmethod:\n  - {at: 2s, for: 4s, fault: network.partition, target: {service: cart}, title: cart cut}")
	t.Run("others are undone", func(t *testing.T) {
		run(t, two, func(w *world) {
			w.injectErr = func(title string) error {
				if title == "cart cut" {
					return errors.New("inject cart cut: no such link")
				}
				return nil
			}
		}, func(t *testing.T, w *world, res experiment.Result) {
			verdict(t, res, signal.VerdictError, "step 1 could not be done: inject cart cut: no such link")
			require.Equal(t, []string{"0s load plan.yaml", "9.25s inject payment +800ms", "11.25s undo payment +800ms", "11.25s load stopped"}, w.log)
		})
	})
	t.Run("half-way", func(t *testing.T) {
		run(t, slow, func(w *world) {
			w.injectErr = func(title string) error {
				w.faults = append(w.faults, signal.FaultState{ID: "x", Title: title, Phase: signal.FaultNeedsHuman, Err: "undo hung", Remedy: "ip link up"})
				return errors.New("apply failed")
			}
		}, func(t *testing.T, w *world, res experiment.Result) {
			verdict(t, res, signal.VerdictRollbackFailed, "payment +800ms is still in force: undo hung; what remains: ip link up; before that: step 1 could not be done: apply failed")
			require.Len(t, res.Remains, 1)
		})
	})
	t.Run("refused after an abort elsewhere", func(t *testing.T) {
		run(t, slow, func(w *world) {
			w.injectErr = func(string) error { return fmt.Errorf("inject: %w (another terminal)", chaos.ErrAborted) }
		}, func(t *testing.T, w *world, res experiment.Result) {
			verdict(t, res, signal.VerdictAborted, "inject: everything was aborted (another terminal)")
		})
	})
	t.Run("panic", func(t *testing.T) {
		run(t, two, func(w *world) {
			w.injecting = func(_ context.Context, title string) {
				if title == "cart cut" {
					panic("index out of range")
				}
			}
		}, func(t *testing.T, w *world, res experiment.Result) {
			verdict(t, res, signal.VerdictError, "gameday itself failed: index out of range")
			require.Contains(t, w.log, "11.25s undo payment +800ms")
			require.Contains(t, res.Stack, "Inject")
		})
	})
}

func TestStepsOverlap(t *testing.T) {
	text := with(slow, "load: {file: plan.yaml}\nmethod:", `load: {file: plan.yaml}
method:
  - {at: 2s, for: 4s, fault: network.partition, target: {from: gateway, to: cart}, title: cart cut}
  - {at: 8s, fault: process.kill, target: {name: db, pick: one}, title: db killed}`)
	run(t, text, func(w *world) { w.harmless = true }, func(t *testing.T, w *world, res experiment.Result) {
		verdict(t, res, signal.VerdictHeld, "2 probes stayed as expected while cart cut touched 7 requests, db killed touched 7 requests, payment +800ms touched 7 requests")
		require.Equal(t, []string{"0s load plan.yaml", "9.25s inject payment +800ms", "11.25s inject cart cut", "15.25s undo cart cut",
			"17.25s inject db killed", "19.25s undo payment +800ms", "27.25s load stopped"}, w.log)
		require.Equal(t, signal.FaultIrreversible, res.Faults[1].Phase)
		require.Equal(t, signal.Step{Title: "db killed", Start: 17250 * time.Millisecond, End: 19250 * time.Millisecond, Fault: true}, res.State.Steps[2])
	})
}

func TestInconclusive(t *testing.T) {
	t.Run("a fault that touched nothing", func(t *testing.T) {
		run(t, slow, func(w *world) { w.idle = "payment +800ms" }, func(t *testing.T, w *world, res experiment.Result) {
			verdict(t, res, signal.VerdictInconclusive, "payment +800ms touched no traffic (0 requests): nothing was tested")
		})
	})
	two := with(slow, "load: {file: plan.yaml}\nmethod:", "load: {file: plan.yaml}\nmethod:\n  - {for: 4s, fault: network.partition, target: {service: cart}, title: cart cut}")
	t.Run("one of two touched nothing", func(t *testing.T) {
		run(t, two, func(w *world) { w.idle, w.harmless = "cart cut", true }, func(t *testing.T, w *world, res experiment.Result) {
			verdict(t, res, signal.VerdictInconclusive, "cart cut touched no traffic (0 requests): the hypothesis was tested in part only")
		})
	})
	t.Run("but a broken probe refutes all the same", func(t *testing.T) {
		run(t, two, func(w *world) { w.idle = "cart cut" }, func(t *testing.T, w *world, res experiment.Result) {
			require.Equal(t, signal.VerdictBroken, res.State.Verdict)
		})
	})
	blind := func(from, to time.Duration) func(*world) {
		return func(w *world) {
			w.harmless = true
			w.blind = func(at time.Duration) bool { return at > from && at < to }
		}
	}
	t.Run("no data during", func(t *testing.T) {
		run(t, slow, blind(9500*time.Millisecond, 19500*time.Millisecond), func(t *testing.T, w *world, res experiment.Result) {
			require.Equal(t, signal.VerdictInconclusive, res.State.Verdict)
			require.Contains(t, res.State.Reason, "p95 is unknown during the fault: ")
			require.Equal(t, signal.CheckUnknown, res.State.Probes[0].During)
		})
	})
	t.Run("too little data during", func(t *testing.T) {
		run(t, slow, blind(13500*time.Millisecond, 19500*time.Millisecond), func(t *testing.T, w *world, res experiment.Result) {
			require.Equal(t, signal.VerdictInconclusive, res.State.Verdict, "fewer readings with data than without")
		})
	})
	t.Run("a gap is no ground to doubt", func(t *testing.T) {
		run(t, slow, blind(13500*time.Millisecond, 15500*time.Millisecond), func(t *testing.T, w *world, res experiment.Result) {
			require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason)
			require.True(t, slices.ContainsFunc(w.events, func(e signal.Event) bool {
				return e.Outcome == signal.Warning && strings.HasPrefix(e.Detail, "unknown: ")
			}))
		})
	})
	t.Run("no data after", func(t *testing.T) {
		run(t, slow, blind(19500*time.Millisecond, time.Hour), func(t *testing.T, w *world, res experiment.Result) {
			require.Equal(t, signal.VerdictInconclusive, res.State.Verdict)
			require.Contains(t, res.State.Reason, "p95 is unknown after the fault: ")
			require.False(t, res.Recovered)
		})
	})
}

func TestSteadyStateMustReturn(t *testing.T) {
	run(t, slow, func(w *world) { w.lasting = time.Hour }, func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictBroken, res.State.Verdict)
		require.Equal(t, signal.CheckFailed, res.State.Probes[0].After)
		require.False(t, res.Recovered)
	})
	// Held throughout the fault, and broken by its end: that is broken too.
	run(t, slow, func(w *world) {
		w.harmless = true
		w.base = func(at time.Duration) float64 { return map[bool]float64{true: 3, false: 0.05}[at > 20*time.Second] }
	}, func(t *testing.T, w *world, res experiment.Result) {
		verdict(t, res, signal.VerdictBroken, "p95 did not return within 8s: it is 3.00 s, expected < 200ms")
	})
}

func TestTolerance(t *testing.T) {
	blip := func(from, to time.Duration) func(*world) {
		return func(w *world) {
			w.harmless = true
			w.base = func(at time.Duration) float64 { return map[bool]float64{true: 3, false: 0.05}[at > from && at < to] }
		}
	}
	count := with(slow, `expect: "< 200ms"}`, `expect: "< 200ms", tolerate: 2}`)
	run(t, count, blip(12500*time.Millisecond, 14500*time.Millisecond), func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, "two bad readings are tolerated: %s", res.State.Reason)
		require.False(t, slices.ContainsFunc(w.events, func(e signal.Event) bool { return e.Kind == signal.EventProbe }), "and the timeline is not told")
	})
	run(t, count, blip(12500*time.Millisecond, 15500*time.Millisecond), func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictBroken, res.State.Verdict, "the third is not")
		require.Equal(t, 5750*time.Millisecond, res.TimeToDetect)
	})
	span := with(slow, `expect: "< 200ms"}`, `expect: "< 200ms", tolerate: 3s}`)
	run(t, span, blip(12500*time.Millisecond, 15500*time.Millisecond), func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason)
	})
	run(t, span, blip(12500*time.Millisecond, 16500*time.Millisecond), func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictBroken, res.State.Verdict)
	})
}
