package signal

import "time"

// Seek is which record a page of log records is laid around.
type Seek uint8

// What can be sought.
const (
	SeekNone       Seek = iota // no page is wanted
	SeekHere                   // the record itself
	SeekOldest                 // the oldest of the window
	SeekErrorOlder             // the nearest older record of level ERROR or above
	SeekErrorNewer             // the nearest newer one
)

// LogPageAsk asks for the records that match the view's log filter on both sides of one, in the view's window: whoever reads
// on where the newest ones end needs more than these. The zero value asks for none.
type LogPageAsk struct {
	Seek Seek
	Time time.Time // of the record to go from; of no use to SeekOldest
	Seq  uint64    // the record's
	No   uint32    // tells two askings apart that are otherwise the same
}

// LogPage is the answer.
type LogPage struct {
	Ask     LogPageAsk
	Records []Record // by time; at most PageSide on either side of the one that was sought
	At      int      // the one that was sought, or where it would stand; -1 when there is none
	First   bool     // none that matches is older than these, in the window
	Last    bool     // none is newer
}

// PageSide is how many records a page has before the one that was sought, and after it, at most.
const PageSide = 500

// TracePageAsk asks for the traces that come after one in the list that the view's trace filter orders: whoever reads on where the
// list ends needs more than these. The zero value asks for none.
type TracePageAsk struct {
	ID       TraceID
	Start    time.Time
	Duration time.Duration // by which a list of the slowest is ordered
	No       uint32        // tells two askings apart that are otherwise the same
}

// TracePage is the answer: at most PageSide traces, in the list's order. Without any the list has ended.
type TracePage struct {
	Ask    TracePageAsk
	Traces []TraceSummary
}
