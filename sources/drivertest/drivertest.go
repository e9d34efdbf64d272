// Package drivertest is the conformance suite that every driver passes, against a real peer on a real socket.
//
//	func TestConformance(t *testing.T) {
//		drivertest.Run(t, drivertest.Harness{New: …, Feed: …, Broken: …})
//	}
package drivertest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/sources"
	"gameday/sources/driver"
	"gameday/sources/signal"
)

// Hostile is a text that would take over a terminal, or hide. A Feed puts it wherever its protocol lets it.
const Hostile = "pay\x1b]0;pwned\x07\x1b[2J\n\r\u202egnp\u2066\u200b\u009bment"

// patience is how long the suite waits for something that must happen: machines are slow and shared.
const patience = 30 * time.Second

// Harness tells the suite how to make and feed a driver.
type Harness struct {
	// New makes a driver whose peer is up. What it needs to be taken down goes into t.Cleanup.
	New func(t *testing.T) driver.Driver
	// Feed makes the peer produce one or more signals that contain Hostile, while the driver runs. It is called from several
	// goroutines. An error means that they were refused, as back-pressure may demand, or that the driver has ended.
	Feed func(ctx context.Context, d driver.Driver) error
	// Broken makes a driver that cannot work, because its peer is not there or its port is taken, and says which address its
	// error must name. When the making itself fails, it returns that error.
	Broken func(t *testing.T) (d driver.Driver, address string, err error)
	// NotBroken says why a driver has no Broken: it cannot fail, for example since it reports each target's health instead.
	NotBroken string
	// Arrived is for a driver that writes elsewhere instead of emitting: it reports whether something came in since the last
	// call. Nil for all others.
	Arrived func(d driver.Driver) bool
	// MaxEmits is how many emits may be going on at once when none returns; 64 when zero.
	MaxEmits int
}

// Run puts the driver through the suite.
func Run(t *testing.T, h Harness) {
	require.NotNil(t, h.New, "a harness needs New")
	require.NotNil(t, h.Feed, "a harness needs Feed")
	require.True(t, (h.Broken == nil) != (h.NotBroken == ""), "a harness needs either Broken or the reason why not")
	if h.MaxEmits == 0 {
		h.MaxEmits = 64
	}
	for name, test := range map[string]func(*testing.T, Harness){
		"ends when cancelled, twice":     endsWhenCancelled,
		"ends when cancelled beforehand": endsWhenCancelledBefore,
		"errors name the address":        errorsNameTheAddress,
		"hostile text is made harmless":  hostileTextIsHarmless,
		"blocks when emit blocks":        backPressure,
	} {
		t.Run(name, func(t *testing.T) {
			leak := goleak.IgnoreCurrent()
			// Registered first, so it looks after all that New registers was taken down.
			t.Cleanup(func() { goleak.VerifyNone(t, leak) })
			test(t, h)
		})
	}
}

// running is one Run of a driver.
type running struct {
	cancel  context.CancelFunc
	done    chan error
	over    atomic.Bool
	late    atomic.Int64 // emits after the end
	empty   atomic.Int64
	signals atomic.Int64
}

func start(d driver.Driver, emit func(signal.Batch)) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel: cancel, done: make(chan error, 1)}
	go func() {
		err := d.Run(ctx, func(b signal.Batch) {
			if r.over.Load() {
				r.late.Add(1)
			}
			if b.Len() == 0 {
				r.empty.Add(1)
			}
			r.signals.Add(int64(b.Len()))
			if emit != nil {
				emit(b)
			}
		})
		r.over.Store(true)
		r.done <- err
	}()
	return r
}

// stop cancels and returns what Run returned; a driver that does not end fails the test.
func (r *running) stop(t *testing.T) error {
	t.Helper()
	r.cancel()
	select {
	case err := <-r.done:
		return err
	case <-time.After(patience):
		require.FailNow(t, "the driver did not end", "%s after it was cancelled", patience)
		return nil
	}
}

// feedUntil feeds until something has arrived.
func feedUntil(t *testing.T, h Harness, d driver.Driver, r *running, arrived func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := feed(h, d)
		for range 20 {
			if arrived() {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		select {
		case runErr := <-r.done:
			r.done <- runErr
			require.FailNow(t, "the driver ended by itself", "%v", runErr)
		default:
		}
		require.True(t, time.Now().Before(deadline), "nothing arrived within %s; feeding gave: %v", patience, err)
	}
}

func feed(h Harness, d driver.Driver) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return h.Feed(ctx, d)
}

func (h Harness) arrived(d driver.Driver, r *running) func() bool {
	if h.Arrived != nil {
		return func() bool { return h.Arrived(d) }
	}
	before := r.signals.Load()
	return func() bool { return r.signals.Load() > before }
}

func endsWhenCancelled(t *testing.T, h Harness) {
	d := h.New(t)
	for round := range 2 { // its supervisor runs a driver again after it failed
		r := start(d, nil)
		feedUntil(t, h, d, r, h.arrived(d, r))
		require.NoError(t, r.stop(t), "round %d", round)
		_ = feed(h, d) // refused or not: nobody may hear of it
		time.Sleep(50 * time.Millisecond)
		require.Zero(t, r.late.Load(), "emitted after the end")
		require.Zero(t, r.empty.Load(), "emitted an empty batch")
		if h.Arrived != nil {
			require.Zero(t, r.signals.Load(), "emitted, although it writes elsewhere")
		}
	}
}

func endsWhenCancelledBefore(t *testing.T, h Harness) {
	d := h.New(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, func(signal.Batch) {}) }()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(patience):
		require.FailNow(t, "the driver did not end, although it was cancelled before it began")
	}
}

func errorsNameTheAddress(t *testing.T, h Harness) {
	if h.Broken == nil {
		t.Skip(h.NotBroken)
	}
	d, address, err := h.Broken(t)
	if err == nil {
		r := start(d, nil)
		select {
		case err = <-r.done:
		case <-time.After(patience):
			_ = r.stop(t)
			require.FailNow(t, "a driver that cannot work did not say so")
		}
		r.cancel()
	}
	require.Error(t, err)
	require.Contains(t, err.Error(), address)
	require.NotContains(t, err.Error(), "\n", "an error is one line")
}

func hostileTextIsHarmless(t *testing.T, h Harness) {
	d := h.New(t)
	var mu sync.Mutex
	var got []signal.Batch
	s := sources.NewSupervisor(sources.Config{Name: "test", Driver: d, Sink: func(b signal.Batch) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, b)
	}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	deadline := time.Now().Add(patience)
	for {
		err := feed(h, d)
		time.Sleep(20 * time.Millisecond)
		hl := s.Health()
		if hl.Kept > 0 {
			break
		}
		require.True(t, time.Now().Before(deadline), "nothing arrived within %s; feeding gave: %v; health: %+v", patience, err, hl)
	}
	cancel()
	require.NoError(t, <-done)
	hl := s.Health()
	require.Equal(t, hl.Received, hl.Kept+hl.Filtered+hl.Dropped, "the balance")
	require.Equal(t, signal.SourceStopped, hl.State)
	mu.Lock()
	defer mu.Unlock()
	for _, b := range got {
		requireHarmless(t, fmt.Sprintf("%+v", b))
	}
}

// requireHarmless looks for what a terminal would act on.
func requireHarmless(t *testing.T, s string) {
	t.Helper()
	require.True(t, utf8.ValidString(s), "not UTF-8")
	bad := strings.IndexFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || (r >= '\u202a' && r <= '\u202e') || (r >= '\u2066' && r <= '\u2069')
	})
	require.Less(t, bad, 0, "%q", s[max(bad-20, 0):min(max(bad, 0)+20, len(s))])
}

// backPressure holds every emit and feeds on: what piles up must be bounded, and the driver must still end.
func backPressure(t *testing.T, h Harness) {
	d := h.New(t)
	if h.Arrived != nil {
		t.Skip("writes elsewhere: what it writes to is the back-pressure")
	}
	release := make(chan struct{})
	var held, most atomic.Int64
	r := start(d, func(signal.Batch) {
		n := held.Add(1)
		for {
			old := most.Load()
			if n <= old || most.CompareAndSwap(old, n) {
				break
			}
		}
		<-release
		held.Add(-1)
	})
	var feeders sync.WaitGroup
	deadline := time.Now().Add(patience)
	for range 2 * h.MaxEmits {
		feeders.Go(func() {
			// What is fed before the driver listens is refused: it takes as many tries as it takes.
			for feed(h, d) != nil && held.Load() == 0 && time.Now().Before(deadline) {
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	assert.Eventually(t, func() bool { return held.Load() > 0 }, patience, 10*time.Millisecond, "nothing arrived")
	time.Sleep(300 * time.Millisecond) // the others pile up
	require.LessOrEqual(t, most.Load(), int64(h.MaxEmits))
	close(release)
	feeders.Wait()
	feedUntil(t, h, d, r, h.arrived(d, r)) // and it works again
	require.NoError(t, r.stop(t))
	require.Zero(t, held.Load(), "ended while emits were going on")
	require.Zero(t, r.late.Load())
}
