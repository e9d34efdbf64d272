package traces

import (
	"slices"
	"time"
)

// markCritical finds the critical path: the spans without which the request would have ended sooner. It goes backwards from the
// end of the root that ended last. What a span waited for last is the child that ended last before the instant looked at; from
// that child's start it goes on the same way. A child that ran beside the one waited for, and ended after its start, held
// nothing up. (Docs: docs/traces.md.)
func (t *tree) markCritical() {
	last := -1
	for _, r := range t.roots {
		if last < 0 || t.end(&t.trace.Spans[r]).After(t.end(&t.trace.Spans[last])) {
			last = r
		}
	}
	if last < 0 {
		return
	}
	type visit struct {
		node  int
		until time.Time
	}
	stack := []visit{{last, t.end(&t.trace.Spans[last])}}
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		t.nodes[v.node].critical = true
		kids := slices.Clone(t.nodes[v.node].children)
		slices.SortStableFunc(kids, func(a, b int) int { return t.end(&t.trace.Spans[b]).Compare(t.end(&t.trace.Spans[a])) })
		at, first := v.until, true
		for _, k := range kids {
			s := &t.trace.Spans[k]
			end := t.end(s)
			if !t.begin(s).Before(at) || end.After(at) && !first {
				continue // after it, or beside what was waited for
			}
			if end.After(at) { // it outlived whoever called it
				end = at
			}
			stack = append(stack, visit{k, end})
			t.nodes[v.node].held += at.Sub(end)
			at, first = t.begin(s), false
		}
		t.nodes[v.node].held += at.Sub(t.begin(&t.trace.Spans[v.node]))
	}
}

// telling is the span that says most about the request: the failed one below which nothing failed, on the critical path if one
// is, and of several the first; without a failure the one that held the request up the longest, by itself.
func (t *tree) telling() int {
	below := make([]bool, len(t.nodes)) // something below it failed
	for i := range t.nodes {
		if !t.trace.Spans[i].Failed {
			continue
		}
		for p := t.nodes[i].parent; p >= 0 && !below[p]; p = t.nodes[p].parent {
			below[p] = true
		}
	}
	best := -1
	better := func(i int) bool {
		a, b := &t.nodes[i], &t.nodes[best]
		fa, fb := t.trace.Spans[i].Failed && !below[i], t.trace.Spans[best].Failed && !below[best]
		switch {
		case fa != fb:
			return fa
		case fa && a.critical != b.critical:
			return a.critical
		case fa:
			return t.begin(&t.trace.Spans[i]).Before(t.begin(&t.trace.Spans[best]))
		}
		return a.held > b.held
	}
	for i := range t.nodes {
		if best < 0 || better(i) {
			best = i
		}
	}
	return best
}
