package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos/fault/compute"

	"gameday/engine/load"
	"gameday/engine/load/remote"
	"gameday/sources/signal"
)

// asCommand makes the test's program gameday itself, for tests that need several processes.
const asCommand = "GAMEDAY_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	quietGRPC()
	if os.Getenv(asCommand) != "" || len(os.Args) > 1 && (os.Args[1] == keeperCommand || os.Args[1] == compute.BurnCommand) { // its own keeper and burner, too
		os.Exit(start(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// process is a gameday of its own.
type process struct {
	*exec.Cmd
	out bytes.Buffer
}

func spawn(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &process{Cmd: exec.Command(self, args...)}
	p.Env = append(os.Environ(), asCommand+"=1")
	p.Stdout, p.Stderr = &p.out, &p.out
	require.NoError(t, p.Start())
	t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.Process.Kill() // it may have ended by itself
			_ = p.Wait()
		}
	})
	return p
}

// prometheus starts Debian's Prometheus with its receiver for remote write and returns its address.
func prometheus(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("no prometheus here: apt-get install prometheus")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, []byte("global: {scrape_interval: 1h}\n"), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	var said bytes.Buffer
	cmd := exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address,
		"--web.enable-remote-write-receiver", "--enable-feature=native-histograms")
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		_ = cmd.Wait() // how it ends is not what is tested
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get("http://" + address + "/-/ready")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return "http://" + address
			}
		}
		require.True(t, time.Now().Before(deadline), "prometheus does not get ready")
	}
}

// uneven answers after a time that depends on how many came before, over three orders of magnitude.
func uneven(t *testing.T) string {
	var mu sync.Mutex
	n := 0
	return target(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n++
		wait := time.Duration(200*math.Pow(1.5, float64(n%14))) * time.Microsecond
		fail := n%25 == 0
		mu.Unlock()
		time.Sleep(wait)
		if fail {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
}

// measuredOf reads what a part wrote of each of its requests: the latencies in seconds and how many failed.
func measuredOf(t *testing.T, name string) (latencies []float64, failed uint64) {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	at := map[string]int{}
	for i, c := range rows[0] {
		at[c] = i
	}
	for _, row := range rows[1:] {
		if row[at["warmup"]] == "true" {
			continue
		}
		ms, err := strconv.ParseFloat(row[at["latency_ms"]], 64)
		require.NoError(t, err)
		latencies = append(latencies, ms/1e3)
		if row[at["result"]] != "ok" {
			failed++
		}
	}
	return latencies, failed
}

// near fails unless a merged percentile is one that the requests could have: the rank's neighbours give room for how a
// quantile between two values is defined, the rest is the histogram's error.
func near(t *testing.T, q float64, got time.Duration, sorted []float64) {
	t.Helper()
	at := q * float64(len(sorted))
	low := sorted[max(int(math.Floor(at))-2, 0)] * (1 - remote.Error)
	high := sorted[min(int(math.Ceil(at))+1, len(sorted)-1)] * (1 + remote.Error)
	require.True(t, got.Seconds() >= low && got.Seconds() <= high, "p%g: %v is not between %v and %v s", q*100, got, low, high)
}

type merged struct {
	Total struct {
		Count, Failed uint64
		Rate          float64
		P50           float64 `json:"p50_ms"`
		P90           float64 `json:"p90_ms"`
		P95           float64 `json:"p95_ms"`
		P99           float64 `json:"p99_ms"`
		Max           float64 `json:"max_ms"`
		Mean          float64 `json:"mean_ms"`
	}
	Steps []struct{ Count uint64 }
	Parts []struct {
		Part, State string
		Requests    uint64
		Counts      bool
	}
	Errors map[string]uint64
	Notes  []string
}

func readMerged(t *testing.T, url, plan string, code int) (m merged) {
	t.Helper()
	got := call("load", "merged", "--prometheus", url, "--plan", plan, "--json")
	require.Equal(t, code, got.code, got.stdout+got.stderr)
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &m), got.stdout)
	return m
}

func TestPartsMergedByPrometheus(t *testing.T) {
	url, db, dir := uneven(t), prometheus(t), t.TempDir()
	plan := planFile(t, `warmup: 500ms
duration: 5s
target: `+url+`
executor: {kind: constant-rate, rate: 200}
scenarios: [{name: s, mix: [{name: one, path: /one}, {name: two, path: /two, weight: 3}]}]
`)
	begin := time.Now().Add(2 * time.Second).UTC().Format(time.RFC3339Nano)
	var parts []*process
	file := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%d.csv", i)) }
	for i := range 4 {
		parts = append(parts, spawn(t, "load", "run", plan, "--shard", fmt.Sprintf("%d/4", i+1), "--start-at", begin, "--remote-write", db,
			"--report-every", "1s", "--requests", file(i)))
	}
	follower, err := remote.NewPrometheus(db, nil)
	require.NoError(t, err)
	followed := remote.Follow(t.Context(), follower, remote.Options{Plan: "test"})
	require.True(t, followed.State().Running, "it waits for the first report")
	// The third is killed once it has reported something.
	p, err := remote.NewPrometheus(db, nil)
	require.NoError(t, err)
	defer p.Close()
	require.Eventually(t, func() bool {
		m, err := p.Merged(context.Background(), remote.Options{Plan: "test"})
		return err == nil && len(m.Parts) == 4 && m.Parts[2].State == remote.Running && m.Parts[2].Requests > 0
	}, 30*time.Second, 100*time.Millisecond)
	require.NoError(t, parts[2].Process.Kill())
	_ = parts[2].Wait()

	var all []float64
	var failed uint64
	for i, part := range parts {
		if i == 2 {
			continue
		}
		require.NoError(t, part.Wait(), part.out.String())
		require.Contains(t, part.out.String(), fmt.Sprintf("test, part %d/4", i+1))
		require.Contains(t, part.out.String(), "waits for its start at")
		require.NotContains(t, part.out.String(), "dropped", part.out.String())
		latencies, n := measuredOf(t, file(i))
		require.InDelta(t, 250, len(latencies), 3, "a quarter of a thousand")
		all, failed = append(all, latencies...), failed+n
	}
	slices.Sort(all)
	watchedParts(t, followed, uint64(len(all)), failed)

	var m merged
	require.Eventually(t, func() bool {
		m, err := p.Merged(context.Background(), remote.Options{Plan: "test"})
		return err == nil && m.Parts[2].State == remote.Lost
	}, 30*time.Second, 200*time.Millisecond, "silence is noticed")
	m = readMerged(t, db, "test", exitCannotRun)
	require.Equal(t, uint64(len(all)), m.Total.Count, "exactly what the others measured")
	require.Equal(t, failed, m.Total.Failed)
	require.Equal(t, map[string]uint64{"status 5xx": failed}, m.Errors)
	require.InDelta(t, 150, m.Total.Rate, 2)
	require.Equal(t, m.Total.Count, m.Steps[0].Count+m.Steps[1].Count)
	ms := func(v float64) time.Duration { return time.Duration(v * 1e6) }
	near(t, 0.5, ms(m.Total.P50), all)
	near(t, 0.9, ms(m.Total.P90), all)
	near(t, 0.95, ms(m.Total.P95), all)
	near(t, 0.99, ms(m.Total.P99), all)
	require.InDelta(t, all[len(all)-1]*1e3, m.Total.Max, 0.002, "the longest is exact")
	mean := 0.0
	for _, v := range all {
		mean += v / float64(len(all))
	}
	require.InEpsilon(t, mean*1e3, m.Total.Mean, 1e-3)
	t.Logf("%d requests: exact p50 %.3f p90 %.3f p95 %.3f p99 %.3f ms, merged %.3f %.3f %.3f %.3f", len(all), 1e3*all[len(all)/2],
		1e3*all[len(all)*9/10], 1e3*all[len(all)*95/100], 1e3*all[len(all)*99/100], m.Total.P50, m.Total.P90, m.Total.P95, m.Total.P99)
	require.False(t, m.Parts[2].Counts)
	for _, i := range []int{0, 1, 3} {
		require.Equal(t, string(remote.Finished), m.Parts[i].State)
	}
	got := call("load", "merged", "--prometheus", db, "--plan", "test")
	require.Equal(t, exitCannotRun, got.code)
	require.Regexp(t, `(?m)^step +count +rate +errors +p50 +p90 +p95 +p99 +max$`, got.stdout)
	require.Contains(t, got.stdout, "lost, and not in the figures: part 3/4, last heard of after")
	require.Contains(t, got.stdout, "3 of 4 parts")

	none := call("load", "merged", "--prometheus", db, "--plan", "other")
	require.Equal(t, exitCannotRun, none.code)
	require.Contains(t, none.stderr, "no run of plan \"other\"")
}

// watchedParts is what the cockpit was shown of a run one of whose four parts was killed.
func watchedParts(t *testing.T, f *remote.Followed, count, failed uint64) {
	t.Helper()
	select {
	case <-f.Done():
	case <-time.After(60 * time.Second):
		t.Fatal("the run is over, and it is still being looked at")
	}
	require.NoError(t, f.Err())
	s := f.State()
	require.False(t, s.Running)
	require.Equal(t, "3 of 4 parts", s.Scenario)
	require.Equal(t, count, s.Done, "exactly what the others measured")
	require.Equal(t, failed, s.Failed)
	require.Len(t, s.Thresholds, 1)
	require.Equal(t, signal.CheckFailed, s.Thresholds[0].Check)
	require.Contains(t, s.Thresholds[0].Why, "part 3/4 is lost after")
	require.Len(t, s.Steps, 2)
	require.Equal(t, count, s.Steps[0].Done+s.Steps[1].Done)
	require.Equal(t, 1.0, s.Spectrum[len(s.Spectrum)-1].Share)
	require.NotEmpty(t, s.Seconds)
	for _, sec := range s.Seconds {
		var hot uint64
		for _, n := range sec.Heat.Counts {
			hot += uint64(n)
		}
		require.LessOrEqual(t, hot, count)
		require.True(t, sec.To.After(sec.From))
	}
}

func TestLoadRunWritesRequests(t *testing.T) {
	url := uneven(t)
	dir := t.TempDir()
	args := []string{"load", "run", planFile(t, "warmup: 500ms\nduration: 2s\ntarget: "+url+"\n"+users)}
	for _, end := range []string{"csv", "jsonl", "jtl", "xml"} {
		args = append(args, "--requests", filepath.Join(dir, "r."+end))
	}
	got := call(append(args, "--out", filepath.Join(dir, "sum.json"))...)
	require.Zero(t, got.code, got.stdout+got.stderr)
	require.NotContains(t, got.stdout, "lacks")
	var sum struct {
		Total struct{ Count, Failed uint64 }
	}
	text, err := os.ReadFile(filepath.Join(dir, "sum.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &sum))
	latencies, failed := measuredOf(t, filepath.Join(dir, "r.csv"))
	require.Equal(t, sum.Total.Count, uint64(len(latencies)))
	require.Equal(t, sum.Total.Failed, failed)
	lines, err := os.ReadFile(filepath.Join(dir, "r.jsonl"))
	require.NoError(t, err)
	for _, line := range strings.Split(strings.TrimSpace(string(lines)), "\n") {
		require.True(t, json.Valid([]byte(line)), line)
	}
	for _, end := range []string{"jtl", "xml"} {
		rep, err := readResults(filepath.Join(dir, "r."+end))
		require.NoError(t, err)
		require.Equal(t, sum.Total.Count, rep.Total.Count, end)
		require.Equal(t, sum.Total.Failed, rep.Total.Failed, end)
		require.Contains(t, rep.Source, "gameday's requests")
		require.Equal(t, "status 5xx", rep.Errors[0].Kind)
		require.Len(t, rep.Steps, 2)
	}
}

func TestLoadScaleFlags(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"+30s": now.Add(30 * time.Second), "2026-11-23T10:00:01.5Z": now.Add(1500 * time.Millisecond),
		strconv.FormatInt(now.Unix(), 10): now, "": {},
	} {
		got, err := parseStart(text, now)
		require.NoError(t, err)
		require.True(t, got.Equal(want), text)
	}
	for _, bad := range []string{"+x", "+-3s", "tomorrow", "10:00"} {
		_, err := parseStart(bad, now)
		require.ErrorContains(t, err, "is not a time")
	}
	index := func(v string) func(string) string { return func(string) string { return v } }
	s, err := parseShard("job/20", index("2"))
	require.NoError(t, err)
	require.Equal(t, load.Shards{Index: 2, Of: 20}, s)
	_, err = parseShard("job/20", index(""))
	require.ErrorContains(t, err, jobIndex)
	_, err = parseShard("job/20", index("20"))
	require.ErrorContains(t, err, "21/20")

	plan := planFile(t, "duration: 1s\ntarget: http://127.0.0.1:1\n"+users)
	for _, tc := range []struct {
		args []string
		says string
	}{
		{[]string{"--shard", "0/3"}, "0/3"},
		{[]string{"--start-at", "2020-01-01T00:00:00Z"}, "past by this machine's clock"},
		{[]string{"--requests", "x.pdf"}, "must end in .csv, .jsonl, .jtl or .xml"},
		{[]string{"--remote-write", "ftp://x"}, "the address of remote write is not an address"},
		{[]string{"--remote-write", "http://x", "--remote-header", "A=${env:NOT_SET_HERE}"}, "${env:NOT_SET_HERE} is not set"},
		{[]string{"--remote-write", "http://x", "--report-every", "1ms"}, "must be between"},
	} {
		got := call(append([]string{"load", "run", plan}, tc.args...)...)
		require.Equal(t, exitCannotRun, got.code, got.stdout+got.stderr)
		require.Contains(t, got.stderr, tc.says)
	}
}

func TestReportsThatDoNotArriveAreTold(t *testing.T) {
	t.Setenv("GAMEDAY_TEST_TOKEN", "s3cret")
	url := target(t, func(http.ResponseWriter, *http.Request) {})
	asked := make(chan string, 100)
	sink := target(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- r.Header.Get("Authorization")
		http.Error(w, "out of bounds\x1b[2J", http.StatusBadRequest)
	})
	got := call("load", "run", planFile(t, "duration: 1s\ntarget: "+url+"\n"+users), "--remote-write", sink+"/?token=s3cret",
		"--remote-header", "Authorization=Bearer ${env:GAMEDAY_TEST_TOKEN}", "--report-every", "1s")
	require.Zero(t, got.code, got.stdout+got.stderr)
	require.Equal(t, "Bearer s3cret", <-asked)
	require.Contains(t, got.stdout, "the last figures did not arrive (0 reports taken,")
	require.Contains(t, got.stdout, "answered 400: out of bounds")
	require.NotContains(t, got.stdout+got.stderr, "s3cret")
	require.NotContains(t, got.stdout, "\x1b")
}
