package chaos

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"gameday/chaos/journal"
	"gameday/sources/signal"
)

// Remedier is a Fault that knows a better last resort than `gameday recover`: the exact command that a person can run.
type Remedier interface {
	Remedy(undo []byte) string
}

// Patient is a Fault whose effects are programs or requests that may take longer than other faults are given. The times
// come from what is in the journal, so that whoever undoes it gives it the same.
type Patient interface {
	// Patience is how long applying may take, and each try to undo; zero is what other faults are given.
	Patience(undo []byte) (apply, revert time.Duration)
}

// The longest that a Patient is waited for: three tries to undo must end before those who wait for them give up.
const (
	maxApply  = 15 * time.Minute
	maxRevert = 12 * time.Second
)

func patience(f Fault, undo []byte) (apply, revert time.Duration) {
	apply, revert = applyTimeout, undoTimeout
	if p, ok := f.(Patient); ok {
		_ = guarded("patience", func() error { // a panic here leaves the ordinary times
			a, r := p.Patience(undo)
			apply, revert = min(max(apply, a), maxApply), min(max(revert, r), maxRevert)
			return nil
		})
	}
	return apply, revert
}

// defaultRemedy is what remains when undoing failed and the fault knows nothing better.
const defaultRemedy = "gameday recover"

// activeFault is one fault from its injection on. state, shown and ended are guarded by the controller's mu; busy is
// held by whoever applies or undoes.
type activeFault struct {
	id     string
	fault  Fault
	change Change
	ctx    context.Context // ends when applying shall stop
	cancel context.CancelFunc
	busy   chan struct{}
	over   chan struct{} // closed when there is nothing left to watch
	state  signal.FaultState
	event  uint64
	ended  bool
}

func (a *activeFault) release() {
	a.cancel()
	<-a.busy
}

func (a *activeFault) record() journal.Fault {
	d := a.change.Describe()
	return journal.Fault{ID: a.id, Kind: a.state.Kind, Title: a.state.Title, Targets: a.state.Targets, Actions: d.Actions,
		UndoText: d.Undo, Undo: a.change.Undo(), Until: a.state.Until, Reversible: a.fault.Reversible()}
}

// Undo takes back one fault and verifies it. It is idempotent. When it fails, the fault is in the state "needs you" and
// the error names the command that remains. The work goes on to its end even when ctx ends first.
func (c *Controller) Undo(ctx context.Context, id string) error {
	c.mu.Lock()
	i := slices.IndexFunc(c.active, func(a *activeFault) bool { return a.id == id })
	var a *activeFault
	if i >= 0 {
		a = c.active[i]
	}
	c.mu.Unlock()
	if a == nil {
		return fmt.Errorf("undo %s: there is no such fault", id)
	}
	return c.await(ctx, a)
}

// await undoes in a goroutine of its own, so that a caller who leaves does not take the undo with it.
func (c *Controller) await(ctx context.Context, a *activeFault) error {
	done := make(chan error, 1)
	go func() { done <- c.undo(a) }() // ends by itself: every try is bounded
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		select {
		case err := <-done:
			return err
		default:
		}
		return fmt.Errorf("undo %s: still going on: %w", a.state.Title, ctx.Err())
	}
}

// UndoAll takes back everything, in parallel, and from its first moment on refuses injections until ResumeAfterAbort. It
// returns one error per fault that could not be undone.
func (c *Controller) UndoAll(ctx context.Context, reason string) []error {
	if reason == "" {
		reason = "undo of all faults was asked for"
	}
	c.mu.Lock()
	c.aborted = reason
	c.undoing++
	var todo []*activeFault
	for _, a := range c.active {
		if a.state.Phase.Active() {
			todo = append(todo, a)
			a.cancel() // an injection on its way stops and takes itself back
		}
	}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.undoing--
		c.mu.Unlock()
	}()
	errs := make([]error, len(todo))
	var wg sync.WaitGroup
	for i, a := range todo {
		wg.Go(func() { errs[i] = c.await(ctx, a) })
	}
	wg.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// ResumeAfterAbort lets injections go on after UndoAll. Whoever starts an experiment calls it first.
func (c *Controller) ResumeAfterAbort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aborted = ""
}

// undo waits its turn and takes the fault back, unless somebody did already.
func (c *Controller) undo(a *activeFault) error {
	a.busy <- struct{}{}
	defer func() { <-a.busy }()
	c.mu.Lock()
	active := a.state.Phase.Active()
	if active {
		a.state.Phase = signal.FaultUndoing
	}
	c.mu.Unlock()
	if !active {
		return nil
	}
	if err := c.revert(a, journal.Verified); err != nil {
		return err
	}
	c.finish(a, signal.FaultUndone, nil)
	return nil
}

// revert tries to undo and verify, several times, each bounded. The caller holds a.busy.
func (c *Controller) revert(a *activeFault, outcome string) error {
	_, within := patience(a.fault, a.change.Undo())
	err := retry(context.Background(), within, "undo "+a.state.Kind, func(ctx context.Context) error {
		if err := a.change.Revert(ctx); err != nil {
			return err
		}
		return a.change.Verify(ctx)
	})
	if err == nil {
		if jerr := c.cfg.Journal.Undone(a.id, outcome, "session"); jerr != nil {
			c.note(a, fmt.Errorf("undone and verified, but the journal does not know (a recovery will look again): %w", jerr))
		}
		return nil
	}
	remedy := remedyFor(a.fault, a.change.Undo())
	err = fmt.Errorf("undo %s: %w; what remains: %s", a.state.Title, err, remedy)
	if jerr := c.cfg.Journal.Failed(a.id, "session", err, remedy); jerr != nil {
		err = errors.Join(err, jerr)
	}
	c.mu.Lock()
	a.state.Remedy = remedy
	c.mu.Unlock()
	c.finish(a, signal.FaultNeedsHuman, err)
	return err
}

func remedyFor(f Fault, undo []byte) (remedy string) {
	r, ok := f.(Remedier)
	if !ok {
		return defaultRemedy
	}
	// A panic here must not hide what failed: the general remedy is always right.
	if err := guarded("remedy", func() error { remedy = r.Remedy(undo); return nil }); err != nil || remedy == "" {
		return defaultRemedy
	}
	return remedy
}

// retry runs one undo up to three times. A try that hangs is left behind after its time.
func retry(ctx context.Context, within time.Duration, what string, try func(context.Context) error) error {
	for i := 0; ; i++ {
		tryCtx, cancel := context.WithTimeout(ctx, within)
		err := bounded(tryCtx, what, try)
		cancel()
		if err == nil || i == len(undoPauses) {
			return err
		}
		time.Sleep(undoPauses[i])
	}
}

// bounded runs f and returns when it does, or when ctx ends and f does not heed it. f then is left behind: there is no
// way to stop a goroutine, and one fault that hangs may not hold up the others.
func bounded(ctx context.Context, what string, f func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- guarded(what, func() error { return f(ctx) }) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(100 * time.Millisecond) // for those who heed ctx, so that their own error is seen
	defer grace.Stop()
	select {
	case err := <-done:
		return err
	case <-grace.C:
		return fmt.Errorf("%s: did not come back: %w", what, ctx.Err())
	}
}

// guarded makes a panic in a fault's code an error.
func guarded(what string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			stack := strings.Split(string(debug.Stack()), "\n")
			err = fmt.Errorf("%s: panic: %v (%s)", what, r, panicPlace(stack))
		}
	}()
	return f()
}

// panicPlace is the file and line of the code that panicked, out of a stack.
func panicPlace(stack []string) string {
	for i, l := range stack {
		if strings.HasPrefix(l, "panic(") && i+3 < len(stack) {
			return strings.TrimSpace(stack[i+3])
		}
	}
	return "place unknown"
}

// note keeps an error that did not change the outcome where the operator sees it.
func (c *Controller) note(a *activeFault, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.state.Err = err.Error()
}

// finish sets a fault's last phase and shows it. A fault that needs a person stays open: it is still in force, and can
// be undone again.
func (c *Controller) finish(a *activeFault, phase signal.FaultPhase, err error) {
	c.mu.Lock()
	a.state.Phase = phase
	if phase != signal.FaultNeedsHuman {
		a.state.Undone, a.state.Remedy = time.Now(), ""
	}
	if err != nil {
		a.state.Err = err.Error()
	}
	if phase != signal.FaultNeedsHuman && !a.ended {
		a.ended = true
		close(a.over)
	}
	c.mu.Unlock()
	c.show(a)
}

// show puts the fault on the timeline, or replaces what is there of it.
func (c *Controller) show(a *activeFault) {
	if c.cfg.Event == nil {
		return
	}
	c.mu.Lock()
	s := a.state
	e := signal.Event{ID: a.event, Start: s.Injected, Open: true, Kind: signal.EventFault, Outcome: signal.Warning,
		Title: s.Title, Target: strings.Join(s.Targets, ", "), Detail: s.Kind + " injected"}
	c.mu.Unlock()
	switch {
	case s.Phase == signal.FaultNeedsHuman:
		e.Outcome, e.Detail = signal.Bad, s.Kind+" could not be undone: "+s.Remedy
	case s.Phase == signal.FaultIrreversible && s.Undone.IsZero():
		e.Detail = s.Kind + ": waiting for the target to be back"
	case !s.Undone.IsZero():
		e.Open, e.End, e.Outcome, e.Detail = false, s.Undone, signal.Neutral, s.Kind+" undone, verified"
		if s.Phase == signal.FaultIrreversible {
			e.Detail = s.Kind + ": the target is back"
		}
		if s.Err != "" {
			e.Outcome, e.Detail = signal.Warning, s.Err
		}
	}
	id := c.cfg.Event(e)
	c.mu.Lock()
	a.event = id
	c.mu.Unlock()
}

// States lists every fault of the session: those in force first, then the others, each by age with the youngest first.
// Counters are read while it is called.
func (c *Controller) States() []signal.FaultState {
	c.mu.Lock()
	faults := slices.Clone(c.active)
	states := make([]signal.FaultState, len(faults))
	for i, a := range faults {
		states[i] = a.state
		states[i].Targets = slices.Clone(a.state.Targets)
	}
	c.mu.Unlock()
	for i, a := range faults {
		// A counter that panics costs its figure, not the screen.
		if err := guarded("count", func() error { states[i].Touched, states[i].Unit = a.change.Touched(); return nil }); err != nil {
			states[i].Err = err.Error()
		}
	}
	slices.Reverse(states)
	slices.SortStableFunc(states, func(a, b signal.FaultState) int {
		switch {
		case a.Phase.Active() == b.Phase.Active():
			return 0
		case a.Phase.Active():
			return -1
		}
		return 1
	})
	return states
}

// Close undoes everything, waits for what it started and closes the journal, which is removed when nothing is left to
// undo. It returns what could not be undone. A second call does nothing.
func (c *Controller) Close(ctx context.Context) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	control := c.control
	c.mu.Unlock()
	errs := c.UndoAll(ctx, "the session ends")
	c.mu.Lock()
	clean := true
	for _, a := range c.active {
		clean = clean && !a.state.Phase.Active()
		if !a.ended {
			a.ended = true
			close(a.over)
		}
	}
	c.mu.Unlock()
	if control != nil {
		errs = append(errs, control.close())
	}
	waited := make(chan struct{})
	go func() { c.inflight.Wait(); close(waited) }()
	select {
	case <-waited:
	case <-ctx.Done(): // an undo that hangs; the keeper has the journal
		clean = false
	}
	if err := c.cfg.Journal.Close(clean); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close chaos controller: %w", err)
	}
	return nil
}
