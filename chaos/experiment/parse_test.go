package experiment_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/experiment"
	everything "gameday/chaos/fault"
	"gameday/chaos/proxy"
	"gameday/sources/spec"
)

// TestBrokenFiles: every fault of a file at once, each with its line and what would be right.
func TestBrokenFiles(t *testing.T) {
	cfg := experiment.ParseConfig{Faults: catalog, Vars: []string{"gateway"}, CheckLoad: func(d *spec.Document) {
		if !d.Has("scenarios") {
			d.Reportf("scenarios", "is required")
		}
	}}
	for name, c := range map[string]struct{ text, want string }{
		"empty":  {"", "x.yaml:1:1: the file is empty"},
		"no map": {"- a\n- b\n", `x.yaml:1:1: expected a map with apiVersion, kind, metadata, hypothesis, steadyState, load …, found a list`},
		"nothing required is there": {"kind: Experiment\n", strings.Join([]string{
			"x.yaml:1:1: apiVersion: is required: gameday/v1",
			"x.yaml:1:1: metadata: is required: what the experiment is called",
			"x.yaml:1:1: hypothesis: is required: the claim that is tested, in one sentence",
			"x.yaml:1:1: steadyState: is required: what is true of the system when all is well; checked before, throughout and after",
			"x.yaml:1:1: method: is required: the faults and when they are in force; they may overlap"}, "\n")},
		"another kind": {with(slow, "kind: Experiment", "kind: Load", "gameday/v1", "gameday/v2"), strings.Join([]string{
			`x.yaml:2:13: apiVersion: "gameday/v2" is not one of gameday/v1 (did you mean "gameday/v1"?)`,
			`x.yaml:3:7: kind: "Load" is not one of Experiment`}, "\n")},
		"an expectation without quotes": {with(slow, `{name: success, load: {stat: success, over: 2s}, expect: "> 99%"}`, "name: s\n      promql: up\n      expect: > 99%"),
			`x.yaml:11:15: a value that begins with > or | must be in quotes: "> 99%"`},
		"misspelt words": {with(slow, "hypothesis", "hypotesis", "{for: 10s", "{fro: 10s", "stat: p95", "stat: p59", "latency: 800ms", "latancy: 800ms"), strings.Join([]string{
			`x.yaml:2:1: hypothesis: is required: the claim that is tested, in one sentence`,
			`x.yaml:5:1: hypotesis: unknown field (did you mean "hypothesis"?)`,
			`x.yaml:8:32: steadyState.probes[0].load.stat: "p59" is not one of mean, p50, p75, p90, p95, p99, p999, max, rate, errors, success, count, missed (did you mean "p95"?)`,
			`x.yaml:12:6: method[0].fro: unknown field (did you mean "for"?)`,
			`x.yaml:12:6: method[0].for: is required: say how long network.latency is in force`,
			`x.yaml:12:68: method[0].args.latency: is required: how much later`,
			`x.yaml:12:84: method[0].args.latancy: is unknown; did you mean latency?`}, "\n")},
		"an unknown fault":         {with(slow, "network.latency", "netwrk.latency"), `x.yaml:12:23: method[0].fault: no fault is called "netwrk.latency" (did you mean "network.latency"?)`},
		"a fault by its last name": {with(slow, "network.latency", "kill"), `x.yaml:12:23: method[0].fault: no fault is called "kill" (did you mean "process.kill"?)`},
		"wrong args": {with(slow, "800ms", "8 fortnights", "target: {service: payment}", "target: {}"), strings.Join([]string{
			`x.yaml:12:40: method[0].target: the selector names no target; give service, name or a label, or name: "*" for all`,
			`x.yaml:12:68: method[0].args.latency: 8 fortnights is not a duration; write it with its unit, such as "800ms" or "1.5s"`}, "\n")},
		"links of a process fault": {with(slow, "network.latency, target: {service: payment}, args: {latency: 800ms}", "process.kill, target: {from: a, to: b}, args: {signal: HUP}"), strings.Join([]string{
			`x.yaml:12:37: method[0].target: from and to select links, but this fault hits a process; select it by service or name`,
			`x.yaml:12:78: method[0].args.signal: "HUP" is not one of KILL, TERM`}, "\n")},
		"a kill at the very end": {with(slow, "  - {for: 10s", "  - {at: 10s, fault: process.kill, target: {name: db}}\n  - {for: 10s"),
			`x.yaml:12:6: method[0].for: is required: this step comes at the end of the method, and nothing would be watched after it`},
		"empty lists": {"apiVersion: gameday/v1\nkind: Experiment\nmetadata: {name: a b}\nhypothesis: ' '\nsteadyState: {probes: []}\nmethod: []\n", strings.Join([]string{
			`x.yaml:3:18: metadata.name: "a b" is no name: use up to 63 letters, digits, - _ and .`,
			`x.yaml:4:13: hypothesis: is empty: say what is claimed`,
			`x.yaml:5:15: steadyState.probes: a steady state needs at least one probe`,
			`x.yaml:6:1: method: is empty: without a fault nothing is tested`}, "\n")},
		"probes": {with(slow, "- {name: success", "- {name: p95", `"< 200ms"`, `"< 200"`, `expect: "> 99%"}`, `expect: "> 99%"}
    - {name: up, http: "${gatewy}/healthz", expect: "= 200"}
    - {name: two, promql: up, process: a, expect: "= 1"}
    - {name: none, expect: "= 1"}
    -`), strings.Join([]string{
			`x.yaml:8:56: steadyState.probes[0].expect: p95 is a time; write its unit, as in "< 200ms"`,
			`x.yaml:9:14: steadyState.probes[1].name: "p95" is the name of another probe`,
			`x.yaml:10:24: steadyState.probes[2].http: the variable "${gatewy}" is not known (did you mean "gateway"?)`,
			`x.yaml:11:8: steadyState.probes[3]: has promql and process; a probe has one kind of measurement`,
			`x.yaml:12:8: steadyState.probes[4]: needs one kind of measurement: promql, load, http, tcp, grpc, command, process, logs, traces`,
			`x.yaml:13:6: steadyState.probes[5]: is empty`}, "\n")},
		"phases too short": {with(slow, "before: 5s, after: 8s", "before: 2s, after: 30h, during: 4s"), strings.Join([]string{
			`x.yaml:14:37: durations.before: the phase "before" lasts 2s, too short to judge the probe "p95": it looks back 3s every 1s, so 4s are needed`,
			`x.yaml:14:48: durations.after: 30h0m0s is outside 0s to 24h`,
			`x.yaml:14:61: durations.during: 4s is shorter than the method, which ends at 10s`}, "\n")},
		"blast radius": {with(slow, "{environments: [demo]}", "{maxTargets: -1, percent: 0.5, envs: [demo]}"), strings.Join([]string{
			`x.yaml:13:27: blastRadius.maxTargets: -1 is less than none`,
			`x.yaml:13:40: blastRadius.percent: 0.5 can be read two ways; write 50% or 0.5%`,
			`x.yaml:13:45: blastRadius.envs: unknown field (known: maxTargets, percent, environments, protected, hours)`}, "\n")},
		"abort": {slow + `abort:
  - {probe: p59}
  - {probe: p95, load: {stat: max}, when: "> 1s"}
  - {for: 3s}
  - {promql: up}
  - {load: {stat: errors}, when: "> 50", for: -1s}
  - {http: "${gateway}", when: often}
`, strings.Join([]string{
			`x.yaml:16:13: abort[0].probe: no probe is called "p59" (did you mean "p95"?)`,
			`x.yaml:17:6: abort[1]: has a probe and load; give one of them`,
			`x.yaml:18:6: abort[2]: needs the name of a probe, or a measurement: promql, load, http, tcp, grpc, command, process, logs, traces`,
			`x.yaml:19:6: abort[3].when: is required: say what makes it fire, such as "> 50%"`,
			`x.yaml:20:34: abort[4].when: errors is a share; write it as in "> 99%" or "> 0.99"`,
			`x.yaml:20:47: abort[4].for: -1s is outside 0s to 24h`,
			`x.yaml:21:32: abort[5].when: "often" does not begin with >, >=, <, <=, =, !=, in, one of, matches, json, baseline or connects`}, "\n")},
		"load":          {with(slow, "{file: plan.yaml}", "{file: plan.yaml, rate: 3}"), `x.yaml:10:25: load.rate: unknown field (known: file)`},
		"load in place": {with(slow, "{file: plan.yaml}", "{target: x}"), `x.yaml:10:1: load.scenarios: is required`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := experiment.Parse("x.yaml", []byte(c.text), cfg)
			require.EqualError(t, err, c.want)
		})
	}
}

func TestDefaultsAndLengths(t *testing.T) {
	e := parse(t, with(slow, "durations: {warmup: 4250ms, before: 5s, after: 8s}", ""))
	require.Equal(t, experiment.Durations{Warmup: 5 * time.Second, Before: 10 * time.Second, After: 30 * time.Second}, e.Durations)
	require.Equal(t, 10*time.Second, e.During())
	require.Equal(t, 55*time.Second, e.Total())
	require.Equal(t, "slow", e.Title(), "the name stands in for a title")
	require.Equal(t, "plan.yaml", e.Load.File)
	require.Equal(t, []chaos.Request{{Kind: "network.latency", Select: chaos.Selector{Service: "payment"}, Args: chaos.Args{"latency": "800ms"},
		For: 10 * time.Second, Title: "payment +800ms", Blast: chaos.BlastRadius{Environments: []string{"demo"}}}}, e.Requests())

	e = parse(t, with(slow, "load: {file: plan.yaml}\n", "", "durations: {warmup: 4250ms, ", "durations: {during: 20s, "))
	require.Zero(t, e.Durations.Warmup, "without load there is nothing to warm up")
	require.Equal(t, 20*time.Second, e.During())
}

func TestLoadFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "slow.yaml")
	require.NoError(t, os.WriteFile(file, []byte(slow), 0o600))
	cfg := experiment.ParseConfig{CheckLoad: func(d *spec.Document) { d.Reportf("rate", "is missing") }}
	_, err := experiment.Load(filepath.Join(dir, "none.yaml"), cfg)
	require.ErrorIs(t, err, os.ErrNotExist)
	plan := filepath.Join(dir, "plan.yaml")
	_, err = experiment.Load(file, cfg)
	require.EqualError(t, err, file+":10:14: load.file: read "+plan+": no such file or directory")
	require.NoError(t, os.WriteFile(plan, []byte("target: x\n"), 0o600))
	_, err = experiment.Load(file, cfg)
	require.EqualError(t, err, file+":10:14: load.file: "+plan+":1:1: rate: is missing")
	e, err := experiment.Load(file, experiment.ParseConfig{})
	require.NoError(t, err)
	require.Equal(t, plan, e.Load.File, "found from the experiment's own folder")
}

// realCatalog is the catalog as the program has it.
func realCatalog() []chaos.Fault {
	return everything.Catalog(everything.Parts{Links: proxy.NewSet(), Seed: 1})
}

// TestShippedExperiments: what comes with the program is right, short, and kept within the demo.
func TestShippedExperiments(t *testing.T) {
	files, err := filepath.Glob("../../testdata/experiments/*.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 5)
	for _, file := range files {
		e, err := experiment.Load(file, experiment.ParseConfig{Faults: realCatalog(), Vars: []string{"gateway"}})
		require.NoError(t, err)
		require.Equal(t, strings.TrimSuffix(filepath.Base(file), ".yaml"), e.Metadata.Name)
		require.Less(t, e.Total(), 50*time.Second, file)
		require.NotContains(t, e.BlastRadius.Environments, "production", file)
		require.Positive(t, e.BlastRadius.MaxTargets, file)
		require.NotEmpty(t, e.Abort, file)
		require.NotNil(t, e.Load.Inline, file)
		require.Contains(t, e.Load.Inline.Keys(""), "scenarios", file)
	}
}

func TestSchema(t *testing.T) {
	out, err := experiment.Schema(catalog)
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(out, &m))
	step := m["$defs"].(map[string]any)["Step"].(map[string]any)
	fault := step["properties"].(map[string]any)["fault"].(map[string]any)
	require.Equal(t, []any{"network.latency", "network.partition", "process.kill"}, fault["enum"])
	rules := step["allOf"].([]any)
	require.Len(t, rules, 4)
	require.Equal(t, []any{"target"}, rules[0].(map[string]any)["then"].(map[string]any)["required"])
	then := rules[1].(map[string]any)["then"].(map[string]any)
	require.Equal(t, []any{"args"}, then["required"])
	require.Len(t, then["oneOf"], 2, "for, or untilEnd")
	args := then["properties"].(map[string]any)["args"].(map[string]any)
	require.Equal(t, []any{"latency"}, args["required"])
	require.Equal(t, false, args["additionalProperties"])
	require.ElementsMatch(t, []any{"apiVersion", "kind", "metadata", "hypothesis", "steadyState", "method"}, m["required"])
	require.Contains(t, string(out), `"when"`)
	_, err = experiment.Schema(nil)
	require.NoError(t, err)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(slow))
	f.Add([]byte("abort: [{probe: p95}, {promql: up, when: '> 1'}]\nload: {}\nmethod: [{}]\nsteadyState: {probes: [{}, null, 3]}\n"))
	f.Add([]byte("durations: {before: -5s, during: 99999h}\nmethod: [{at: 1h, fault: process.kill, target: {pick: 0%}}]\n"))
	cfg := experiment.ParseConfig{Faults: catalog, Vars: []string{"gateway"}, CheckLoad: func(d *spec.Document) { d.Keys("") }}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := experiment.Parse("x.yaml", data, cfg)
		if err != nil {
			require.NotContains(t, err.Error(), "\x1b")
			return
		}
		require.Positive(t, e.During())
		require.Positive(t, e.Total())
		require.Len(t, e.Requests(), len(e.Faults()))
		require.NotEmpty(t, e.Faults())
	})
}
