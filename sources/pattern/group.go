package pattern

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"gameday/sources/signal"
)

// group is one pattern with its counts.
type group struct {
	id      uint64
	key     uint64 // of the words it was founded with
	service string
	words   []string
	leaf    *node
	gone    bool

	counts  []uint32 // a ring: the step n is at n modulo its length
	head    int64    // the newest step that was counted
	total   uint64
	levels  [signal.LevelRanks]uint64
	first   time.Time
	last    time.Time
	example signal.Record
	shown   int64 // the step that the example is of

	prev, next *group
}

// join makes <*> of the words in which the line differs.
func (g *group) join(line []string) {
	for i, w := range line {
		if g.words[i] != w {
			g.words[i] = Any
		}
	}
}

// count counts a record at its own time.
func (g *group) count(r *signal.Record, c Config) {
	g.total++
	g.levels[signal.LevelRank(r.Severity)]++
	if g.first.IsZero() || r.Time.Before(g.first) {
		g.first = r.Time
	}
	if r.Time.After(g.last) {
		g.last = r.Time
	}
	step := r.Time.UnixNano() / int64(c.Step)
	n := int64(len(g.counts))
	switch {
	case g.total == 1:
		g.head = step
	case step > g.head:
		for s := max(g.head+1, step-n+1); s <= step; s++ {
			g.counts[index(s, n)] = 0
		}
		g.head = step
	case step <= g.head-n:
		return // older than what is counted
	}
	g.counts[index(step, n)]++
	if g.total == 1 || step > g.shown {
		g.example, g.shown = keep(r), step
	}
}

// index is a step's place in a ring of n; steps before 1970 are below zero.
func index(step, n int64) int64 { return ((step % n) + n) % n }

// keep is a copy of a record that shares nothing with the batch it came in.
func keep(r *signal.Record) signal.Record {
	out := *r
	out.Service, out.Source = strings.Clone(r.Service), strings.Clone(r.Source)
	out.Body = strings.Clone(r.Body[:min(len(r.Body), maxExample)])
	out.Attrs = make(signal.Attrs, 0, min(len(r.Attrs), 16))
	for _, a := range r.Attrs[:cap(out.Attrs)] {
		out.Attrs = append(out.Attrs, signal.Attr{Key: strings.Clone(a.Key), Value: strings.Clone(a.Value[:min(len(a.Value), maxExample/8)])})
	}
	return out
}

// Patterns are the groups that have lines in the window: those that appeared at or after since first, then by how many
// lines they have, in powers of two, so that rows do not change places all the time. A zero since marks none as new. points
// is how many a sparkline has. Counts are whole steps; a group that was found to be wider counts what it counted before.
func (p *Parser) Patterns(w signal.Window, since time.Time, limit, points int) []signal.LogPattern {
	out := make([]signal.LogPattern, 0, len(p.groups))
	for g := p.recent.head.next; g != &p.recent.head; g = g.next {
		from, to := w.From.UnixNano()/int64(p.cfg.Step), (w.To.UnixNano()-1)/int64(p.cfg.Step)
		if g.head < from {
			continue
		}
		x := signal.LogPattern{ID: g.id, Service: g.service, Total: g.total, Levels: g.levels, First: g.first, Last: g.last,
			New: !since.IsZero() && !g.first.Before(since)}
		if x.Count = g.within(from, to); x.Count == 0 {
			continue
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b signal.LogPattern) int {
		if a.New != b.New {
			if a.New {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(bits.Len64(b.Count), bits.Len64(a.Count)), cmp.Compare(a.ID, b.ID))
	})
	out = out[:min(len(out), limit)]
	for i := range out {
		g := p.groups[out[i].ID]
		out[i].Text, out[i].Example, out[i].Filter = strings.Join(g.words, " "), g.example, g.filter()
		out[i].Spark = g.spark(w, p.cfg.Step, p.newest, points)
	}
	return out
}

// within counts the steps from..to, both included.
func (g *group) within(from, to int64) (n uint64) {
	g.each(from, to, func(_ int64, c uint32) { n += uint64(c) })
	return n
}

// each goes through the steps from..to that are still counted, both included.
func (g *group) each(from, to int64, do func(step int64, n uint32)) {
	size := int64(len(g.counts))
	from, to = max(from, g.head-size+1), min(to, g.head)
	i := index(from, size)
	for s := from; s <= to; s++ {
		do(s, g.counts[i])
		if i++; i == size {
			i = 0
		}
	}
}

// spark is the course of the counts over the window: each step's lines evenly over its time, so that what comes steadily is drawn
// so, however steps and points lie to each other. newest is the time of the latest record of all: the step in which that is has
// been counted up to there.
func (g *group) spark(w signal.Window, step time.Duration, newest time.Time, points int) []float64 {
	out := make([]float64, points)
	length := w.Length()
	if length <= 0 || points <= 0 {
		return out
	}
	from, to := w.From.UnixNano()/int64(step), (w.To.UnixNano()-1)/int64(step)
	point := float64(length) / float64(points)
	g.each(from, to, func(s int64, n uint32) {
		begin := s*int64(step) - w.From.UnixNano()
		counted := int64(step)
		if end := newest.UnixNano() - w.From.UnixNano(); end < begin+counted {
			counted = max(end-begin, 1)
		}
		a, b := float64(begin)/point, float64(begin+counted)/point // in points
		for i := max(int(a), 0); i < points && float64(i) < b; i++ {
			out[i] += float64(n) * (min(b, float64(i+1)) - max(a, float64(i))) / (b - a)
		}
	})
	return out
}

// filter is what finds the group's lines in LogQL's notation: {service="payment"} |> "provider slow: <_> ms".
func (g *group) filter() string {
	var b strings.Builder
	b.WriteString("{service=" + strconv.Quote(g.service) + "}")
	text := strings.Join(g.words, " ")
	for _, m := range []string{Number, Hex, UUID, Address, Duration, Any} {
		text = strings.ReplaceAll(text, m, "<_>")
	}
	for strings.Contains(text, "<_><_>") {
		text = strings.ReplaceAll(text, "<_><_>", "<_>")
	}
	switch text {
	case "":
		b.WriteString(` |~ "^$"`)
	case "<_>": // any line
	default:
		b.WriteString(" |> " + strconv.Quote(text))
	}
	return b.String()
}

// ring is a list of groups in a circle, the one that was seen last first.
type ring struct{ head group }

func (r *ring) init() { r.head.prev, r.head.next = &r.head, &r.head }

func (r *ring) push(g *group) {
	g.prev, g.next = &r.head, r.head.next
	g.prev.next, g.next.prev = g, g
}

func (r *ring) remove(g *group) {
	g.prev.next, g.next.prev = g.next, g.prev
	g.prev, g.next = nil, nil
}

func (r *ring) touch(g *group) {
	if r.head.next != g {
		r.remove(g)
		r.push(g)
	}
}

// oldest is the one that was seen the longest ago; there must be one.
func (r *ring) oldest() *group { return r.head.prev }
