package why

import (
	"slices"
	"strings"
	"time"

	"gameday/engine/calls"
	"gameday/sources/signal"
)

// place is an operation of a service, or a call that it makes.
type place struct {
	service, op string
	peer        string // of a call: whom; "" when the place is not a call
}

// placeOn is where a span of a request stands.
func placeOn(p calls.Peers, l *looked, i int) place {
	at := p.Of(l.Request, i)
	return place{at.Service, at.Op, at.Peer}
}

// looked is one request taken apart.
type looked struct {
	request
	*calls.Request
	Logs []signal.Record
}

// candidate is something that a request has or has not.
type candidate struct {
	kind signal.WhyKind
	place
	what string // an attribute's key=value, a pattern
}

// trait is that one request has a candidate, and how much of it.
type trait struct {
	weight float64 // 1, or less where it stands above what went wrong
	size   float64 // of slow: seconds more than usual; of more: how often
}

// The weights of the kinds: what is nearest to a cause first. A failure or a time that nothing below accounts for is one; all
// others are what goes along with it.
var kindWeight = [...]float64{signal.WhyFails: 1, signal.WhySlow: 1, signal.WhyMissing: 0.6, signal.WhyMore: 0.5, signal.WhyLog: 0.5,
	signal.WhyAttr: 0.4, signal.WhyEntry: 0.3}

const (
	suffers  = 0.4 // weight of what stands above an origin
	maxValue = 80  // bytes of an attribute's value, longer ones are texts
)

// habits are what is usual at a place for one kind of request, in the baseline.
type habits struct {
	self   map[placeOf]time.Duration // the median of what it took by itself in one request
	most   map[placeOf]int           // how often it was done at most
	there  map[string][]string       // services that left spans in nearly every request of a kind
	caller map[string]string         // who calls a service, mostly
	known  map[string]int            // requests of a kind
}

type placeOf struct {
	entry string
	place
}

// habitsOf learns from the baseline; without one, from the good requests.
func habitsOf(all []*looked, p calls.Peers) habits {
	h := habits{map[placeOf]time.Duration{}, map[placeOf]int{}, map[string][]string{}, map[string]string{}, map[string]int{}}
	baseline := slices.ContainsFunc(all, func(l *looked) bool { return l.before })
	selves := map[placeOf][]time.Duration{}
	seen := map[[2]string]int{}    // entry, service
	callers := map[[2]string]int{} // service, caller
	for _, l := range all {
		if baseline != l.before || l.bad {
			continue
		}
		h.known[l.entry]++
		services := map[string]bool{}
		for at, did := range places(p, l) {
			selves[placeOf{l.entry, at}] = append(selves[placeOf{l.entry, at}], did.self)
			h.most[placeOf{l.entry, at}] = max(h.most[placeOf{l.entry, at}], did.times)
			services[at.service] = true
			if at.peer != "" {
				callers[[2]string{at.peer, at.service}]++
			}
		}
		for s := range services {
			seen[[2]string{l.entry, s}]++
		}
	}
	for at, d := range selves {
		slices.Sort(d)
		if missing := h.known[at.entry] - len(d); missing < len(d) { // requests that do not come by take none of it
			h.self[at] = d[(len(d)-missing)/2]
		}
	}
	for key, n := range seen {
		if all := h.known[key[0]]; all >= 2*minUsual && n*20 >= all*19 {
			h.there[key[0]] = append(h.there[key[0]], key[1])
		}
	}
	most := map[string]int{}
	for key, n := range callers {
		if n > most[key[0]] || n == most[key[0]] && key[1] < h.caller[key[0]] {
			most[key[0]], h.caller[key[0]] = n, key[1]
		}
	}
	return h
}

// did is what one request did at a place.
type did struct {
	self  time.Duration
	times int
	last  int // the span that took the most
}

// places sums a request up by place.
func places(p calls.Peers, l *looked) map[place]did {
	out := make(map[place]did, len(l.Spans))
	for i := range l.Spans {
		at := placeOn(p, l, i)
		d, ok := out[at]
		if !ok || l.Self[i] > l.Self[d.last] {
			d.last = i
		}
		d.self += l.Self[i]
		d.times++
		out[at] = d
	}
	return out
}

// traits are all candidates that a request has.
func (c *comparison) traits(l *looked) map[candidate]trait {
	out := map[candidate]trait{}
	add := func(k candidate, t trait) {
		if old, ok := out[k]; !ok || t.weight > old.weight {
			out[k] = t
		}
	}
	blame := l.Origins()
	for i, is := range blame {
		if is {
			at := placeOn(c.peers, l, i)
			add(candidate{kind: signal.WhyFails, place: at}, trait{weight: 1})
			if at.peer != "" {
				add(candidate{kind: signal.WhyFails, place: place{peer: at.peer}}, trait{weight: 1})
			}
		}
	}
	slack := max((c.usual.limit(l.entry)-c.usual.middle(l.entry))/2, time.Millisecond)
	for at, d := range places(c.peers, l) {
		key := placeOf{l.entry, at}
		if more := d.self - c.habits.self[key]; more >= slack && more >= l.excess/3 {
			add(candidate{kind: signal.WhySlow, place: at}, trait{1, more.Seconds()})
			blame[d.last] = true
			if at.peer != "" {
				add(candidate{kind: signal.WhySlow, place: place{peer: at.peer}}, trait{1, more.Seconds()})
			}
		}
		if c.habits.known[l.entry] >= minUsual && d.times > c.habits.most[key] {
			add(candidate{kind: signal.WhyMore, place: at}, trait{1, float64(d.times)})
		}
	}
	c.missing(l, add)
	above := l.Above(blame)
	weight := func(i int) float64 {
		if above[i] {
			return suffers
		}
		return 1
	}
	for i := range l.Spans {
		s := &l.Spans[i]
		for _, a := range s.Attrs {
			if comparable(a) {
				add(candidate{kind: signal.WhyAttr, place: place{service: s.Service}, what: a.Key + "=" + a.Value}, trait{weight: weight(i)})
			}
		}
	}
	at := make(map[signal.SpanID]int, len(l.Spans))
	for i := range l.Spans {
		at[l.Spans[i].SpanID] = i
	}
	for i := range l.Logs {
		r := &l.Logs[i]
		w := 1.0
		if n, ok := at[r.SpanID]; ok {
			w = weight(n)
		}
		if r.Severity < signal.SeverityWarn {
			w *= 0.6
		}
		for _, text := range c.lines.of(r) {
			add(candidate{kind: signal.WhyLog, place: place{service: r.Service}, what: r.Severity.String() + " " + text}, trait{weight: w})
		}
	}
	add(candidate{kind: signal.WhyEntry, place: place{service: l.Service, op: l.Name}}, trait{weight: 1})
	return out
}

// missing adds the services that usually leave a span in such a request and did not, though whoever calls them did.
func (c *comparison) missing(l *looked, add func(candidate, trait)) {
	here := map[string]bool{}
	for i := range l.Spans {
		here[l.Spans[i].Service] = true
	}
	for _, s := range c.habits.there[l.entry] {
		if by := c.habits.caller[s]; !here[s] && here[by] {
			add(candidate{kind: signal.WhyMissing, place: place{service: by, peer: s}}, trait{weight: 1})
		}
	}
}

// comparable reports whether a value may stand for many requests: texts and IDs do not.
func comparable(a signal.Attr) bool {
	return len(a.Value) > 0 && len(a.Value) <= maxValue && !strings.HasSuffix(a.Key, ".port") && a.Key != "thread.id"
}
