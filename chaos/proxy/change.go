package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"gameday/chaos"
	"gameday/chaos/proc"
)

// Wording is how a change made of rules describes itself.
type Wording struct {
	Title  string
	Action func(*Link) string         // what is done to one link
	Unit   func(links []*Link) string // what Touched counts
}

// PlanRules makes a change that sets one rule on each of the targets' links, all or none. set puts the i-th rule on its
// link.
func PlanRules(links *Set, kind string, targets []chaos.Target, w Wording, set func(l *Link, i int) (*Rule, error)) (chaos.Change, error) {
	if links == nil {
		return nil, fmt.Errorf("%s: there is no proxy in this process", kind)
	}
	c := &change{kind: kind, wording: w, set: set}
	var names []string
	for _, t := range targets {
		l, ok := links.Find(t.Name)
		if t.Kind != chaos.TargetLink || !ok {
			return nil, fmt.Errorf("%s: %s is not a link of the proxy", kind, t.Name)
		}
		c.links = append(c.links, l)
		names = append(names, l.Name())
	}
	if len(c.links) == 0 {
		return nil, fmt.Errorf("%s: no link was selected", kind)
	}
	var err error
	if c.undo, err = json.Marshal(undoData{Links: names, Proxy: proc.Self()}); err != nil {
		return nil, fmt.Errorf("describe undo of %s: %w", kind, err)
	}
	return c, nil
}

// Toward names where the links lead to: "payment", or the links when they lead to several.
func Toward(targets []chaos.Target) string {
	var to, all []string
	for _, t := range targets {
		all = append(all, t.Name)
		if n := t.Labels["to"]; !slices.Contains(to, n) {
			to = append(to, n)
		}
	}
	if len(to) == 1 && to[0] != "" {
		return to[0]
	}
	if len(to) > 1 && len(to) <= 3 {
		return strings.Join(to, ", ")
	}
	if len(all) > 3 {
		return fmt.Sprintf("%d links", len(all))
	}
	return strings.Join(all, ", ")
}

// undoData is what the journal holds: a fault of the proxy is gone when the process is that ran the proxy.
type undoData struct {
	Links []string `json:"links"`
	Proxy proc.ID  `json:"proxy"`
}

type change struct {
	kind    string
	wording Wording
	links   []*Link
	undo    json.RawMessage
	set     func(*Link, int) (*Rule, error)

	mu    sync.Mutex
	rules []*Rule
	over  bool // reverted; nothing may be set any more
}

func (c *change) Describe() chaos.Description {
	d := chaos.Description{Title: c.wording.Title, Undo: "the proxy passes everything through again; it ends with gameday in any case"}
	for _, l := range c.links {
		d.Targets = append(d.Targets, l.Name())
		d.Actions = append(d.Actions, c.wording.Action(l))
	}
	return d
}

func (c *change) Undo() json.RawMessage { return c.undo }

func (c *change) Apply(ctx context.Context) error {
	for i, l := range c.links {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.setOne(l, i); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) setOne(l *Link, i int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over { // an Apply that was given up and comes back late
		return errors.New("it was taken back meanwhile")
	}
	r, err := c.set(l, i)
	if err != nil {
		return err
	}
	c.rules = append(c.rules, r)
	return nil
}

func (c *change) taken() []*Rule {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.rules)
}

func (c *change) Revert(context.Context) error {
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	var wg sync.WaitGroup
	for _, r := range c.taken() {
		wg.Go(r.Remove)
	}
	wg.Wait()
	return nil
}

func (c *change) Verify(context.Context) error {
	for _, r := range c.taken() {
		if r.Set() {
			return fmt.Errorf("%s is still set on link %s", c.kind, r.link.name)
		}
	}
	return nil
}

func (c *change) Touched() (n uint64, unit string) {
	for _, r := range c.taken() {
		n += r.Touched()
	}
	return n, c.wording.Unit(c.links)
}

// RestoreRules says whether anything of a fault of a proxy can be left: nothing is when the process that ran the proxy is
// gone. While it lives it is the only one that can take the fault back.
func RestoreRules(undo json.RawMessage) error {
	var u undoData
	if err := json.Unmarshal(undo, &u); err != nil {
		return fmt.Errorf("read undo of a proxy fault: %w", err)
	}
	switch {
	case u.Proxy.PID <= 0:
		return errors.New("read undo of a proxy fault: it does not say which process ran the proxy")
	case !u.Proxy.Alive():
		return nil
	case u.Proxy.PID == os.Getpid():
		return fmt.Errorf("the fault on %s is in force in this very process; undo it there", strings.Join(u.Links, ", "))
	}
	return fmt.Errorf("the fault on %s is in force in gameday process %d, which is alive", strings.Join(u.Links, ", "), u.Proxy.PID)
}

// RemedyFor is the command that remains when RestoreRules fails.
func RemedyFor(undo []byte) string {
	var u undoData
	if err := json.Unmarshal(undo, &u); err != nil || u.Proxy.PID <= 0 || !u.Proxy.Alive() || u.Proxy.PID == os.Getpid() {
		return ""
	}
	return fmt.Sprintf("gameday abort --all || kill %d", u.Proxy.PID)
}
