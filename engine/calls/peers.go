package calls

import (
	"cmp"

	"gameday/sources/signal"
)

// Peers knows which service answers at an address, or to a call of some name, from the requests in which it left a span.
type Peers struct {
	byAddress map[[2]string]string
	byName    map[[2]string]string
}

const (
	unclear  = "\x00"  // several services answer to it
	maxPeers = 100_000 // addresses and names of calls that are remembered
)

// NewPeers knows nobody yet.
func NewPeers() Peers { return Peers{map[[2]string]string{}, map[[2]string]string{}} }

// Learn takes in whom the calls of a request reached.
func (p Peers) Learn(r *Request) {
	for i := range r.Spans {
		s := &r.Spans[i]
		for _, c := range r.Children[i] {
			to := r.Spans[c].Service
			if to == s.Service || !Outgoing(s) {
				continue
			}
			if a := Address(s); a != "" {
				put(p.byAddress, [2]string{s.Service, a}, to)
			}
			put(p.byName, [2]string{s.Service, s.Name}, to)
		}
	}
}

func put(m map[[2]string]string, key [2]string, to string) {
	old, ok := m[key]
	switch {
	case ok && old != to:
		to = unclear
	case ok || len(m) >= maxPeers:
		return
	}
	m[key] = to
}

// Of is where a span stands. A call is named by whom it reaches: the service below it, else what Silent says.
func (p Peers) Of(r *Request, i int) Place {
	s := &r.Spans[i]
	if !Outgoing(s) {
		return Place{Service: s.Service, Op: s.Name}
	}
	for _, c := range r.Children[i] {
		if to := r.Spans[c].Service; to != s.Service {
			return Place{Service: s.Service, Op: s.Name, Peer: to}
		}
	}
	return Place{Service: s.Service, Op: s.Name, Peer: p.Silent(HintOf(s))}
}

// Hint is what a call says of whom it reaches when there is no span of that.
type Hint struct{ Service, Op, Address, PeerService, Database, Queue string }

// HintOf reads it off a call.
func HintOf(s *signal.Span) Hint {
	return Hint{Service: s.Service, Op: s.Name, Address: Address(s), PeerService: s.Attrs.Get("peer.service"), Database: Database(s), Queue: Queue(s)}
}

// Silent is whom a call reaches that left no span: the service that is known to answer there, else what calls of that name reach
// otherwise, else what the call itself says; "" when it says nothing.
func (p Peers) Silent(h Hint) string {
	return cmp.Or(p.Known(h), p.Named(h), h.Database, h.Queue, h.Address)
}

// Known is the service that answers at a call's address, as far as other calls or this one tell.
func (p Peers) Known(h Hint) string {
	return cmp.Or(p.get(p.byAddress, h.Service, h.Address), h.PeerService)
}

// Named is the service that calls of the name reach otherwise. It is a guess: many names are but GET.
func (p Peers) Named(h Hint) string { return p.get(p.byName, h.Service, h.Op) }

func (p Peers) get(m map[[2]string]string, service, key string) string {
	if to := m[[2]string{service, key}]; to != unclear && key != "" {
		return to
	}
	return ""
}
