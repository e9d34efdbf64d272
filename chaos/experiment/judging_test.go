package experiment_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos/experiment"
	"gameday/chaos/probe"
	"gameday/sources/signal"
)

func between(from, to time.Duration, bad float64) func(*world) {
	return func(w *world) {
		w.harmless = true
		w.base = func(at time.Duration) float64 { return map[bool]float64{true: bad, false: 0.05}[at > from && at < to] }
	}
}

// p95 changes the first probe of slow.
func p95(rest string) string { return with(slow, `expect: "< 200ms"}`, rest+"}") }

func checks(p signal.ProbeState) []signal.Check { return []signal.Check{p.Before, p.During, p.After} }

const (
	pending = signal.CheckPending
	passed  = signal.CheckPassed
	failed  = signal.CheckFailed
	unknown = signal.CheckUnknown
	errored = signal.CheckError
)

// The phases of slow: before 4.25 to 9.25 s, fault 9.25 to 19.25 s, after to 27.25 s. Readings at whole seconds.
func TestModes(t *testing.T) {
	for mode, c := range map[string]struct {
		want           []signal.Check
		verdict        signal.Verdict
		first, last, n int // readings: the second of the first and of the last, and how many
	}{
		"continuous": {[]signal.Check{passed, failed, passed}, signal.VerdictBroken, 0, 27, 28},
		"before":     {[]signal.Check{passed, pending, pending}, signal.VerdictHeld, 0, 9, 10},
		"after":      {[]signal.Check{pending, pending, passed}, signal.VerdictHeld, 20, 27, 8},
		"edge":       {[]signal.Check{passed, pending, passed}, signal.VerdictHeld, 0, 27, 18},
		"on-fault":   {[]signal.Check{pending, failed, pending}, signal.VerdictBroken, 10, 19, 10},
	} {
		t.Run(mode, func(t *testing.T) {
			run(t, p95(`expect: "< 200ms", mode: `+mode), nil, func(t *testing.T, w *world, res experiment.Result) {
				require.Equal(t, c.verdict, res.State.Verdict, res.State.Reason)
				p := res.State.Probes[0]
				require.Equal(t, mode, p.Mode)
				require.Equal(t, c.want, checks(p))
				require.Len(t, p.History, c.n, "it is measured when it is judged, and not otherwise")
				require.Equal(t, signal.CheckPassed, res.State.Probes[1].After)
			})
		})
	}
	require.Equal(t, "continuous", string(probe.Continuous))
}

func TestModesOnTheReadings(t *testing.T) {
	text := with(p95(`expect: "< 200ms", mode: on-fault`), "  - {for: 10s,", "  - {at: 6s, for: 4s, fault: network.partition, target: {service: cart}, title: cart cut}\n  - {for: 3s,")
	run(t, text, func(w *world) { w.harmless = true }, func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason)
		require.Len(t, res.State.Probes[0].History, 7, "not between two faults: 10 to 12 and 16 to 19")
	})
}

func TestFailureLimit(t *testing.T) {
	limit := p95(`expect: "< 200ms", failureLimit: 3`)
	run(t, limit, between(12500*time.Millisecond, 15500*time.Millisecond, 3), func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason)
	})
	run(t, limit, between(12500*time.Millisecond, 16500*time.Millisecond, 3), func(t *testing.T, w *world, res experiment.Result) {
		verdict(t, res, signal.VerdictBroken, "p95 was 3.00 s, expected < 200ms, 6.8s after the first fault")
	})
	// Not in a row: tolerate would let it pass, the limit does not.
	flicker := func(w *world) {
		w.harmless = true
		w.base = func(at time.Duration) float64 {
			return map[bool]float64{true: 3, false: 0.05}[at > 9*time.Second && at < 19*time.Second && int(at/time.Second)%2 == 0]
		}
	}
	run(t, p95(`expect: "< 200ms", tolerate: 1`), flicker, func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason)
	})
	run(t, p95(`expect: "< 200ms", tolerate: 1, failureLimit: 3`), flicker, func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictBroken, res.State.Verdict)
	})
	// Given together with tolerate, a run that is too long counts as well.
	run(t, p95(`expect: "< 200ms", tolerate: 1, failureLimit: 30`), between(12500*time.Millisecond, 15500*time.Millisecond, 3), func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictBroken, res.State.Verdict)
	})
}

func TestMinSamples(t *testing.T) {
	text := with(p95(`expect: "< 200ms", minSamples: 6`), "before: 5s, after: 8s", "before: 10s, after: 10s")
	blind := func(from, to time.Duration) func(*world) {
		return func(w *world) { w.blind = func(at time.Duration) bool { return at > from && at < to } }
	}
	run(t, text, nil, func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictBroken, res.State.Verdict, res.State.Reason)
	})
	run(t, text, blind(16500*time.Millisecond, 24500*time.Millisecond), func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictInconclusive, res.State.Verdict, "bad, but seen too seldom: %s", res.State.Reason)
		require.Contains(t, res.State.Reason, "p95 is unknown during the fault: it has 2 of the 6 readings it needs")
		require.Equal(t, unknown, res.State.Probes[0].During)
	})
	run(t, text, blind(8*time.Second, 13*time.Second), func(t *testing.T, w *world, res experiment.Result) {
		verdict(t, res, signal.VerdictError, "the steady state does not hold, so nothing was touched: p95 is unknown: it has 3 of the 6 readings it needs; success is unknown: there were too few readings")
	})
}

func TestErrorsAreNoFailures(t *testing.T) {
	faulty := func(from, to time.Duration) func(*world) {
		return func(w *world) {
			w.harmless = true
			w.promErr = func(at time.Duration) bool { return at > from && at < to }
		}
	}
	text := with(slow, `load: {stat: success, over: 2s}, expect: "> 99%"`, `promql: up, expect: "= 1"`)
	run(t, text, faulty(12500*time.Millisecond, 16500*time.Millisecond), func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, "four in a row are let pass: %s", res.State.Reason)
		require.True(t, slices.ContainsFunc(w.events, func(e signal.Event) bool {
			return e.Outcome == signal.Warning && e.Detail == "cannot be measured: the query is wrong"
		}))
	})
	run(t, text, faulty(12500*time.Millisecond, 17500*time.Millisecond), func(t *testing.T, w *world, res experiment.Result) {
		verdict(t, res, signal.VerdictError, "success could not be measured during the fault: the query is wrong")
		require.Equal(t, []signal.Check{passed, errored, passed}, checks(res.State.Probes[1]))
	})
	run(t, with(text, `expect: "= 1"`, `expect: "= 1", consecutiveErrors: 0`), faulty(12500*time.Millisecond, 13500*time.Millisecond), func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictError, res.State.Verdict)
	})
	run(t, text, faulty(0, time.Hour), func(t *testing.T, w *world, res experiment.Result) {
		verdict(t, res, signal.VerdictError, "the steady state does not hold, so nothing was touched: success cannot be measured: the query is wrong")
		require.False(t, slices.ContainsFunc(w.log, func(s string) bool { return strings.Contains(s, "inject") }))
	})
	run(t, text, faulty(19500*time.Millisecond, time.Hour), func(t *testing.T, w *world, res experiment.Result) {
		verdict(t, res, signal.VerdictError, "success could not be measured after the fault: the query is wrong")
	})
	// A probe that failed says more than one that could not be measured.
	run(t, text, func(w *world) { w.promErr = func(at time.Duration) bool { return at > 10*time.Second } }, func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictBroken, res.State.Verdict)
	})
}

func TestHysteresisKeepsItFromFlapping(t *testing.T) {
	edge := func(w *world) { // 205, 195, 205, 195 ms … during the fault, then 150 ms
		w.harmless = true
		w.base = func(at time.Duration) float64 {
			switch {
			case at < 10*time.Second || at > 19*time.Second:
				return 0.15
			case int(at/time.Second)%2 == 0:
				return 0.205
			}
			return 0.195
		}
	}
	changes := func(w *world) (n int) {
		for _, e := range w.events {
			if e.Kind == signal.EventProbe {
				n++
			}
		}
		return n
	}
	run(t, slow, edge, func(t *testing.T, w *world, res experiment.Result) {
		require.Greater(t, changes(w), 6, "without a margin it flaps")
	})
	run(t, p95(`expect: "< 200ms", hysteresis: 20ms`), edge, func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, 2, changes(w), "bad once, good once")
		require.True(t, res.State.Probes[0].Recovered)
	})
}

func TestRecoveryIsMeasuredForEachProbe(t *testing.T) {
	run(t, slow, func(w *world) { w.lasting = 2 * time.Second }, func(t *testing.T, w *world, res experiment.Result) {
		require.True(t, res.State.Probes[0].Recovered)
		require.Equal(t, 4750*time.Millisecond, res.State.Probes[0].Recovery)
		require.Equal(t, res.TimeToRecover, res.State.Probes[0].Recovery)
		require.False(t, res.State.Probes[1].Recovered, "it was never bad")
	})
}

func TestBaselineOfARun(t *testing.T) {
	text := with(p95(`expect: "< baseline + 50%"`), "before: 5s", "before: 6s")
	steady := func(during float64) func(*world) {
		return func(w *world) {
			w.harmless = true
			w.base = func(at time.Duration) float64 {
				return map[bool]float64{true: during, false: 0.4}[at > 12*time.Second && at < 15*time.Second]
			}
		}
	}
	run(t, text, steady(0.55), func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason)
		require.Equal(t, "< 600 ms (baseline + 50%)", res.State.Probes[0].Expect)
	})
	run(t, text, steady(0.65), func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictBroken, res.State.Verdict)
		require.Contains(t, res.State.Reason, "p95 was 650 ms, expected < 600 ms (baseline + 50%)")
	})
	run(t, text, func(w *world) { w.blind = func(at time.Duration) bool { return at < 8500*time.Millisecond } }, func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictError, res.State.Verdict)
		require.Contains(t, res.State.Reason, "nothing was touched")
	})
	run(t, with(text, "+ 50%", "+ 3 sigma"), func(w *world) {
		w.harmless = true
		w.base = func(at time.Duration) float64 { return 0.1 + 0.01*float64(int(at/time.Second)%3) }
	}, func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, "the spread before is what is allowed: %s", res.State.Reason)
	})
}

// A phase before the fault that is over before a probe had its turn in it, as happens on a busy machine, lasts until it had;
// but not for ever.
func TestAPhaseBeforeWaitsForReadingsThatAreLate(t *testing.T) {
	late := func(by time.Duration) func(*world) {
		return func(w *world) {
			w.harmless = true
			w.late = func(at time.Duration) time.Duration {
				if at > 4500*time.Millisecond && at < 5500*time.Millisecond {
					return by
				}
				return 0
			}
		}
	}
	run(t, slow, late(6*time.Second), func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictHeld, res.State.Verdict, res.State.Reason)
	})
	run(t, slow, late(40*time.Second), func(t *testing.T, w *world, res experiment.Result) {
		require.Equal(t, signal.VerdictError, res.State.Verdict, res.State.Reason)
		require.Contains(t, res.State.Reason, "nothing was touched")
	})
}
