package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/driver"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// A map is there with the first frame that wants it, is counted anew at a calm pace, and has the faults of its frame on it.
func TestFramesHaveTheServiceMapTheyAskFor(t *testing.T) {
	st, err := store.New(store.Config{})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	maps := newServiceMaps(ctx, st, nil)
	at := time.Now().Add(-time.Minute)
	add := func(n byte) {
		st.Add(signal.Batch{Spans: []signal.Span{{TraceID: signal.TraceID{n}, SpanID: signal.SpanID{n}, Service: "gateway", Kind: signal.SpanServer, Start: at, Duration: time.Millisecond}}})
	}
	add(1)
	view := signal.View{Live: true, Map: true, Window: signal.Window{From: at.Add(-time.Minute), To: at.Add(time.Minute)}}
	fault := signal.Event{ID: 7, Kind: signal.EventFault, Title: "gone", Target: "gateway", Start: at, Open: true}
	ask := func(v signal.View) *signal.ServiceMap {
		f := &signal.Frame{Window: v.Window, Events: []signal.Event{fault}}
		maps.fill(f, v)
		return f.Map
	}
	var m *signal.ServiceMap
	require.Eventually(t, func() bool { m = ask(view); return m != nil }, time.Minute, time.Millisecond)
	require.Len(t, m.Calls, 1)
	require.Equal(t, "gateway", m.Faults[0].To)
	require.Nil(t, ask(signal.View{}), "nobody asked")
	add(2)
	require.Equal(t, 1, ask(view).Spans, "not at once")
	past := view
	past.Live = false
	require.Eventually(t, func() bool { m = ask(past); return m != nil }, time.Minute, time.Millisecond)
	require.Equal(t, 2, m.Spans)
	require.Eventually(t, func() bool { return ask(view).Spans == 2 }, time.Minute, 50*time.Millisecond)
	for i := range 3 * maxMaps {
		past.Window.To = past.Window.To.Add(time.Duration(i) * time.Second)
		ask(past)
		require.LessOrEqual(t, len(maps.kept), maxMaps)
	}
	stop()
	maps.close()
	past.Window.To = past.Window.To.Add(time.Hour)
	require.Nil(t, ask(past), "nothing is counted any more, and nobody waits")
}

// tells is a source that knows who calls whom, or does not answer.
type tells struct {
	edges []driver.Edge
	err   error
	asked atomic.Int32
}

func (t *tells) Dependencies(context.Context, signal.Window) ([]driver.Edge, error) {
	t.asked.Add(1)
	return t.edges, t.err
}

// What sources tell is added where no span is held, without figures, and one that does not answer takes nothing away.
func TestMapsHaveTheCallsThatSourcesTell(t *testing.T) {
	st, err := store.New(store.Config{})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	jaeger := &tells{edges: []driver.Edge{{From: "gateway", To: "stock\x1b[31m", Calls: 60}, {From: "", To: "x"}}}
	silent := &tells{err: errors.New("not now")}
	maps := newServiceMaps(ctx, st, []graph{{"silent", silent}, {"jaeger", jaeger}})
	at := time.Now().Add(-time.Minute)
	st.Add(signal.Batch{Spans: []signal.Span{{TraceID: signal.TraceID{1}, SpanID: signal.SpanID{1}, Service: "gateway", Kind: signal.SpanServer, Start: at, Duration: time.Millisecond}}})
	view := signal.View{Live: true, Map: true, Window: signal.Window{From: at.Add(-time.Minute), To: at.Add(time.Minute)}}
	var m *signal.ServiceMap
	require.Eventually(t, func() bool {
		f := &signal.Frame{Window: view.Window}
		maps.fill(f, view)
		m = f.Map
		return m != nil && len(m.Calls) == 2
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, "jaeger", m.Calls[1].By)
	require.Equal(t, uint64(60), m.Calls[1].Told)
	require.Zero(t, m.Calls[1].Count)
	require.NotContains(t, m.Calls[1].To, "\x1b", "names are from outside")
	require.Equal(t, signal.MapUnseen, m.Services[2].Kind)
	require.EqualValues(t, 1, jaeger.asked.Load(), "once a minute")
	require.EqualValues(t, 1, silent.asked.Load())
	stop()
	maps.close()
}

// slowGraph answers when it is let.
type slowGraph struct {
	let   chan struct{}
	asked atomic.Int32
}

func (g *slowGraph) Dependencies(ctx context.Context, _ signal.Window) ([]driver.Edge, error) {
	g.asked.Add(1)
	select {
	case <-g.let:
	case <-ctx.Done():
	}
	return nil, ctx.Err()
}

// Who walks through the past asks for a window with every step: the sources are asked one question at a time, and not about
// windows that were left behind.
func TestWhoWalksThroughThePastAsksSourcesLittle(t *testing.T) {
	st, err := store.New(store.Config{})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	g := &slowGraph{let: make(chan struct{})}
	maps := newServiceMaps(ctx, st, []graph{{"jaeger", g}})
	maps.slot <- struct{}{} // nor is anything counted yet
	step := func(i int) {
		w := signal.Window{From: time.Unix(int64(i), 0), To: time.Unix(int64(i)+60, 0)}
		maps.mu.Lock()
		defer maps.mu.Unlock()
		k := maps.entry(mapKey{from: w.From.UnixNano(), to: w.To.UnixNano()})
		maps.start(k, w)
		maps.ask(k, w, false)
	}
	step(0)
	require.Eventually(t, func() bool { return g.asked.Load() == 1 }, time.Minute, time.Millisecond)
	for i := range 10 * maxMaps {
		step(i + 1)
	}
	require.EqualValues(t, 1, g.asked.Load())
	close(g.let)
	<-maps.slot
	maps.work.Wait()
	require.EqualValues(t, 1+maxMaps, g.asked.Load())
	counted := 0
	for _, k := range maps.kept {
		require.NotNil(t, k.m)
		counted++
	}
	require.Equal(t, maxMaps, counted)
	stop()
	maps.close()
}
