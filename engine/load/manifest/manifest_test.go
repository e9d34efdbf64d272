package manifest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// write lays a plan and its files down and returns the plan's name.
func write(t *testing.T, plan string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["p.yaml"] = "apiVersion: gameday/v1\nkind: Load\nmetadata: {name: \"Big Shop!\"}\nduration: 1m\n" + plan
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return filepath.Join(dir, "p.yaml")
}

const fed = `target: http://shop
feeds: [{file: data/users.csv}]
executor: {kind: constant-rate, rate: 1000}
scenarios: [{name: s, steps: [{name: put, method: POST, path: "/{{who}}", bodyFile: body.bin}]}]
`

// strictly decodes documents into structures that know every field, and refuses any other.
func strictly(t *testing.T, text []byte, into ...any) {
	t.Helper()
	docs := bytes.Split(text, []byte("---\n"))
	require.Len(t, docs, len(into))
	for i, d := range docs {
		require.NoError(t, yaml.UnmarshalWithOptions(d, into[i], yaml.Strict()), string(d))
	}
}

func TestPlanAsIndexedJob(t *testing.T) {
	file := write(t, fed, map[string]string{"data/users.csv": "who\nann: \"x\"\n\tbob\n", "body.bin": "\x00\xff"})
	now := time.Date(2026, 11, 23, 10, 0, 0, 500, time.UTC)
	out, err := Plan(file, Options{Shards: 20, Image: "registry/gameday:1", Now: now, StartIn: 3 * time.Minute, Namespace: "load", RemoteWrite: "http://prom:9090", Args: []string{"--target=http://$(X)"}})
	require.NoError(t, err)
	var cm configMap
	var j job
	strictly(t, out, &cm, &j)
	require.Equal(t, "load-big-shop", cm.Metadata.Name)
	require.Equal(t, "who\nann: \"x\"\n\tbob\n", cm.Data["1-data_users.csv"]+cm.Data["2-data_users.csv"])
	require.Equal(t, "AP8=", cm.BinaryData["body.bin"])
	plan, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(plan), cm.Data["plan.yaml"])

	s := j.Spec
	require.Equal(t, 20, s.Completions)
	require.Equal(t, s.Completions, s.Parallelism, "all at once")
	require.Equal(t, "Indexed", s.CompletionMode)
	require.Zero(t, s.BackoffLimitPerIndex, "a pod that is lost stays lost")
	for _, rule := range s.PodFailurePolicy.Rules {
		require.Equal(t, "FailIndex", rule.Action, "and the others go on")
	}
	pod := s.Template.Spec
	require.Equal(t, "Never", pod.RestartPolicy)
	require.False(t, pod.AutomountServiceAccountToken)
	require.Contains(t, string(out), "automountServiceAccountToken: false")
	c := pod.Containers[0]
	require.Equal(t, []string{
		"load", "run", "/plan/plan.yaml", "--shard=job/20", "--start-at=2026-11-23T10:03:00Z", "--remote-write=http://prom:9090", "--target=http://$$(X)",
	}, c.Args)
	require.Equal(t, "512Mi", c.Resources.Limits["memory"])
	paths := map[string]string{}
	for _, item := range pod.Volumes[0].ConfigMap.Items {
		paths[item.Path] = item.Key
	}
	require.Len(t, paths, 3)
	require.Contains(t, cm.Data, paths["data/users.csv"])
}

func TestScriptAsTestRun(t *testing.T) {
	script := filepath.Join(t.TempDir(), "check-out.js")
	require.NoError(t, os.WriteFile(script, []byte("import http from 'k6/http'\nexport default () => { http.get('http://x') }\n"), 0o600))
	out, err := K6(script, Options{Shards: 4, RemoteWrite: "http://prom:9090/api/v1/write", Now: time.Now()})
	require.NoError(t, err)
	var cm configMap
	var run testRun
	strictly(t, out, &cm, &run)
	require.Contains(t, cm.Data["check-out.js"], "k6/http")
	require.Equal(t, 4, run.Spec.Parallelism)
	require.Equal(t, k6File{"load-check-out", "check-out.js"}, run.Spec.Script.ConfigMap)
	require.Equal(t, "false", run.Spec.Runner.AutomountServiceAccountToken)
	require.Contains(t, run.Spec.Arguments, "--no-usage-report")
	require.Contains(t, run.Spec.Arguments, "experimental-prometheus-rw")
}

func TestWhatCannotBeWritten(t *testing.T) {
	ok := Options{Shards: 2, Image: "i", Now: time.Now()}
	with := func(f func(*Options)) Options { o := ok; f(&o); return o }
	good := map[string]string{"data/users.csv": "who\nx\n", "body.bin": "x"}
	for says, tc := range map[string]struct {
		plan  string
		files map[string]string
		o     Options
	}{
		"0 shards":                {fed, good, with(func(o *Options) { o.Shards = 0 })},
		"give an image":           {fed, good, with(func(o *Options) { o.Image = "" })},
		"is no quantity":          {fed, good, with(func(o *Options) { o.Memory = "lots" })},
		"no such file":            {fed, map[string]string{}, ok},
		"a ConfigMap holds 1 MiB": {fed, map[string]string{"data/users.csv": "who\n" + strings.Repeat("x\n", 1<<19), "body.bin": "x"}, ok},
		"below its own folder":    {strings.ReplaceAll(fed, "data/users.csv", "../users.csv"), good, ok},
		"--secret":                {"headers: {A: \"${env:TOKEN}\"}\n" + fed, good, ok},
	} {
		files := map[string]string{}
		for k, v := range tc.files {
			files[k] = v
		}
		_, err := Plan(write(t, tc.plan, files), tc.o)
		require.ErrorContains(t, err, says)
	}
}
