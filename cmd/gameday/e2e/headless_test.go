package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The resilience patterns make the difference, and the exit code tells it.
func TestPatternsDecideTheVerdict(t *testing.T) {
	for _, c := range []struct {
		patterns string
		code     int
		says     []string
	}{
		{"off", 1, []string{"✘ p95", "verdict: did not hold: p95", "for example trace", "⚡ payment +800ms undone"}},
		{"on", 0, []string{"verdict: held", "⚡ payment +800ms undone"}},
	} {
		t.Run(c.patterns, func(t *testing.T) {
			begun := time.Now()
			got := headless(t, "run", "testdata/experiments/payment-slow.yaml", "--demo", "--patterns="+c.patterns)
			t.Logf("took %v\n%s", time.Since(begun).Round(time.Second), got.stdout)
			require.Equal(t, c.code, got.code, got.stdout+got.stderr)
			for _, w := range c.says {
				require.Contains(t, got.stdout, w)
			}
			require.NotContains(t, got.stdout, "\x1b", "no escape sequences without a terminal")
		})
	}
}

const noTraffic = `apiVersion: gameday/v1
kind: Experiment
metadata: {name: no-traffic}
hypothesis: Nobody pays, so a slow payment provider is not noticed.
steadyState:
  probes:
    - {name: gateway answers, http: "${gateway}/healthz", expect: "= 200"}
method:
  - {for: 2s, fault: network.latency, target: {service: payment}, args: {latency: 800ms}}
durations: {before: 1s, after: 1s}
`

const broken = `apiVersion: gameday/v1
kind: Experiment
metadata: {name: broken}
hypothesis: Three faults in this file are all reported at once.
steadyState:
  probes:
    - {name: p95, load: {stat: p95}, expct: "< 200ms"}
method:
  - {for: 2s, fault: network.latancy, target: {service: payment}, args: {latency: soon}}
`

const notSteady = `apiVersion: gameday/v1
kind: Experiment
metadata: {name: not-steady}
hypothesis: The steady state does not hold to begin with.
steadyState:
  probes:
    - {name: gateway is a teapot, http: "${gateway}/healthz", expect: "= 418"}
method:
  - {for: 2s, fault: process.pause, target: {service: catalog}}
durations: {before: 1s, after: 1s}
`

// What bad input gets: a clear sentence, the right exit code, nothing left behind.
func TestBadInput(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, taken.Close()) })
	nowhere := strings.Replace(noTraffic, "service: payment", "service: paymnet", 1)
	for _, c := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"no such file", []string{"run", "nowhere.yaml", "--demo"}, 2, []string{"nowhere.yaml", "no such file"}},
		{"broken file", []string{"run", write(t, "broken.yaml", broken), "--demo"}, 2,
			[]string{":7:", `did you mean "expect"?`, ":9:", `did you mean "network.latency"?`}},
		{"no yaml", []string{"check", write(t, "no.yaml", "a: [")}, 2, []string{"no.yaml:1"}},
		{"no such target", []string{"run", write(t, "nowhere.yaml", nowhere), "--demo"}, 2, []string{"paymnet", "payment"}},
		{"fault without traffic", []string{"run", write(t, "no-traffic.yaml", noTraffic), "--demo"}, 2, []string{"inconclusive", "touched no traffic"}},
		{"no steady state", []string{"run", write(t, "not-steady.yaml", notSteady), "--demo"}, 2, []string{"gateway is a teapot", "nothing was touched"}},
		{"nothing to hit", []string{"run", "testdata/experiments/catalog-pause.yaml"}, 2, []string{"--demo"}},
		{"taken port", []string{"run", "testdata/experiments/payment-slow.yaml", "--demo", "--otlp-grpc", taken.Addr().String()}, 2,
			[]string{taken.Addr().String(), "already in use"}},
		{"no terminal", []string{"demo"}, 2, []string{"needs a terminal", "gameday run"}},
		{"no such flag", []string{"demo", "--patern=on"}, 2, []string{"--patern"}},
		{"no such command", []string{"dmeo"}, 2, []string{"dmeo"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := headless(t, c.args...)
			require.Equal(t, c.code, got.code, got.stdout+got.stderr)
			for _, w := range c.says {
				require.Contains(t, got.stdout+got.stderr, w)
			}
			require.NotContains(t, got.stderr, "goroutine ", "a sentence, not a stack")
		})
	}
}

// A run without a terminal is aborted by a signal, and says so by its exit code.
func TestHeadlessAbort(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	cmd := exec.Command(binary, "run", write(t, "pause-quickly.yaml", pauseQuickly), "--demo")
	cmd.Env = environment(state)
	out, err := os.CreateTemp(t.TempDir(), "out")
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	if !assert.Eventually(t, func() bool {
		text, err := os.ReadFile(out.Name())
		return err == nil && strings.Contains(string(text), "injected")
	}, slow, 50*time.Millisecond) {
		_ = cmd.Process.Signal(syscall.SIGQUIT) // what it is at is worth knowing
		_ = cmd.Wait()
		text, _ := os.ReadFile(out.Name()) // it is there: it was read all along
		require.FailNow(t, "no fault was injected", "%s", text)
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait() // the exit code says it
	text, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	require.Equal(t, 3, cmd.ProcessState.ExitCode(), string(text))
	require.Contains(t, string(text), "undone")
	require.Empty(t, waitGone(state, 10*time.Second))
}

// Small commands that need nothing.
func TestSmallCommands(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"version"}, []string{"gameday "}},
		{[]string{"keys"}, []string{"ctrl+x", "abort"}},
		{[]string{"schema", "experiment"}, []string{`"$schema"`, "network.latency", "steadyState"}},
		{[]string{"schema", "load"}, []string{`"$schema"`, "scenarios"}},
		{[]string{"check", "testdata/experiments/payment-slow.yaml", "testdata/load/shop.yaml"}, []string{"experiment is well-formed", "load plan is well-formed"}},
		{[]string{"faults"}, []string{"no fault is in force"}},
		{[]string{"abort"}, []string{"no session is running"}},
		{[]string{"recover"}, []string{"nothing to recover"}},
		{[]string{}, []string{"gameday demo"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			got := headless(t, c.args...)
			require.Zero(t, got.code, got.stdout+got.stderr)
			for _, w := range c.says {
				require.Contains(t, got.stdout, w)
			}
		})
	}
}

// What the README shows has to work as it stands there.
func TestReadmeExperimentIsWellFormed(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(repository(t), "README.md"))
	require.NoError(t, err)
	_, after, found := strings.Cut(string(readme), "```yaml\n")
	require.True(t, found)
	text, _, _ := strings.Cut(after, "```")
	plan, err := os.ReadFile(filepath.Join(repository(t), "testdata", "load", "shop.yaml"))
	require.NoError(t, err)
	dir := t.TempDir()
	for name, data := range map[string][]byte{"experiments/readme.yaml": []byte(text), "load/shop.yaml": plan} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, data, 0o600))
	}
	got := headless(t, "check", filepath.Join(dir, "experiments", "readme.yaml"))
	require.Zero(t, got.code, got.stderr)
}
