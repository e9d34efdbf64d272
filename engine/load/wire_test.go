package load

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/sources/signal"
)

func TestMain(m *testing.M) {
	if os.Getenv(targetEnv) != "" {
		serveTarget()
	}
	goleak.VerifyTestMain(m)
}

// TestTheTruthAboutARealStall loads a server that stands still for 200 ms of every second. The truth is that a fifth of
// the arrivals wait, so that P90 is near 100 ms and P99 near 190. A generator that counts from the send and waits for its
// connections says a few milliseconds for P90. The bounds are wide, for machines that are busy with other things.
func TestTheTruthAboutARealStall(t *testing.T) { overEngines(t, checkARealStall) }

func checkARealStall(t *testing.T, engine Engine) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	for _, tc := range []struct {
		rate        float64
		connections int
	}{{200, 256}, {400, 8}} {
		began := time.Now()
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if into := time.Since(began) % time.Second; into < 200*time.Millisecond {
				time.Sleep(200*time.Millisecond - into)
			}
		}))
		p := plan(t, fmt.Sprintf("duration: 4s\nexecutor: {kind: constant-rate, rate: %v, maxConnections: %d}\nscenarios: [{name: s, steps: [{path: /}]}]\n", tc.rate, tc.connections))
		r, err := Start(t.Context(), p, Options{Engine: engine, Target: srv.URL})
		require.NoError(t, err)
		res := r.Wait()
		srv.Close()
		require.Zero(t, res.Missed)
		require.Zero(t, res.Total.Failed, "%v", res.Errors)
		require.EqualValues(t, 4*tc.rate, res.Sent, "the rate was held")
		p90, p99 := res.Total.Response.Quantile(0.9), res.Total.Response.Quantile(0.99)
		t.Logf("%v/s over %d connections: P50 %v P90 %v P99 %v; service P90 %v", tc.rate, tc.connections,
			res.Total.Response.Quantile(0.5), p90, p99, res.Total.Service.Quantile(0.9))
		require.Greater(t, p90, 60*time.Millisecond, "anything near the service time is the lie")
		require.Greater(t, p99, 150*time.Millisecond)
	}
}

func TestARealRunEndToEnd(t *testing.T) { overEngines(t, checkARealRun) }

func checkARealRun(t *testing.T, engine Engine) {
	var mu sync.Mutex
	traces := map[string]bool{}
	paths := map[string]int{}
	var inFlight, peak atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := inFlight.Add(1)
		defer inFlight.Add(-1)
		for old := peak.Load(); n > old && !peak.CompareAndSwap(old, n); old = peak.Load() {
		}
		mu.Lock()
		traces[r.Header.Get("X-Correlation-ID")] = true
		paths[r.Method+" "+r.URL.Path]++
		mu.Unlock()
		if r.URL.Path == "/bad" {
			w.WriteHeader(503)
		}
	}))
	defer srv.Close()
	p := plan(t, `
vars: {kind: good}
duration: 2s
scenarios:
  - name: open
    executor: {kind: constant-rate, rate: 50}
    steps: [{name: good, path: "/${kind}"}, {name: bad, path: /bad}]
  - name: closed
    executor: {kind: constant-users, users: 3}
    thinkTime: 20ms
    mix: [{name: post, method: POST, path: "/p/{{random 1 1}}", body: "{{uuid}}"}]
thresholds:
  - {stat: errors, step: open/bad, expect: "= 1"}
  - {stat: errors, step: post, expect: "= 0"}
`)
	r, err := Start(t.Context(), p, Options{Engine: engine, Vars: map[string]string{"gateway": "unused"}, Target: srv.URL})
	require.NoError(t, err)
	res := r.Wait()
	require.Equal(t, signal.CheckPassed, res.Check(), "%+v", res.Thresholds)
	mu.Lock() // the race detector does not see what is ordered by a socket
	defer mu.Unlock()
	require.EqualValues(t, 100, paths["GET /good"])
	require.EqualValues(t, res.Steps[1].Done, paths["GET /bad"])
	require.EqualValues(t, res.Steps[2].Done+res.Interrupted, paths["POST /p/1"])
	require.Len(t, traces, int(res.Sent), "every request has an ID of its own")
	require.Less(t, res.Total.Dials, uint64(100), "connections are kept")
	for _, e := range res.Exemplars {
		require.True(t, traces[e.CorrelationID], "an exemplar is a request the target has seen")
	}
}

func TestARunAgainstNobodyEndsWithRefusals(t *testing.T) { overEngines(t, checkRefusals) }

func checkRefusals(t *testing.T, engine Engine) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	p := plan(t, "duration: 1s\nexecutor: {kind: constant-users, users: 2}\nscenarios: [{name: s, steps: [{path: /}]}]\n")
	r, err := Start(t.Context(), p, Options{Engine: engine, Target: "http://" + l.Addr().String()})
	require.NoError(t, err)
	res := r.Wait()
	require.Equal(t, res.Total.Done, res.Total.Failed)
	require.Equal(t, "connection refused", res.Errors[0].Kind)
	require.Less(t, res.Total.Done, uint64(250), "users whose connections are refused do not spin")
}

func TestStopAgainstATargetThatNeverAnswers(t *testing.T) { overEngines(t, checkStop) }

func checkStop(t *testing.T, engine Engine) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close() // accepted by the kernel, never by us
	p := plan(t, "executor: {kind: constant-rate, rate: 200}\nscenarios: [{name: s, steps: [{path: /, timeout: 1h}]}]\n")
	for _, stop := range []func(*Run, context.CancelFunc){
		func(r *Run, _ context.CancelFunc) { r.Stop() },
		func(_ *Run, cancel context.CancelFunc) { cancel() },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := Start(ctx, p, Options{Engine: engine, Target: "http://" + l.Addr().String()})
		require.NoError(t, err)
		require.Eventually(t, func() bool { return r.State().InFlight > 5 }, 20*time.Second, 10*time.Millisecond)
		stop(r, cancel)
		select {
		case <-r.Done():
		case <-time.After(20 * time.Second):
			t.Fatal("the run does not end")
		}
		require.Positive(t, r.Wait().Interrupted)
		require.Zero(t, r.Wait().Total.Failed)
		cancel()
	}
}
