// Package e2e drives the real binary as a person would: in a pseudo-terminal, with keys, reading the screen.
package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"github.com/stretchr/testify/require"
)

// binary is the program under test, built once without the race detector: it is what users get, but for a goroutine that
// panics on SIGUSR1 (build tag crashtest).
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gameday-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e: no temporary directory:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "gameday")
	build := exec.Command("go", "build", "-trimpath", "-tags", "crashtest", "-o", binary, "gameday/cmd/gameday")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// slow is how long a test waits for something that should take a fraction of it: machines are shared.
const slow = 60 * time.Second

// terminal is the program in a pseudo-terminal, with a screen that keeps what it drew.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	pty    *os.File
	state  string // the program's state directory
	mu     sync.Mutex
	vt     vt10x.Terminal
	raw    bytes.Buffer // every byte sent to the terminal
	closed chan struct{}
	exited chan struct{}
	code   int
}

// open starts the binary with its own state directory in a terminal of that size.
func open(t *testing.T, cols, rows int, args ...string) *terminal {
	t.Helper()
	return openEnv(t, cols, rows, nil, args...)
}

// openEnv is open with more in the environment. GAMEDAY_SHELL=1 runs the program as a person does, below a shell that owns
// the terminal and lives on: a terminal dies with its session's leader, and nobody could look at it afterwards.
func openEnv(t *testing.T, cols, rows int, env []string, args ...string) *terminal {
	t.Helper()
	term := &terminal{t: t, state: t.TempDir(), vt: vt10x.New(vt10x.WithSize(cols, rows)), closed: make(chan struct{}), exited: make(chan struct{})}
	term.cmd = exec.Command(binary, args...)
	if slices.Contains(env, belowShell) {
		term.cmd = exec.Command("sh", append([]string{"-c", `"$0" "$@"; echo "exit code $?"; exec cat`, binary}, args...)...)
	}
	term.cmd.Env = append(environment(term.state), env...)
	f, err := pty.StartWithSize(term.cmd, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)})
	require.NoError(t, err)
	term.pty = f
	go term.read()
	go func() {
		defer close(term.exited)
		_ = term.cmd.Wait() // the exit code says it
		term.code = term.cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(term.close)
	return term
}

// environment is that of a person at a capable terminal whose home is the test's.
func environment(state string) []string {
	// The emulator gets inserting and deleting characters wrong. A vt220 is sent none, so that what it shows is what was drawn.
	env := []string{"TERM=vt220", "COLORTERM=truecolor", "LANG=C.UTF-8", "HOME=" + state, "XDG_STATE_HOME=" + state}
	for _, key := range []string{"PATH", "TMPDIR"} {
		if v, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+v)
		}
	}
	return env
}

func (term *terminal) read() {
	defer close(term.closed)
	buf := make([]byte, 32<<10)
	for {
		n, err := term.pty.Read(buf)
		term.mu.Lock()
		term.raw.Write(buf[:n])
		_, _ = term.vt.Write(buf[:n]) // a screen takes everything
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// screen is what a person sees now.
func (term *terminal) screen() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.vt.String()
}

// sent is the number of bytes the program has written to the terminal.
func (term *terminal) sent() int {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.raw.Len()
}

// tail is the last of what was written, escape sequences included.
func (term *terminal) tail(n int) string {
	term.mu.Lock()
	defer term.mu.Unlock()
	b := term.raw.Bytes()
	return string(b[max(0, len(b)-n):])
}

// press types keys as a terminal sends them.
func (term *terminal) press(keys ...string) {
	term.t.Helper()
	for _, k := range keys {
		_, err := term.pty.WriteString(k)
		require.NoError(term.t, err)
		time.Sleep(30 * time.Millisecond) // a person's keys do not arrive in one packet
	}
}

// resize changes the window as a person drags it.
func (term *terminal) resize(cols, rows int) {
	term.t.Helper()
	term.mu.Lock()
	term.vt.Resize(cols, rows)
	term.mu.Unlock()
	require.NoError(term.t, pty.Setsize(term.pty, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)}))
}

// terminate asks a program to end in order.
const terminate = syscall.SIGTERM

const (
	enter = "\r"
	esc   = "\x1b"
	tab   = "\t"
	ctrlX = "\x18"
	down  = "\x1b[B"
	up    = "\x1b[A"
)

// wait polls the screen until it satisfies the condition, and returns it.
func (term *terminal) wait(what string, within time.Duration, ok func(screen string) bool) string {
	term.t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if s := term.screen(); ok(s) {
			return s
		}
		select {
		case <-term.exited:
			if s := term.screen(); ok(s) {
				return s
			}
			require.FailNow(term.t, "the program ended while waiting for "+what, "exit code %d\n%s", term.code, term.screen())
		default:
		}
	}
	require.FailNow(term.t, "not on screen: "+what, "%s", term.screen())
	return ""
}

// see waits until all the words are on the screen.
func (term *terminal) see(within time.Duration, words ...string) string {
	term.t.Helper()
	return term.wait(strings.Join(words, ", "), within, func(s string) bool {
		for _, w := range words {
			if !strings.Contains(s, w) {
				return false
			}
		}
		return true
	})
}

// printed waits until the words were sent to the terminal, wherever they ended up on its screen.
func (term *terminal) printed(words string) {
	term.t.Helper()
	require.Eventually(term.t, func() bool { return strings.Contains(term.tail(1<<16), words) }, slow, 50*time.Millisecond,
		"never printed: %s", words)
}

// end waits for the program to exit and returns its code.
func (term *terminal) end(within time.Duration) int {
	term.t.Helper()
	select {
	case <-term.exited:
		return term.code
	case <-time.After(within):
		require.FailNow(term.t, "the program did not end", "%s", term.screen())
		return -1
	}
}

func (term *terminal) signal(sig syscall.Signal) {
	term.t.Helper()
	pid := term.cmd.Process.Pid
	for _, p := range ours(term.state) { // below a shell it is the shell's child
		if strings.HasPrefix(p.args, binary+" demo") {
			pid = p.pid
		}
	}
	require.NoError(term.t, syscall.Kill(pid, sig))
}

// belowShell in the environment of openEnv puts a shell between the terminal and the program.
const belowShell = "GAMEDAY_SHELL=1"

// close ends whatever is left, and fails the test if anything of ours outlives the program.
func (term *terminal) close() {
	select {
	case <-term.exited:
	default:
		_ = term.cmd.Process.Kill() // it may have gone meanwhile
		<-term.exited
	}
	left := waitGone(term.state, 15*time.Second)
	_ = term.pty.Close() // the reader ends with it
	<-term.closed
	for _, p := range left {
		_ = syscall.Kill(p.pid, syscall.SIGKILL) // by process ID, and only what carries this test's directory
	}
	if len(left) > 0 {
		term.t.Errorf("processes left behind: %v", left)
	}
}

// process is one process that belongs to a test, known by the state directory in its environment.
type process struct {
	pid   int
	args  string
	state byte
}

// ours lists the processes whose environment carries the state directory.
func ours(state string) []process {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []process
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		env, err := os.ReadFile(filepath.Join("/proc", d.Name(), "environ"))
		if err != nil || !bytes.Contains(env, []byte("XDG_STATE_HOME="+state+"\x00")) {
			continue
		}
		args, err := os.ReadFile(filepath.Join("/proc", d.Name(), "cmdline"))
		if err != nil || len(args) == 0 {
			continue // gone, or a zombie
		}
		stat, err := os.ReadFile(filepath.Join("/proc", d.Name(), "stat"))
		if err != nil {
			continue
		}
		p := process{pid: pid, args: strings.ReplaceAll(strings.TrimRight(string(args), "\x00"), "\x00", " ")}
		if i := bytes.LastIndexByte(stat, ')'); i >= 0 && len(stat) > i+2 {
			p.state = stat[i+2]
		}
		if p.state != 'Z' {
			all = append(all, p)
		}
	}
	return all
}

func waitGone(state string, within time.Duration) []process {
	var left []process
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if left = ours(state); len(left) == 0 {
			return nil
		}
	}
	return left
}

// result is a finished headless run.
type result struct {
	code           int
	stdout, stderr string
}

// headless runs the binary without a terminal.
func headless(t *testing.T, args ...string) result {
	t.Helper()
	return headlessIn(t, t.TempDir(), args...)
}

func headlessIn(t *testing.T, state string, args ...string) result {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = environment(state)
	cmd.Dir = repository(t)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Start())
	timer := time.AfterFunc(3*time.Minute, func() { _ = cmd.Process.Kill() }) // gone already is as good
	err := cmd.Wait()
	timer.Stop()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	require.Empty(t, waitGone(state, 15*time.Second), "nothing outlives the program")
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// repository is the project's root.
func repository(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	require.NoError(t, err)
	return dir
}
