package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

// A million log records and two hundred thousand spans as services send them are held by default.
func TestDefaultsHoldAMillion(t *testing.T) {
	const n = 30_000
	s, err := New(Config{CorrelationFields: []string{"request_id"}})
	require.NoError(t, err)
	p, q := newProducer(1), newProducer(1)
	for i := range n / 1000 {
		at := time.Now().Add(time.Duration(i) * time.Second)
		s.Add(signal.Batch{Logs: p.batch(1000, 0, at).Logs, Spans: q.batch(0, 1000, at).Spans})
	}
	st := s.Stats()
	require.EqualValues(t, n, st.Logs.Held)
	require.EqualValues(t, n, st.Spans.Held)
	t.Logf("%d bytes a log record, %d a span", st.Logs.Bytes/n, st.Spans.Bytes/n)
	require.LessOrEqual(t, st.Logs.Bytes/n*1_000_000, st.Logs.MaxBytes)
	require.LessOrEqual(t, st.Spans.Bytes/n*200_000, st.Spans.MaxBytes)
}

// Values that recur are kept once a chunk; nobody can tell.
func TestValuesThatRecurAreKeptOnce(t *testing.T) {
	s := newStore(t, Config{CorrelationFields: []string{"request_id"}})
	long := strings.Repeat("very", maxValue) + "long"
	var want []signal.Attrs
	now := time.Now()
	for i := range 200 {
		a := signal.Attrs{{Key: "route", Value: []string{"/cart", "/checkout"}[i%2]}, {Key: "many", Value: fmt.Sprintf("v%d", i)}, {Key: "many", Value: "v3"},
			{Key: "empty", Value: ""}, {Key: "long", Value: long}, {Key: "request_id", Value: fmt.Sprintf("r%d", i%3)}, {Key: "route", Value: "many"}}
		want = append(want, a)
		s.Add(signal.Batch{
			Logs:  []signal.Record{{Time: now, Service: "shop", Body: "b", Attrs: a}},
			Spans: []signal.Span{{TraceID: signal.TraceID{1}, SpanID: signal.SpanID{byte(i), 1}, Start: now, Attrs: a, Events: []signal.SpanEvent{{Time: now, Name: "e", Attrs: a}}}},
		})
	}
	logs := s.logs.snapshot(false)
	spans := s.spans.snapshot(false)
	require.Len(t, logs, 1)
	require.Len(t, spans, 1)
	for i := range want {
		require.Equal(t, want[i], logAt(logs[0], i).Attrs)
		sp := spanAt(spans[0], i)
		require.Equal(t, want[i], sp.Attrs)
		require.Equal(t, want[i], sp.Events[0].Attrs)
	}
	require.Equal(t, 1, strings.Count(strings.Join(logs[0].syms, "\n"), "/checkout"))
	require.NotContains(t, logs[0].text, "/checkout")
	w := signal.Window{From: now.Add(-time.Hour), To: now.Add(time.Hour)}
	for filter, n := range map[string]int{"checkout": 100, "veryvery": 200, "v199": 1, "v3": 200, "nowhere": 0, "-checkout": 100, "route=/cart": 100, "many=v7": 1, "request_id=r1": 67, "shop": 200} {
		held, _ := s.CountLogs(signal.LogFilter{Text: filter}, w)
		require.Equal(t, n, held, filter)
	}
}
