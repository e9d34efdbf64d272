package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"gameday/chaos/schedule"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// burn is an experiment that harms nobody: a processor is a little busy for a moment.
const burn = `apiVersion: gameday/v1
kind: Experiment
metadata: {name: burn}
hypothesis: Nobody notices that a processor is busy.
steadyState:
  probes: [{name: here, command: {run: ["true"]}, expect: "= 0", interval: 100ms}]
method:
  - {for: %s, fault: compute.burn, target: {name: localhost}, args: {cores: 1, load: 20}, title: a little busy}
durations: {before: 300ms, after: 300ms}
`

func burnFor(t *testing.T, d time.Duration) string {
	return write(t, t.TempDir(), "burn.yaml", fmt.Sprintf(burn, d))
}

func home(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state"))
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("SSH_CONNECTION", "")
	return dir
}

func TestDryRunPrintsEveryCommandAndTouchesNothing(t *testing.T) {
	dir := home(t)
	full := filepath.Join(dir, "full")
	require.NoError(t, os.Mkdir(full, 0o700))
	file := write(t, dir, "fill.yaml", fmt.Sprintf(`apiVersion: gameday/v1
kind: Experiment
metadata: {name: fill}
hypothesis: Nobody notices.
steadyState:
  probes: [{name: here, command: {run: ["true"]}, expect: "= 0"}]
method:
  - {for: 10s, fault: compute.burn, target: {name: localhost}, args: {cores: 1}}
  - {for: 10s, fault: storage.full, target: {name: %s}, args: {size: 1MiB}}
  - sequence: [{suspend: look at the disk}]
durations: {before: 2s, after: 2s}
`, full))
	code, out, stderr := gameday("run", file, "--dry-run")
	require.Zero(t, code, stderr)
	for _, want := range []string{"(compute.burn)", "burn gameday-hog-", "kill the process", "(storage.full)", ".gameday-fill-", "undo     rm", "waits for a go-ahead", "nothing was touched"} {
		require.Contains(t, out, want)
	}
	left, err := os.ReadDir(full)
	require.NoError(t, err)
	require.Empty(t, left)
	code, _, stderr = gameday("run", file)
	require.Equal(t, exitCannotRun, code)
	require.Contains(t, stderr, "--yes", "nobody is here to give the go-ahead")
	_, out, _ = gameday("runs")
	require.Contains(t, out, "no run has been kept yet")
}

func TestRunWithoutASystemHitsTheMachine(t *testing.T) {
	home(t)
	code, out, stderr := gameday("run", burnFor(t, time.Second))
	require.Zero(t, code, out+stderr)
	require.Contains(t, out, "⚡ a little busy undone, touched 1 ")
	code, out, _ = gameday("faults")
	require.Zero(t, code)
	require.Contains(t, out, "no fault is in force")
}

// The seed decides what chance decides, and is told before the plan is made.
func TestSeedDrawsTheChoices(t *testing.T) {
	dir := home(t)
	file := write(t, dir, "choose.yaml", `apiVersion: gameday/v1
kind: Experiment
metadata: {name: choose}
hypothesis: Nobody notices.
steadyState:
  probes: [{name: here, command: {run: ["true"]}, expect: "= 0"}]
method:
  - sequence:
      - choose:
          - {for: 1s, fault: compute.burn, target: {name: localhost}, title: heads}
          - {for: 1s, fault: compute.burn, target: {name: localhost}, title: tails}
durations: {before: 2s, after: 2s}
`)
	drawn := func(seed int) string {
		_, out, stderr := gameday("run", file, "--dry-run", fmt.Sprintf("--seed=%d", seed))
		require.Empty(t, stderr)
		if strings.Contains(out, "heads") {
			return "heads"
		}
		return "tails"
	}
	first, both := drawn(1), false
	for seed := 2; seed < 12 && !both; seed++ {
		both = drawn(seed) != first
	}
	require.True(t, both, "ten seeds, and never the other side")
	require.Equal(t, first, drawn(1))
}

// key makes an Ed25519 key pair and returns the private file and the public line.
func key(t *testing.T, dir, name string) (file, public string) {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	file = write(t, dir, name, string(pem.EncodeToMemory(block)))
	k, err := ssh.NewPublicKey(pub)
	require.NoError(t, err)
	return file, string(ssh.MarshalAuthorizedKey(k))
}

func TestProductionTakesAnApprovalThatHolds(t *testing.T) {
	dir := home(t)
	private, public := key(t, dir, "alice")
	other, _ := key(t, dir, "mallory")
	signers := write(t, dir, "signers", "alice@example.com "+public)
	file := burnFor(t, time.Second)
	inProduction := func(args ...string) (int, string, string) {
		return gameday(append([]string{"run", file, "--environment=production", "--name=shop", "--signers=" + signers}, args...)...)
	}
	code, _, stderr := inProduction()
	require.Equal(t, exitCannotRun, code)
	require.Contains(t, stderr, "this is production")

	approve := func(key, out string, args ...string) string {
		path := filepath.Join(dir, out)
		code, said, stderr := gameday(append([]string{"approve", file, "--as=alice@example.com", "--key=" + key, "--name=shop", "--yes", "-o", path}, args...)...)
		require.Zero(t, code, stderr)
		require.Contains(t, said, " is approved until")
		return path
	}
	good := approve(private, "good", "--for=1h", "--reason=game day")
	data, err := os.ReadFile(good)
	require.NoError(t, err)
	tampered := write(t, dir, "tampered", strings.Replace(string(data), "game day", "tea time", 1))
	expired := approve(private, "expired", "--for=1s")
	time.Sleep(3 * time.Second) // it counts in seconds
	for name, c := range map[string]struct{ file, want string }{
		"tampered":            {tampered, "signature"},
		"expired":             {expired, "expired"},
		"unknown key":         {approve(other, "other", "--for=1h"), "not approved"},
		"another environment": {approve(private, "elsewhere", "--for=1h", "--seed=9", "--environment=staging"), "not approved"},
		"no such file":        {filepath.Join(dir, "lost"), "no such file"},
	} {
		code, _, stderr := inProduction("--approve", c.file)
		require.Equal(t, exitCannotRun, code, name)
		require.Contains(t, stderr, c.want, name)
		require.Contains(t, stderr, "nothing was touched", name)
	}
	code, _, stderr = inProduction("--approve", good, "--operator=alice@example.com")
	require.Equal(t, exitCannotRun, code, "one's own approval is none")
	require.Contains(t, stderr, "not approved")
	code, out, stderr := inProduction("--approve", good)
	require.Zero(t, code, out+stderr)
	require.Contains(t, out, "approved by alice@example.com until")
	_, _, stderr = gameday("approve", file, "--as=alice@example.com", "--key="+private, "--for=1h")
	require.Contains(t, stderr, "give --yes", "nobody signs what he has not seen")
}

func scheduled(t *testing.T, dir, cron string) *schedule.Schedule {
	t.Helper()
	write(t, dir, "burn.yaml", fmt.Sprintf(burn, 30*time.Second))
	sch, err := schedule.Load(write(t, dir, "schedule.yaml", fmt.Sprintf(`apiVersion: gameday/v1
kind: Schedule
metadata: {name: often}
stopFile: STOP
entries:
  - {name: again, cron: %q, zone: Europe/Berlin, oneOf: [burn.yaml]}
`, cron)))
	require.NoError(t, err)
	return sch
}

func TestScheduleIsCheckedAndListed(t *testing.T) {
	dir := home(t)
	sch := scheduled(t, dir, "30 10 * * *")
	code, out, stderr := gameday("check", sch.File())
	require.Zero(t, code, stderr)
	require.Contains(t, out, "schedule is well-formed")
	code, out, _ = gameday("schedule", sch.File(), "--list")
	require.Zero(t, code)
	require.Equal(t, 8, strings.Count(out, "\n"), out)
	require.Contains(t, out, "10:30:00 CE")
	require.NoError(t, throw(sch))
	_, out, _ = gameday("schedule", sch.File(), "--list")
	require.Contains(t, out, "nothing of it is started while the stop file")

	write(t, dir, "burn.yaml", strings.Replace(burn, "compute.burn", "compute.brun", 1))
	for _, args := range [][]string{{"check", sch.File()}, {"schedule", sch.File()}} {
		code, _, stderr = gameday(args...)
		require.Equal(t, exitCannotRun, code)
		require.Contains(t, stderr, `did you mean "compute.burn"?`)
		require.Contains(t, stderr, "entry again")
	}
}

// The kill switch ends what runs, and everything is undone when the run returns.
func TestKillSwitchEndsTheRun(t *testing.T) {
	dir := home(t)
	sch := scheduled(t, dir, "@daily")
	var out strings.Builder
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for in := false; !in; {
			select {
			case <-ended:
				return
			case <-time.After(50 * time.Millisecond):
				_, said, _ := gameday("faults")
				in = strings.Contains(said, "a little busy")
			}
		}
		cancel(fmt.Errorf("%w: enough", schedule.ErrStopped))
	})
	err := scheduleCmd{against: against{Name: "local"}}.runOne(ctx, schedule.Run{Experiment: filepath.Join(dir, "burn.yaml")}, &out)
	close(ended)
	watch.Wait()
	var code exitError
	require.ErrorAs(t, err, &code)
	require.Equal(t, exitAborted, code.code)
	require.ErrorContains(t, err, "enough")
	require.Contains(t, out.String(), "⚡ a little busy undone")
	_, said, _ := gameday("faults")
	require.Contains(t, said, "no fault is in force")

	require.NoError(t, throw(sch))
	require.NoError(t, throw(sch), "it is thrown already")
	why, stopped := sch.Stopped()
	require.True(t, stopped)
	require.Contains(t, why, stopKeyName)
}

func TestDoctorFindsWhatThereIs(t *testing.T) {
	home(t)
	code, out, stderr := gameday("doctor")
	require.Zero(t, code, stderr)
	for _, want := range []string{"this machine", "✔ network.latency", "can be used here", "host.netem", "sch_netem", "can be written", "none: no session runs", "process.clock"} {
		require.Contains(t, out, want)
	}
	t.Setenv("SSH_CONNECTION", "nonsense")
	code, out, _ = gameday("doctor", "--json")
	require.Zero(t, code)
	var d diagnosis
	require.NoError(t, json.Unmarshal([]byte(out), &d))
	kinds := map[string]bool{}
	for _, f := range d.Faults {
		kinds[f.Name] = true
		require.NotEmpty(t, f.Says, f.Name)
	}
	require.True(t, kinds["zone.pause"] && kinds["container.kill"])
	require.Contains(t, out, "SSH_CONNECTION cannot be read")
}

func TestCatalogIsPrinted(t *testing.T) {
	code, out, _ := gameday("faults", "--catalog")
	require.Zero(t, code)
	for _, want := range []string{"network.latency  hits a link", "latency (duration; required)", "undo: ", "needs: a Docker Engine"} {
		require.Contains(t, out, want)
	}
	code, out, _ = gameday("faults", "--catalog", "zone")
	require.Zero(t, code)
	require.Equal(t, 3, strings.Count(out, "hits a "))
	code, _, stderr := gameday("faults", "--catalog", "zoen")
	require.Equal(t, exitCannotRun, code)
	require.Contains(t, stderr, `did you mean "zone"?`)
}
