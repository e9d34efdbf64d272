package store

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

// TestTheListOfTracesIsReadToItsEnd: by pages, in every order and with a filter, it is what a list without an end would be.
func TestTheListOfTracesIsReadToItsEnd(t *testing.T) {
	s, err := New(Config{FrameBudget: time.Minute})
	require.NoError(t, err)
	now := time.Now().Truncate(time.Second)
	rnd := rand.New(rand.NewPCG(6, 2))
	const n = 3000
	for i := range n {
		sp := signal.Span{Service: []string{"gateway", "batch"}[i%2], Name: "do", Start: now.Add(time.Duration(rnd.IntN(5000)) * time.Millisecond), Duration: time.Duration(1+rnd.IntN(20)) * time.Millisecond, Failed: i%5 == 0}
		binary.BigEndian.PutUint64(sp.TraceID[:], uint64(i+1))
		binary.BigEndian.PutUint64(sp.SpanID[:], uint64(i+1))
		s.Add(signal.Batch{Spans: []signal.Span{sp}})
	}
	w := signal.Window{From: now.Add(-time.Second), To: now.Add(time.Minute)}
	for _, f := range []signal.TraceFilter{{}, {Order: signal.TracesSlowest}, {Failed: true}, {Text: "service=batch", Order: signal.TracesSlowest}} {
		whole := f
		whole.Limit = maxLimit
		want := s.Frame(signal.View{Window: w, Traces: whole}).Traces
		require.GreaterOrEqual(t, len(want), n/5)
		frame := s.Frame(signal.View{Window: w, Traces: f})
		require.Nil(t, frame.More)
		got := frame.Traces
		for asks := uint32(1); ; asks++ {
			last := got[len(got)-1]
			ask := signal.TracePageAsk{ID: last.ID, Start: last.Start, Duration: last.Duration, No: asks}
			page := s.Frame(signal.View{Window: w, Traces: f, More: ask}).More
			require.Equal(t, ask, page.Ask)
			require.LessOrEqual(t, len(page.Traces), signal.PageSide)
			if len(page.Traces) == 0 {
				break
			}
			got = append(got, page.Traces...)
		}
		require.Equal(t, want, got)
	}
	require.Nil(t, s.Frame(signal.View{Window: w, Focus: "x", More: signal.TracePageAsk{ID: signal.TraceID{1}}}).More, "a focus has few")
}
