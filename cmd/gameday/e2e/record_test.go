package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A session is recorded and its screen cast; it ends without warning; the recording replays up to there, and nothing can be
// started in it.
func TestRecordCrashReplay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, screen := filepath.Join(dir, "a.gameday"), filepath.Join(dir, "a.cast")
	live := open(t, 120, 35, "demo", "--record", file, "--cast", screen)
	live.see(slow, "ctrl+x", "enter")
	live.press(esc)
	live.see(slow, "live", "POST /checkout", "INFO")
	live.press("n")
	live.see(slow, "one line onto the timeline")
	live.press("d", "e", "p", "l", "o", "y", enter)
	live.see(slow, "deploy")
	info, err := os.Stat(file)
	require.NoError(t, err)
	before := info.Size()
	require.Eventually(t, func() bool {
		info, err := os.Stat(file)
		return err == nil && info.Size() > before+10_000
	}, slow, 100*time.Millisecond, "it is written while it goes on")
	require.NoError(t, live.cmd.Process.Kill())
	live.end(slow)

	cast, err := os.ReadFile(screen)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(cast), `{"version":2,"width":120,"height":35,`), "%.80s", cast)

	again := open(t, 80, 24, "demo", "--cast", screen)
	require.Equal(t, 2, again.end(slow))
	require.Contains(t, again.screen(), "there is such")
	require.NotContains(t, again.screen(), "shop", "nothing was started for it")

	replay := open(t, 80, 24, "replay", file, "--speed", "8")
	replay.see(slow, "▶ replay", "×8")
	replay.press("e")
	replay.see(slow, "a replay: this has happened")
	replay.see(slow, "the recording ends here", "‖ replay")
	replay.press("5")
	replay.see(slow, "INFO")
	replay.press("q")
	require.Equal(t, 0, replay.end(slow))

	shot := headless(t, "snapshot", "--replay", file, "--size", "200x50", "--keys", "8")
	require.Equal(t, 0, shot.code, shot.stderr)
	require.Contains(t, shot.stdout, "deploy", "the note is on its timeline")
	require.Contains(t, shot.stdout, "replay")
}
