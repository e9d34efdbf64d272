package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const formats = "../../testdata/load/formats/"

// called is what a command line led to.
type called struct {
	code           int
	stdout, stderr string
}

// call runs a command line in this process.
func call(args ...string) called {
	var out, err bytes.Buffer
	code := start(args, &out, &err)
	return called{code, out.String(), err.String()}
}

func planFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "plan.yaml")
	require.NoError(t, os.WriteFile(name, []byte("apiVersion: gameday/v1\nkind: Load\nmetadata: {name: test}\n"+text), 0o600))
	return name
}

func target(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(handle)
	t.Cleanup(srv.Close)
	return srv.URL
}

const users = "executor: {kind: constant-users, users: 2}\nscenarios: [{name: s, thinkTime: 5ms, steps: [{name: one, path: /one}, {name: two, path: /two}]}]\n"

func TestLoadRunExitCodes(t *testing.T) {
	url := target(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/two" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	for name, tc := range map[string]struct {
		plan string
		code int
		says []string
	}{
		"met":          {"duration: 1s\ntarget: ${gateway}\n" + users + "thresholds: [{stat: errors, step: one, expect: '= 0'}]\n", 0, []string{"✔ errors of one = 0", "verdict: all thresholds met"}},
		"not met":      {"duration: 1s\ntarget: ${gateway}\n" + users + "thresholds: [{stat: errors, expect: '< 1%'}]\n", 1, []string{"✘ errors < 1%: 50", "x status 5xx", "verdict: thresholds not met"}},
		"inconclusive": {"duration: 1s\ntarget: ${gateway}\n" + users + "thresholds: [{stat: p95, expect: '< 10s', minSamples: 1000000}]\n", 2, []string{"? p95", "verdict: inconclusive"}},
		"none":         {"duration: 1s\ntarget: ${gateway}\n" + users, 0, []string{"verdict: none"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := call("load", "run", planFile(t, tc.plan), "--target", url)
			require.Equal(t, tc.code, got.code, got.stdout+got.stderr)
			for _, w := range tc.says {
				require.Contains(t, got.stdout, w)
			}
			require.Regexp(t, `(?m)^step +count +rate +errors +p50 +p90 +p95 +p99 +max$`, got.stdout)
			require.NotContains(t, got.stdout+got.stderr, "\x1b", "no escape sequences without a terminal")
		})
	}
}

func TestLoadRunThatCannot(t *testing.T) {
	plan := planFile(t, "duration: 1s\ntarget: ${gateway}\n"+users)
	for _, tc := range []struct {
		args []string
		says string
	}{
		{[]string{"nothere.yaml"}, "nothere.yaml"},
		{[]string{plan}, "${gateway} is not set"},
		{[]string{plan, "--target", "http://127.0.0.1:1"}, "every request failed"},
		{[]string{plan, "--target", "http://127.0.0.1:1", "--out", "x.jtl"}, "give it to --requests"},
		{[]string{plan, "--target", "http://127.0.0.1:1", "--out", "x.pdf"}, "must end in"},
	} {
		got := call(append([]string{"load", "run"}, tc.args...)...)
		require.Equal(t, 2, got.code, got.stdout+got.stderr)
		require.Contains(t, got.stderr, tc.says)
	}
}

func TestLoadRunOutputs(t *testing.T) {
	url := target(t, func(http.ResponseWriter, *http.Request) {})
	dir := t.TempDir()
	name := func(end string) string { return filepath.Join(dir, "out"+end) }
	got := call("load", "run", planFile(t, "duration: 3s\ntarget: "+url+"\n"+users), "--out", name(".csv"), "--out", name(".jsonl"), "--out", name(".json"))
	require.Zero(t, got.code, got.stdout+got.stderr)
	csv, err := os.ReadFile(name(".csv"))
	require.NoError(t, err)
	rows := strings.Split(strings.TrimSpace(string(csv)), "\n")
	require.GreaterOrEqual(t, len(rows), 2)
	for _, row := range rows {
		require.Len(t, strings.Split(row, ","), len(secondNames), row)
	}
	lines, err := os.ReadFile(name(".jsonl"))
	require.NoError(t, err)
	for _, line := range strings.Split(strings.TrimSpace(string(lines)), "\n") {
		require.True(t, json.Valid([]byte(line)), line)
	}
	whole, err := os.ReadFile(name(".json"))
	require.NoError(t, err)
	var sum struct {
		Verdict string
		Total   struct {
			Count uint64
			P99   float64 `json:"p99_ms"`
		}
		Steps []struct{ Name string }
	}
	require.NoError(t, json.Unmarshal(whole, &sum))
	require.Equal(t, "pending", strings.ToLower(sum.Verdict))
	require.NotZero(t, sum.Total.Count)
	require.Positive(t, sum.Total.P99)
	require.Len(t, sum.Steps, 2)
}

// The first signal ends an endless run in order, with its summary.
func TestLoadRunEndsBySignal(t *testing.T) {
	var once sync.Once
	var hits atomic.Int64
	url := target(t, func(http.ResponseWriter, *http.Request) {
		if hits.Add(1) > 20 {
			once.Do(func() { _ = syscall.Kill(os.Getpid(), syscall.SIGINT) })
		}
	})
	got := call("load", "run", planFile(t, "target: "+url+"\n"+users))
	require.Equal(t, 3, got.code, got.stdout+got.stderr)
	require.Contains(t, got.stdout, `ended by signal "interrupt"`)
	require.Regexp(t, `total +\d\d`, got.stdout)
}

func TestLoadConvert(t *testing.T) {
	out := filepath.Join(t.TempDir(), "plan.yaml")
	for _, file := range []string{"shop.jmx", "shop.har", "shop-openapi.yaml"} {
		got := call("load", "convert", formats+file, "-o", out, "--force")
		require.Zero(t, got.code, got.stderr)
		require.Empty(t, got.stdout)
		require.Contains(t, got.stderr, "not converted")
		checked := call("check", out)
		require.Zero(t, checked.code, checked.stderr)
		got = call("load", "convert", formats+file, "-o", out)
		require.Equal(t, 2, got.code)
		require.Contains(t, got.stderr, "--force")
		got = call("load", "convert", formats+file, "--strict")
		require.Equal(t, 2, got.code)
		require.Empty(t, got.stdout, "no plan")
	}
	got := call("load", "convert", "curl -d a=1 http://h/x", "--strict")
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stdout, "method: POST")
}

// What was converted can be run, and asks for what the recording asked for, to the byte.
func TestConvertedPlansRun(t *testing.T) {
	t.Setenv("LOAD_COOKIE", "from=the-environment")
	t.Setenv("LOAD_AUTHORIZATION", "Bearer t")
	t.Setenv("API_TOKEN", "t")
	var mu sync.Mutex
	seen := map[string]string{}
	url := target(t, func(_ http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		mu.Lock()
		defer mu.Unlock()
		seen[r.Method+" "+r.RequestURI+" "+r.Header.Get("Cookie")] = body.String()
	})
	dir := t.TempDir()
	for i, source := range []string{formats + "shop.har", formats + "shop-openapi.yaml", `curl -d '{{n}} ${x}' 'http://h/lit{{eral'`} {
		out := filepath.Join(dir, fmt.Sprint(i, ".yaml"))
		got := call("load", "convert", source, "-o", out)
		require.Zero(t, got.code, got.stderr)
		plan, err := os.ReadFile(out)
		require.NoError(t, err)
		short := strings.Replace(strings.Replace(string(plan), "duration: 1m0s", "duration: 4s", 1), "rate: 5", "rate: 20", 1)
		require.NoError(t, os.WriteFile(out, []byte(short), 0o600))
		got = call("load", "run", out, "--target", url)
		require.Contains(t, []int{0, 2}, got.code, got.stdout+got.stderr) // statuses are not those of the recording
		require.Contains(t, got.stdout, "total", got.stderr)
	}
	mu.Lock()
	defer mu.Unlock()
	require.Contains(t, seen, "GET /products?sort=price%20up from=the-environment")
	require.Equal(t, `{"note":"{{hello}} ${you}","product":"p1"}`, seen["POST /cart "])
	require.Equal(t, "{{n}} ${x}", seen["POST /lit%7B%7Beral "])
	listed := 0
	for asked := range seen {
		if regexp.MustCompile(`^GET /v2/products\?limit=(1\d|2\d|3\d|4\d|50)&kind=(shoes|hats) $`).MatchString(asked) {
			listed++
		}
	}
	require.NotZero(t, listed)
}

func TestLoadRead(t *testing.T) {
	for file, tc := range map[string]struct {
		code int
		says string
	}{
		"results.jtl":              {0, "JMeter results (CSV)"},
		"results.xml":              {0, "JMeter results (XML)"},
		"k6-handle-summary.json":   {1, "✘ http_req_failed rate<0.01"},
		"k6-machine-readable.json": {0, "k6 2.2.0"},
		"gatling-3.11.log":         {0, "Gatling 3.11.5 log (text)"},
		"gatling-2.3.log":          {0, "buy / Add"},
		"shop.jmx":                 {2, ""},
		"nothere":                  {2, ""},
	} {
		got := call("load", "read", formats+file)
		require.Equal(t, tc.code, got.code, file+got.stderr)
		require.Contains(t, got.stdout, tc.says, file)
		if tc.code < 2 {
			got = call("load", "read", "--json", formats+file)
			require.True(t, json.Valid([]byte(got.stdout)), file)
		}
	}
}

func TestProgressLine(t *testing.T) {
	url := target(t, func(http.ResponseWriter, *http.Request) { time.Sleep(time.Millisecond) })
	got := call("load", "run", planFile(t, "duration: 6s\ntarget: "+url+"\n"+users))
	require.Zero(t, got.code, got.stderr)
	require.Regexp(t, `(?m)^test  \ds/6s  .*/s  in flight \d+  p95 .* errors 0 of \d+$`, got.stderr)
}
