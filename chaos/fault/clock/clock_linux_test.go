//go:build amd64

package clock

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/proc"
)

const patience = 30 * time.Second

// The test binary is the target as well: it says what time it is whenever it is asked.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "tell" {
		busy, _ := strconv.Atoi(os.Args[2])
		for range busy {
			go func() {
				for last := time.Now(); ; {
					now := time.Now()
					if now.Before(last) { // by the monotonic clock, which is never hit
						fmt.Println("the monotonic clock went back")
						os.Exit(3)
					}
					last = now
				}
			}()
		}
		begun := time.Now()
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			var tv syscall.Timeval
			_ = syscall.Gettimeofday(&tv) // cannot fail with a valid pointer
			now := time.Now()
			fmt.Println(now.UnixNano(), now.Sub(begun).Nanoseconds(), tv.Nano())
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type teller struct {
	id  proc.ID
	in  io.Writer
	out *bufio.Reader
}

func tell(t *testing.T, busy int) *teller {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	return start(t, exe, "tell", strconv.Itoa(busy))
}

func start(t *testing.T, program string, args ...string) *teller {
	t.Helper()
	if err := New().Available(); err != nil {
		t.Skip("skipped: ", err)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // so that it does not go on
		_ = cmd.Wait()
	})
	id, err := proc.Of(cmd.Process.Pid)
	require.NoError(t, err)
	return &teller{id, in, bufio.NewReader(out)}
}

func (x *teller) ask(t *testing.T) (numbers []int64) {
	t.Helper()
	_, err := fmt.Fprintln(x.in)
	require.NoError(t, err)
	line, err := x.out.ReadString('\n')
	require.NoError(t, err, "the target has ended: %s", line)
	for _, w := range strings.Fields(line) {
		n, err := strconv.ParseInt(w, 10, 64)
		require.NoError(t, err, line)
		numbers = append(numbers, n)
	}
	return numbers
}

// off is how far the target's clock is from ours, and how long the target has run by its monotonic clock.
func (x *teller) off(t *testing.T) (off, ran time.Duration) {
	t.Helper()
	before := time.Now()
	n := x.ask(t)
	took := time.Since(before)
	off = time.Duration(n[0] - before.UnixNano())
	require.InDelta(t, n[0], n[2], float64(patience), "gettimeofday tells the same as clock_gettime")
	if took < time.Second { // what is asked for comes out, whatever the machine is busy with
		off = off.Round(time.Second)
	}
	return off, time.Duration(n[1])
}

func (x *teller) target() chaos.Target {
	return chaos.Target{Kind: chaos.TargetProcess, Name: "teller", PID: x.id.PID, StartTicks: x.id.StartTicks}
}

func plan(t *testing.T, x *teller, by time.Duration, direction string) chaos.Change {
	t.Helper()
	c, err := New().Plan(t.Context(), []chaos.Target{x.target()}, chaos.Args{"by": by, "direction": direction})
	require.NoError(t, err)
	return c
}

func TestTheClockIsOffAndRightAgain(t *testing.T) {
	for direction, sign := range map[string]time.Duration{"ahead": 1, "behind": -1} {
		for _, by := range []time.Duration{time.Hour, 10 * 24 * time.Hour, 90*time.Minute + 500*time.Millisecond} {
			x := tell(t, 0)
			_, ran := x.off(t)
			c := plan(t, x, by, direction)
			off, _ := x.off(t)
			require.Zero(t, off.Round(time.Minute), "planning touches nothing")
			require.NoError(t, c.Apply(t.Context()))
			off, now := x.off(t)
			require.InDelta(t, (sign * by).Seconds(), off.Seconds(), patience.Seconds(), direction)
			require.Greater(t, now, ran, "the monotonic clock goes on")
			require.Less(t, now, ran+patience)
			require.Error(t, c.Verify(t.Context()))
			n, unit := c.Touched()
			require.Equal(t, "1 processes", fmt.Sprint(n, " ", unit))
			require.NoError(t, c.Revert(t.Context()))
			require.NoError(t, c.Verify(t.Context()))
			off, _ = x.off(t)
			require.Zero(t, off.Round(time.Minute))
			require.NoError(t, c.Revert(t.Context()), "again")
			require.ErrorContains(t, c.Apply(t.Context()), "taken back")
		}
	}
}

// Threads that ask for the time as fast as they can are not disturbed by its changing under them, however often.
func TestBusyThreadsSurvive(t *testing.T) {
	x := tell(t, 4)
	for i := range 40 {
		c := plan(t, x, time.Hour, "ahead")
		require.NoError(t, c.Apply(t.Context()), "round %d", i)
		off, _ := x.off(t)
		require.InDelta(t, 3600, off.Seconds(), patience.Seconds())
		require.NoError(t, c.Revert(t.Context()))
		require.NoError(t, c.Verify(t.Context()))
		off, _ = x.off(t)
		require.InDelta(t, 0, off.Seconds(), patience.Seconds())
	}
}

// What is in the journal is enough for another process to undo it, any number of times, whatever happened in between.
func TestRestore(t *testing.T) {
	x := tell(t, 1)
	c := plan(t, x, time.Hour, "ahead")
	require.NoError(t, New().Restore(t.Context(), c.Undo()), "nothing was applied")
	require.NoError(t, c.Apply(t.Context()))
	require.NoError(t, x.id.Signal(syscall.SIGSTOP)) // as when gameday died in that moment
	require.Contains(t, New().Remedy(c.Undo()), fmt.Sprint("kill ", x.id.PID))
	for range 2 {
		require.NoError(t, New().Restore(t.Context(), c.Undo()))
	}
	off, _ := x.off(t)
	require.InDelta(t, 0, off.Seconds(), patience.Seconds())
	require.NoError(t, c.Verify(t.Context()))

	other := plan(t, x, time.Hour, "behind")
	require.NoError(t, other.Apply(t.Context()))
	require.NoError(t, New().Restore(t.Context(), c.Undo()), "it is not this one's")
	off, _ = x.off(t)
	require.InDelta(t, -3600, off.Seconds(), patience.Seconds())
	_, err := New().Plan(t.Context(), []chaos.Target{x.target()}, chaos.Args{"by": time.Hour})
	require.ErrorContains(t, err, "changed by someone already")
	require.NoError(t, other.Revert(t.Context()))

	require.NoError(t, x.id.Signal(syscall.SIGKILL))
	require.Eventually(t, func() bool { return !x.id.Alive() }, patience, time.Millisecond)
	require.NoError(t, New().Restore(t.Context(), other.Undo()), "the process has ended, and the fault with it")
	require.NoError(t, other.Verify(t.Context()))
	for _, bad := range []string{``, `{}`, `{"tag":"ab"}`, `{"tag":"` + strings.Repeat("0", 32) + `","victims":[{"pid":1,"start_ticks":5}]}`} {
		require.Error(t, New().Restore(t.Context(), json.RawMessage(bad)), bad)
	}
}

// Children that are forked while the fault is in force have it, and lose it with their parent. A shell forks without exec.
func TestChildrenAreFound(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("skipped: bash, which can tell the time by itself and forks, is not installed")
	}
	dir := t.TempDir()
	// The parent forks one that lives on, and says its PID; both tell the time when they are asked, by time(2) or its like.
	x := start(t, bash, "-c", `read _; mkfifo "$0/ask" "$0/tell"; (while read _ <"$0/ask"; do printf '%(%s)T\n' -1 >"$0/tell"; done) & echo $!; while read _; do printf '%(%s)T\n' -1; done; kill $!`, dir)
	c := plan(t, x, time.Hour, "ahead")
	require.NoError(t, c.Apply(t.Context()))
	pid := int(x.ask(t)[0])
	child, err := proc.Of(pid)
	require.NoError(t, err)
	t.Cleanup(func() { _ = child.Signal(syscall.SIGKILL) }) // it may have ended with its parent
	askChild := func() int64 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "ask"), []byte("\n"), 0))
		said, err := os.ReadFile(filepath.Join(dir, "tell"))
		require.NoError(t, err)
		n, err := strconv.ParseInt(strings.TrimSpace(string(said)), 10, 64)
		require.NoError(t, err)
		return n
	}
	require.InDelta(t, time.Now().Add(time.Hour).Unix(), x.ask(t)[0], patience.Seconds())
	require.InDelta(t, time.Now().Add(time.Hour).Unix(), askChild(), patience.Seconds(), "it was forked with it")
	require.ErrorContains(t, c.Verify(t.Context()), "changed by someone already")
	require.NoError(t, New().Restore(t.Context(), c.Undo()))
	require.InDelta(t, time.Now().Unix(), x.ask(t)[0], patience.Seconds())
	require.InDelta(t, time.Now().Unix(), askChild(), patience.Seconds())
	require.NoError(t, c.Verify(t.Context()))
}

func TestPlanRefuses(t *testing.T) {
	x := tell(t, 0)
	for what, tt := range map[string]struct {
		target chaos.Target
		args   chaos.Args
	}{
		"is gameday itself":          {chaos.Target{Kind: chaos.TargetProcess, Name: "self", PID: os.Getpid()}, chaos.Args{"by": time.Hour}},
		"not a process":              {chaos.Target{Kind: chaos.TargetLink, Name: "a→b"}, chaos.Args{"by": time.Hour}},
		"must be from 1ms":           {x.target(), chaos.Args{}},
		"would have to be let go on": {x.target(), chaos.Args{"by": time.Hour}},
	} {
		if what == "would have to be let go on" {
			require.NoError(t, x.id.Signal(syscall.SIGSTOP))
			require.Eventually(t, func() bool { st, err := x.id.Status(); return err == nil && st.Stopped() }, patience, time.Millisecond)
		}
		_, err := New().Plan(t.Context(), []chaos.Target{tt.target}, tt.args)
		require.ErrorContains(t, err, what)
		require.NoError(t, x.id.Signal(syscall.SIGCONT))
	}
}

// Every function that is put into a process is followed by another, or by padding: none may be led to at a wrong place.
func TestPlacesAreWhereTheCodeIs(t *testing.T) {
	v, err := own()
	if err != nil {
		t.Skip("skipped: ", err)
	}
	for _, by := range []time.Duration{time.Millisecond, -time.Hour, maxShift} {
		code := v.code(strings.Repeat("ab", tagSize), by)
		for i, at := range v.places(by) {
			want := v.entries[i].code(by)
			require.Equal(t, want, code[at-v.area:][:len(want)])
			j := jump(v.entries[i].at, at)
			require.Len(t, j, jumpSize)
			require.EqualValues(t, 0xc3, want[len(want)-1])
		}
	}
}
