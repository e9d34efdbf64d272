package proxy

import (
	"context"
	"encoding/json"
	"fmt"

	"gameday/chaos"
)

// Kind is one kind of fault that is made of rules on links.
type Kind struct {
	Name    string        // "network.latency"
	Summary string        // what the targets will feel
	Args    []chaos.Param //
	// Make reads the arguments. A missing one is the zero value: the controller has checked what is required, and filled
	// in defaults. Errors begin with the name of the argument.
	Make func(args chaos.Args, targets []chaos.Target) (Harm, error)
}

// Fault is a Kind for the links of a set, as a chaos.Fault.
type Fault struct {
	kind  Kind
	links *Set
	seed  uint64
}

// NewFault returns the fault. seed makes everything random in it repeatable. In a keeper or a recovery links is nil: what
// is to be restored there is only looked at.
func NewFault(k Kind, links *Set, seed uint64) *Fault { return &Fault{k, links, seed} }

// Kind is its name.
func (f *Fault) Kind() string { return f.kind.Name }

// Hits links.
func (*Fault) Hits() chaos.TargetKind { return chaos.TargetLink }

// Help says what the targets feel.
func (f *Fault) Help() string { return f.kind.Summary }

// Params are its arguments.
func (f *Fault) Params() []chaos.Param { return f.kind.Args }

// Reversible is true.
func (*Fault) Reversible() bool { return true }

// Plan finds the links and refuses those that cannot have the fault.
func (f *Fault) Plan(_ context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	h, err := f.kind.Make(args, targets)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.kind.Name, err)
	}
	return planRules(f.links, f.kind.Name, targets, h, f.seed)
}

// Restore checks that the proxy that did the harm is gone.
func (*Fault) Restore(_ context.Context, undo json.RawMessage) error { return restoreRules(undo) }

// Remedy is the command that remains.
func (*Fault) Remedy(undo []byte) string { return remedyFor(undo) }
