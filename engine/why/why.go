// Package why answers what changed: it compares the bad requests of a window with all others, and ranks what they have in
// common by how much more often they have it.
//
// docs/why.md says in words what is done here, and why it may be believed. The answer is a function of what is in memory:
// asked twice about the same, it is the same.
package why

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"gameday/sources/signal"
	"gameday/sources/store"
)

// The bounds of one answer.
const (
	maxList     = 10_000 // summaries of one window
	maxBad      = 400    // requests read whole
	maxGood     = 600
	maxBaseline = 600
	maxSpans    = 400 // of one request
	maxLogs     = 100
	maxRows     = 24
	timeLimit   = 5 * time.Second
	late        = 2 * time.Second // spans come in batches: a request without a root counts as under way when it began so long ago
	alpha       = 0.05            // the corrected probability from which a candidate is shown
)

// Question is what is compared with what.
type Question struct {
	Baseline, Interest signal.Window
	Since              string
}

// request is one request as it is compared.
type request struct {
	signal.TraceSummary
	entry  string // what was asked for: service and operation of the root
	before bool   // of the baseline
	bad    bool
	excess time.Duration // over what is usual for its entry
}

// Answer compares the two windows. It takes a few seconds at most, and says in its notes what it left out; the error is
// ctx's when that ends before anything was found out.
func Answer(ctx context.Context, st *store.Store, q Question) (*signal.Why, error) {
	begun := time.Now()
	limited, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	out := &signal.Why{Baseline: q.Baseline, Interest: q.Interest, Since: q.Since}
	before, total, _ := requests(st, q.Baseline, true)
	note(out, total > maxList, "the baseline has %d requests; the newest %d were looked at", total, maxList)
	now, total, underway := requests(st, q.Interest, false)
	note(out, total > maxList, "the window has %d requests; the newest %d were looked at", total, maxList)
	out.Before, out.Requests, out.Underway = len(before), len(now), underway
	note(out, underway > 0, "%d more have no root yet: they are under way, hang, or lost it; what hangs is compared once it ends", underway)

	u := usualOf(before, now)
	judged := map[string]int{}
	note(out, len(before) == 0, "no request is held of the baseline: slow is judged by the window's own requests")
	var bad, good []request
	for _, r := range now {
		judged[r.entry]++
		if r = u.judge(r); r.bad {
			bad = append(bad, r)
			out.Bad++
			if r.Errors > 0 {
				out.Failed++
			}
		} else {
			good = append(good, r)
		}
	}
	out.Chance = out.Bad > 0 && out.Failed == 0 && float64(out.Bad) <= u.byChance(judged)
	note(out, out.Chance, "no more are slow than are by chance: what follows is true of them, and need not have a cause")
	for i := range before {
		before[i] = u.judge(before[i])
		before[i].bad = false // what was slow before is part of what is usual
	}
	c := &comparison{usual: u}
	read := append(append(spread(before, maxBaseline), spread(good, maxGood)...), spread(bad, maxBad)...)
	note(out, len(read) < out.Before+out.Requests, "%d of %d requests were read whole, evenly chosen", len(read), out.Before+out.Requests)
	if n := c.read(limited, st.Reader(), read); n > 0 {
		note(out, true, "time ran out: %d requests were not read", n)
	}
	out.Rows = c.rows(limited)
	out.Took = time.Since(begun)
	return out, ctx.Err()
}

func note(w *signal.Why, when bool, format string, args ...any) {
	if when {
		w.Notes = append(w.Notes, fmt.Sprintf(format, args...))
	}
}

// requests are the whole requests of a window, oldest first, how many traces there are, and how many have no root though they
// began long enough before the window's end.
func requests(st *store.Store, w signal.Window, before bool) (out []request, total, underway int) {
	if w.Length() <= 0 {
		return nil, 0, 0
	}
	list, total := st.List(w, maxList)
	out = make([]request, 0, len(list))
	for _, t := range list {
		switch {
		case !w.Contains(t.Start):
		case t.Rooted:
			out = append(out, request{TraceSummary: t, entry: t.Service + " " + t.Name, before: before})
		case w.To.Sub(t.Start) >= late:
			underway++
		}
	}
	slices.SortFunc(out, func(a, b request) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	return out, total, underway
}

// spread chooses n of the requests, evenly over their order.
func spread(all []request, n int) []request {
	if len(all) <= n {
		return all
	}
	out := make([]request, 0, n)
	for i := range n {
		out = append(out, all[i*len(all)/n])
	}
	return out
}

// usual is how long requests of one kind take, and of how many that is known; above of them are not below the limit.
type usual struct {
	middle, limit time.Duration
	known, above  int
}

// usually holds that of every kind, and of all together for kinds that the baseline does not know.
type usually struct {
	of  map[string]usual
	all usual
}

// minUsual is how many requests of one kind it takes to say what is usual for it.
const minUsual = 5

// usualOf finds what is usual: from the baseline, or from the window's own requests that did not fail when there is none.
// The limit is the 99th percentile by nearest rank, which of less than a hundred is the slowest, and at least half as much
// again as the median: on a fast operation the 99th percentile is a hair's breadth from it.
func usualOf(before, now []request) usually {
	from, percent := before, 99
	if len(before) == 0 {
		from, percent = now, 95
	}
	took := map[string][]time.Duration{}
	var all []time.Duration
	for _, r := range from {
		if r.Errors == 0 {
			took[r.entry] = append(took[r.entry], r.Duration)
			all = append(all, r.Duration)
		}
	}
	measure := func(d []time.Duration) usual {
		if len(d) == 0 {
			return usual{limit: 1 << 62}
		}
		slices.Sort(d)
		rank := func(p int) int { return (len(d)*p + 99) / 100 }
		middle := d[rank(50)-1]
		return usual{middle, max(d[rank(percent)-1], middle*3/2), len(d), len(d) - rank(percent) + 1}
	}
	u := usually{of: map[string]usual{}, all: measure(all)}
	for entry, d := range took {
		if len(d) >= minUsual {
			u.of[entry] = measure(d)
		}
	}
	return u
}

// byChance is how many of the judged requests, by kind, lie above their limits at most when nothing has changed: of m further
// ones, those above the k-th largest of n are distributed as the beta-binomial of k and n+1-k; three standard deviations
// above its mean.
func (u usually) byChance(judged map[string]int) float64 {
	of := map[usual]int{} // kinds that the baseline does not know share one limit, and so its chance
	for entry, m := range judged {
		of[u.get(entry)] += m
	}
	mean, variance := 0.0, 0.0
	for is, m := range of {
		if is.known == 0 {
			continue
		}
		k, n, m := float64(is.above), float64(is.known+1), float64(m)
		mean += m * k / n
		variance += m * k * (n - k) * (n + m) / (n * n * (n + 1))
	}
	return mean + 3*math.Sqrt(variance)
}

func (u usually) judge(r request) request {
	of := u.get(r.entry)
	r.excess = r.Duration - of.middle
	r.bad = r.Errors > 0 || r.Duration > of.limit
	return r
}
