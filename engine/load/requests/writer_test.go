package requests

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/engine/load"
	"gameday/engine/load/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func one(user uint64) load.RequestLog {
	return load.RequestLog{
		At: time.UnixMicro(1_700_000_000_000_001), Latency: 1234567 * time.Nanosecond, Service: time.Millisecond, Scenario: `a,"b`, Step: "=1+1",
		User: user, Status: 503, Kind: protocol.Status5xx, Err: errors.New("line\nbreak\x1b[2J\xff"),
	}
}

func TestEveryRequestOnce(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, CSV{})
	var wg sync.WaitGroup
	for user := range uint64(8) {
		wg.Go(func() {
			for range 1_001 {
				w.Put(one(user))
			}
		})
	}
	wg.Wait()
	written, dropped, err := w.Close()
	require.NoError(t, err)
	require.Equal(t, uint64(8*1_001), written+dropped)
	rows, err := csv.NewReader(&out).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, int(written)+1)
	require.Equal(t, columns, rows[0])
	require.Equal(t, []string{"2023-11-14T22:13:20.000001Z", `a,"b`, "'=1+1"}, rows[1][:3])
	require.Equal(t, []string{"1.234", "1", "503", "status 5xx"}, rows[1][6:10])
	require.NotContains(t, rows[1][10], "\n")
	require.NotContains(t, rows[1][10], "\x1b")
}

// stuck is a disk that takes nothing until it is let go.
type stuck struct{ free chan struct{} }

func (s stuck) Write(b []byte) (int, error) { <-s.free; return len(b), nil }

func TestASlowDiskLosesRequestsAndSaysSo(t *testing.T) {
	disk := stuck{make(chan struct{})}
	w := NewWriter(disk, JSONLines{})
	const n = 3 * waiting * batchSize
	for range n { // it does not wait
		w.Put(one(1))
	}
	close(disk.free)
	written, dropped, err := w.Close()
	require.NoError(t, err)
	require.Positive(t, dropped)
	require.Equal(t, uint64(n), written+dropped, "none is lost silently")
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestABrokenDiskIsTold(t *testing.T) {
	w := NewWriter(broken{}, CSV{})
	for range 10 * batchSize {
		w.Put(one(1))
	}
	_, _, err := w.Close()
	require.ErrorContains(t, err, "disk full")
}

func TestLinesAreJSON(t *testing.T) {
	r := one(3)
	var got map[string]any
	require.NoError(t, json.Unmarshal(JSONLines{}.Append(nil, &r), &got))
	require.Len(t, got, len(columns))
	require.InDelta(t, 1.234, got["latency_ms"], 1e-9)
	require.Equal(t, `a,"b`, got["scenario"])
	require.NoError(t, json.Unmarshal(JSONLines{}.End(nil, 5, 6), &got))
}
