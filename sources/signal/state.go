package signal

import "time"

// Check is the state of one probe in one phase of an experiment.
type Check uint8

// The states. Unknown (no data) never counts as Passed.
const (
	CheckPending Check = iota // not measured yet
	CheckPassed
	CheckFailed
	CheckUnknown // measured, but there was no data, too little of it, or the source is down
	CheckError   // the measurement itself went wrong; neither passed nor failed
)

// String is the word that stands beside the glyph.
func (c Check) String() string {
	return [...]string{"pending", "passed", "failed", "unknown", "error"}[c]
}

// Phase is the stage an experiment is in.
type Phase uint8

// The phases, in their order.
const (
	PhaseIdle     Phase = iota
	PhaseLoading        // load runs, nothing is judged yet
	PhaseBefore         // steady state is checked before anything is touched
	PhaseDuring         // the method runs
	PhaseRollback       // faults are being undone
	PhaseAfter          // steady state must return
	PhaseDone
)

// String is the phase's name as the ladder's columns have it.
func (p Phase) String() string {
	return [...]string{"idle", "load", "before", "during", "rollback", "after", "done"}[p]
}

// Verdict is the end of an experiment.
type Verdict uint8

// The verdicts. They are different things, and each has its own exit code.
const (
	VerdictNone           Verdict = iota
	VerdictHeld                   // exit 0
	VerdictBroken                 // exit 1
	VerdictError                  // exit 2: could not run
	VerdictAborted                // exit 3
	VerdictRollbackFailed         // exit 4
	VerdictInconclusive           // exit 2: no data, or a fault that touched no traffic
)

// String is the verdict as it is told to a person.
func (v Verdict) String() string {
	return [...]string{"", "held", "did not hold", "could not run", "aborted", "rollback failed", "inconclusive"}[v]
}

// ExitCode is the process exit code that stands for the verdict.
func (v Verdict) ExitCode() int {
	switch v {
	case VerdictHeld:
		return 0
	case VerdictBroken:
		return 1
	case VerdictAborted:
		return 3
	case VerdictRollbackFailed:
		return 4
	}
	return 2
}

// ProbeState is one rung of the hypothesis ladder.
type ProbeState struct {
	Name    string
	Expect  string    // "< 200ms", as written in the experiment
	Value   string    // the last reading with its unit, "" before the first
	Now     Check     // the last reading judged
	History []float64 // recent readings, oldest first, NaN where there was no data; for a sparkline
	Before  Check
	During  Check
	After   Check
	Since   time.Time // when Now was entered
	TraceID TraceID   // the exemplar behind the failure
	Err     string    // why it is unknown or an error
	Mode    string    // "before", "after", "edge", "continuous", "on-fault": phases that are not judged stay pending
	// Recovery is the time from the moment when everything was undone to the first good reading after the last bad one.
	// Recovered is false while it is bad, and where the probe was never bad after the undo.
	Recovery  time.Duration
	Recovered bool
}

// FaultPhase is where a fault is on its way through plan, journal, apply, watch, undo, verify.
type FaultPhase uint8

// The phases of a fault.
const (
	FaultPlanned      FaultPhase = iota
	FaultInjecting               // intent is on disk
	FaultArmed                   // in force
	FaultUndoing                 //
	FaultUndone                  // and verified
	FaultIrreversible            // nothing to undo, such as a kill; the target is watched until it is back
	FaultNeedsHuman              // undo failed: Remedy is the exact command that remains
)

// String is the word the operator sees.
func (p FaultPhase) String() string {
	return [...]string{"planned", "injecting", "injected", "undoing", "undone", "irreversible", "NEEDS YOU"}[p]
}

// Active reports whether the fault may be in force.
func (p FaultPhase) Active() bool {
	return p == FaultInjecting || p == FaultArmed || p == FaultUndoing || p == FaultNeedsHuman
}

// FaultState is one fault as the operator sees it.
type FaultState struct {
	ID       string
	Kind     string // "network.latency"
	Title    string // "payment +800ms"
	Targets  []string
	Phase    FaultPhase
	Injected time.Time
	Until    time.Time // when it will be undone by itself
	Undone   time.Time
	Touched  uint64 // connections, requests or processes it acted on
	Unit     string // what Touched counts: "requests", "connections", "processes"
	Undo     string // how it is undone, in words
	Err      string
	Remedy   string // a command for a person, when all else failed
}

// Step is one bar of the method line.
type Step struct {
	Title string // "baseline", "payment +800ms", "recover"
	Start time.Duration
	End   time.Duration // both counted from the experiment's start
	Fault bool
}

// ExperimentState is the experiment that runs or ran last.
type ExperimentState struct {
	Name       string
	Title      string
	Hypothesis string
	Phase      Phase
	Verdict    Verdict
	Reason     string // why the verdict is what it is, one sentence
	Started    time.Time
	Ended      time.Time
	Elapsed    time.Duration
	Total      time.Duration // planned
	Probes     []ProbeState
	Steps      []Step
	Suspended  *Suspension // what the method waits for; nil when it goes on
	Skipped    []string    // steps whose condition was not met, in words
	By         string      // who started it, in a session that several people share
}

// Suspension is a method that waits for an operator's go-ahead.
type Suspension struct {
	Message string
	Since   time.Time
	Until   time.Time // when the run is given up; zero: never
}

// LoadState is the load run that is going on or went last, over the last whole second unless a field says otherwise.
type LoadState struct {
	Name      string
	Scenario  string
	Running   bool
	Paused    bool
	Started   time.Time
	Elapsed   time.Duration
	Total     time.Duration
	Target    float64 // intended rate, requests per second; 0 for a closed model
	Rate      float64 // answers per second
	Users     int     // virtual users in a closed model, connections in an open one
	InFlight  int
	Sent      uint64 // since start
	Done      uint64
	Failed    uint64
	Missed    uint64 // arrivals that were due and could not be sent: generator saturated
	ErrorRate float64
	P50       time.Duration
	P90       time.Duration
	P95       time.Duration
	P99       time.Duration
	Max       time.Duration
	Errors    []ErrorCount
	Steps     []LoadStep // per step of the scenario
	Exemplars []RequestExemplar

	By          string          // who started it, in a session that several people share
	Adjustable  bool            // an operator may change its rate or its users while it runs
	Phases      LoadPhases      // where the time of a request went, on average
	PhasesTotal LoadPhases      // since start
	Seconds     []LoadSecond    // the latest ones, oldest first, at most LoadSecondsKept; shared and never changed
	Spectrum    []LatencyShare  // of all latencies measured so far, rising; shared and never changed
	Thresholds  []LoadThreshold // as they stand now, or at the end
}

// ErrorCount is one kind of failure and how often it came.
type ErrorCount struct {
	Kind  string
	Count uint64
}

// LoadStep is one step of a scenario.
type LoadStep struct {
	Name               string
	Rate               float64
	Done, Failed       uint64
	P50, P90, P95, P99 time.Duration
	Extras             []LoadExtra // figures of its protocol's own, since start
}

// RequestExemplar is one request of the load engine worth looking at: slow or failed.
type RequestExemplar struct {
	At            time.Time
	Step          string
	Latency       time.Duration // from the intended start
	Status        int
	Err           string
	TraceID       TraceID
	CorrelationID string
}

// Process is one process of the system under test, as its supervisor sees it.
type Process struct {
	Name     string
	PID      int
	State    string // "up", "starting", "paused", "down"
	Restarts int
	Address  string
}

// Switch is something the operator can turn while the system runs, such as a resilience pattern of the demo shop.
type Switch struct {
	Name string // "patterns", "checkout/breaker"
	On   bool
	Help string
}

// Trend says where the use of a resource is going.
type Trend uint8

// The trends. Unknown is too little to tell.
const (
	TrendUnknown Trend = iota
	TrendStable
	TrendImproving
	TrendDegrading
)

// String is the word that stands beside the arrow.
func (t Trend) String() string {
	return [...]string{"not known yet", "stable", "improving", "degrading"}[t]
}

// Resource is one resource of the machine that gameday runs on.
type Resource struct {
	Name    string // "CPU", "disk /var"
	Ratio   bool   // Now is a share of the whole, 0 to 1
	Unit    string // else
	Now     float64
	History []float64 // of the last minutes, oldest first; shared and never changed
	Trend   Trend
}
