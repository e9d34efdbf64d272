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

// Harm is what a fault with given arguments does to links.
type Harm struct {
	Title  string                            // follows the name of where the links lead to: "+800ms"
	Action func(*Link) string                // what is done to one link, in words
	Effect func(l *Link, seed uint64) Effect // the same as an effect
}

// planRules makes a change that sets one rule on each of the targets' links, all or none.
func planRules(links *Set, kind string, targets []chaos.Target, h Harm, seed uint64) (chaos.Change, error) {
	if links == nil {
		return nil, fmt.Errorf("%s: there is no proxy in this process", kind)
	}
	c := &change{kind: kind, harm: h, title: strings.TrimSpace(Toward(targets) + " " + h.Title)}
	var names []string
	for i, t := range targets {
		l, ok := links.Find(t.Name)
		if t.Kind != chaos.TargetLink || !ok {
			return nil, fmt.Errorf("%s: %s is not a link of the proxy", kind, t.Name)
		}
		e := h.Effect(l, seed+uint64(i))
		if err := e.check(l); err != nil {
			return nil, fmt.Errorf("%s: link %s: %w", kind, t.Name, err)
		}
		c.links = append(c.links, l)
		c.effects = append(c.effects, e)
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
	title   string
	harm    Harm
	links   []*Link
	effects []Effect // one per link
	undo    json.RawMessage

	mu    sync.Mutex
	rules []*Rule
	over  bool // reverted; nothing may be set any more
}

func (c *change) Describe() chaos.Description {
	d := chaos.Description{Title: c.title, Undo: "the proxy passes everything through again; it ends with gameday in any case"}
	for _, l := range c.links {
		d.Targets = append(d.Targets, l.Name())
		d.Actions = append(d.Actions, c.harm.Action(l))
	}
	return d
}

func (c *change) Undo() json.RawMessage { return c.undo }

func (c *change) Apply(ctx context.Context) error {
	for i, l := range c.links {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.setOne(l, c.effects[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) setOne(l *Link, e Effect) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over { // an Apply that was given up and comes back late
		return errors.New("it was taken back meanwhile")
	}
	r, err := l.Set(e)
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
	return n, c.unit()
}

// unit is what is counted on the links. They may differ in it.
func (c *change) unit() string {
	var all []string
	for i, l := range c.links {
		if u := unit(c.effects[i], l); !slices.Contains(all, u) {
			all = append(all, u)
		}
	}
	if slices.Contains(all, "round trips") { // requests are round trips, too
		all = slices.DeleteFunc(all, func(u string) bool { return u == "requests" })
	}
	return strings.Join(all, " and ")
}

// restoreRules says whether anything of a fault of a proxy can be left: nothing is when the process that ran the proxy is
// gone. While it lives it is the only one that can take the fault back.
func restoreRules(undo json.RawMessage) error {
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

// remedyFor is the command that remains when restoreRules fails.
func remedyFor(undo []byte) string {
	var u undoData
	if err := json.Unmarshal(undo, &u); err != nil || u.Proxy.PID <= 0 || !u.Proxy.Alive() || u.Proxy.PID == os.Getpid() {
		return ""
	}
	return fmt.Sprintf("gameday abort --all || kill %d", u.Proxy.PID)
}
