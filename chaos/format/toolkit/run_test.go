package toolkit

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/experiment"
	"gameday/chaos/fault/action"
	"gameday/chaos/fault/compute"
	"gameday/chaos/format"
	"gameday/chaos/journal"
	"gameday/chaos/probe"
	"gameday/sources/signal"
)

// nobody answers for what gameday holds: these experiments ask the system itself.
type nobody struct{}

func (nobody) PromQL(context.Context, string, time.Time) (float64, bool, signal.TraceID, error) {
	return 0, false, signal.TraceID{}, nil
}
func (nobody) LoadStat(string, string, time.Duration) (float64, bool, signal.TraceID) {
	return 0, false, signal.TraceID{}
}
func (nobody) CountLogs(context.Context, string, time.Duration) (int, signal.TraceID, error) {
	return 0, signal.TraceID{}, nil
}
func (nobody) TraceStat(context.Context, string, string, time.Duration) (float64, bool, signal.TraceID, error) {
	return 0, false, signal.TraceID{}, nil
}
func (nobody) ProcessState(string) (string, bool) { return "", false }

// shop is a server that a request breaks and another one repairs, and that keeps what it was asked.
type shop struct {
	mu     sync.Mutex
	broken bool
	asked  []string
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Path {
	case "/break":
		s.broken = true
		s.asked = append(s.asked, "break "+r.Header.Get("X-Token"))
	case "/repair":
		s.broken = false
		s.asked = append(s.asked, "repair")
	default:
		if s.broken {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprint(w, `{"state": "up"}`)
	}
}

const breaking = `{
  "title": "the shop is broken and repaired", "configuration": {"base": "%[1]s"},
  "secrets": {"shop": {"token": {"type": "env", "key": "TOOLKIT_TEST_TOKEN"}}},
  "steady-state-hypothesis": {"title": "the shop is up", "probes": [
    {"type": "probe", "name": "state", "tolerance": {"type": "jsonpath", "path": "$.state", "expect": ["up"], "target": "body"}, "provider": {"type": "http", "url": "${base}/"}},
    {"type": "probe", "name": "status", "tolerance": 200, "provider": {"type": "http", "url": "${base}/"}},
    {"type": "probe", "name": "no flag", "tolerance": 1, "provider": {"type": "process", "path": "test", "arguments": ["-e", "%[2]s"]}}
  ]},
  "method": [
    {"type": "action", "name": "flag", "provider": {"type": "process", "path": "touch", "arguments": ["%[2]s"]}, "pauses": {"after": 0.5}},
    {"type": "action", "name": "break", "provider": {"type": "http", "url": "${base}/break", "method": "POST", "secrets": ["shop"], "headers": {"X-Token": "${token}"}}}
  ],
  "rollbacks": [%[3]s
    {"type": "action", "name": "unflag", "provider": {"type": "process", "path": "rm", "arguments": ["-f", "%[2]s"]}}
  ],
  "runtime": {"hypothesis": {"strategy": "%[4]s", "frequency": 0.2}}
}`

// run converts and really runs: requests, programs, journal and rollback.
func run(t *testing.T, repair, strategy string) (signal.ExperimentState, *shop, string) {
	t.Helper()
	t.Setenv("TOOLKIT_TEST_TOKEN", "s3cret")
	s := &shop{}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	flag := filepath.Join(t.TempDir(), "flag")
	docs, err := format.Read("x.json", fmt.Appendf(nil, breaking, srv.URL, flag, repair, strategy))
	require.NoError(t, err)
	faults := []chaos.Fault{action.NewDo(), action.NewWithUndo()}
	res, err := Convert(docs, format.Options{Faults: faults})
	require.NoError(t, err)
	require.Zero(t, res.Coverage.Count(format.NotConverted), res.Coverage)
	require.NoError(t, res.Refuse(false))
	res.Experiment.Durations.Before, res.Experiment.Durations.After = 600*time.Millisecond, time.Second

	dir := filepath.Join(t.TempDir(), "journals")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	j, err := journal.Create(dir, "test")
	require.NoError(t, err)
	c, err := chaos.NewController(chaos.Config{Journal: j, Faults: faults, Inventory: compute.Host()})
	require.NoError(t, err)
	got := experiment.Run(t.Context(), experiment.RunConfig{Experiment: res.Experiment, Controller: c, Observer: nobody{},
		Event: func(signal.Event) uint64 { return 0 }, Environment: "test"})
	data, err := os.ReadFile(j.Path())
	require.NoError(t, err)
	require.NotContains(t, string(data)+string(res.YAML), "s3cret", "a secret is only referred to")
	require.NoError(t, c.Close(context.WithoutCancel(t.Context())))
	return got.State, s, flag
}

const repairing = `{"type": "action", "name": "repair", "provider": {"type": "http", "url": "${base}/repair"}},`

func TestReallyRun(t *testing.T) {
	state, s, flag := run(t, repairing, "default")
	require.Equal(t, signal.VerdictHeld, state.Verdict, state.Reason)
	require.Equal(t, []string{"break s3cret", "repair"}, s.asked)
	require.NoFileExists(t, flag)
}

func TestReallyRunThatDoesNotHold(t *testing.T) {
	state, _, flag := run(t, repairing, "continuously")
	require.Equal(t, signal.VerdictBroken, state.Verdict, state.Reason)
	require.NoFileExists(t, flag, "it is rolled back all the same")

	state, s, _ := run(t, "", "default")
	require.Equal(t, signal.VerdictBroken, state.Verdict, state.Reason)
	require.Equal(t, []string{"break s3cret"}, s.asked)
}

// A function runs through the toolkit, here one that pretends: it takes its experiment from a file and says how it went.
func TestPython(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "chaos")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\ncp \"$4\" "+dir+"/seen.json\nprintf '{\"status\": \"completed\", \"run\": [{\"status\": \"'$OUTCOME'\"}]}' >\"$3\"\n"), 0o700))
	text := `{"title": "x", "configuration": {"o": {"type": "env", "key": "OUTCOME"}}, "method": [{"type": "action", "name": "f", "provider": {"type": "python", "module": "m", "func": "f", "arguments": {"n": 3, "s": "${o}"}}}]}`
	docs, err := format.Read("x.json", []byte(text))
	require.NoError(t, err)
	res, err := Convert(docs, format.Options{Chaos: program})
	require.NoError(t, err)
	step := res.Experiment.Method[0].Sequence[0]
	for outcome, fails := range map[string]bool{"succeeded": false, "failed": true} {
		t.Setenv("OUTCOME", outcome)
		args, errs := chaos.CheckArgs(action.NewDo().Params(), chaos.Args(step.Args))
		require.Empty(t, errs)
		change, err := action.NewDo().Plan(t.Context(), nil, args)
		require.NoError(t, err)
		require.Equal(t, fails, change.Apply(t.Context()) != nil, outcome)
		seen, err := os.ReadFile(filepath.Join(dir, "seen.json"))
		require.NoError(t, err)
		require.Contains(t, string(seen), `"arguments":{"n":3,"s":"\u0024{o}"}`)
	}
}

// A tolerance that is a probe is given what the probe came to: the toolkit judges it, here one that pretends.
func TestToleranceThatIsAProbe(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "chaos")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\ncp \"$4\" "+dir+"/seen.json\nprintf '{\"steady_states\": {\"before\": {\"steady_state_met\": '$OUTCOME'}}}' >\"$3\"\nexit $CODE\n"), 0o700))
	provider := `"provider": {"type": "http", "url": "http://127.0.0.1:1/", "headers": {"Authorization": "%s"}}`
	probeWith := func(header, tolerance string) string {
		return `{"title": "x", "configuration": {"o": {"type": "env", "key": "OUTCOME"}, "c": {"type": "env", "key": "CODE"}}, "steady-state-hypothesis": {"title": "h", "probes": [{"type": "probe", "name": "p", ` +
			fmt.Sprintf(provider, header) + `, "tolerance": ` + tolerance + `}]}, "method": [` + anAction + `]}`
	}
	tolerance := `{"type": "probe", "name": "ok", "provider": {"type": "python", "module": "m", "func": "f", "arguments": {"n": 3}}}`
	convert := func(text, program string) *format.Result {
		docs, err := format.Read("x.json", []byte(text))
		require.NoError(t, err)
		res, err := Convert(docs, format.Options{Chaos: program})
		require.NoError(t, err)
		return res
	}
	res := convert(probeWith("", tolerance), program)
	require.Len(t, res.Experiment.SteadyState.Probes, 1)
	c := res.Experiment.SteadyState.Probes[0]
	for _, x := range []struct {
		outcome, code string
		want          signal.Check
	}{{"true", "0", signal.CheckPassed}, {"false", "1", signal.CheckFailed}, {"null", "1", signal.CheckFailed}} {
		t.Setenv("OUTCOME", x.outcome)
		t.Setenv("CODE", x.code)
		p, err := probe.New(c, nobody{}, nil)
		require.NoError(t, err)
		reading := p.Measure(t.Context())
		require.Equal(t, x.want, c.Expect.Judge(reading), "%s: %s", x.outcome, reading.Err)
	}
	seen, err := os.ReadFile(filepath.Join(dir, "seen.json"))
	require.NoError(t, err)
	require.Contains(t, string(seen), `"arguments":{"n":3}`)

	require.NotContains(t, string(convert(probeWith("", tolerance), "").YAML), "name: p", "without the toolkit it cannot be judged")
	res = convert(probeWith("Bearer s3cret", tolerance), program)
	require.NotContains(t, string(res.YAML), "name: p")
	require.NotContains(t, string(res.YAML)+fmt.Sprint(res.Coverage), "s3cret")
}
