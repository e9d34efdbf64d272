package tui

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"gameday/tui/pane"
	"gameday/tui/tuitest"
)

// sink collects what a program writes.
type sink struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func running(t *testing.T, ctx context.Context) (keys io.Writer, out *sink, done chan error) {
	t.Helper()
	in, keys := io.Pipe()
	t.Cleanup(func() { _ = in.Close() }) // the reader ends with the program
	out, done = &sink{}, make(chan error, 1)
	runs(t, ctx, in, out, out.String, done)
	return keys, out, done
}

// runs runs a cockpit until its first picture is there.
func runs(t *testing.T, ctx context.Context, in io.Reader, out io.Writer, drawn func() string, done chan error) {
	t.Helper()
	s := newFake()
	s.frame = tuitest.Calm()
	go func() {
		done <- Run(ctx, Config{Session: s, Panes: []pane.Pane{&fakePane{id: "metrics"}}}, tea.WithInput(in), tea.WithOutput(out),
			tea.WithWindowSize(100, 30), tea.WithEnvironment([]string{"TERM=xterm-256color"}))
	}()
	require.Eventually(t, func() bool { return strings.Contains(drawn(), "metrics") }, 20*time.Second, time.Millisecond)
}

func ends(t *testing.T, done chan error) {
	t.Helper()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("the cockpit did not end")
	}
}

func TestRunEndsWithTheQuitKeyAndCleansUp(t *testing.T) {
	keys, out, done := running(t, t.Context())
	_, err := keys.Write([]byte("q"))
	require.NoError(t, err)
	ends(t, done)
	require.Contains(t, out.String(), "\x1b[?1049l")
	require.Contains(t, out.String(), "\x1b[?25h")
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, _, done := running(t, ctx)
	cancel()
	ends(t, done)
}

// TestRunEndsWhenItsReaderHas: the file that keys are read from may be closed then. The race detector sees when it is not so.
func TestRunEndsWhenItsReaderHas(t *testing.T) {
	for range 8 {
		in, keys, err := os.Pipe()
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		out, done := &sink{}, make(chan error, 1)
		runs(t, ctx, in, out, out.String, done)
		_, err = keys.WriteString("?") // the reader is at it
		require.NoError(t, err)
		cancel()
		ends(t, done)
		require.NoError(t, in.Close())
		require.NoError(t, keys.Close())
		require.Contains(t, out.String(), "\x1b[?1049l", "the screen was left in order")
	}
}

func TestRunRefusesAnEmptyConfig(t *testing.T) {
	require.ErrorContains(t, Run(t.Context(), Config{}), "no session")
}

func TestSaveTerminalLeavesFilesAlone(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "out")
	require.NoError(t, err)
	restore, err := SaveTerminal(f)
	require.NoError(t, err)
	restore()
	st, err := f.Stat()
	require.NoError(t, err)
	require.Zero(t, st.Size())
	require.NoError(t, f.Close())
}
