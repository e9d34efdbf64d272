package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
	"gameday/sources/store"
)

// TestViewersEachHaveTheirComparison: looking at other traces does not make anybody else's anew with each frame.
func TestViewersEachHaveTheirComparison(t *testing.T) {
	st, err := store.New(store.Config{})
	require.NoError(t, err)
	now := time.Now()
	for i := range byte(40) {
		st.Add(signal.Batch{Spans: []signal.Span{{TraceID: signal.TraceID{i + 1}, SpanID: signal.SpanID{1}, Service: "shop", Name: "buy", Start: now, Duration: time.Second}}})
	}
	c := comparer{every: compareEvery}
	look := func(b byte, at time.Time) *signal.Comparison {
		f := &signal.Frame{}
		c.fill(f, signal.View{Compare: signal.CompareAsk{A: signal.TraceID{1}, B: signal.TraceID{b}}}, st, st.Events, at)
		require.Equal(t, signal.TraceID{b}, f.Compare.Ask.B)
		return f.Compare
	}
	first := map[byte]*signal.Comparison{}
	for b := byte(2); b < 10; b++ {
		first[b] = look(b, now)
	}
	for b := byte(9); b > 1; b-- {
		require.Same(t, first[b], look(b, now.Add(compareEvery/2)))
	}
	require.NotSame(t, first[2], look(2, now.Add(compareEvery)), "spans may have come")
	for b := byte(10); b < 40; b++ {
		look(b, now)
	}
	require.Len(t, c.kept, maxCompared)
	require.NotSame(t, first[3], look(3, now), "it has made room")
	f := &signal.Frame{}
	c.fill(f, signal.View{}, st, st.Events, now)
	require.Nil(t, f.Compare)
}
