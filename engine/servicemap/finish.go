package servicemap

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"gameday/engine/calls"
	"gameday/sources/signal"
)

// finish gives the calls to what left no span their places, and makes the map of all.
func (c *counting) finish(out *signal.ServiceMap) {
	c.name()
	called := map[string]bool{}
	for k := range c.edges {
		called[k.to] = called[k.to] || k.from != signal.Outside && k.from != k.to
	}
	for _, service := range slices.Sorted(maps.Keys(c.waiting)) { // in order, for there may not be room for all
		if !called[service] { // else others are seen to call it: this caller is on its way as well
			get(c.edges, edgeKey{signal.Outside, service}).merge(c.waiting[service])
		}
	}
	out.Spans, out.Requests = c.spans, c.requests
	seconds := min(c.window.To.Sub(c.first), c.window.Length()).Seconds()
	var all time.Duration
	for _, t := range c.edges {
		all += t.own
	}
	for k, t := range c.edges {
		m := signal.MapCall{From: k.from, To: k.to, MapFigures: t.figures(seconds), Origins: t.origins, Own: t.own, Examples: slices.Concat(t.examples[1], t.examples[0])}
		if all > 0 {
			m.Share = float64(t.own) / float64(all)
		}
		out.Calls = append(out.Calls, m)
	}
	c.services(out, seconds)
	sorted(out)
	c.bound(out)
	judge(out)
}

// name resolves calls to what left no span: to a service that answers there otherwise, or to what the call says of it.
func (c *counting) name() {
	for _, h := range slices.SortedFunc(maps.Keys(c.silent), compareHints) {
		t := c.silent[h]
		to, kind := c.peers.Known(h), signal.MapPeer
		if to == "" {
			to = peerName(h)
		}
		if to == "" {
			to = c.peers.Named(h) // a guess, which is not made where the call says more
		}
		switch {
		case to == "":
			to = "unnamed peer"
		case h.Database != "":
			kind = signal.MapDatabase
		case h.Queue != "" || t.queue:
			kind = signal.MapQueue
		}
		if _, told := c.kinds[to]; !told {
			c.kinds[to] = kind
		}
		get(c.edges, edgeKey{h.Service, to}).merge(t)
		if c.kinds[to] != signal.MapTold {
			get(c.visits, to).merge(t)
		}
	}
}

// peerName is what a database, a queue or an address is called: what kind of thing it is, and where.
func peerName(h calls.Hint) string {
	what := cmp.Or(h.Database, h.Queue)
	switch {
	case what != "" && h.Address != "":
		return what + " " + h.Address
	case what != "":
		return what
	}
	return h.Address
}

func compareHints(a, b calls.Hint) int {
	return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Address, b.Address), strings.Compare(a.PeerService, b.PeerService),
		strings.Compare(a.Database, b.Database), strings.Compare(a.Queue, b.Queue), strings.Compare(a.Op, b.Op))
}

// services lists all that a call or a visit names.
func (c *counting) services(out *signal.ServiceMap, seconds float64) {
	names := map[string]bool{}
	for i := range out.Calls {
		names[out.Calls[i].From], names[out.Calls[i].To] = true, true
	}
	for name := range c.visits {
		names[name] = true
	}
	for name := range names {
		s := signal.MapService{Name: name, Kind: c.kinds[name]}
		if name == signal.Outside {
			s.Kind = signal.MapOutside
		}
		if t := c.visits[name]; t != nil {
			s.Served = t.figures(seconds)
		}
		out.Services = append(out.Services, s)
	}
}

// sorted puts calls and services in the order of their names, in which all maps have them.
func sorted(m *signal.ServiceMap) {
	slices.SortFunc(m.Calls, func(a, b signal.MapCall) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To))
	})
	slices.SortFunc(m.Services, func(a, b signal.MapService) int { return strings.Compare(a.Name, b.Name) })
}

// bound keeps the services that are visited most, and the calls between them.
func (c *counting) bound(out *signal.ServiceMap) {
	if len(out.Services) <= maxServices {
		return
	}
	use := func(s signal.MapService) int {
		if s.Kind == signal.MapOutside { // nobody visits it, and it stays
			return math.MaxInt
		}
		return s.Served.Count
	}
	byUse := slices.Clone(out.Services)
	slices.SortStableFunc(byUse, func(a, b signal.MapService) int { return cmp.Compare(use(b), use(a)) }) // and by name
	gone := map[string]bool{}
	for _, s := range byUse[maxServices:] {
		gone[s.Name] = true
	}
	out.More = len(gone)
	out.Services = slices.DeleteFunc(out.Services, func(s signal.MapService) bool { return gone[s.Name] })
	out.Calls = slices.DeleteFunc(out.Calls, func(m signal.MapCall) bool { return gone[m.From] || gone[m.To] })
}

// judge says which call is the worst: where most failures begin, and without failures where most of the time goes, if that is
// much of it. A call whose callee hands its failures on is not it, and neither is one that waits for others.
func judge(out *signal.ServiceMap) {
	worst := func(better func(a, b *signal.MapCall) bool, ok func(*signal.MapCall) bool) int {
		at := -1
		for i := range out.Calls {
			if m := &out.Calls[i]; ok(m) && (at < 0 || better(m, &out.Calls[at])) {
				at = i
			}
		}
		return at
	}
	fails := func(m *signal.MapCall) bool { return float64(m.Origins) >= mostFails*float64(m.Count) && m.Origins > 0 }
	if out.Worst = worst(func(a, b *signal.MapCall) bool { return a.Origins > b.Origins }, fails); out.Worst >= 0 {
		out.Why = "most failures begin here"
		return
	}
	slow := func(m *signal.MapCall) bool { return m.Share >= mostTime }
	if out.Worst = worst(func(a, b *signal.MapCall) bool { return a.Own > b.Own }, slow); out.Worst >= 0 {
		out.Why = fmt.Sprintf("%.0f %% of all time is spent here", 100*out.Calls[out.Worst].Share)
	}
}
