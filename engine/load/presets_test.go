package load

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/spec"
)

const oneStep = "\nscenarios: [{name: s, steps: [{name: one, path: /}]}]\n"

func TestTestsBecomeExecutors(t *testing.T) {
	second, minute := time.Second, time.Minute
	for text, want := range map[string]struct {
		executor Executor
		takes    time.Duration
	}{
		"{type: load, rate: 50}":                       {Executor{Kind: RampingRate, Stages: []Stage{{50, 30 * second}, {50, 5 * minute}, {0, 30 * second}}}, 6 * minute},
		"{type: load, users: 5, ramp: 0s, hold: 1m}":   {Executor{Kind: RampingUsers, Stages: []Stage{{5, 0}, {5, minute}, {0, 0}}}, minute},
		"{type: stress, rate: 50}":                     {Executor{Kind: RampingRate, Rate: 50, Stages: []Stage{{1000, 10 * minute}}}, 10 * minute},
		"{type: stress, users: 2, peak: 9, ramp: 20s}": {Executor{Kind: RampingUsers, Users: 2, Stages: []Stage{{9, 20 * second}}}, 20 * second},
		"{type: spike, rate: 7}": {Executor{Kind: RampingRate, Rate: 7, Stages: []Stage{
			{7, minute}, {70, 0}, {70, 30 * second}, {7, 0}, {7, 2 * minute}}}, 3*minute + 30*second},
		"{type: spike, users: 3, factor: 2.5, before: 9s, burst: 8s, after: 7s}": {Executor{Kind: RampingUsers, Users: 3, Stages: []Stage{
			{3, 9 * second}, {8, 0}, {8, 8 * second}, {3, 0}, {3, 7 * second}}}, 24 * second},
		"{type: endurance, rate: 5, spacing: poisson}":          {Executor{Kind: ConstantRate, Rate: 5}, time.Hour},
		"{type: endurance, users: 5, hold: 5h}":                 {Executor{Kind: ConstantUsers, Users: 5}, 5 * time.Hour},
		"{type: scalability, peak: 8, levels: 4, each: 10s}":    {Executor{Kind: RampingUsers, Users: 1, Stages: []Stage{{1, 10 * second}, {2, 0}, {2, 10 * second}, {4, 0}, {4, 10 * second}, {8, 0}, {8, 10 * second}}}, 40 * second},
		"{type: scalability, users: 10, levels: 100, peak: 14}": {Executor{Kind: RampingUsers, Users: 10, Stages: []Stage{{10, 30 * second}, {11, 0}, {11, 30 * second}, {12, 0}, {12, 30 * second}, {13, 0}, {13, 30 * second}, {14, 0}, {14, 30 * second}}}, 150 * second},
	} {
		p := plan(t, "test: "+text+oneStep)
		require.Equal(t, want.executor.Kind, p.Executor.Kind, text)
		require.Equal(t, want.executor.Rate, p.Executor.Rate, text)
		require.Equal(t, want.executor.Users, p.Executor.Users, text)
		require.Equal(t, want.executor.Stages, p.Executor.Stages, text)
		require.Equal(t, want.takes, newProfile(p.Executor, 0, p.Duration).end(), text)
	}
	p := plan(t, "test: {type: scalability}"+oneStep)
	require.Equal(t, []float64{1, 2, 3, 6, 11, 20, 35, 64}, p.Test.levels())
	require.Equal(t, 6*time.Second, p.Test.Settle)
	p = plan(t, "test: {type: stress, rate: 10, spacing: poisson, maxConnections: 7, maxQueue: 9}"+oneStep)
	require.Equal(t, "poisson", p.Executor.Spacing)
	require.Equal(t, 7, p.Executor.MaxConnections)
	require.Equal(t, 9, p.Executor.MaxQueue)
	require.Equal(t, 1000, plan(t, "test: {type: stress, rate: 10}"+oneStep).Executor.MaxQueue, "five seconds' worth of the peak")
}

func TestWhatIsWrongWithATest(t *testing.T) {
	for text, want := range map[string]string{
		"{rate: 5}":                                                       "bad.yaml:4:1: test.type: is required",
		"{type: soak, rate: 5}":                                           `"soak" is not one of load, stress`,
		"{type: load}":                                                    "test: needs the usual load",
		"{type: load, rate: 5, users: 3}":                                 "not both",
		"{type: load, rate: -5}":                                          "test.rate: -5 must be between",
		"{type: load, rate: 5, factor: 2}":                                "test.factor: has no meaning in a test of type load: it goes with spike",
		"{type: load, rate: 5, hold: 0s}":                                 "test.hold: must be above 0s",
		"{type: load, rate: 5, limits: {multiple: 3}}":                    "only counts in a stress test",
		"{type: stress, rate: 5, peak: 4}":                                "test.peak: 4 must be above 5, where it begins",
		"{type: stress, rate: 5, ramp: -1s}":                              "test.ramp: -1s must be between",
		"{type: stress, rate: 5, after: 90000h}":                          "test.after",
		"{type: stress, rate: 5, limits: {errors: 500%}}":                 "is not a share",
		"{type: spike, rate: 5, factor: 1}":                               "test.factor: 1 must be above 1",
		"{type: spike, rate: 5, factor: .nan}":                            "test.factor",
		"{type: spike, rate: 5000000}":                                    "5e+06 times as much at most 10000000",
		"{type: spike, users: 5, tolerance: {p95: -1}}":                   "test.tolerance.p95",
		"{type: endurance, rate: 5, hold: 1m, settle: 1m}":                "test.settle: 1m0s leaves nothing",
		"{type: scalability, rate: 5}":                                    "test.rate: has no meaning in a test of type scalability",
		"{type: scalability, levels: 3}":                                  "test.levels: 3 must be between 4",
		"{type: scalability, peak: 3}":                                    "only 3 different levels",
		"{type: scalability, users: 0}":                                   "test.users: must be given and above 0",
		"{type: scalability, spacing: even}":                              "only counts with a rate",
		"{type: load, rate: 1}\nexecutor: {kind: constant-rate, rate: 1}": "bad.yaml:5:1: executor: a test says itself",
		"{type: load, rate: 1}\nduration: 1m":                             "bad.yaml:5:11: duration: a test says itself how long",
	} {
		doc, err := spec.Parse("bad.yaml", []byte("apiVersion: gameday/v1\nkind: Load\ntarget: http://h\ntest: "+text+oneStep))
		require.NoError(t, err)
		_, err = ParsePlan(doc)
		require.ErrorContains(t, err, want, text)
	}
	doc, err := spec.Parse("bad.yaml", []byte("target: http://h\ntest: {type: load, rate: 1}\nscenarios: [{name: s, executor: {kind: constant-rate, rate: 1}, steps: [{path: /}]}]\n"))
	require.NoError(t, err)
	_, err = ParsePlan(doc)
	require.ErrorContains(t, err, "a test drives all scenarios")
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"http://h": true, "https://h:1/base": true, "kafka://a:9092,b:9092": true, "sqlite:shop.db": true, "sqlite:///shop.db": true, "tcp://[::1]:1": true,
		"http://": false, "http://a:b": false, "kafka://": false, "shop": false, "://x": false, "file:///etc/passwd": false, "files": false, "a:1": false,
	} {
		require.Equal(t, want, address(text), text)
	}
}

func TestFingerprintIsOfWhatIsSent(t *testing.T) {
	const base = "executor: {kind: constant-rate, rate: 5}\nscenarios: [{name: s, steps: [{name: one, path: /, headers: {A: '${tier}'}}]}]\n"
	of := func(text string, o Options) string { return plan(t, text).Fingerprint(&o) }
	vars := map[string]string{"tier": "gold"}
	want := of(base, Options{Vars: vars})
	for _, same := range []string{
		base, base + "duration: 5s\n", base + "warmup: 5s\nmetadata: {name: other}\n", base + "timeout: 1s\nthresholds: [{stat: p95, expect: '< 1s'}]\n",
		"executor: {kind: constant-rate, rate: 5}\nscenarios: [{name: s, steps: [{name: one, path: /, headers: {A: '${tier}'}, check: {status: 200}}]}]\n",
	} {
		require.Equal(t, want, of(same, Options{Vars: vars}), same)
	}
	require.Equal(t, want, of(base, Options{Target: "http://x", Vars: map[string]string{"tier": "gold", "gateway": "http://y"}}))
	for _, other := range []string{
		"executor: {kind: constant-rate, rate: 6}\nscenarios: [{name: s, steps: [{name: one, path: /, headers: {A: '${tier}'}}]}]\n",
		"executor: {kind: constant-rate, rate: 5}\nscenarios: [{name: s, steps: [{name: one, path: /2, headers: {A: '${tier}'}}]}]\n",
		"executor: {kind: constant-rate, rate: 5}\nscenarios: [{name: s, steps: [{name: one, path: /, headers: {B: '${tier}'}}]}]\n",
		base + "seed: 2\n",
		"executor: {kind: constant-rate, rate: 5}\nscenarios: [{name: s, steps: [{name: one, sql: {query: select 1}, target: 'sqlite:x'}]}]\n",
	} {
		require.NotEqual(t, want, of(other, Options{Vars: vars}), other)
	}
	require.NotEqual(t, want, of(base, Options{Vars: map[string]string{"tier": "silver"}}))
	require.NotEqual(t, want, of(base, Options{Vars: vars, Seed: 9}))
	require.NotEqual(t, want, of(base, Options{Vars: vars, Shards: Shards{Index: 1, Of: 2}}))
}
