package sources

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

// driverFunc is a driver made of a function.
type driverFunc func(ctx context.Context, emit func(signal.Batch)) error

func (f driverFunc) Run(ctx context.Context, emit func(signal.Batch)) error { return f(ctx, emit) }

func records(n int) signal.Batch { return signal.Batch{Logs: make([]signal.Record, n)} }

// supervise runs a supervisor inside the bubble; stop ends it and returns what Run returned.
func supervise(cfg Config) (s *Supervisor, stop func() error) {
	if cfg.Sink == nil {
		cfg.Sink = func(signal.Batch) {}
	}
	s = NewSupervisor(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, func() error { cancel(); return <-done }
}

func TestBackoffGrowsIsBoundedAndStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var starts []time.Time
		lasts := time.Duration(0)
		_, stop := supervise(Config{MinBackoff: 100 * time.Millisecond, MaxBackoff: 5 * time.Second, Settle: time.Minute,
			Driver: driverFunc(func(ctx context.Context, _ func(signal.Batch)) error {
				mu.Lock()
				starts = append(starts, time.Now())
				wait := lasts
				mu.Unlock()
				select {
				case <-time.After(wait):
				case <-ctx.Done():
					return nil
				}
				return errors.New("no")
			})})
		// during lets the driver's runs last for d each, and tells when they began within the next so many minutes.
		during := func(minutes int, d time.Duration) []time.Time {
			mu.Lock()
			starts, lasts = nil, d
			mu.Unlock()
			time.Sleep(time.Duration(minutes) * time.Minute)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return starts
		}
		tries := during(2, 0)
		require.Greater(t, len(tries), 20)
		lo, hi := 100*time.Millisecond, 200*time.Millisecond
		for i := 1; i < len(tries); i++ {
			gap := tries[i].Sub(tries[i-1])
			require.GreaterOrEqual(t, gap, min(lo, 2500*time.Millisecond), "try %d", i)
			require.LessOrEqual(t, gap, min(hi, 5*time.Second), "try %d", i)
			lo, hi = min(2*lo, 5*time.Second), min(2*hi, 5*time.Second)
		}
		during(3, 2*time.Minute) // long enough to count as having worked
		tries = during(3, 0)
		require.Greater(t, len(tries), 3)
		require.Less(t, tries[1].Sub(tries[0]), time.Second, "after a run that worked the wait is short again")
		require.NoError(t, stop())
	})
}

// patientError is a refusal that says for how long.
type patientError struct{ wait time.Duration }

func (e patientError) Error() string              { return "too many requests" }
func (e patientError) AskedToWait() time.Duration { return e.wait }

func TestASystemThatAsksToWaitIsLeftAlone(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{time.Minute: time.Minute, 24 * time.Hour: maxAsked, -time.Hour: 0} {
		synctest.Test(t, func(t *testing.T) {
			var starts []time.Time
			_, stop := supervise(Config{MinBackoff: time.Second, MaxBackoff: 2 * time.Second, Driver: driverFunc(func(context.Context, func(signal.Batch)) error {
				starts = append(starts, time.Now())
				return fmt.Errorf("ask: %w", patientError{asked})
			})})
			time.Sleep(time.Hour)
			require.NoError(t, stop())
			require.Greater(t, len(starts), 10)
			for i := range starts[1:] {
				pause := starts[i+1].Sub(starts[i])
				require.GreaterOrEqual(t, pause, want)
				require.LessOrEqual(t, pause, max(want, 2*time.Second))
			}
		})
	}
}

func TestHealthFollowsTheDriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []string
		fail := make(chan error)
		s, stop := supervise(Config{Name: "loki", Kind: "logs", Address: "127.0.0.1:3100", MinBackoff: 10 * time.Second,
			OnChange: func(h signal.SourceHealth) { changes = append(changes, fmt.Sprint(h.State, " ", h.Err)) },
			Driver: driverFunc(func(ctx context.Context, emit func(signal.Batch)) error {
				emit(records(3))
				select {
				case err := <-fail:
					return err
				case <-ctx.Done():
					return nil
				}
			})})
		synctest.Wait()
		h := s.Health()
		require.Equal(t, signal.SourceHealth{Name: "loki", Kind: "logs", Address: "127.0.0.1:3100", State: signal.SourceLive,
			Since: time.Now(), Received: 3, Kept: 3}, h)
		fail <- errors.New("get http://bob:hunter2@loki/api: Authorization: Bearer abcdef123\x1b[2J refused")
		synctest.Wait()
		h = s.Health()
		require.Equal(t, signal.SourceRetrying, h.State)
		require.Contains(t, h.Err, "http://<secret>@loki/api")
		for _, bad := range []string{"hunter2", "abcdef123", "\x1b"} {
			require.NotContains(t, h.Err, bad)
		}
		require.NotContains(t, s.Detail(), "hunter2")
		require.WithinRange(t, h.Retry, time.Now().Add(10*time.Second), time.Now().Add(20*time.Second))
		time.Sleep(time.Until(h.Retry) + time.Millisecond)
		synctest.Wait()
		require.Equal(t, signal.SourceLive, s.Health().State)
		require.Empty(t, s.Health().Err)
		require.NoError(t, stop())
		require.Equal(t, signal.SourceStopped, s.Health().State)
		require.Len(t, changes, 5) // live, retrying, starting, live, stopped
	})
}

func TestQuietDriverIsLiveAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stop := supervise(Config{Settle: 2 * time.Second, Driver: driverFunc(func(ctx context.Context, _ func(signal.Batch)) error {
			<-ctx.Done()
			return nil
		})})
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, signal.SourceStarting, s.Health().State)
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, signal.SourceLive, s.Health().State)
		require.NoError(t, stop())
	})
}

func TestPanicIsAnErrorWithItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stop := supervise(Config{Driver: driverFunc(func(context.Context, func(signal.Batch)) error { panic("index out of range\n\x1b[31m") })})
		synctest.Wait()
		h := s.Health()
		require.Equal(t, signal.SourceRetrying, h.State)
		require.Contains(t, h.Err, "driver panicked: index out of range")
		require.NotContains(t, h.Err, "supervisor_test.go")
		require.NotContains(t, h.Err, "\x1b")
		require.Contains(t, s.Detail(), "supervisor_test.go")
		require.NoError(t, stop())
	})
}

func TestDriverThatEndsByItselfIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stop := supervise(Config{Driver: driverFunc(func(context.Context, func(signal.Batch)) error { return nil })})
		synctest.Wait()
		require.Equal(t, signal.SourceRetrying, s.Health().State)
		require.Equal(t, "driver ended by itself", s.Health().Err)
		require.NoError(t, stop())
	})
}

func TestDriverThatDoesNotEndIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, left := make(chan struct{}), make(chan struct{})
		sunk := 0
		s, stop := supervise(Config{Name: "stuck", Sink: func(b signal.Batch) { sunk += b.Len() },
			Driver: driverFunc(func(_ context.Context, emit func(signal.Batch)) error {
				defer close(left)
				emit(records(1))
				<-release
				emit(records(2))
				return nil
			})})
		synctest.Wait()
		err := stop()
		require.EqualError(t, err, "stop source stuck: driver did not end within 5s")
		close(release)
		<-left
		require.Equal(t, 1, sunk, "what comes after the end does not reach the sink")
		h := s.Health()
		require.Equal(t, [4]uint64{3, 1, 0, 2}, [4]uint64{h.Received, h.Kept, h.Filtered, h.Dropped})
	})
}

// reporting is a driver with a balance of its own.
type reporting struct {
	driverFunc
	mu  sync.Mutex
	err error
}

func (r *reporting) Report() (received, kept, dropped uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return 10, 7, 3, r.err
}

func (r *reporting) set(err error) { r.mu.Lock(); defer r.mu.Unlock(); r.err = err }

func TestReporterIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &reporting{driverFunc: func(ctx context.Context, emit func(signal.Batch)) error {
			emit(records(5))
			<-ctx.Done()
			return nil
		}}
		s, stop := supervise(Config{Driver: d, Filter: func(b *signal.Batch) { b.Logs = b.Logs[:3] }})
		synctest.Wait()
		h := s.Health()
		require.Equal(t, [4]uint64{15, 10, 2, 3}, [4]uint64{h.Received, h.Kept, h.Filtered, h.Dropped})
		d.set(errors.New("2 of 8 targets do not answer"))
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, signal.SourceRetrying, s.Health().State)
		require.Equal(t, "2 of 8 targets do not answer", s.Health().Err)
		d.set(nil)
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, signal.SourceLive, s.Health().State)
		require.Empty(t, s.Health().Err)
		require.NoError(t, stop())
	})
}

func TestBatchesAreSanitisedOnceAndHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got signal.Batch
		_, stop := supervise(Config{Sink: func(b signal.Batch) { got = b }, Driver: driverFunc(func(ctx context.Context, emit func(signal.Batch)) error {
			emit(signal.Batch{Logs: []signal.Record{{Body: "\x1b[2J\nboo"}}, Metrics: []signal.MetricPoint{{Name: "x", V: math.NaN()}}})
			<-ctx.Done()
			return nil
		})})
		synctest.Wait()
		require.NotContains(t, got.Logs[0].Body, "\x1b")
		require.NotContains(t, got.Logs[0].Body, "\n")
		require.Contains(t, got.Logs[0].Body, "boo")
		require.NoError(t, stop())
	})
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"get https://user:pa@ss@host/x?y=1":             "get https://<secret>@host/x?y=1",
		"get https://host/a@b":                          "get https://host/a@b",
		`Authorization: Basic dXNlcjpwYXNz`:             `Authorization: Basic <secret>`,
		`{"authorization":"Bearer abc.def"}`:            `{"authorization":"Bearer <secret>"}`,
		"header Bearer eyJhbGciOi was refused":          "header Bearer <secret> was refused",
		"GET /x?token=abc&b=1":                          "GET /x?token=<secret>&b=1",
		"GET /x?sig=abc&v=2 and /y?a=1&key=def":         "GET /x?sig=<secret>&v=2 and /y?a=1&key=<secret>",
		`password="hunter2" user=bob`:                   `password="<secret>" user=bob`,
		"X-Api-Key: 12345, next":                        "X-Api-Key: <secret>, next",
		"Cookie: session=1; b=2":                        "Cookie: <secret>",
		"key AKIAABCDEFGHIJKLMNOP is unknown":           "key <secret> is unknown",
		"dial tcp 127.0.0.1:9090: connection refused":   "dial tcp 127.0.0.1:9090: connection refused",
		"the literal swordfish":                         "the literal <secret>",
		"basic checks passed, token expired":            "basic checks passed, token expired",
		"parse error: unexpected token \"}\" in line 3": "parse error: unexpected token \"}\" in line 3",
	} {
		require.Equal(t, want, Redact(in, "swordfish", "x"), in)
	}
}
