package remote

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"gameday/sources/sanitize"
)

const (
	requestTimeout = 10 * time.Second
	queueLimit     = 60 // reports: five minutes at the default interval
	backoffFirst   = 250 * time.Millisecond
	backoffMost    = 10 * time.Second
	retryAfterMost = 30 * time.Second
)

// Stats is the balance of what was reported to one place.
type Stats struct {
	Where   string // host and protocol
	Sent    uint64 // reports that were taken
	Retried uint64 // tries that failed and were repeated
	Dropped uint64 // reports that were not taken: the queue was full, they were refused, or time ran out at the end
	Last    bool   // the final figures arrived
	Why     string // how the latest try that failed did so
}

// report is one snapshot, encoded.
type report struct {
	body  []byte
	final bool
}

// sender sends reports in their order, one at a time, for as long as that takes. What is kept waiting is bounded: the
// oldest report goes first, because later ones hold all that it holds.
type sender struct {
	to      endpoint
	fixed   http.Header // of the protocol
	client  *http.Client
	backoff *rand.Rand

	mu     sync.Mutex
	queue  []report
	closed bool
	stats  Stats
	wake   chan struct{}
}

func newSender(what string, to endpoint, fixed http.Header, id string) *sender {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // never fails
	return &sender{
		to: to, fixed: fixed, client: newClient(), wake: make(chan struct{}, 1),
		backoff: rand.New(rand.NewPCG(h.Sum64(), 0)), // parts that were refused at once do not come back at once
		stats:   Stats{Where: what + " " + to.host()},
	}
}

// put hands a report over; it never waits.
func (s *sender) put(r report) {
	s.mu.Lock()
	if len(s.queue) >= queueLimit {
		s.queue = s.queue[1:]
		s.stats.Dropped++
	}
	s.queue = append(s.queue, r)
	s.mu.Unlock()
	s.poke()
}

// close says that no more will come.
func (s *sender) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.poke()
}

func (s *sender) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run sends until everything is sent after close, or ctx ends.
func (s *sender) run(ctx context.Context) {
	defer s.client.CloseIdleConnections()
	for {
		s.mu.Lock()
		var next report
		more := len(s.queue) > 0
		if more {
			next, s.queue = s.queue[0], s.queue[1:]
		}
		closed := s.closed
		s.mu.Unlock()
		switch {
		case more:
			s.deliver(ctx, next)
		case closed:
			return
		default:
			select {
			case <-s.wake:
			case <-ctx.Done():
				s.close()
			}
		}
	}
}

// deliver tries until the report is taken, refused for good, pushed out by a full queue, or ctx ends.
func (s *sender) deliver(ctx context.Context, r report) {
	for wait := backoffFirst; ; wait = min(2*wait, backoffMost) {
		again, after, err := s.try(ctx, r.body)
		s.mu.Lock()
		switch {
		case err == nil:
			s.stats.Sent++
			s.stats.Last = s.stats.Last || r.final
		case !again || ctx.Err() != nil || len(s.queue) >= queueLimit:
			s.stats.Dropped++
			again = false
		default:
			s.stats.Retried++
		}
		if err != nil && ctx.Err() == nil {
			s.stats.Why = sanitize.Line(err.Error(), 200)
		}
		s.mu.Unlock()
		if err == nil || !again {
			return
		}
		timer := time.NewTimer(max(after, wait/2+time.Duration(s.backoff.Int64N(int64(wait)))))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// try sends once. again says that it may be worth to do it again, after so long at least.
func (s *sender) try(ctx context.Context, body []byte) (again bool, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.to.url, bytes.NewReader(body))
	if err != nil {
		return false, 0, fmt.Errorf("make a request: %w", withoutAddress(err))
	}
	req.Header = s.to.header.Clone()
	for name, values := range s.fixed {
		req.Header[name] = values
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return true, 0, withoutAddress(err)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 4096)) // only to tell what was wrong
	if resp.StatusCode/100 == 2 {
		return false, 0, nil
	}
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
		after = min(time.Duration(min(n, 3600))*time.Second, retryAfterMost)
	}
	again = resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests
	return again, after, fmt.Errorf("answered %d: %s", resp.StatusCode, bytes.TrimSpace(said))
}

func (s *sender) balance() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}
