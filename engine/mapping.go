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
	mapRest  = 15                     // for each moment of counting a map, so many of rest for it
	mapShare = 3                      // and so many for all of them: many viewers share a quarter of a processor
	mapWait  = 200 * time.Millisecond // a frame waits that long for a map that there is none of yet; it is made beside the screen
	mapHeld  = 10 * time.Second       // for so long after it was asked for a map is kept, whoever else wants one
	mapPass  = time.Second            // a window that was looked at for less has been passed by
	fewMaps  = 8                      // are kept in any case, of different windows
	maxMaps  = 64                     // are kept at most; the one that was asked for the longest ago makes room
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
// is ready. Several viewers that look at different windows each keep their map; the more there are the less often it is counted.
// Safe for concurrent use.
type serviceMaps struct {
	ctx    context.Context
	count  func(signal.Window) (*signal.ServiceMap, error)
	graphs []graph
	work   sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	counting bool // somebody counts those that wait
	calling  bool // somebody asks the sources
	asked    uint64
	kept     map[mapKey]*keptMap
}

// mapKey is a window to which a map belongs: a live one by its length.
type mapKey struct {
	live     bool
	length   time.Duration
	from, to int64
}

// keptMap is the latest map of one window.
type keptMap struct {
	m           *signal.ServiceMap
	next        time.Time
	window      signal.Window // as it was asked for last
	busy        chan struct{} // closed when the one that is wanted is there or is not wanted any more; nil when none is
	taken       bool          // it is being counted
	used        uint64
	first, last time.Time // when it was asked for

	told   []servicemap.Told
	asked  time.Time // when the sources were asked; zero: never
	asking bool      // they are to be asked
}

// passed reports whether nobody looks at the window any more: who walks through the past leaves many behind.
func (k *keptMap) passed(now time.Time) bool {
	idle := now.Sub(k.last)
	return idle > mapHeld || idle > mapPass && k.last.Sub(k.first) < mapPass
}

// drop ends the wait for a map that is not wanted any more.
func (k *keptMap) drop() {
	if k.busy != nil && !k.taken {
		close(k.busy)
		k.busy = nil
	}
}

func newServiceMaps(ctx context.Context, st *store.Store, graphs []graph) *serviceMaps {
	return &serviceMaps{ctx: ctx, graphs: graphs, kept: map[mapKey]*keptMap{}, count: func(w signal.Window) (*signal.ServiceMap, error) {
		return servicemap.Count(ctx, st.Reader(), w, time.Now())
	}}
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
	k := s.entry(key, f.Window)
	s.start(k)
	s.ask(k, v.Live)
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

// entry is what is kept under a key, asked for now. The caller holds the lock.
func (s *serviceMaps) entry(key mapKey, w signal.Window) *keptMap {
	s.asked++
	now := time.Now()
	k := s.kept[key]
	if k == nil {
		s.makeRoom(now)
		k = &keptMap{first: now}
		s.kept[key] = k
	}
	k.used, k.last, k.window = s.asked, now, w
	return k
}

// makeRoom drops the map that was asked for the longest ago, when there are more than a few and it is not looked at, or when there are too
// many. The caller holds the lock.
func (s *serviceMaps) makeRoom(now time.Time) {
	for len(s.kept) >= fewMaps {
		var oldest mapKey
		var least *keptMap
		for key, k := range s.kept {
			if least == nil || k.used < least.used {
				oldest, least = key, k
			}
		}
		if now.Sub(least.last) <= mapHeld && len(s.kept) < maxMaps {
			return
		}
		least.asking = false
		least.drop()
		delete(s.kept, oldest)
	}
}

// start has a map counted if it is time to. The caller holds the lock.
func (s *serviceMaps) start(k *keptMap) {
	if k.busy != nil || s.closed || time.Now().Before(k.next) {
		return
	}
	k.busy = make(chan struct{})
	if !s.counting {
		s.counting = true
		s.work.Go(s.countAll)
	}
}

// countAll counts the maps that are waited for, and ends when there is none.
func (s *serviceMaps) countAll() {
	for {
		s.mu.Lock()
		k := s.nextCount()
		if k == nil {
			s.counting = false
			s.mu.Unlock()
			return
		}
		w, again := k.window, k.m != nil
		k.taken = true
		s.mu.Unlock()
		m, err := s.count(w)
		s.mu.Lock()
		if err == nil { // else the session ends
			k.m, k.next = servicemap.Add(m, k.told), time.Now().Add(max(mapEvery, mapRest*m.Took))
			if time.Since(w.To) > mapOver {
				k.next = time.Now().Add(24 * time.Hour) // it stays as it is
			}
		}
		k.taken = false
		k.drop()
		s.mu.Unlock()
		if again && err == nil {
			select {
			case <-time.After(mapShare * m.Took):
			case <-s.ctx.Done():
			}
		}
	}
}

// nextCount is the map to count: first one of which there is none yet, the latest that was asked for, else the one that was counted the
// longest ago. The caller holds the lock.
func (s *serviceMaps) nextCount() (next *keptMap) {
	now := time.Now()
	for _, k := range s.kept {
		switch {
		case k.busy == nil:
		case s.ctx.Err() != nil || k.passed(now):
			k.drop()
		case next == nil, next.m != nil && (k.m == nil || k.next.Before(next.next)), k.m == nil && k.used > next.used:
			next = k
		}
	}
	return next
}

// ask asks the sources who calls whom if it is time to: of a live window again and again, of one of the past once. What one does
// not answer is missing from the map, which is made of spans; whether the source is well is shown elsewhere. The caller holds the lock.
func (s *serviceMaps) ask(k *keptMap, live bool) {
	if len(s.graphs) == 0 || k.asking || s.closed || !k.asked.IsZero() && (!live || time.Since(k.asked) < askEvery) {
		return
	}
	k.asking = true
	if !s.calling {
		s.calling = true
		s.work.Go(s.askAll)
	}
}

// askAll asks the sources about the windows that are looked at, the latest first, one question at a time.
func (s *serviceMaps) askAll() {
	for {
		s.mu.Lock()
		var k *keptMap
		for _, o := range s.kept {
			if o.asking && o.passed(time.Now()) {
				o.asking = false
			}
			if o.asking && (k == nil || o.used > k.used) {
				k = o
			}
		}
		if k == nil || s.ctx.Err() != nil {
			s.calling = false
			s.mu.Unlock()
			return
		}
		w := k.window
		k.asked = time.Now()
		s.mu.Unlock()
		told := s.calls(w)
		s.mu.Lock()
		k.asking = false
		if k.told = told; k.m != nil {
			k.m = servicemap.Add(k.m, told)
		}
		s.mu.Unlock()
	}
}

// calls is who calls whom, as the sources tell it.
func (s *serviceMaps) calls(w signal.Window) (told []servicemap.Told) {
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
	return told
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
