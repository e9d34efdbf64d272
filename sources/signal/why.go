package signal

import "time"

// Why is an answer to "what changed": what the bad requests of one stretch of time have in common that the others have
// not. Rows and Metrics are best first, and never changed once handed out.
type Why struct {
	Baseline Window
	Interest Window
	Since    string // what the windows were chosen by: "since payment +800ms"
	Requests int    // of the window of interest that were looked at
	Bad      int    // of those: failed, or slower than their operation ever was in the baseline but for the slowest hundredth
	Failed   int    // of the bad ones: with a failed span
	Before   int    // requests of the baseline that were looked at
	Underway int    // begun in the window two seconds before its end or earlier, and the root has not come: they run still, hang, or are lost
	Chance   bool   // no more are bad than are by chance when nothing has changed
	Active   []string
	Rows     []WhyRow
	Metrics  []WhyMetric
	Notes    []string // what the answer does not cover, and why
	Took     time.Duration
}

// WhyKind is what sort of candidate a row is.
type WhyKind uint8

// The kinds.
const (
	WhyFails   WhyKind = iota // a call or an operation fails, and nothing below it does
	WhySlow                   // a call or an operation takes longer by itself, without what it waits for
	WhyMissing                // a service that usually answers left no span
	WhyMore                   // an operation is done more often than it ever was before, or is new
	WhyLog                    // lines of one pattern
	WhyAttr                   // an attribute has one value
	WhyEntry                  // requests of one kind
)

// String is the word in the column.
func (k WhyKind) String() string {
	return [...]string{"fails", "slow", "missing", "more", "log", "attribute", "entry"}[k]
}

// WhyRow is one candidate.
type WhyRow struct {
	Kind      WhyKind
	Service   string // "" when it is about all that call Peer
	Peer      string // the service that Service calls, when it is about the call; "" when it is about Service itself
	Operation string
	What      string // one line: what is so
	Bad, Good float64
	BadCount  int     // bad requests that have it
	GoodCount int     // other requests that have it, the baseline's included
	Lift      float64 // Bad over Good, +Inf when no good request has it
	P         float64 // corrected for the number of candidates
	Score     float64 // what rows are ranked by, 0 to 1
	Example   TraceID // the bad request that shows it best
	Also      []string
}

// Where names the place: "checkout → payment", or the service.
func (r *WhyRow) Where() string {
	switch {
	case r.Peer == "":
		return r.Service
	case r.Service == "":
		return "all → " + r.Peer
	}
	return r.Service + " → " + r.Peer
}

// WhyMetric is one series that moved.
type WhyMetric struct {
	Name          string // with labels
	Rate          bool   // a counter: the figures are per second
	Before, After float64
	Greater       float64 // share of pairs in which the later value is the greater one
	P             float64 // corrected
}

// WhyAsk says what a Why is wanted about.
type WhyAsk struct {
	Window Window    // what is on the screen
	At     time.Time // the instant the operator stands at; zero: now
}
