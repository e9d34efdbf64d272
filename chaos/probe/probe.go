// Package probe measures the conditions of a steady state: one number or word at a time, each against what is expected
// of it. No data is unknown, and unknown never passes.
//
// A probe asks through an Observer for what gameday holds already (metrics, the load engine's statistics, logs, traces,
// processes), and asks the system itself over HTTP, TCP and gRPC or by running a program. Every measurement ends within its time-out.
package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gameday/sources/signal"
)

// Observer answers for what is held in memory. ok is false when there is no data: nothing ran, nothing was counted, the
// source is down. Times are in seconds, shares 0..1. Implementations are safe for concurrent use.
type Observer interface {
	// PromQL evaluates an expression that gives one value. exemplar is a request behind it, zero when there is none.
	PromQL(ctx context.Context, query string, at time.Time) (value float64, ok bool, exemplar signal.TraceID, err error)
	// LoadStat is a statistic of the load that runs: mean, p50, p75, p90, p95, p99, p999 and max in seconds, rate per
	// second, errors and success as shares, count and missed as numbers. Only whole seconds need to count. step narrows
	// it to one step of the scenario; "" is all of them.
	LoadStat(stat, step string, over time.Duration) (value float64, ok bool, exemplar signal.TraceID)
	// CountLogs counts the records of the last while that match a filter.
	CountLogs(ctx context.Context, filter string, over time.Duration) (n int, example signal.TraceID, err error)
	// TraceStat is a statistic of the traces of the last while that match a filter: count, errors, errorRate as a share,
	// p50, p95, p99 and max in seconds.
	TraceStat(ctx context.Context, filter, stat string, over time.Duration) (value float64, ok bool, example signal.TraceID, err error)
	// ProcessState is how the supervisor sees a process: up, starting, paused, down.
	ProcessState(name string) (state string, ok bool)
}

// Reading is one measurement.
type Reading struct {
	From, At time.Time // what it tells about: from the beginning of its look-back window to the instant it was taken
	Value    float64   // in base units; NaN when it is not a number
	Raw      string    // the value as text, as it came: not for a screen
	Text     string    // the value for people: "412 ms"; harmless and short
	Known    bool      // false: no data, which never passes
	Down     bool      // known, but the target did not answer: fails whatever is expected
	Faulty   bool      // not known, because the measurement itself went wrong: an error, which is neither
	TraceID  signal.TraceID
	Err      string // why it is unknown or down
}

// Probe is one condition that can be measured. It is safe for use by one goroutine at a time.
type Probe struct {
	config  Config
	natural Unit
	measure func(ctx context.Context) Reading
}

// New makes a probe of a configuration. vars are the values of ${name}; a name that is not among them is an error, and
// so is a configuration that Check would complain about.
func New(c Config, o Observer, vars map[string]string) (*Probe, error) {
	var errs []error
	c.Check(func(path, format string, args ...any) {
		errs = append(errs, fmt.Errorf("probe %q: %s: %s", c.Name, path, fmt.Sprintf(format, args...)))
	})
	if err := c.expand(vars); err != nil {
		errs = append(errs, fmt.Errorf("probe %q: %w", c.Name, err))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	p := &Probe{config: c, natural: c.unit()}
	measure, err := p.measurer(o, vars)
	if err != nil {
		return nil, fmt.Errorf("probe %q: %w", c.Name, err)
	}
	p.measure = measure
	return p, nil
}

// Name is the probe's name as the experiment has it.
func (p *Probe) Name() string { return p.config.Name }

// Config is what the probe was made of, with its variables filled in.
func (p *Probe) Config() Config { return p.config }

// Measure takes one reading. It returns within the probe's time-out, also when ctx has no end; a panic of what it asks
// is a reading that went wrong.
func (p *Probe) Measure(ctx context.Context) (r Reading) {
	ctx, cancel := context.WithTimeout(ctx, p.config.TimeoutOrDefault())
	defer cancel()
	start := time.Now()
	defer func() {
		if panicked := recover(); panicked != nil {
			r = faulty(fmt.Errorf("the measurement failed: %v", panicked))
		}
		r.At = time.Now()
		r.From = r.At.Add(-p.config.Window())
		if r.From.After(start) { // a reading that took long tells about all that time
			r.From = start
		}
	}()
	return p.measure(ctx)
}

var noTrace signal.TraceID

// number is a known reading of a number.
func (p *Probe) number(v float64, example signal.TraceID) Reading {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return noData("there is no value: nothing was counted")
	}
	return Reading{Value: v, Raw: Format(v, UnitNone), Text: p.config.Expect.Format(v, p.natural), Known: true, TraceID: example}
}

func text(s string) Reading {
	return Reading{Value: math.NaN(), Raw: s, Text: clean(s), Known: true}
}

func noData(why string) Reading { return Reading{Value: math.NaN(), Text: "no data", Err: why} }

// faulty is the reading of a measurement that went wrong.
func faulty(err error) Reading {
	return Reading{Value: math.NaN(), Text: "error", Err: clean(err.Error()), Faulty: true}
}

func down(err error) Reading {
	why := clean(err.Error())
	return Reading{Value: math.NaN(), Text: why, Known: true, Down: true, Err: why}
}

// clean makes text from outside short and harmless.
func clean(s string) string {
	const max = 80
	if len(s) > max {
		n := max
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "…"
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		if unicode.IsSpace(r) {
			return ' '
		}
		return '·'
	}, strings.ToValidUTF8(s, "·"))
	return strings.TrimSpace(s)
}
