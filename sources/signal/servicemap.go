package signal

import "time"

// ServiceMap is who calls whom in a window, as far as the spans held tell. It is never changed once handed out.
type ServiceMap struct {
	Window   Window        // what was counted
	Services []MapService  // by name
	Calls    []MapCall     // by caller, then by whom is called
	Worst    int           // of Calls: where most failures begin, else where most of the time goes; -1 for none
	Why      string        // why that one, in a few words: "most failures begin here"
	Faults   []MapFault    // those of the frame's window, on the calls and services they act on
	Spans    int           // that were counted
	Requests int           // traces that they belong to
	Left     int           // spans of the window that were not counted: there are more than are looked at
	More     int           // services that are not on the map: there are more than fit on one
	Took     time.Duration // to count
}

// Outside is the name under which whoever calls into the system stands on the map.
const Outside = ""

// MapKind is what a service of the map is.
type MapKind uint8

// The kinds. All but MapTold send no spans, and are known by the calls to them.
const (
	MapTold     MapKind = iota // it sends spans
	MapOutside                 // whoever calls into the system
	MapDatabase                // the calls to it say so
	MapQueue
	MapPeer   // something else: an address, or a name that the calls to it give
	MapUnseen // a source names it, but no span of it or of a call to it is held
)

// String is the word for it.
func (k MapKind) String() string {
	return [...]string{"service", "outside", "database", "queue", "peer", "no spans"}[k]
}

// MapService is one service, or what stands for one.
type MapService struct {
	Name   string
	Kind   MapKind
	Served MapFigures // the visits to it, whoever made them
}

// MapCall is all calls from one service to another. From is Outside for requests that come into the system.
type MapCall struct {
	From, To string
	MapFigures
	Origins  int           // failed calls below which nothing failed: the failure began there
	Own      time.Duration // the sum of what was spent on the way and in the service itself, without its own calls
	Share    float64       // of Own, of all that was spent in the window by anybody, 0 to 1
	Examples []MapExample  // failed ones first, then the slowest
	// By is the source that names the call when no span of it is held: then there are no figures, but for Told, which is how many
	// calls the source counted, 0 when it does not say. "" for a call of which spans are held.
	By   string
	Told uint64
}

// MapFigures are those of many calls. Durations are nearest-rank percentiles over all of them, by the caller's clock.
type MapFigures struct {
	Count, Failed            int
	Rate                     float64 // per second
	P50, P95, P99, Max, Mean time.Duration
}

// ErrorShare is the share that failed, 0 to 1.
func (f MapFigures) ErrorShare() float64 {
	if f.Count == 0 {
		return 0
	}
	return float64(f.Failed) / float64(f.Count)
}

// MapExample is one call.
type MapExample struct {
	Trace    TraceID
	Span     SpanID // the call's, or the called one's when there is none of the call
	At       time.Time
	Duration time.Duration
	Failed   bool
	Name     string // of that span
}

// MapFault is a fault on the map. From and To name the call it acts on; To alone the service, when Call is false; To is empty
// when what it acts on is not on the map.
type MapFault struct {
	ID       uint64 // of its event
	Title    string
	Target   string // as the fault names it
	Call     bool
	From, To string
	Active   bool // in force at the end of the window; else it was, earlier in the window
	Start    time.Time
	End      time.Time // zero while it is in force
}
