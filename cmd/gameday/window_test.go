package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryCommandSaysWhatItsWindowIs when none is given; a command with a window that nothing is said of does not start.
func TestEveryCommandSaysWhatItsWindowIs(t *testing.T) {
	for command, says := range map[string]string{
		"demo": "at first: 2m when not given.", "watch": "at first: 5m when not given.", "triage": "at first: 5m when not given.",
		"serve":    "at first: 2m with --demo, else 5m when not given.",
		"replay":   "at first: the shortest of 1m, 2m and 5m that has room for half of the recording when not given.",
		"snapshot": "is shown: the shortest of 1m, 2m and 5m that has room for half of the recording, 1m of a live system, when not given.",
	} {
		help := strings.Join(strings.Fields(call(command, "--help").stdout), " ")
		require.Contains(t, help, "--window=DURATION How much of the past is shown", command)
		require.Contains(t, help, says, command)
	}
}
