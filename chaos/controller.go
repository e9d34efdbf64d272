package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"gameday/chaos/journal"
	"gameday/sources/signal"
)

// The controller's bounds.
const (
	applyTimeout = 10 * time.Second // for one fault to be applied
	undoTimeout  = 5 * time.Second  // for one try to undo and verify
	backTimeout  = 60 * time.Second // for a killed target to be back before it is called missing
	keptStates   = 200              // faults that are over and still listed
)

// undoPauses lie between the tries of an undo.
var undoPauses = [...]time.Duration{50 * time.Millisecond, 300 * time.Millisecond}

// DefaultFor is how long a fault stays in force when nobody says otherwise.
const DefaultFor = 5 * time.Minute

// ErrAborted says that injections are refused because everything was undone and nobody has said that it may go on.
var ErrAborted = errors.New("everything was aborted")

// Config is what a Controller works with. Journal, Faults and Inventory are required.
type Config struct {
	Journal     *journal.Journal // the controller marks it closed and closes it at its own Close
	Faults      []Fault
	Inventory   Inventory
	Event       func(signal.Event) uint64 // puts an event on the timeline and returns its ID; nil: nobody listens
	Session     string                    // for messages; "": the journal's
	Environment string                    // "demo", "staging", "production"; judged by BlastRadius.Environments
	Blast       BlastRadius               // limit on every request, besides the request's own
	DefaultFor  time.Duration             // 0: DefaultFor
	Seed        uint64                    // for Selector.Pick
}

// Request asks for one fault.
type Request struct {
	Kind   string // "network.latency"
	Select Selector
	Args   Args
	For    time.Duration // in force at most so long; 0: the controller's default
	Title  string        // "": what the fault calls itself
	Blast  BlastRadius   // the experiment's limit; the stricter of this and the controller's counts
}

// Planned is a request resolved: what would be hit and how it would be undone. Nothing has been touched. It can be
// injected once.
type Planned struct {
	Kind        string
	Title       string
	Targets     []Target
	Total       int // targets of that kind there are
	Share       float64
	Environment string
	For         time.Duration
	Reversible  bool
	Description Description

	fault  Fault
	change Change
	blast  BlastRadius
	used   bool // guarded by the controller's mu
}

// Controller plans, injects and undoes faults, and keeps the promise that each is undone. Safe for concurrent use.
type Controller struct {
	cfg    Config
	faults map[string]Fault

	mu       sync.Mutex
	rnd      *rand.Rand
	active   []*activeFault // in the order of injection; those over are dropped beyond keptStates
	next     int
	aborted  string // reason; "" when injections may go on
	undoing  int    // UndoAll calls going on
	closed   bool
	inflight sync.WaitGroup // goroutines that watch deadlines and killed targets
	control  *control
}

// NewController checks the configuration and returns a controller that has touched nothing.
func NewController(cfg Config) (*Controller, error) {
	if cfg.Journal == nil {
		return nil, errors.New("start chaos controller: it needs a journal, because nothing may be touched without one")
	}
	if cfg.Inventory == nil {
		return nil, errors.New("start chaos controller: it needs an inventory")
	}
	if cfg.Session == "" {
		cfg.Session = cfg.Journal.Owner().Session
	}
	if cfg.DefaultFor <= 0 {
		cfg.DefaultFor = DefaultFor
	}
	c := &Controller{cfg: cfg, faults: map[string]Fault{}, rnd: rand.New(rand.NewPCG(cfg.Seed, 0x9e3779b97f4a7c15))}
	for _, f := range cfg.Faults {
		if _, twice := c.faults[f.Kind()]; twice {
			return nil, fmt.Errorf("start chaos controller: two faults are called %s", f.Kind())
		}
		c.faults[f.Kind()] = f
	}
	return c, nil
}

// Faults is the catalog, by kind.
func (c *Controller) Faults() []Fault {
	out := slices.Clone(c.cfg.Faults)
	sort.Slice(out, func(i, j int) bool { return out[i].Kind() < out[j].Kind() })
	return out
}

// Plan resolves the targets and checks the blast radius. It touches nothing.
func (c *Controller) Plan(ctx context.Context, r Request) (*Planned, error) {
	f, ok := c.faults[r.Kind]
	if !ok {
		return nil, c.unknown(r.Kind)
	}
	args, errs := CheckArgs(f.Params(), r.Args)
	if len(errs) > 0 {
		all := make([]error, len(errs))
		for i, e := range errs {
			all[i] = e
		}
		return nil, fmt.Errorf("plan %s: %w", r.Kind, errors.Join(all...))
	}
	if r.For < 0 {
		return nil, fmt.Errorf("plan %s: it cannot last %v", r.Kind, r.For)
	}
	if r.For == 0 {
		r.For = c.cfg.DefaultFor
	}
	all, err := c.list(ctx, f.Hits(), r.Select)
	if err != nil {
		return nil, fmt.Errorf("plan %s: list targets: %w", r.Kind, err)
	}
	c.mu.Lock()
	targets, err := r.Select.resolve(all, f.Hits(), c.rnd)
	c.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", r.Kind, err)
	}
	p := &Planned{Kind: r.Kind, Title: r.Title, Targets: targets, For: r.For, Environment: c.cfg.Environment,
		Reversible: f.Reversible(), fault: f, blast: c.cfg.Blast.Merge(r.Blast)}
	for _, t := range all {
		if t.Kind == f.Hits() {
			p.Total++
		}
	}
	p.Share = float64(len(targets)) / float64(p.Total)
	if err := c.checkBlast(p); err != nil {
		return nil, fmt.Errorf("plan %s: %w", r.Kind, err)
	}
	err = guarded("plan "+r.Kind, func() (err error) { p.change, err = f.Plan(ctx, targets, args); return err })
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", r.Kind, err)
	}
	p.Description = p.change.Describe()
	if p.Title == "" {
		p.Title = p.Description.Title
	}
	return p, nil
}

func (c *Controller) unknown(kind string) error {
	known := map[string]bool{}
	var names []string
	for k := range c.faults {
		known[k] = true
		names = append(names, k)
	}
	slices.Sort(names)
	if near, ok := nearest(kind, known); ok {
		return fmt.Errorf("no fault is called %q; did you mean %s?", kind, near)
	}
	return fmt.Errorf("no fault is called %q; there are: %s", kind, strings.Join(names, ", "))
}

func (c *Controller) checkBlast(p *Planned) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.checkBlastLocked(p)
}

func (c *Controller) checkBlastLocked(p *Planned) error {
	hit := map[string]bool{}
	for _, a := range c.active {
		missing := a.state.Phase == signal.FaultIrreversible && a.state.Undone.IsZero() // killed and not back
		if (missing || a.state.Phase.Active()) && a.fault.Hits() == p.fault.Hits() {
			for _, n := range a.state.Targets {
				hit[n] = true
			}
		}
	}
	return p.blast.check(p.Environment, p.Targets, hit, p.Total)
}

// Inject applies a planned fault and returns its ID. Its intent is on disk before the first effect. It is undone by
// itself when its time is over, whatever becomes of the caller. When applying fails, or everything is aborted
// meanwhile, whatever took effect has been undone before Inject returns, and the error says so or names the command
// that remains.
func (c *Controller) Inject(ctx context.Context, p *Planned) (string, error) {
	a, err := c.admit(ctx, p)
	if err != nil {
		return "", fmt.Errorf("inject %s: %w", p.Title, err)
	}
	defer a.release()
	if err := c.cfg.Journal.Intent(a.record()); err != nil {
		c.finish(a, signal.FaultUndone, fmt.Errorf("nothing was touched: %w", err))
		return "", fmt.Errorf("inject %s: refused, nothing was touched: %w", p.Title, err)
	}
	within, _ := patience(a.fault, p.change.Undo())
	applyCtx, cancel := context.WithTimeout(a.ctx, within)
	err = bounded(applyCtx, "apply "+p.Kind, p.change.Apply)
	cancel()
	if err == nil && a.ctx.Err() != nil {
		if err = ctx.Err(); err == nil {
			err = c.latch()
		}
	}
	if err == nil {
		if err = c.cfg.Journal.Armed(a.id); err == nil {
			c.armed(a)
			return a.id, nil
		}
	}
	return "", c.takeBack(a, err)
}

// takeBack undoes what an injection that failed may have left.
func (c *Controller) takeBack(a *activeFault, cause error) error {
	cause = fmt.Errorf("inject %s: %w", a.state.Title, cause)
	if a.fault.Reversible() {
		if err := c.revert(a, journal.NotApplied); err != nil {
			return errors.Join(cause, err)
		}
		c.finish(a, signal.FaultUndone, cause)
		return cause
	}
	if err := c.cfg.Journal.Undone(a.id, journal.Irreversible, "session"); err != nil {
		cause = errors.Join(cause, err)
	}
	c.finish(a, signal.FaultIrreversible, cause)
	return cause
}

// admit books a fault in, or says why it may not be injected now.
func (c *Controller) admit(ctx context.Context, p *Planned) (*activeFault, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, errors.New("the session has ended")
	case c.aborted != "" || c.undoing > 0:
		return nil, c.latchLocked()
	case p == nil || p.change == nil:
		return nil, errors.New("it was not planned")
	case p.used:
		return nil, errors.New("this plan was used already; plan again")
	}
	if err := c.checkBlastLocked(p); err != nil {
		return nil, err
	}
	p.used = true
	c.next++
	now := time.Now()
	a := &activeFault{id: fmt.Sprintf("f%d", c.next), fault: p.fault, change: p.change, busy: make(chan struct{}, 1), over: make(chan struct{})}
	// The caller's deadline bounds applying, never what comes after it.
	a.ctx, a.cancel = context.WithCancel(ctx)
	a.state = signal.FaultState{ID: a.id, Kind: p.Kind, Title: p.Title, Phase: signal.FaultInjecting, Injected: now,
		Until: now.Add(p.For), Undo: p.Description.Undo}
	for _, t := range p.Targets {
		a.state.Targets = append(a.state.Targets, t.Name)
	}
	a.busy <- struct{}{}
	c.active = append(c.active, a)
	c.forgetOldLocked()
	return a, nil
}

func (c *Controller) forgetOldLocked() {
	for i := 0; len(c.active) > keptStates && i < len(c.active); {
		if ph := c.active[i].state.Phase; ph == signal.FaultUndone {
			c.active = slices.Delete(c.active, i, i+1)
		} else {
			i++
		}
	}
}

func (c *Controller) latch() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latchLocked()
}

func (c *Controller) latchLocked() error {
	reason := c.aborted
	if reason == "" {
		reason = "undo of all faults is going on"
	}
	return fmt.Errorf("%w (%s); start the experiment again to go on", ErrAborted, reason)
}

// armed makes a fault that took effect visible and sees to it that it ends.
func (c *Controller) armed(a *activeFault) {
	c.mu.Lock()
	a.state.Phase = signal.FaultArmed
	if !a.fault.Reversible() {
		a.state.Phase = signal.FaultIrreversible
	}
	until := a.state.Until
	c.inflight.Add(1)
	c.mu.Unlock()
	if a.fault.Reversible() {
		c.show(a)
		go func() {
			defer c.inflight.Done()
			c.watchDeadline(a, until)
		}()
		return
	}
	// The journal needs no one to undo a kill; whether the target comes back is watched, not repaired.
	if err := c.cfg.Journal.Undone(a.id, journal.Irreversible, "session"); err != nil {
		c.note(a, err)
	}
	c.show(a)
	go func() {
		defer c.inflight.Done()
		c.watchReturn(a)
	}()
}

func (c *Controller) watchDeadline(a *activeFault, until time.Time) {
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-a.over:
	case <-t.C:
		_ = c.undo(a) // its outcome is in the fault's state, on the timeline and in the journal
	}
}

// watchReturn waits until a target that was killed is there again.
func (c *Controller) watchReturn(a *activeFault) {
	ctx, cancel := context.WithTimeout(context.Background(), backTimeout)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var err error
	for {
		tryCtx, done := context.WithTimeout(ctx, undoTimeout)
		if err = bounded(tryCtx, "watch "+a.state.Kind, a.change.Verify); err == nil {
			done()
			c.finish(a, signal.FaultIrreversible, nil)
			return
		}
		done()
		select {
		case <-a.over:
			return
		case <-ctx.Done():
			c.finish(a, signal.FaultIrreversible, fmt.Errorf("not back after %v: %w", backTimeout, err))
			return
		case <-tick.C:
		}
	}
}
