package quiet_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	_ "github.com/NimbleMarkets/ntcharts/canvas" // brings along the init that asks the terminal
	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	_ "gameday/tui/widget/quiet"
)

const child = "GAMEDAY_TEST_QUIET_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		fmt.Print("started")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestInitLeavesTheTerminalAlone starts this binary in a terminal that would answer nothing: before main there must not
// be a single byte on the screen, such as the question for the background colour.
func TestInitLeavesTheTerminalAlone(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), child+"=1", "TERM=xterm-256color", "COLORTERM=", "COLORFGBG=", "CI=", "TMUX=")
	tty, err := pty.Start(cmd)
	require.NoError(t, err)
	defer tty.Close()
	out, _ := io.ReadAll(tty) // ends with an I/O error when the child has closed the terminal
	require.NoError(t, cmd.Wait())
	require.Equal(t, "started", string(out))
}
