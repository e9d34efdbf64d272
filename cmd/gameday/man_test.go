package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheManualPageTellsOfEveryCommandWithItsArguments: they stood there as optional, and without a word about what they are.
func TestTheManualPageTellsOfEveryCommandWithItsArguments(t *testing.T) {
	page := printed(t, "man")
	for _, want := range []string{
		".SS \"gameday replay <file>\"", ".SS \"gameday triage [<id> ...]\"", "A recording, as", ".SH FILES", "GAMEDAY_CONFIG", "XDG_CONFIG_HOME",
		"make the chart's axis logarithmic, and linear again (dashboard)", // the same key is another one elsewhere
	} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "keeper", "a hidden command")
	for _, line := range strings.Split(page, "\n") {
		if strings.HasPrefix(line, ".") {
			require.Regexp(t, `^\.(TH|SH|SS|PP|TP|B|I|RI)\b`, line, "no text is taken for a request")
		}
	}
}
