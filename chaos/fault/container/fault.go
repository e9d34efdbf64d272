package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"gameday/chaos"
)

// Fault is one of the faults of this package.
type Fault struct {
	engine *Engine
	kind   string
	help   string
	params []chaos.Param
	// words are of the title, such as "paused".
	words func(args chaos.Args) (string, error)
	// find notes in v what is needed to undo, or says why the container cannot be hit.
	find func(v *victim, now *container.InspectResponse, args chaos.Args) error
	// command is what Apply does and undo what takes it back, as commands for a person.
	command func(v *victim, args chaos.Args) string
	undo    func(v *victim) string
	// act does it; left says what of it is still there, in words, or ""; restore takes that back.
	act     func(ctx context.Context, c *client.Client, v *victim, args chaos.Args) error
	left    func(v *victim, now *container.InspectResponse) string
	restore func(ctx context.Context, c *client.Client, v *victim) error
}

// victim is one container in the journal.
type victim struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Before *limits `json:"before,omitempty"` // container.limit only
	Ours   *limits `json:"ours,omitempty"`
}

type undoData struct {
	Host       string   `json:"host"` // of the engine
	Containers []victim `json:"containers"`
}

// Kind is the fault's name.
func (f *Fault) Kind() string { return f.kind }

// Hits containers.
func (*Fault) Hits() chaos.TargetKind { return chaos.TargetContainer }

// Help says what the targets feel.
func (f *Fault) Help() string { return f.help }

// Params are the fault's arguments.
func (f *Fault) Params() []chaos.Param { return f.params }

// Reversible is true: what was ended is started again.
func (*Fault) Reversible() bool { return true }

// Available says why no container can be hit, or nil.
func (f *Fault) Available() error {
	if err := f.engine.Available(context.Background()); err != nil {
		return fmt.Errorf("%s: %w", f.kind, err)
	}
	return nil
}

// Plan looks at the containers.
func (f *Fault) Plan(ctx context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	words, err := f.words(args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.kind, err)
	}
	api, err := f.engine.api("")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.kind, err)
	}
	c := &change{f: f, args: args, words: words, undo: undoData{Host: api.DaemonHost()}}
	own := ownID()
	for _, t := range targets {
		id := t.Labels[LabelID]
		if t.Kind != chaos.TargetContainer || !isID(id) {
			return nil, fmt.Errorf("%s: %s is a %s, not a container", f.kind, t.Name, t.Kind)
		}
		if id == own {
			return nil, fmt.Errorf("%s: refused to hit %s: gameday runs in it", f.kind, t.Name)
		}
		now, err := f.engine.state(ctx, "", id)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", f.kind, t.Name, err)
		}
		if now == nil || !now.State.Running {
			return nil, fmt.Errorf("%s %s: the container is not running", f.kind, t.Name)
		}
		if now.State.Paused {
			return nil, fmt.Errorf("%s %s: the container is paused already, by someone else; let it go on first: docker unpause %s", f.kind, t.Name, t.Name)
		}
		v := victim{ID: id, Name: t.Name}
		if err := f.find(&v, now, args); err != nil {
			return nil, fmt.Errorf("%s %s: %w", f.kind, t.Name, err)
		}
		c.undo.Containers = append(c.undo.Containers, v)
	}
	if len(c.undo.Containers) == 0 {
		return nil, fmt.Errorf("%s: no container was selected", f.kind)
	}
	if c.data, err = json.Marshal(c.undo); err != nil {
		return nil, fmt.Errorf("describe undo of %s: %w", f.kind, err)
	}
	return c, nil
}

// Restore brings back what the undo names.
func (f *Fault) Restore(ctx context.Context, undo json.RawMessage) error {
	u, err := f.read(undo)
	if err != nil {
		return err
	}
	return f.bringBack(ctx, u)
}

// Remedy is the commands that remain.
func (f *Fault) Remedy(undo []byte) string {
	u, err := f.read(undo)
	if err != nil {
		return ""
	}
	var out []string
	for i := range u.Containers {
		out = append(out, f.undo(&u.Containers[i]))
	}
	return strings.Join(out, "; ")
}

func (f *Fault) read(data []byte) (undoData, error) {
	var u undoData
	if err := json.Unmarshal(data, &u); err != nil {
		return u, fmt.Errorf("read undo of %s: %w", f.kind, err)
	}
	if len(u.Containers) == 0 {
		return u, fmt.Errorf("read undo of %s: it names no container", f.kind)
	}
	for _, v := range u.Containers {
		if !isID(v.ID) {
			return u, fmt.Errorf("read undo of %s: %q is not a container", f.kind, v.ID)
		}
	}
	return u, nil
}

// bringBack restores every container that is not what it was. One that was removed needs nothing.
func (f *Fault) bringBack(ctx context.Context, u undoData) error {
	c, err := f.engine.api(u.Host)
	if err != nil {
		return fmt.Errorf("%s: %w", f.kind, err)
	}
	var errs []error
	for i := range u.Containers {
		v := &u.Containers[i]
		now, err := f.engine.state(ctx, u.Host, v.ID)
		if err == nil && now != nil && f.left(v, now) != "" {
			err = f.restore(ctx, c, v)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", f.kind, v.Name, err))
		}
	}
	return errors.Join(append(errs, f.check(ctx, u))...)
}

func (f *Fault) check(ctx context.Context, u undoData) error {
	for i := range u.Containers {
		v := &u.Containers[i]
		now, err := f.engine.state(ctx, u.Host, v.ID)
		if err != nil {
			return fmt.Errorf("%s %s: %w", f.kind, v.Name, err)
		}
		if now == nil {
			continue
		}
		if what := f.left(v, now); what != "" {
			return fmt.Errorf("%s: container %s %s", f.kind, v.Name, what)
		}
	}
	return nil
}

type change struct {
	f     *Fault
	args  chaos.Args
	words string
	undo  undoData
	data  json.RawMessage
	mu    sync.Mutex
	begun bool // something may have been done
	over  bool
	count uint64
}

func (c *change) Describe() chaos.Description {
	var d chaos.Description
	var undo []string
	for i := range c.undo.Containers {
		v := &c.undo.Containers[i]
		d.Targets = append(d.Targets, v.Name)
		d.Actions = append(d.Actions, c.f.command(v, c.args))
		undo = append(undo, c.f.undo(v))
	}
	d.Title, d.Undo = strings.Join(d.Targets, ", ")+" "+c.words, strings.Join(undo, "; ")
	return d
}

func (c *change) Undo() json.RawMessage { return c.data }

func (c *change) Apply(ctx context.Context) error {
	api, err := c.f.engine.api(c.undo.Host)
	if err != nil {
		return fmt.Errorf("%s: %w", c.f.kind, err)
	}
	for i := range c.undo.Containers {
		v := &c.undo.Containers[i]
		if err := c.hit(ctx, api, v); err != nil {
			return fmt.Errorf("%s %s: %w", c.f.kind, v.Name, err)
		}
	}
	return nil
}

func (c *change) hit(ctx context.Context, api *client.Client, v *victim) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return errors.New("it was taken back meanwhile")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	now, err := c.f.engine.state(ctx, c.undo.Host, v.ID)
	if err != nil {
		return err
	}
	if now == nil || !now.State.Running || now.State.Paused {
		return errors.New("it is not running any more as it was when this was planned")
	}
	c.begun = true
	if err := c.f.act(ctx, api, v, c.args); err != nil {
		return err
	}
	c.count++
	return nil
}

// Revert waits for a call that is on its way: what it does would else come after.
func (c *change) Revert(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if !c.begun {
		return nil
	}
	return c.f.bringBack(ctx, c.undo)
}

func (c *change) Verify(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun {
		return nil
	}
	return c.f.check(ctx, c.undo)
}

func (c *change) Touched() (uint64, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count, "containers"
}
