package cgroup

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gameday/chaos"
	"gameday/chaos/fault/process"
)

// Fault is a fault that consists in one limit of a control group on processes. The fields are set once, by whoever
// makes it.
type Fault struct {
	Name       string // its kind
	Feels      string // its help
	Controller Controller
	Arguments  []chaos.Param // besides the scope, which all have
	// Limits turns checked arguments into what Request.Limit is, and the words for the title, such as "limited to 0.2 cores".
	Limits func(args chaos.Args) (limit func(g Group, pids []int, own bool) ([]Setting, error), words string, err error)
}

// Kind is the fault's name.
func (f *Fault) Kind() string { return f.Name }

// Hits processes.
func (*Fault) Hits() chaos.TargetKind { return chaos.TargetProcess }

// Help says what the targets feel.
func (f *Fault) Help() string { return f.Feels }

// Params are the fault's own and the scope.
func (f *Fault) Params() []chaos.Param {
	return append(append([]chaos.Param{}, f.Arguments...), chaos.Param{Name: "scope", Type: "string", Default: Scopes[0], OneOf: Scopes,
		Help: "process: a control group of our own for each target; group: the one that it is in, with all that is in it; auto: that, when nothing else is in it"})
}

// Reversible is true.
func (*Fault) Reversible() bool { return true }

// Available says why the fault cannot be injected on this machine, or nil.
func (f *Fault) Available() error {
	s, err := Open()
	if err == nil {
		err = s.Available(f.Controller)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	return nil
}

// Plan works out where the limits go.
func (f *Fault) Plan(_ context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	s, err := Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	vs, err := process.Pin(f.Name, targets)
	if err != nil {
		return nil, err
	}
	limit, words, err := f.Limits(args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	scope, _ := args["scope"].(string) // absent: auto
	c, err := s.Plan(Request{Kind: f.Name, Controller: f.Controller, Members: vs, Scope: scope, Limit: limit})
	if err != nil {
		return nil, err
	}
	l := &limited{Change: c}
	for _, v := range vs {
		l.names = append(l.names, v.Name)
	}
	l.title = strings.Join(l.names, ", ") + " " + words
	return l, nil
}

// Restore takes off the limits that the undo names.
func (f *Fault) Restore(ctx context.Context, undo json.RawMessage) error {
	u, err := ReadUndo(f.Name, undo)
	if err != nil {
		return err
	}
	return u.Restore(ctx)
}

// Remedy is the commands that remain.
func (f *Fault) Remedy(undo []byte) string {
	u, err := ReadUndo(f.Name, undo)
	if err != nil {
		return ""
	}
	return u.Remedy()
}

type limited struct {
	*Change
	title string
	names []string
}

func (l *limited) Describe() chaos.Description {
	return chaos.Description{Title: l.title, Targets: l.names, Actions: l.Actions(), Undo: l.Text()}
}

func (l *limited) Touched() (uint64, string) { return l.Count(), "limits" }
