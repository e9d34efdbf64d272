package load

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
	"gameday/sources/signal"
)

// turning answers fast until an instant, then slowly or not at all.
func turning(at time.Duration, took time.Duration, kind protocol.Kind) *fake {
	return &fake{serve: func(now time.Duration, _ *protocol.Call) (time.Duration, int, protocol.Kind) {
		if now < at {
			return 2 * time.Millisecond, 200, protocol.OK
		}
		if kind != protocol.OK {
			return took, 0, kind
		}
		return took, 200, protocol.OK
	}}
}

const twoSteps = `
executor: {kind: constant-rate, rate: 40}
scenarios: [{name: s, mix: [{name: a, path: /}, {name: b, path: /b, weight: 3}]}]
`

func TestStatTurnsWithinSecondsAndNamesAFreshExemplar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, plan(t, twoSteps), turning(20*time.Second, 800*time.Millisecond, protocol.OK))
		defer func() { r.Stop(); r.Wait() }()
		_, ok, _ := r.Stat("p95", "", 5*time.Second)
		require.False(t, ok, "no data is not a value")
		time.Sleep(19500 * time.Millisecond)
		v, ok, exemplar := r.Stat("p95", "", 5*time.Second)
		require.True(t, ok)
		require.InDelta(t, 0.002, v, 0.0001)
		require.False(t, exemplar.IsZero())
		v, _, _ = r.Stat("rate", "", 5*time.Second)
		require.InDelta(t, 40, v, 0.5)
		v, _, _ = r.Stat("count", "", 5*time.Second)
		require.InDelta(t, 200, v, 1)
		time.Sleep(4 * time.Second) // 3.5 s after the turn
		v, ok, slow := r.Stat("p95", "", 5*time.Second)
		require.True(t, ok)
		require.InDelta(t, 0.8, v, 0.001)
		require.NotEqual(t, exemplar, slow)
		shown := r.State().Exemplars
		require.Len(t, shown, shownExemplars)
		for _, e := range shown {
			require.InDelta(t, 0.8, e.Latency.Seconds(), 0.001)
			require.WithinDuration(t, time.Now(), e.At, 5*time.Second)
			require.False(t, e.TraceID.IsZero())
		}
		a, okA, _ := r.Stat("rate", "a", 10*time.Second)
		b, okB, _ := r.Stat("rate", "s/b", 10*time.Second)
		require.True(t, okA && okB)
		require.InDelta(t, 10, a, 5)
		require.InDelta(t, 30, b, 7)
		for _, unknown := range [][2]string{{"p12", ""}, {"p95", "nope"}, {"p95", "x/b"}} {
			_, ok, _ = r.Stat(unknown[0], unknown[1], time.Minute)
			require.False(t, ok, unknown)
		}
		for _, name := range Stats() {
			_, ok, _ = r.Stat(name, "", time.Hour)
			require.True(t, ok, name)
		}
	})
}

func TestFailuresHaveExemplarsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, plan(t, twoSteps), turning(3*time.Second, time.Millisecond, protocol.Refused))
		time.Sleep(6500 * time.Millisecond)
		v, ok, exemplar := r.Stat("errors", "", 2*time.Second)
		require.True(t, ok)
		require.InDelta(t, 1, v, 0)
		require.False(t, exemplar.IsZero())
		v, _, _ = r.Stat("success", "", time.Minute)
		require.InDelta(t, 0.5, v, 0.02)
		s := r.State()
		require.Equal(t, []signal.ErrorCount{{Kind: "connection refused", Count: s.Failed}}, s.Errors)
		require.InDelta(t, 1, s.ErrorRate, 0)
		require.Len(t, s.Steps, 2)
		require.InDelta(t, 40, s.Steps[0].Rate+s.Steps[1].Rate, 1)
		require.Equal(t, s.Done, s.Steps[0].Done+s.Steps[1].Done)
		failed := 0
		for _, e := range s.Exemplars {
			if e.Err != "" {
				require.Equal(t, "connection refused", e.Err)
				require.Equal(t, e.TraceID.String(), e.CorrelationID)
				failed++
			}
		}
		require.Equal(t, shownExemplars, failed)
		r.Stop()
		r.Wait()
		time.Sleep(10 * time.Second)
		_, ok, _ = r.Stat("p95", "", 5*time.Second)
		require.False(t, ok, "a run that has ended has no latest seconds")
	})
}

func TestWhatIsNotTracedIsNoExemplar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sampled := 0
		f := &fake{serve: func(_ time.Duration, call *protocol.Call) (time.Duration, int, protocol.Kind) {
			if call.Sampled {
				sampled++
			}
			return time.Millisecond, 503, protocol.OK
		}}
		r := start(t, plan(t, "sampling: 10%\nduration: 20s\nexecutor: {kind: constant-rate, rate: 100, maxConnections: 1}\nscenarios: [{name: s, steps: [{path: /}]}]\n"), f)
		res := r.Wait()
		require.InDelta(t, 200, sampled, 70)
		require.Equal(t, "status 5xx", res.Errors[0].Kind)
		untraced := 0
		for _, e := range res.Exemplars {
			require.NotEmpty(t, e.CorrelationID)
			if e.TraceID.IsZero() {
				require.NotEmpty(t, e.Err, "only failures are kept without a trace")
				untraced++
			}
		}
		require.Positive(t, untraced)
		require.Less(t, untraced, len(res.Exemplars))
	})
}

func TestStatusIsJudged(t *testing.T) {
	any := &step{}
	checked := &step{}
	require.NoError(t, checked.status.add("404"))
	require.NoError(t, checked.status.add("5xx"))
	for status, want := range map[int][2]protocol.Kind{
		200: {protocol.OK, protocol.CheckFailed}, 302: {protocol.OK, protocol.CheckFailed},
		404: {protocol.Status4xx, protocol.OK}, 410: {protocol.Status4xx, protocol.CheckFailed},
		500: {protocol.Status5xx, protocol.OK}, 799: {protocol.Status5xx, protocol.Status5xx},
	} {
		require.Equal(t, want, [2]protocol.Kind{any.judgeStatus(status), checked.judgeStatus(status)}, status)
	}
}

func TestMetricsEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var batches [][]signal.MetricPoint
		r, err := Start(t.Context(), plan(t, "metadata: {name: shop}\nduration: 5s\n"+twoSteps), Options{
			protocol: turning(3*time.Second, time.Millisecond, protocol.Timeout),
			Emit: func(p []signal.MetricPoint) {
				mu.Lock()
				defer mu.Unlock()
				batches = append(batches, p)
			},
		})
		require.NoError(t, err)
		res := r.Wait()
		require.GreaterOrEqual(t, len(batches), 5)
		require.LessOrEqual(t, len(batches), 7)
		find := func(batch []signal.MetricPoint, labels string) *signal.MetricPoint {
			for i := range batch {
				if batch[i].Name+batch[i].Labels.String() == labels {
					return &batch[i]
				}
			}
			return nil
		}
		second := batches[1]
		p95 := find(second, `gameday_load_step_latency_seconds{plan="shop", quantile="0.95", scenario="s", step="b"}`)
		require.NotNil(t, p95)
		require.InDelta(t, 0.002, p95.V, 0.0001)
		require.NotNil(t, p95.Exemplar)
		require.Equal(t, p95.Exemplar.TraceID.String(), p95.Exemplar.Labels.Get("trace_id"))
		whole := find(second, `gameday_load_latency_seconds{plan="shop", quantile="0.5"}`)
		require.InDelta(t, 0.0015, whole.V, 0.0006, "all steps together, in a series of its own")
		require.NotNil(t, whole.Exemplar)
		require.InDelta(t, 40, find(second, `gameday_load_rate{plan="shop"}`).V, 0.5)
		require.InDelta(t, 40, find(second, `gameday_load_target_rate{plan="shop"}`).V, 0.001)
		last := batches[len(batches)-1]
		good := find(last, `gameday_load_requests_total{plan="shop", scenario="s", status="2xx", step="b"}`).V +
			find(last, `gameday_load_requests_total{plan="shop", scenario="s", status="2xx", step="a"}`).V
		bad := find(last, `gameday_load_errors_total{kind="timeout", plan="shop", scenario="s", step="b"}`).V +
			find(last, `gameday_load_errors_total{kind="timeout", plan="shop", scenario="s", step="a"}`).V
		require.EqualValues(t, res.Total.Done, good+bad)
		require.EqualValues(t, res.Total.Failed, bad)
		require.Zero(t, find(last, `gameday_load_rate{plan="shop"}`).V, "gauges come to rest")
		require.True(t, math.IsNaN(find(last, `gameday_load_step_latency_seconds{plan="shop", quantile="0.5", scenario="s", step="a"}`).V))
		require.Zero(t, find(last, `gameday_load_missed_total{plan="shop"}`).V)
	})
}

func TestThinkTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for text, mean := range map[string]float64{"500ms": 0.5, "{min: 200ms, max: 400ms}": 0.3, "{mean: 1s, deviation: 100ms}": 1} {
			r := start(t, plan(t, "duration: 100s\nexecutor: {kind: constant-users, users: 1}\nscenarios: [{name: s, thinkTime: "+text+", steps: [{path: /}]}]\n"), constant(0))
			require.InEpsilon(t, 100/mean, float64(r.Wait().Total.Done), 0.1, text)
		}
	})
}
