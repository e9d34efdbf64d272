package why

import (
	"cmp"
	"slices"
	"time"

	"gameday/sources/signal"
)

// place is an operation of a service, or a call that it makes.
type place struct {
	service, op string
	peer        string // of a call: whom; "" when the place is not a call
}

// looked is one request taken apart.
type looked struct {
	request
	Spans    []signal.Span
	Logs     []signal.Record
	parent   []int
	children [][]int
	self     []time.Duration // what each span took by itself
}

// look takes a request apart. Everything is linear in its spans but for the sorting of children.
func look(r request, t signal.Trace) *looked {
	l := &looked{request: r, Spans: t.Spans, Logs: t.Logs, parent: make([]int, len(t.Spans)), children: make([][]int, len(t.Spans)), self: make([]time.Duration, len(t.Spans))}
	byID := make(map[signal.SpanID]int, len(t.Spans))
	for i := range t.Spans {
		byID[t.Spans[i].SpanID] = i
	}
	for i := range t.Spans { // a parent stands before its children, but for spans that go round in circles
		p, ok := byID[t.Spans[i].ParentID]
		if !ok || p >= i {
			p = -1
		} else {
			l.children[p] = append(l.children[p], i)
		}
		l.parent[i] = p
	}
	for i := range t.Spans {
		l.self[i] = l.alone(i)
	}
	return l
}

// alone is what a span took without its children. What children did at the same time counts once, and what they did after
// the span had ended not at all. The clock of another service may differ: if its span would fit into the caller's, it is
// taken to have lain in it.
func (l *looked) alone(i int) time.Duration {
	s := &l.Spans[i]
	type stretch struct{ from, to time.Duration }
	var busy []stretch
	for _, c := range l.children[i] {
		k := &l.Spans[c]
		from, took := k.Start.Sub(s.Start), k.Duration
		if k.Service != s.Service && took <= s.Duration {
			from = min(max(from, 0), s.Duration-took)
		}
		if from, to := max(from, 0), min(from+took, s.Duration); from < to {
			busy = append(busy, stretch{from, to})
		}
	}
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

// origins marks the failed spans below which nothing failed: there the failure began.
func (l *looked) origins() []bool {
	out := make([]bool, len(l.Spans))
	below := make([]bool, len(l.Spans))
	for i := len(l.Spans) - 1; i >= 0; i-- { // children first
		failed := l.Spans[i].Failed
		out[i] = failed && !below[i]
		if p := l.parent[i]; p >= 0 && (failed || below[i]) {
			below[p] = true
		}
	}
	return out
}

// above marks the spans that stand above one of the marked ones: whatever they show, they suffer.
func (l *looked) above(marked []bool) []bool {
	out := make([]bool, len(l.Spans))
	for i := len(l.Spans) - 1; i >= 0; i-- {
		if p := l.parent[i]; p >= 0 && (marked[i] || out[i]) {
			out[p] = true
		}
	}
	return out
}

// peers knows which service answers at an address, or to a call of some name, from the requests in which it left a span.
type peers struct {
	byAddress map[[2]string]string
	byName    map[[2]string]string
}

const unclear = "\x00" // several services answer to it

func newPeers() peers { return peers{map[[2]string]string{}, map[[2]string]string{}} }

// learn takes in whom the calls of a request reached.
func (p peers) learn(l *looked) {
	for i := range l.Spans {
		s := &l.Spans[i]
		for _, c := range l.children[i] {
			to := l.Spans[c].Service
			if to == s.Service || !outgoing(s) {
				continue
			}
			if a := address(s); a != "" {
				put(p.byAddress, [2]string{s.Service, a}, to)
			}
			put(p.byName, [2]string{s.Service, s.Name}, to)
		}
	}
}

func put(m map[[2]string]string, key [2]string, to string) {
	if old, ok := m[key]; ok && old != to {
		to = unclear
	}
	m[key] = to
}

func outgoing(s *signal.Span) bool {
	return s.Kind == signal.SpanClient || s.Kind == signal.SpanProducer
}

// address is where a call goes, as OpenTelemetry's conventions write it: the present ones, and those before.
func address(s *signal.Span) string {
	host := cmp.Or(s.Attrs.Get("server.address"), s.Attrs.Get("net.peer.name"))
	if host == "" {
		return ""
	}
	if port := cmp.Or(s.Attrs.Get("server.port"), s.Attrs.Get("net.peer.port")); port != "" {
		host += ":" + port
	}
	return host
}

// of is where a span stands. A call is named by whom it reaches: the service below it, else what calls to that address or
// of that name reach otherwise, else what the span itself says.
func (p peers) of(l *looked, i int) place {
	s := &l.Spans[i]
	if !outgoing(s) {
		return place{service: s.Service, op: s.Name}
	}
	for _, c := range l.children[i] {
		if to := l.Spans[c].Service; to != s.Service {
			return place{service: s.Service, op: s.Name, peer: to}
		}
	}
	known := func(m map[[2]string]string, key string) string {
		if to := m[[2]string{s.Service, key}]; to != unclear && key != "" {
			return to
		}
		return ""
	}
	at := address(s)
	peer := cmp.Or(known(p.byAddress, at), s.Attrs.Get("peer.service"), known(p.byName, s.Name), s.Attrs.Get("db.system.name"), s.Attrs.Get("db.system"), at)
	return place{service: s.Service, op: s.Name, peer: peer}
}
