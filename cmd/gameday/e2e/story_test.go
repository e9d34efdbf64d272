package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startExperiment presses the keys of the story: e, enter, enter. The confirmation is armed only after
// a quiet time, so that keys typed ahead start nothing.
func startExperiment(term *terminal, title string) {
	term.t.Helper()
	term.press("e")
	term.see(slow, title)
	term.press(enter) // it comes first in the list
	term.see(slow, "will hit", "checkout→payment", "undo", "enter START")
	term.see(slow, "enter START") // it is not armed before a quiet moment
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
	term.see(slow, "⚡1 fault")
	injected := time.Now()
	late := regexp.MustCompile(`✘ p95 +([89]\d\d ms|\d\.\d+ s)`) // red by the fault, not by a machine that is busy with something else
	term.wait("a red probe", slow, late.MatchString)
	t.Logf("the probe turned red %v after the fault went in", time.Since(injected).Round(100*time.Millisecond))
	term.see(slow, "▸experiment") // the ladder has the cursor, and the cursor stands on the probe that failed
	term.press(enter)
	waterfall := term.wait("the trace that broke it", slow, func(s string) bool {
		return strings.Contains(s, "⌖") && strings.Contains(s, "▸trace") && strings.Contains(s, "▾checkout charge")
	})
	require.Contains(t, waterfall, "INFO inventory", "the trace's log lines stand among its spans")
	require.Contains(t, waterfall, "stock reserved")

	term.press(ctrlX)
	term.see(slow, "abort", "undone")
	term.press("q")
	require.Equal(t, exitAborted, term.end(slow), "an aborted experiment is told to the shell")
}

const exitAborted = 3
