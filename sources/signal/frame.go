package signal

import "time"

// View says which picture is wanted: the window, the focus, and what each pane filters by.
type View struct {
	Window Window
	Step   time.Duration // distance of two chart points; 0 lets the session choose
	Live   bool          // Window.To is now; metrics may come from the last evaluation
	Focus  CorrelationID // "" is everything
	Trace  TraceID       // the trace whose spans and records are wanted in Frame.Detail
	Logs   LogFilter
	Traces TraceFilter

	Patterns bool   // Frame.Patterns is wanted
	Such     string // the log filter of which Frame.Such is wanted; "" is none
	Around   Around // the record whose neighbours are wanted in Frame.Around
	LogPage  LogPageAsk
	More     TracePageAsk // for Frame.More

	Map     bool       // Frame.Map is wanted
	Compare CompareAsk // which traces are wanted in Frame.Compare

	Catalog    bool   // Frame.Catalog is wanted
	Runs       bool   // Frame.Runs
	Report     string // the ID of the kept run whose report is wanted
	Definition string // the ID of the experiment whose file is wanted
	Board      BoardView
}

// LogFilter narrows log records. The zero value admits everything.
type LogFilter struct {
	Text     string // what the operator typed; the store's grammar: words, "quoted", -word, key=value, level>=warn
	MinLevel Severity
	Limit    int // newest so many; 0 means 500
}

// TraceFilter narrows the list of traces. The zero value admits everything, newest first.
type TraceFilter struct {
	Text   string // words match service and operation; status=error; duration>200ms; service=checkout
	Order  TraceOrder
	Failed bool // only traces with an error
	Limit  int  // 0 means 200
}

// TraceOrder is how a list of traces is sorted.
type TraceOrder uint8

// The orders.
const (
	TracesRecent TraceOrder = iota
	TracesSlowest
)

// Panel is one chart: an expression and the series it gave for the frame's window.
type Panel struct {
	Title  string
	Query  string
	Unit   string // "s", "req/s", "%", "bytes", ""
	Bound  float64
	Series []Series
	Err    string // why it is empty, not whole, or old
	Failed bool   // Err is what went wrong, not that there is nothing
	// Stale is the end of the last window that was answered: its series are shown while the source is lost. Zero when they are new.
	Stale time.Time
}

// Keep takes over what the last answer had when this one failed, so that a chart does not vanish with its source; at is the end of the
// window that was answered then. What lies before the window is of no use any more. It reports whether it took anything over.
func (p *Panel) Keep(last Panel, at time.Time, w Window) bool {
	if !p.Failed || len(p.Series) > 0 {
		return false
	}
	for _, s := range last.Series {
		if n := len(s.Samples); n > 0 && !s.Samples[n-1].T.Before(w.From) {
			p.Series, p.Stale = last.Series, at
			if !last.Stale.IsZero() {
				p.Stale = last.Stale
			}
			return true
		}
	}
	return false
}

// Note says that the series are old, and why, or what of them is missing; "" when they are new and whole. loc is for the clock.
func (p Panel) Note(loc *time.Location) string {
	switch {
	case !p.Stale.IsZero():
		return "stale since " + p.Stale.In(loc).Format("15:04:05") + ": " + p.Err
	case len(p.Series) > 0:
		return p.Err
	}
	return ""
}

// Headline is the header's four figures over the last seconds of the window. A negative value is unknown.
type Headline struct {
	Rate      float64 // requests per second
	P95       float64 // seconds
	ErrorRate float64 // share, 0..1
	Budget    float64 // error budget left, share 0..1
}

// Frame is one immutable picture of a window of time. A pane is a function of it.
type Frame struct {
	System        string // "shop"
	Environment   string // "demo", "staging", "production"
	Window        Window
	Now           time.Time // when the frame was made
	Focus         CorrelationID
	Headline      Headline
	Metrics       []Panel
	Board         *Board   // nil when the view asked for none
	Logs          []Record // oldest first, at most the limit, the newest of those that match
	LogsTotal     int      // records held in the window before filtering; an estimate when LogsPartial
	LogsNear      int      // records in the window that may belong to the focus; see Record.Near
	LogsPartial   bool     // the filter did not look at every record of the window within its budget
	LogsErr       string   // which part of the filter's text was not understood and is left out, and what is allowed
	LogsWords     []string // the words the filter looks for, in lower case, so that a pane can mark them
	Traces        []TraceSummary
	TracesTotal   int        // traces in the window before filtering
	TracesPartial bool       // as LogsPartial
	TracesErr     string     // as LogsErr
	More          *TracePage // nil unless the view asks for one
	Detail        *Trace     // the trace the view asked for, nil when it is not held
	Events        []Event    // by start
	Meanwhile     []Event    // faults and experiments that were going on while Detail's trace ran, whatever the window; by start
	Fields        []string   // the attributes that join signals besides the trace ID, in lower case, sorted
	Health        []SourceHealth
	Lookup        *Lookup          // what the sources are asked, or were asked last, about the focus; nil before the first
	Experiment    *ExperimentState // nil before the first
	Load          *LoadState       // nil before the first
	Faults        []FaultState     // active first, then the last ones undone
	Processes     []Process
	Host          []Resource // the machine that gameday runs on; nil when it is not measured
	Switches      []Switch
	SLOs          []SLO
	Incidents     []Incident // open ones first, then the newest
	Scorecard     *Scorecard // nil before the first
	Store         StoreStats
	People        []Person // who looks at a shared session; nil when it is not shared

	Around        []Record     // what the view asked for, by time, with the record itself; nil when it is not held any more
	LogPage       *LogPage     // nil unless the view asks for one, and until the filter has looked at all records that count
	Patterns      []LogPattern // in the window, new ones first, then the most frequent; nil unless the view asks for them
	Such          *SuchAs      // nil unless the view asks for it
	PatternsSince time.Time    // what New in Patterns is counted from; zero: nothing has begun

	Map     *ServiceMap // nil unless the view asks for it, and until it has been counted
	Compare *Comparison // nil unless the view asks for one

	Catalog     []FaultKind  // nil unless the view asks for it
	Runs        []KeptRun    // newest first; nil unless the view asks for them
	Report      *KeptReport  // nil until it has been read
	Definitions []Definition // of the experiments that can be run
}

// Person is somebody at a shared session.
type Person struct {
	Name     string
	Operator bool // may start and undo things; others only look
	Views    int  // how many terminals are open
	Since    time.Time
}

// StoreStats is the balance of the bounded memory: received = kept + filtered + dropped, per kind of signal.
type StoreStats struct {
	Logs, Spans, Events KindStats
	MetricSeries        int
}

// KindStats counts one kind of signal since start.
type KindStats struct {
	Received uint64
	Held     uint64 // still in memory
	Evicted  uint64 // pushed out by newer ones
	Dropped  uint64 // never kept: too old, or the queue was full
	Filtered uint64
	Bytes    uint64
	MaxBytes uint64
}

// Lookup is how far it is that the sources were asked about one correlation ID.
type Lookup struct {
	ID     CorrelationID
	Asking bool
	Found  int      // signals that the sources told
	When   Window   // from the first of them to the end of the last; zero when there are none
	Silent []string // sources that did not answer, with the reason
}
