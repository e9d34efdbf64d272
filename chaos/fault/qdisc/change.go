package qdisc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"syscall"

	"gameday/chaos"
	"gameday/chaos/hostnet"
)

// change is a planned discipline.
type change struct {
	u       undo
	data    json.RawMessage
	target  string
	what    string // for the title
	command string // as tc(8) takes it
	options []byte

	mu    sync.Mutex
	over  bool   // reverted: nothing may be added any more
	begun bool   // Apply asked the kernel to add it
	final uint64 // packets counted before it was removed
}

func (c *change) Describe() chaos.Description {
	return chaos.Description{
		Title:   c.u.Interface + " " + c.what,
		Targets: []string{c.target},
		Actions: []string{fmt.Sprintf("%stc qdisc add dev %s root handle %s %s", c.u.Namespace.Prefix(), c.u.Interface, name(c.u.Handle), c.command)},
		Undo:    c.u.command(),
	}
}

func (c *change) Undo() json.RawMessage { return c.data }

// free says why nothing may be put at the interface's root, or nil.
func (c *change) free() error {
	d, err := c.u.look()
	if err != nil {
		return err
	}
	if d.handle != 0 {
		return fmt.Errorf("interface %s has a queueing discipline already (%s %s), which is not this fault's to replace; remove it first, if it may go: %stc qdisc del dev %s root",
			c.u.Interface, d.kind, name(d.handle), c.u.Namespace.Prefix(), c.u.Interface)
	}
	return nil
}

// look reads what is at the interface's root.
func (u undo) look() (discipline, error) {
	conn, err := dial(u.Namespace)
	if err != nil {
		return discipline{}, err
	}
	defer conn.Close()
	return root(conn, u.Index)
}

func (c *change) Apply(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return errors.New("it was taken back meanwhile")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.free(); err != nil { // since the plan was made
		return err
	}
	conn, err := dial(c.u.Namespace)
	if err != nil {
		return err
	}
	defer conn.Close()
	c.begun = true
	if err := add(conn, c.u.Index, c.u.Handle, c.u.Kind, c.options); err != nil {
		return fmt.Errorf("add %s to interface %s: %w", c.u.Kind, c.u.Interface, err)
	}
	return nil
}

func (c *change) Revert(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if !c.begun {
		return nil
	}
	if d, err := c.u.look(); err == nil && c.u.owns(d) {
		c.final = d.packets
	}
	return c.u.restore()
}

func (u undo) owns(d discipline) bool { return d.kind == u.Kind && d.handle == u.Handle }

// restore deletes the discipline if ours is there, and verifies that it is gone. An interface or a namespace that is gone
// took it along.
func (u undo) restore() error {
	d, err := u.look()
	if errors.Is(err, hostnet.ErrGone) {
		return nil
	}
	if err == nil && u.owns(d) {
		err = u.remove()
	}
	if err == nil {
		err = u.verify()
	}
	if err != nil {
		return fmt.Errorf("%w; by hand: %s", err, u.command())
	}
	return nil
}

func (u undo) remove() error {
	conn, err := dial(u.Namespace)
	if err != nil {
		return err
	}
	defer conn.Close()
	// Gone meanwhile, with its interface or by another's hand: the verification looks.
	if err := remove(conn, u.Index, u.Handle); err != nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ENODEV) && !errors.Is(err, syscall.EINVAL) {
		return fmt.Errorf("delete %s %s from interface %s: %w", u.Kind, name(u.Handle), u.Interface, err)
	}
	return nil
}

func (u undo) verify() error {
	d, err := u.look()
	if errors.Is(err, hostnet.ErrGone) {
		return nil
	}
	if err == nil && u.owns(d) {
		err = fmt.Errorf("%s %s is still on interface %s", u.Kind, name(u.Handle), u.Interface)
	}
	return err
}

func (c *change) Verify(context.Context) error { return c.u.verify() }

// Touched counts the packets that left through the discipline.
func (c *change) Touched() (uint64, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun {
		return 0, "packets"
	}
	if d, err := c.u.look(); err == nil && c.u.owns(d) {
		return d.packets, "packets"
	}
	return c.final, "packets"
}
