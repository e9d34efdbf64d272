package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"gameday/chaos"
	"gameday/chaos/proc"
)

type counter struct{ n atomic.Uint64 }

func (c *counter) add()         { c.n.Add(1) }
func (c *counter) load() uint64 { return c.n.Load() }

var signals = map[string]syscall.Signal{"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT,
	"HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT, "ABRT": syscall.SIGABRT}

// Kill is the fault process.kill: the target dies. It is irreversible; whether its supervisor brings it back is watched
// through the inventory.
type Kill struct{ inventory chaos.Inventory }

// NewKill returns the fault. The inventory tells when a target is back, which is when its name is there with another
// process; in a keeper or a recovery it may be nil.
func NewKill(inventory chaos.Inventory) *Kill { return &Kill{inventory: inventory} }

// Kind is "process.kill".
func (*Kill) Kind() string { return "process.kill" }

// Hits processes.
func (*Kill) Hits() chaos.TargetKind { return chaos.TargetProcess }

// Help says what the targets feel.
func (*Kill) Help() string {
	return "the process is ended by a signal; nothing brings it back but its own supervisor, which is watched"
}

// Params are the signal.
func (*Kill) Params() []chaos.Param {
	names := make([]string, 0, len(signals))
	for n := range signals {
		names = append(names, n)
	}
	slices.Sort(names)
	return []chaos.Param{{Name: "signal", Type: "string", Default: "KILL", OneOf: names, Help: "the signal to send"}}
}

// Reversible is false.
func (*Kill) Reversible() bool { return false }

// Available is nil: any process can be killed.
func (*Kill) Available() error { return nil }

// Plan pins the processes.
func (k *Kill) Plan(ctx context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	name, ok := args["signal"].(string)
	if !ok {
		name = "KILL"
	}
	sig, ok := signals[name]
	if !ok {
		return nil, fmt.Errorf("process.kill: unknown signal %q", name)
	}
	vs, err := Pin(k.Kind(), targets)
	if err != nil {
		return nil, err
	}
	undo, err := json.Marshal(vs)
	if err != nil {
		return nil, fmt.Errorf("describe process.kill: %w", err)
	}
	queries, err := k.queries(ctx, targets)
	if err != nil {
		return nil, err
	}
	c := &killing{victims: vs, undo: undo, signal: sig, name: name, inventory: k.inventory, queries: queries}
	for _, t := range targets {
		if t.Labels[LabelFound] == "" {
			c.named = append(c.named, Victim{t.Name, proc.ID{PID: t.PID, StartTicks: t.StartTicks}})
		}
	}
	return c, nil
}

// Restore has nothing to do: a kill cannot be undone, and the keeper starts no processes.
func (*Kill) Restore(context.Context, json.RawMessage) error { return nil }

type killing struct {
	victims   []Victim
	named     []Victim // those of the victims that an inventory lists by name
	queries   []*query // what the others were found by
	undo      json.RawMessage
	signal    syscall.Signal
	name      string
	inventory chaos.Inventory
	count     counter
}

func (c *killing) Describe() chaos.Description {
	d := chaos.Description{Title: names(c.victims) + " killed", Undo: "nothing to undo; its supervisor is expected to restart it, which is watched"}
	for _, v := range c.victims {
		d.Targets = append(d.Targets, v.Name)
		d.Actions = append(d.Actions, fmt.Sprintf("kill -%s %d   # %s", c.name, v.PID, v.Name))
	}
	return d
}

func (c *killing) Undo() json.RawMessage { return c.undo }

// Apply kills all it can; one that is gone already is an error that does not spare the others.
func (c *killing) Apply(ctx context.Context) error {
	var errs []error
	for _, v := range c.victims {
		if err := ctx.Err(); err != nil {
			errs = append(errs, err)
			break
		}
		if err := v.Signal(c.signal); err != nil {
			errs = append(errs, fmt.Errorf("kill %s: %w", v.Name, err))
			continue
		}
		c.count.add()
	}
	return errors.Join(errs...)
}

func (*killing) Revert(context.Context) error { return nil }

// Verify returns nil when every target's name is there again with another process that runs, or, for those found by
// labels, when the labels find as many new processes.
func (c *killing) Verify(ctx context.Context) error {
	if c.inventory == nil {
		return nil
	}
	targets, err := c.inventory.Targets(ctx)
	if err != nil {
		return fmt.Errorf("look whether %s is back: %w", names(c.victims), err)
	}
	missing, err := c.missing(ctx)
	if err != nil {
		return fmt.Errorf("look whether %s is back: %w", names(c.victims), err)
	}
	for _, v := range c.named {
		back := slices.ContainsFunc(targets, func(t chaos.Target) bool {
			id := proc.ID{PID: t.PID, StartTicks: t.StartTicks}
			return t.Kind == chaos.TargetProcess && t.Name == v.Name && t.PID > 1 &&
				(t.PID != v.PID || t.StartTicks != 0 && t.StartTicks != v.StartTicks) && id.Alive()
		})
		if !back {
			missing = append(missing, v.Name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s has not come back yet", strings.Join(missing, ", "))
	}
	return nil
}

func (c *killing) Touched() (uint64, string) { return c.count.load(), "processes" }
