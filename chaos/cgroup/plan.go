package cgroup

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gameday/chaos/fault/process"
	"gameday/chaos/proc"
)

// Setting is one value in one file of a group.
type Setting struct {
	File  string // "cpu.max"
	Key   string // for files with one line a device: "254:0"
	Value string // as the kernel shows it when read back
	Clear string // what takes the limit off a line with a Key that was not there before
	// Tighter says whether Value allows less than what stands there now ("" when nothing does). A fault never loosens.
	Tighter func(now string) bool
}

// Request asks for a limit. Every field is required.
type Request struct {
	Kind       string // of the fault, for messages
	Controller Controller
	Members    []process.Victim // from process.Pin
	Scope      string           // "auto", "process" or "group"; see Scopes
	// Limit returns the settings for a group that holds the processes. Own is true for a group of ours, which is empty now.
	Limit func(g Group, pids []int, own bool) ([]Setting, error)
}

// Scopes are the values of Request.Scope. Auto limits the group that is there when it holds nothing but the targets and
// what they started, else it makes a group for each target; process always makes one; group always limits what is there,
// with everything in it.
var Scopes = []string{"auto", "process", "group"}

// Undo is what takes a limit off again, as it stands in the journal.
type Undo struct {
	Boot  string `json:"boot,omitempty"`
	Moves []Move `json:"moves,omitempty"`
	Sets  []Set  `json:"sets,omitempty"`
}

// Move is one group of ours and where its processes belong.
type Move struct {
	Group   string   `json:"group"` // directory; its name is ours
	Home    string   `json:"home"`
	Top     string   `json:"top"` // of the hierarchy: where processes go when their home is gone
	Process proc.ID  `json:"process"`
	Lift    []string `json:"lift,omitempty"` // files to be set to their widest before the process is moved back
}

// Set is one value in a group that was there before.
type Set struct {
	Group  string `json:"group"`
	File   string `json:"file"`
	Key    string `json:"key,omitempty"`
	Before string `json:"before"`
	Ours   string `json:"ours"`
}

type own struct {
	Move
	name string
	sets []Setting
	copy []Setting // limits of the home that a group beside it would escape (version 2)
}

// Change is a planned limit. Make it with Plan.
type Change struct {
	kind  string
	undo  Undo
	data  json.RawMessage
	own   []own
	mu    sync.Mutex
	begun bool // something may have been touched
	over  bool
	hit   int
}

// Plan works out where the limit goes. It touches nothing.
func (s *System) Plan(r Request) (*Change, error) {
	if err := s.Available(r.Controller); err != nil {
		return nil, fmt.Errorf("%s: %w", r.Kind, err)
	}
	c := &Change{kind: r.Kind, undo: Undo{Boot: proc.BootID()}}
	limited := map[string]bool{}
	for _, m := range r.Members {
		g, err := s.Of(m.PID, r.Controller)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.Kind, m.Name, err)
		}
		if strings.HasPrefix(filepath.Base(g.Dir), prefix) {
			return nil, fmt.Errorf("%s %s: it is in the control group %s of another fault of gameday; undo that first", r.Kind, m.Name, g.Dir)
		}
		whole, err := s.whole(r, g)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.Kind, m.Name, err)
		}
		switch {
		case whole && limited[g.Dir]:
		case whole:
			limited[g.Dir] = true
			err = c.limit(r, g)
		default:
			err = c.move(r, g, m)
		}
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.Kind, m.Name, err)
		}
	}
	var err error
	if c.data, err = json.Marshal(c.undo); err != nil {
		return nil, fmt.Errorf("describe undo of %s: %w", r.Kind, err)
	}
	return c, nil
}

// whole decides whether the group itself is limited.
func (s *System) whole(r Request, g Group) (bool, error) {
	if r.Scope == "process" || r.Scope != "group" && g.Root {
		return false, nil
	}
	if g.Root {
		return false, fmt.Errorf("it is in the root control group %s, which takes no limits; use scope: process", g.Dir)
	}
	pids, err := g.Processes()
	if err != nil {
		return false, err
	}
	for _, pid := range pids {
		refused := process.Refuse(pid)
		switch {
		case r.Scope == "group" && refused != nil:
			return false, fmt.Errorf("refused to limit control group %s: %w", g.Dir, refused)
		case r.Scope != "group" && (refused != nil || !startedBy(pid, r.Members)):
			return false, nil
		}
	}
	return true, nil
}

// startedBy reports whether the process is one of the members or was started by one.
func startedBy(pid int, members []process.Victim) bool {
	for range 64 {
		if slices.ContainsFunc(members, func(m process.Victim) bool { return m.PID == pid }) {
			return true
		}
		st, err := proc.Read(pid)
		if err != nil || st.PPID <= 1 {
			return false
		}
		pid = st.PPID
	}
	return false
}

// limit plans settings of a group that is there.
func (c *Change) limit(r Request, g Group) error {
	pids, err := g.Processes()
	if err != nil {
		return err
	}
	sets, err := r.Limit(g, pids, false)
	if err != nil {
		return err
	}
	for _, s := range sets {
		now, err := value(g.Dir, s.File, s.Key)
		if err != nil {
			return err
		}
		if !s.Tighter(now) {
			return fmt.Errorf("control group %s has %s = %s already, which is no wider than %s", g.Dir, s.File, now, s.Value)
		}
		if now == "" {
			now = s.Clear
		}
		c.undo.Sets = append(c.undo.Sets, Set{Group: g.Dir, File: s.File, Key: s.Key, Before: now, Ours: s.Value})
	}
	return nil
}

// copied are the limits that a process would escape in a group beside its own.
var copied = []string{"cpu.max", "cpu.weight", "memory.max", "memory.high", "memory.swap.max", "pids.max"}

// move plans a group of ours for one process. In version 1 it lies below the process's own, whose limits go on to hold. In
// version 2 a group with processes in it cannot have limited groups below it, so ours lies beside it, with its limits.
func (c *Change) move(r Request, g Group, m process.Victim) error {
	var tag [8]byte
	_, _ = rand.Read(tag[:]) // never fails
	o := own{Move: Move{Home: g.Dir, Top: g.top, Process: m.ID}, name: m.Name}
	parent := g.Dir
	if g.V2 && !g.Root {
		parent = filepath.Dir(g.Dir)
		for _, f := range copied {
			if now := g.Read(f); now != "" {
				o.copy = append(o.copy, Setting{File: f, Value: now})
			}
		}
	}
	if g.V2 {
		if err := delegated(parent, r.Controller); err != nil {
			return err
		}
	}
	o.Group = filepath.Join(parent, prefix+hex.EncodeToString(tag[:]))
	sets, err := r.Limit(g, []int{m.PID}, true)
	if err != nil {
		return err
	}
	for _, s := range sets {
		if now := g.Read(s.File); g.V2 && s.Key == "" && now != "" && !s.Tighter(now) {
			return fmt.Errorf("control group %s has %s = %s already, which is no wider than %s", g.Dir, s.File, now, s.Value)
		}
		if s.File == "memory.max" || s.File == "memory.limit_in_bytes" || s.File == "pids.max" {
			o.Lift = append(o.Lift, s.File)
		}
	}
	o.sets = sets
	c.own = append(c.own, o)
	c.undo.Moves = append(c.undo.Moves, o.Move)
	return nil
}

// Actions are the writes that Apply will make, as commands.
func (c *Change) Actions() []string {
	var out []string
	for _, s := range c.undo.Sets {
		out = append(out, fmt.Sprintf("echo '%s' > %s   # before: %s", line(s.Key, s.Ours), filepath.Join(s.Group, s.File), s.Before))
	}
	for _, o := range c.own {
		out = append(out, "mkdir "+o.Group)
		for _, s := range append(slices.Clone(o.copy), o.sets...) {
			out = append(out, fmt.Sprintf("echo '%s' > %s", line(s.Key, s.Value), filepath.Join(o.Group, s.File)))
		}
		out = append(out, fmt.Sprintf("echo %d > %s/cgroup.procs   # %s", o.Process.PID, o.Group, o.name))
	}
	return out
}

// Text says in one line how Actions are undone.
func (c *Change) Text() string {
	var out []string
	for _, s := range c.undo.Sets {
		out = append(out, fmt.Sprintf("echo '%s' > %s", line(s.Key, s.Before), filepath.Join(s.Group, s.File)))
	}
	for _, m := range c.undo.Moves {
		out = append(out, fmt.Sprintf("move every process of %s to %s; rmdir %s", m.Group, m.Home, m.Group))
	}
	return strings.Join(out, "; ")
}

// Undo is the undo as data.
func (c *Change) Undo() json.RawMessage { return c.data }

func line(key, value string) string {
	if key != "" {
		return key + " " + value
	}
	return value
}

// errOver says that Apply came too late.
var errOver = errors.New("it was taken back meanwhile")

// step runs f unless the change was reverted.
func (c *Change) step(ctx context.Context, f func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return errOver
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.begun = true
	return f()
}

// Apply sets the limits.
func (c *Change) Apply(ctx context.Context) error {
	for _, s := range c.undo.Sets {
		err := c.step(ctx, func() error {
			now, err := value(s.Group, s.File, s.Key)
			if err == nil && now != s.Before && (now != "" || s.Key == "") {
				err = fmt.Errorf("%s/%s was %s when this was planned and is %s now; plan again", s.Group, s.File, s.Before, now)
			}
			if err == nil {
				err = put(s.Group, s.File, line(s.Key, s.Ours))
			}
			if err == nil {
				c.hit++
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", c.kind, err)
		}
	}
	for _, o := range c.own {
		if err := c.step(ctx, o.apply); err != nil {
			return fmt.Errorf("%s %s: %w", c.kind, o.name, err)
		}
		c.mu.Lock()
		c.hit++
		c.mu.Unlock()
	}
	return nil
}

func (o own) apply() error {
	if err := os.Mkdir(o.Group, 0o755); err != nil {
		return fmt.Errorf("make control group: %w", err)
	}
	for _, s := range o.copy {
		_ = put(o.Group, s.File, s.Value) // a controller that is not handed down has no such file, and no limit to escape
	}
	for _, s := range o.sets {
		if err := put(o.Group, s.File, line(s.Key, s.Value)); err != nil {
			return err
		}
	}
	if _, err := o.Process.Status(); err != nil {
		return err
	}
	if err := put(o.Group, "cgroup.procs", strconv.Itoa(o.Process.PID)); err != nil {
		return err
	}
	_, err := o.Process.Status() // another process with its PID would have been moved by mistake: the undo puts it back
	return err
}

// Count is how many limits and processes were touched.
func (c *Change) Count() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return uint64(c.hit)
}

// Revert undoes what Apply did, and bars what it has not done yet.
func (c *Change) Revert(ctx context.Context) error {
	c.mu.Lock()
	c.over = true
	begun := c.begun
	c.mu.Unlock()
	if !begun {
		return nil // a limit like ours that stands there is not ours
	}
	return c.undo.Restore(ctx)
}

// Verify returns nil when nothing of the limits is left.
func (c *Change) Verify(context.Context) error {
	c.mu.Lock()
	begun := c.begun
	c.mu.Unlock()
	if !begun {
		return nil
	}
	return c.undo.Check()
}
