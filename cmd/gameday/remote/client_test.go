package remote

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"github.com/stretchr/testify/require"
	gossh "golang.org/x/crypto/ssh"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui"
	"gameday/tui/pane"
	"gameday/tui/pane/status"
	"gameday/tui/tuitest"
)

// slow is how long a test waits for something that should take a fraction of it: machines are shared.
const slow = 30 * time.Second

// stage is a session that remembers what was done to it.
type stage struct {
	mu     sync.Mutex
	calls  []string
	events []signal.Event
	danger string
	server *Server
}

func (s *stage) call(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, fmt.Sprintf(format, args...))
}

func (s *stage) called() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.calls, "; ")
}

func (s *stage) event(e signal.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

func (s *stage) timeline() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, e := range s.events {
		out = append(out, e.Title)
	}
	return strings.Join(out, "; ")
}

func (s *stage) setDanger(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.danger = what
}

func (s *stage) dangerous() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.danger
}

// actor is the session in one person's hands.
type actor struct {
	*stage
	name string
}

func (a actor) Frame(signal.View) *signal.Frame {
	f := tuitest.Calm()
	f.Incidents = nil // on a narrow screen the header has room for people or for an incident
	a.mu.Lock()
	server := a.server
	a.mu.Unlock()
	if server != nil {
		f.People = server.People()
	}
	return f
}
func (a actor) Experiments() []tui.Choice                      { return nil }
func (a actor) LoadPlans() []tui.Choice                        { return nil }
func (a actor) Plan(context.Context, string) (tui.Plan, error) { return tui.Plan{}, nil }
func (a actor) StartExperiment(context.Context, string) error  { a.call("start"); return nil }
func (a actor) StartLoad(context.Context, string) error        { a.call("load"); return nil }
func (a actor) StopLoad(context.Context) error                 { a.call("stop"); return nil }
func (a actor) Proceed() error                                 { a.call("proceed"); return nil }
func (a actor) Note(text string)                               { a.call("%s notes %s", a.name, text) }
func (a actor) Incident(context.Context, tui.IncidentAct) (string, error) {
	a.call("incident")
	return "", nil
}
func (a actor) Silences(context.Context) ([]tui.Silence, error) { return nil, nil }
func (a actor) Silence(context.Context, tui.SilenceAct) (string, error) {
	a.call("silence")
	return "", nil
}
func (a actor) Set(context.Context, string, bool) error { a.call("set"); return nil }
func (a actor) Done() <-chan error                      { return nil }
func (a actor) AdjustLoad(context.Context, tui.LoadChange) (string, error) {
	a.call("adjust")
	return "", nil
}
func (a actor) Abort(context.Context, string) (tui.Aborted, error) {
	a.call("%s aborts", a.name)
	return tui.Aborted{}, nil
}

// stagePanes fill the first workspace.
func stagePanes() []pane.Pane {
	all := status.All()
	return []pane.Pane{fragile{placed{all[0], "metrics"}}, placed{all[1], "traces"}, placed{all[2], "logs"}, placed{status.Processes(), "experiment"}}
}

// placed is a pane in the place of another one.
type placed struct {
	pane.Pane
	id string
}

func (p placed) ID() string { return p.id }

// fragile is a pane that breaks at a key.
type fragile struct{ pane.Pane }

func (f fragile) Keys(pane.Context) []keymap.Action { return []keymap.Action{keymap.Copy} }
func (f fragile) Update(ctx pane.Context, msg tea.Msg) tea.Cmd {
	if a, ok := msg.(pane.ActionMsg); ok && a.Action == keymap.Copy {
		panic("a pane that breaks")
	}
	return f.Pane.Update(ctx, msg)
}

// site is a server with its files.
type site struct {
	t      *testing.T
	dir    string
	stage  *stage
	server *Server
	log    *buffer
	closed bool
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// people are the keys of a test: name of the file, options in the list; "-" is not in the list.
type people map[string]string

// opened starts a server that lets those people in.
func opened(t *testing.T, who people, change func(*Config)) *site {
	t.Helper()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("no ssh here: Debian has it in openssh-client")
	}
	s := &site{t: t, dir: t.TempDir(), stage: &stage{}, log: &buffer{}}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	for name := range who {
		s.makeKey(name)
	}
	s.authorise(who)
	keys, err := OpenKeys(filepath.Join(s.dir, "authorized_keys"), log)
	require.NoError(t, err)
	host, err := HostKey(s.dir)
	require.NoError(t, err)
	l, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	known := "[127.0.0.1]:" + port + " " + string(gossh.MarshalAuthorizedKey(host.PublicKey()))
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "known_hosts"), []byte(known), 0o600))
	cfg := Config{HostKey: host, Keys: keys, Log: log, Grace: time.Minute,
		Open: func(k Key) tui.Config {
			return tui.Config{Session: actor{s.stage, k.Name}, Panes: stagePanes(), Theme: "dark"}
		},
		Look: tuitest.Calm, Event: s.stage.event, Danger: s.stage.dangerous,
		Abort:    func(_ context.Context, why string) error { s.stage.call("abort: %s", why); return nil },
		Commands: map[string]func(io.Writer) error{"who": func(w io.Writer) error { _, err := io.WriteString(w, "nobody\r\n"); return err }}}
	if change != nil {
		change(&cfg)
	}
	s.server, err = Serve(l, cfg)
	require.NoError(t, err)
	s.stage.mu.Lock()
	s.stage.server = s.server
	s.stage.mu.Unlock()
	t.Cleanup(s.close)
	return s
}

func (s *site) close() {
	if s.closed {
		return
	}
	s.closed = true
	require.NoError(s.t, s.server.Close("the test is over"))
	if s.t.Failed() {
		s.t.Log(s.log.String())
	}
}

func (s *site) makeKey(name string) {
	pub, private, err := ed25519.GenerateKey(nil)
	require.NoError(s.t, err)
	block, err := gossh.MarshalPrivateKey(private, name)
	require.NoError(s.t, err)
	p, err := gossh.NewPublicKey(pub)
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, name), pem.EncodeToMemory(block), 0o600))
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, name+".pub"), gossh.MarshalAuthorizedKey(p), 0o600))
}

// authorise writes the list anew, as an editor does.
func (s *site) authorise(who people) {
	var b strings.Builder
	for name, options := range who {
		if options == "-" {
			continue
		}
		pub, err := os.ReadFile(filepath.Join(s.dir, name+".pub"))
		require.NoError(s.t, err)
		fmt.Fprintf(&b, "%s %s %s\n", options, strings.TrimSpace(string(pub)), name)
	}
	path := filepath.Join(s.dir, "authorized_keys")
	require.NoError(s.t, os.WriteFile(path+".new", []byte(b.String()), 0o600))
	require.NoError(s.t, os.Rename(path+".new", path))
}

// ssh is the real client with a key; more are options and a command.
func (s *site) ssh(key string, more ...string) *exec.Cmd {
	_, port, err := net.SplitHostPort(s.server.Addr().String())
	require.NoError(s.t, err)
	args := []string{"-F", "none", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
		"-o", "UserKnownHostsFile=" + filepath.Join(s.dir, "known_hosts"), "-p", port, "-i", filepath.Join(s.dir, key)}
	// Options come before the host, the command after it.
	for len(more) > 0 && strings.HasPrefix(more[0], "-") {
		n := 1
		if (more[0] == "-o" || more[0] == "-i") && len(more) > 1 {
			n = 2
		}
		args, more = append(args, more[:n]...), more[n:]
	}
	args = append(args, "-o", "LogLevel=ERROR", "someone@127.0.0.1") // the first of two settings counts
	cmd := exec.Command("ssh", append(args, more...)...)
	// The emulator gets inserting and deleting characters wrong; a vt220 is sent none.
	cmd.Env = []string{"TERM=vt220", "HOME=" + s.dir, "PATH=" + os.Getenv("PATH")}
	return cmd
}

// screen is a terminal that keeps what was drawn.
type screen struct {
	t    *testing.T
	mu   sync.Mutex
	vt   vt10x.Terminal
	raw  bytes.Buffer
	pty  *os.File
	cmd  *exec.Cmd
	end  chan struct{}
	told func(cols, rows int) // tells a cockpit of this process its size; nil: a signal does
}

// connect opens a cockpit in a terminal of that size.
func (s *site) connect(key string, cols, rows int, more ...string) *screen {
	s.t.Helper()
	more = append(append([]string{"-tt"}, more...), "-o", "SetEnv=COLORTERM=truecolor") // the first setting counts
	return attach(s.t, s.ssh(key, more...), cols, rows)
}

func attach(t *testing.T, cmd *exec.Cmd, cols, rows int) *screen {
	t.Helper()
	sc := &screen{t: t, vt: vt10x.New(vt10x.WithSize(cols, rows)), cmd: cmd, end: make(chan struct{})}
	var err error
	sc.pty, err = pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)})
	require.NoError(t, err)
	read := make(chan struct{})
	go func() { defer close(read); sc.read(sc.pty) }()
	go func() { defer close(sc.end); _ = cmd.Wait() }() // the exit code says it
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-sc.end
		_ = sc.pty.Close()
		<-read
	})
	return sc
}

func (sc *screen) read(r io.Reader) {
	buf := make([]byte, 32<<10)
	var rest []byte // a character of which only a part has come: the emulator cannot put it together
	for {
		n, err := r.Read(buf)
		sc.mu.Lock()
		sc.raw.Write(buf[:n])
		whole := append(rest, buf[:n]...)
		cut := len(whole)
		for i := max(0, cut-utf8.UTFMax+1); i < cut; i++ {
			if utf8.RuneStart(whole[i]) && !utf8.FullRune(whole[i:]) {
				cut = i
			}
		}
		_, _ = sc.vt.Write(whole[:cut]) // a screen takes everything
		rest = slices.Clone(whole[cut:])
		sc.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (sc *screen) text() string {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.vt.String()
}

func (sc *screen) bytes() string {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.raw.String()
}

// cells are the characters and colours of the whole screen.
func (sc *screen) cells() []vt10x.Glyph {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	cols, rows := sc.vt.Size()
	out := make([]vt10x.Glyph, 0, cols*rows)
	for y := range rows {
		for x := range cols {
			out = append(out, sc.vt.Cell(x, y))
		}
	}
	return out
}

func (sc *screen) see(words ...string) {
	sc.t.Helper()
	for end := time.Now().Add(slow); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		text := sc.text()
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			return
		}
	}
	require.FailNow(sc.t, "not on screen: "+strings.Join(words, ", "), sc.text())
}

// seeAnew is see for words that took the place of others: the emulator knows nothing of inserting, and has to be drawn anew.
func (sc *screen) seeAnew(words string, at size) {
	sc.t.Helper()
	taller := 0
	for end := time.Now().Add(slow); !strings.Contains(sc.text(), words); time.Sleep(200 * time.Millisecond) {
		require.True(sc.t, time.Now().Before(end), "not on screen: %s\n%s", words, sc.text())
		taller = 1 - taller
		sc.resize(at.cols, at.rows+taller)
	}
}

// gone waits until the words have left the screen.
func (sc *screen) gone(words string) {
	sc.t.Helper()
	require.Eventually(sc.t, func() bool { return !strings.Contains(sc.text(), words) }, slow, 10*time.Millisecond, "still on screen: %s", words)
}

// lowest waits until the words stand on that row.
func (sc *screen) lowest(words string, row int) {
	sc.t.Helper()
	require.Eventually(sc.t, func() bool {
		rows := strings.Split(sc.text(), "\n")
		return len(rows) > row && strings.Contains(rows[row], words)
	}, slow, 10*time.Millisecond, "not on row %d: %s", row, words)
}

// sent waits until the words were sent to the terminal, wherever they ended up.
func (sc *screen) sent(words string) {
	sc.t.Helper()
	require.Eventually(sc.t, func() bool { return strings.Contains(sc.bytes(), words) }, slow, 10*time.Millisecond, "never sent: %q", words)
}

func (sc *screen) press(keys string) {
	sc.t.Helper()
	_, err := sc.pty.WriteString(keys)
	require.NoError(sc.t, err)
}

func (sc *screen) resize(cols, rows int) {
	sc.t.Helper()
	sc.mu.Lock()
	sc.vt.Resize(cols, rows)
	sc.mu.Unlock()
	require.NoError(sc.t, pty.Setsize(sc.pty, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)}))
	if sc.told != nil {
		sc.told(cols, rows)
	}
}

func (sc *screen) ended() int {
	sc.t.Helper()
	select {
	case <-sc.end:
		return sc.cmd.ProcessState.ExitCode()
	case <-time.After(slow):
		require.FailNow(sc.t, "the client did not end", sc.text())
		return -1
	}
}
