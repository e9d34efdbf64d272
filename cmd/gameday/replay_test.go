package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/stretchr/testify/require"

	"gameday/engine"
	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui"
)

// recorded is a minute of the demo, in which payment was made slow.
const recorded = "../../testdata/recordings/payment-slow.gameday"

// snapshot is what gameday snapshot prints.
func snapshot(t *testing.T, c snapshotCmd) string {
	t.Helper()
	if c.Theme == "" {
		c.Theme = "dark"
	}
	if c.Format == "" {
		c.Format = "ansi"
	}
	var out, said bytes.Buffer
	require.NoError(t, c.Run(&out, loadErrors{&said}))
	require.NotContains(t, out.String(), "is missing", "what is said stands beside the picture")
	return out.String()
}

// TestAPictureOfACutRecordingSaysSo beside it: whoever looks at the picture would take its end for the end of what was recorded.
func TestAPictureOfACutRecordingSaysSo(t *testing.T) {
	whole, err := os.ReadFile(recorded)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "cut.gameday")
	require.NoError(t, os.WriteFile(file, whole[:len(whole)/2], 0o600))
	got := call("snapshot", "--replay", file, "--size", "80x24")
	require.Equal(t, exitHeld, got.code, got.stderr)
	require.Equal(t, 24, strings.Count(got.stdout, "\n"))
	require.Contains(t, got.stdout, "replay")
	require.NotContains(t, got.stdout, "is missing")
	require.Regexp(t, `^gameday: the end of `+regexp.QuoteMeta(file)+` is missing \(.+\): the picture is of what is there, which ends after \d+s\n$`, got.stderr)
}

// The same instant of a recording gives the same screen, at every size, however often it is drawn.
func TestReplayLooksTheSame(t *testing.T) {
	local := time.Local
	time.Local = time.UTC // the screens show local time
	t.Cleanup(func() { time.Local = local })
	var twice [2]*replayed
	for i := range twice {
		r, err := openReplay(context.Background(), recorded)
		require.NoError(t, err)
		defer func() { require.NoError(t, r.Close()) }()
		twice[i] = r
	}
	for _, c := range []struct {
		width, height int
		keys          string
	}{{80, 24, ""}, {200, 50, ""}, {200, 50, "2"}, {120, 35, "tab enter"}} {
		t.Run(strings.TrimSpace(fmt.Sprintf("%dx%d %s", c.width, c.height, c.keys)), func(t *testing.T) {
			var keys []tea.KeyPressMsg
			for _, name := range strings.Fields(c.keys) {
				k, err := tui.ParseKey(name)
				require.NoError(t, err)
				keys = append(keys, k)
			}
			var screens [2]string
			for i, r := range twice {
				clock, err := tui.NewPlayback(r.Span(), 55*time.Second, 1)
				require.NoError(t, err)
				screens[i], _, err = tui.Still(context.Background(), replayConfig(r, clock, screenFlags{Theme: "dark"}), c.width, c.height, keys, 0)
				require.NoError(t, err)
			}
			require.Equal(t, screens[0], screens[1])
			rows := strings.Split(screens[0], "\n")
			require.Len(t, rows, c.height)
			for _, r := range rows {
				require.Equal(t, c.width, ansi.StringWidth(r), "%q", r)
			}
			if c.keys == "" {
				golden.RequireEqual(t, ansi.Strip(screens[0]))
			}
		})
	}
}

// frames of an instant do not depend on the way there.
func TestSeekingDoesNotChangeAFrame(t *testing.T) {
	r, err := engine.OpenReplay(context.Background(), recorded, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	at := func(offset time.Duration) *signal.Frame {
		to := r.Span().From.Add(offset)
		return r.Frame(signal.View{Window: signal.Window{From: to.Add(-time.Minute), To: to}, Logs: signal.LogFilter{Text: "product"}})
	}
	first := at(50 * time.Second)
	require.NotEmpty(t, first.Logs)
	require.NotEmpty(t, first.Traces)
	require.NotEmpty(t, first.Metrics[0].Series)
	require.Equal(t, signal.PhaseDuring, first.Experiment.Phase)
	require.Equal(t, signal.FaultArmed, first.Faults[0].Phase)
	require.True(t, first.Load.Running)
	require.NotEmpty(t, first.Load.Seconds)
	require.NotEmpty(t, first.Processes)
	require.Same(t, first, at(50*time.Second), "nothing changed")

	early := at(20 * time.Second)
	require.Nil(t, early.Experiment, "it had not begun")
	require.Empty(t, early.Faults)
	for _, e := range early.Events {
		require.NotEqual(t, signal.EventFault, e.Kind, "nothing is told before it happened")
	}
	again := at(50 * time.Second)
	require.NotSame(t, first, again)
	require.Equal(t, fmt.Sprintf("%+v", first.Logs), fmt.Sprintf("%+v", again.Logs))
	require.Equal(t, fmt.Sprintf("%+v", first.Traces), fmt.Sprintf("%+v", again.Traces))
	require.Equal(t, fmt.Sprintf("%+v", first.Metrics), fmt.Sprintf("%+v", again.Metrics))
	require.Equal(t, first.Headline, again.Headline)
	require.Equal(t, first.Events, again.Events)
	require.Equal(t, fmt.Sprintf("%+v", *first.Experiment), fmt.Sprintf("%+v", *again.Experiment))
}

// A recording that was cut off is replayed up to there.
func TestCutOffRecordingIsReplayed(t *testing.T) {
	data, err := os.ReadFile(recorded)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "cut.gameday")
	require.NoError(t, os.WriteFile(path, data[:len(data)/2], 0o600))
	r, err := engine.OpenReplay(context.Background(), path, nil)
	require.NoError(t, err)
	require.NotEmpty(t, r.Cut())
	require.Greater(t, r.Span().Length(), 5*time.Second)
	require.NoError(t, r.Close())
	require.Contains(t, snapshot(t, snapshotCmd{Replay: path, At: -1, Size: "80x24"}), "replay")
}

func TestSnapshotFormats(t *testing.T) {
	svg := snapshot(t, snapshotCmd{Replay: recorded, At: 50 * time.Second, Size: "120x35", Theme: "light", Format: "svg"})
	require.True(t, strings.HasPrefix(svg, "<svg "))
	require.Contains(t, svg, "payment")
	require.NotContains(t, svg, "\x1b")
	text := snapshotCmd{Format: "text"}.format("\x1b[1mone\x1b[m  \ntwo", nil, 5, 2)
	require.Equal(t, "one\ntwo\n", text)
	for _, c := range []struct {
		cmd  snapshotCmd
		says string
	}{
		{snapshotCmd{Replay: recorded, Size: "80"}, "write columns and rows like 120x35"},
		{snapshotCmd{Replay: recorded, Size: "40x10"}, "needs 60x16"},
		{snapshotCmd{Replay: recorded, Size: "80x24", Theme: "dark", Keys: "enterr"}, `"enterr" is no key`},
		{snapshotCmd{Replay: recorded, Size: "80x24", Theme: "nope"}, "nope"},
	} {
		require.ErrorContains(t, c.cmd.Run(&bytes.Buffer{}, loadErrors{io.Discard}), c.says)
	}
}

// Captions must fit where a tour is most likely to be seen.
func TestCaptionsFit(t *testing.T) {
	for _, s := range demoTour() {
		told := s.Caption
		for _, b := range keymap.Default().All() {
			told = strings.ReplaceAll(told, "{"+string(b.Action)+"}", keymap.Default().Key(b.Action))
		}
		require.NotContains(t, told, "{", "every key in it is one")
		require.LessOrEqual(t, len(told), 130, told)
		require.NotEmpty(t, s.Caption)
		for _, p := range s.Press {
			if _, err := tui.ParseKey(p); err != nil {
				require.Contains(t, []string{"experiments", "open", "leave", "why"}, p)
			}
		}
	}
}

// TestASnapshotOfAWatchedSystem draws what is there, and its keys start nothing.
func TestASnapshotOfAWatchedSystem(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	dir := t.TempDir()
	file := filepath.Join(dir, "gameday.yaml")
	require.NoError(t, os.WriteFile(file, []byte("# the defaults\n"), 0o600))
	c := snapshotCmd{Watch: true, After: time.Millisecond, Size: "100x30", Format: "text", Keys: "ctrl+x"}
	c.Config, c.Name, c.OTLPGRPC, c.OTLPHTTP = file, "quiet", "127.0.0.1:0", "127.0.0.1:0"
	screen := snapshot(t, c)
	require.Contains(t, screen, "quiet")
	require.Contains(t, screen, "● local")
	require.Contains(t, screen, "you are a viewer here")
	require.Len(t, strings.Split(strings.TrimSuffix(screen, "\n"), "\n"), 30)
	c.Replay = recorded
	var out bytes.Buffer
	require.ErrorContains(t, c.Run(&out, loadErrors{io.Discard}), "exclude each other")
}
