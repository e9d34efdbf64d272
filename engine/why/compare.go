package why

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"

	"gameday/engine/calls"
	"gameday/engine/load/analysis/rank"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// comparison is the requests that were read, and what is known from them.
type comparison struct {
	usual  usually
	all    []*looked
	peers  calls.Peers
	habits habits
	lines  lines
}

func (u usually) middle(entry string) time.Duration { return u.get(entry).middle }
func (u usually) limit(entry string) time.Duration  { return u.get(entry).limit }

func (u usually) get(entry string) usual {
	if of, ok := u.of[entry]; ok {
		return of
	}
	return u.all
}

// read reads the requests whole and returns how many there was no time for.
func (c *comparison) read(ctx context.Context, r *store.Reader, list []request) int {
	c.peers, c.lines = calls.NewPeers(), newLines()
	for i, q := range list {
		if ctx.Err() != nil {
			return len(list) - i
		}
		t := r.Trace(q.TraceSummary, maxSpans, maxLogs)
		if len(t.Spans) == 0 {
			continue // given back in the meantime
		}
		l := &looked{request: q, Request: calls.Take(t.Spans), Logs: t.Logs}
		c.peers.Learn(l.Request)
		c.lines.learn(l)
		c.all = append(c.all, l)
	}
	c.habits = habitsOf(c.all, c.peers)
	return 0
}

// tally is who has one candidate.
type tally struct {
	candidate
	bad, good map[string]int // by kind of request
	set       []uint64       // of the bad requests, by their number
	weight    float64        // sum over the bad ones
	sizes     []float64
	best      float64
	example   signal.TraceID
}

// maxCandidates bounds what is counted; the ones seen first stay. Attributes are what there may be very many of.
const maxCandidates = 20_000

// rows counts every candidate and ranks them.
func (c *comparison) rows(ctx context.Context) []signal.WhyRow {
	bad, good := map[string]int{}, map[string]int{}
	tallies := map[candidate]*tally{}
	number := 0
	slices.SortStableFunc(c.all, func(a, b *looked) int { return -cmp.Compare(b2i(a.bad), b2i(b.bad)) })
	for _, l := range c.all { // the bad ones first: what none of them has is not counted
		if ctx.Err() != nil {
			break
		}
		if l.bad {
			bad[l.entry]++
		} else {
			good[l.entry]++
		}
		traits := c.traits(l)
		full := len(tallies)+len(traits) > maxCandidates
		for k, t := range traits {
			had := tallies[k]
			if had == nil {
				if !l.bad || full {
					continue
				}
				had = &tally{candidate: k, bad: map[string]int{}, good: map[string]int{}}
				tallies[k] = had
			}
			had.take(l, t, number)
		}
		if l.bad {
			number++
		}
	}
	return rankAll(tallies, bad, good, number)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (t *tally) take(l *looked, is trait, number int) {
	if !l.bad {
		t.good[l.entry]++
		return
	}
	t.bad[l.entry]++
	for len(t.set) <= number/64 {
		t.set = append(t.set, 0)
	}
	t.set[number/64] |= 1 << (number % 64)
	t.weight += is.weight
	if is.size > 0 {
		t.sizes = append(t.sizes, is.size)
	}
	if size := max(is.size, 1e-9*float64(len(l.Spans))); t.example.IsZero() || size > t.best {
		t.best, t.example = size, l.ID
	}
}

// scored is a candidate with its figures.
type scored struct {
	*tally
	row signal.WhyRow
}

// rankAll tests the candidates, corrects for their number and orders what remains.
func rankAll(tallies map[candidate]*tally, bad, good map[string]int, number int) []signal.WhyRow {
	var list []scored
	for _, t := range tallies {
		if s := score(t, bad, good, number); s.row.Score > 0 {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b scored) int { return compareCandidates(a.candidate, b.candidate) })
	ps := make([]float64, len(list))
	for i := range list {
		ps[i] = list[i].row.P
	}
	for i, p := range rank.Holm(ps) {
		list[i].row.P = p
	}
	list = slices.DeleteFunc(list, func(s scored) bool { return s.row.P > alpha })
	slices.SortStableFunc(list, func(a, b scored) int {
		return cmp.Or(-cmp.Compare(a.row.Score, b.row.Score), cmp.Compare(b2i(a.service == ""), b2i(b.service == "")), cmp.Compare(a.row.P, b.row.P))
	})
	return fold(list)
}

func compareCandidates(a, b candidate) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), strings.Compare(a.service, b.service), strings.Compare(a.peer, b.peer),
		strings.Compare(a.op, b.op), strings.Compare(a.what, b.what))
}

// score finds how much more often bad requests have it. The share among good ones is that of good requests of the same
// kinds, in the proportion in which the bad ones come: else everything that checkouts do would stand out as soon as
// checkouts are slow. Which kinds these are is a candidate of its own, and that one is compared plainly.
func score(t *tally, bad, good map[string]int, number int) scored {
	n, goods := 0, 0
	var strata []stratum
	expect := 0.0
	entries := make([]string, 0, len(bad))
	for e := range bad {
		entries = append(entries, e)
	}
	slices.Sort(entries) // sums of floats depend on their order
	for _, e := range entries {
		n += t.bad[e]
	}
	for _, has := range t.good {
		goods += has
	}
	if t.kind == signal.WhyEntry {
		all := 0
		for _, g := range good {
			all += g
		}
		strata = []stratum{{n, number, goods, all}}
		expect = float64(goods) / float64(max(all, 1))
	} else {
		for _, e := range entries {
			strata = append(strata, stratum{t.bad[e], bad[e], t.good[e], good[e]})
			expect += float64(bad[e]) / float64(number) * float64(t.good[e]) / float64(max(good[e], 1))
		}
	}
	share := float64(n) / float64(number)
	r := signal.WhyRow{Kind: t.kind, Service: t.service, Peer: t.peer, Operation: t.op, Bad: share, Good: expect, BadCount: n, GoodCount: goods,
		Lift: math.Inf(1), Example: t.example, What: t.say()}
	if expect > 0 {
		r.Lift = share / expect
	}
	r.P = 1
	if share > expect {
		r.P = exact(strata)
		r.Score = (share - expect) * kindWeight[t.kind] * t.weight / float64(n)
	}
	return scored{t, r}
}

// say is what is so, in one line.
func (t *tally) say() string {
	switch t.kind {
	case signal.WhyFails:
		if t.op == "" {
			return "calls fail, whoever makes them"
		}
		return t.op + " fails"
	case signal.WhySlow:
		took := round(rank.Median(t.sizes))
		switch {
		case t.op == "":
			return fmt.Sprintf("%s more between caller and %s", took, t.peer)
		case t.peer != "":
			return fmt.Sprintf("%s more on the way: %s", took, t.op)
		}
		return fmt.Sprintf("%s more by itself: %s", took, t.op)
	case signal.WhyMissing:
		return "no span of " + t.peer
	case signal.WhyMore:
		if times := rank.Median(t.sizes); times > 1 {
			return fmt.Sprintf("%s is done %.0f times", t.op, times)
		}
		return t.op + " is done, which it was not before"
	case signal.WhyEntry:
		return t.op + " is what was asked for"
	}
	return t.what
}

func round(seconds float64) time.Duration {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second)
	case d >= 100*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Microsecond)
}

const maxAlso = 4

// fold puts rows that say the same of the same requests into the best of them.
func fold(list []scored) []signal.WhyRow {
	var out []signal.WhyRow
	var leads []scored
	for _, s := range list {
		if i := slices.IndexFunc(leads, func(l scored) bool { return same(l, s) }); i >= 0 {
			if len(out[i].Also) < maxAlso {
				out[i].Also = append(out[i].Also, also(leads[i], s))
			}
			continue
		}
		if len(out) < maxRows {
			out, leads = append(out, s.row), append(leads, s)
		}
	}
	return out
}

// also is a folded row in a few words.
func also(lead, s scored) string {
	if lead.service == s.service || s.service == "" {
		return s.row.What
	}
	return s.service + ": " + s.row.What
}

// same reports whether two candidates stand at one place and nine of ten bad requests that have one have both, or one is
// about all the callers of a service and the other about one of them, or about a failure where the other is about time.
func same(a, b scored) bool {
	if a.peer != "" && a.peer == b.peer && b.kind <= signal.WhySlow && (a.service == "" || b.service == "") && (a.kind == b.kind || a.service == b.service) {
		return true
	}
	if a.service != b.service || a.peer != b.peer && b.peer != "" {
		return false
	}
	both, any := 0, 0
	for i := range max(len(a.set), len(b.set)) {
		var x, y uint64
		if i < len(a.set) {
			x = a.set[i]
		}
		if i < len(b.set) {
			y = b.set[i]
		}
		both, any = both+bits.OnesCount64(x&y), any+bits.OnesCount64(x|y)
	}
	return both*10 >= any*9
}
