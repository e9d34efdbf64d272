// Package forward sends signals on to a driver.Exporter from a bounded queue: whoever offers them never waits, and what
// finds no room is dropped and counted.
package forward

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gameday/sources/driver"
	"gameday/sources/signal"
)

// Config bounds a queue. Zero values mean the defaults.
type Config struct {
	Most    int           // signals that wait at most; 20,000 by default
	Timeout time.Duration // how long one batch may take to be sent, with all tries; 5 min by default
	Grace   time.Duration // how long what waits at the end may still take to be sent, all of it; 2 s by default
}

// Queue is what waits to be sent. Offer and Report may be called from any goroutine.
type Queue struct {
	to      driver.Exporter
	timeout time.Duration
	grace   time.Duration
	most    int
	wake    chan struct{}

	mu       sync.Mutex
	waiting  []signal.Batch
	size     int
	received uint64
	sent     uint64
	dropped  uint64
	err      error
	since    time.Time // when the batch that is being sent was first tried; zero when none is
}

// New makes a queue; Run sends what is in it.
func New(to driver.Exporter, cfg Config) *Queue {
	if cfg.Most <= 0 {
		cfg.Most = 20_000
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 5 * time.Minute
	}
	if cfg.Grace <= 0 {
		cfg.Grace = 2 * time.Second
	}
	return &Queue{to: to, timeout: cfg.Timeout, grace: cfg.Grace, most: cfg.Most, wake: make(chan struct{}, 1)}
}

// Offer puts a batch into the queue, or drops it whole when there is no room. Nobody may change the batch afterwards.
func (q *Queue) Offer(b signal.Batch) {
	n := b.Len()
	if n == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.received += uint64(n)
	if q.size+n > q.most {
		q.dropped += uint64(n)
		return
	}
	q.waiting = append(q.waiting, b)
	q.size += n
	select {
	case q.wake <- struct{}{}:
	default: // it knows already
	}
}

// Run sends until ctx ends, and then for a moment what still waits: the end of something is often the last that is told. A batch
// that cannot be sent is dropped and counted.
func (q *Queue) Run(ctx context.Context) error {
	work, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	over := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		<-ctx.Done()
		timer := time.NewTimer(q.grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			giveUp()
		case <-over:
		}
	})
	defer watch.Wait()
	defer close(over)
	for {
		b, ok := q.next()
		switch {
		case ok:
			one, cancel := context.WithTimeout(work, q.timeout)
			err := q.to.Export(one, b)
			cancel()
			q.done(b.Len(), err)
		case ctx.Err() != nil:
			return nil
		default:
			select {
			case <-ctx.Done():
			case <-q.wake:
			}
		}
	}
}

func (q *Queue) next() (signal.Batch, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return signal.Batch{}, false
	}
	b := q.waiting[0]
	q.waiting[0] = signal.Batch{}
	q.waiting = q.waiting[1:]
	q.since = time.Now()
	return b, true
}

// done counts; the room of a batch is free only when it is sent, so that what is held is bounded.
func (q *Queue) done(n int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.size -= n
	q.err, q.since = err, time.Time{}
	if err != nil {
		q.dropped += uint64(n)
		return
	}
	q.sent += uint64(n)
}

// slow is after how long a batch that is still being sent is worth a word.
const slow = 5 * time.Second

// Report is the balance: received = sent + dropped + what waits. err is what went wrong with the last batch, or that one is not
// taken for so long already and why; a reason that lasts, such as a certificate, is told at once.
func (q *Queue) Report() (received, sent, dropped uint64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.received, q.sent, q.dropped, q.trouble()
}

// trouble is what is wrong now. The lock is held.
func (q *Queue) trouble() error {
	if q.since.IsZero() {
		return q.err
	}
	var why error
	lasting := false
	if t, ok := q.to.(troubled); ok {
		why, lasting = t.Trouble()
	}
	took := time.Since(q.since)
	if took < slow && !lasting {
		return q.err
	}
	says := fmt.Sprintf("not taken for %s: %d signals wait, of at most %d", took.Round(time.Second), q.size, q.most)
	if why != nil {
		return fmt.Errorf("%s: %w", says, why)
	}
	return errors.New(says)
}

// troubled is an exporter that says why what it is sending was not taken yet, and whether that lasts until somebody does something.
type troubled interface {
	Trouble() (err error, lasting bool)
}
