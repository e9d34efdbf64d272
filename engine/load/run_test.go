package load

import (
	"context"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
	"gameday/sources/signal"
)

// stalling answers after 300 µs, but stands still for the first 200 ms of every second.
func stalling() *fake {
	return &fake{serve: func(at time.Duration, _ *protocol.Call) (time.Duration, int, protocol.Kind) {
		took := 300 * time.Microsecond
		if into := at % time.Second; into < 200*time.Millisecond {
			took += 200*time.Millisecond - into
		}
		return took, 200, protocol.OK
	}}
}

// The truth for arrivals that are spread evenly: a fifth of them fall into the stall and wait for what is left of it.
func stallTruth(q float64) float64 {
	return 0.0003 + max(0, q-0.8)
}

func TestOpenLoopTellsTheTruthAboutAStall(t *testing.T) {
	for _, rate := range []string{"200", "1000", "2000"} {
		for _, connections := range []string{"512", "40"} {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, plan(t, `
duration: 10s
executor: {kind: constant-rate, rate: `+rate+`, maxConnections: `+connections+`}
scenarios: [{name: s, steps: [{path: /}]}]
`), stalling())
				res := r.Wait()
				require.Zero(t, res.Missed)
				require.Equal(t, res.Sent, res.Total.Done)
				for _, q := range []float64{0.5, 0.9, 0.95, 0.99, 0.999} {
					got, want := res.Total.Response.Quantile(q).Seconds(), stallTruth(q)
					require.InDelta(t, want, got, 0.05*want+0.005, "P%v at %s/s over %s connections", 100*q, rate, connections)
				}
			})
		}
	}
}

func TestClosedLoopCountsFromWhenTheUserWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, plan(t, `
duration: 10s
executor: {kind: constant-users, users: 5}
scenarios: [{name: s, thinkTime: 90ms, steps: [{path: /}]}]
`), constant(10*time.Millisecond))
		res := r.Wait()
		require.InDelta(t, 500, float64(res.Total.Done), 10, "five users, ten iterations a second each")
		require.InDelta(t, 0.010, res.Total.Response.Quantile(0.99).Seconds(), 0.0001, "the pause is no latency")
	})
}

func TestUsersRamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, plan(t, `
executor: {kind: ramping-users, users: 2, stages: [{to: 10, for: 8s}, {to: 10, for: 2s}, {to: 0, for: 5s}]}
scenarios: [{name: s, steps: [{path: /}]}]
`), constant(10*time.Millisecond))
		for _, c := range []struct{ at, want int }{{1, 3}, {4, 6}, {9, 10}, {12, 6}} {
			time.Sleep(time.Duration(c.at)*time.Second - r.now())
			synctest.Wait()
			require.InDelta(t, c.want, r.State().Users, 1, "after %d s", c.at)
		}
		res := r.Wait()
		require.InDelta(t, 15*time.Second, res.Elapsed, float64(100*time.Millisecond))
		require.Zero(t, r.State().Users)
	})
}

func TestArrivalsThatCannotBeSentAreMissedAndSaidSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, plan(t, `
duration: 10s
executor: {kind: constant-rate, rate: 100, maxConnections: 2, maxQueue: 3}
scenarios: [{name: s, steps: [{path: /, timeout: 2s}]}]
thresholds: [{stat: missed, expect: "= 0"}]
`), constant(100*time.Millisecond))
		res := r.Wait()
		require.InDelta(t, 800, float64(res.Missed), 10, "two connections make 20/s of the 100/s")
		require.Equal(t, uint64(1000), res.Missed+res.Sent, "nothing is skipped without being counted")
		require.Contains(t, res.Notes[0], "generator saturated")
		require.Equal(t, signal.CheckFailed, res.Check())
		require.Greater(t, res.Total.Lag.Quantile(0.5), 50*time.Millisecond)
		require.Greater(t, res.Total.Response.Quantile(0.5), res.Total.Service.Quantile(0.5))
	})
}

func TestWarmupIsShownAndNotJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{serve: func(at time.Duration, _ *protocol.Call) (time.Duration, int, protocol.Kind) {
			if at < 2*time.Second {
				return time.Second, 500, protocol.OK
			}
			return time.Millisecond, 200, protocol.OK
		}}
		r := start(t, plan(t, `
warmup: 2s
duration: 5s
executor: {kind: constant-rate, rate: 100}
scenarios: [{name: s, steps: [{name: one, path: /}]}]
thresholds: [{stat: errors, expect: "= 0"}, {stat: p99, step: one, expect: "< 5ms"}]
`), f)
		time.Sleep(2500 * time.Millisecond)
		require.Equal(t, time.Second, r.State().Max.Round(time.Millisecond), "shown")
		res := r.Wait()
		require.EqualValues(t, 700, res.Sent)
		require.EqualValues(t, 500, res.Total.Done)
		require.Equal(t, 5*time.Second, res.Measured)
		require.Equal(t, signal.CheckPassed, res.Check(), "%+v", res.Thresholds)
	})
}

func TestTooFewSamplesAreInconclusive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, plan(t, `
duration: 1s
executor: {kind: constant-rate, rate: 10}
scenarios: [{name: s, steps: [{path: /}]}]
thresholds: [{stat: p95, expect: "< 1s"}, {stat: p99, expect: "< 1s", minSamples: 100}]
`), constant(time.Millisecond))
		res := r.Wait()
		require.Equal(t, signal.CheckPassed, res.Thresholds[0].Check)
		require.Equal(t, signal.CheckUnknown, res.Thresholds[1].Check)
		require.True(t, math.IsNaN(res.Thresholds[1].Value))
		require.Equal(t, signal.CheckUnknown, res.Check(), "never passed")
	})
}

func TestStopIsGracefulForASecondAndNoLonger(t *testing.T) {
	for _, model := range []string{"{kind: constant-rate, rate: 100, maxConnections: 5}", "{kind: constant-users, users: 5}"} {
		for took, interrupted := range map[time.Duration]bool{300 * time.Millisecond: false, time.Hour: true} {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, plan(t, "executor: "+model+"\nscenarios: [{name: s, steps: [{path: /}]}]\n"), constant(took))
				time.Sleep(2 * time.Second)
				before := time.Now()
				r.Stop()
				r.Stop()
				res := r.Wait()
				require.LessOrEqual(t, time.Since(before), time.Second)
				require.Equal(t, interrupted, res.Interrupted > 0)
				require.Zero(t, res.Total.Failed, "what we broke off ourselves is no failure")
				require.False(t, r.State().Running)
				require.Zero(t, r.State().InFlight)
			})
		}
	}
}

func TestTheContextEndsARunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := plan(t, "executor: {kind: constant-rate, rate: 100}\nscenarios: [{name: s, thinkTime: 1h, steps: [{path: /},{path: /b}]}]\n")
		r, err := Start(ctx, p, Options{protocol: constant(time.Hour)})
		require.NoError(t, err)
		time.Sleep(3 * time.Second)
		before := time.Now()
		cancel()
		r.Wait()
		require.Zero(t, time.Since(before))
	})
}

func TestAnEndedPlanDoesNotWaitForeverForABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, plan(t, `
duration: 5s
executor: {kind: constant-rate, rate: 100, maxConnections: 1, maxQueue: 100000}
scenarios: [{name: s, steps: [{path: /, timeout: 3s}]}]
`), constant(time.Second))
		res := r.Wait()
		require.LessOrEqual(t, res.Elapsed, 10*time.Second)
		require.Equal(t, uint64(500), res.Sent+res.Missed)
	})
}

func TestAnEndedPlanDoesNotWaitForPauses(t *testing.T) {
	for _, model := range []string{"{kind: constant-rate, rate: 10}", "{kind: constant-users, users: 5}"} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, plan(t, "duration: 5s\ntimeout: 3s\nexecutor: "+model+"\nscenarios: [{name: s, thinkTime: 24h, steps: [{path: /}, {path: /b}]}]\n"),
				constant(time.Millisecond))
			require.LessOrEqual(t, r.Wait().Elapsed, 12*time.Second)
		})
	}
}

func TestStepsInOrderAndMixByWeight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order [3]atomic.Int64
		f := &fake{}
		f.serve = func(_ time.Duration, call *protocol.Call) (time.Duration, int, protocol.Kind) {
			switch f.reqs[call.Request].Path {
			case "/1":
				order[0].Add(1)
			case "/2":
				if order[1].Add(1) > order[0].Load() {
					return 0, 599, protocol.OK
				}
			case "/rare":
				order[2].Add(1)
			}
			return time.Millisecond, 200, protocol.OK
		}
		r := start(t, plan(t, `
duration: 10s
executor: {kind: constant-rate, rate: 100}
scenarios:
  - {name: ordered, weight: 1, steps: [{path: /1}, {path: /2, thinkTime: 5s}]}
  - {name: mixed, weight: 3, mix: [{path: /often, weight: 9}, {path: /rare}]}
`), f)
		time.Sleep(2 * time.Second)
		require.InDelta(t, 125, r.State().Target, 1e-9, "requests, not iterations: one of four makes two")
		res := r.Wait()
		require.Zero(t, res.Total.Failed)
		require.Equal(t, order[0].Load(), order[1].Load())
		require.InDelta(t, 250, order[0].Load(), 60)
		require.InDelta(t, 75, order[2].Load(), 40)
		require.EqualValues(t, 1000+order[1].Load(), res.Sent)
	})
}

func TestSeedRepeatsTheRunAndIDsNeverRepeat(t *testing.T) {
	runOnce := func(seed uint64) (picks string, ids map[signal.TraceID]bool) {
		synctest.Test(t, func(t *testing.T) {
			ids = map[signal.TraceID]bool{}
			f := &fake{serve: func(_ time.Duration, call *protocol.Call) (time.Duration, int, protocol.Kind) {
				picks += string(rune('a' + call.Plan.IntN(26)))
				ids[call.Trace] = true
				return 0, 200, protocol.OK
			}}
			p := plan(t, "duration: 1s\nexecutor: {kind: constant-rate, rate: 50, maxConnections: 1}\nscenarios: [{name: s, steps: [{path: /}]}]\n")
			r, err := Start(t.Context(), p, Options{protocol: f, Seed: seed})
			require.NoError(t, err)
			r.Wait()
		})
		return picks, ids
	}
	a, idsA := runOnce(1)
	b, idsB := runOnce(1)
	c, _ := runOnce(2)
	require.Len(t, a, 50)
	require.Equal(t, a, b)
	require.NotEqual(t, a, c)
	require.Len(t, idsA, 50)
	for id := range idsA {
		require.False(t, idsB[id])
	}
}

// instant is a target that costs nothing, for measuring what is around it.
type instant struct{}

func (instant) Prepare(protocol.Request) (int, error) { return 0, nil }

func (i instant) NewClient(context.Context, time.Time) protocol.Client { return i }

func (instant) Do(_ *protocol.Call, out *protocol.Outcome) { *out = protocol.Outcome{Status: 200} }

func (instant) Close() {}

func TestAnIterationDoesNotAllocate(t *testing.T) {
	r, err := Start(t.Context(), plan(t, `
executor: {kind: constant-rate, rate: 0.001}
scenarios:
  - {name: a, steps: [{path: /}, {path: /b}]}
  - {name: b, mix: [{path: /}, {path: /b, thinkTime: {mean: 1s, deviation: 1s}}]}
`), Options{protocol: instant{}})
	require.NoError(t, err)
	defer r.Wait()
	defer r.Stop()
	w := r.newWorker(r.plan.groups[0])
	defer w.close()
	n := uint64(0)
	iterate := func() { w.iterate(n, 0); n++ }
	for range 50 {
		iterate()
	}
	require.Zero(t, testing.AllocsPerRun(500, iterate))
}
