package k6

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/engine/load/format/digest"
	"gameday/sources/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// k6Path is the k6 that `make test` puts into .cache/bin, or that is installed.
func k6Path(t *testing.T) string {
	t.Helper()
	own, err := filepath.Abs("../../../.cache/bin/k6")
	require.NoError(t, err)
	if _, err := os.Stat(own); err == nil {
		return own
	}
	path, err := exec.LookPath("k6")
	if err != nil {
		t.Skip("no k6 in .cache/bin and none in PATH: `GOBIN=$PWD/.cache/bin go install go.k6.io/k6@latest`")
	}
	return path
}

func script(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "script.js")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

const buying = `
import http from 'k6/http';
import { check, sleep, group } from 'k6';
export const options = { scenarios: { s: { executor: 'constant-vus', vus: 2, duration: '4s', gracefulStop: '1s' } },
  thresholds: { http_req_failed: ['rate<0.9'], checks: ['rate>0.99'] } };
export default function () {
  group('browse', () => { check(http.get(__ENV.TARGET + '/a'), { 'is good': (r) => r.status === 200 }); });
  check(http.get(__ENV.TARGET + '/fail'), { 'is better': (r) => r.status === 200 });
  sleep(0.05);
}`

func site(t *testing.T) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fail" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAScriptIsShownAndJudged(t *testing.T) {
	var mu sync.Mutex
	var seen []signal.MetricPoint
	r, err := Start(t.Context(), script(t, buying), Options{Path: k6Path(t), Env: []string{"TARGET=" + site(t)}, Emit: func(list []signal.MetricPoint) {
		mu.Lock()
		seen = append(seen, list...)
		mu.Unlock()
	}})
	require.NoError(t, err)
	rep, err := r.Wait()
	require.NoError(t, err)
	require.Equal(t, "script.js", rep.Title)
	require.Greater(t, rep.Total.Count, uint64(20))
	require.Equal(t, rep.Total.Count/2, rep.Total.Failed, "every second one")
	require.Equal(t, signal.CheckFailed, rep.Check())
	verdicts := map[string]signal.Check{}
	for _, v := range rep.Thresholds {
		verdicts[v.Name+" "+v.Expect] = v.Check
	}
	require.Equal(t, map[string]signal.Check{"http_req_failed rate<0.9": signal.CheckPassed, "checks rate>0.99": signal.CheckFailed}, verdicts)
	require.Contains(t, fmt.Sprint(rep.Errors), "check: is better")
	state := r.State()
	require.False(t, state.Running)
	require.NotZero(t, state.Done)
	var done, failed uint64
	for _, sec := range state.Seconds {
		done, failed = done+sec.Done, failed+sec.Failed
	}
	require.NotEmpty(t, state.Seconds)
	require.LessOrEqual(t, done, state.Done)
	require.Greater(t, 2*done, state.Done, "seconds are what has come since the one before")
	require.InDelta(t, float64(done)/2, float64(failed), 3)
	require.Equal(t, "browse", state.Steps[0].Name)
	require.NotZero(t, state.Steps[0].Done)
	require.NotZero(t, state.PhasesTotal.Wait)
	require.Equal(t, state.Failed, state.Errors[0].Count)
	require.Equal(t, 1.0, state.Spectrum[len(state.Spectrum)-1].Share)
	checks := state.Thresholds[len(state.Thresholds)-1]
	require.Equal(t, "checks", checks.Name)
	require.Regexp(t, `^(4\d|5\d)(\.\d+)? %$`, checks.Value)
	mu.Lock()
	defer mu.Unlock()
	find := func(name, labels string) (most float64) {
		most = -1
		for _, p := range seen {
			if p.Name == name && strings.Contains(p.Labels.String(), labels) && !math.IsNaN(p.V) {
				most = max(most, p.V)
			}
		}
		return most
	}
	require.Greater(t, find("gameday_load_rate", ""), 1.0)
	require.Equal(t, 2.0, find("gameday_load_users", ""))
	require.Greater(t, find("gameday_load_latency_seconds", "0.95"), 0.0)
	require.Greater(t, find("gameday_load_requests_total", "browse"), 1.0)
	require.Greater(t, find("gameday_load_errors_total", "requests"), 1.0)
	require.InDelta(t, 0.5, find("gameday_load_checks_success", ""), 0.1)
	_, err = os.Stat(r.folder)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestARunIsStopped(t *testing.T) {
	path, target := k6Path(t), site(t)
	long := strings.Replace(buying, "'4s'", "'10m'", 1)
	for name, stop := range map[string]func(*Run, context.CancelFunc){
		"stop":    func(r *Run, _ context.CancelFunc) { r.Stop(); r.Stop() },
		"context": func(_ *Run, cancel context.CancelFunc) { cancel() },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := Start(ctx, script(t, long), Options{Path: path, Env: []string{"TARGET=" + target}})
		require.NoError(t, err)
		require.Eventually(t, func() bool { return r.State().Done > 0 }, 30*time.Second, 50*time.Millisecond, name)
		require.True(t, r.State().Running)
		stop(r, cancel)
		rep, err := r.Wait()
		require.NoError(t, err, name)
		require.NotZero(t, rep.Total.Count, name)
		require.Contains(t, fmt.Sprint(rep.Notes), "interrupted", name)
		cancel()
	}
}

func TestWhatCannotRun(t *testing.T) {
	_, err := Start(t.Context(), script(t, ""), Options{Path: "/nothere/k6"})
	require.ErrorIs(t, err, ErrMissing)
	require.ErrorContains(t, err, "https://grafana.com/docs/k6")
	path := k6Path(t)
	_, err = Start(t.Context(), "/nothere.js", Options{Path: path})
	require.ErrorContains(t, err, "nothere.js")
	var out strings.Builder
	r, err := Start(t.Context(), script(t, "this is no script"), Options{Path: path, Output: &out})
	require.NoError(t, err)
	_, err = r.Wait()
	require.ErrorContains(t, err, "before it measured anything")
	require.Contains(t, out.String(), "Unexpected identifier")
}

// A k6 that is no k6 neither hangs nor crashes us.
func TestHostileEvents(t *testing.T) {
	s := stream{}
	s.event("param", `{"aggregates":{"trend":["avg"],"counter":["count","rate"]},"thresholds":{"a":["b"]}}`)
	s.event("metric", `{"b":{"type":"trend"},"a":{"type":"counter"}}`)
	values, _ := s.event("snapshot", `[[1,2],[3],[4]]`)
	require.Equal(t, series{"a": {"count": 1, "rate": 2}, "b": {"avg": 3}}, values)
	for _, data := range []string{"", "{", "[]", "[[1,2,3,4]]", `[["x"]]`, "null", `{"a":1}`, `[[1e999]]`} {
		for _, event := range []string{"param", "metric", "snapshot", "cumulative", "threshold", "stop", "x"} {
			values, _ := s.event(event, data)
			require.NotPanics(t, func() { points("p", values, values) })
			state("n", time.Now(), values, values, nil)
		}
	}
	require.Equal(t, digest.Unknown, digest.Milliseconds(math.NaN()))
}
