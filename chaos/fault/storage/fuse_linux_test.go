package storage

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"gameday/chaos"
)

// sh runs a command in another process: one that waits for a mount of its own process could wait for itself.
func sh(t *testing.T, command string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sh", "-c", command).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func mounted(t *testing.T) string {
	t.Helper()
	if err := NewFUSE(1).Available(); err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(home(t), "data")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.db"), []byte("alpha"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.txt"), []byte("beta"), 0o600))
	t.Cleanup(func() {
		for m, err := mountAt(dir); err == nil && strings.HasPrefix(m.Source, fuseSource); m, err = mountAt(dir) {
			_ = detach(dir) // so that a failed test leaves nothing
		}
	})
	return dir
}

func TestReadsOfSomeFilesFailAndOthersPass(t *testing.T) {
	dir := mounted(t)
	f := NewFUSE(1)
	c := must(t, f, chaos.Args{"error": "EIO", "files": "*.db", "operations": "read,write"}, at(dir))
	require.NoError(t, c.Apply(t.Context()))
	out, err := sh(t, "cat "+dir+"/a.db")
	require.Error(t, err)
	require.Contains(t, out, "Input/output error")
	out, err = sh(t, "cd "+dir+" && cat b.txt && echo more >> b.txt && cat b.txt && mkdir sub/x && mv b.txt sub/x/c && ls sub/x && rmdir sub/x 2>/dev/null; cat sub/x/c; ln -s c sub/x/l && readlink sub/x/l; stat -c %s sub/x/c")
	require.NoError(t, err)
	require.Equal(t, "betabetamore\nc\nbetamore\nc\n9", out, "everything else works as ever")
	_, err = plan(t, f, chaos.Args{"error": "EIO"}, at(dir))
	require.ErrorContains(t, err, "already")
	n, unit := c.Touched()
	require.NotZero(t, n)
	require.Equal(t, "operations", unit)
	require.ErrorContains(t, c.Verify(t.Context()), "still mounted")
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Verify(t.Context()))
	data, err := os.ReadFile(filepath.Join(dir, "a.db"))
	require.NoError(t, err)
	require.Equal(t, "alpha", string(data))
	data, err = os.ReadFile(filepath.Join(dir, "sub/x/c"))
	require.NoError(t, err)
	require.Equal(t, "betamore\n", string(data), "what was written through it is there")
	require.ErrorContains(t, c.Apply(t.Context()), "taken back")
}

func TestWritesAreLateAndFilesThatStayOpenAreServedOn(t *testing.T) {
	dir := mounted(t)
	c := must(t, NewFUSE(1), chaos.Args{"delay": "200ms", "operations": "write"}, at(dir))
	require.NoError(t, c.Apply(t.Context()))
	cmd := exec.Command("sh", "-c", "exec 3>>"+dir+"/log; echo open; while read x; do echo $x >&3 && echo done; done")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // may have ended
		_ = cmd.Wait()
	})
	s := bufio.NewScanner(out)
	require.True(t, s.Scan())
	began := time.Now()
	_, err = fmt.Fprintln(in, "one")
	require.NoError(t, err)
	require.True(t, s.Scan())
	require.Equal(t, "done", s.Text())
	require.GreaterOrEqual(t, time.Since(began), 200*time.Millisecond)
	require.NoError(t, c.Revert(t.Context()))
	_, err = fmt.Fprintln(in, "two")
	require.NoError(t, err)
	require.True(t, s.Scan())
	require.Equal(t, "done", s.Text(), "the file that is open goes on to work, unhindered")
	data, err := os.ReadFile(filepath.Join(dir, "log"))
	require.NoError(t, err)
	require.Equal(t, "one\ntwo\n", string(data))
}

// session mounts and waits to be killed.
func session(dir string) {
	f := NewFUSE(1)
	args, _ := chaos.CheckArgs(f.Params(), chaos.Args{"delay": "1h", "operations": "read"})
	c, err := f.Plan(context.Background(), []chaos.Target{at(dir)}, args)
	if err == nil {
		fmt.Printf("undo %s\n", c.Undo())
		err = c.Apply(context.Background())
	}
	fmt.Println("applied", err)
	time.Sleep(patience)
}

func TestAStoppedSessionsMountIsTakenOffWithAllThatHangsInIt(t *testing.T) {
	dir, cmd, undo := running(t)
	reader := exec.Command("cat", filepath.Join(dir, "a.db")) // hangs in the fault
	require.NoError(t, reader.Start())
	require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))
	require.NoError(t, NewFUSE(1).Restore(t.Context(), json.RawMessage(undo)))
	_ = reader.Wait() // ended by the undo, with an error or, when it came after it, without
	data, err := os.ReadFile(filepath.Join(dir, "a.db"))
	require.NoError(t, err)
	require.Equal(t, "alpha", string(data))
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
}

// running starts a session that has mounted.
func running(t *testing.T) (dir string, cmd *exec.Cmd, undo string) {
	t.Helper()
	dir = mounted(t)
	cmd = exec.Command(os.Args[0], "session", dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	s := bufio.NewScanner(out)
	require.True(t, s.Scan())
	undo, ok := strings.CutPrefix(s.Text(), "undo ")
	require.True(t, ok, s.Text())
	require.True(t, s.Scan())
	require.Equal(t, "applied <nil>", s.Text())
	return dir, cmd, undo
}

func TestADeadSessionsMountIsTakenOffByAnotherProcess(t *testing.T) {
	dir, cmd, undo := running(t)
	reader := exec.Command("cat", filepath.Join(dir, "a.db")) // hangs in the fault
	require.NoError(t, reader.Start())
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()    // killed
	_ = reader.Wait() // ended with an error when the server died
	var st unix.Stat_t
	require.ErrorIs(t, unix.Stat(dir, &st), syscall.ENOTCONN, "this is what a fault that cannot fail open looks like")
	require.NoError(t, NewFUSE(1).Restore(t.Context(), json.RawMessage(undo)))
	require.NoError(t, NewFUSE(1).Restore(t.Context(), json.RawMessage(undo)))
	data, err := os.ReadFile(filepath.Join(dir, "a.db"))
	require.NoError(t, err)
	require.Equal(t, "alpha", string(data))
}

func TestDirectoriesThatAreNeededAreNotMountedOver(t *testing.T) {
	dir := home(t)
	for path, keep := range map[string]string{"/": "/x", dir: dir + "/state/journal", "/proc": "/x"} {
		_, err := plan(t, NewFUSE(1, keep), chaos.Args{"error": "EIO"}, at(path))
		require.ErrorContains(t, err, "refused", path)
	}
	for _, bad := range []chaos.Args{{}, {"error": "EIO", "files": "["}, {"error": "EIO", "operations": "nonsense"}, {"error": "EIO", "operations": " "}} {
		_, err := plan(t, NewFUSE(1), bad, at(dir))
		require.Error(t, err, "%v", bad)
	}
	for _, bad := range []string{`{}`, `{"dir":"/","source":"gameday-"}`, `{"dir":"/","source":"ext4"}`, `[]`} {
		require.Error(t, NewFUSE(1).Restore(t.Context(), json.RawMessage(bad)), bad)
	}
}

func TestTheShareOfOperationsIsHitAndTheSeedRepeatsIt(t *testing.T) {
	sum := 0.0
	draws := func(seed uint64) string {
		in, _, err := newInjector(chaos.Args{"error": "EIO", "share": 30.0, "operations": "all"}, seed)
		require.NoError(t, err)
		var b strings.Builder
		for range 4000 {
			fmt.Fprint(&b, int(in.hit(t.Context(), "open", "x"))/5)
		}
		sum += float64(in.hits.Load())
		return b.String()
	}
	require.Equal(t, draws(1), draws(1))
	sum = 0
	for seed := range uint64(12) {
		require.NotEqual(t, draws(seed), draws(seed+100))
	}
	require.InDelta(t, 28800, sum, 366) // 99 % of all binomial draws of 96000 at 0.3 lie within this
	in, _, err := newInjector(chaos.Args{"delay": time.Hour, "files": "logs/*.txt", "operations": "read"}, 1)
	require.NoError(t, err)
	require.Zero(t, in.hit(t.Context(), "read", "other/x.txt"))
	require.Zero(t, in.hit(t.Context(), "write", "logs/x.txt"))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var got syscall.Errno
	wg.Go(func() { got = in.hit(ctx, "read", "logs/x.txt") })
	require.Eventually(t, func() bool { return in.hits.Load() == 1 }, patience, time.Millisecond)
	cancel()
	wg.Wait()
	require.Equal(t, syscall.EINTR, got)
}
