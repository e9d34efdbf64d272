// Package clock shifts the wall clock of single processes.
//
// Nothing in the kernel gives a process that runs another time of day: time namespaces shift only the monotonic clock, and
// settimeofday(2) hits the whole machine. But programs do not ask the kernel. They call functions that it has put into
// their memory, the vDSO (vdso(7)), and these can be led astray in one process alone: the first instruction of each
// function that tells the time of day is replaced by a jump to another that asks the kernel and adds an offset. The
// monotonic clock stays as it is, so timeouts and sleeps are not hit.
//
// The process is stopped (SIGSTOP) for the moment in which its memory is changed, so that no thread is in the middle of
// what is replaced. The change is in its memory alone and ends with it. Programs that make the system call themselves,
// past the vDSO, see the true time.
package clock

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"gameday/chaos"
	"gameday/chaos/fault/process"
	"gameday/chaos/proc"
)

const kind = "process.clock"

// maxShift is how far a clock can be led away: further, many programs can no longer say what time it is.
const maxShift = 20 * 365 * 24 * time.Hour

// Fault is process.clock: the time of day is wrong for the target.
type Fault struct{}

// New returns the fault.
func New() *Fault { return &Fault{} }

// Kind is "process.clock".
func (*Fault) Kind() string { return kind }

// Hits processes.
func (*Fault) Hits() chaos.TargetKind { return chaos.TargetProcess }

// Help says what the targets feel.
func (*Fault) Help() string {
	return "the time of day is wrong for the process, as if its clock were set ahead or back; what it measures by the monotonic clock stays right"
}

// Params are how far, and which way.
func (*Fault) Params() []chaos.Param {
	return []chaos.Param{
		{Name: "by", Type: "duration", Required: true, Min: 0.001, Max: maxShift.Seconds(), Help: "how far the clock is off, such as 300ms or 1h"},
		{Name: "direction", Type: "string", Default: "ahead", OneOf: []string{"ahead", "behind"}, Help: "whether the clock shows a later or an earlier time"},
	}
}

// Reversible is true.
func (*Fault) Reversible() bool { return true }

// Available says whether the memory of processes can be changed so on this machine.
func (*Fault) Available() error { return wrap(available()) }

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return nil
}

// undoData is what the journal holds.
type undoData struct {
	Tag     string   `json:"tag"` // 32 hexadecimal digits, in the memory of every process that has the fault
	Victims []victim `json:"victims"`
}

// victim is one target. Its children have its memory, and with it the fault, when they were forked meanwhile: they are
// found by the tag, among the processes of the same program.
type victim struct {
	process.Victim
	Exe string `json:"exe"`
}

// Plan looks whether the targets' memory is as the kernel made it. It touches nothing.
func (*Fault) Plan(_ context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	pinned, err := process.Pin(kind, targets)
	if err != nil {
		return nil, err
	}
	by, _ := args["by"].(time.Duration)
	if by < time.Millisecond || by > maxShift {
		return nil, fmt.Errorf("%s: by is %v, and must be from 1ms to %v", kind, by, maxShift)
	}
	words := "+" + short(by)
	if args["direction"] == "behind" {
		words, by = "-"+short(by), -by
	}
	c := &change{by: by, words: words}
	tag := make([]byte, tagSize)
	_, _ = rand.Read(tag) // never fails (crypto/rand)
	u := undoData{Tag: fmt.Sprintf("%x", tag)}
	for _, v := range pinned {
		st, err := v.Status()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", kind, v.Name, err)
		}
		if st.Stopped() {
			return nil, fmt.Errorf("%s %s: process %d is stopped, and would have to be let go on: kill -CONT %d", kind, v.Name, v.PID, v.PID)
		}
		if err := pristine(v.ID); err != nil {
			return nil, fmt.Errorf("%s %s: %w", kind, v.Name, err)
		}
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", v.PID))
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", kind, v.Name, err)
		}
		u.Victims = append(u.Victims, victim{v, exe})
	}
	c.data = u
	if c.undo, err = json.Marshal(u); err != nil {
		return nil, fmt.Errorf("describe undo of %s: %w", kind, err)
	}
	return c, nil
}

// short writes a duration without what is zero at its end: 1h, not 1h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Restore puts right what the undo names and is still there, and what was forked from it.
func (*Fault) Restore(ctx context.Context, undo json.RawMessage) error {
	u, err := read(undo)
	if err != nil {
		return err
	}
	return restore(ctx, u)
}

// Remedy is what remains when the memory cannot be changed back: the fault ends with the process.
func (*Fault) Remedy(undo []byte) string {
	u, err := read(undo)
	if err != nil {
		return ""
	}
	var pids []string
	for _, v := range u.Victims {
		if v.Alive() {
			pids = append(pids, fmt.Sprint(v.PID))
		}
	}
	if len(pids) == 0 {
		return ""
	}
	return "gameday recover || kill " + strings.Join(pids, " ")
}

func read(undo []byte) (undoData, error) {
	var u undoData
	if err := json.Unmarshal(undo, &u); err != nil {
		return u, fmt.Errorf("read undo of %s: %w", kind, err)
	}
	if len(u.Tag) != 2*tagSize {
		return u, fmt.Errorf("read undo of %s: %q is no tag", kind, u.Tag)
	}
	for _, v := range u.Victims {
		if v.PID <= 1 || v.StartTicks == 0 {
			return u, fmt.Errorf("read undo of %s: %d is not a process that can have been hit", kind, v.PID)
		}
	}
	return u, nil
}

// restore repairs the targets, then their children until a look finds none: no new ones can come of those that are right.
func restore(ctx context.Context, u undoData) error {
	var errs []error
	for _, v := range u.Victims {
		if err := repair(ctx, v.ID, u.Tag); err != nil && !errors.Is(err, proc.ErrGone) {
			errs = append(errs, fmt.Errorf("put the clock of %s right: %w", v.Name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for range 10 {
		left, err := holders(u)
		if err != nil || len(left) == 0 {
			return err
		}
		for _, id := range left {
			if err := repair(ctx, id, u.Tag); err != nil && !errors.Is(err, proc.ErrGone) {
				return fmt.Errorf("put the clock of process %d right, which was forked from a target: %w", id.PID, err)
			}
		}
	}
	return errors.New("processes with the fault keep being forked")
}

// holders are the processes of the targets' programs that have the tag in their memory.
func holders(u undoData) ([]proc.ID, error) {
	pids, err := process.PIDs()
	if err != nil {
		return nil, err
	}
	var out []proc.ID
	for _, pid := range pids {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil || !slices.ContainsFunc(u.Victims, func(v victim) bool { return v.Exe == exe }) {
			continue // not to be seen by us, so not hit by us either
		}
		id, err := proc.Of(pid)
		if err == nil && tagged(id, u.Tag) {
			out = append(out, id)
		}
	}
	return out, nil
}

type change struct {
	by    time.Duration
	words string
	data  undoData
	undo  json.RawMessage

	mu    sync.Mutex // held while memory is changed
	begun bool
	over  bool // reverted; nothing may be changed any more
	hit   uint64
}

func (c *change) Describe() chaos.Description {
	var names []string
	d := chaos.Description{Undo: "the first instructions of those functions are put back; they end with the process in any case"}
	for _, v := range c.data.Victims {
		names = append(names, v.Name)
		d.Targets = append(d.Targets, v.Name)
		d.Actions = append(d.Actions, fmt.Sprintf("stop process %d for a moment, and in its memory replace what tells it the time of day (vDSO) by the same %s   # %s", v.PID, c.words, v.Name))
	}
	d.Title = "clock of " + strings.Join(names, ", ") + " " + c.words
	return d
}

func (c *change) Undo() json.RawMessage { return c.undo }

func (c *change) Apply(ctx context.Context) error {
	for _, v := range c.data.Victims {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.shift(ctx, v); err != nil {
			return fmt.Errorf("shift the clock of %s: %w", v.Name, err)
		}
	}
	return nil
}

func (c *change) shift(ctx context.Context, v victim) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return errors.New("it was taken back meanwhile")
	}
	c.begun = true
	if err := shift(ctx, v.ID, c.data.Tag, c.by); err != nil {
		return err
	}
	c.hit++
	return nil
}

func (c *change) Revert(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if !c.begun {
		return nil
	}
	return restore(ctx, c.data)
}

// Verify looks at the memory of the targets, and for children with the fault.
func (c *change) Verify(context.Context) error {
	for _, v := range c.data.Victims {
		if err := pristine(v.ID); err != nil && !errors.Is(err, proc.ErrGone) {
			return fmt.Errorf("the clock of %s: %w", v.Name, err)
		}
	}
	left, err := holders(c.data)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("process %d, which was forked from a target, still has another clock", left[0].PID)
	}
	return err
}

func (c *change) Touched() (uint64, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hit, "processes"
}
