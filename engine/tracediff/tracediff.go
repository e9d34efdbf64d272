// Package tracediff puts two traces side by side: what is the same step in both, what is only in one, and which steps the
// difference in time comes from. docs/traces.md says in words what is done here.
package tracediff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"gameday/engine/calls"
	"gameday/engine/why"
	"gameday/sources/signal"
)

const (
	maxTop  = 5
	topFrom = 0.02 // the share of the difference from which a step is named
)

// Store is what is asked for traces.
type Store interface {
	Trace(signal.TraceID) *signal.Trace
	List(signal.Window, int) ([]signal.TraceSummary, int)
}

// Compare answers an ask. q says when nothing was wrong yet, for an ask that leaves A open.
func Compare(st Store, ask signal.CompareAsk, q why.Question) *signal.Comparison {
	out := &signal.Comparison{Ask: ask}
	b := st.Trace(ask.B)
	if b == nil || len(b.Spans) == 0 {
		out.Err = fmt.Sprintf("trace %s is not held: evicted or not sampled", ask.B.Short())
		return out
	}
	out.B = b.TraceSummary
	id := ask.A
	if ask.Typical {
		chosen, how := typical(st, b.TraceSummary, q)
		if chosen == nil {
			out.Err = fmt.Sprintf("no healthy request %s %s is held to compare with", b.Service, b.Name)
			return out
		}
		id, out.How = chosen.ID, how
	}
	a := st.Trace(id)
	if a == nil || len(a.Spans) == 0 {
		out.Err = fmt.Sprintf("trace %s, which was marked, is not held any more", id.Short())
		return out
	}
	out.A = a.TraceSummary
	out.Left = max(a.TraceSummary.Spans-len(a.Spans), 0) + max(b.TraceSummary.Spans-len(b.Spans), 0)
	join(out, a, b)
	return out
}

// maxCandidates bounds the requests of which the typical one is chosen.
const maxCandidates = 10_000

// typical is the request of the median duration among those of b's kind in which nothing failed: of the baseline, else of all that
// came before b, else of all.
func typical(st Store, b signal.TraceSummary, q why.Question) (chosen *signal.TraceSummary, how string) {
	ever := time.Time{}.Add(time.Hour)
	for _, w := range []struct {
		signal.Window
		what string
	}{{q.Baseline, "the baseline"}, {signal.Window{From: ever, To: b.Start}, "those before it"}, {signal.Window{From: ever, To: q.Interest.To}, "all"}} {
		if w.Length() <= 0 {
			continue
		}
		list, _ := st.List(w.Window, maxCandidates)
		list = slices.DeleteFunc(list, func(t signal.TraceSummary) bool {
			return t.ID == b.ID || !t.Rooted || t.Errors > 0 || t.Service != b.Service || t.Name != b.Name || !w.Contains(t.Start)
		})
		if len(list) == 0 {
			continue
		}
		slices.SortFunc(list, func(x, y signal.TraceSummary) int {
			return cmp.Or(cmp.Compare(x.Duration, y.Duration), strings.Compare(string(x.ID[:]), string(y.ID[:])))
		})
		how = fmt.Sprintf("the median of %d healthy requests of %s", len(list), w.what)
		if len(list) == 1 {
			how = "the only healthy request of " + w.what
		}
		if w.Window == q.Baseline {
			how += fmt.Sprintf(", %s to %s", w.From.Local().Format(time.TimeOnly), w.To.Local().Format(time.TimeOnly))
		}
		return &list[(len(list)-1)/2], how
	}
	return nil, ""
}

// side is one trace while it is joined.
type side struct {
	*calls.Request
	start time.Time
	roots []int
}

func newSide(t *signal.Trace) *side {
	s := &side{Request: calls.Take(t.Spans)}
	for i := range t.Spans {
		if s.Parent[i] < 0 {
			s.roots = append(s.roots, i)
		}
		if i == 0 || t.Spans[i].Start.Before(s.start) {
			s.start = t.Spans[i].Start
		}
	}
	return s
}

func (s *side) of(i int) *signal.CompareSide {
	return &signal.CompareSide{Span: &s.Spans[i], Start: s.Spans[i].Start.Sub(s.start), Self: s.Self[i]}
}

// step is what makes two spans the same: whose they are and what they do. Words with a digit in them are somebody's ID.
type step struct {
	service, op string
	kind        signal.SpanKind
}

func stepOf(s *signal.Span) step { return step{s.Service, shape(s.Name), s.Kind} }

// shape is a name with its words that have a digit in them left out: /cart/8812 and /cart/17 are one step.
func shape(name string) string {
	if !strings.ContainsAny(name, "0123456789") {
		return name
	}
	var out strings.Builder
	word := 0
	flush := func(end int) {
		if w := name[word:end]; strings.ContainsAny(w, "0123456789") {
			out.WriteByte('*')
		} else {
			out.WriteString(w)
		}
	}
	for i := range len(name) {
		if c := name[i]; c < 0x80 && c != '-' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			flush(i)
			out.WriteByte(c)
			word = i + 1
		}
	}
	flush(len(name))
	return out.String()
}

// pair is a step that is in both traces, or in one: then the other's index is -1.
type pair struct{ a, b, depth int }

// join lists the steps of both, each below the one it belongs to.
func join(out *signal.Comparison, a, b *signal.Trace) {
	x, y := newSide(a), newSide(b)
	stack := pairs(x, y, x.roots, y.roots, 0)
	slices.Reverse(stack)
	for len(stack) > 0 {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		row := signal.CompareRow{Depth: p.depth}
		var below [2][]int
		if p.a >= 0 {
			row.A, below[0] = x.of(p.a), x.Children[p.a]
			row.Self -= row.A.Self
		}
		if p.b >= 0 {
			row.B, below[1] = y.of(p.b), y.Children[p.b]
			row.Self += row.B.Self
		}
		switch {
		case p.a < 0:
			out.OnlyB++
		case p.b < 0:
			out.OnlyA++
		default:
			out.Both++
		}
		out.Rows = append(out.Rows, row)
		next := pairs(x, y, below[0], below[1], p.depth+1)
		slices.Reverse(next)
		stack = append(stack, next...)
	}
	out.Top = top(out)
}

// pairs joins two lists of siblings: the nth of a step in one with the nth of it in the other. They come in the order of a; what
// is only in b comes after what it came after there.
func pairs(x, y *side, as, bs []int, depth int) []pair {
	type nth struct {
		step
		n int
	}
	number := func(s *side, list []int) []nth {
		count := map[step]int{}
		out := make([]nth, len(list))
		for i, at := range list {
			k := stepOf(&s.Spans[at])
			out[i] = nth{k, count[k]}
			count[k]++
		}
		return out
	}
	na, nb := number(x, as), number(y, bs)
	partner := make(map[nth]int, len(nb)) // position in bs
	for i, k := range nb {
		partner[k] = i
	}
	inA := make(map[nth]bool, len(na))
	for _, k := range na {
		inA[k] = true
	}
	done := make([]bool, len(bs))
	out := make([]pair, 0, max(len(as), len(bs)))
	after := func(i int) { // what is only in b and follows on i
		for ; i < len(bs) && !done[i] && !inA[nb[i]]; i++ {
			done[i] = true
			out = append(out, pair{-1, bs[i], depth})
		}
	}
	after(0)
	for i, at := range as {
		k, both := partner[na[i]]
		if !both {
			out = append(out, pair{at, -1, depth})
			continue
		}
		done[k] = true
		out = append(out, pair{at, bs[k], depth})
		after(k + 1)
	}
	return out
}

// top are the steps whose own time differs most.
func top(c *signal.Comparison) []int {
	all := make([]int, 0, len(c.Rows))
	var sum time.Duration
	for i := range c.Rows {
		sum += c.Rows[i].Self.Abs()
		if c.Rows[i].Self != 0 {
			all = append(all, i)
		}
	}
	slices.SortStableFunc(all, func(i, k int) int { return cmp.Compare(c.Rows[k].Self.Abs(), c.Rows[i].Self.Abs()) })
	all = slices.DeleteFunc(all, func(i int) bool { return float64(c.Rows[i].Self.Abs()) < topFrom*float64(sum) })
	return all[:min(len(all), maxTop)]
}
