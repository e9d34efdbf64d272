package keeper_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/fault/network"
	"gameday/chaos/fault/process"
	"gameday/chaos/journal"
	"gameday/chaos/keeper"
	"gameday/chaos/proc"
	"gameday/chaos/proxy"
)

const patience = 30 * time.Second

// The test binary is three programs: the tests, a keeper, and a session that can be killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "keeper":
			if err := keeper.Main(context.Background(), keeper.Pipe(), os.Args[2], catalog(nil)); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		case "session":
			session(os.Args[2], os.Args[3], os.Args[4:])
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

func catalog(links *proxy.Set) []chaos.Fault {
	return []chaos.Fault{process.NewPause(), process.NewKill(nil), network.NewLatency(links, 1), network.NewPartition(links)}
}

// session runs a controller over sleeping processes given by PID, and says on stdout where it is. It waits at the point
// named, to be killed there.
func session(dir, point string, pids []string) {
	check := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	at := func(p string) {
		fmt.Println(p)
		if p == point {
			select {}
		}
	}
	j, err := journal.Create(dir, "victim")
	check(err)
	exe, err := os.Executable()
	check(err)
	k, err := keeper.Start(keeper.Config{Exe: exe, Args: []string{"keeper"}, Journal: j.Path()})
	check(err)
	fmt.Println("keeper", k.PID())
	// A child of the session that outlives it: it must not hold the keeper's pipe or the journal's lock.
	child := exec.Command("sleep", "300")
	check(child.Start())
	fmt.Println("child", child.Process.Pid)
	links := proxy.NewSet()
	_, err = links.Link("checkout", "payment", "tcp", "127.0.0.1:1")
	check(err)
	c, err := chaos.NewController(chaos.Config{Journal: j, Faults: catalog(links), Inventory: chaos.Inventories{links.Inventory(),
		chaos.InventoryFunc(func(context.Context) ([]chaos.Target, error) {
			var ts []chaos.Target
			for i, p := range pids {
				pid, err := strconv.Atoi(p)
				if err != nil {
					return nil, err
				}
				id, err := proc.Of(pid)
				if err != nil {
					return nil, err
				}
				ts = append(ts, chaos.Target{Kind: chaos.TargetProcess, Name: fmt.Sprint("sleeper-", i), PID: pid, StartTicks: id.StartTicks})
			}
			return ts, nil
		})}})
	check(err)
	check(c.ServeControl(nil))
	at("started")
	ctx := context.Background()
	lat, err := c.Plan(ctx, chaos.Request{Kind: "network.latency", Select: chaos.Selector{Service: "payment"}, Args: chaos.Args{"latency": "1s"}})
	check(err)
	_, err = c.Inject(ctx, lat)
	check(err)
	p, err := c.Plan(ctx, chaos.Request{Kind: "process.pause", Select: chaos.Selector{Name: "*"}})
	check(err)
	at("planned")
	if point == "intent" { // as if killed between the write and the first effect, and the effect had come half way
		check(j.Intent(journal.Fault{ID: "half", Kind: "process.pause", Undo: undoOf(pids), Reversible: true}))
		pid, err := strconv.Atoi(pids[0])
		check(err)
		check(syscall.Kill(pid, syscall.SIGSTOP))
		at("intent")
	}
	_, err = c.Inject(ctx, p)
	check(err)
	at("armed")
	check(c.Close(ctx))
	at("closed")
	check(links.Close())
	check(k.Close(ctx))
	fmt.Println("done")
}

func undoOf(pids []string) []byte {
	var parts []string
	for _, p := range pids {
		pid, err := strconv.Atoi(p)
		if err != nil {
			continue
		}
		id, err := proc.Of(pid)
		if err != nil {
			continue
		}
		parts = append(parts, fmt.Sprintf(`{"name":"x","pid":%d,"start_ticks":%d}`, pid, id.StartTicks))
	}
	return []byte("[" + strings.Join(parts, ",") + "]")
}

func sleeper(t *testing.T) proc.ID {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // may have ended
		_ = cmd.Wait()
	})
	id, err := proc.Of(cmd.Process.Pid)
	require.NoError(t, err)
	return id
}

func stopped(id proc.ID) bool {
	st, err := id.Status()
	return err == nil && st.Stopped()
}

func directory(t *testing.T) string {
	d := filepath.Join(t.TempDir(), "j")
	require.NoError(t, os.Mkdir(d, 0o700))
	return d
}

type run struct {
	cmd    *exec.Cmd
	keeper int
}

// runSession starts a session and waits until it is at the point.
func runSession(t *testing.T, dir, point string, targets ...proc.ID) run {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	args := []string{"session", dir, point}
	for _, id := range targets {
		args = append(args, strconv.Itoa(id.PID))
	}
	cmd := exec.Command(exe, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	r := run{cmd: cmd}
	var child int
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // may have ended; so may those below
		_ = cmd.Wait()
		for _, pid := range []int{child, r.keeper} {
			if pid > 1 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		l := lines.Text()
		_, _ = fmt.Sscanf(l, "keeper %d", &r.keeper) // other lines do not match
		_, _ = fmt.Sscanf(l, "child %d", &child)
		require.NotContains(t, l, "error:")
		if l == point {
			return r
		}
	}
	require.Fail(t, "the session ended before it was "+point)
	return r
}

func gone(pid int) bool {
	st, err := proc.Read(pid)
	return err != nil || st.Dead()
}

func empty(t *testing.T, dir string) bool {
	es, err := os.ReadDir(dir)
	require.NoError(t, err)
	return len(es) == 0
}

func TestKillNineAtAnyPointLeavesNothing(t *testing.T) {
	for _, point := range []string{"started", "planned", "intent", "armed", "closed"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			dir, a, b := directory(t), sleeper(t), sleeper(t)
			r := runSession(t, dir, point, a, b)
			require.Equal(t, point == "armed", stopped(b))
			if point == "armed" { // signals that a closing terminal sends do not end the keeper
				for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT} {
					require.NoError(t, syscall.Kill(r.keeper, sig))
				}
			}
			start := time.Now()
			require.NoError(t, r.cmd.Process.Kill())
			require.Eventually(t, func() bool { return !stopped(a) && !stopped(b) && gone(r.keeper) && empty(t, dir) }, patience, time.Millisecond,
				"targets go on, the keeper is gone, the directory is clean")
			t.Logf("clean %v after kill -9", time.Since(start).Round(time.Millisecond))
			require.True(t, a.Alive() && b.Alive())
		})
	}
}

func TestACleanEndTakesTheKeeperWithIt(t *testing.T) {
	dir, a := directory(t), sleeper(t)
	r := runSession(t, dir, "done", a)
	require.True(t, gone(r.keeper), "Close waits for it")
	require.True(t, empty(t, dir))
	require.False(t, stopped(a))
}

func TestWhenBothAreKilledRecoverUndoes(t *testing.T) {
	dir, a, b := directory(t), sleeper(t), sleeper(t)
	r := runSession(t, dir, "armed", a, b)
	list, err := chaos.ListFaults(t.Context(), dir)
	require.NoError(t, err)
	require.Len(t, list, 2)
	res, err := chaos.Recover(t.Context(), dir, catalog(nil))
	require.NoError(t, err)
	require.Equal(t, chaos.OwnerAlive, res[0].Outcome)
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGSTOP)) // so that it cannot start another keeper
	require.Eventually(t, func() bool { return stopped(proc.ID{PID: r.cmd.Process.Pid}) }, patience, time.Millisecond)
	require.NoError(t, syscall.Kill(r.keeper, syscall.SIGKILL))
	require.NoError(t, r.cmd.Process.Kill())
	_ = r.cmd.Wait() // killed
	require.True(t, stopped(a))
	res, err = chaos.Recover(t.Context(), dir, catalog(nil))
	require.NoError(t, err)
	require.Len(t, res, 2)
	for _, x := range res {
		require.Equal(t, chaos.VerifiedClean, x.Outcome, "%v", x.Err)
	}
	require.False(t, stopped(a) || stopped(b))
	res, err = chaos.Recover(t.Context(), dir, catalog(nil))
	require.NoError(t, err)
	require.Empty(t, res)
}

func TestAStoppedSessionCanBeOverruled(t *testing.T) {
	dir, a := directory(t), sleeper(t)
	r := runSession(t, dir, "armed", a)
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGSTOP))
	require.Eventually(t, func() bool { return stopped(proc.ID{PID: r.cmd.Process.Pid}) }, patience, time.Millisecond)
	res, err := chaos.RecoverForced(t.Context(), dir, catalog(nil))
	require.NoError(t, err)
	byKind := map[string]chaos.Recovered{}
	for _, x := range res {
		byKind[x.Kind] = x
	}
	require.Equal(t, chaos.VerifiedClean, byKind["process.pause"].Outcome)
	require.Equal(t, chaos.NeedsHuman, byKind["network.latency"].Outcome, "only the proxy's own process can take it back")
	require.Contains(t, byKind["network.latency"].Remedy, fmt.Sprint("kill ", r.cmd.Process.Pid))
	require.False(t, stopped(a))
}

func TestAKeeperThatDiesIsReplaced(t *testing.T) {
	dir := directory(t)
	j, err := journal.Create(dir, "s1")
	require.NoError(t, err)
	exe, err := os.Executable()
	require.NoError(t, err)
	var died atomic.Int32
	restarted := make(chan int, 10)
	k, err := keeper.Start(keeper.Config{Exe: exe, Args: []string{"keeper"}, Journal: j.Path(),
		Died: func(error) { died.Add(1) }, Restarted: func(pid int) { restarted <- pid }})
	require.NoError(t, err)
	first := k.PID()
	require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
	second := <-restarted
	require.NotEqual(t, first, second)
	require.EqualValues(t, 1, died.Load())
	require.NoError(t, j.Close(true))
	require.NoError(t, k.Close(t.Context()))
	require.NoError(t, k.Close(t.Context()))
	require.True(t, gone(second))
	require.True(t, empty(t, dir))
}

func TestAKeeperThatCannotStartIsAnError(t *testing.T) {
	j, err := journal.Create(directory(t), "s1")
	require.NoError(t, err)
	defer j.Close(true)
	_, err = keeper.Start(keeper.Config{Exe: "/nonexistent", Journal: j.Path()})
	require.ErrorContains(t, err, "/nonexistent")
	_, err = keeper.Start(keeper.Config{Exe: "/bin/sh", Args: []string{"-c", "echo went wrong >&2"}, Journal: j.Path()})
	require.ErrorContains(t, err, "went wrong")
}
