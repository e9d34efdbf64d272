// Package tui is the cockpit: the root model that routes keys, takes frames, and puts panes, header, timeline and
// footer together.
//
// It does no I/O of its own: what takes time is a command that runs beside it, and what it knows of the world is the
// last frame.
package tui

import (
	"context"
	"time"

	"gameday/sources/signal"
)

// Session is what the cockpit needs of the engine. All methods may be called from any goroutine, several at a time.
type Session interface {
	// Frame is the picture for a view. A cockpit calls it beside its screen, never twice at a time, and never more than ten
	// times a second while nothing is pressed; where several cockpits share a session, each does. nil is no picture. The same pointer as before means that nothing changed. Faults, Experiment,
	// Load, Health and Processes are those of now, also when the view's window lies in the past: an operator who looks
	// back must still see what is in force.
	Frame(v signal.View) *signal.Frame
	// Experiments and LoadPlans list what can be started, from memory, at once.
	Experiments() []Choice
	LoadPlans() []Choice
	// Plan says what starting the experiment or load plan would do. It touches nothing.
	Plan(ctx context.Context, id string) (Plan, error)
	// StartExperiment and StartLoad return once it runs; what becomes of it is in the frame.
	StartExperiment(ctx context.Context, id string) error
	StartLoad(ctx context.Context, id string) error
	// StopLoad ends the load that runs and leaves everything else alone.
	StopLoad(ctx context.Context) error
	// AdjustLoad changes the rate or the users of the load that runs, and says in a sentence what was done.
	AdjustLoad(ctx context.Context, how LoadChange) (string, error)
	// Abort undoes all faults and stops all load, and says what there was to undo. It may be called at any time, again too.
	Abort(ctx context.Context, reason string) (Aborted, error)
	// Proceed gives the go-ahead that the experiment waits for; see signal.ExperimentState.Suspended. To say no, abort.
	Proceed() error
	// Note puts an operator's remark onto the timeline.
	Note(text string)
	// Incident does something about an incident, and says in a sentence what was done.
	Incident(ctx context.Context, act IncidentAct) (string, error)
	// Silences are those in force at the systems that keep alerts quiet, the ones that end first first.
	Silences(ctx context.Context) ([]Silence, error)
	// Silence keeps alerts quiet, or ends a silence, and says in a sentence what was done.
	Silence(ctx context.Context, act SilenceAct) (string, error)
	// Set turns a switch of the frame.
	Set(ctx context.Context, name string, on bool) error
	// Done is closed, or gives an error first, when the session ended by itself. nil never ends.
	Done() <-chan error
}

// Choice is one experiment or load plan in a list.
type Choice struct {
	ID     string // unique among experiments and load plans together
	Title  string // "payment answers 800 ms late"
	Detail string // the hypothesis, what is done: a few sentences
}

// Plan is what would be done, shown before anything happens.
type Plan struct {
	Title       string
	Hypothesis  string
	Environment string
	Production  bool
	Faults      []PlannedFault
	Load        string        // "checkout mix, 120 req/s for 1m10s"; "" for none
	Probes      []string      // "p95 < 200ms"
	Duration    time.Duration // of the whole
	AbortWhen   []string      // what stops it early
	Typed       string        // the word to be typed before it can be started; "" for none
	Refused     string        // why it cannot be started now; "" when it can
}

// PlannedFault is one fault of a plan.
type PlannedFault struct {
	Title        string   // "payment +800ms"
	Kind         string   // "network.latency"
	Targets      []string // every one by name
	Share        string   // of the whole: "1 of 12 links (8 %)"
	Actions      []string // the calls or commands that will be made
	Undo         string   // how each is undone
	At, For      time.Duration
	Irreversible bool
}

// LoadChange is what an operator does to a load that runs.
type LoadChange struct {
	Factor float64 // of its rate or its users; 0 holds it
	Resume bool    // instead: lets a load that is held go on as it was
}

// IncidentAct is what somebody does about an incident.
type IncidentAct struct {
	Do       string // "open", "acknowledge", "escalate", "update", "severity", "resolve"
	ID       string // which; "" with open
	Text     string // title, update or resolution
	Severity int    // with open and severity: 1, the worst, to 4
	Trace    signal.TraceID
}

// Silence is one that is in force.
type Silence struct {
	ID, Source string
	Match      string // {service="payment"}
	Until      time.Time
	By, Reason string
}

// SilenceAct is what somebody does about alerts being heard.
type SilenceAct struct {
	Match  signal.Attrs  // the labels of the alerts that are to be quiet
	For    time.Duration // from now
	Reason string
	Expire string // instead: the ID of a silence that ends now
	Source string // with Expire: where it is
}

// Aborted says what an abort found and undid.
type Aborted struct {
	Faults     int // undone
	Load       bool
	Experiment bool
}
