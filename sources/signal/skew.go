package signal

import (
	"slices"
	"time"
)

// ClockSkews estimates how far each service's clock is ahead of that of the trace's first service, from the spans of one
// trace: where a client waited for a server, the server's span must lie within the client's. Services whose clocks can be
// right are not in the map. It is for drawing; times themselves are never changed.
//
// A call admits every skew that puts the callee within the caller; calls between the same two services narrow that down, and
// the middle of what is left is taken. Where 0 is admitted it is 0: a clock is wrong only when that is certain.
func ClockSkews(spans []Span) map[string]time.Duration {
	calls, order := callsBetween(spans)
	if len(calls) == 0 {
		return nil
	}
	skews := map[string]time.Duration{}
	known := map[string]bool{}
	for _, first := range order { // a service without a caller has the right time; so has the first of a circle
		if known[first] {
			continue
		}
		known[first] = true
		for queue := []string{first}; len(queue) > 0; queue = queue[1:] {
			from := queue[0]
			for _, to := range order {
				c, ok := calls[[2]string{from, to}]
				if !ok || known[to] {
					continue
				}
				known[to] = true
				if skew := skews[from] + c.skew(); skew != 0 {
					skews[to] = skew
				}
				queue = append(queue, to)
			}
		}
	}
	return skews
}

// calls are those from one service to another: the bounds of the skew that each admits.
type calls struct{ least, most []time.Duration }

func (c *calls) skew() time.Duration {
	least, most := slices.Max(c.least), slices.Min(c.most)
	switch {
	case least <= 0 && most >= 0:
		return 0
	case least <= most:
		return least + (most-least)/2
	}
	// no skew fits all, such as when a clock was set in between: the middle of the calls' own
	middles := make([]time.Duration, len(c.least))
	for i := range middles {
		middles[i] = c.least[i] + (c.most[i]-c.least[i])/2
	}
	slices.Sort(middles)
	return middles[len(middles)/2]
}

// callsBetween finds the calls, and the services with those that nobody calls first.
func callsBetween(spans []Span) (out map[[2]string]*calls, order []string) {
	byID := make(map[SpanID]*Span, len(spans))
	for i := range spans {
		if _, twice := byID[spans[i].SpanID]; !twice {
			byID[spans[i].SpanID] = &spans[i]
		}
	}
	called := map[string]bool{}
	for i := range spans {
		s := &spans[i]
		if !slices.Contains(order, s.Service) && len(order) < maxSkewServices {
			order = append(order, s.Service)
		}
		p := byID[s.ParentID]
		if p == nil || p.Kind != SpanClient || s.Kind != SpanServer || p.Failed || p.Service == s.Service || s.Duration > p.Duration ||
			p.Duration < 0 || s.Duration < 0 { // a client that gave up does not tell when its server was done
			continue
		}
		if out == nil {
			out = map[[2]string]*calls{}
		}
		key := [2]string{p.Service, s.Service}
		if out[key] == nil {
			out[key] = &calls{}
		}
		called[s.Service] = true
		out[key].least = append(out[key].least, s.End().Sub(p.End()))
		out[key].most = append(out[key].most, s.Start.Sub(p.Start))
	}
	slices.SortStableFunc(order, func(a, b string) int {
		switch {
		case called[a] == called[b]:
			return 0
		case called[a]:
			return 1
		}
		return -1
	})
	return out, order
}

// maxSkewServices bounds the services of one trace that are looked at.
const maxSkewServices = 256
