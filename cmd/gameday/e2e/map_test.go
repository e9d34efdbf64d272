package e2e

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// While payment answers late, the map draws the fault on the call from checkout to payment, and from there it is three keys to
// the trace beside a healthy one, which names the same call.
func TestTheMapDrawsTheFaultWhereItActs(t *testing.T) {
	term := open(t, 200, 50, "demo", "--patterns=off")
	term.see(slow, "ctrl+x", "enter")
	term.press(esc)
	term.see(slow, "live", "POST /checkout")
	startExperiment(term, paymentSlow)
	term.see(slow, "⚡1 fault")
	term.press("M")
	late := regexp.MustCompile(`⚡[^│]*\b\d{3} ms ━▸│`)
	seen := term.wait("the fault on a line of the map, and the line as slow as it", slow, late.MatchString)
	rows := strings.Split(seen, "\n")
	for i, row := range rows {
		if late.MatchString(row) {
			require.Contains(t, rows[i-1], "╭ payment", "the line ends at payment\n%s", seen)
		}
	}
	require.Contains(t, seen, "⚡ payment +800ms", "and is named")
	term.see(slow, "worst")

	term.press("/")
	term.press(strings.Split("payment", "")...)
	term.press(enter) // one call is left
	term.see(slow, "/payment", "▸map")
	term.press(enter)
	term.see(slow, "checkout → payment", "slowest of", "more: the traces with service=checkout")
	term.press(enter)
	term.wait("the trace of such a call", slow, func(s string) bool {
		return strings.Contains(s, "▸trace") && strings.Contains(s, "▾checkout charge")
	})
	term.press("b")
	compared := term.see(slow, "▸compared", "A is the median of", "by itself: ")
	require.Regexp(t, `by itself: .*Payment/Charge \+`, compared)
	term.press(ctrlX)
	term.see(slow, "abort", "undone")
	term.press("q")
	require.Equal(t, exitAborted, term.end(slow))
}
