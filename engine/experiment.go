package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gameday/chaos"
	"gameday/chaos/experiment"
	"gameday/chaos/schedule"
	"gameday/chaos/targetlock"
	"gameday/engine/load"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

// knownVars are the names that ${name} may have in an experiment: addresses that a system tells at run time.
var knownVars = []string{"gateway"}

// ParseExperiment reads an experiment and reports everything that is wrong with it at once, its load included when that is
// written in place.
func ParseExperiment(file string, data []byte, faults []chaos.Fault) (*experiment.Experiment, error) {
	return experiment.Parse(file, data, experiment.ParseConfig{Faults: faults, Vars: knownVars, CheckLoad: load.CheckPlan})
}

// CheckExperiment does the same for a file that a person named: the load plan that it names in turn must be there, and good.
func CheckExperiment(doc Document) (*experiment.Experiment, error) {
	return experiment.Parse(doc.File, doc.Data, experiment.ParseConfig{Faults: Catalog(), Vars: knownVars, CheckLoad: load.CheckPlan, OpenLoad: true})
}

// ReadDocument reads a file as the session wants it. Its ID is the file's name without folder and extension.
func ReadDocument(file string) (Document, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Document{}, fmt.Errorf("cannot read %s: %w", file, errors.Unwrap(err))
	}
	return Document{ID: strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), File: file, Data: data}, nil
}

// experimentRun is one run of an experiment.
type experimentRun struct {
	runner *experiment.Runner
	done   chan struct{} // closed when everything is undone and result is set
	result experiment.Result

	recording *recording
	kept      kept
}

func (r *experimentRun) running() bool {
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}

// Choice is one experiment or load plan to pick from.
type Choice struct {
	ID, Title, Detail string
	Err               error // why it cannot be started: its file is broken
}

// Experiments lists what can be run, in the order of the configuration.
func (s *Session) Experiments() []Choice {
	out := make([]Choice, 0, len(s.cfg.Experiments))
	for _, doc := range s.cfg.Experiments {
		p := s.docs.experiments[doc.ID]
		c := Choice{ID: doc.ID, Title: doc.ID, Err: p.err}
		if p.err == nil {
			c.Title, c.Detail = p.exp.Title(), join(p.exp.Hypothesis, p.exp.Metadata.Description)
		}
		out = append(out, c)
	}
	return out
}

// LoadPlans lists the load plans that can be started.
func (s *Session) LoadPlans() []Choice {
	out := make([]Choice, 0, len(s.cfg.LoadPlans))
	for _, doc := range s.cfg.LoadPlans {
		p := s.docs.plans[doc.ID]
		c := Choice{ID: doc.ID, Title: doc.ID, Err: p.err}
		if p.err == nil {
			if p.plan.Metadata.Title != "" {
				c.Title = p.plan.Metadata.Title
			}
			c.Detail = s.describeLoad(p.plan)
		}
		out = append(out, c)
	}
	for _, o := range s.cfg.OtherLoads {
		out = append(out, Choice{ID: o.ID, Title: o.Title, Detail: o.Detail})
	}
	return out
}

func join(sentences ...string) string {
	var out []string
	for _, s := range sentences {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, "\n")
}

// Plan is what an experiment would do, with its targets resolved. It is what the operator agrees to: StartExperiment
// injects these very changes and selects nothing again.
type Plan struct {
	Experiment *experiment.Experiment
	Load       string // in words, "" for none
	Faults     []*chaos.Planned
	// GoAhead says who answers when the method asks for a go-ahead. The zero value refuses to start an experiment that
	// asks; whoever shows Session.State and calls Session.Proceed sets it to experiment.GoAheadAsk.
	GoAhead experiment.GoAhead
	// Consent says who agreed to a plan for production, and how: "typed confirmation". Approve fills it in.
	Consent string
	// By is who starts it, for the timeline of a session that several people share.
	By string

	document *Document // what it was read from
	system   string
	where    string // environment
}

// DryRun says what a run would do: what is hit, every command and its undo. It touches nothing.
func (p *Plan) DryRun() string { return p.Experiment.Describe(p.Faults) }

// Digest is the SHA-256 of the plan that an approval is bound to.
func (p *Plan) Digest() ([32]byte, error) { return p.Experiment.Digest(p.Faults, p.system, p.where) }

// PlanExperiment resolves the targets of an experiment and checks its blast radius. It touches nothing.
func (s *Session) PlanExperiment(ctx context.Context, id string) (*Plan, error) {
	p, ok := s.docs.experiments[id]
	if !ok {
		return nil, s.docs.errNoExperiment(id, s.cfg.Experiments)
	}
	if p.err != nil {
		return nil, p.err
	}
	if _, err := s.await(ctx); err != nil {
		return nil, err
	}
	plan := &Plan{Experiment: p.exp, document: find(s.cfg.Experiments, id), system: s.cfg.Name, where: s.cfg.Environment}
	if p.exp.Load != nil {
		lp, err := loadOf(*p.exp.Load)
		if err != nil {
			return nil, err
		}
		plan.Load = s.describeLoad(lp)
	}
	var errs []error
	for _, r := range p.exp.Requests() {
		f, err := s.chaos.Plan(ctx, r)
		errs = append(errs, err)
		plan.Faults = append(plan.Faults, f)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return plan, nil
}

// DescribeLoad says what a load plan would do; ok is false when there is no such plan.
func (s *Session) DescribeLoad(id string) (title, what string, duration time.Duration, ok bool, err error) {
	if o := s.otherLoad(id); o != nil {
		return o.Title, o.Detail, o.Takes, true, nil
	}
	p, ok := s.docs.plans[id]
	if !ok || p.err != nil {
		return "", "", 0, ok, p.err
	}
	return p.plan.Metadata.Title, s.describeLoad(p.plan), p.plan.Warmup + p.plan.Duration, true, nil
}

// StartExperiment runs a plan that the operator has agreed to and returns once it runs. Only one runs at a time.
func (s *Session) StartExperiment(plan *Plan) error {
	if err := s.consent(plan); err != nil {
		return err
	}
	rec := newRecording(plan, s.System())
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return errors.New("gameday is being quit")
	case s.run != nil && s.run.running():
		return errors.New("an experiment is running: wait for its end, or abort it")
	}
	runner, err := experiment.New(experiment.RunConfig{
		Experiment: plan.Experiment, Controller: s.chaos, Observer: observer{s}, Load: starter{s, plan.By}, Reading: rec.reading,
		Event:       func(e signal.Event) uint64 { rec.phase(e); e.By = plan.By; return s.Event(e) },
		Environment: s.cfg.Environment, Vars: s.vars(), Planned: plan.Faults, GoAhead: plan.GoAhead, Lock: s.lockTargets(plan),
	})
	if err != nil {
		return err
	}
	rec.runner = runner
	run := &experimentRun{runner: runner, done: make(chan struct{}), recording: rec, kept: kept{done: make(chan struct{})}}
	s.run = run
	s.work.Go(func() {
		run.result = runner.Run(s.ctx)
		load := s.reportLoad(plan)
		close(run.done)
		s.work.Go(func() { s.keep(run, load) })
		if v := run.result.State.Verdict; v != signal.VerdictAborted && s.ctx.Err() == nil {
			s.startAmbient()
		}
	})
	return nil
}

// lockTargets keeps other experiments of this machine away from a plan's targets.
func (s *Session) lockTargets(plan *Plan) func(targets []string) (func() error, error) {
	holder := targetlock.Holder{Experiment: plan.Experiment.Metadata.Name, Session: s.id, PID: os.Getpid()}
	return func(targets []string) (func() error, error) {
		holder.Since = time.Now()
		system := s.cfg.Name // two systems may call their services the same
		if s.cfg.Environment == "demo" {
			system = s.id // every demo has a shop of its own
		}
		machine := map[string]bool{}
		for _, f := range plan.Faults {
			for _, t := range f.Targets {
				machine[t.Name] = machine[t.Name] || onMachine(t)
			}
		}
		for i, t := range targets {
			if machine[t] {
				targets[i] = "machine/" + t
			} else {
				targets[i] = system + "/" + t
			}
		}
		held, err := targetlock.Dir(LockDir(s.cfg.StateDir)).Acquire(holder, targets)
		if err != nil {
			return nil, err
		}
		return held.Release, nil
	}
}

// LockDir is where the locks of targets lie, beside the journals.
func LockDir(stateDir string) string { return filepath.Join(stateDir, "locks") }

// Proceed gives the go-ahead that the experiment waits for; see signal.ExperimentState.Suspended. To say no, abort.
func (s *Session) Proceed() error {
	s.mu.Lock()
	run := s.run
	s.mu.Unlock()
	if run == nil || !run.running() {
		return errors.New("no experiment is running")
	}
	return run.runner.Proceed()
}

// Wait waits for the experiment that runs, if one does, and returns its result. ok is false when none was started.
func (s *Session) Wait(ctx context.Context) (result experiment.Result, ok bool) {
	s.mu.Lock()
	run := s.run
	s.mu.Unlock()
	if run == nil {
		return result, false
	}
	select {
	case <-run.done:
	case <-ctx.Done():
		run.runner.Abort(context.Cause(ctx).Error())
		<-run.done
	}
	return run.result, true
}

// State is the experiment that runs or ran last; ok is false before the first.
func (s *Session) State() (state signal.ExperimentState, ok bool) {
	s.mu.Lock()
	run := s.run
	s.mu.Unlock()
	if run == nil {
		return state, false
	}
	return run.runner.State(), true
}

// Faults are the faults in force and those that were undone last.
func (s *Session) Faults() []signal.FaultState { return s.chaos.States() }

// Aborted says what an abort found and undid.
type Aborted struct {
	Faults     int // undone
	Experiment bool
	Load       bool
}

// Abort undoes every fault and stops all load and the experiment, at once. The error lists what could not be undone, with the
// commands that remain.
func (s *Session) Abort(ctx context.Context, reason string) (Aborted, error) {
	return s.abort(ctx, reason, "")
}

func (s *Session) abort(ctx context.Context, reason, by string) (Aborted, error) {
	var did Aborted
	s.mu.Lock()
	run := s.run
	s.mu.Unlock()
	if run != nil && run.running() {
		did.Experiment = true
		run.runner.Abort(reason)
	}
	active := 0
	for _, f := range s.chaos.States() {
		if f.Phase.Active() {
			active++
		}
	}
	begun := time.Now()
	errs := s.chaos.UndoAll(ctx, reason)
	took := time.Since(begun)
	did.Faults = active - len(errs)
	did.Load = s.StopLoad()
	if did.Experiment {
		select {
		case <-run.done:
		case <-ctx.Done():
			errs = append(errs, context.Cause(ctx))
		}
	}
	outcome := signal.Neutral
	if len(errs) > 0 {
		outcome = signal.Bad
	}
	s.Event(signal.Event{Kind: signal.EventAbort, Outcome: outcome, Title: "abort", By: by,
		Detail: fmt.Sprintf("%s: %d of %d faults undone in %d ms", reason, did.Faults, active, took.Milliseconds())})
	return did, errors.Join(errs...)
}

// starter runs the load that an experiment brings.
type starter struct {
	s  *Session
	by string
}

// StartLoad replaces the load that runs by the experiment's.
func (l starter) StartLoad(_ context.Context, ref experiment.LoadRef) (func(), error) {
	plan, err := loadOf(ref)
	if err != nil {
		return nil, err
	}
	if err := l.s.replaceLoad(plan, l.by); err != nil {
		return nil, err
	}
	return func() { l.s.StopLoad() }, nil
}

func loadOf(ref experiment.LoadRef) (*load.Plan, error) {
	if ref.Inline != nil {
		return load.ParsePlan(ref.Inline)
	}
	return load.LoadPlan(ref.File)
}

// describeLoad is a load plan in one line: how much of what against whom.
func (s *Session) describeLoad(p *load.Plan) string {
	var parts []string
	for _, sc := range p.Scenarios {
		if sc.Executor != nil {
			parts = append(parts, sc.Name+" "+describeExecutor(sc.Executor))
		} else {
			parts = append(parts, sc.Name)
		}
	}
	what := strings.Join(parts, ", ")
	if p.Executor != nil {
		what += ": " + describeExecutor(p.Executor)
	}
	if p.Duration > 0 {
		what += " for " + p.Duration.String()
	}
	target := p.Target
	if sys := s.System(); sys != nil {
		for name, value := range sys.Vars() {
			target = strings.ReplaceAll(target, "${"+name+"}", value)
		}
	}
	return what + " against " + target
}

func describeExecutor(e *load.Executor) string {
	from, unit := float64(e.Users), "users"
	if e.Kind.Open() {
		from, unit = e.Rate, "req/s"
	}
	out := fmt.Sprintf("%g", from)
	for _, st := range e.Stages {
		out += fmt.Sprintf(" → %g", st.To)
	}
	return out + " " + unit
}

// Environment is what the session was told it works in.
func (s *Session) Environment() string { return s.cfg.Environment }

// Schema is the JSON Schema of a kind of document: "experiment", "load" or "schedule".
func Schema(kind string) ([]byte, error) {
	if kind == "load" {
		return spec.Schema("gameday load plan", load.Plan{})
	}
	if kind == "schedule" {
		return schedule.Schema()
	}
	return experiment.Schema(Catalog())
}
