package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/spec"
)

func TestAWholePlan(t *testing.T) {
	p := plan(t, `
metadata: {name: shop, title: Steady load}
vars: {who: me}
seed: 3
warmup: 5s
duration: 1m
timeout: 3s
sampling: 25%
headers: {Accept: application/json}
executor: {kind: ramping-rate, rate: 5, spacing: poisson, stages: [{to: 50, for: 30s}, {to: 50, for: 30s}]}
scenarios:
  - name: browse
    weight: 3
    thinkTime: {min: 1s, max: 2s}
    mix:
      - {path: "/p/{{random 1 12}}", weight: 2, check: {status: [200, 3xx, "404"]}}
      - {name: list, method: HEAD, path: /p, thinkTime: {mean: 1s, deviation: 100ms}, timeout: 1s}
  - name: buy
    executor: {kind: constant-users, users: 4}
    steps:
      - {method: POST, path: "/buy/${who}", headers: {X-Key: "{{uuid}}"}, body: '{"n":{{n}}}', check: {status: 2xx}}
thresholds:
  - {stat: p95, step: list, expect: "< 200ms", minSamples: 100}
  - {stat: errors, expect: "< 1%"}
`)
	browse := p.Scenarios[0]
	require.Equal(t, "GET /p/{{random 1 12}}", browse.Mix[0].Name)
	require.Equal(t, 3*time.Second, browse.Mix[0].Timeout)
	require.Equal(t, time.Second, browse.Mix[1].Timeout)
	require.EqualValues(t, 0.25, p.Sampling)
	require.Equal(t, 250, p.Executor.MaxQueue)
	require.Equal(t, 512, p.Executor.MaxConnections)
	set := browse.Mix[0].Check.Status
	for status, want := range map[int]bool{199: false, 200: true, 201: false, 300: true, 399: true, 404: true, 500: false, 9999: false, -1: false} {
		require.Equal(t, want, set.Has(status), status)
	}
	require.Equal(t, ThinkTime{Mean: time.Second, Deviation: 100 * time.Millisecond}, *browse.Mix[1].ThinkTime)
}

func TestEverythingWrongWithAPlanIsSaidAtOnce(t *testing.T) {
	doc, err := spec.Parse("bad.yaml", []byte(`apiVersion: gameday/v1
kind: Load
target: shop
sampling: 300%
headers: {Content-Length: "5"}
executor: {kind: constant-rate, users: 3, stages: [{to: 1, for: 1s}], spacing: evenly}
duration: 1s
scenarios:
  - name: a
    thinkTime: {constant: 1s, min: 2s}
    steps:
      - {path: "a b", weight: 2, check: {status: [2xx, 20]}}
      - {path: /, method: FETCH, body: "{{uid}}"}
    mix: [{path: /}]
  - name: a
    executor: {kind: ramping-users, users: -1, rate: 4}
    weight: 3
    steps: [{path: /, timeout: -1s}, {path: /}]
  - name: c
    stepz: []
thresholds:
  - {stat: p97, expect: "< 200ms"}
  - {stat: p99, step: nope, expect: fast}
  - {stat: p99, expect: "< 1%"}
`))
	require.NoError(t, err)
	_, err = ParsePlan(doc)
	var problems *spec.Problems
	require.ErrorAs(t, err, &problems)
	for _, want := range []string{
		`bad.yaml:3:`, `is not an address such as http://127.0.0.1:8080`,
		`bad.yaml:4:`, `"300%" is not a share`,
		`bad.yaml:5:`, `Content-Length cannot be set`,
		`bad.yaml:6:`, `executor.rate: must be given and above 0`, `an open executor has a rate`, `only counts with ramping-rate`, `"evenly"`,
		`bad.yaml:10:`, `give one of constant, min and max`,
		`bad.yaml:12:`, `must start with /`, `only counts in a mix`, `"20" is not a status`,
		`bad.yaml:13:`, `"FETCH"`, `unknown value {{uid}}: use one of n, user, uuid`,
		`not both`,
		`bad.yaml:15:`, `another scenario is called "a" already`,
		`bad.yaml:16:`, `-1 must be between 0 and 1000000`, `ramping-users needs stages`, `only counts with an executor that has a rate`,
		`bad.yaml:17:`, `no meaning beside an executor`,
		`bad.yaml:18:`, `another step is called "GET /" already`, `-1s must be between`,
		`bad.yaml:20:`, `stepz`, `did you mean "steps"?`,
		`bad.yaml:22:`, `unknown statistic "p97"`,
		`bad.yaml:23:`, `no step is called "nope"`,
		`bad.yaml:24:`, `p99 is a time`,
	} {
		require.Contains(t, err.Error(), want)
	}
}

func TestPlansThatAreNotThere(t *testing.T) {
	_, err := LoadPlan(filepath.Join(t.TempDir(), "nope.yaml"))
	require.ErrorContains(t, err, "nope.yaml")
	file := filepath.Join(t.TempDir(), "bare.yaml")
	require.NoError(t, os.WriteFile(file, []byte("target: http://h\n"), 0o600))
	_, err = LoadPlan(file)
	require.ErrorContains(t, err, "apiVersion is missing")
	require.ErrorContains(t, err, "kind is missing")
	require.ErrorContains(t, err, "scenarios")
}

func TestVariablesAndTargetsAreJudgedAtTheStart(t *testing.T) {
	t.Setenv("SHOP_TOKEN", "s3cret")
	const head = "executor: {kind: constant-rate, rate: 1}\nduration: 1s\nscenarios: [{name: s, steps: [{name: one, path: "
	for text, want := range map[string]string{
		head + "'/${nope}'}]}]":                                         `step "one": path: variable ${nope} is not set`,
		head + "/, headers: {A: '${env:NO_SUCH_VARIABLE}'}}]}]":         "header A: variable ${env:NO_SUCH_VARIABLE} is not set",
		"vars: {p: 'a b'}\n" + head + "'/${p}'}]}]":                     "must be percent-encoded",
		head + "\"/${env:SHOP_TOKEN} x\", headers: {A: x}}]}]":          "must be percent-encoded",
		head + "/, method: POST, body: '${nope}'}]}]":                   "body: variable ${nope} is not set",
		"vars: {p: \"x\\ny\"}\n" + head + "/, headers: {A: '${p}'}}]}]": "control character",
	} {
		_, err := Start(t.Context(), plan(t, text+"\n"), Options{})
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, `start load "load"`)
		require.NotContains(t, err.Error(), "s3cret")
	}
	_, err := Start(t.Context(), plan(t, head+"/}]}]\n"), Options{Target: "gopher://x"})
	require.ErrorContains(t, err, "must start with http://")
}

func TestTheShopsPlans(t *testing.T) {
	files, err := filepath.Glob("../../testdata/load/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		p, err := LoadPlan(file)
		require.NoError(t, err)
		require.Equal(t, strings.TrimSuffix(filepath.Base(file), ".yaml"), p.Metadata.Name)
		_, err = compile(p, &Options{Vars: map[string]string{"gateway": "http://127.0.0.1:1"}})
		require.NoError(t, err)
	}
}

func TestSchemaKnowsThePlan(t *testing.T) {
	s, err := spec.Schema("gameday load plan", Plan{})
	require.NoError(t, err)
	for _, want := range []string{`"maxConnections"`, `"thinkTime"`, `"minSamples"`, `"constant-rate"`} {
		require.Contains(t, string(s), want)
	}
}

func FuzzPlan(f *testing.F) {
	f.Add("target: http://h\nexecutor: {kind: ramping-rate, stages: [{to: 5, for: 1s}]}\nscenarios: [{name: a, mix: [{path: '/{{n}}'}]}]\n")
	f.Add("target: ${x}\nscenarios: [{name: a, executor: {kind: constant-users, users: 3}, steps: [{path: /, thinkTime: {mean: 1s}}]}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := spec.Parse("", []byte(text))
		if err != nil {
			return
		}
		p, err := ParsePlan(doc)
		if err != nil {
			return
		}
		c, err := compile(p, &Options{Target: "http://h", Vars: map[string]string{"x": "http://h"}})
		if err != nil {
			return
		}
		for _, g := range c.groups {
			if !g.executor.Kind.Open() {
				continue
			}
			s := newSchedule(g.executor, g.profile, 1)
			var last time.Duration
			for n := range uint64(100) {
				due, ok := s.At(n)
				if !ok {
					break
				}
				if due < last {
					t.Fatalf("arrival %d goes back from %v to %v", n, last, due)
				}
				last = due
			}
		}
	})
}
