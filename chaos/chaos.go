// Package chaos injects faults and takes them back.
//
// The order is always plan, journal, apply, watch, undo, verify. A fault is described, with its undo as data, before
// anything is touched; the description is on disk before the first effect; and whoever dies, someone is left who can
// read it and undo it. Package chaos knows nothing of screens, stores or load: it says what happened through the
// vocabulary of package signal.
package chaos

import (
	"context"
	"encoding/json"
)

// TargetKind says what can be done to a target.
type TargetKind string

// The kinds of target.
const (
	TargetProcess   TargetKind = "process"   // has PID and StartTicks
	TargetLink      TargetKind = "link"      // a network path between two services that an embedded proxy carries
	TargetHost      TargetKind = "host"      // this machine
	TargetPath      TargetKind = "path"      // a directory or mount point; Name is its absolute path
	TargetContainer TargetKind = "container" // has its engine ID in Labels["id"]
)

// Target is one thing that a fault can hit.
type Target struct {
	Kind       TargetKind
	Name       string            // unique within its kind: "payment", "checkout→payment"
	Labels     map[string]string // service, role, zone; from and to for a link
	PID        int               // process only
	StartTicks uint64            // process only: start time in clock ticks since boot (/proc/PID/stat field 22); guards against PID reuse
	Address    string            // host:port of the process, or of the link's upstream
}

// Inventory lists what is there to be hit, now.
type Inventory interface {
	Targets(ctx context.Context) ([]Target, error)
}

// Args are a fault's arguments as the experiment gives them, already checked against the fault's Params.
type Args map[string]any

// Param describes one argument of a fault: for validation, for the JSON Schema and for the docs.
type Param struct {
	Name     string
	Type     string // "duration", "int", "percent", "string", "bool", "list"
	Required bool
	Default  any
	Min, Max float64 // both zero: unbounded
	OneOf    []string
	Help     string
	Check    func(list []any) error // of a list: what is wrong with it; nil is anything goes
}

// Fault is one kind of harm. Planning touches nothing.
type Fault interface {
	Kind() string     // "network.latency"
	Hits() TargetKind // what it acts on
	Help() string     // one sentence: what the targets will feel
	Params() []Param  //
	Reversible() bool // false: there is nothing to undo, such as a kill
	Plan(ctx context.Context, targets []Target, args Args) (Change, error)
	// Restore undoes what Plan described, from the data in the journal alone, in any process, any number of times. It
	// compares before it restores, so that nothing that is not ours is touched. It returns nil when nothing of the fault
	// is left.
	Restore(ctx context.Context, undo json.RawMessage) error
}

// Change is one planned fault: it hands back its own undo, so that rollback cannot be forgotten.
type Change interface {
	Describe() Description
	Undo() json.RawMessage // the undo as data, for the journal; fixed at plan time
	// Apply takes effect. When its context ends it may be left behind while Revert runs; it must not touch anything after
	// Revert was called.
	Apply(ctx context.Context) error
	Revert(ctx context.Context) error     // idempotent; nil when nothing is left
	Verify(ctx context.Context) error     // nil: measured, nothing of the fault is left
	Touched() (count uint64, unit string) // what it acted on so far, measured
}

// Description says, before anything happens, what would be done and how it would be undone.
type Description struct {
	Title   string   // "payment +800ms": fits on the timeline
	Targets []string // by name
	Actions []string // the calls or commands that will be made, one a line
	Undo    string   // how each is undone
}
