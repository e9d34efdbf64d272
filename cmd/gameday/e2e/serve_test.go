package e2e

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// served is gameday serve with its files.
type served struct {
	t     testing.TB
	state string
	port  string
	cmd   *exec.Cmd
	log   lockedBuffer
	ended chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var servingAt = regexp.MustCompile(`msg=serving .*ssh=127\.0\.0\.1:(\d+) host_key=(SHA256:\S+)`)

// serve shares the demo (--demo=false: an idle system) with alice, an operator, and bob, a viewer.
func serve(t testing.TB, args ...string) *served {
	t.Helper()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("no ssh here: Debian has it in openssh-client")
	}
	s := &served{t: t, state: t.TempDir(), ended: make(chan struct{})}
	list := ""
	for _, who := range []struct{ name, options string }{{"alice", `role="operator"`}, {"bob", ""}} {
		pub, private, err := ed25519.GenerateKey(nil)
		require.NoError(t, err)
		block, err := ssh.MarshalPrivateKey(private, who.name)
		require.NoError(t, err)
		p, err := ssh.NewPublicKey(pub)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(s.state, who.name), pem.EncodeToMemory(block), 0o600))
		list += fmt.Sprintf("%s %s %s\n", who.options, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(p))), who.name)
	}
	keys := filepath.Join(s.state, "keys")
	require.NoError(t, os.WriteFile(keys, []byte(list), 0o600))
	s.cmd = exec.Command(binary, append([]string{"serve", "--demo", "--ssh", ":0", "--keys", keys}, args...)...)
	s.cmd.Env, s.cmd.Stderr = environment(s.state), &s.log
	require.NoError(t, s.cmd.Start())
	go func() { defer close(s.ended); _ = s.cmd.Wait() }() // the exit code says it
	t.Cleanup(s.close)
	require.Eventually(t, func() bool { return servingAt.MatchString(s.log.String()) }, slow, 20*time.Millisecond)
	s.port = servingAt.FindStringSubmatch(s.log.String())[1]
	return s
}

// close ends the server in order; nothing of it may be left.
func (s *served) close() {
	_ = s.cmd.Process.Signal(terminate) // it may have ended
	select {
	case <-s.ended:
	case <-time.After(slow):
		_ = s.cmd.Process.Kill()
		<-s.ended
		s.t.Error("the server did not end")
	}
	if left := waitGone(s.state, 15*time.Second); len(left) > 0 {
		s.t.Errorf("processes left behind: %v", left)
	}
	if s.t.Failed() {
		s.t.Log(s.log.String())
	}
}

func (s *served) client(who, port string, more ...string) *exec.Cmd {
	args := []string{"-F", "none", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "SetEnv=COLORTERM=truecolor", "-p", port, "-i", filepath.Join(s.state, who)}
	cmd := exec.Command("ssh", append(args, more...)...)
	cmd.Env = []string{"TERM=vt220", "PATH=" + os.Getenv("PATH")}
	return cmd
}

// view is somebody at the server through the real client, in a terminal of that size.
func (s *served) view(who string, cols, rows int) *terminal {
	t, ok := s.t.(*testing.T)
	require.True(s.t, ok)
	t.Helper()
	term := &terminal{t: t, state: t.TempDir(), vt: vt10x.New(vt10x.WithSize(cols, rows)), closed: make(chan struct{}), exited: make(chan struct{}),
		cmd: s.client(who, s.port, "-tt", "me@127.0.0.1")}
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

// A game day through SSH: the operator starts, the viewer watches, the operator's link drops, and what runs is undone.
func TestAGameDayThroughSSH(t *testing.T) {
	t.Parallel()
	s := serve(t, "--grace", "3s")
	alice, bob := s.view("alice", 120, 35), s.view("bob", 120, 35)
	bob.see(slow, "◆alice ◇bob", "you look only")
	alice.see(slow, "POST /checkout", "◆alice ◇bob")
	startExperiment(alice, paymentSlow)
	bob.see(slow, "⚡1 fault")
	bob.press(ctrlX)
	bob.see(slow, "ABORT: you are a viewer here")
	out, err := s.client("bob", s.port, "me@127.0.0.1", "faults").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "payment +800ms on checkout→payment")
	require.NoError(t, alice.cmd.Process.Kill())
	bob.press("8")
	bob.see(slow, "no operator is here", "no operator for 3s")
	bob.see(slow, "alice: no operator for 3s") // whose experiment it was
	out, err = s.client("bob", s.port, "me@127.0.0.1", "faults").Output()
	require.NoError(t, err)
	require.Equal(t, "no fault is in force\r\n", string(out))
	again := s.view("alice", 80, 24)
	again.see(slow, "here: bob (viewer)")
	again.press("q")
	require.Zero(t, again.end(slow))
	require.Contains(t, s.log.String(), `msg=left name=alice`)
}

// The server's own end undoes what is in force, whoever is there.
func TestASignalToTheServerUndoesTheFaults(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.view("alice", 120, 35)
	alice.see(slow, "POST /checkout")
	startExperiment(alice, paymentSlow)
	alice.see(slow, "⚡1 fault")
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	alice.printed("what ran is undone")
	alice.printed("\x1b[?1049l")
	<-s.ended
	require.Zero(t, s.cmd.ProcessState.ExitCode(), s.log.String())
	require.Contains(t, s.log.String(), "everything is undone")
	journals, err := filepath.Glob(filepath.Join(s.state, "gameday", "journal", "*"))
	require.NoError(t, err)
	require.Empty(t, journals)
}

// BenchmarkSSHBytes is what the live demo sends to a client at 120x35 in a second, counted on the wire.
func BenchmarkSSHBytes(b *testing.B) {
	const long = 20 * time.Second
	for _, c := range []struct{ name, key string }{{"live", ""}, {"paused", " "}} {
		b.Run(c.name, func(b *testing.B) {
			var all []float64
			for range max(1, b.N) {
				s := serve(b)
				wire := tap(b, "127.0.0.1:"+s.port)
				term := &terminal{vt: vt10x.New(vt10x.WithSize(120, 35)), closed: make(chan struct{}), cmd: s.client("alice", wire.port, "-tt", "me@127.0.0.1")}
				term.cmd.Env = []string{"TERM=xterm-256color", "PATH=" + os.Getenv("PATH")}
				f, err := pty.StartWithSize(term.cmd, &pty.Winsize{Cols: 120, Rows: 35})
				require.NoError(b, err)
				term.pty = f
				go term.read()
				require.True(b, term.shows(slow, "POST /checkout"))
				time.Sleep(15 * time.Second) // charts have begun to fill
				_, err = f.WriteString(c.key)
				require.NoError(b, err)
				time.Sleep(3 * time.Second)
				before := wire.sent()
				time.Sleep(long)
				all = append(all, float64(wire.sent()-before)/long.Seconds()/1000)
				_ = term.cmd.Process.Kill()
				_ = term.cmd.Wait() // it was killed
				_ = f.Close()
				<-term.closed
				wire.close()
			}
			b.ReportMetric(median(all), "kB/s")
		})
	}
}

// tapped counts what a server sends.
type tapped struct {
	port  string
	mu    sync.Mutex
	bytes int
	l     net.Listener
	conns []net.Conn
	work  sync.WaitGroup
}

func tap(b testing.TB, to string) *tapped {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(b, err)
	w := &tapped{port: port, l: l}
	w.work.Go(func() {
		down, err := l.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", to)
		if err != nil {
			_ = down.Close()
			return
		}
		w.mu.Lock()
		w.conns = append(w.conns, up, down)
		w.mu.Unlock()
		w.work.Go(func() { w.pump(up, down, false) })
		w.pump(down, up, true)
	})
	return w
}

func (w *tapped) pump(to, from net.Conn, count bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if count {
			w.mu.Lock()
			w.bytes += n
			w.mu.Unlock()
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			_ = to.Close() // and the other pump ends
			return
		}
	}
}

func (w *tapped) sent() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bytes
}

func (w *tapped) close() {
	_ = w.l.Close()
	w.mu.Lock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.work.Wait()
}
