// Package calls takes one request apart: which span called which, what each took by itself, where a failure began, and whom a
// call reached that left no span of its own. What changed (engine/why), the service map and the comparison of two traces
// stand on it, so that all three say the same of one request.
package calls

import (
	"cmp"
	"slices"
	"time"

	"gameday/sources/signal"
)

// Place is an operation of a service, or a call that it makes.
type Place struct {
	Service, Op string
	Peer        string // of a call: whom; "" when the place is not a call
}

// Request is one request taken apart. Indexes are those of Spans; all slices belong to the request.
type Request struct {
	Spans    []signal.Span
	Parent   []int // -1: none, or not here
	Children [][]int
	Self     []time.Duration // what each span took by itself

	byID map[signal.SpanID]int
	busy []stretch
}

type stretch struct{ from, to time.Duration }

// Take takes a request apart. Its spans stand as the store hands them out: a parent before its children, but for spans that go
// round in circles. Everything is linear in the spans but for the sorting of children.
func Take(spans []signal.Span) *Request {
	r := &Request{}
	r.Reset(spans)
	return r
}

// Reset takes another request apart in the memory of this one.
func (r *Request) Reset(spans []signal.Span) {
	n := len(spans)
	r.Spans = spans
	r.Parent = slices.Grow(r.Parent[:0], n)[:n]
	r.Self = slices.Grow(r.Self[:0], n)[:n]
	r.Children = slices.Grow(r.Children[:0], n)[:n]
	if r.byID == nil {
		r.byID = make(map[signal.SpanID]int, n)
	}
	clear(r.byID)
	for i := range spans {
		r.byID[spans[i].SpanID] = i
		r.Children[i] = r.Children[i][:0]
	}
	for i := range spans {
		p, ok := r.byID[spans[i].ParentID]
		if !ok || p >= i {
			p = -1
		} else {
			r.Children[p] = append(r.Children[p], i)
		}
		r.Parent[i] = p
	}
	for i := range spans {
		r.Self[i] = r.alone(i)
	}
}

// alone is what a span took without its children. What children did at the same time counts once, and what they did after
// the span had ended not at all. The clock of another service may differ: if its span would fit into the caller's, it is
// taken to have lain in it.
func (r *Request) alone(i int) time.Duration {
	s := &r.Spans[i]
	if len(r.Children[i]) == 0 {
		return max(s.Duration, 0)
	}
	busy := r.busy[:0]
	for _, c := range r.Children[i] {
		k := &r.Spans[c]
		from, took := k.Start.Sub(s.Start), k.Duration
		if k.Service != s.Service && took <= s.Duration {
			from = min(max(from, 0), s.Duration-took)
		}
		if from, to := max(from, 0), min(from+took, s.Duration); from < to {
			busy = append(busy, stretch{from, to})
		}
	}
	r.busy = busy
	slices.SortFunc(busy, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	own, end := s.Duration, time.Duration(0)
	for _, b := range busy {
		if b.to > end {
			own -= b.to - max(b.from, end)
			end = b.to
		}
	}
	return max(own, 0)
}

// Origins marks the failed spans below which nothing failed: there the failure began.
func (r *Request) Origins() []bool {
	out := make([]bool, len(r.Spans))
	below := make([]bool, len(r.Spans))
	for i := len(r.Spans) - 1; i >= 0; i-- { // children first
		failed := r.Spans[i].Failed
		out[i] = failed && !below[i]
		if p := r.Parent[i]; p >= 0 && (failed || below[i]) {
			below[p] = true
		}
	}
	return out
}

// Above marks the spans that stand above one of the marked ones: whatever they show, they suffer.
func (r *Request) Above(marked []bool) []bool {
	out := make([]bool, len(r.Spans))
	for i := len(r.Spans) - 1; i >= 0; i-- {
		if p := r.Parent[i]; p >= 0 && (marked[i] || out[i]) {
			out[p] = true
		}
	}
	return out
}

// Outgoing reports whether a span is a call that its service makes.
func Outgoing(s *signal.Span) bool {
	return s.Kind == signal.SpanClient || s.Kind == signal.SpanProducer
}

// Address is where a call goes, as OpenTelemetry's conventions write it: the present ones, and those before.
func Address(s *signal.Span) string {
	host := cmp.Or(s.Attrs.Get("server.address"), s.Attrs.Get("net.peer.name"))
	if host == "" {
		return ""
	}
	if port := cmp.Or(s.Attrs.Get("server.port"), s.Attrs.Get("net.peer.port")); port != "" {
		host += ":" + port
	}
	return host
}

// Database is the kind of database that a call goes to, by the same conventions; "" when it goes to none that says so.
func Database(s *signal.Span) string {
	return cmp.Or(s.Attrs.Get("db.system.name"), s.Attrs.Get("db.system"))
}

// Queue is the kind of message queue that a call goes to; "" when it goes to none that says so.
func Queue(s *signal.Span) string { return s.Attrs.Get("messaging.system") }

// Attributes are those that a call is resolved by: what has to be read of its spans, and no more.
var Attributes = [...]string{"server.address", "net.peer.name", "server.port", "net.peer.port", "peer.service", "db.system.name", "db.system", "messaging.system"}
