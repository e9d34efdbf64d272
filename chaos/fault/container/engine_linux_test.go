package container

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"gameday/chaos"
)

const patience = 30 * time.Second

var (
	host    string // of the engine that TestMain started; "" when there is none
	without string // why there is none
)

// TestMain starts an engine of its own for the tests, away from any that runs on the machine.
func TestMain(m *testing.M) {
	stop, err := startEngine()
	if err != nil {
		without = err.Error()
	}
	code := m.Run()
	if stop != nil {
		if err := stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop dockerd:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

func startEngine() (stop func() error, err error) {
	if os.Getuid() != 0 {
		return nil, errors.New("dockerd needs root")
	}
	dockerd, err := exec.LookPath("dockerd")
	if err != nil {
		return nil, fmt.Errorf("there is no dockerd (apt-get install docker.io): %w", err)
	}
	dir, err := os.MkdirTemp("", "gd-docker")
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(dockerd, "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid", "-H", "unix://"+dir+"/sock",
		"--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop = func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM) // may have ended
		select {
		case <-ended:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-ended
		}
		unmountBelow(dir)
		return os.RemoveAll(dir)
	}
	e := NewEngine("unix://" + dir + "/sock")
	defer e.Close()
	for give := time.Now().Add(patience); ; {
		if err = e.Available(context.Background()); err == nil {
			host = "unix://" + dir + "/sock"
			return stop, nil
		}
		select {
		case werr := <-ended:
			ended <- werr
			text, _ := os.ReadFile(filepath.Join(dir, "log")) // what there is of it
			return stop, fmt.Errorf("dockerd ended (%v): %s", werr, text[max(0, len(text)-400):])
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(give) {
			return stop, err
		}
	}
}

func unmountBelow(dir string) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], dir) {
			_ = syscall.Unmount(f[4], syscall.MNT_DETACH) // may have gone with another
		}
	}
}

func engine(t *testing.T) (*Engine, *client.Client) {
	t.Helper()
	if host == "" {
		t.Skip(without)
	}
	e := NewEngine(host)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	c, err := e.api("")
	require.NoError(t, err)
	return e, c
}

// image makes an image that has nothing in it but a static program.
func image(t *testing.T, c *client.Client) {
	t.Helper()
	list, err := c.ImageList(t.Context(), client.ImageListOptions{})
	require.NoError(t, err)
	if len(list.Items) > 0 {
		return
	}
	bin := filepath.Join(t.TempDir(), "sleeper")
	build := exec.Command("go", "build", "-o", bin, "./testdata/sleeper")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	data, err := os.ReadFile(bin)
	require.NoError(t, err)
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "sleeper", Mode: 0o755, Size: int64(len(data))}))
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	r, err := c.ImageImport(t.Context(), client.ImageImportSource{Source: &buf, SourceName: "-"}, "sleeper:test", client.ImageImportOptions{})
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, r)
	require.NoError(t, errors.Join(err, r.Close()))
}

func run(t *testing.T, c *client.Client, name string, set func(*container.HostConfig)) {
	t.Helper()
	image(t, c)
	hc := &container.HostConfig{NetworkMode: "none"}
	if set != nil {
		set(hc)
	}
	r, err := c.ContainerCreate(t.Context(), client.ContainerCreateOptions{Name: name, HostConfig: hc, Config: &container.Config{Image: "sleeper:test",
		Cmd: []string{"/sleeper"}, Labels: map[string]string{"zone": "a", composeService: "svc-" + name}}})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := c.ContainerRemove(context.Background(), r.ID, client.ContainerRemoveOptions{Force: true})
		require.NoError(t, err)
	})
	_, err = c.ContainerStart(t.Context(), r.ID, client.ContainerStartOptions{})
	require.NoError(t, err)
}

func find(t *testing.T, e *Engine, s chaos.Selector) []chaos.Target {
	t.Helper()
	ts, err := e.Find(t.Context(), chaos.TargetContainer, s)
	require.NoError(t, err)
	return ts
}

func plan(t *testing.T, f *Fault, args chaos.Args, targets ...chaos.Target) (chaos.Change, error) {
	t.Helper()
	checked, errs := chaos.CheckArgs(f.Params(), args)
	require.Empty(t, errs)
	return f.Plan(t.Context(), targets, checked)
}

func state(t *testing.T, e *Engine, target chaos.Target) *container.InspectResponse {
	t.Helper()
	now, err := e.state(t.Context(), "", target.Labels[LabelID])
	require.NoError(t, err)
	require.NotNil(t, now)
	return now
}

func TestContainersAreEndedOrPausedAndBroughtBack(t *testing.T) {
	e, c := engine(t)
	run(t, c, "shop", nil)
	require.Len(t, find(t, e, chaos.Selector{Labels: map[string]string{"zone": "a"}}), 1)
	require.Len(t, find(t, e, chaos.Selector{Service: "svc-shop"}), 1)
	require.Empty(t, find(t, e, chaos.Selector{Name: "*"}), "everything is never every container of the machine")
	require.Empty(t, find(t, e, chaos.Selector{Name: "shop", Labels: map[string]string{"zone": "b"}}))
	target := find(t, e, chaos.Selector{Name: "shop"})[0]
	for _, k := range []struct {
		f       *Fault
		status  string // while the fault is in force
		command string
	}{
		{NewKill(e), "exited", "docker kill --signal KILL shop"},
		{NewStop(e), "exited", "docker stop --time 3 shop"},
		{NewPause(e), "paused", "docker pause shop"},
		{NewRestart(e), "running", "docker restart --time 3 shop"},
	} {
		t.Run(k.f.Kind(), func(t *testing.T) {
			require.NoError(t, k.f.Available())
			began := state(t, e, target).State.StartedAt
			ch, err := plan(t, k.f, nil, target)
			require.NoError(t, err)
			require.Equal(t, []string{k.command}, ch.Describe().Actions)
			require.Equal(t, began, state(t, e, target).State.StartedAt, "planning touches nothing")
			require.NoError(t, ch.Apply(t.Context()))
			require.Eventually(t, func() bool { return string(state(t, e, target).State.Status) == k.status }, patience, 10*time.Millisecond)
			if k.status != "running" {
				require.Error(t, ch.Verify(t.Context()))
				_, err = plan(t, k.f, nil, target)
				require.Error(t, err, "what is not running cannot be hit")
			} else {
				require.NotEqual(t, began, state(t, e, target).State.StartedAt)
			}
			other := *k.f
			other.engine = NewEngine("") // as in another process: the journal says which engine
			require.NoError(t, other.Restore(t.Context(), ch.Undo()))
			require.NoError(t, other.engine.Close())
			require.True(t, state(t, e, target).State.Running && !state(t, e, target).State.Paused)
			require.NoError(t, ch.Revert(t.Context()))
			require.NoError(t, ch.Revert(t.Context()))
			require.NoError(t, ch.Verify(t.Context()))
			require.ErrorContains(t, ch.Apply(t.Context()), "taken back")
			n, unit := ch.Touched()
			require.EqualValues(t, 1, n)
			require.Equal(t, "containers", unit)
			require.Contains(t, k.f.Remedy(ch.Undo()), "docker ")
		})
	}
}

func TestLimitsAreSetAndTheOnesBeforeComeBack(t *testing.T) {
	e, c := engine(t)
	run(t, c, "free", nil)
	run(t, c, "tight", func(h *container.HostConfig) { h.NanoCPUs, h.Memory, h.MemorySwap = 5e8, 256<<20, 512<<20 })
	f := NewLimit(e)
	for _, name := range []string{"free", "tight"} {
		target := find(t, e, chaos.Selector{Name: name})[0]
		before := limitsOf(state(t, e, target))
		ch, err := plan(t, f, chaos.Args{"millicores": 100, "memory": "64MiB"}, target)
		require.NoError(t, err)
		require.Equal(t, name+" limited to 0.1 cores and 64MiB", ch.Describe().Title)
		require.NoError(t, ch.Apply(t.Context()))
		now := limitsOf(state(t, e, target))
		require.EqualValues(t, 64<<20, now.Memory)
		require.True(t, now.CPUQuota == 10_000 || now.NanoCPUs == 1e8, "%+v", now)
		require.Error(t, ch.Verify(t.Context()))
		_, err = plan(t, f, chaos.Args{"memory": "65MiB"}, target)
		require.ErrorContains(t, err, "no more memory already")
		require.NoError(t, f.Restore(t.Context(), ch.Undo()))
		require.NoError(t, ch.Verify(t.Context()))
		now = limitsOf(state(t, e, target))
		if name == "tight" {
			require.Equal(t, before, now)
		} else {
			require.EqualValues(t, noMemoryLimit, now.Memory, "as wide as there is")
			require.EqualValues(t, -1, now.CPUQuota)
		}
		require.NoError(t, ch.Revert(t.Context()))

		ch, err = plan(t, f, chaos.Args{"memory": "64MiB"}, target)
		require.NoError(t, err)
		require.NoError(t, ch.Apply(t.Context()))
		require.NoError(t, update(t.Context(), c, target.Labels[LabelID], limits{Memory: 96 << 20, MemorySwap: 96 << 20}))
		require.NoError(t, ch.Revert(t.Context()))
		require.EqualValues(t, 96<<20, limitsOf(state(t, e, target)).Memory, "what someone else set meanwhile stays")
	}
}

func TestContainersThatCannotBeBroughtBackAreNotEnded(t *testing.T) {
	e, c := engine(t)
	run(t, c, "passing", nil)
	target := find(t, e, chaos.Selector{Name: "passing"})[0]
	ch, err := plan(t, NewKill(e), nil, target)
	require.NoError(t, err)
	_, err = c.ContainerPause(t.Context(), "passing", client.ContainerPauseOptions{})
	require.NoError(t, err)
	require.ErrorContains(t, ch.Apply(t.Context()), "not running any more")
	require.NoError(t, ch.Revert(t.Context()))
	require.True(t, state(t, e, target).State.Paused, "someone else's pause is not ours to end")
	_, err = plan(t, NewPause(e), nil, target)
	require.ErrorContains(t, err, "docker unpause passing")
	gone := strings.Repeat("ab", 32)
	require.NoError(t, NewKill(e).Restore(t.Context(), json.RawMessage(`{"host":"`+host+`","containers":[{"id":"`+gone+`","name":"x"}]}`)), "what was removed needs nothing")
	_, err = plan(t, NewKill(e), nil, chaos.Target{Kind: chaos.TargetContainer, Name: "x", Labels: map[string]string{LabelID: gone}})
	require.ErrorContains(t, err, "is not running")
	_, err = plan(t, NewKill(e), nil, chaos.Target{Kind: chaos.TargetProcess, Name: "x"})
	require.ErrorContains(t, err, "not a container")
	_, err = plan(t, NewKill(e), nil)
	require.ErrorContains(t, err, "no container was selected")
}

func TestWithoutAnEngineTheReasonIsSaid(t *testing.T) {
	e := NewEngine("unix://" + t.TempDir() + "/none.sock")
	defer e.Close()
	require.ErrorContains(t, NewKill(e).Available(), "no Docker Engine answers")
	_, err := e.Find(t.Context(), chaos.TargetContainer, chaos.Selector{Name: "x"})
	require.ErrorContains(t, err, "list containers")
	for _, bad := range []string{`{}`, `[]`, `{"containers":[{"id":"../x"}]}`} {
		require.Error(t, NewKill(e).Restore(t.Context(), json.RawMessage(bad)), bad)
		require.Empty(t, NewKill(e).Remedy([]byte(bad)))
	}
}

func TestLimitsNeverLoosen(t *testing.T) {
	for _, bad := range []chaos.Args{{}, {"memory": "5MiB"}, {"memory": "lots"}} {
		_, err := wantedOf(bad)
		require.Error(t, err, "%v", bad)
	}
	w, err := wantedOf(chaos.Args{"millicores": 500})
	require.NoError(t, err)
	for _, b := range []limits{{NanoCPUs: 5e8}, {CPUQuota: 20_000, CPUPeriod: 40_000}, {CPUQuota: 10_000}} {
		_, err := w.over(b)
		require.Error(t, err, "%+v", b)
	}
	o, err := w.over(limits{CPUQuota: 40_000, CPUPeriod: 40_000})
	require.NoError(t, err)
	require.Equal(t, limits{CPUQuota: 20_000, CPUPeriod: 40_000}, o, "its period stays")
}
