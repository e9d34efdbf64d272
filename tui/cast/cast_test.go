package cast

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// read takes a cast apart as a player does.
func read(t *testing.T, path string) (head map[string]any, events [][]any) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	require.True(t, lines.Scan())
	require.NoError(t, json.Unmarshal(lines.Bytes(), &head))
	for lines.Scan() {
		var e []any
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		require.Len(t, e, 3)
		events = append(events, e)
	}
	return head, events
}

func TestCast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.cast")
	w, err := Create(path, Header{Width: 120, Height: 35, Title: "gameday shop", Term: "xterm"})
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	w.Output([]byte("\x1b[1m▶ l\xe2\x9a"))
	w.Output([]byte("\xa1ive\"\n"))
	w.Mark("payment +800ms injected")
	w.Resize(120, 35) // as it was
	w.Resize(80, 24)
	w.Output([]byte("end\xe2"))
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	w.Output([]byte("late"))

	head, events := read(t, path)
	require.EqualValues(t, 2, head["version"])
	require.EqualValues(t, 120, head["width"])
	require.EqualValues(t, 35, head["height"])
	require.Equal(t, "gameday shop", head["title"])
	require.NotZero(t, head["timestamp"])
	var out strings.Builder
	last := 0.0
	var kinds []string
	for _, e := range events {
		require.GreaterOrEqual(t, e[0].(float64), last)
		last = e[0].(float64)
		kinds = append(kinds, e[1].(string))
		if e[1] == "o" {
			out.WriteString(e[2].(string))
		}
	}
	require.Equal(t, "o o m r o o", strings.Join(kinds, " "))
	require.Equal(t, "\x1b[1m▶ l⚡ive\"\nend\ufffd", out.String(), "a character that came in two writes is whole")
	require.Equal(t, "payment +800ms injected", events[2][2])
	require.Equal(t, "80x24", events[3][2])

	_, err = Create(path, Header{})
	require.ErrorContains(t, err, "there is such a file already")
}

// Whoever dies a second after the screen last changed leaves a cast that has all of it, and one that dies at once leaves a cast.
func TestACrashLosesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a.cast")
		w, err := Create(path, Header{Width: 80, Height: 24})
		require.NoError(t, err)
		_, events := read(t, path)
		require.Empty(t, events)
		for range 2 {
			w.Output([]byte("changed"))
			w.Output([]byte("and again"))
			time.Sleep(time.Second)
			synctest.Wait()
			_, events = read(t, path)
		}
		require.Len(t, events, 4)
		w.Mark("the last word")
		require.NoError(t, w.Close())
		_, events = read(t, path)
		require.Len(t, events, 5)
	})
}
