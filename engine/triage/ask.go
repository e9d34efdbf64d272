// Package triage finds everything about one request: it takes the IDs out of whatever a person has at hand (an ID, a URL,
// a pasted log line), asks every source at once, follows what one pillar says into the others, and puts the answer
// together: the traces with their log lines, what else happened, and who did not answer.
package triage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gameday/sources"
	"gameday/sources/driver"
	"gameday/sources/sanitize"
)

// DefaultTimeout is how long one source may take to answer.
const DefaultTimeout = 10 * time.Second

// Outcome is what became of asking one source.
type Outcome struct {
	Source    string        `json:"source"`
	Kind      string        `json:"kind"`
	Address   string        `json:"address"`
	Took      time.Duration `json:"took"`
	Logs      int           `json:"logs"`
	Spans     int           `json:"spans"`
	Truncated bool          `json:"truncated,omitempty"` // it has more than it told
	Warnings  []string      `json:"warnings,omitempty"`
	Err       string        `json:"error,omitempty"` // why it did not answer; "" when it did
}

// Ask asks every source that answers for the past, all at once, and returns when the last one has answered or was given
// up. take gets each answer, made harmless, from one goroutine at a time. Sources that cannot be asked are left out.
func Ask(ctx context.Context, all []sources.Source, q driver.Query, timeout time.Duration, take func(src sources.Source, a driver.Answer)) []Outcome {
	return ask(ctx, Config{Sources: all, Timeout: timeout}, q, take)
}

// ask is Ask, and tells how far it is.
func ask(ctx context.Context, cfg Config, q driver.Query, take func(src sources.Source, a driver.Answer)) []Outcome {
	all, timeout := cfg.Sources, cfg.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	var work sync.WaitGroup
	var mu sync.Mutex
	outcomes := make([]*Outcome, len(all))
	var missing []string
	for _, src := range all {
		if _, ok := src.Driver.(driver.Querier); ok {
			missing = append(missing, src.Name)
		}
	}
	answered := func(name string) {
		if cfg.Progress == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if missing = slices.DeleteFunc(slices.Clone(missing), func(n string) bool { return n == name }); len(missing) > 0 {
			cfg.Progress(missing)
		}
	}
	for i, src := range all {
		asked, ok := src.Driver.(driver.Querier)
		if !ok {
			continue
		}
		o := &Outcome{Source: src.Name, Kind: src.Kind, Address: src.Address}
		outcomes[i] = o
		work.Go(func() {
			begun := time.Now()
			a, err := query(ctx, asked, q, timeout)
			defer answered(src.Name)
			o.Took = time.Since(begun)
			if err != nil {
				o.Err = sanitize.Line(sources.Redact(err.Error(), src.Secrets...), sanitize.MaxValue)
				return
			}
			sanitize.Batch(&a.Batch)
			o.Logs, o.Spans, o.Truncated = len(a.Logs), len(a.Spans), a.Truncated
			for _, w := range a.Warnings {
				o.Warnings = append(o.Warnings, sanitize.Line(sources.Redact(w, src.Secrets...), sanitize.MaxValue))
			}
			mu.Lock()
			defer mu.Unlock()
			take(src, a)
		})
	}
	work.Wait()
	var out []Outcome
	for _, o := range outcomes {
		if o != nil {
			out = append(out, *o)
		}
	}
	return out
}

// query asks one source and gives it up after a while, also when it does not listen to its context: an operator at three in
// the morning waits for nobody. "Not found" is an answer with nothing in it.
func query(ctx context.Context, q driver.Querier, what driver.Query, timeout time.Duration) (driver.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	type answer struct {
		a   driver.Answer
		err error
	}
	got := make(chan answer, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				got <- answer{err: fmt.Errorf("the driver panicked: %v", p)}
			}
		}()
		a, err := q.Query(ctx, what)
		got <- answer{a, err}
	}()
	select {
	case r := <-got:
		if errors.Is(r.err, driver.ErrNotFound) {
			return driver.Answer{}, nil
		}
		if r.err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return r.a, fmt.Errorf("no answer within %s: %w", timeout, r.err)
		}
		return r.a, r.err
	case <-ctx.Done():
		select {
		case r := <-got: // it does listen, and says what it was at
			if r.err != nil {
				return r.a, fmt.Errorf("no answer within %s: %w", timeout, r.err)
			}
			return r.a, nil
		case <-time.After(25 * time.Millisecond):
			return driver.Answer{}, fmt.Errorf("no answer within %s: %w", timeout, ctx.Err())
		}
	}
}
