// Package sources runs drivers: it restarts them with back-off when they fail, makes what they emit harmless, keeps their
// balance and tells how they are doing.
package sources

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	// The package's other parts push to Loki; this one is a back-off with jitter and imports the standard library only.
	"github.com/grafana/loki-client-go/pkg/backoff"

	"gameday/sources/driver"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// Driver is driver.Driver, so that whoever supervises need not import both.
type Driver = driver.Driver

// Reporter is implemented by a driver with a balance of its own: it writes past emit, or loses signals before emitting them.
// received = kept + dropped of what did not go through emit. err is what is wrong while the driver runs on, such as a
// target that does not answer; nil when all is well. Report is called from any goroutine.
type Reporter interface {
	Report() (received, kept, dropped uint64, err error)
}

// Config says what to supervise. Name, Driver and Sink are needed.
type Config struct {
	Name, Kind, Address string // for the health on screen
	Driver              Driver
	// Sink takes each batch that came through the sanitiser and owns it. It is called from the driver's goroutines and may
	// block: that is the driver's back-pressure.
	Sink func(signal.Batch)
	// Filter, when set, takes out of a batch what is not wanted.
	Filter func(*signal.Batch)
	// OnChange, when set, is told each change of state, in order, from one goroutine. It must not block for long.
	OnChange func(signal.SourceHealth)
	// MinBackoff and MaxBackoff bound the wait between two tries; it doubles, with jitter. 250 ms and 30 s by default.
	MinBackoff, MaxBackoff time.Duration
	// Settle is how long a driver must have run to count as live before it emitted anything, and how long a run must have
	// lasted for the next wait to be short again; 2 s by default.
	Settle time.Duration
	// Grace is how long a driver may take to end; 5 s by default. One that takes longer is left behind and cannot emit any more.
	Grace time.Duration
	// Secrets are texts that must not be in any error, besides what Redact finds by itself.
	Secrets []string
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&c.MinBackoff, 250 * time.Millisecond}, {&c.MaxBackoff, 30 * time.Second}, {&c.Settle, 2 * time.Second}, {&c.Grace, 5 * time.Second}} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	c.MaxBackoff = max(c.MaxBackoff, c.MinBackoff)
	return c
}

// Supervisor runs one driver until its context ends. Health may be asked at any time from any goroutine.
type Supervisor struct {
	cfg Config

	mu     sync.Mutex
	health signal.SourceHealth
	detail string // the last error at length
}

// NewSupervisor prepares a supervisor; Run starts it.
func NewSupervisor(cfg Config) *Supervisor {
	cfg = cfg.withDefaults()
	return &Supervisor{cfg: cfg, health: signal.SourceHealth{Name: cfg.Name, Kind: cfg.Kind, Address: cfg.Address,
		State: signal.SourceStarting, Since: time.Now()}}
}

// PanicError is a driver's panic. Its text is one line; Stack is for a log or a bug report.
type PanicError struct {
	Value any
	Stack []byte
}

// Error says that the driver panicked, and with what.
func (e *PanicError) Error() string { return fmt.Sprintf("driver panicked: %v", e.Value) }

// errEnded is a driver that returned nil although nobody asked it to end.
var errEnded = errors.New("driver ended by itself")

// Run keeps the driver running until ctx ends, and returns when it has ended. The only error is a driver that did not end
// within the grace time: its goroutine is left behind, and what it still emits is dropped and counted.
func (s *Supervisor) Run(ctx context.Context) error {
	wait := backoff.New(ctx, backoff.BackoffConfig{MinBackoff: s.cfg.MinBackoff, MaxBackoff: s.cfg.MaxBackoff})
	defer s.change(signal.SourceStopped, nil, time.Time{})
	for ctx.Err() == nil {
		began := time.Now()
		err := s.once(ctx)
		if ctx.Err() != nil {
			if errors.Is(err, errStuck) {
				return fmt.Errorf("stop source %s: %w within %s", s.cfg.Name, err, s.cfg.Grace)
			}
			return nil
		}
		if time.Since(began) >= s.cfg.Settle {
			wait.Reset()
		}
		pause := max(wait.NextDelay(), s.asked(err))
		s.change(signal.SourceRetrying, err, time.Now().Add(pause))
		select {
		case <-ctx.Done():
		case <-time.After(pause):
			s.change(signal.SourceStarting, err, time.Time{})
		}
	}
	return nil
}

// maxAsked bounds how long a system may have itself left alone.
const maxAsked = 5 * time.Minute

// asked is how long the system asked to be left alone, such as by Retry-After; 0 when it did not.
func (s *Supervisor) asked(err error) time.Duration {
	var patient interface{ AskedToWait() time.Duration }
	if !errors.As(err, &patient) {
		return 0
	}
	return min(max(patient.AskedToWait(), 0), maxAsked)
}

var errStuck = errors.New("driver did not end")

// run is one run of the driver. emit is closed when it is over.
type run struct {
	s    *Supervisor
	live chan struct{} // gets one value at the first batch
	once sync.Once
	over chan struct{}
}

// once runs the driver one time and returns why it ended.
func (s *Supervisor) once(ctx context.Context) error {
	r := &run{s: s, live: make(chan struct{}), over: make(chan struct{})}
	defer close(r.over)
	ended := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				ended <- &PanicError{Value: p, Stack: debug.Stack()}
			}
		}()
		err := s.cfg.Driver.Run(ctx, r.emit)
		if err == nil && ctx.Err() == nil {
			err = errEnded
		}
		ended <- err
	}()
	return s.watch(ctx, r, ended)
}

// watch follows a run to its end: it turns live at the first batch or after a while, and what a Reporter says is looked at
// every second.
func (s *Supervisor) watch(ctx context.Context, r *run, ended <-chan error) error {
	settle := time.NewTimer(s.cfg.Settle)
	defer settle.Stop()
	var look <-chan time.Time // nil: a driver that says nothing itself is not looked at
	if _, ok := s.cfg.Driver.(Reporter); ok {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		look = ticker.C
	}
	live, isLive := r.live, false
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			select {
			case err := <-ended:
				return err
			case <-time.After(s.cfg.Grace):
				return errStuck
			}
		case <-live:
			live, isLive = nil, true
			s.running()
		case <-settle.C:
			isLive = true
			s.running()
		case <-look:
			if isLive {
				s.running()
			}
		}
	}
}

// running sets the state of a driver that runs: live, or retrying when it says itself what is wrong.
func (s *Supervisor) running() {
	var err error
	if rep, ok := s.cfg.Driver.(Reporter); ok {
		_, _, _, err = rep.Report()
	}
	if err != nil {
		s.change(signal.SourceRetrying, err, time.Time{})
		return
	}
	s.change(signal.SourceLive, nil, time.Time{})
}

// change enters a state and tells about it when it is another one. It is called from the goroutine of Run only.
func (s *Supervisor) change(state signal.SourceState, err error, retry time.Time) {
	s.mu.Lock()
	changed := s.health.State != state
	if changed {
		s.health.State, s.health.Since = state, time.Now()
	}
	s.health.Retry = retry
	switch {
	case err != nil:
		s.health.Err = sanitize.Line(Redact(err.Error(), s.cfg.Secrets...), sanitize.MaxValue)
		s.detail = Redact(fmt.Sprintf("%+v", err), s.cfg.Secrets...)
		var p *PanicError
		if errors.As(err, &p) {
			s.detail += "\n" + Redact(string(p.Stack), s.cfg.Secrets...)
		}
	case state == signal.SourceLive:
		s.health.Err = ""
	}
	s.mu.Unlock()
	if changed && s.cfg.OnChange != nil {
		s.cfg.OnChange(s.Health())
	}
}

// Health is how the source is doing, with the balance of all its runs.
func (s *Supervisor) Health() signal.SourceHealth {
	s.mu.Lock()
	h := s.health
	s.mu.Unlock()
	if rep, ok := s.cfg.Driver.(Reporter); ok {
		_, kept, dropped, _ := rep.Report()
		h.Kept += kept
		h.Dropped += dropped
		h.Received += kept + dropped
	}
	return h
}

// Detail is the last error at length, with the stack when it was a panic; "" when there was none. It has several lines and
// is for a log or a bug report, not for the screen.
func (s *Supervisor) Detail() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.detail
}

// emit takes a batch from the driver to the sink.
func (r *run) emit(b signal.Batch) {
	s := r.s
	received := b.Len()
	select {
	case <-r.over: // the contract forbids it; the sink may be closed already
		s.count(received, 0, 0)
		return
	default:
	}
	if s.cfg.Filter != nil {
		s.cfg.Filter(&b)
	}
	kept := b.Len()
	if kept > 0 {
		sanitize.Batch(&b)
		s.cfg.Sink(b)
	}
	s.count(received, kept, max(received-kept, 0))
	r.once.Do(func() { close(r.live) })
}

// count adds one batch to the balance: what was neither kept nor filtered was dropped.
func (s *Supervisor) count(received, kept, filtered int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health.Received += uint64(received)
	s.health.Kept += uint64(kept)
	s.health.Filtered += uint64(filtered)
	s.health.Dropped += uint64(received - kept - filtered)
}
