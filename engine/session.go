package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"gameday/chaos"
	"gameday/chaos/fault/container"
	"gameday/chaos/journal"
	"gameday/chaos/keeper"
	"gameday/chaos/proxy"
	"gameday/engine/record"
	"gameday/sources"
	"gameday/sources/correlate"
	"gameday/sources/metrics"
	"gameday/sources/otlp"
	"gameday/sources/pattern"
	"gameday/sources/rules"
	"gameday/sources/scrape"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// Session is one running cockpit. It owns everything it starts, and ends it in the reverse order: chaos, load, sources,
// store. All methods are safe for concurrent use.
type Session struct {
	cfg         Config
	id          string
	started     time.Time
	store       *store.Store
	db          *metrics.DB
	receiver    *otlp.Receiver
	links       *proxy.Set
	containers  *container.Engine
	journal     *journal.Journal
	keeper      *keeper.Keeper
	chaos       *chaos.Controller
	panels      *panels
	recorder    *record.Writer // nil when nothing is recorded
	boards      *boards
	maps        *serviceMaps
	compare     comparer
	faults      []chaos.Fault
	docs        documents
	loading     sync.Mutex // one change of the load at a time
	lookups     lookups
	hosts       hosts
	exporters   []exporter
	reliability *reliability
	incidents   incidents
	patterns    *patterns
	shelf       shelf
	alerts      alerts
	halves      halves
	correlate   *correlate.Reader

	ctx    context.Context // of everything the session runs; ends last
	cancel context.CancelCauseFunc
	// starting is the context of the system's start, which is given up before the rest ends
	starting  context.Context
	stopStart context.CancelFunc
	work      sync.WaitGroup

	mu          sync.Mutex
	recordErr   error
	system      System
	systemErr   error
	ready       chan struct{} // closed when the system is up or has failed
	supervisors []*sources.Supervisor
	run         *experimentRun
	load        *loadRun
	begun       bool
	closing     bool
	closeOnce   sync.Once
	closeErr    error
}

// New opens the memory, the journal with its keeper, and the receiver's ports. Nothing of the system is touched yet.
// The caller must Close the session, also when Start fails.
func New(cfg Config) (_ *Session, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = func(string, ...any) {}
	}
	s := &Session{cfg: cfg, id: newID(), started: time.Now(), ready: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.starting, s.stopStart = context.WithCancel(s.ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close(context.Background()))
		}
	}()
	s.links = proxy.NewSet()
	s.containers = container.NewEngine("")
	s.faults = s.catalog()
	s.docs = parseDocuments(cfg, s.faults)
	s.correlate = correlate.New(cfg.Store.CorrelationFields)
	if s.store, err = store.New(cfg.Store); err != nil {
		return s, err
	}
	if err = s.openRecording(); err != nil {
		return s, err
	}
	if s.db, err = metrics.Open(metrics.Config{Retention: cfg.Retention, Tap: s.tap()}); err != nil {
		return s, err
	}
	if len(cfg.Rules) > 0 {
		r, err := rules.New(rules.Config{Name: "rules", Files: cfg.Rules, DB: s.db})
		if err != nil {
			return s, err
		}
		s.cfg.Sources = append(slices.Clone(cfg.Sources), sources.Source{Name: "rules", Kind: "rules", Address: r.Address(), Driver: r})
	}
	s.exporters = openExporters(s.cfg.Sources)
	s.reliability = newReliability(cfg.SLOs)
	if err := s.openIncidents(); err != nil {
		return s, err
	}
	s.patterns = newPatterns(pattern.Config{}, patternsEvery)
	s.panels = newPanels(s.shown, cfg.Panels, cfg.Headline)
	dashboards, err := parseDashboards(cfg)
	if err != nil {
		return s, err
	}
	s.boards = newBoards(s.ctx, dashboards, boardAsker{s}, s.scrapeEvery())
	s.maps, s.compare.every = newServiceMaps(s.ctx, s.store, graphs(s.cfg.Sources)), compareEvery
	if s.receiver, err = otlp.New(otlp.Config{GRPC: orLoopback(cfg.OTLPGRPC), HTTP: orLoopback(cfg.OTLPHTTP)}); err != nil {
		return s, err
	}
	return s, s.openChaos()
}

// orLoopback is the address, or a free port on loopback when none is given.
func orLoopback(address string) string {
	if address == "" {
		return "127.0.0.1:0"
	}
	return address
}

// newID names the session in its journal's file and in events.
func newID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	return time.Now().UTC().Format("20060102T150405") + "-" + hex.EncodeToString(b[:])
}

// JournalDir is where a state directory keeps its journals.
func JournalDir(state string) string { return filepath.Join(state, "journal") }

func (s *Session) openChaos() (err error) {
	dir := JournalDir(s.cfg.StateDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("engine: no directory for the journal, so no fault could be undone after a crash: %w", err)
	}
	if s.journal, err = journal.Create(dir, s.id); err != nil {
		return err
	}
	s.chaos, err = chaos.NewController(chaos.Config{
		Journal: s.journal, Faults: s.faults, Inventory: inventory{s}, Event: s.faultEvent, Session: s.id,
		Environment: s.cfg.Environment, Seed: s.cfg.Seed,
	})
	if err != nil {
		return errors.Join(err, s.journal.Close(true))
	}
	s.keeper, err = keeper.Start(keeper.Config{
		Exe: s.cfg.Exe, Args: s.cfg.KeeperArgs, Journal: s.journal.Path(), Died: s.keeperDied, Restarted: s.keeperBack,
	})
	if err != nil {
		return fmt.Errorf("engine: without its keeper no fault may be injected: %w", err)
	}
	return s.chaos.ServeControl(func(reason string) { // another terminal asked for an abort: the faults are being undone already
		s.work.Go(func() {
			if _, err := s.Abort(context.Background(), reason); err != nil {
				s.cfg.Log("abort: %v", err)
			}
		})
	})
}

func (s *Session) keeperDied(err error) {
	s.Event(signal.Event{Kind: signal.EventProcess, Outcome: signal.Bad, Title: "keeper died", Detail: err.Error()})
}

func (s *Session) keeperBack(pid int) {
	s.Event(signal.Event{Kind: signal.EventProcess, Outcome: signal.Good, Title: "keeper back", Detail: fmt.Sprintf("process %d stands ready to undo", pid)})
}

// JournalPath is the file in which this session's faults and their undos are written.
func (s *Session) JournalPath() string { return s.journal.Path() }

// Start begins to receive, brings the system up in the background and then runs the ambient load. It returns at once:
// Ready says when the system is up, and the frames show how far it is.
func (s *Session) Start() {
	s.mu.Lock()
	s.begun = true
	s.mu.Unlock()
	s.supervise(sources.Source{Name: "otlp", Kind: "otlp", Address: s.receiver.GRPCAddr(), Driver: s.receiver})
	for _, src := range s.cfg.Sources {
		if exposed := src.Exposed(); exposed != "" {
			s.cfg.Log("source %s: %s", src.Name, exposed)
			s.Event(signal.Event{Kind: signal.EventSource, Outcome: signal.Warning, Title: src.Name + " without TLS", Detail: exposed, Target: src.Address})
		}
		s.supervise(src)
	}
	for _, x := range s.exporters {
		s.work.Go(func() { s.export(x) })
	}
	s.work.Go(s.keepPromises)
	s.work.Go(s.watchIncidents)
	s.work.Go(func() {
		sys, err := s.startSystem()
		left := err != nil && s.starting.Err() != nil // the operator was quicker, and nothing is wrong with the system
		s.mu.Lock()
		s.system = sys
		if !left {
			s.systemErr = err
		}
		s.mu.Unlock()
		if left {
			s.cfg.Log("system: the session ended before it was up: %v", err)
			close(s.ready)
			return
		}
		if err != nil {
			s.cfg.Log("system: %v", err)
			s.Event(signal.Event{Kind: signal.EventProcess, Outcome: signal.Bad, Title: s.cfg.Name + " did not start", Detail: err.Error()})
			close(s.ready)
			return
		}
		if sys != nil {
			s.supervise(sources.Source{Name: "scrape", Kind: "scrape", Address: fmt.Sprintf("%d targets", len(sys.ScrapeTargets())),
				Driver: scrape.New(s.db.Appendable(), sys.ScrapeTargets, s.scrapeEvery())})
		}
		close(s.ready)
		s.startAmbient()
	})
}

func (s *Session) scrapeEvery() time.Duration {
	if s.cfg.ScrapeEvery > 0 {
		return s.cfg.ScrapeEvery
	}
	return time.Second
}

func (s *Session) startSystem() (System, error) {
	if s.cfg.StartSystem == nil {
		return nil, nil
	}
	begun := time.Now()
	sys, err := s.cfg.StartSystem(s.starting, Wiring{OTLP: s.receiver.GRPCAddr(), Link: s.link, Event: s.Event})
	if err != nil {
		return nil, err
	}
	s.Event(signal.Event{Kind: signal.EventProcess, Outcome: signal.Good, Title: s.cfg.Name + " up",
		Detail: fmt.Sprintf("%d processes up in %.1f s", len(sys.Processes()), time.Since(begun).Seconds())})
	return sys, nil
}

func (s *Session) link(from, to, proto, upstream string) (string, error) {
	l, err := s.links.Link(from, to, proto, upstream)
	if err != nil {
		return "", err
	}
	return l.Addr(), nil
}

// supervise runs a driver until the session ends. What it emits goes through the sanitiser into the memory.
func (s *Session) supervise(src sources.Source) {
	sink := s.sink
	if src.Driver == sources.Driver(s.receiver) {
		sink = s.relay
	}
	sup := sources.NewSupervisor(sources.Config{Name: src.Name, Kind: src.Kind, Address: src.Address, Driver: src.Driver,
		Secrets: src.Secrets, Sink: sink, OnChange: s.sourceChanged()})
	s.mu.Lock()
	s.supervisors = append(s.supervisors, sup)
	s.mu.Unlock()
	s.work.Go(func() {
		if err := sup.Run(s.ctx); err != nil {
			s.cfg.Log("source %s: %v", src.Name, err)
		}
	})
}

// sourceChanged returns what puts the loss of one source, and its return, onto the timeline.
func (s *Session) sourceChanged() func(signal.SourceHealth) {
	lost := time.Time{}
	return func(h signal.SourceHealth) {
		switch {
		case h.State == signal.SourceRetrying && lost.IsZero():
			lost = time.Now()
			s.cfg.Log("source %s: %s", h.Name, h.Err)
			s.Event(signal.Event{Kind: signal.EventSource, Outcome: signal.Bad, Title: h.Name + " lost", Detail: h.Err, Target: h.Address})
		case h.State == signal.SourceLive && !lost.IsZero():
			s.Event(signal.Event{Kind: signal.EventSource, Outcome: signal.Good, Title: h.Name + " back",
				Detail: "after " + time.Since(lost).Round(time.Second).String(), Target: h.Address})
			lost = time.Time{}
		}
	}
}

// sink is the one door into the memory.
func (s *Session) sink(b signal.Batch) {
	if len(b.Metrics) > 0 {
		if err := s.db.Append(s.ctx, b.Metrics); err != nil && s.ctx.Err() == nil {
			s.cfg.Log("metrics: %v", err)
		}
	}
	s.correlate.Batch(&b)
	s.halves.join(&b)
	for _, e := range b.Events {
		s.tell(s.alerts.merge(e))
	}
	if len(b.Events) > 0 && s.alerts.overflowed() {
		s.Event(signal.Event{Kind: signal.EventSource, Outcome: signal.Warning, Title: "too many alerts to join",
			Detail: fmt.Sprintf("more than %d go on at once: what begins from now on has an entry for each source that tells of it", maxGoing)})
	}
	b.Events = nil
	s.store.Add(b)
	s.patterns.add(b.Logs)
	if s.recorder != nil {
		s.recorder.Batch(b)
	}
}

// Ready is closed when the system is up or has failed; then SystemErr tells which.
func (s *Session) Ready() <-chan struct{} { return s.ready }

// SystemErr is why the system did not start, nil when it did or has not yet.
func (s *Session) SystemErr() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.systemErr
}

// System is what is watched, nil until it is up.
func (s *Session) System() System {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.system
}

// Event puts an entry onto the timeline and returns its ID.
func (s *Session) Event(e signal.Event) uint64 {
	if e.Start.IsZero() {
		e.Start = time.Now()
	}
	return s.tell(e)
}

// Note puts an operator's remark onto the timeline.
func (s *Session) Note(text string) { s.note(text, "") }

func (s *Session) note(text, by string) {
	s.Event(signal.Event{Kind: signal.EventNote, Title: text, By: by})
}

// Set turns one of the system's switches.
func (s *Session) Set(ctx context.Context, name string, on bool) error {
	return s.set(ctx, name, on, "")
}

func (s *Session) set(ctx context.Context, name string, on bool, by string) error {
	sys := s.System()
	if sys == nil {
		return errors.New("nothing can be switched before the system is up")
	}
	if err := sys.Set(ctx, name, on); err != nil {
		return err
	}
	word := map[bool]string{true: "on", false: "off"}[on]
	s.Event(signal.Event{Kind: signal.EventSwitch, Title: name + " " + word, By: by})
	return nil
}

// Close undoes every fault, stops load, ends the system and the sources, and gives the memory back, in this order. It
// goes on when a step fails and returns all errors. ctx bounds the waiting, not the undoing. It may be called any number
// of times.
func (s *Session) Close(ctx context.Context) error {
	s.closeOnce.Do(func() { s.closeErr = s.close(ctx) })
	return s.closeErr
}

func (s *Session) close(ctx context.Context) error {
	var errs []error
	s.mu.Lock()
	s.closing = true
	run, begun := s.run, s.begun
	s.mu.Unlock()
	if run != nil {
		run.runner.Abort("gameday is being quit")
	}
	if s.chaos != nil {
		errs = append(errs, s.chaos.Close(context.WithoutCancel(ctx)))
	}
	if run != nil {
		<-run.done
		<-run.kept.done // its report is made of what ends below
	}
	s.StopLoad()
	s.stopStart()
	if begun {
		<-s.ready
	}
	if sys := s.System(); sys != nil {
		errs = append(errs, sys.Stop(ctx))
	}
	s.cancel(errors.New("session closed"))
	s.work.Wait()
	if s.recorder != nil {
		s.endRecording()
	}
	if s.receiver != nil {
		errs = append(errs, s.receiver.Close())
	}
	errs = append(errs, closeSources(s.cfg.Sources)...)
	errs = append(errs, s.links.Close(), s.containers.Close())
	if s.keeper != nil {
		errs = append(errs, s.keeper.Close(ctx))
	}
	if s.panels != nil {
		s.panels.close()
	}
	if s.boards != nil {
		s.boards.close()
	}
	if s.maps != nil {
		s.maps.close()
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(errs...)
}
