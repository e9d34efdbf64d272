package process

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/journal"
)

func find(t *testing.T, labels map[string]string) []chaos.Target {
	t.Helper()
	ts, err := NewFinder().Find(t.Context(), chaos.TargetProcess, chaos.Selector{Labels: labels})
	require.NoError(t, err)
	return ts
}

// program starts a copy of sleep under a name of its own, so that nothing else on the machine is found by it.
func program(t *testing.T, name string, files ...*os.File) (*exec.Cmd, string) {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	data, err := os.ReadFile(sleep)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o700))
	return startProgram(t, path, files...), path
}

func startProgram(t *testing.T, path string, files ...*os.File) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(path, "300")
	cmd.ExtraFiles = files
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // may have ended
		_ = cmd.Wait()
	})
	return cmd
}

func TestProcessesAreFoundByNamePortAndPID(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f, err := l.(*net.TCPListener).File()
	require.NoError(t, err)
	cmd, _ := program(t, "gd-find-"+strconv.Itoa(os.Getpid()%10000), f)
	require.NoError(t, f.Close())
	name := filepath.Base(cmd.Path)
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	require.NoError(t, l.Close()) // only the program listens now
	pid := strconv.Itoa(cmd.Process.Pid)
	for _, labels := range []map[string]string{{"process": name}, {"port": port}, {"pid": pid}, {"pid": pid, "port": port, "process": name}} {
		require.Eventually(t, func() bool { return len(find(t, labels)) == 1 }, patience, 5*time.Millisecond, "%v", labels)
		got := find(t, labels)[0]
		require.Equal(t, cmd.Process.Pid, got.PID)
		require.NotZero(t, got.StartTicks)
		require.Equal(t, name+"["+pid+"]", got.Name)
	}
	for _, labels := range []map[string]string{{"process": "no-such-program"}, {"port": "1", "pid": pid}, {"pid": pid, "zone": "a"}, {"unit": "no-such"}, nil} {
		require.Empty(t, find(t, labels), "%v", labels)
	}
	for _, bad := range []map[string]string{{"port": "http"}, {"port": "0"}, {"process": ""}, {"port": "70000"}} {
		_, err := NewFinder().Find(t.Context(), chaos.TargetProcess, chaos.Selector{Labels: bad})
		require.Error(t, err, "%v", bad)
	}
	all, err := NewFinder().Targets(t.Context())
	require.NoError(t, err)
	require.Empty(t, all, "everything is never the whole machine")
}

func TestGamedayItsParentsAndKeepersAreNotFound(t *testing.T) {
	keeper := exec.Command("sh", "-c", "read line", "keeper", "/x/s"+journal.Suffix)
	_, err := keeper.StdinPipe() // nothing comes, so it waits
	require.NoError(t, err)
	require.NoError(t, keeper.Start())
	t.Cleanup(func() {
		_ = keeper.Process.Kill() // it has not ended by itself
		_ = keeper.Wait()
	})
	require.Eventually(t, func() bool { return isKeeper(keeper.Process.Pid) }, patience, time.Millisecond)
	for _, pid := range []int{os.Getpid(), os.Getppid(), 1, keeper.Process.Pid} {
		require.Error(t, Refuse(pid))
		_, err := NewFinder().Find(t.Context(), chaos.TargetProcess, chaos.Selector{Labels: map[string]string{"pid": strconv.Itoa(pid)}})
		require.ErrorContains(t, err, "refused")
	}
	_, err = NewPause().Plan(t.Context(), []chaos.Target{{Kind: chaos.TargetProcess, Name: "k", PID: keeper.Process.Pid}}, nil)
	require.ErrorContains(t, err, "is a keeper")
}

func TestProcessesAreFoundByControlGroupAndUnit(t *testing.T) {
	dir := "/sys/fs/cgroup/pids/gameday-test-" + strconv.Itoa(os.Getpid())
	if _, err := os.Stat("/sys/fs/cgroup/pids/cgroup.procs"); err != nil {
		dir = "/sys/fs/cgroup/gameday-test-" + strconv.Itoa(os.Getpid())
	}
	unit := filepath.Join(dir, "shop.service")
	if err := os.MkdirAll(unit, 0o755); err != nil {
		t.Skip("control groups cannot be made here: ", err)
	}
	t.Cleanup(func() {
		require.Eventually(t, func() bool { return os.Remove(unit) == nil && os.Remove(dir) == nil }, patience, 5*time.Millisecond)
	})
	cmd, _ := program(t, "gd-unit")
	t.Cleanup(func() { // before the groups are removed
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	require.NoError(t, os.WriteFile(filepath.Join(unit, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0))
	for _, labels := range []map[string]string{{"unit": "shop"}, {"unit": "shop.service"}, {"cgroup": "/" + filepath.Base(dir)}} {
		ts := find(t, labels)
		require.Len(t, ts, 1, "%v", labels)
		require.Equal(t, cmd.Process.Pid, ts[0].PID)
	}
	require.Empty(t, find(t, map[string]string{"cgroup": "/" + filepath.Base(dir)[:10]}), "the beginning of a name is not the group")
	require.Empty(t, find(t, map[string]string{"cgroup": "/"}), "the root group is everything")
}

func TestAKilledProcessThatWasFoundIsBackWhenTheLabelsFindAnother(t *testing.T) {
	cmd, path := program(t, "gd-back-"+strconv.Itoa(os.Getpid()%10000))
	startProgram(t, path) // a second one, which is not killed and so is none that came back
	labels := map[string]string{"process": filepath.Base(path)}
	require.Eventually(t, func() bool { return len(find(t, labels)) == 2 }, patience, 5*time.Millisecond)
	ts := find(t, map[string]string{"pid": strconv.Itoa(cmd.Process.Pid), "process": filepath.Base(path)})
	c, err := NewKill(NewFinder()).Plan(t.Context(), ts, nil)
	require.NoError(t, err)
	require.NoError(t, c.Apply(t.Context()))
	_ = cmd.Wait() // killed
	require.ErrorContains(t, c.Verify(t.Context()), "has not come back yet")
	startProgram(t, path)
	require.Eventually(t, func() bool { return c.Verify(t.Context()) == nil }, patience, 5*time.Millisecond)
}
