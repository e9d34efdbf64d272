// Package action makes steps of other people's programs: a command or an HTTP request that does something, and one that
// takes it back. It is what experiments of other tools consist of whose harm is done by a script.
//
// Gameday does not know what such a step does. What it knows is how it is taken back, because that is written in the
// experiment, and it sees to it as it does for its own faults: the undo is in the journal before anything is done, and
// is carried out by the session, by its keeper or by `gameday recover`. It may be carried out more than once.
package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"gameday/chaos"
)

// Fault is action.do, which nothing takes back, or action.with-undo.
type Fault struct{ undone bool }

// NewDo returns action.do: activities that are carried out once, one after another.
func NewDo() *Fault { return &Fault{} }

// NewWithUndo returns action.with-undo: activities that are carried out when the step's time is over, and others, if any,
// when it begins.
func NewWithUndo() *Fault { return &Fault{undone: true} }

// Kind is "action.do" or "action.with-undo".
func (f *Fault) Kind() string {
	if f.undone {
		return "action.with-undo"
	}
	return "action.do"
}

// Hits the machine: what else is hit is not known.
func (*Fault) Hits() chaos.TargetKind { return chaos.TargetHost }

// Help says what happens.
func (f *Fault) Help() string {
	if f.undone {
		return "commands and requests of your own when it begins, and others, which take back what those did, when it ends; those must bear being repeated"
	}
	return "commands and requests of your own are carried out; nothing takes back what they do"
}

// Params are the activities.
func (f *Fault) Params() []chaos.Param {
	const how = `each {name, run: [program, argument] or shell: line or http: {url, method, headers, body}, expect: "= 0", timeout: 5s, mayFail: true}`
	do := chaos.Param{Name: "do", Type: "list", Required: !f.undone, Help: "what is done, one after another; " + how, Check: check}
	if !f.undone {
		return []chaos.Param{do}
	}
	return []chaos.Param{do, {Name: "undo", Type: "list", Required: true, Help: "what takes it back, one after another, whatever becomes of the one before", Check: check}}
}

// Reversible is whether there is an undo.
func (f *Fault) Reversible() bool { return f.undone }

// Patience is as long as all activities together may take.
func (*Fault) Patience(undo []byte) (apply, revert time.Duration) {
	var l lists
	if json.Unmarshal(undo, &l) != nil {
		return 0, 0
	}
	total := func(list []any) (d time.Duration) {
		all, err := parse(list)
		if err != nil {
			return 0
		}
		for _, a := range all {
			d += a.timeout()
		}
		return d + time.Second
	}
	return total(l.Do), total(l.Undo)
}

// lists are the activities as the experiment has them: references in them are not filled in.
type lists struct {
	Do   []any `json:"do,omitempty"`
	Undo []any `json:"undo,omitempty"`
}

// Plan reads the activities.
func (f *Fault) Plan(_ context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	c := &change{fault: f}
	c.lists.Do, _ = args["do"].([]any)
	c.lists.Undo, _ = args["undo"].([]any)
	var err error
	if c.do, err = parse(c.lists.Do); err != nil {
		return nil, fmt.Errorf("%s: do: %w", f.Kind(), err)
	}
	if c.undo, err = parse(c.lists.Undo); err != nil {
		return nil, fmt.Errorf("%s: undo: %w", f.Kind(), err)
	}
	if c.data, err = json.Marshal(c.lists); err != nil {
		return nil, fmt.Errorf("describe %s: %w", f.Kind(), err)
	}
	for _, t := range targets {
		c.targets = append(c.targets, t.Name)
	}
	return c, nil
}

// Restore carries the undo out.
func (f *Fault) Restore(ctx context.Context, undo json.RawMessage) error {
	var l lists
	if err := json.Unmarshal(undo, &l); err != nil {
		return fmt.Errorf("restore %s: %w", f.Kind(), err)
	}
	all, err := parse(l.Undo)
	if err != nil {
		return fmt.Errorf("restore %s: %w", f.Kind(), err)
	}
	return runAll(ctx, all)
}

// Remedy is the undo as a person would type it.
func (f *Fault) Remedy(undo []byte) string {
	var l lists
	var what []string
	if json.Unmarshal(undo, &l) == nil {
		if all, err := parse(l.Undo); err == nil {
			for _, a := range all {
				what = append(what, a.String())
			}
		}
	}
	return strings.Join(what, "; ")
}

type change struct {
	fault    *Fault
	lists    lists
	do, undo []activity
	data     json.RawMessage
	targets  []string
	reverted atomic.Bool
	count    atomic.Uint64
}

// Describe lists every command and request. Headers and bodies are not shown: they may hold secrets.
func (c *change) Describe() chaos.Description {
	d := chaos.Description{Targets: c.targets, Undo: "nothing takes it back"}
	var names []string
	for _, a := range c.do {
		names = append(names, a.title())
		d.Actions = append(d.Actions, a.String())
	}
	if len(c.undo) > 0 {
		var undo []string
		for _, a := range c.undo {
			undo = append(undo, a.String())
		}
		d.Undo = strings.Join(undo, "; ")
		if len(names) == 0 {
			names = []string{"rollback: " + c.undo[0].title()}
			d.Actions = []string{"nothing now"}
		}
	}
	d.Title = strings.Join(names, ", ")
	return d
}

// Undo are the activities as data.
func (c *change) Undo() json.RawMessage { return c.data }

// Apply carries the activities out. The first one that goes wrong ends it.
func (c *change) Apply(ctx context.Context) error {
	for _, a := range c.do {
		if c.reverted.Load() {
			return errors.New("it is being taken back already")
		}
		if err := a.run(ctx); err != nil {
			return err
		}
		c.count.Add(1)
	}
	return nil
}

// Revert carries the undo out.
func (c *change) Revert(ctx context.Context) error {
	if !c.fault.undone {
		return nil
	}
	c.reverted.Store(true)
	if err := runAll(ctx, c.undo); err != nil {
		return err
	}
	return nil
}

// Verify has nothing to look at: an undo that ended as expected is all that is known.
func (c *change) Verify(context.Context) error { return nil }

// Touched counts the activities. A rollback alone touches as much as it will undo.
func (c *change) Touched() (uint64, string) {
	if len(c.do) == 0 {
		return uint64(len(c.undo)), "rollbacks"
	}
	return c.count.Load(), "activities"
}

// runAll carries all out; one that goes wrong does not spare the others.
func runAll(ctx context.Context, all []activity) error {
	var errs []error
	for _, a := range all {
		errs = append(errs, a.run(ctx))
	}
	return errors.Join(errs...)
}
