package load

import (
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/analysis"
	"gameday/engine/load/protocol"
	"gameday/sources/signal"
)

// answers is a target by how long it takes at some time with so many at work, itself included.
func answers(took func(at time.Duration, busy int) (time.Duration, int)) *fake {
	var busy atomic.Int64
	return &fake{serve: func(at time.Duration, call *protocol.Call) (time.Duration, int, protocol.Kind) {
		n := busy.Add(1)
		d, status := took(at, int(n))
		time.AfterFunc(d, func() { busy.Add(-1) })
		return d, status, protocol.OK
	}}
}

func TestLoadIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res := start(t, plan(t, "warmup: 3s\ntest: {type: load, rate: 50, ramp: 10s, hold: 20s}"+oneStep), constant(20*time.Millisecond)).Wait()
		require.Equal(t, []string{"held 50/s for 20 s: p95 20 ms, errors 0 %"}, res.Test.Lines)
		require.Equal(t, signal.CheckPassed, res.Check())
		require.InDelta(t, 1500, float64(res.Total.Done), 10, "500 while it ramps, 1000 held")
		require.NotNil(t, res.Test.Hold)
	})
	synctest.Test(t, func(t *testing.T) {
		res := start(t, plan(t, "test: {type: load, rate: 50, ramp: 0s, hold: 20s, maxConnections: 2}"+oneStep), constant(100*time.Millisecond)).Wait()
		require.Contains(t, res.Test.Sentence, "did not hold 50/s for 20 s: only ")
		require.Contains(t, res.Test.Lines[1], "but")
		require.Equal(t, signal.CheckFailed, res.Check())
	})
	synctest.Test(t, func(t *testing.T) {
		res := start(t, plan(t, "test: {type: load, users: 4, ramp: 2s, hold: 10s}"+oneStep), constant(100*time.Millisecond)).Wait()
		require.Equal(t, "held 4 users for 10 s: 40/s, p95 100 ms, errors 0 %", res.Test.Sentence)
	})
	synctest.Test(t, func(t *testing.T) {
		res := start(t, plan(t, "test: {type: load, rate: 1, ramp: 0s, hold: 5s}"+oneStep), constant(100*time.Millisecond)).Wait()
		require.Contains(t, res.Test.Sentence, "it takes at least 20")
		require.Equal(t, signal.CheckUnknown, res.Check(), "never passed")
	})
}

func TestStressFindsWhereItBreaksAndEndsThere(t *testing.T) {
	// It serves 100/s and refuses the rest.
	var second, served atomic.Int64
	f := &fake{serve: func(at time.Duration, _ *protocol.Call) (time.Duration, int, protocol.Kind) {
		if now := int64(at / time.Second); second.Swap(now) != now {
			served.Store(0)
		}
		if served.Add(1) > 100 {
			return time.Millisecond, 503, protocol.OK
		}
		return 10 * time.Millisecond, 200, protocol.OK
	}}
	synctest.Test(t, func(t *testing.T) {
		res := start(t, plan(t, "test: {type: stress, rate: 20, peak: 220, ramp: 100s, after: 5s}"+oneStep), f).Wait()
		b := res.Test.Break
		require.Equal(t, analysis.Found, b.Verdict)
		require.InDelta(t, 110, b.Load, 10, "errors pass 5 %% beyond doubt a little above 105/s")
		require.Equal(t, []analysis.Symptom{analysis.SymptomErrors}, b.Symptoms)
		require.Regexp(t, `^broke at 1\d\d/s after \d\d s: errors \d.*% \(limit 5 %\)$`, res.Test.Sentence)
		require.Len(t, res.Test.Lines, 1, "%v", res.Test.Lines)
		require.InDelta(t, (b.At + 7*time.Second).Seconds(), res.Elapsed.Seconds(), 3, "it ends a little after the break")
		require.Contains(t, res.Notes[0], "because the target had broken")
		require.Equal(t, signal.CheckPending, res.Check(), "where it breaks is an answer, no failure")
	})
	synctest.Test(t, func(t *testing.T) {
		res := start(t, plan(t, "test: {type: stress, rate: 10, peak: 90, ramp: 60s}"+oneStep), f).Wait()
		require.Equal(t, analysis.Clear, res.Test.Verdict)
		require.Regexp(t, `^did not break up to (8|9)\d(\.\d)?/s: errors 0 %, p95 10 ms at the end$`, res.Test.Sentence)
		require.Equal(t, time.Minute, res.Elapsed.Truncate(time.Second))
	})
	synctest.Test(t, func(t *testing.T) {
		slow := answers(func(_ time.Duration, busy int) (time.Duration, int) {
			return 10*time.Millisecond + time.Duration(max(busy-20, 0))*20*time.Millisecond, 200
		})
		res := start(t, plan(t, "test: {type: stress, users: 2, peak: 60, ramp: 120s}"+oneStep), slow).Wait()
		require.Equal(t, []analysis.Symptom{analysis.SymptomP95}, res.Test.Break.Symptoms)
		require.Regexp(t, `^broke at \d\d(\.\d)? users after .*: p95 .* times its 10 ms at the beginning$`, res.Test.Sentence)
	})
}

// spiky recovers so long after a burst from 20 s to 30 s.
func spiky(after time.Duration) *fake {
	return answers(func(at time.Duration, _ int) (time.Duration, int) {
		if at >= 20*time.Second && at < 30*time.Second+after {
			return 300 * time.Millisecond, 200
		}
		return 20 * time.Millisecond, 200
	})
}

const spikeTest = "test: {type: spike, rate: 30, before: 20s, burst: 10s, after: 30s, maxConnections: 2000}"

func TestSpikes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res := start(t, plan(t, spikeTest+oneStep), spiky(8*time.Second)).Wait()
		require.InDelta(t, 8, res.Test.Spike.Recovery.Seconds(), 1.1)
		require.Regexp(t, `^back to normal (8|9) s after (29\d|300)/s for 10 s: p95 300 ms, errors 0 % \(base 20 ms, 0 %\)$`, res.Test.Sentence)
		require.Equal(t, signal.CheckPassed, res.Check())
	})
	synctest.Test(t, func(t *testing.T) {
		res := start(t, plan(t, spikeTest+oneStep), spiky(time.Hour)).Wait()
		require.Contains(t, res.Test.Sentence, "did not recover from 2")
		require.Equal(t, []string{res.Test.Sentence, "but it may need longer than the run left it"}, res.Test.Lines)
		require.Equal(t, signal.CheckFailed, res.Check())
	})
	synctest.Test(t, func(t *testing.T) {
		res := start(t, plan(t, spikeTest+oneStep), constant(20*time.Millisecond)).Wait()
		require.True(t, res.Test.Spike.Absorbed)
		require.Regexp(t, `^absorbed (29\d|300)/s for 10 s: p95 20 ms, errors 0 % \(base 20 ms, 0 %\)$`, res.Test.Sentence)
	})
	synctest.Test(t, func(t *testing.T) {
		r := start(t, plan(t, spikeTest+oneStep), spiky(8*time.Second))
		time.AfterFunc(31*time.Second, r.Stop)
		res := r.Wait()
		require.Contains(t, res.Test.Sentence, "recovery cannot be told")
		require.Contains(t, res.Test.Lines[1], "but the run ended after")
		require.Equal(t, signal.CheckUnknown, res.Check())
	})
}

func TestEnduranceFindsALeak(t *testing.T) {
	leaking := func(perMinute time.Duration) *fake {
		return answers(func(at time.Duration, busy int) (time.Duration, int) {
			noise := time.Duration(at.Microseconds()%997) * 4 * time.Microsecond
			return 20*time.Millisecond + noise + time.Duration(at.Minutes()*float64(perMinute)), 200
		})
	}
	const text = "test: {type: endurance, rate: 20, hold: 10m}" + oneStep
	synctest.Test(t, func(t *testing.T) {
		res := start(t, plan(t, text), leaking(time.Millisecond)).Wait()
		require.Equal(t, signal.CheckFailed, res.Check())
		require.Regexp(t, `^p50 rises (1|9\d\d) .?s per minute \(.* over the run, 95 % CI .*, p < 0\.001\)$`, res.Test.Lines[0])
	})
	synctest.Test(t, func(t *testing.T) {
		res := start(t, plan(t, text), leaking(0)).Wait()
		require.Equal(t, []string{"nothing drifts over 9 min: latency, errors and rate are level"}, minutes(res.Test.Lines))
		require.Equal(t, signal.CheckPassed, res.Check())
	})
	synctest.Test(t, func(t *testing.T) {
		memory := analysis.Series{Name: "memory of shop", Unit: analysis.Bytes}
		for i := range 100 {
			at := time.Duration(i) * 6 * time.Second
			memory.Samples = append(memory.Samples, analysis.Sample{At: at, Value: 1e8 + 1e6*float64(i)})
		}
		r, err := Start(t.Context(), plan(t, text), Options{protocol: leaking(0), Gauges: func() []analysis.Series { return []analysis.Series{memory} }})
		require.NoError(t, err)
		res := r.Wait()
		require.Contains(t, res.Test.Lines[0], "memory of shop rises")
	})
	synctest.Test(t, func(t *testing.T) {
		res := start(t, plan(t, "test: {type: endurance, rate: 1, hold: 5s}"+oneStep), leaking(0)).Wait()
		require.Equal(t, signal.CheckUnknown, res.Check())
		require.Contains(t, res.Test.Sentence, "it cannot be told of p50")
	})
}

// minutes cuts the seconds off "8 min 54 s": where windows begin and end is no matter here.
func minutes(lines []string) []string {
	for i, l := range lines {
		if len(l) > 34 && l[:24] == "nothing drifts over 8 mi" {
			lines[i] = "nothing drifts over 9 min" + l[len("nothing drifts over 8 min 54 s"):]
		}
	}
	return lines
}

func TestScalabilityFitsTheLaw(t *testing.T) {
	const lambda, sigma, kappa = 50, 0.02, 0.002
	law := func(n float64) float64 { return lambda * n / (1 + sigma*(n-1) + kappa*n*(n-1)) }
	var users atomic.Int64
	f := &fake{}
	f.serve = func(time.Duration, *protocol.Call) (time.Duration, int, protocol.Kind) {
		n := float64(users.Load())
		return time.Duration(n / law(n) * float64(time.Second)), 200, protocol.OK
	}
	synctest.Test(t, func(t *testing.T) {
		p := plan(t, "test: {type: scalability, peak: 60, levels: 8, each: 20s}"+oneStep)
		r := start(t, p, f)
		for i, n := range p.Test.levels() {
			time.AfterFunc(time.Duration(i)*20*time.Second, func() { users.Store(int64(n)) })
		}
		users.Store(1)
		res := r.Wait()
		u := res.Test.Scalability
		require.Equal(t, analysis.Found, u.Verdict, res.Test.Sentence)
		require.InDelta(t, math.Sqrt((1-sigma)/kappa), u.Peak, 2)
		require.InDelta(t, sigma, u.Sigma, 0.005)
		require.InDelta(t, kappa, u.Kappa, 0.0004)
		require.Regexp(t, `^throughput peaks at about 2[0-4] users, \d+/s; contention .*; beyond \d+ users each added user gains under half`, res.Test.Sentence)
	})
}

func TestAThresholdEndsTheRun(t *testing.T) {
	f := answers(func(at time.Duration, _ int) (time.Duration, int) {
		if at > 20*time.Second && at < 22*time.Second {
			return time.Millisecond, 500
		}
		return time.Millisecond, 200
	})
	const plans = "warmup: 5s\nduration: 60s\nexecutor: {kind: constant-rate, rate: 50}" + oneStep + "thresholds:\n- {stat: p95, expect: '< 1s'}\n"
	run := func(t *testing.T, thresholds string) Result { return start(t, plan(t, plans+thresholds), f).Wait() }
	synctest.Test(t, func(t *testing.T) {
		res := run(t, "- {stat: errors, step: one, expect: '< 4.5%', abort: true, delay: 5s}\n")
		require.InDelta(t, 21, res.Elapsed.Seconds(), 2)
		require.Equal(t, signal.CheckFailed, res.Check())
		require.Equal(t, signal.CheckPassed, res.Thresholds[0].Check)
		require.Zero(t, res.Thresholds[0].Aborted)
		ended := res.Thresholds[1]
		require.Equal(t, signal.CheckFailed, ended.Check)
		require.Equal(t, 21*time.Second, ended.Aborted)
		require.Equal(t, "it ended the run after 21 s", ended.Why)
		require.InDelta(t, 50.0/800, ended.Value, 0.005, "of what was measured until then")
		require.Regexp(t, `^the run was ended after 21 s by a threshold: errors of one < 4.5%: 6`, res.Notes[0])
	})
	synctest.Test(t, func(t *testing.T) {
		res := run(t, "- {stat: errors, expect: '< 4.5%', abort: true, delay: 50s}\n")
		require.InDelta(t, 65, res.Elapsed.Seconds(), 1, "two bad seconds of ten are too many, of fifty not")
	})
	synctest.Test(t, func(t *testing.T) {
		res := run(t, "- {stat: errors, expect: '< 4.5%', abort: true, minSamples: 10000000}\n")
		require.InDelta(t, 65, res.Elapsed.Seconds(), 1)
		require.Equal(t, signal.CheckUnknown, res.Check())
	})
	synctest.Test(t, func(t *testing.T) {
		r := start(t, plan(t, "executor: {kind: constant-rate, rate: 50}"+oneStep+"thresholds: [{stat: p95, expect: '< 1s', abort: true}]\n"), constant(time.Hour))
		time.AfterFunc(30*time.Second, r.Stop)
		res := r.Wait()
		require.Equal(t, signal.CheckUnknown, res.Check(), "a threshold without samples ends nothing")
	})
}

func TestTheBaselineOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res := start(t, plan(t, `
warmup: 5s
duration: 20s
executor: {kind: constant-rate, rate: 50}
scenarios:
  - {name: a, steps: [{group: {name: both, steps: [{name: one, path: /1}, {name: two, path: /2}]}}]}
  - {name: b, steps: [{name: one, path: /3}]}
`), constant(10*time.Millisecond)).Wait()
		b := res.Baseline
		require.Equal(t, "load", b.Name)
		require.NotEmpty(t, b.Plan)
		require.Len(t, b.Blocks, 20)
		var names []string
		for _, s := range b.Steps {
			names = append(names, s.Name)
		}
		require.Equal(t, []string{"a/one", "a/two", "b/one"}, names, "a group is no part of the total")
		total, done := b.Total(), uint64(0)
		for _, block := range total.Blocks {
			done += block.Done
		}
		require.InDelta(t, float64(res.Total.Done), float64(done), 5)
	})
}
