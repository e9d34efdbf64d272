package experiment

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"gameday/chaos"
	"gameday/chaos/probe"
	"gameday/sources/signal"
)

// Controller is what a run needs of chaos.Controller.
type Controller interface {
	Plan(ctx context.Context, r chaos.Request) (*chaos.Planned, error)
	Inject(ctx context.Context, p *chaos.Planned) (id string, err error)
	Undo(ctx context.Context, id string) error
	UndoAll(ctx context.Context, reason string) []error
	ResumeAfterAbort()
	States() []signal.FaultState
}

// LoadStarter starts an experiment's load. stop ends it and waits for it.
type LoadStarter interface {
	StartLoad(ctx context.Context, ref LoadRef) (stop func(), err error)
}

// RunConfig is what a run works with. Experiment, Controller and Observer are required, and Load where the experiment
// has any.
type RunConfig struct {
	Experiment *Experiment
	Controller Controller
	Observer   probe.Observer
	Load       LoadStarter
	Event      func(signal.Event) uint64 // puts something on the timeline; nil: nobody listens
	// Reading is told of every reading of a probe and its judgement, so that a report can have the numbers. It is called
	// from the probe's own goroutine and must return at once; nil: nobody listens.
	Reading     func(name string, r probe.Reading, c signal.Check)
	Environment string            // "demo", "staging", "production"
	Vars        map[string]string // values of ${name}
	Planned     []*chaos.Planned  // what an operator was shown and agreed to, one for each step; nil: planned at the start
	UndoTimeout time.Duration     // how long to wait for faults to be undone; 0 means 40s
	GoAhead     GoAhead           // who answers when the method asks for a go-ahead
	// Lock takes the targets for this run alone and returns what gives them back; nil: nobody else could want them. They
	// are kept when a fault could not be undone.
	Lock func(targets []string) (release func() error, err error)
}

const defaultUndoTimeout = 40 * time.Second // the controller tries three times for up to five seconds, and verifies

// Runner takes one experiment through its phases, once. Its methods are safe for concurrent use.
type Runner struct {
	cfg     RunConfig
	exp     *Experiment
	rungs   []*rung
	guards  []*guard
	program *program
	stopped chan struct{} // closed by Abort
	asking  chan struct{} // held by the step that asks for a go-ahead

	mu      sync.Mutex
	phase   signal.Phase
	verdict signal.Verdict
	reason  string
	started time.Time
	ended   time.Time
	abort   string // why, once aborted
	before  span
	during  span // from the first fault that is armed to the beginning of the undo
	cut     bool // the run was aborted before the end of the method
	method  span // from the beginning of the method to that of the undo
	after   span
	faults  []fault // one for each step
	unsure  chan struct{}
	event   uint64
	stack   string
	others  map[string]bool // faults that were there before the run
	running bool

	inForce   int                // faults injected and not undone within the method
	suspended *signal.Suspension // what the method asks
	answer    chan struct{}      // closed by Proceed; nil when nothing is asked
	skipped   []string           // steps whose condition was not met
	release   func() error       // gives the targets back
}

// fault is one step on its way.
type fault struct {
	title string
	id    string // "" until it is injected
	armed time.Time
}

// New makes a runner and says what is missing for a run: a variable without a value, a load without a starter. Nothing is
// measured or touched yet.
func New(cfg RunConfig) (*Runner, error) {
	if cfg.Experiment == nil || cfg.Controller == nil || cfg.Observer == nil {
		return nil, errors.New("run experiment: it needs an experiment, a controller and an observer")
	}
	if cfg.UndoTimeout <= 0 {
		cfg.UndoTimeout = defaultUndoTimeout
	}
	e := cfg.Experiment
	program := e.program()
	r := &Runner{cfg: cfg, exp: e, program: program, stopped: make(chan struct{}), asking: make(chan struct{}, 1),
		unsure: make(chan struct{}, 1), faults: make([]fault, len(program.faults))}
	var errs []error
	if e.Load != nil && cfg.Load == nil {
		errs = append(errs, errors.New("it brings its own load, and nothing here can start one"))
	}
	if n := len(program.faults); cfg.Planned != nil && len(cfg.Planned) != n {
		errs = append(errs, fmt.Errorf("%d faults were planned for %d steps", len(cfg.Planned), n))
	}
	if err := checkGoAhead(e, cfg.GoAhead); err != nil {
		errs = append(errs, err)
	}
	for _, c := range e.SteadyState.Probes {
		p, err := probe.New(c, cfg.Observer, cfg.Vars)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.rungs = append(r.rungs, newRung(p))
	}
	for i := range e.Abort {
		g, err := r.newGuard(i)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.guards = append(r.guards, g)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("run experiment %s: %w", e.Metadata.Name, err)
	}
	for i, s := range program.faults {
		r.faults[i].title = s.Title
		if s.Title == "" {
			r.faults[i].title = s.Fault
		}
	}
	return r, nil
}

func (r *Runner) newGuard(i int) (*guard, error) {
	a := &r.exp.Abort[i]
	g := &guard{name: a.Name, when: a.When, hold: a.For}
	if a.Probe == "" {
		c := a.config(i)
		g.name = c.Name
		p, err := probe.New(c, r.cfg.Observer, r.cfg.Vars)
		g.probe = p
		return g, err
	}
	if g.name == "" {
		g.name = a.Probe
	}
	at := slices.IndexFunc(r.rungs, func(l *rung) bool { return l.probe.Name() == a.Probe })
	if at < 0 {
		return nil, fmt.Errorf("abort condition %d: no probe is called %q", i+1, a.Probe)
	}
	g.rung = r.rungs[at]
	return g, nil
}

// Run makes a runner and runs it. What New complains about is the verdict "could not run".
func Run(ctx context.Context, cfg RunConfig) Result {
	r, err := New(cfg)
	if err != nil {
		now := time.Now()
		s := signal.ExperimentState{Phase: signal.PhaseDone, Verdict: signal.VerdictError, Reason: err.Error(), Started: now, Ended: now}
		if cfg.Experiment != nil {
			s.Name, s.Title, s.Hypothesis = cfg.Experiment.Metadata.Name, cfg.Experiment.Title(), cfg.Experiment.Hypothesis
		}
		return Result{State: s}
	}
	return r.Run(ctx)
}

// Abort undoes everything and ends the run. It returns at once; Run returns when all is undone. The first reason counts.
// Before Run it prevents the run; after its end it does nothing.
func (r *Runner) Abort(reason string) {
	if reason == "" {
		reason = "it was asked for"
	}
	r.mu.Lock()
	first := r.abort == "" && r.phase != signal.PhaseDone
	if first {
		r.abort = reason
	}
	r.mu.Unlock()
	if first {
		close(r.stopped)
	}
}

// ending is why a run ended before its time. nil is a run that came to its end.
type ending struct {
	verdict signal.Verdict
	reason  string
}

func (e *ending) Error() string { return e.reason }

func couldNotRun(format string, args ...any) *ending {
	return &ending{signal.VerdictError, fmt.Sprintf(format, args...)}
}

// Run takes the experiment through its phases and returns when every fault is undone or known to be past undoing, load
// is stopped and all its goroutines have ended. When ctx ends, everything is undone first.
func (r *Runner) Run(ctx context.Context) Result {
	if !r.begin() {
		return Result{State: signal.ExperimentState{Phase: signal.PhaseDone, Verdict: signal.VerdictError, Reason: "this run has been started before; make a new one"}}
	}
	r.prepare()
	runCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case <-r.stopped: // before it began
		cancel()
	default:
	}
	// What must go on while ctx ends: measuring until all is undone.
	lasting, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()

	var work sync.WaitGroup
	work.Go(func() { // Abort ends the run
		select {
		case <-r.stopped:
			cancel()
		case <-lasting.Done():
		}
	})
	var load loadHandle
	method := r.newMethod()
	end := r.guarded(func() *ending { return r.toSteadyState(runCtx, lasting, &work, &load, method) })
	if end == nil {
		end = r.guarded(func() *ending { return method.run(runCtx) })
	}
	failures := r.rollback(ctx, end, method)
	if end == nil && len(failures) == 0 {
		end = r.guarded(func() *ending { return r.watchRecovery(runCtx) })
	}
	if stop := r.guarded(load.stopLoad); stop != nil && end == nil {
		end = stop
	}
	release()
	work.Wait()
	if len(failures) == 0 {
		r.unlock()
	}
	return r.finish(end, failures)
}

func (r *Runner) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		return false
	}
	r.running, r.started = true, time.Now()
	return true
}

// prepare lets injections through after an earlier abort, and notes which faults are not of this run.
func (r *Runner) prepare() {
	_ = r.guarded(func() *ending { // a controller that panics here does so again at Plan, which is reported
		r.cfg.Controller.ResumeAfterAbort()
		others := map[string]bool{}
		for _, s := range r.cfg.Controller.States() {
			others[s.ID] = true
		}
		r.others = others
		return nil
	})
}

// lock takes the targets for this run alone.
func (r *Runner) lock(planned []*chaos.Planned) error {
	if r.cfg.Lock == nil {
		return nil
	}
	var names []string
	for _, p := range planned {
		for _, t := range p.Targets {
			names = append(names, t.Name)
		}
	}
	release, err := r.cfg.Lock(names)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.release = release
	r.mu.Unlock()
	return nil
}

func (r *Runner) unlock() {
	r.mu.Lock()
	release := r.release
	r.release = nil
	r.mu.Unlock()
	if release == nil {
		return
	}
	if err := release(); err != nil {
		r.tell(signal.Event{Kind: signal.EventNote, Outcome: signal.Warning, Title: "targets not given back", Detail: err.Error()})
	}
}

// guarded turns a panic into an ending, so that the undo behind it is reached.
func (r *Runner) guarded(f func() *ending) (end *ending) {
	defer func() {
		if p := recover(); p != nil {
			stack := string(debug.Stack())
			r.mu.Lock()
			r.stack = stack
			r.mu.Unlock()
			end = couldNotRun("gameday itself failed: %v", p)
		}
	}()
	return f()
}

// loadHandle holds what stops the load.
type loadHandle struct{ stop func() }

func (l *loadHandle) stopLoad() *ending {
	if l.stop != nil {
		l.stop()
	}
	return nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
