package experiment_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos/experiment"
	"gameday/sources/signal"
)

// TestAbortInEveryPhase: whenever it comes, everything is undone at once and the verdict says so.
func TestAbortInEveryPhase(t *testing.T) {
	for _, c := range []struct {
		at  time.Duration
		log []string
	}{
		{2 * time.Second, []string{"0s load plan.yaml", "2s undo all: the operator said so", "2s load stopped"}},
		{6 * time.Second, []string{"0s load plan.yaml", "6s undo all: the operator said so", "6s load stopped"}},
		{12 * time.Second, []string{"0s load plan.yaml", "9.25s inject payment +800ms", "12s undo all: the operator said so", "12s undo payment +800ms", "12s load stopped"}},
		{22 * time.Second, []string{"0s load plan.yaml", "9.25s inject payment +800ms", "19.25s undo payment +800ms", "22s load stopped"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			r, err := experiment.New(w.config(parse(t, slow)))
			require.NoError(t, err)
			go func() {
				time.Sleep(c.at)
				r.Abort("the operator said so")
				r.Abort("a second time") // the first reason counts
			}()
			res := r.Run(t.Context())
			verdict(t, res, signal.VerdictAborted, "the operator said so")
			require.Equal(t, c.log, w.log)
			require.Equal(t, c.at, res.State.Elapsed, "at once")
			r.Abort("too late")
			require.Equal(t, "the operator said so", r.State().Reason)
		})
	}
}

func TestAbortBeforeRunPreventsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, err := experiment.New(w.config(parse(t, slow)))
		require.NoError(t, err)
		require.Equal(t, signal.PhaseIdle, r.State().Phase)
		r.Abort("")
		verdict(t, r.Run(t.Context()), signal.VerdictAborted, "it was asked for")
		require.Equal(t, []string{"0s undo all: it was asked for"}, w.log)
		again := r.Run(t.Context())
		require.Equal(t, signal.VerdictError, again.State.Verdict)
		require.Contains(t, again.State.Reason, "started before")
	})
}

func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			time.Sleep(12 * time.Second)
			cancel(errors.New("hangup"))
		}()
		verdict(t, experiment.Run(ctx, w.config(parse(t, slow))), signal.VerdictAborted, "it was interrupted: hangup")
		require.Contains(t, w.log, "12s undo payment +800ms")
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		verdict(t, experiment.Run(ctx, w.config(parse(t, slow))), signal.VerdictAborted, "it was interrupted")
	})
}

// TestAbortWhileInjecting: a fault that was on its way when everything was undone does not stay.
func TestAbortWhileInjecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.injecting = func(context.Context, string) { time.Sleep(3 * time.Second) } // does not heed the end of its context
		r, err := experiment.New(w.config(parse(t, slow)))
		require.NoError(t, err)
		go func() {
			time.Sleep(10 * time.Second)
			r.Abort("stop")
		}()
		verdict(t, r.Run(t.Context()), signal.VerdictAborted, "stop")
		require.Equal(t, []string{"0s load plan.yaml", "10s undo all: stop", "12.25s inject payment +800ms", "12.25s undo payment +800ms", "12.25s load stopped"}, w.log)
	})
}

func TestAbortConditions(t *testing.T) {
	for name, c := range map[string]struct {
		abort  string
		reason string // "" when it must not fire
		at     string
	}{
		"a probe fails":              {`{probe: p95}`, "abort condition p95: 812 ms, expected < 200ms", "10s"},
		"a probe fails for a time":   {`{probe: p95, for: 3s}`, "abort condition p95: 812 ms, expected < 200ms for 3s", "13s"},
		"longer than it fails":       {`{probe: p95, for: 11s}`, "", ""},
		"a probe's own bound":        {`{name: much too slow, probe: p95, when: "> 800ms"}`, "abort condition much too slow: 812 ms, it fires when > 800ms", "10s"},
		"a bound it does not reach":  {`{probe: p95, when: "> 1s"}`, "", ""},
		"a measurement of its own":   {`{load: {stat: p99, over: 1s}, when: "> 500ms", for: 2s}`, "abort condition abort condition 1: 812 ms, it fires when > 500ms for 2s", "12s"},
		"no data is no reason":       {`{promql: "absent", when: ">= 0"}`, "", ""},
		"its own interval":           {`{name: fast, load: {stat: max, over: 1s}, interval: 500ms, when: "> 500ms"}`, "abort condition fast: 812 ms, it fires when > 500ms", "9.5s"},
		"what passes is no reason":   {`{probe: success}`, "", ""},
		"a word that says otherwise": {`{process: payment, when: "!= up"}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, with(slow, "durations:", "abort:\n  - "+c.abort+"\ndurations:"), nil, func(t *testing.T, w *world, res experiment.Result) {
				if c.reason == "" {
					require.Equal(t, signal.VerdictBroken, res.State.Verdict, res.State.Reason)
					return
				}
				verdict(t, res, signal.VerdictAborted, c.reason)
				require.Contains(t, w.log, c.at+" undo payment +800ms")
				require.True(t, slices.ContainsFunc(w.events, func(e signal.Event) bool { return e.Kind == signal.EventAbort && e.Detail == c.reason }))
			})
		})
	}
}

// TestAbortedRunsTellWhenItShowed: what was bad when the run was cut short was detected, though it was tolerated so far.
func TestAbortedRunsTellWhenItShowed(t *testing.T) {
	const injected = 9250 * time.Millisecond
	tolerant := with(slow, `expect: "< 200ms"}`, `expect: "< 200ms", tolerate: 30s}`)
	for name, c := range map[string]struct {
		text     string
		abort    time.Duration // by the operator, when not 0
		harmless bool
		detected time.Duration // 0: it was not
	}{
		"tolerated, and a condition fires later": {text: with(tolerant, "durations:", "abort: [{probe: p95, for: 3s}]\ndurations:"), detected: 10*time.Second - injected},
		"tolerated, and the operator aborts":     {text: tolerant, abort: 15 * time.Second, detected: 10*time.Second - injected},
		"a condition that no probe shares":       {text: with(slow, `expect: "< 200ms"}`, `expect: "< 5s"}`, "durations:", "abort: [{load: {stat: p99, over: 1s}, when: \"> 500ms\", for: 2s}]\ndurations:"), detected: 12*time.Second - injected},
		"before anything was bad":                {text: tolerant, abort: 9500 * time.Millisecond},
		"nothing was bad":                        {text: tolerant, abort: 15 * time.Second, harmless: true},
		"before the fault":                       {text: tolerant, abort: 7 * time.Second},
		"afterwards, when it was tolerated":      {text: tolerant, abort: 22 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.harmless = c.harmless
				r, err := experiment.New(w.config(parse(t, c.text)))
				require.NoError(t, err)
				if c.abort > 0 {
					go func() {
						time.Sleep(c.abort)
						r.Abort("stop")
					}()
				}
				res := r.Run(t.Context())
				require.Equal(t, signal.VerdictAborted, res.State.Verdict, res.State.Reason)
				require.Equal(t, c.detected > 0, res.Detected)
				require.Equal(t, c.detected, res.TimeToDetect)
			})
		})
	}
}

// TestAbortConditionsWatchTheMethodOnly: before there is nothing to undo, and afterwards it is undone.
func TestAbortConditionsWatchTheMethodOnly(t *testing.T) {
	text := with(slow, "durations:", "abort: [{load: {stat: p99, over: 1s}, when: \"> 500ms\"}]\ndurations:")
	run(t, text, func(w *world) {
		w.harmless = true
		w.base = func(at time.Duration) float64 {
			return map[bool]float64{true: 3, false: 0.05}[at < 6*time.Second || at > 20*time.Second && at < 22*time.Second]
		}
	}, func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason)
	})
}

func TestUndoThatFails(t *testing.T) {
	hangs := func(w *world) {
		w.undoErr = func(string, int) error { return errors.New("undo payment +800ms: no answer") }
	}
	left := "payment +800ms is still in force: undo payment +800ms: no answer; what remains: gameday recover"
	t.Run("at the end", func(t *testing.T) {
		run(t, slow, hangs, func(t *testing.T, w *world, res experiment.Result) {
			verdict(t, res, signal.VerdictRollbackFailed, left)
			require.Equal(t, []string{left}, res.Remains)
			require.Equal(t, "19.25s load stopped", w.log[len(w.log)-1], "nobody waits for a recovery that cannot come")
		})
	})
	t.Run("on abort", func(t *testing.T) {
		run(t, with(slow, "durations:", "abort: [{probe: p95}]\ndurations:"), hangs, func(t *testing.T, w *world, res experiment.Result) {
			verdict(t, res, signal.VerdictRollbackFailed, left+"; before that: abort condition p95: 812 ms, expected < 200ms")
		})
	})
	t.Run("at first only, within the method", func(t *testing.T) {
		text := with(slow, "durations: {", "durations: {during: 15s, ")
		run(t, text, func(w *world) {
			w.undoErr = func(_ string, try int) error {
				if try == 1 {
					return errors.New("busy")
				}
				return nil
			}
		}, func(t *testing.T, w *world, res experiment.Result) {
			verdict(t, res, signal.VerdictError, "an undo had to be repeated: busy")
			require.Empty(t, res.Remains)
		})
	})
	t.Run("a panic", func(t *testing.T) {
		run(t, slow, func(w *world) {
			w.undoErr = func(string, int) error { w.mu.Unlock(); defer w.mu.Lock(); panic("nil map") }
		},
			func(t *testing.T, w *world, res experiment.Result) {
				verdict(t, res, signal.VerdictRollbackFailed, "payment +800ms is still in force: its undo did not end in time; what remains: gameday recover")
			})
	})
}

// TestFaultsOfOthers: what was broken before is not this run's failure.
func TestFaultsOfOthers(t *testing.T) {
	run(t, slow, func(w *world) {
		w.harmless = true
		w.faults = []signal.FaultState{{ID: "old", Title: "from before", Phase: signal.FaultNeedsHuman}}
	}, func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason)
		require.Len(t, res.Faults, 1)
	})
}

func TestLoadThatPanicsWhenItStops(t *testing.T) {
	run(t, slow, func(w *world) { w.harmless, w.boom = true, true }, func(t *testing.T, w *world, res experiment.Result) {
		verdict(t, res, signal.VerdictError, "gameday itself failed: boom")
	})
}

// TestStateWhileItRuns: the ladder can be read by anybody at any time, and follows the phases.
func TestStateWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, err := experiment.New(w.config(parse(t, slow)))
		require.NoError(t, err)
		var readers sync.WaitGroup
		var seen []string
		stop := make(chan struct{})
		readers.Go(func() {
			for {
				s := r.State()
				p := s.Probes[0]
				line := strings.Join([]string{s.Phase.String(), p.Now.String(), p.Before.String(), p.During.String(), p.After.String()}, " ")
				if len(seen) == 0 || seen[len(seen)-1] != line {
					seen = append(seen, line)
				}
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		})
		r.Run(t.Context())
		close(stop)
		readers.Wait()
		want := []string{
			"load passed pending pending pending",
			"before passed pending pending pending",
			"before passed passed pending pending",
			"during passed passed pending pending",
			"during failed passed failed pending",
			"after failed passed failed pending",
			"after passed passed failed pending",
			"after passed passed failed passed",
		}
		require.Subset(t, want, seen[1:len(seen)-1], "%q", seen)
		require.Contains(t, seen, "during failed passed failed pending")
		require.Contains(t, seen, "after passed passed failed passed")
	})
}
