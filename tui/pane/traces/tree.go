package traces

import (
	"sort"
	"time"

	"gameday/sources/signal"
)

// node is one span in its tree.
type node struct {
	span     int // index into Trace.Spans
	parent   int // node of the parent, -1 for a root
	depth    int
	children []int         // nodes, by start
	logs     []int         // indexes into Trace.Logs, by time
	orphan   bool          // its parent is not in the trace
	skewed   bool          // it starts before its parent: clocks differ, in a way that cannot be corrected
	critical bool          // on the critical path
	held     time.Duration // how long it held the request up by itself, on that path
	moved    bool          // its service's clock differs, and it is the first of that service: where that is said
}

// tree is a trace made ready for drawing. Building it is linear in spans and log lines.
type tree struct {
	trace *signal.Trace
	nodes []node // one per span, same index
	roots []int
	loose []int // log lines whose span is not in the trace
	start time.Time
	total time.Duration
	tells int                      // the span that says most, -1 without spans
	skews map[string]time.Duration // by how much services' clocks are ahead; taken out for drawing
}

// begin is when a span began, by the clock of the trace's first service.
func (t *tree) begin(s *signal.Span) time.Time { return s.Start.Add(-t.skews[s.Service]) }

func (t *tree) end(s *signal.Span) time.Time { return t.begin(s).Add(s.Duration) }

// wrote is when a log line was written, by the same clock.
func (t *tree) wrote(r *signal.Record) time.Time { return r.Time.Add(-t.skews[r.Service]) }

// skewSlack is how much earlier than its parent a span may start before clocks are blamed.
const skewSlack = time.Millisecond

func newTree(tr *signal.Trace) *tree {
	t := &tree{trace: tr, nodes: make([]node, len(tr.Spans)), skews: signal.ClockSkews(tr.Spans)}
	byID := make(map[signal.SpanID]int, len(tr.Spans))
	for i := range tr.Spans {
		if _, twice := byID[tr.Spans[i].SpanID]; !twice {
			byID[tr.Spans[i].SpanID] = i
		}
	}
	for i := range tr.Spans {
		s := &tr.Spans[i]
		t.nodes[i] = node{span: i, parent: -1}
		if s.ParentID.IsZero() {
			continue
		}
		if p, ok := byID[s.ParentID]; ok && p != i {
			t.nodes[i].parent = p
			t.nodes[i].skewed = t.begin(s).Before(t.begin(&tr.Spans[p]).Add(-skewSlack))
			t.nodes[i].moved = t.skews[s.Service] != t.skews[tr.Spans[p].Service]
		} else {
			t.nodes[i].orphan = true
		}
	}
	t.cutCycles()
	for i := range t.nodes {
		if p := t.nodes[i].parent; p >= 0 {
			t.nodes[p].children = append(t.nodes[p].children, i)
		} else {
			t.roots = append(t.roots, i)
		}
	}
	t.sortByStart()
	t.attachLogs(byID)
	t.measure()
	t.setDepths()
	t.markCritical()
	t.tells = t.telling()
	return t
}

// cutCycles makes roots of spans that are their own ancestors, so that every span is reached exactly once.
func (t *tree) cutCycles() {
	const (
		unseen = iota
		onPath
		done
	)
	state := make([]uint8, len(t.nodes))
	var path []int
	for i := range t.nodes {
		path = path[:0]
		for n := i; n >= 0 && state[n] != done; n = t.nodes[n].parent {
			if state[n] == onPath {
				t.nodes[n].parent, t.nodes[n].orphan = -1, true
				break
			}
			state[n] = onPath
			path = append(path, n)
		}
		for _, n := range path {
			state[n] = done
		}
	}
}

func (t *tree) sortByStart() {
	spans := t.trace.Spans
	byStart := func(list []int) func(i, j int) bool {
		return func(i, j int) bool { return t.begin(&spans[list[i]]).Before(t.begin(&spans[list[j]])) }
	}
	sort.SliceStable(t.roots, byStart(t.roots))
	for i := range t.nodes {
		if c := t.nodes[i].children; len(c) > 1 {
			sort.SliceStable(c, byStart(c))
		}
	}
}

func (t *tree) attachLogs(byID map[signal.SpanID]int) {
	for i := range t.trace.Logs {
		if n, ok := byID[t.trace.Logs[i].SpanID]; ok {
			t.nodes[n].logs = append(t.nodes[n].logs, i)
		} else {
			t.loose = append(t.loose, i)
		}
	}
}

// measure finds the time that the waterfall spans: from the earliest start to the latest end, whatever the summary says.
func (t *tree) measure() {
	var end time.Time
	for i := range t.trace.Spans {
		s := &t.trace.Spans[i]
		if b := t.begin(s); i == 0 || b.Before(t.start) {
			t.start = b
		}
		if e := t.end(s); i == 0 || e.After(end) {
			end = e
		}
	}
	t.total = max(end.Sub(t.start), time.Nanosecond)
}

func (t *tree) setDepths() {
	stack := append([]int(nil), t.roots...)
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, c := range t.nodes[n].children {
			t.nodes[c].depth = t.nodes[n].depth + 1
			stack = append(stack, c)
		}
	}
}

// share is where an instant lies in the waterfall, 0 to 1 for those inside.
func (t *tree) share(at time.Time) float64 { return float64(at.Sub(t.start)) / float64(t.total) }

// item is one row of the waterfall.
type item struct {
	kind  itemKind
	index int // a node, or a log line
	attr  int // which fact, for details
	depth int
	key   string // for details: the fact's name, in its first row only
	text  string // for details: this row of it
}

type itemKind uint8

const (
	spanItem itemKind = iota
	logItem
	detailItem // a row of a fact about the span above
	factItem   // the same of the log line above
)

// folding is what the operator has hidden and shown of a waterfall, and how wide the rows of facts may be.
type folding struct {
	collapsed map[signal.SpanID]bool
	expanded  map[signal.SpanID]bool
	lines     map[uint64]bool // log lines whose facts are shown, by Seq
	width     int
}

// items lists the rows in order: spans before their children, children and log lines of a span merged by time.
func (t *tree) items(f *folding) []item {
	out := make([]item, 0, len(t.nodes)+len(t.trace.Logs))
	type level struct {
		kids, logs []int
		depth      int
	}
	stack := []level{{t.roots, t.loose, 0}}
	for len(stack) > 0 {
		l := &stack[len(stack)-1]
		switch {
		case len(l.kids) == 0 && len(l.logs) == 0:
			stack = stack[:len(stack)-1]
		case len(l.kids) == 0 || len(l.logs) > 0 && t.wrote(&t.trace.Logs[l.logs[0]]).Before(t.begin(&t.trace.Spans[l.kids[0]])):
			i := l.logs[0]
			out = append(out, item{kind: logItem, index: i, depth: l.depth})
			if f.lines[t.trace.Logs[i].Seq] {
				out = append(out, wrapped(lineFacts(&t.trace.Logs[i]), item{kind: factItem, index: i, depth: l.depth + 1}, f.width)...)
			}
			l.logs = l.logs[1:]
		default:
			n := l.kids[0]
			l.kids = l.kids[1:]
			depth := l.depth
			out = append(out, item{kind: spanItem, index: n, depth: depth})
			id := t.trace.Spans[n].SpanID
			if f.expanded[id] {
				out = append(out, wrapped(details(&t.trace.Spans[n]), item{kind: detailItem, index: n, depth: depth + 1}, f.width)...)
			}
			if !f.collapsed[id] {
				stack = append(stack, level{t.nodes[n].children, t.nodes[n].logs, depth + 1})
			}
		}
	}
	return out
}

func kindName(k signal.SpanKind) string {
	names := []string{"unspecified", "internal", "server", "client", "producer", "consumer"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}
