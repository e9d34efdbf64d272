package store

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"gameday/sources/signal"
)

const (
	maxNear   = 100                   // records that are shown as near a trace, those closest to its middle
	nearSlack = 20 * time.Millisecond // clocks, and lines that are written just after the work
)

// presence is when one service worked for a trace, and where.
type presence struct {
	from, to int64
	hosts    []string
}

// near finds records that carry no ID of any request, written by a service of the trace while it worked for the trace,
// on the same host where both sides name one. They may belong to it: they are never told as if they did.
func (s *Store) near(spans []signal.Span) []hit {
	at := map[string]*presence{}
	for i := range spans {
		sp := &spans[i]
		from, to := sp.Start.Add(-nearSlack).UnixNano(), sp.End().Add(nearSlack).UnixNano()
		p := at[sp.Service]
		if p == nil {
			p = &presence{from, to, nil}
			at[sp.Service] = p
		}
		p.from, p.to = min(p.from, from), max(p.to, to)
		if h := hostOf(sp.Attrs); h != "" && !slices.Contains(p.hosts, h) {
			p.hosts = append(p.hosts, h)
		}
	}
	var out []hit
	for _, c := range s.logs.snapshot(false) {
		for service, p := range at {
			if sym, ok := c.symbol(service); ok && c.overlaps(p.from, p.to) {
				out = s.nearIn(c, sym, p, out)
			}
		}
	}
	if len(out) > maxNear {
		middle := out[0].t
		for _, p := range at {
			middle = (p.from + p.to) / 2
			break
		}
		away := func(h hit) int64 { return max(h.t-middle, middle-h.t) }
		slices.SortFunc(out, func(a, b hit) int { return cmp.Or(cmp.Compare(away(a), away(b)), compareHits(a, b)) })
		out = out[:maxNear]
	}
	return out
}

func (s *Store) nearIn(c *logChunk, service uint32, p *presence, out []hit) []hit {
	for i, t := range c.times {
		r := &c.recs[i]
		if t < p.from || t > p.to || uint32(r.service) != service || r.trace != 0 {
			if c.sorted && t > p.to {
				break
			}
			continue
		}
		host, own := "", false
		for a := (attrReader{rest: logAttrs(c, i), syms: c.syms}); a.next(); {
			own = own || s.isField(c.syms[a.key])
			if isHost(c.syms[a.key]) && host == "" {
				host = a.val
			}
		}
		if own || host != "" && len(p.hosts) > 0 && !slices.Contains(p.hosts, host) {
			continue // it belongs to another request, or comes from another machine
		}
		if out = append(out, hit{t: t, c: c, i: i, near: true}); len(out) >= 50*maxNear {
			break
		}
	}
	return out
}

func hostOf(attrs signal.Attrs) string {
	for _, a := range attrs {
		if isHost(a.Key) {
			return a.Value
		}
	}
	return ""
}

func isHost(key string) bool {
	switch strings.ToLower(key) {
	case "host.name", "host", "hostname", "k8s.pod.name", "instance":
		return true
	}
	return false
}
