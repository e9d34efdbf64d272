// Package process kills and pauses processes of the system under test.
//
// A process is only ever signalled by PID and start time together, so that a PID that was given to another process is
// never hit, neither now nor by an undo that runs much later in another process.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"gameday/chaos"
	"gameday/chaos/proc"
)

// Victim is one process that is hit, as it stands in the journal.
type Victim struct {
	Name string `json:"name"`
	proc.ID
}

// Pin turns targets into processes that may be signalled, or says which may not and why.
func Pin(kind string, targets []chaos.Target) ([]Victim, error) {
	if len(targets) == 0 {
		return nil, fmt.Errorf("%s: no process was selected", kind)
	}
	var out []Victim
	for _, t := range targets {
		if t.Kind != chaos.TargetProcess {
			return nil, fmt.Errorf("%s: %s is a %s, not a process", kind, t.Name, t.Kind)
		}
		if err := Refuse(t.PID); err != nil {
			return nil, fmt.Errorf("%s: refused to hit %s: %w", kind, t.Name, err)
		}
		id := proc.ID{PID: t.PID, StartTicks: t.StartTicks, Boot: proc.BootID()}
		st, err := id.Status()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", kind, t.Name, err)
		}
		if st.Dead() {
			return nil, fmt.Errorf("%s %s: process %d has ended", kind, t.Name, t.PID)
		}
		id.StartTicks = st.StartTicks // an inventory without start times: pinned from here on
		out = append(out, Victim{t.Name, id})
	}
	return out, nil
}

func names(vs []Victim) string {
	var ns []string
	for _, v := range vs {
		ns = append(ns, v.Name)
	}
	return strings.Join(ns, ", ")
}

// Pause is the fault process.pause: the target stops in its tracks (SIGSTOP) and keeps its connections; undo lets it go
// on (SIGCONT).
type Pause struct{}

// NewPause returns the fault.
func NewPause() *Pause { return &Pause{} }

// Kind is "process.pause".
func (*Pause) Kind() string { return "process.pause" }

// Hits processes.
func (*Pause) Hits() chaos.TargetKind { return chaos.TargetProcess }

// Help says what the targets feel.
func (*Pause) Help() string {
	return "the process is stopped and answers nothing, while its connections stay open; it goes on when the fault ends"
}

// Params are none.
func (*Pause) Params() []chaos.Param { return nil }

// Reversible is true.
func (*Pause) Reversible() bool { return true }

// Available is nil: any process can be stopped.
func (*Pause) Available() error { return nil }

// Plan refuses processes that are stopped already: whoever stopped them did not ask us to let them go on.
func (p *Pause) Plan(_ context.Context, targets []chaos.Target, _ chaos.Args) (chaos.Change, error) {
	vs, err := Pin(p.Kind(), targets)
	if err != nil {
		return nil, err
	}
	for _, v := range vs {
		if err := notStopped(v); err != nil {
			return nil, err
		}
	}
	undo, err := json.Marshal(vs)
	if err != nil {
		return nil, fmt.Errorf("describe undo of %s: %w", p.Kind(), err)
	}
	return &pausing{victims: vs, undo: undo}, nil
}

func notStopped(v Victim) error {
	st, err := v.Status()
	if err != nil {
		return fmt.Errorf("pause %s: %w", v.Name, err)
	}
	if st.Stopped() {
		return fmt.Errorf("pause %s: process %d is stopped already, by someone else; let it go on first: kill -CONT %d", v.Name, v.PID, v.PID)
	}
	return nil
}

// Restore lets go on what the undo names and is still there, and returns nil when none of it is stopped.
func (p *Pause) Restore(ctx context.Context, undo json.RawMessage) error {
	vs, err := read(undo)
	if err != nil {
		return err
	}
	return resume(ctx, vs)
}

// Remedy is the kill -CONT that remains.
func (p *Pause) Remedy(undo []byte) string {
	vs, err := read(undo)
	if err != nil {
		return ""
	}
	var pids []string
	for _, v := range vs {
		if st, err := v.Status(); err == nil && st.Stopped() {
			pids = append(pids, fmt.Sprint(v.PID))
		}
	}
	if len(pids) == 0 {
		return ""
	}
	return "kill -CONT " + strings.Join(pids, " ")
}

func read(undo []byte) ([]Victim, error) {
	var vs []Victim
	if err := json.Unmarshal(undo, &vs); err != nil {
		return nil, fmt.Errorf("read undo of process.pause: %w", err)
	}
	for _, v := range vs {
		if v.PID <= 1 || v.StartTicks == 0 {
			return nil, fmt.Errorf("read undo of process.pause: %d is not a process that can have been paused", v.PID)
		}
	}
	return vs, nil
}

// resume sends SIGCONT to all, and waits until they run. It does so to those that run as well: a SIGSTOP that was sent and has
// not taken effect yet, because the machine is busy, is only taken away by it, and nothing else is changed.
func resume(ctx context.Context, vs []Victim) error {
	var errs []error
	for _, v := range vs {
		if err := v.Signal(syscall.SIGCONT); err != nil && !errors.Is(err, proc.ErrGone) {
			errs = append(errs, fmt.Errorf("resume %s: %w", v.Name, err))
		}
	}
	return errors.Join(append(errs, settled(ctx, vs, false))...)
}

// settled waits until all processes that are left are stopped, or none is. Signals take effect a moment after they were
// sent.
func settled(ctx context.Context, vs []Victim, stopped bool) error {
	for wait := 200 * time.Microsecond; ; wait = min(2*wait, 50*time.Millisecond) {
		var open error
		for _, v := range vs {
			st, err := v.Status()
			switch {
			case errors.Is(err, proc.ErrGone) && !stopped:
			case err != nil:
				open = fmt.Errorf("look at %s: %w", v.Name, err)
			case st.Dead() && !stopped:
			case st.Stopped() != stopped:
				open = fmt.Errorf("process %d (%s) is in state %c", v.PID, v.Name, st.State)
			}
		}
		if open == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return open
		case <-time.After(wait):
		}
	}
}

type pausing struct {
	victims []Victim
	undo    json.RawMessage
	mu      sync.Mutex
	begun   bool // a signal may have been sent
	over    bool // reverted; nothing may be stopped any more
	count   counter
}

func (c *pausing) Describe() chaos.Description {
	d := chaos.Description{Title: names(c.victims) + " paused"}
	var undo []string
	for _, v := range c.victims {
		d.Targets = append(d.Targets, v.Name)
		d.Actions = append(d.Actions, fmt.Sprintf("kill -STOP %d   # %s", v.PID, v.Name))
		undo = append(undo, fmt.Sprintf("kill -CONT %d", v.PID))
	}
	d.Undo = strings.Join(undo, "; ")
	return d
}

func (c *pausing) Undo() json.RawMessage { return c.undo }

func (c *pausing) Apply(ctx context.Context) error {
	for _, v := range c.victims {
		if err := notStopped(v); err != nil { // since the plan was made
			return err
		}
	}
	for _, v := range c.victims {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.stop(v); err != nil {
			return fmt.Errorf("pause %s: %w", v.Name, err)
		}
	}
	return settled(ctx, c.victims, true)
}

func (c *pausing) stop(v Victim) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return errors.New("it was taken back meanwhile")
	}
	c.begun = true
	if err := v.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	c.count.add()
	return nil
}

func (c *pausing) touched() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begun
}

// Revert lets the processes go on, if Apply stopped any: it refuses before it touches anything when one is stopped already,
// and that one is not ours to let go on.
func (c *pausing) Revert(ctx context.Context) error {
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	if !c.touched() {
		return nil // Apply touched nothing, so whoever is stopped was not stopped by us
	}
	return resume(ctx, c.victims)
}

func (c *pausing) Verify(ctx context.Context) error {
	if !c.touched() {
		return nil
	}
	return settled(ctx, c.victims, false)
}

func (c *pausing) Touched() (uint64, string) { return c.count.load(), "processes" }
