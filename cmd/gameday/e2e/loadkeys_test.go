package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// heard collects what a terminal is sent.
type heard struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.out.Write(p)
}

func (h *heard) has(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Contains(h.out.Bytes(), []byte(text))
}

// Keys steer a load in a terminal, and the terminal is as it was afterwards.
func TestKeysSteerALoad(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	require.NoError(t, os.WriteFile(plan, []byte("apiVersion: gameday/v1\nkind: Load\nmetadata: {name: keys}\ntarget: "+srv.URL+
		"\nexecutor: {kind: constant-rate, rate: 100}\nscenarios: [{name: s, steps: [{path: /}]}]\n"), 0o600))
	cmd := exec.Command(binary, "load", "run", plan)
	cmd.Env = environment(t.TempDir())
	term, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 180, Rows: 24})
	require.NoError(t, err)
	defer term.Close()
	modes := func() *unix.Termios {
		m, err := unix.IoctlGetTermios(int(term.Fd()), unix.TCGETS) // the two ends share their modes
		require.NoError(t, err)
		return m
	}
	var seen heard
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&seen, term) // ends with the program
	}()
	shows := func(text string) {
		require.Eventually(t, func() bool { return seen.has(text) }, slow, 20*time.Millisecond, text)
	}
	shows("+ - space: faster, slower, hold")
	require.Zero(t, modes().Lflag&(unix.ICANON|unix.ECHO))
	for _, key := range []struct{ press, says string }{
		{"+", "the rate from 100/s to 110/s"}, {"-", "the rate from 110/s to 100/s"}, {" ", "the rate from 100/s to 0/s"},
		{"x", "paused"}, {"r", "the rate from 0/s to 100/s"},
	} {
		_, err := term.WriteString(key.press)
		require.NoError(t, err)
		shows(key.says)
	}
	_, err = term.WriteString("\x03")
	require.NoError(t, err)
	err = cmd.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 3, exit.ExitCode())
	shows(`ended by signal "interrupt"`)
	require.NotZero(t, modes().Lflag&unix.ICANON)
	require.NotZero(t, modes().Lflag&unix.ECHO)
	require.NoError(t, term.Close())
	<-read
}
