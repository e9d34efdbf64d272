package resilience

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/fallback"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"

	"gameday/cmd/shop/service/telemetry"
)

// plainDeadline is all that protects a call whose timeout is switched off.
const plainDeadline = 10 * time.Second

// Config describes one dependency. A dependency with several endpoints is one thing that is there more than once, such
// as replicas: each endpoint has its own breaker, and a retry goes to the next endpoint.
type Config struct {
	Dep       string   // "payment"
	Endpoints []string // names, at least one

	Timeout       time.Duration // of one attempt
	Attempts      int           // with the first; 1 never retries
	RetryTimeouts bool          // also retry an attempt that timed out: only where the next one goes elsewhere
	Backoff       time.Duration // before the first retry; doubled up to MaxBackoff, ± half of it
	MaxBackoff    time.Duration

	BreakerFailures uint          // so many failures ...
	BreakerOf       uint          // ... among the last so many attempts open it
	OpenFor         time.Duration // then one attempt probes it

	Concurrency uint // attempts under way per endpoint; more fail at once
}

// Outcomes of an attempt, as the metric's label has them.
const (
	outcomeOK       = "ok"
	outcomeError    = "error"
	outcomeTimeout  = "timeout"
	outcomeRejected = "rejected" // the dependency said no, rightly: not its failure
	outcomeOpen     = "open"     // the breaker did not let it through
	outcomeFull     = "full"     // the bulkhead did not
)

// Guard stands before one dependency. Safe for concurrent use.
type Guard struct {
	cfg       Config
	switches  *Switches
	metrics   *telemetry.Metrics
	log       *slog.Logger
	next      atomic.Uint64
	endpoints []endpoint
	retry     retrypolicy.RetryPolicy[any]
	timeout   timeout.Timeout[any]
}

type endpoint struct {
	name     string
	breaker  circuitbreaker.CircuitBreaker[any]
	bulkhead bulkhead.Bulkhead[any]
}

// New builds the guard of one dependency; switches are consulted at every call.
func New(cfg Config, switches *Switches, m *telemetry.Metrics, log *slog.Logger) *Guard {
	g := &Guard{cfg: cfg, switches: switches, metrics: m, log: log, timeout: timeout.New[any](cfg.Timeout)}
	g.retry = retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return Failed(err) }).
		AbortIf(func(_ any, err error) bool { return !g.worthRetrying(err) }).
		WithMaxAttempts(cfg.Attempts).
		WithBackoff(cfg.Backoff, cfg.MaxBackoff).WithJitterFactor(0.5).
		ReturnLastFailure().
		OnRetryScheduled(g.retrying).
		Build()
	for _, name := range cfg.Endpoints {
		g.endpoints = append(g.endpoints, endpoint{
			name:     name,
			breaker:  g.newBreaker(name),
			bulkhead: bulkhead.New[any](cfg.Concurrency),
		})
	}
	return g
}

func (g *Guard) newBreaker(name string) circuitbreaker.CircuitBreaker[any] {
	g.metrics.Breaker.WithLabelValues(g.cfg.Dep, name).Set(0)
	return circuitbreaker.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return Failed(err) }).
		WithFailureThresholdRatio(g.cfg.BreakerFailures, g.cfg.BreakerOf).
		WithSuccessThreshold(1).
		WithDelay(g.cfg.OpenFor).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) { g.breakerChanged(name, e) }).
		Build()
}

// breakerChanged runs under the breaker's lock: it must not ask the breaker anything.
func (g *Guard) breakerChanged(name string, e circuitbreaker.StateChangedEvent) {
	value, level := 0.0, slog.LevelInfo
	switch e.NewState {
	case circuitbreaker.HalfOpenState:
		value = 1
	case circuitbreaker.OpenState:
		value, level = 2, slog.LevelWarn
	}
	g.metrics.Breaker.WithLabelValues(g.cfg.Dep, name).Set(value)
	g.metrics.BreakerTo.WithLabelValues(g.cfg.Dep, name, e.NewState.String()).Inc()
	ctx := e.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	g.log.Log(ctx, level, "circuit breaker "+e.NewState.String(), "dep", g.cfg.Dep, "endpoint", name, "was", e.OldState.String())
}

func (g *Guard) retrying(e failsafe.ExecutionScheduledEvent[any]) {
	g.metrics.Retries.WithLabelValues(g.cfg.Dep).Inc()
	g.log.WarnContext(e.Context(), "retrying "+g.cfg.Dep, "attempt", e.Attempts(), "delay_ms", e.Delay.Milliseconds(), "cause", e.LastError().Error())
}

// Reset closes every breaker: what they remember is from before they were switched off.
func (g *Guard) Reset() {
	for _, e := range g.endpoints {
		e.breaker.Close()
	}
}

// worthRetrying: a dependency that was shut off, is full or has used up its time is not asked again, so that a retry
// never multiplies a timeout.
func (g *Guard) worthRetrying(err error) bool {
	switch {
	case errors.Is(err, context.Canceled):
		return false
	case len(g.endpoints) > 1:
		return g.cfg.RetryTimeouts || !timedOut(err)
	}
	return !errors.Is(err, circuitbreaker.ErrOpen) && !errors.Is(err, bulkhead.ErrFull) && (g.cfg.RetryTimeouts || !timedOut(err))
}

// Failed reports whether err is the dependency's failure. An answer that rightly refuses a request (its error has a
// method Rejected() bool that says so) is none: it is not retried, opens no breaker and is never papered over.
func Failed(err error) bool {
	if err == nil {
		return false
	}
	var r interface{ Rejected() bool }
	return !errors.As(err, &r) || !r.Rejected()
}

// Unavailable reports whether err came from a pattern that kept the request from being sent at all.
func Unavailable(err error) bool {
	return errors.Is(err, circuitbreaker.ErrOpen) || errors.Is(err, bulkhead.ErrFull)
}

// TimedOut reports whether err means that time ran out.
func TimedOut(err error) bool { return timedOut(err) }

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, timeout.ErrExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// Call asks the dependency. call gets the index of the endpoint to ask and must obey its context. When all has failed
// and fall is not nil, fall gives the degraded answer, and degraded is true.
func Call[T any](ctx context.Context, g *Guard, call func(ctx context.Context, endpoint int) (T, error), fall func(cause error) (T, error)) (v T, degraded bool, err error) {
	var policies []failsafe.Policy[any]
	if fall != nil && g.switches.On(Fallback) {
		policies = append(policies, g.fallback(ctx, &degraded, func(cause error) (any, error) { return fall(cause) }))
	}
	if g.cfg.Attempts > 1 && g.switches.On(Retry) {
		policies = append(policies, g.retry)
	}
	turn := g.next.Add(1)
	attempt := func(ctx context.Context) (any, error) {
		defer func() { turn++ }()
		return g.attempt(ctx, turn, func(ctx context.Context, i int) (any, error) { return call(ctx, i) })
	}
	var out any
	if len(policies) == 0 {
		out, err = attempt(ctx)
	} else {
		out, err = failsafe.With(policies...).WithContext(ctx).GetWithExecution(func(e failsafe.Execution[any]) (any, error) { return attempt(e.Context()) })
	}
	v, _ = out.(T) // nil after an error
	return v, degraded, err
}

func (g *Guard) fallback(ctx context.Context, degraded *bool, fall func(error) (any, error)) failsafe.Policy[any] {
	return fallback.NewBuilderWithFunc(func(e failsafe.Execution[any]) (any, error) {
		cause := e.LastError()
		v, err := fall(cause)
		if err != nil {
			return nil, err
		}
		*degraded = true
		g.metrics.Fallbacks.WithLabelValues(g.cfg.Dep).Inc()
		g.log.WarnContext(ctx, "degraded answer in place of "+g.cfg.Dep, "cause", cause.Error())
		return v, nil
	}).HandleIf(func(_ any, err error) bool { return Failed(err) }).Build()
}

// attempt asks one endpoint once, through bulkhead, breaker and timeout.
func (g *Guard) attempt(ctx context.Context, turn uint64, call func(context.Context, int) (any, error)) (any, error) {
	i := g.pick(turn)
	ep := g.endpoints[i]
	var policies []failsafe.Policy[any]
	if g.switches.On(Bulkhead) { // outside the breaker: being busy ourselves is no failure of theirs
		policies = append(policies, ep.bulkhead)
	}
	if g.switches.On(Breaker) {
		policies = append(policies, ep.breaker)
	}
	if g.switches.On(Timeout) {
		policies = append(policies, g.timeout)
	}
	inFlight := g.metrics.DepInFlight.WithLabelValues(g.cfg.Dep)
	inFlight.Inc()
	defer inFlight.Dec()
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, plainDeadline)
	defer cancel()
	var out any
	var err error
	if len(policies) == 0 {
		out, err = call(ctx, i)
	} else {
		out, err = failsafe.With(policies...).WithContext(ctx).GetWithExecution(func(e failsafe.Execution[any]) (any, error) { return call(e.Context(), i) })
	}
	telemetry.Observe(ctx, g.metrics.DepDuration.WithLabelValues(g.cfg.Dep, outcome(err)), time.Since(started).Seconds())
	return out, err
}

// pick takes turns, and passes over endpoints whose breaker is open and not yet due for a probe.
func (g *Guard) pick(turn uint64) int {
	n := uint64(len(g.endpoints))
	first := int(turn % n)
	if n == 1 || !g.switches.On(Breaker) {
		return first
	}
	for k := range n {
		i := int((turn + k) % n)
		b := g.endpoints[i].breaker
		if b.IsClosed() || b.IsOpen() && b.RemainingDelay() == 0 {
			return i
		}
	}
	return first
}

func outcome(err error) string {
	switch {
	case err == nil:
		return outcomeOK
	case errors.Is(err, circuitbreaker.ErrOpen):
		return outcomeOpen
	case errors.Is(err, bulkhead.ErrFull):
		return outcomeFull
	case timedOut(err):
		return outcomeTimeout
	case !Failed(err):
		return outcomeRejected
	}
	return outcomeError
}
