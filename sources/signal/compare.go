package signal

import "time"

// CompareAsk says which two traces are wanted side by side. The zero value asks for none.
type CompareAsk struct {
	A, B    TraceID // A is what B is measured by
	Typical bool    // A is to be chosen: a healthy request of the same kind as B, from before what went wrong
}

// Comparison is two traces side by side: their spans joined by service, operation and position. It is never changed once handed
// out.
type Comparison struct {
	Ask  CompareAsk
	A, B TraceSummary
	How  string // how A was chosen; "" when the operator chose it
	Err  string // why there is nothing to compare; "" when there is
	Rows []CompareRow
	Top  []int // rows that contribute most to the difference, by self time, the greatest first
	// OnlyA, OnlyB and Both count the rows.
	OnlyA, OnlyB, Both int
	Left               int // spans that were not compared: a trace has more than are looked at
}

// CompareRow is one span of either trace, or one of each that are the same step. Rows are in the order of the joined tree.
type CompareRow struct {
	Depth int
	A, B  *CompareSide // nil: the step is not in that trace
	Self  time.Duration
}

// CompareSide is the step in one of the traces.
type CompareSide struct {
	Span  *Span
	Start time.Duration // since the trace's start
	Self  time.Duration // without its children
}

// Took is how much longer the step took in B; where one trace has it not, all of it.
func (r *CompareRow) Took() time.Duration {
	var d time.Duration
	if r.B != nil {
		d += r.B.Span.Duration
	}
	if r.A != nil {
		d -= r.A.Span.Duration
	}
	return d
}

// Any is the step in B, or in A where B has it not.
func (r *CompareRow) Any() *CompareSide {
	if r.B != nil {
		return r.B
	}
	return r.A
}
