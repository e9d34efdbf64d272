package cgroup

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/fault/process"
)

const patience = 30 * time.Second

func sleeper(t *testing.T) process.Victim {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // may have ended
		_ = cmd.Wait()
	})
	vs, err := process.Pin("test", []chaos.Target{{Kind: chaos.TargetProcess, Name: "sleeper", PID: cmd.Process.Pid}})
	require.NoError(t, err)
	return vs[0]
}

// machine is a /proc and a tree of control groups made of plain files, in which the process is in the group.
func machine(t *testing.T, mountinfo string, cgroups map[int]string) *System {
	t.Helper()
	dir := t.TempDir()
	for pid, text := range cgroups {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, strconv.Itoa(pid)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, strconv.Itoa(pid), "cgroup"), []byte(text), 0o600))
	}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "self"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "self/mountinfo"), []byte(mountinfo), 0o600))
	s, err := open(dir)
	require.NoError(t, err)
	return s
}

func files(t *testing.T, dir string, content map[string]string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for name, text := range content {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600))
	}
}

func TestGroupsAreFoundInBothVersions(t *testing.T) {
	both := "31 30 0:28 / /cg/cpu\\040x rw - cgroup cgroup rw,cpu,cpuacct\n40 30 0:40 /docker/abc /cg/mem rw - cgroup cgroup rw,memory\n" +
		"50 30 0:50 / /cg/unified rw shared:9 - cgroup2 cgroup2 rw\nnonsense\n"
	s := machine(t, both, map[int]string{7: "5:cpu,cpuacct:/a\n4:memory:/docker/abc/x\n0::/u\n", 8: "4:memory:/other\n5:cpu,cpuacct:/../b\n"})
	g, err := s.Of(7, CPU)
	require.NoError(t, err)
	require.Equal(t, Group{Dir: "/cg/cpu x/a", top: "/cg/cpu x"}, g)
	g, err = s.Of(7, Memory)
	require.NoError(t, err)
	require.Equal(t, "/cg/mem/x", g.Dir, "below what a container sees")
	for pid, c := range map[int]Controller{8: Memory, 9: CPU, 7: PIDs} {
		_, err := s.Of(pid, c)
		require.Error(t, err, "%d %s", pid, c)
	}
	_, err = s.Of(8, CPU)
	require.ErrorContains(t, err, "on the host itself")
}

func v2(t *testing.T, pid int) (*System, string) {
	t.Helper()
	top := t.TempDir()
	files(t, top, map[string]string{"cgroup.controllers": "cpu io memory pids", "cgroup.subtree_control": "cpu io pids memory", "cgroup.procs": ""})
	unit := filepath.Join(top, "shop.service")
	files(t, unit, map[string]string{"cgroup.procs": strconv.Itoa(pid), "cpu.max": "max 100000", "io.max": "", "memory.max": "max"})
	return machine(t, "50 30 0:50 / "+top+" rw - cgroup2 cgroup2 rw\n", map[int]string{pid: "0::/shop.service\n"}), unit
}

func fixed(s Setting) func(Group, []int, bool) ([]Setting, error) {
	return func(Group, []int, bool) ([]Setting, error) { return []Setting{s}, nil }
}

func TestVersion2LimitsAUnitInPlace(t *testing.T) {
	v := sleeper(t)
	s, unit := v2(t, v.PID)
	r := Request{Kind: "test", Controller: CPU, Members: []process.Victim{v}, Scope: "auto",
		Limit: fixed(Setting{File: "cpu.max", Value: "20000 100000", Tighter: func(now string) bool { return now == "max 100000" }})}
	c, err := s.Plan(r)
	require.NoError(t, err)
	require.Equal(t, []string{"echo '20000 100000' > " + unit + "/cpu.max   # before: max 100000"}, c.Actions())
	require.NoError(t, c.Apply(t.Context()))
	u, err := ReadUndo("test", c.Undo())
	require.NoError(t, err)
	require.ErrorContains(t, u.Check(), "is still 20000")
	_, err = s.Plan(r)
	require.ErrorContains(t, err, "no wider")
	require.NoError(t, u.Restore(t.Context()))
	require.Equal(t, "max 100000", Group{Dir: unit}.Read("cpu.max"))
	require.NoError(t, c.Revert(t.Context()), "twice is as good as once")
	require.ErrorContains(t, c.Apply(t.Context()), "taken back")
}

func TestVersion2DeviceLinesAreSetAndCleared(t *testing.T) {
	v := sleeper(t)
	s, unit := v2(t, v.PID)
	ours := "rbps=1048576 wbps=max riops=max wiops=max"
	c, err := s.Plan(Request{Kind: "test", Controller: IO, Members: []process.Victim{v}, Scope: "group",
		Limit: fixed(Setting{File: "io.max", Key: "8:0", Value: ours, Clear: "rbps=max wbps=max riops=max wiops=max", Tighter: func(now string) bool { return now == "" }})})
	require.NoError(t, err)
	require.NoError(t, c.Apply(t.Context()))
	require.Equal(t, "8:0 "+ours, strings.TrimSpace(Group{Dir: unit}.Read("io.max")))
	require.Error(t, c.Verify(t.Context()))
	require.NoError(t, c.Revert(t.Context()))
	require.Equal(t, "8:0 rbps=max wbps=max riops=max wiops=max", Group{Dir: unit}.Read("io.max"))
	require.NoError(t, c.Verify(t.Context()))
}

func TestVersion2GroupsThatAreSharedAreNotLimitedInPlace(t *testing.T) {
	v, other := sleeper(t), sleeper(t)
	s, unit := v2(t, v.PID)
	files(t, unit, map[string]string{"cgroup.procs": strconv.Itoa(v.PID) + "\n" + strconv.Itoa(other.PID), "pids.max": "10"})
	limit := fixed(Setting{File: "pids.max", Value: "5", Tighter: func(now string) bool { return now == "10" }})
	c, err := s.Plan(Request{Kind: "test", Controller: PIDs, Members: []process.Victim{v}, Scope: "auto", Limit: limit})
	require.NoError(t, err)
	text := strings.Join(c.Actions(), "\n")
	require.Contains(t, text, "mkdir "+filepath.Dir(unit)+"/gameday-", "beside it: a group with processes has no limited ones below")
	require.Contains(t, text, "echo 'max 100000' > ", "the limits of its own group go with it")
	files(t, unit, map[string]string{"cgroup.procs": strconv.Itoa(v.PID) + "\n" + strconv.Itoa(os.Getppid())})
	_, err = s.Plan(Request{Kind: "test", Controller: PIDs, Members: []process.Victim{v}, Scope: "group", Limit: limit})
	require.ErrorContains(t, err, "refused", "a group that gameday runs under")
	files(t, filepath.Dir(unit), map[string]string{"cgroup.subtree_control": "cpu"})
	_, err = s.Plan(Request{Kind: "test", Controller: PIDs, Members: []process.Victim{v}, Scope: "auto", Limit: limit})
	require.ErrorContains(t, err, "echo +pids")
}

// The moves of version 2 are tried on the kernel itself where any controller of version 2 can be handed down.
func TestVersion2MovesAndMovesBack(t *testing.T) {
	s, err := Open()
	require.NoError(t, err)
	if s.v2 == nil {
		t.Skip("no control groups of version 2 are mounted")
	}
	controllers := strings.Fields(Group{Dir: s.v2.dir}.Read("cgroup.controllers"))
	if len(controllers) == 0 {
		t.Skip("version 2 has no controllers here")
	}
	c := Controller(controllers[len(controllers)-1])
	if delegated(s.v2.dir, c) != nil {
		if err := put(s.v2.dir, "cgroup.subtree_control", "+"+string(c)); err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() { require.NoError(t, put(s.v2.dir, "cgroup.subtree_control", "-"+string(c))) })
	}
	unit := filepath.Join(s.v2.dir, "test-"+strconv.Itoa(os.Getpid())+".service")
	require.NoError(t, os.Mkdir(unit, 0o755))
	t.Cleanup(func() {
		require.Eventually(t, func() bool { return os.Remove(unit) == nil }, patience, 5*time.Millisecond)
	})
	v := sleeper(t)
	t.Cleanup(func() { _ = v.Signal(9) }) // before the group is removed
	require.NoError(t, put(unit, "cgroup.procs", strconv.Itoa(v.PID)))
	change, err := s.Plan(Request{Kind: "test", Controller: c, Members: []process.Victim{v}, Scope: "process",
		Limit: fixed(Setting{File: "cgroup.max.depth", Value: "3", Tighter: func(now string) bool { return now == "max" }})})
	require.NoError(t, err)
	require.NoError(t, change.Apply(t.Context()))
	in, err := s.Of(v.PID, c)
	require.NoError(t, err)
	require.Contains(t, in.Dir, "/gameday-")
	require.Equal(t, "3", in.Read("cgroup.max.depth"))
	u, err := ReadUndo("test", change.Undo())
	require.NoError(t, err)
	require.NoError(t, u.Restore(t.Context()))
	require.NoError(t, change.Verify(t.Context()))
	in, err = s.Of(v.PID, c)
	require.NoError(t, err)
	require.Equal(t, unit, in.Dir)
}

func TestProcessesWhoseHomeIsGoneGoToTheNearestAbove(t *testing.T) {
	s, err := Open()
	require.NoError(t, err)
	if err := s.Available(PIDs); err != nil {
		t.Skip(err)
	}
	v := sleeper(t)
	g, err := s.Of(v.PID, PIDs)
	require.NoError(t, err)
	if g.V2 {
		t.Skip("a group below one with processes cannot be made in version 2")
	}
	home := filepath.Join(g.Dir, "test-home-"+strconv.Itoa(os.Getpid()))
	ours := filepath.Join(g.Dir, prefix+"test"+strconv.Itoa(os.Getpid()))
	require.NoError(t, os.Mkdir(ours, 0o755))
	require.NoError(t, put(ours, "cgroup.procs", strconv.Itoa(v.PID)))
	data, err := json.Marshal(Undo{Moves: []Move{{Group: ours, Home: home, Top: g.top, Process: v.ID}}})
	require.NoError(t, err)
	u, err := ReadUndo("test", data)
	require.NoError(t, err)
	require.Contains(t, u.Remedy(), "rmdir '"+ours)
	require.NoError(t, u.Restore(t.Context()))
	now, err := s.Of(v.PID, PIDs)
	require.NoError(t, err)
	require.Equal(t, g.Dir, now.Dir)
	require.NoDirExists(t, ours)
}
