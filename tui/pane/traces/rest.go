package traces

import (
	"slices"

	"gameday/sources/signal"
)

// Bounds of a list that is read on.
const (
	nearEnd = 50     // so many rows from its end more of it is asked for
	longest = 10_000 // traces
)

// rest is what comes after the traces of a frame in the list, as far as the operator has read on.
type rest struct {
	list  []signal.TraceSummary
	of    signal.TraceID // the one that it comes after
	ended bool
	ask   signal.TracePageAsk // what was asked for and has not come yet
	asks  uint32

	whole []signal.TraceSummary // what after gave last
	from  *signal.TraceSummary  // of what
}

// after is a frame's list with the rest, unless that belongs to another list.
func (r *rest) after(newest []signal.TraceSummary) []signal.TraceSummary {
	n := len(newest)
	switch {
	case len(r.list) == 0:
		return newest
	case n == 0 || newest[n-1].ID != r.of:
		r.end()
		return newest
	case r.from != &newest[0] || len(r.whole) != n+len(r.list):
		r.from, r.whole = &newest[0], append(slices.Clip(newest), r.list...)
	}
	return r.whole
}

// end forgets it.
func (r *rest) end() { *r = rest{asks: r.asks} }

// want asks for more when the cursor comes near the end of the list.
func (r *rest) want(list []signal.TraceSummary, at int) {
	if at < len(list)-nearEnd || r.ended || !r.ask.ID.IsZero() || len(list) >= longest {
		return
	}
	if len(r.list) == 0 {
		r.of = list[len(list)-1].ID
	}
	last := list[len(list)-1]
	r.asks++
	r.ask = signal.TracePageAsk{ID: last.ID, Start: last.Start, Duration: last.Duration, No: r.asks}
}

// adopt takes what was asked for.
func (r *rest) adopt(page *signal.TracePage) {
	if page == nil || r.ask.ID.IsZero() || page.Ask != r.ask {
		return
	}
	r.ask = signal.TracePageAsk{}
	r.ended = len(page.Traces) == 0
	r.list = append(slices.Clip(r.list), page.Traces...)
}
