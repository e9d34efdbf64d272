package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"github.com/stretchr/testify/require"
	gossh "golang.org/x/crypto/ssh"

	"gameday/sources/signal"
	"gameday/tui"
	"gameday/tui/tuitest"
)

const (
	ctrlX    = "\x18"
	operator = `role="operator"`
)

func TestAnOperatorMayWhatAViewerMayNot(t *testing.T) {
	s := opened(t, people{"alice": operator, "bob": ""}, nil)
	a := s.connect("alice", 120, 35)
	a.see("you are alone here")
	b := s.connect("bob", 80, 24)
	b.see("here: alice", "you look only", "◆alice ◇bob")
	a.see("◆alice ◇bob")
	b.press(ctrlX)
	b.see("ABORT: you are a viewer here")
	b.press("e")
	b.seeAnew("experiments: you are a viewer here", size{80, 24})
	require.Empty(t, s.stage.called(), "nothing of it reached the session")
	a.press(ctrlX)
	a.see("aborted")
	require.Equal(t, "alice aborts", s.stage.called())
	a.press("q")
	require.Zero(t, a.ended())
	a.see("you left; the session goes on")
	a.sent("\x1b[?1049l")
	require.Eventually(t, func() bool { return strings.Contains(s.stage.timeline(), "alice left") }, slow, 10*time.Millisecond)
	b.see("◇bob")
	require.Contains(t, s.log.String(), "name=alice role=operator")
	require.Equal(t, "alice came; bob came; alice left", s.stage.timeline())
}

func TestWhoIsNotLetIn(t *testing.T) {
	s := opened(t, people{"alice": operator, "eve": "-", "old": operator + `,expiry-time="20200101"`, "far": `from="192.0.2.0/24"`}, nil)
	for _, name := range []string{"eve", "old", "far"} {
		out, err := s.ssh(name, "-o", "LogLevel=INFO", "who").CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "Permission denied (publickey).", "%s: and there is no other way", name)
		require.Equal(t, name == "old", strings.Contains(string(out), "your key has expired"), "%s: who has signed may know why: %s", name, out)
	}
	out, err := s.ssh("alice", "who").CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "nobody\r\n", string(out))
	require.Contains(t, s.log.String(), `name=old reason=expired`)
	require.Contains(t, s.log.String(), `reason="not authorised"`)
	require.NotContains(t, s.log.String(), "name=old role", "it never got a view")
}

// The role is that of the key which signed. A client offers the operator's key, which is accepted, cannot sign with it, and
// then signs with a viewer's.
func TestAnOfferedKeyGivesNothing(t *testing.T) {
	s := opened(t, people{"alice": operator, "bob": ""}, nil)
	private := filepath.Join(s.dir, "alice")
	require.NoError(t, exec.Command("ssh-keygen", "-q", "-p", "-P", "", "-N", "a passphrase", "-f", private).Run()) // and nobody to ask
	cmd := s.ssh("alice", "-tt", "-o", "LogLevel=DEBUG1", "-i", filepath.Join(s.dir, "bob"), "-o", "SetEnv=COLORTERM=truecolor")
	var debug bytes.Buffer
	cmd.Stderr = &debug
	b := attach(t, cmd, 80, 24)
	b.see("you look only", "◇bob")
	b.press(ctrlX)
	b.see("ABORT: you are a viewer here")
	require.Equal(t, []string{"bob"}, names(s.server.People()))
	require.False(t, s.server.People()[0].Operator)
	require.Empty(t, s.stage.called())
	b.press("q")
	b.ended()
	require.Regexp(t, `Server accepts key: .*alice(?s:.*)Server accepts key: .*bob`, debug.String(), "the operator's key was offered, and would have done")
}

// The same without OpenSSH: whatever a client asks about before, and as whomever, what signs decides.
func TestAQueryAfterTheFactGivesNothing(t *testing.T) {
	s := opened(t, people{"alice": operator, "bob": ""}, nil)
	read := func(name string) gossh.Signer {
		data, err := os.ReadFile(filepath.Join(s.dir, name))
		require.NoError(t, err)
		signer, err := gossh.ParsePrivateKey(data)
		require.NoError(t, err)
		return signer
	}
	forged := forger{read("alice").PublicKey(), read("bob")}
	_, err := dial(s, forged)
	require.Error(t, err, "a signature of another key is none")
	c, err := dial(s, read("bob"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

// forger shows one key and signs with another.
type forger struct {
	pub gossh.PublicKey
	gossh.Signer
}

func (f forger) PublicKey() gossh.PublicKey { return f.pub }

func dial(s *site, signers ...gossh.Signer) (*gossh.Client, error) {
	return gossh.Dial("tcp", s.server.Addr().String(), &gossh.ClientConfig{User: "operator", Timeout: slow,
		Auth: []gossh.AuthMethod{gossh.PublicKeys(signers...)}, HostKeyCallback: gossh.InsecureIgnoreHostKey()})
}

func names(people []signal.Person) (out []string) {
	for _, p := range people {
		out = append(out, p.Name)
	}
	return out
}

// There is a cockpit, and a few commands that read. Nothing is forwarded, nothing else is run, nothing is copied.
func TestThereIsNoOtherUseOfAConnection(t *testing.T) {
	s := opened(t, people{"alice": operator}, nil)
	data, err := os.ReadFile(filepath.Join(s.dir, "alice"))
	require.NoError(t, err)
	signer, err := gossh.ParsePrivateKey(data)
	require.NoError(t, err)
	c, err := dial(s, signer)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Dial("tcp", s.server.Addr().String())
	require.Error(t, err, "no way through to other ports")
	_, err = c.Listen("tcp", "127.0.0.1:0")
	require.Error(t, err, "no way back")
	sess, err := c.NewSession()
	require.NoError(t, err)
	for _, request := range []string{"auth-agent-req@openssh.com", "x11-req", "signal", "break"} {
		ok, err := sess.SendRequest(request, true, nil)
		require.NoError(t, err)
		require.False(t, ok, request)
	}
	require.Error(t, sess.RequestSubsystem("sftp"))
	require.Error(t, sess.Setenv("LD_PRELOAD", "/tmp/x.so"))
	require.NoError(t, sess.Setenv("NO_COLOR", "1"))
	require.NoError(t, sess.Close())

	for range maxChannels {
		_, err := c.NewSession()
		require.NoError(t, err)
	}
	_, err = c.NewSession()
	require.ErrorContains(t, err, "too many sessions")

	out, err := s.ssh("alice", "cat /etc/passwd").CombinedOutput()
	require.Error(t, err)
	require.Equal(t, "gameday: there is no such command here; there are: who\r\n", string(out))
	out, err = s.ssh("alice", "-T").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "needs a terminal")
}

func TestTheWindowFollowsTheClient(t *testing.T) {
	s := opened(t, people{"alice": operator}, nil)
	a := s.connect("alice", 120, 35)
	a.see("ctrl+x ABORT")
	for _, to := range []size{{80, 24}, {200, 50}, {61, 17}, {120, 35}} {
		a.resize(to.cols, to.rows)
		require.Eventually(t, func() bool {
			rows := strings.Split(strings.TrimRight(a.text(), "\n"), "\n")
			return len(rows) == to.rows && strings.HasSuffix(strings.TrimRight(rows[to.rows-1], " "), "ABORT") && strings.HasPrefix(rows[1], "╭") &&
				len([]rune(strings.TrimRight(rows[1], " "))) == to.cols
		}, slow, 20*time.Millisecond, "at %v", to)
	}
	a.resize(40, 10)
	a.see("gameday needs 60x16")
}

var coloured = regexp.MustCompile(`\x1b\[[0-9;:]*\b(3[0-8]|4[0-8]|9[0-7]|10[0-7])\b[0-9;:]*m`)

func TestNoColourIsHeard(t *testing.T) {
	s := opened(t, people{"alice": operator}, func(c *Config) {
		open := c.Open
		c.Open = func(k Key) tui.Config { cfg := open(k); cfg.Theme = ""; return cfg }
	})
	plain := s.connect("alice", 80, 24, "-o", "SetEnv=NO_COLOR=1")
	plain.see("ctrl+x ABORT", "▶ live")
	require.Empty(t, coloured.FindString(plain.bytes()), "no colour was sent")
	require.Contains(t, plain.bytes(), "\x1b[", "but there are attributes")
	bright := s.connect("alice", 80, 24, "-o", "SetEnv=COLORTERM=truecolor")
	bright.see("ctrl+x ABORT")
	require.NotEmpty(t, coloured.FindString(bright.bytes()), "another view has its colours")
	require.Empty(t, coloured.FindString(plain.bytes()))
	plain.press("q")
	plain.ended()
}

// What is seen through SSH is what is seen in a terminal of one's own, cell by cell, colours and all.
func TestAViewIsEqualToALocalTerminal(t *testing.T) {
	s := opened(t, people{"alice": operator}, nil)
	for _, c := range []struct {
		at   size
		keys string
	}{{size{80, 24}, ""}, {size{120, 35}, "\tz"}, {size{200, 50}, "\t\t"}} {
		remote := s.connect("alice", c.at.cols, c.at.rows, "-o", "SetEnv=COLORTERM=truecolor")
		local := alone(t, s, c.at)
		for _, sc := range []*screen{remote, local} {
			sc.see("ABORT")
			sc.press(c.keys)
			sc.press("?")
			sc.see("keys that work here")
			sc.press("\x1b")
			sc.gone("keys that work here")
			sc.resize(c.at.cols, c.at.rows+1) // the emulator knows nothing of inserting, and has to be drawn anew
		}
		for _, sc := range []*screen{remote, local} {
			sc.lowest("ABORT", c.at.rows)
		}
		end := time.Now().Add(slow)
		for why := equal(remote, local, c.at); why != ""; why = equal(remote, local, c.at) {
			require.True(t, time.Now().Before(end), "%s\n%s\n\n%s", why, remote.text(), local.text())
			time.Sleep(50 * time.Millisecond)
		}
		require.Contains(t, remote.text(), "ABORT")
		remote.press("q")
		remote.ended()
	}
}

func equal(a, b *screen, at size) string {
	x, y := a.cells(), b.cells()
	if len(x) != len(y) {
		return "their sizes differ"
	}
	for i := range x {
		if x[i] != y[i] {
			return fmt.Sprintf("row %d, column %d: %+v through SSH, %+v in a terminal", i/at.cols, i%at.cols, x[i], y[i])
		}
	}
	return ""
}

// leftOpen are terminals that stay open until the tests are over: Bubble Tea does not wait for its reader, which would look at
// the file while it is closed.
var leftOpen []*os.File

// alone is the same cockpit in a pseudo-terminal of this process, without SSH.
func alone(t *testing.T, s *site, at size) *screen {
	t.Helper()
	control, term, err := pty.Open()
	require.NoError(t, err)
	require.NoError(t, pty.Setsize(control, &pty.Winsize{Cols: uint16(at.cols), Rows: uint16(at.rows)}))
	sc := &screen{t: t, vt: vt10x.New(vt10x.WithSize(at.cols, at.rows)), pty: control, end: make(chan struct{})}
	go sc.read(control)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(sc.end)
		cfg := tui.Config{Session: actor{s.stage, "alice"}, Panes: stagePanes(), Theme: "dark",
			Shared: &tui.Shared{Name: "alice", Grace: time.Minute,
				Attach: func(send func(tea.Msg)) {
					sc.told = func(cols, rows int) { send(tea.WindowSizeMsg{Width: cols, Height: rows}) } // no signal comes: it is not our terminal
					go send(tui.Remark(tui.Greeting(tuitest.Calm(), "alice")))
				}}}
		if err := tui.Run(ctx, cfg, tea.WithInput(term), tea.WithOutput(term),
			tea.WithEnvironment([]string{"TERM=vt220", "COLORTERM=truecolor"})); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-sc.end
		leftOpen = append(leftOpen, term, control)
	})
	return sc
}

// A link that drops takes its view along and nothing else.
func TestADroppedLinkEndsItsView(t *testing.T) {
	s := opened(t, people{"alice": operator, "bob": ""}, nil)
	a, b := s.connect("alice", 120, 35), s.connect("bob", 80, 24)
	a.see("◆alice ◇bob")
	b.see("◆alice ◇bob")
	require.NoError(t, a.cmd.Process.Kill())
	require.Eventually(t, func() bool { return len(s.server.People()) == 1 }, slow, 10*time.Millisecond)
	require.Eventually(t, func() bool { return !strings.Contains(b.text(), "alice ◇bob") }, slow, 10*time.Millisecond)
	require.Contains(t, s.log.String(), `reason="the link was lost"`)
	b.press("?")
	b.see("keys that work here")
}

func TestTheLastOperatorsLossIsAnnouncedAndUndone(t *testing.T) {
	s := opened(t, people{"alice": operator, "bob": ""}, func(c *Config) { c.Grace = 50 * time.Millisecond })
	s.stage.setDanger("1 fault in force")
	a, b := s.connect("alice", 120, 35), s.connect("bob", 80, 24)
	a.see("◆alice ◇bob")
	b.see("◆alice ◇bob")
	require.NoError(t, a.cmd.Process.Kill())
	require.Eventually(t, func() bool { return s.stage.called() == "abort: no operator for 50ms" }, slow, 10*time.Millisecond)
	require.Contains(t, s.stage.timeline(), "alice left; no operator is here")
}

// A fault in the drawing of one view is that view's end.
func TestAPanicIsOneViewsOwn(t *testing.T) {
	s := opened(t, people{"alice": operator, "bob": ""}, nil)
	a, b := s.connect("alice", 120, 35), s.connect("bob", 120, 35)
	a.see("◆alice ◇bob")
	b.see("◆alice ◇bob")
	a.press("y") // in the pane that breaks
	a.ended()
	a.sent("this view broke")
	a.sent("\x1b[?1049l")
	b.press("?")
	b.see("keys that work here")
	require.Equal(t, []string{"bob"}, names(s.server.People()))
	again := s.connect("alice", 120, 35)
	again.see("◆alice ◇bob")
}

func TestAKeyThatIsTakenAwayEndsItsViews(t *testing.T) {
	s := opened(t, people{"alice": operator, "bob": "", "carol": ""}, nil)
	a, b, c := s.connect("alice", 120, 35), s.connect("bob", 80, 24), s.connect("carol", 80, 24)
	for _, sc := range []*screen{a, b, c} {
		sc.see("◇carol")
	}
	end := time.Now().Add(2 * time.Second)
	s.authorise(people{"alice": operator, "carol": `expiry-time="` + end.UTC().Format("20060102150405") + `Z"`})
	b.ended()
	b.sent("your key was removed")
	c.ended()
	c.sent("your key has expired")
	s.authorise(people{"alice": ""})
	a.ended()
	a.sent("come in again")
	out, err := s.ssh("bob", "who").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "Permission denied")
}

func TestTheLastPlaceIsAnOperators(t *testing.T) {
	s := opened(t, people{"alice": operator, "bob": ""}, func(c *Config) { c.MaxViews = 2 })
	b := s.connect("bob", 80, 24)
	b.see("you look only")
	second := s.connect("bob", 80, 24)
	second.see("no place left")
	require.Equal(t, 1, second.ended())
	a := s.connect("alice", 80, 24)
	a.see("ABORT")
	require.Equal(t, 1, s.connect("alice", 80, 24).ended())
}

func TestTheServersEndGivesTerminalsBack(t *testing.T) {
	s := opened(t, people{"alice": operator}, nil)
	a := s.connect("alice", 120, 35)
	a.see("ABORT")
	s.close()
	a.ended()
	a.sent("\x1b[?1049l")
	a.sent("gameday: the test is over")
	_, err := net.Dial("tcp", s.server.Addr().String())
	require.Error(t, err)
}

func TestListenIsLoopbackUnlessTold(t *testing.T) {
	l, err := Listen(":0")
	require.NoError(t, err)
	require.True(t, l.Addr().(*net.TCPAddr).IP.IsLoopback())
	require.NoError(t, l.Close())
	_, err = Listen("2222")
	require.ErrorContains(t, err, "host:port")
}

func TestIdleViewsAndOldOnesEnd(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		idle, age time.Duration
		end       string
	}{{time.Minute, time.Minute, ""}, {10 * time.Minute, time.Hour, "no key was pressed for 10m0s"}, {time.Minute, 2 * time.Hour, "a view lasts 2h0m0s at most"}} {
		v := &view{since: now.Add(-c.age), server: &Server{cfg: Config{Idle: 10 * time.Minute, Limit: 2 * time.Hour}}}
		v.ctx, v.cancel = context.WithCancelCause(t.Context())
		v.keys.Store(now.Add(-c.idle).UnixNano())
		v.look(now)
		if c.end == "" {
			require.NoError(t, v.ctx.Err())
			continue
		}
		var why errEnd
		require.True(t, errors.As(context.Cause(v.ctx), &why))
		require.Contains(t, string(why), c.end)
	}
}

func TestTheHostKeyIsMadeOnceAndKept(t *testing.T) {
	dir := t.TempDir()
	first, err := HostKey(dir)
	require.NoError(t, err)
	path := filepath.Join(dir, hostKeyFile)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	second, err := HostKey(dir)
	require.NoError(t, err)
	require.Equal(t, first.PublicKey().Marshal(), second.PublicKey().Marshal())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = HostKey(dir)
	require.ErrorContains(t, err, "others can read it")
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	require.NoError(t, os.Chmod(path, 0o600))
	_, err = HostKey(dir)
	require.ErrorContains(t, err, "remove it")
}

// TestAnIdleViewIsShownOut over a real link: it is told why, its terminal is given back, and who presses keys stays.
func TestAnIdleViewIsShownOut(t *testing.T) {
	s := opened(t, people{"alice": operator, "bob": ""}, func(c *Config) { c.Idle = 4 * time.Second })
	busy := s.connect("bob", 80, 24)
	busy.see("◇bob")
	stop, pressed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(pressed)
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
				_, _ = busy.pty.WriteString("\t") // a link that is gone is seen below
			}
		}
	}()
	defer func() { close(stop); <-pressed }()
	idle := s.connect("alice", 80, 24)
	idle.see("◆alice")
	require.Zero(t, idle.ended())
	idle.sent("no key was pressed for 4s")
	idle.sent("\x1b[?1049l")
	require.Eventually(t, func() bool { p := s.server.People(); return len(p) == 1 && p[0].Name == "bob" }, slow, 20*time.Millisecond)
	busy.gone("alice ◇bob")
	require.Contains(t, s.log.String(), `reason="no key was pressed for 4s"`)
}
