package e2e

import (
	"os"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"github.com/stretchr/testify/require"
)

// idle is a cockpit's flags under which nothing ever arrives, and what its start put onto the timeline has soon left it.
var idle = []string{"--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--window", "5s"}

// requireQuiet waits for a stretch of time without a single byte. A clock, a spinner or a figure that moves by itself would
// not leave one.
func requireQuiet(t *testing.T, sent func() int, stretch time.Duration) {
	t.Helper()
	last, since := sent(), time.Now()
	for end := time.Now().Add(slow); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if n := sent(); n != last {
			last, since = n, time.Now()
		} else if time.Since(since) >= stretch {
			return
		}
	}
	require.FailNow(t, "it never stops sending")
}

func TestNothingIsSentWhenNothingChanges(t *testing.T) {
	t.Parallel()
	term := open(t, 120, 35, append([]string{"watch"}, idle...)...)
	term.see(slow, "live")
	term.press(esc)
	requireQuiet(t, term.sent, 6*time.Second)
	before := term.sent()
	term.press("?") // it is awake
	term.see(slow, "keys that work here")
	require.Greater(t, term.sent(), before)
}

// On the wire of an SSH connection: of an idle system live, and of the demo, under load, paused.
func TestNothingIsSentThroughSSHWhenNothingChanges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve   []string
		sees    string
		key     string
		stretch time.Duration
	}{
		"idle":   {append([]string{"--demo=false"}, idle...), "live", "", 6 * time.Second},
		"paused": {nil, "POST /checkout", " ", 6 * time.Second}, // its figures move every ten seconds
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.serve...)
			wire := tap(t, "127.0.0.1:"+s.port)
			term := &terminal{t: t, state: t.TempDir(), vt: vt10x.New(vt10x.WithSize(120, 35)), closed: make(chan struct{}), exited: make(chan struct{}),
				cmd: s.client("alice", wire.port, "-tt", "me@127.0.0.1")}
			f, err := pty.StartWithSize(term.cmd, &pty.Winsize{Cols: 120, Rows: 35})
			require.NoError(t, err)
			term.pty = f
			go term.read()
			go func() {
				defer close(term.exited)
				_ = term.cmd.Wait() // it is killed
			}()
			t.Cleanup(wire.close)
			t.Cleanup(term.close)
			term.see(slow, c.sees)
			if c.key != "" {
				term.press(c.key)
				term.see(slow, "paused")
			}
			requireQuiet(t, wire.sent, c.stretch)
			before := wire.sent()
			term.press("?")
			term.see(slow, "keys that work here")
			require.Greater(t, wire.sent(), before)
			require.NoError(t, term.cmd.Process.Signal(os.Interrupt))
		})
	}
}
