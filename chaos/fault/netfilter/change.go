package netfilter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"gameday/chaos"
	"gameday/chaos/nft"
)

// change is a planned fault: a table for each network namespace, and for delays a queue to each.
type change struct {
	fault         *Fault
	title         string
	targets       []string
	specs         []nft.Spec
	undos         []nft.Undo
	undo          json.RawMessage
	delay, jitter time.Duration

	mu    sync.Mutex // held while something is installed or removed
	over  bool       // reverted: nothing may be installed any more
	armed []*nft.Armed
	held  []*holder
	final uint64 // packets hit by what is removed
}

func (c *change) Describe() chaos.Description {
	d := chaos.Description{Title: c.title, Targets: c.targets}
	var undo []string
	for i, s := range c.specs {
		d.Actions = append(d.Actions, s.Lines()...)
		undo = append(undo, c.undos[i].Command())
	}
	d.Undo = strings.Join(undo, "; ") + "; by itself when gameday is dead and the lease has run out"
	return d
}

func (c *change) Undo() json.RawMessage { return c.undo }

func (c *change) Apply(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, s := range c.specs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.over {
			return errors.New("it was taken back meanwhile")
		}
		if s.Verdict == nft.Queue { // served before anything is sent there
			h, n, err := hold(s.Namespace, s.Number, c.delay, c.jitter, c.fault.o.Seed+uint64(i))
			if err != nil {
				return fmt.Errorf("hold packets: %w", err)
			}
			c.held = append(c.held, h)
			s.Number = n
		}
		a, err := nft.Arm(s)
		if err != nil {
			return err
		}
		c.armed = append(c.armed, a)
	}
	return nil
}

// Revert lets go what is held, then deletes the tables.
func (c *change) Revert(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	var errs []error
	counts := make([]uint64, 0, len(c.armed))
	for _, a := range c.armed {
		counts = append(counts, a.Count())
		if len(c.held) > 0 {
			errs = append(errs, a.Pass())
		}
	}
	for _, h := range c.held {
		h.release()
	}
	var left []*nft.Armed
	for i, a := range c.armed {
		if err := a.Disarm(); err != nil {
			errs, left = append(errs, err), append(left, a)
			continue
		}
		c.final += counts[i]
	}
	c.armed = left
	for _, h := range c.held {
		h.close()
	}
	c.held = nil
	return errors.Join(errs...)
}

// Verify looks that none of the tables is there.
func (c *change) Verify(context.Context) error {
	var errs []error
	for _, u := range c.undos {
		there, err := nft.Present(u)
		if err == nil && there {
			err = fmt.Errorf("table %s is there; by hand: %s", u.Table, u.Command())
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Touched counts the packets hit.
func (c *change) Touched() (uint64, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.final
	for _, a := range c.armed {
		n += a.Count()
	}
	return n, "packets"
}
