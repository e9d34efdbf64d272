// Package servicemap counts who calls whom: rate, failures and durations of each call between two services, and of the calls
// into the system and to what sends no spans of its own. docs/traces.md defines every figure.
package servicemap

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"gameday/engine/calls"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// The bounds of one map.
const (
	MaxSpans    = 400_000 // that are counted, the newest
	maxServices = 500
	maxCalls    = 4_000
	before      = time.Minute      // how long before the window a caller may have begun
	settling    = 10 * time.Second // how long a caller may come after what it called, while it is not known whether there is one
	examples    = 6                // of one call, of the failed and of the slowest each
	mostTime    = 0.25             // the share of all time from which a call is called the worst for it
	mostFails   = 0.01             // the share of a call's failures that began at it, as well
)

// Count makes the map of a window. Requests whose way in has not come yet are left out until it is known that none will come:
// now is the end of what is known. The error is ctx's when it ends before all is counted.
func Count(ctx context.Context, r *store.Reader, w signal.Window, now time.Time) (*signal.ServiceMap, error) {
	begun := time.Now()
	c := &counting{window: w, now: now, peers: calls.NewPeers(), edges: map[edgeKey]*tally{}, silent: map[calls.Hint]*tally{}, visits: map[string]*tally{},
		waiting: map[string]*tally{}, kinds: map[string]signal.MapKind{}}
	q := store.Sketch{Window: w, Lead: before, Most: MaxSpans, Attrs: calls.Attributes[:],
		Of: func(k signal.SpanKind) bool { return k == signal.SpanClient || k == signal.SpanProducer }}
	out := &signal.ServiceMap{Window: w, Worst: -1}
	n := 0
	out.Left = r.Sketch(q, func(spans []signal.Span) bool {
		c.take(spans)
		n++
		return n%256 != 0 || ctx.Err() == nil
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.finish(out)
	out.Took = time.Since(begun)
	return out, nil
}

type edgeKey struct{ from, to string }

// tally is the calls of one kind as they are counted.
type tally struct {
	took     []time.Duration
	failed   int
	origins  int
	own      time.Duration
	queue    bool
	examples [2][]signal.MapExample // the slowest of those that did not fail, and of those that did
}

// add counts a call; a nil tally, for which there was no room, counts nothing.
func (t *tally) add(s *signal.Span, took time.Duration, failed, origin bool, own time.Duration) {
	if t == nil {
		return
	}
	t.took = append(t.took, took)
	t.own += own
	which := 0
	if failed {
		t.failed++
		which = 1
	}
	if origin {
		t.origins++
	}
	list := t.examples[which]
	if len(list) == examples && took <= list[examples-1].Duration {
		return
	}
	x := signal.MapExample{Trace: s.TraceID, Span: s.SpanID, At: s.Start, Duration: took, Failed: failed, Name: s.Name}
	at, _ := slices.BinarySearchFunc(list, x, compareExamples)
	list = slices.Insert(list, at, x)
	t.examples[which] = list[:min(len(list), examples)]
}

func compareExamples(a, b signal.MapExample) int {
	return cmp.Or(cmp.Compare(b.Duration, a.Duration), b.At.Compare(a.At), strings.Compare(string(a.Trace[:]), string(b.Trace[:])), strings.Compare(string(a.Span[:]), string(b.Span[:])))
}

// merge takes another tally in; a nil one takes nothing.
func (t *tally) merge(o *tally) {
	if t == nil {
		return
	}
	t.took = append(t.took, o.took...)
	t.failed, t.origins, t.own = t.failed+o.failed, t.origins+o.origins, t.own+o.own
	for i := range t.examples {
		all := slices.Concat(t.examples[i], o.examples[i])
		slices.SortFunc(all, compareExamples)
		t.examples[i] = all[:min(len(all), examples)]
	}
}

// figures sorts the durations.
func (t *tally) figures(seconds float64) (f signal.MapFigures) {
	f.Count, f.Failed = len(t.took), t.failed
	if f.Count == 0 {
		return f
	}
	slices.Sort(t.took)
	rank := func(p int) time.Duration { return t.took[(f.Count*p+99)/100-1] }
	f.P50, f.P95, f.P99, f.Max = rank(50), rank(95), rank(99), t.took[f.Count-1]
	sum := 0.0
	for _, d := range t.took {
		sum += float64(d)
	}
	f.Mean = time.Duration(sum / float64(f.Count))
	f.Rate = float64(f.Count) / max(seconds, 1)
	return f
}

// counting is a map while it is counted.
type counting struct {
	window signal.Window
	now    time.Time
	peers  calls.Peers
	req    calls.Request

	edges    map[edgeKey]*tally
	silent   map[calls.Hint]*tally // calls to what left no span there, by what they say of it
	visits   map[string]*tally     // by the service visited
	waiting  map[string]*tally     // visits whose caller may come yet, by the service
	kinds    map[string]signal.MapKind
	first    time.Time
	spans    int
	requests int
}

// get is the tally of a key; nil when there are too many.
func get[K comparable](m map[K]*tally, key K) *tally {
	t := m[key]
	if t == nil {
		if len(m) >= maxCalls {
			return nil
		}
		t = &tally{}
		m[key] = t
	}
	return t
}

// take counts one request.
func (c *counting) take(spans []signal.Span) {
	for i := range spans {
		if spans[i].Service == "" { // which is the name of the outside
			spans[i].Service = "unnamed service"
		}
	}
	c.req.Reset(spans)
	c.peers.Learn(&c.req)
	origins := c.req.Origins()
	entry, settled := c.entry()
	counted := false
	for i := range spans {
		s := &spans[i]
		c.kinds[s.Service] = signal.MapTold
		if !c.window.Contains(s.Start) {
			continue
		}
		counted = true
		c.spans++
		if c.first.IsZero() || s.Start.Before(c.first) {
			c.first = s.Start
		}
		c.visit(i, entry == i, settled, origins)
		if calls.Outgoing(s) {
			c.call(i, origins)
		}
	}
	if counted {
		c.requests++
	}
}

// entry is the span by which a request came in: the root, else the earliest span when it is a server's, for then its caller
// sends no spans. Without a root it may still come: settled says that it would be here by now. -1 is none.
func (c *counting) entry() (at int, settled bool) {
	var end time.Time
	for i := range c.req.Spans {
		s := &c.req.Spans[i]
		if s.ParentID.IsZero() {
			return i, true
		}
		if e := s.End(); e.After(end) {
			end = e
		}
	}
	if len(c.req.Spans) == 0 || !serves(&c.req.Spans[0]) {
		return -1, true
	}
	return 0, c.now.Sub(end) >= settling
}

func serves(s *signal.Span) bool {
	return s.Kind == signal.SpanServer || s.Kind == signal.SpanConsumer || s.Kind == signal.SpanUnspecified
}

// visit counts a span as a visit to its service, if it is one: the request came from elsewhere.
func (c *counting) visit(i int, isEntry, settled bool, origins []bool) {
	s := &c.req.Spans[i]
	p := c.req.Parent[i]
	count := func(t *tally) { t.add(s, s.Duration, s.Failed, origins[i], c.req.Self[i]) }
	switch {
	case isEntry && serves(s):
		count(get(c.visits, s.Service))
		if settled {
			count(get(c.edges, edgeKey{signal.Outside, s.Service}))
		} else {
			count(get(c.waiting, s.Service))
		}
	case p < 0:
	case calls.Outgoing(&c.req.Spans[p]) && (c.req.Spans[p].Service != s.Service || serves(s)):
		count(get(c.visits, s.Service)) // the call itself is counted where it was made
	case c.req.Spans[p].Service != s.Service: // its caller left no span of the call
		count(get(c.visits, s.Service))
		count(get(c.edges, edgeKey{c.req.Spans[p].Service, s.Service}))
	}
}

// call counts a call by the span of whoever made it: how long that waited, and whether either side failed.
func (c *counting) call(i int, origins []bool) {
	s := &c.req.Spans[i]
	reached := 0
	for n, k := range c.req.Children[i] {
		child := &c.req.Spans[k]
		if child.Service == s.Service && !serves(child) {
			continue
		}
		twice := slices.ContainsFunc(c.req.Children[i][:n], func(o int) bool { return c.req.Spans[o].Service == child.Service })
		if reached++; twice {
			continue
		}
		if t := get(c.edges, edgeKey{s.Service, child.Service}); t != nil {
			own := c.req.Self[k]
			if reached == 1 {
				own += c.req.Self[i]
			}
			t.add(s, s.Duration, s.Failed || child.Failed, origins[i] || origins[k], own)
			t.queue = t.queue || s.Kind == signal.SpanProducer
		}
	}
	if reached > 0 {
		return
	}
	if t := get(c.silent, calls.HintOf(s)); t != nil {
		t.add(s, s.Duration, s.Failed, origins[i], c.req.Self[i])
		t.queue = t.queue || s.Kind == signal.SpanProducer
	}
}
