package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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

// looks asks for the map of a window as a cockpit does.
func looks(maps *serviceMaps, v signal.View) *signal.ServiceMap {
	f := &signal.Frame{Window: v.Window}
	maps.fill(f, v)
	return f.Map
}

// slowMaps are maps that take long to count, and how many of them were.
func slowMaps(ctx context.Context, took time.Duration, graphs []graph) (maps *serviceMaps, counted *atomic.Int32) {
	counted = &atomic.Int32{}
	maps = newServiceMaps(ctx, nil, graphs)
	maps.count = func(w signal.Window) (*signal.ServiceMap, error) {
		time.Sleep(took)
		counted.Add(1)
		return &signal.ServiceMap{Window: w, Worst: -1, Took: took}, ctx.Err()
	}
	return maps, counted
}

// Who walks through the past asks for a window with every step: little is counted and sources are asked little about windows that were
// left behind, and where he stops he has a map soon.
func TestWhoWalksThroughThePastCostsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		g := &slowGraph{let: make(chan struct{})}
		maps, counted := slowMaps(ctx, 400*time.Millisecond, []graph{{"jaeger", g}})
		view := signal.View{Map: true, Window: signal.Window{From: time.Unix(0, 0), To: time.Unix(60, 0)}}
		for range 200 {
			view.Window.From, view.Window.To = view.Window.From.Add(time.Second), view.Window.To.Add(time.Second)
			looks(maps, view)
			time.Sleep(50 * time.Millisecond)
			require.LessOrEqual(t, len(maps.kept), maxMaps)
		}
		steps := counted.Load()
		stopped := time.Now()
		for looks(maps, view) == nil {
			time.Sleep(100 * time.Millisecond)
		}
		require.Less(t, time.Since(stopped), 2*time.Second)
		close(g.let)
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			require.NotNil(t, looks(maps, view))
		}
		require.LessOrEqual(t, counted.Load()-steps, int32(4), "what was left behind is not counted afterwards")
		require.LessOrEqual(t, g.asked.Load(), int32(12), "nor asked about")
		stop()
		maps.close()
	})
}

// TestManyViewersEachHaveTheirMap: with more windows than are kept in any case none pushes another out, all are counted in turn, and
// together they take no more of the machine than a few do.
func TestManyViewersEachHaveTheirMap(t *testing.T) {
	for _, live := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			const viewers, took, looking = 40, 100 * time.Millisecond, 5 * time.Minute
			ctx, stop := context.WithCancel(t.Context())
			maps, counted := slowMaps(ctx, took, nil)
			var all sync.WaitGroup
			without, oldest := make([]int, viewers), make([]time.Duration, viewers)
			for i := range viewers {
				all.Go(func() {
					begun := time.Now()
					for time.Since(begun) < looking {
						v := signal.View{Live: live, Map: true, Window: signal.Window{From: time.Now().Add(-time.Duration(i+1) * time.Minute), To: time.Now()}}
						if !live {
							v.Window = signal.Window{From: begun.Add(-time.Hour), To: begun.Add(-time.Duration(i+1) * time.Minute)}
						}
						if m := looks(maps, v); time.Since(begun) > 20*time.Second {
							if m == nil {
								without[i]++
							} else {
								oldest[i] = max(oldest[i], v.Window.To.Sub(m.Window.To))
							}
						}
						time.Sleep(500 * time.Millisecond)
					}
				})
			}
			all.Wait()
			busy := time.Duration(counted.Load()) * took
			t.Logf("live=%t: %d viewers, %d counts, busy %.0f%% of the time, the oldest map shown is %s behind", live, viewers, counted.Load(), 100*busy.Seconds()/looking.Seconds(), slices.Max(oldest))
			require.Zero(t, slices.Max(without), "each has its map all the time")
			if live {
				require.Less(t, busy, looking/3)
				require.Less(t, slices.Max(oldest), viewers*(mapShare+2)*took)
			} else {
				require.EqualValues(t, viewers, counted.Load(), "what is over is counted once")
			}
			time.Sleep(2 * mapHeld)
			looks(maps, signal.View{Map: true})
			require.LessOrEqual(t, len(maps.kept), fewMaps, "when they have gone, their maps go")
			stop()
			maps.close()
		})
	}
}
