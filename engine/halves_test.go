package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

func traceOf(t *testing.T, hex string) signal.TraceID {
	t.Helper()
	id, ok := signal.ParseTraceID(hex)
	require.True(t, ok)
	return id
}

// TestTwoHalvesOfOneTraceAreOne in the session's memory, in whatever order they come, and are found by either ID; IDs that only look
// alike stay apart.
func TestTwoHalvesOfOneTraceAreOne(t *testing.T) {
	s := session(t, Config{Name: "test", StateDir: t.TempDir(), Environment: "demo", Exe: config(t, nil, "1s").Exe, KeeperArgs: []string{"keeper"}})
	full, short := traceOf(t, "4bf92f3577b34da6a3ce929d0e0e4736"), traceOf(t, "0000000000000000a3ce929d0e0e4736")
	later, first := traceOf(t, "11111111111111112222222222222222"), traceOf(t, "00000000000000002222222222222222")
	one, two := traceOf(t, "aaaaaaaaaaaaaaaa0000000000000001"), traceOf(t, "bbbbbbbbbbbbbbbb0000000000000001")
	now := time.Now()
	n := byte(0)
	push := func(ids ...signal.TraceID) {
		for _, id := range ids {
			n++
			s.sink(signal.Batch{Spans: []signal.Span{{TraceID: id, SpanID: signal.SpanID{n}, Service: "svc", Name: "op", Start: now, Duration: time.Millisecond}},
				Logs: []signal.Record{{Time: now, Body: "line", Service: "svc", TraceID: id}}})
		}
	}
	push(full, short, first, later, one, two)
	w := signal.Window{From: now.Add(-time.Minute), To: now.Add(time.Minute)}
	f := s.Frame(signal.View{Window: w, Traces: signal.TraceFilter{Limit: 100}})
	require.Len(t, f.Traces, 4)
	for _, id := range []signal.TraceID{full, short, first, later} {
		f := s.Frame(signal.View{Window: w, Focus: signal.CorrelationID(id.String()), Trace: id})
		require.NotNil(t, f.Detail, id)
		require.Len(t, f.Detail.Spans, 2, id)
		require.Len(t, f.Detail.Logs, 2, id)
	}
	require.Len(t, s.Frame(signal.View{Window: w, Trace: one}).Detail.Spans, 1)
}

func TestHalvesAreBounded(t *testing.T) {
	var h halves
	for i := range 10 * maxHalves {
		var id signal.TraceID
		id[0], id[12], id[13], id[14], id[15] = 1, 1, byte(i>>16), byte(i>>8), byte(i)
		h.join(&signal.Batch{Spans: []signal.Span{{TraceID: id}}})
	}
	require.LessOrEqual(t, len(h.newer)+len(h.older), 2*maxHalves)
}
