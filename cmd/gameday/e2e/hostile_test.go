package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// freePort is a port that nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// send posts log records to the program's OTLP receiver.
func send(t *testing.T, address string, bodies ...string) {
	t.Helper()
	var records []any
	for _, b := range bodies {
		records = append(records, map[string]any{"timeUnixNano": fmt.Sprint(time.Now().UnixNano()), "severityNumber": 17,
			"body": map[string]any{"stringValue": b}, "traceId": "4f2a91c0000000000000000000000001"})
	}
	doc := map[string]any{"resourceLogs": []any{map[string]any{
		"resource":  map[string]any{"attributes": []any{map[string]any{"key": "service.name", "value": map[string]any{"stringValue": "evil\x1b[31m"}}}},
		"scopeLogs": []any{map[string]any{"logRecords": records}},
	}}}
	data, err := json.Marshal(doc)
	require.NoError(t, err)
	resp, err := http.Post("http://"+address+"/v1/logs", "application/json", bytes.NewReader(data))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// What other programs log can neither command the terminal nor leave its row.
func TestHostileLogLinesStayHarmlessRows(t *testing.T) {
	t.Parallel()
	address := freePort(t)
	term := open(t, 120, 35, "watch", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", address)
	term.see(slow, "live")
	send(t, address,
		"clears the screen \x1b[2J\x1b[H and owns it",
		"sets the title \x1b]0;pwned\x07 done",
		"turns \u202egnp.exe\u202c around",
		"two\nrows\r\nthree",
		"huge "+strings.Repeat("x", 1<<20),
		"c1 \u009b31m csi",
		"the last one",
	)
	screen := term.see(slow, "the last one", "clears the screen ␛[2J", "two␤rows", "‹U+202E›")
	require.NotEqual(t, "pwned", term.vt.Title())
	require.Equal(t, 35, strings.Count(strings.TrimRight(screen, "\n"), "\n")+1)
	require.Contains(t, screen, "╭", "the frame still stands")
	raw := term.tail(1 << 20)
	for _, bad := range []string{"\x1b[2J\x1b[H and", "\x1b]0;pwned", "\u202e", "\u009b"} {
		require.NotContains(t, raw, bad)
	}
}

// The cockpit keeps its shape whatever happens to its window, and says so when there is too little of it.
func TestResizeWhileItRuns(t *testing.T) {
	t.Parallel()
	term := open(t, 120, 35, "demo")
	term.see(slow, "ctrl+x")
	term.press(esc)
	term.see(slow, "POST /checkout")
	for _, size := range []struct {
		cols, rows int
		says       string
	}{{80, 24, "live"}, {40, 10, "60"}, {200, 50, "POST /checkout"}, {60, 16, "live"}, {120, 35, "POST /checkout"}} {
		term.resize(size.cols, size.rows)
		term.see(slow, size.says)
	}
	term.press("\x1b[200~garbage \x1b[31m\x00\x07 pasted\x1b[201~")
	term.press("q")
	require.Zero(t, term.end(slow))
}
