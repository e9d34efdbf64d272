package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// pauseQuickly is an experiment that is over soon and leaves a stopped process behind when nobody undoes it.
const pauseQuickly = `apiVersion: gameday/v1
kind: Experiment
metadata: {name: pause-quickly}
hypothesis: The shop does not need its catalog for two seconds.
steadyState:
  probes:
    - {name: catalog is there, process: catalog, expect: "= up"}
method:
  - {at: 0s, for: 3s, fault: process.pause, target: {service: catalog}}
  - {at: 500ms, for: 2s, fault: network.latency, target: {service: payment}, args: {latency: 800ms}}
durations: {warmup: 1s, before: 1s, after: 2s}
`

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// kill -9 of gameday at any point of an experiment leaves no fault and no process behind ten seconds later.
func TestKillAtAnyPointLeavesNothing(t *testing.T) {
	t.Parallel()
	file := write(t, "pause-quickly.yaml", pauseQuickly)
	const points = 20
	for i := range points {
		after := 100*time.Millisecond + time.Duration(i)*8*time.Second/points
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			cmd := exec.Command(binary, "run", file, "--demo")
			cmd.Env = environment(state)
			require.NoError(t, cmd.Start())
			time.Sleep(after)
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait() // it was killed
			left := waitGone(state, 10*time.Second)
			require.Empty(t, left, "processes left ten seconds after the kill")
			out, err := gameday(state, "faults")
			require.NoError(t, err, out)
			require.Contains(t, out, "no fault is in force")
			// Killed before its keeper stood ready, gameday leaves a journal without a fault; whoever starts next clears it away.
			out, err = gameday(state, "recover")
			require.NoError(t, err, out)
			journals, err := filepath.Glob(filepath.Join(state, "gameday", "journal", "*"))
			require.NoError(t, err)
			require.Empty(t, journals)
		})
	}
}

// gameday runs a short command and returns what it printed.
func gameday(state string, args ...string) (string, error) {
	cmd := exec.Command(binary, args...)
	cmd.Env = environment(state)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// modes are the terminal's modes as its next owner finds them.
func modes(t *testing.T, term *terminal) *unix.Termios {
	t.Helper()
	m, err := unix.IoctlGetTermios(int(term.pty.Fd()), unix.TCGETS) // the two ends of a pseudo-terminal share their modes
	require.NoError(t, err)
	return m
}

// breakPayment opens the cockpit and gets a fault in force.
func breakPayment(t *testing.T, env ...string) *terminal {
	t.Helper()
	term := openEnv(t, 120, 35, env, "demo")
	term.see(slow, "ctrl+x")
	term.press(esc)
	term.see(slow, "POST /checkout")
	require.Zero(t, modes(t, term).Lflag&unix.ICANON, "the cockpit has the terminal")
	startExperiment(term, paymentSlow)
	term.see(slow, "⚡1 fault")
	return term
}

// requireGivenBack asserts that the terminal is as it was: modes, screen, cursor, mouse.
func requireGivenBack(t *testing.T, term *terminal) {
	t.Helper()
	require.Eventually(t, func() bool {
		m := modes(t, term)
		return m.Lflag&unix.ICANON != 0 && m.Lflag&unix.ECHO != 0 && strings.Contains(term.tail(4096), "\x1b[?1049l") && strings.Contains(term.tail(4096), "\x1b[?25h")
	}, 15*time.Second, 50*time.Millisecond, "the terminal was not given back: %q", term.tail(600))
}

// Every way out undoes the faults and gives the terminal back: a dropped SSH link (SIGHUP), a kill, ctrl+c from elsewhere, ctrl+\.
func TestSignalsUndoTheFaultsAndGiveTheTerminalBack(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			t.Parallel()
			term := breakPayment(t, belowShell)
			term.signal(sig)
			term.printed("exit code 3")
			term.printed("everything is undone")
			requireGivenBack(t, term)
			_ = term.cmd.Process.Kill() // the shell, which has become cat
			requireNothingLeft(t, term)
		})
	}
}

// Who leaves before the shop is up was told of nine services that did not answer in time.
func TestLeavingAtOnceIsNoFailure(t *testing.T) {
	t.Parallel()
	term := open(t, 80, 24, "demo")
	term.see(slow, "This is a live system")
	term.press("q")
	require.Equal(t, 0, term.end(slow))
	require.NotContains(t, term.screen(), "did not answer")
}

// A panic that nobody can catch, and kill -9, leave the keeper to do both.
func TestCrashesUndoTheFaultsAndGiveTheTerminalBack(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGKILL} { // the test binary panics in a goroutine on SIGUSR1
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			t.Parallel()
			term := breakPayment(t, belowShell)
			term.signal(sig)
			term.printed("exit code") // perhaps still on the screen that the keeper leaves
			requireGivenBack(t, term)
			_ = term.cmd.Process.Kill() // the shell, which has become cat
			requireNothingLeft(t, term)
			require.Contains(t, term.tail(4096), "ended without warning")
			if sig == syscall.SIGUSR1 {
				reports, err := filepath.Glob(filepath.Join(term.state, "gameday", "crash-*.log"))
				require.NoError(t, err)
				require.Len(t, reports, 1)
				report, err := os.ReadFile(reports[0])
				require.NoError(t, err)
				require.Contains(t, string(report), "a panic in a goroutine")
				require.Contains(t, term.tail(4096), reports[0], "the operator is told where to look")
			}
		})
	}
}

func requireNothingLeft(t *testing.T, term *terminal) {
	t.Helper()
	require.Empty(t, waitGone(term.state, 10*time.Second), "processes left behind")
	journals, err := filepath.Glob(filepath.Join(term.state, "gameday", "journal", "*"))
	require.NoError(t, err)
	require.Empty(t, journals)
}

// The terminal itself goes away: what a person sees when the SSH link drops.
func TestALostTerminalUndoesTheFaults(t *testing.T) {
	t.Parallel()
	term := breakPayment(t)
	require.NoError(t, term.pty.Close())
	term.end(slow)
	requireNothingLeft(t, term)
}

// What is in force can be listed and undone from a second terminal, also while a dialog is open in the first.
func TestAbortFromAnotherTerminal(t *testing.T) {
	t.Parallel()
	term := breakPayment(t)
	out, err := gameday(term.state, "faults")
	require.NoError(t, err, out)
	require.Contains(t, out, "payment +800ms")
	require.Contains(t, out, "injected")
	term.press("?")
	out, err = gameday(term.state, "abort", "--all")
	require.NoError(t, err, out)
	require.Contains(t, out, "1 undone")
	out, err = gameday(term.state, "faults")
	require.NoError(t, err, out)
	require.Contains(t, out, "no fault is in force")
	term.press(esc)
	term.see(slow, "ABORTED")
}

// ctrl+x works while a dialog is open, and its acknowledgement says what was undone.
func TestAbortWhileADialogIsOpen(t *testing.T) {
	t.Parallel()
	term := breakPayment(t)
	term.press(":")
	term.press(ctrlX)
	term.see(slow, "1 fault undone")
	out, err := gameday(term.state, "faults")
	require.NoError(t, err, out)
	require.Contains(t, out, "no fault is in force")
}
