package load

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

// overEngines runs a test with every engine there is here.
func overEngines(t *testing.T, test func(t *testing.T, engine Engine)) {
	t.Run("goroutine", func(t *testing.T) { test(t, EngineGoroutine) })
	if hasLoops {
		t.Run("epoll", func(t *testing.T) { test(t, EngineEpoll) })
	}
}

const hasLoops = runtime.GOOS == "linux" && (runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64")

func runOver(t *testing.T, engine Engine, target, text string) Result {
	t.Helper()
	r, err := Start(t.Context(), plan(t, text), Options{Engine: engine, Target: target})
	require.NoError(t, err)
	return r.Wait()
}

func serve(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestTheResultSaysHowRequestsWereSent(t *testing.T) {
	const text = "duration: 100ms\nexecutor: {kind: constant-rate, rate: 50}\nscenarios: [{name: s, steps: [{path: /}]}]\n"
	ok := func(w http.ResponseWriter, _ *http.Request) {}
	target := serve(t, ok)
	notes := strings.Join(runOver(t, EngineGoroutine, target, text).Notes, "\n")
	require.Contains(t, notes, "goroutine for each connection: as was asked for")
	_, err := Start(t.Context(), plan(t, text), Options{Engine: "warp", Target: target})
	require.ErrorContains(t, err, `no load engine "warp"`)
	if !hasLoops {
		return
	}
	notes = strings.Join(runOver(t, EngineAuto, target, text).Notes, "\n")
	require.Contains(t, notes, "epoll loops on 1 threads; arrivals due within 250µs")

	srv := httptest.NewTLSServer(http.HandlerFunc(ok))
	defer srv.Close()
	o := Options{Target: srv.URL, TLS: srv.Client().Transport.(*http.Transport).TLSClientConfig}
	require.IsType(t, &x509.CertPool{}, o.TLS.RootCAs)
	r, err := Start(t.Context(), plan(t, text), o)
	require.NoError(t, err)
	res := r.Wait()
	require.Zero(t, res.Total.Failed, "%v", res.Errors)
	require.Contains(t, strings.Join(res.Notes, "\n"), "goroutine for each connection: the target is https")
	o.Engine = EngineEpoll
	_, err = Start(t.Context(), plan(t, text), o)
	require.ErrorContains(t, err, "https", "what was asked for by name is not replaced in silence")

	res = runOver(t, EngineAuto, "http://no-such-host.invalid", text)
	require.Equal(t, "name not found", res.Errors[0].Kind)
	require.Contains(t, strings.Join(res.Notes, "\n"), "could not be looked up")
}

func TestNothingIsSkippedWithoutBeingCounted(t *testing.T) {
	overEngines(t, func(t *testing.T, engine Engine) {
		target := serve(t, func(w http.ResponseWriter, _ *http.Request) { time.Sleep(50 * time.Millisecond) })
		res := runOver(t, engine, target, `
duration: 2s
executor: {kind: constant-rate, rate: 200, maxConnections: 2, maxQueue: 3}
scenarios: [{name: s, steps: [{path: /}]}]
`)
		require.EqualValues(t, 400, res.Sent+res.Missed)
		require.EqualValues(t, res.Sent, res.Total.Done)
		require.Greater(t, res.Missed, uint64(200), "two connections make at most 40/s of the 200/s")
		require.Contains(t, res.Notes[0], "generator saturated")
		require.LessOrEqual(t, res.Total.Dials, uint64(2))
		require.Greater(t, res.Total.Response.Quantile(0.5), res.Total.Service.Quantile(0.5))
		require.Greater(t, res.Total.Lag.Quantile(0.5), 20*time.Millisecond)
	})
}

func TestIterationsWithPausesAndWarmup(t *testing.T) {
	overEngines(t, func(t *testing.T, engine Engine) {
		var order [2]atomic.Int64
		var began atomic.Int64 // the race detector does not see what is ordered by a socket
		target := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/1":
				order[0].Add(1)
			case "/2":
				if order[1].Add(1) > order[0].Load() {
					w.WriteHeader(500)
				}
			}
			if time.Since(time.Unix(0, began.Load())) < 400*time.Millisecond {
				w.WriteHeader(503)
			}
		})
		for _, model := range []string{"{kind: constant-rate, rate: 100}", "{kind: constant-users, users: 5}"} {
			began.Store(time.Now().UnixNano())
			res := runOver(t, engine, target, `
warmup: 500ms
duration: 1s
executor: `+model+`
scenarios:
  - {name: ordered, steps: [{path: /1, thinkTime: {min: 5ms, max: 15ms}}, {path: /2}], thinkTime: {mean: 10ms, deviation: 5ms}}
  - {name: mixed, mix: [{path: /a, weight: 9}, {path: /b}]}
`)
			require.Zero(t, res.Total.Failed, "%v", res.Errors)
			require.Zero(t, res.Interrupted)
			require.Equal(t, order[0].Load(), order[1].Load(), "an iteration that was begun is finished")
			require.Greater(t, res.Sent, res.Total.Done, "the warm-up is not judged")
			require.Positive(t, res.Steps[2].Done)
			require.Equal(t, res.Steps[0].Done+res.Steps[1].Done+res.Steps[2].Done+res.Steps[3].Done, res.Total.Done)
		}
	})
}

func TestTimeoutsOfRequestsAndStatuses(t *testing.T) {
	overEngines(t, func(t *testing.T, engine Engine) {
		target := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/slow":
				select {
				case <-r.Context().Done():
				case <-time.After(20 * time.Second):
				}
			case "/404":
				w.WriteHeader(404)
			case "/created":
				w.WriteHeader(201)
			}
		})
		res := runOver(t, engine, target, `
duration: 1s
executor: {kind: constant-rate, rate: 30}
timeout: 15s
scenarios:
  - name: s
    mix:
      - {path: /slow, timeout: 100ms}
      - {path: "/404"}
      - {path: /created, check: {status: 200}}
`)
		kinds := map[string]uint64{}
		for _, e := range res.Errors {
			kinds[e.Kind] = e.Count
		}
		require.Len(t, kinds, 3, "%v", kinds)
		for i, kind := range []string{"timeout", "status 4xx", "check failed"} {
			require.Equal(t, res.Steps[i].Done, kinds[kind])
		}
		require.GreaterOrEqual(t, res.Steps[0].Response.Min(), 100*time.Millisecond)
		require.Less(t, res.Steps[0].Response.Max(), 15*time.Second, "the request's own timeout counts")
		require.NotEmpty(t, res.Exemplars)
	})
}

func TestUsersComeAndGo(t *testing.T) {
	overEngines(t, func(t *testing.T, engine Engine) {
		var mu sync.Mutex
		open := map[net.Conn]bool{}
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		srv.Config.ConnState = func(c net.Conn, s http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			if s == http.StateClosed {
				delete(open, c)
			} else {
				open[c] = true
			}
		}
		srv.Start()
		defer srv.Close()
		connections := func() int {
			mu.Lock()
			defer mu.Unlock()
			return len(open)
		}
		r, err := Start(t.Context(), plan(t, `
executor: {kind: ramping-users, users: 4, stages: [{to: 100, for: 0s}, {to: 100, for: 3s}, {to: 20, for: 0s}, {to: 20, for: 30s}]}
scenarios: [{name: s, thinkTime: 20ms, steps: [{path: /}]}]
`), Options{Engine: engine, Target: srv.URL})
		require.NoError(t, err)
		reach := func(users int) {
			require.Eventually(t, func() bool { return r.State().Users == users && connections() == users }, 20*time.Second, 5*time.Millisecond)
		}
		reach(100)
		reach(20)
		r.Stop()
		res := r.Wait()
		require.Zero(t, res.Total.Failed, "%v", res.Errors)
		require.Zero(t, r.State().Users)
		require.Zero(t, r.State().InFlight)
		require.EqualValues(t, 100, res.Total.Dials)
		require.Eventually(t, func() bool { return connections() == 0 }, 20*time.Second, 5*time.Millisecond)
	})
}

func TestAStopDoesNotWaitForPauses(t *testing.T) {
	overEngines(t, func(t *testing.T, engine Engine) {
		target := serve(t, func(http.ResponseWriter, *http.Request) {})
		for _, model := range []string{"{kind: constant-rate, rate: 50}", "{kind: constant-users, users: 5}"} {
			for _, hard := range []bool{false, true} {
				ctx, cancel := context.WithCancel(t.Context())
				r, err := Start(ctx, plan(t, "executor: "+model+"\nscenarios: [{name: s, thinkTime: 24h, steps: [{path: /}, {path: /b}]}]\n"),
					Options{Engine: engine, Target: target})
				require.NoError(t, err)
				require.Eventually(t, func() bool { return r.State().Sent >= 5 && r.State().InFlight == 0 }, 20*time.Second, time.Millisecond)
				if hard {
					cancel()
				} else {
					r.Stop()
				}
				select {
				case <-r.Done():
				case <-time.After(20 * time.Second):
					t.Fatal("the run does not end")
				}
				require.Zero(t, r.Wait().Total.Failed)
				cancel()
			}
		}
	})
}

func TestBothEnginesAskForTheSame(t *testing.T) {
	ask := func(engine Engine) (asked []string) {
		var mu sync.Mutex
		target := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, r.URL.String())
		})
		res := runOver(t, engine, target, `
duration: 1s
seed: 11
executor: {kind: constant-rate, rate: 100, spacing: poisson}
scenarios:
  - {name: a, weight: 2, mix: [{path: "/{{n}}/{{random 1 1000}}"}, {path: "/{{pick a b c}}/{{n}}"}]}
  - {name: b, steps: [{path: "/b/{{n}}", thinkTime: {min: 1ms, max: 2ms}}, {path: "/c/{{n}}/{{random 1 9}}"}]}
`)
		require.Zero(t, res.Missed)
		require.Equal(t, signal.CheckPending, res.Check())
		mu.Lock() // the race detector does not see what is ordered by a socket
		defer mu.Unlock()
		slices.Sort(asked)
		return asked
	}
	if hasLoops {
		require.Equal(t, ask(EngineGoroutine), ask(EngineEpoll))
	}
}
