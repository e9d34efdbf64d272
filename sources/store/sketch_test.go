package store

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

// TestASketchHasTheSpansThatReadingEachTraceHas: the same spans in the same order, with the attributes asked for and no others.
func TestASketchHasTheSpansThatReadingEachTraceHas(t *testing.T) {
	st, err := New(Config{})
	require.NoError(t, err)
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	rng := rand.New(rand.NewPCG(3, 4))
	var all []signal.Span
	for trace := range 300 {
		var id signal.TraceID
		binary.BigEndian.PutUint64(id[8:], uint64(trace+1))
		n := 1 + rng.IntN(9)
		if trace%50 == 7 {
			n = fewSpans + 20
		}
		for i := range n {
			s := signal.Span{TraceID: id, Service: "a", Name: "op", Kind: signal.SpanKind(rng.IntN(6)), Start: start.Add(time.Duration(trace)*time.Second + time.Duration(rng.IntN(500))*time.Millisecond),
				Duration: time.Duration(rng.IntN(900)) * time.Millisecond, Failed: i%3 == 1, Attrs: signal.Attrs{{Key: "peer.service", Value: "b"}, {Key: "other", Value: "x"}}}
			s.SpanID[7] = byte(i + 1)
			if i > 0 {
				s.ParentID[7] = byte(rng.IntN(n) + 1) // also of spans that come later, of itself, and in circles
			}
			all = append(all, s)
		}
	}
	rng.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	st.Add(signal.Batch{Spans: all})
	client := func(k signal.SpanKind) bool { return k == signal.SpanClient }
	window := signal.Window{From: start, To: start.Add(time.Hour)}
	seen := 0
	left := st.Reader().Sketch(Sketch{Window: window, Most: 1 << 20, Attrs: []string{"peer.service"}, Of: client}, func(spans []signal.Span) bool {
		want := st.Trace(spans[0].TraceID).Spans
		require.Len(t, spans, len(want))
		for i := range want {
			w, got := want[i], slices.Clone(spans)[i]
			require.Equal(t, [4]any{w.SpanID, w.ParentID, w.Start.UnixNano(), w.Failed}, [4]any{got.SpanID, got.ParentID, got.Start.UnixNano(), got.Failed}, "trace %s, span %d", w.TraceID, i)
			if client(w.Kind) {
				require.Equal(t, signal.Attrs{{Key: "peer.service", Value: "b"}}, got.Attrs)
			} else {
				require.Empty(t, got.Attrs)
			}
		}
		seen += len(spans)
		return true
	})
	require.Zero(t, left)
	require.Equal(t, len(all), seen)

	part := signal.Window{From: start.Add(100 * time.Second), To: start.Add(200 * time.Second)}
	within := 0
	for _, s := range all {
		if part.Contains(s.Start) {
			within++
		}
	}
	seen = 0
	left = st.Reader().Sketch(Sketch{Window: part, Most: 50, Of: client}, func(spans []signal.Span) bool { seen += len(spans); return true })
	require.Equal(t, [2]int{50, within - 50}, [2]int{seen, left}, "no more than asked for, and how many are left out is said")
	for most, want := range map[int][3]int{within - 7: {within - 7, 0, 7}, within: {within, 0, 0}, within + 5: {within, 5, 0}} {
		var got [3]int
		got[2] = st.Reader().Sketch(Sketch{Window: part, Lead: time.Minute, Most: most, Of: client}, func(spans []signal.Span) bool {
			for i := range spans {
				if part.Contains(spans[i].Start) {
					got[0]++
				} else {
					got[1]++
					require.True(t, spans[i].Start.Before(part.From) && !spans[i].Start.Before(part.From.Add(-time.Minute)))
				}
			}
			return true
		})
		require.Equal(t, want, got, "what began before the window has the room that its own spans leave, and is not counted as left out")
	}
	calls := 0
	st.Reader().Sketch(Sketch{Window: window, Most: 1000, Of: client}, func([]signal.Span) bool { calls++; return calls < 3 })
	require.Equal(t, 3, calls)
}
