package signal

import "time"

// EventKind says what an entry on the timeline is about.
type EventKind uint8

// The kinds of event.
const (
	EventNote       EventKind = iota // an operator's remark
	EventFault                       // a fault: from injected to verified undone
	EventProbe                       // a probe changed its state
	EventLoad                        // a load run started, changed or ended
	EventExperiment                  // an experiment changed its phase or reached its verdict
	EventAbort                       // everything was undone on request or by a guard
	EventProcess                     // a process of the system started or ended
	EventSource                      // a source was lost or came back
	EventSwitch                      // a resilience pattern or another switch was turned
	EventAlert                       // an alert is pending (Warning), firing (Bad), or over (Good, with its End)
	EventPerson                      // somebody came to a shared session, or left it
	EventIncident                    // an incident was opened, taken, passed on, told about or resolved
)

// Outcome is how an event is to be read: it decides colour, glyph and word, never only the colour.
type Outcome uint8

// The outcomes.
const (
	Neutral Outcome = iota
	Good
	Warning
	Bad
)

// Event is one entry of the append-only timeline. A second event with the same ID replaces the first (a fault that
// ended gets its End that way).
type Event struct {
	ID      uint64 // given by the timeline
	Start   time.Time
	End     time.Time // zero: an instant, or still going on when Open
	Open    bool      // going on
	Kind    EventKind
	Outcome Outcome
	Title   string // short: "payment +800ms", "p95"
	Detail  string // one sentence
	Target  string
	TraceID TraceID // the exemplar behind it, if any
	// Key is what a source calls the event, such as an alert's fingerprint and start; "" for most. One with a key that the
	// timeline has already replaces it, as one with its ID does.
	Key   string
	Attrs Attrs  // labels, such as those that an alert is silenced by
	By    string // who did it, in a session that several people share; "" otherwise
}

// SourceState says how a source is doing.
type SourceState uint8

// The states of a source.
const (
	SourceStarting SourceState = iota
	SourceLive
	SourceRetrying // lost; will be tried again at Retry
	SourceStopped
)

// SourceHealth is one source as the operator should see it: state, since when, what is being done about it, and the
// balance received = kept + filtered + dropped.
type SourceHealth struct {
	Name     string
	Kind     string // "otlp", "scrape", ...
	Address  string
	State    SourceState
	Since    time.Time
	Err      string // last error, "" when live
	Retry    time.Time
	Received uint64
	Kept     uint64
	Filtered uint64
	Dropped  uint64
}
