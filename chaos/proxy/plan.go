package proxy

// way is a direction as an index.
type way int

const (
	request way = iota
	response
)

// effects is what is done to one way of a connection, in the order of the fields:
//
//	half-open → limit, reset after bytes → corruption → slices → bandwidth → latency → slow close
//
// A partition comes before all of them. Rules of one kind act in the order in which they were set.
type effects struct {
	swallow []*Rule // HalfOpen
	limits  []*Rule // Limit, and Reset after so many bytes
	spoils  []*Rule // Corrupt
	slices  []*Rule
	rates   []*Rule // Bandwidth
	delays  []*Rule
	closes  []*Rule // SlowClose
	losses  []*Rule // udp: before everything else
	doubles []*Rule // udp: after losses
}

// touchesBytes reports whether bytes have to be looked at, rather than left to the kernel. Delays are not among them:
// they have both ways looked at.
func (e *effects) touchesBytes() bool {
	return len(e.swallow)+len(e.limits)+len(e.spoils)+len(e.slices)+len(e.rates) > 0
}

// plan is what a link does to its connections now. It is never changed, only replaced.
type plan struct {
	changed    chan struct{} // closed when another plan has taken its place
	rules      []*Rule
	ways       [2]effects
	partial    bool // some rule acts on a share of the connections
	resets     []*Rule
	partitions []*Rule
	certs      []*Rule
	requests   requests
	drop       bool
	reject     bool
	whole      *view // of a connection that every rule acts on
}

// requests is what is done to requests, in the order of the fields.
type requests struct {
	limits, delays, aborts, failures, headers, bodies []*Rule
}

func (r *requests) any() bool {
	return len(r.limits)+len(r.delays)+len(r.aborts)+len(r.failures)+len(r.headers)+len(r.bodies) > 0
}

func makePlan(rules []*Rule) *plan {
	p := &plan{changed: make(chan struct{}), rules: rules}
	for _, r := range rules {
		p.partial = p.partial || r.partial()
		switch f := r.effect.(type) {
		case Partition:
			p.partitions = append(p.partitions, r)
			p.reject = p.reject || f.Reject
		case Certificate:
			p.certs = append(p.certs, r)
		case Failure:
			p.requests.failures = append(p.requests.failures, r)
		case Delay:
			p.requests.delays = append(p.requests.delays, r)
		case Abort:
			p.requests.aborts = append(p.requests.aborts, r)
		case RateLimit:
			p.requests.limits = append(p.requests.limits, r)
		case Header:
			p.requests.headers = append(p.requests.headers, r)
		case Body:
			p.requests.bodies = append(p.requests.bodies, r)
		case Reset:
			if f.AfterBytes == 0 {
				p.resets = append(p.resets, r)
			}
		}
	}
	for w := range p.ways {
		p.ways[w] = gather(rules, way(w), 0)
	}
	p.drop = len(p.partitions) > 0 && !p.reject
	p.whole = &view{plan: p, ways: [2]*effects{&p.ways[request], &p.ways[response]}}
	return p
}

// gather sorts what acts on one way of the n-th connection; 0 is a connection that every rule acts on.
func gather(rules []*Rule, w way, n uint64) (e effects) {
	for _, r := range rules {
		f, ok := r.effect.(interface{ reach() Reach })
		if !ok || !f.reach().has(w) || n > 0 && !r.chosen(n) {
			continue
		}
		switch f := r.effect.(type) {
		case HalfOpen:
			e.swallow = append(e.swallow, r)
		case Limit:
			e.limits = append(e.limits, r)
		case Reset:
			if f.AfterBytes > 0 {
				e.limits = append(e.limits, r)
			}
		case Corrupt:
			e.spoils = append(e.spoils, r)
		case Slice:
			e.slices = append(e.slices, r)
		case Bandwidth:
			e.rates = append(e.rates, r)
		case Latency:
			e.delays = append(e.delays, r)
		case SlowClose:
			e.closes = append(e.closes, r)
		case Loss:
			e.losses = append(e.losses, r)
		case Duplicate:
			e.doubles = append(e.doubles, r)
		}
	}
	return e
}

// view is a plan as one connection sees it: without the rules that did not choose it.
type view struct {
	*plan
	ways [2]*effects
}

func (p *plan) view(n uint64) *view {
	if !p.partial {
		return p.whole
	}
	a, b := gather(p.rules, request, n), gather(p.rules, response, n)
	return &view{plan: p, ways: [2]*effects{&a, &b}}
}

// delayed reports whether any bytes are delayed. Then both ways are looked at, to tell one round trip from the next.
func (v *view) delayed() bool { return len(v.ways[request].delays)+len(v.ways[response].delays) > 0 }

// slow reports whether the bytes of a way have to be looked at.
func (v *view) slow(w way) bool { return v.delayed() || v.ways[w].touchesBytes() }

// aware reports whether requests have to be understood.
func (p *plan) aware() bool { return p.requests.any() }

// touch counts a round trip that has begun (w is request) or has been answered.
func (v *view) touch(w way) {
	for _, r := range v.ways[w].delays {
		if w == request || r.effect.(Latency).Direction != Both {
			r.touched.Add(1)
		}
	}
}
