package engine

import (
	"context"
	"sync"
	"time"

	"gameday/engine/servicemap"
	"gameday/sources"
	"gameday/sources/driver"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// How often a service map is counted anew.
const (
	mapEvery = 2 * time.Second
	mapRest  = 15                     // for each moment of counting, so many of rest
	mapWait  = 200 * time.Millisecond // a frame waits that long for a map that there is none of yet; it is made beside the screen
	maxMaps  = 8                      // kept, of different windows
	mapOver  = time.Minute            // when a window lies so far back that no more spans of it are waited for
	askEvery = time.Minute            // how often sources are asked who calls whom
	askFor   = 5 * time.Second
	maxTold  = 4_000
)

// graph is a source that knows who calls whom.
type graph struct {
	name string
	driver.Grapher
}

// graphs are those among the sources.
func graphs(list []sources.Source) (out []graph) {
	for _, s := range list {
		if g, ok := s.Driver.(driver.Grapher); ok {
			out = append(out, graph{s.Name, g})
		}
	}
	return out
}

// serviceMaps counts the maps that frames ask for, one at a time and beside them. What was counted last is shown until the next
// is ready. Safe for concurrent use.
type serviceMaps struct {
	ctx    context.Context
	st     *store.Store
	graphs []graph
	slot   chan struct{} // of whoever counts
	line   chan struct{} // of whoever asks the sources
	work   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	asked  uint64
	kept   map[mapKey]*keptMap
}

// mapKey is a window to which a map belongs: a live one by its length.
type mapKey struct {
	live     bool
	length   time.Duration
	from, to int64
}

// keptMap is the latest map of one window.
type keptMap struct {
	m    *signal.ServiceMap
	next time.Time
	busy chan struct{} // closed when the one that is being counted is there; nil when none is
	used uint64

	told   []servicemap.Told
	asked  time.Time // when the sources were asked; zero: never
	asking bool
	gone   bool // it has made room for another; what waits for its turn need not be done
}

func newServiceMaps(ctx context.Context, st *store.Store, graphs []graph) *serviceMaps {
	return &serviceMaps{ctx: ctx, st: st, graphs: graphs, slot: make(chan struct{}, 1), line: make(chan struct{}, 1), kept: map[mapKey]*keptMap{}}
}

// fill puts the map into a frame whose events are set, if the view asks for it.
func (s *serviceMaps) fill(f *signal.Frame, v signal.View) {
	if !v.Map {
		return
	}
	key := mapKey{live: true, length: v.Window.Length()}
	if !v.Live {
		key = mapKey{from: v.Window.From.UnixNano(), to: v.Window.To.UnixNano()}
	}
	s.mu.Lock()
	k := s.entry(key)
	s.start(k, f.Window)
	s.ask(k, f.Window, v.Live)
	m, busy := k.m, k.busy
	s.mu.Unlock()
	if m == nil && busy != nil {
		select {
		case <-busy:
		case <-time.After(mapWait):
		case <-s.ctx.Done():
		}
		s.mu.Lock()
		m = k.m
		s.mu.Unlock()
	}
	f.Map = withFaults(m, f)
}

// withFaults is a map with the faults of the frame on it.
func withFaults(m *signal.ServiceMap, f *signal.Frame) *signal.ServiceMap {
	if m == nil {
		return nil
	}
	out := *m
	out.Faults = servicemap.Faults(m, f.Events, f.Window.To)
	return &out
}

// entry is what is kept under a key; the one that was asked for the longest ago makes room. The caller holds the lock.
func (s *serviceMaps) entry(key mapKey) *keptMap {
	s.asked++
	k := s.kept[key]
	if k == nil {
		if len(s.kept) >= maxMaps {
			var oldest mapKey
			least := s.asked
			for o, x := range s.kept {
				if x.used < least {
					oldest, least = o, x.used
				}
			}
			s.kept[oldest].gone = true
			delete(s.kept, oldest)
		}
		k = &keptMap{}
		s.kept[key] = k
	}
	k.used = s.asked
	return k
}

// start counts a map if it is time to. The caller holds the lock.
func (s *serviceMaps) start(k *keptMap, w signal.Window) {
	if k.busy != nil || s.closed || time.Now().Before(k.next) {
		return
	}
	busy := make(chan struct{})
	k.busy = busy
	s.work.Go(func() {
		defer close(busy)
		var m *signal.ServiceMap
		select {
		case s.slot <- struct{}{}:
			if s.wanted(k) {
				var err error
				if m, err = servicemap.Count(s.ctx, s.st.Reader(), w, time.Now()); err != nil {
					m = nil // the session ends
				}
			}
			<-s.slot
		case <-s.ctx.Done():
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		k.busy = nil
		if m == nil {
			return
		}
		k.m, k.next = servicemap.Add(m, k.told), time.Now().Add(max(mapEvery, mapRest*m.Took))
		if time.Since(w.To) > mapOver {
			k.next = time.Now().Add(24 * time.Hour) // it stays as it is
		}
	})
}

// wanted reports whether a map is still kept: who walks through the past leaves many windows behind before their turn comes.
func (s *serviceMaps) wanted(k *keptMap) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !k.gone
}

// ask asks the sources who calls whom if it is time to: of a live window again and again, of one of the past once. What one does
// not answer is missing from the map, which is made of spans; whether the source is well is shown elsewhere. The caller holds the lock.
func (s *serviceMaps) ask(k *keptMap, w signal.Window, live bool) {
	if len(s.graphs) == 0 || k.asking || s.closed || !k.asked.IsZero() && (!live || time.Since(k.asked) < askEvery) {
		return
	}
	k.asking, k.asked = true, time.Now()
	s.work.Go(func() {
		select {
		case s.line <- struct{}{}:
			defer func() { <-s.line }()
		case <-s.ctx.Done():
			return
		}
		if !s.wanted(k) {
			return
		}
		var told []servicemap.Told
		for _, g := range s.graphs {
			ctx, cancel := context.WithTimeout(s.ctx, askFor)
			edges, err := g.Dependencies(ctx, w)
			cancel()
			if err != nil {
				continue
			}
			for _, e := range edges[:min(len(edges), maxTold-len(told))] {
				told = append(told, servicemap.Told{By: g.name, From: sanitize.Line(e.From, sanitize.MaxName), To: sanitize.Line(e.To, sanitize.MaxName), Calls: e.Calls})
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		k.asking = false
		if k.told = told; k.m != nil {
			k.m = servicemap.Add(k.m, told)
		}
	})
}

// close waits for what is being counted; the context must have ended.
func (s *serviceMaps) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.work.Wait()
}

// mapOf is the map of a window of a recording, in whole seconds: the same for the same window, however it was reached. end is
// the end of the recording. It is nil when the replay ends.
func (p *part) mapOf(ctx context.Context, w signal.Window, end time.Time) *signal.ServiceMap {
	to := w.To.Truncate(time.Second)
	w = signal.Window{From: to.Add(-w.Length()), To: to}
	if p.counted == nil || p.counted.Window != w {
		m, err := servicemap.Count(ctx, p.store.Reader(), w, end)
		if err != nil {
			return nil
		}
		p.counted = m
	}
	return p.counted
}
