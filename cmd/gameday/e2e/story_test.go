package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startExperiment presses the keys of the story: e, the experiment by name, enter, enter. The confirmation is armed only after
// a quiet time, so that keys typed ahead start nothing.
func startExperiment(term *terminal, title string) {
	term.t.Helper()
	term.press("e")
	term.see(slow, title)
	term.press("late") // the picker narrows as one types
	term.press(enter)
	term.see(slow, "network.latency")
	time.Sleep(time.Second)
	term.press(enter)
}

const paymentSlow = "payment answers 800 ms late"

// The story of the README: the demo starts, a fault goes in, a probe turns red, enter leads to the trace that broke it and
// to its log lines, and ctrl+x takes everything back.
func TestStory(t *testing.T) {
	term := open(t, 120, 35, "demo", "--patterns=off")
	first := term.see(slow, "ctrl+x", "enter")
	require.Contains(t, first, " e ", "the hint names the three keys")
	term.press(esc)
	term.see(slow, "live", "POST /checkout", "INFO") // traces and logs of requests that are really made

	startExperiment(term, paymentSlow)
	term.see(slow, "before")
	term.see(slow, "payment", "injected")
	term.wait("a red probe", slow, func(s string) bool { return strings.Contains(s, "✘") && strings.Contains(s, "p95") })
	if path := os.Getenv("GAMEDAY_PICTURE"); path != "" {
		defer picture(t, term, path)
	}
	gotoExperiment(term)
	term.press(enter)
	waterfall := term.wait("the trace that broke it", slow, func(s string) bool {
		return strings.Contains(s, "⌖") && strings.Contains(s, "charge") && strings.Contains(s, "checkout")
	})
	require.Contains(t, waterfall, "payment")

	term.press(ctrlX)
	term.see(slow, "abort", "undone")
	term.press("q")
	require.Equal(t, exitAborted, term.end(slow), "an aborted experiment is told to the shell")
}

const exitAborted = 3

func gotoExperiment(term *terminal) {
	term.t.Helper()
	for range 6 {
		if strings.Contains(term.screen(), "→ trace") {
			return
		}
		term.press(tab)
	}
}

func picture(t *testing.T, term *terminal, path string) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(repository(t), path)
	}
	require.NoError(t, term.picture(path, 0xd8dee9, 0x16181d))
}
