package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

// TestATraceThatSpansSources: half of it comes from Jaeger, half over OTLP, and some of it from both.
func TestATraceThatSpansSources(t *testing.T) {
	s, err := New(Config{})
	require.NoError(t, err)
	span := func(n, parent int, source, service string, kind signal.SpanKind) signal.Span {
		sp := signal.Span{TraceID: traceOf(1), SpanID: spanOf(n), Service: service, Name: fmt.Sprint("op ", n), Kind: kind,
			Start: at(n), Duration: 100 * time.Millisecond, Source: source, Failed: n == 3}
		if parent != 0 {
			sp.ParentID = spanOf(parent)
		}
		return sp
	}
	s.Add(signal.Batch{Spans: []signal.Span{
		span(1, 0, "otlp", "gateway", signal.SpanServer), span(2, 1, "otlp", "gateway", signal.SpanClient), span(3, 2, "otlp", "cart", signal.SpanServer)}})
	s.Add(signal.Batch{Spans: []signal.Span{
		span(2, 1, "jaeger", "gateway", signal.SpanClient), span(3, 2, "jaeger", "cart", signal.SpanServer), // came already
		span(4, 3, "jaeger", "db", signal.SpanClient)}})
	s.Add(signal.Batch{Logs: []signal.Record{{TraceID: traceOf(1), SpanID: spanOf(3), Service: "cart", Body: "slow", Time: at(3), Source: "loki"}}})

	tr := s.Trace(traceOf(1))
	var sources []string
	for _, sp := range tr.Spans {
		sources = append(sources, sp.Source)
	}
	require.Equal(t, []string{"otlp", "otlp", "otlp", "jaeger"}, sources, "each span keeps the name of the source that told of it first")
	require.Equal(t, 4, tr.TraceSummary.Spans)
	require.Equal(t, 1, tr.Errors)
	require.Len(t, tr.Logs, 1)
	st := s.Stats().Spans
	require.EqualValues(t, 6, st.Received)
	require.EqualValues(t, 4, st.Held)
	require.EqualValues(t, 2, st.Filtered)

	// a client and a server of Zipkin's may share an ID: these are two spans
	s.Add(signal.Batch{Spans: []signal.Span{span(4, 3, "zipkin", "postgres", signal.SpanServer)}})
	require.Len(t, s.Trace(traceOf(1)).Spans, 5)
}

// TestASpanThatComesAgainMuchLater is in another chunk, or so far back that it is not looked for; then it is held twice and
// shown once.
func TestASpanThatComesAgainMuchLater(t *testing.T) {
	s, err := New(Config{})
	require.NoError(t, err)
	again := signal.Span{TraceID: traceOf(0), SpanID: spanOf(0), Start: at(0), Service: "s"}
	add := func(from, to int) {
		var b signal.Batch
		for n := from; n < to; n++ {
			b.Spans = append(b.Spans, signal.Span{TraceID: traceOf(n), SpanID: spanOf(n), Start: at(n), Service: "s"})
		}
		s.Add(b)
	}
	add(0, 5*maxChunkRecords)
	s.Add(signal.Batch{Spans: []signal.Span{again}})
	require.EqualValues(t, 1, s.Stats().Spans.Filtered)
	add(5*maxChunkRecords, (maxDoubledChunks+5)*maxChunkRecords)
	s.Add(signal.Batch{Spans: []signal.Span{again}})
	st := s.Stats().Spans
	require.EqualValues(t, 1, st.Filtered)
	require.Equal(t, st.Received, st.Held+st.Filtered)
	require.Len(t, s.Trace(traceOf(0)).Spans, 1)
}
