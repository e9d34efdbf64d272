package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

func TestWhatWentOnWhileATraceRanIsToldWhateverTheWindow(t *testing.T) {
	s := newStore(t, Config{CorrelationFields: []string{"Session", "order_id"}})
	start := time.Now().Add(-time.Hour)
	id := signal.TraceID{1}
	s.Add(signal.Batch{Spans: []signal.Span{{TraceID: id, SpanID: signal.SpanID{1}, Service: "a", Name: "b", Start: start, Duration: time.Second}}})
	s.Event(signal.Event{Kind: signal.EventFault, Title: "over before", Start: start.Add(-time.Minute), End: start.Add(-time.Second)})
	s.Event(signal.Event{Kind: signal.EventFault, Title: "payment +800ms", Start: start.Add(-time.Minute), End: start.Add(time.Minute)})
	s.Event(signal.Event{Kind: signal.EventExperiment, Title: "a phase", Start: start.Add(time.Millisecond)})
	s.Event(signal.Event{Kind: signal.EventExperiment, Title: "payment slow", Start: start.Add(-2 * time.Minute), Open: true})
	s.Event(signal.Event{Kind: signal.EventLoad, Title: "load", Start: start.Add(-2 * time.Minute), Open: true})
	now := time.Now()
	f := s.Frame(signal.View{Trace: id, Window: signal.Window{From: now.Add(-time.Minute), To: now}})
	var titles []string
	for _, e := range f.Meanwhile {
		titles = append(titles, e.Title)
	}
	require.Equal(t, []string{"payment slow", "payment +800ms"}, titles)
	require.Equal(t, []string{"order_id", "session"}, f.Fields)
	require.Nil(t, s.Frame(signal.View{}).Meanwhile)
}
