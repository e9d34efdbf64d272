package resilience_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"gameday/cmd/shop/service/resilience"
	"gameday/cmd/shop/service/telemetry"
)

var errDown = errors.New("connection refused")

type refusal struct{ error }

func (refusal) Rejected() bool { return true }

type bench struct {
	g   *resilience.Guard
	sw  *resilience.Switches
	m   *telemetry.Metrics
	log *bytes.Buffer
	cfg resilience.Config
}

// setup makes a guard with only the patterns listed.
func setup(t *testing.T, patterns string, change func(*resilience.Config)) *bench {
	cfg := resilience.Config{Dep: "payment", Endpoints: []string{"payment"}, Timeout: 100 * time.Millisecond, Attempts: 3,
		Backoff: 10 * time.Millisecond, MaxBackoff: 40 * time.Millisecond, BreakerFailures: 5, BreakerOf: 10, OpenFor: 2 * time.Second, Concurrency: 2}
	if change != nil {
		change(&cfg)
	}
	sw, err := resilience.NewSwitches(patterns)
	require.NoError(t, err)
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Stderr: &bytes.Buffer{}})
	require.NoError(t, err)
	b := &bench{sw: sw, m: tel.Metrics, log: &bytes.Buffer{}, cfg: cfg}
	b.g = resilience.New(cfg, sw, tel.Metrics, slog.New(slog.NewTextHandler(b.log, nil)))
	return b
}

func (b *bench) call(f func(context.Context) (string, error)) (string, error) {
	v, _, err := resilience.Call(context.Background(), b.g, func(ctx context.Context, _ int) (string, error) { return f(ctx) }, nil)
	return v, err
}

// slow answers after d unless its context ends first.
func slow(d time.Duration) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		select {
		case <-time.After(d):
			return "late", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, "timeout,retry", nil)
		started := time.Now()
		_, err := b.call(slow(800 * time.Millisecond))
		require.True(t, resilience.TimedOut(err), "%v", err)
		require.Equal(t, 100*time.Millisecond, time.Since(started), "a retry multiplied the timeout")

		require.NoError(t, b.sw.Set(resilience.Timeout, false))
		v, err := b.call(slow(800 * time.Millisecond))
		require.NoError(t, err, "switched off, it must wait")
		require.Equal(t, "late", v)

		started = time.Now()
		_, err = b.call(slow(time.Hour))
		require.True(t, resilience.TimedOut(err))
		require.Equal(t, 10*time.Second, time.Since(started), "even without patterns nobody waits for ever")
	})
}

func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, "retry", nil)
		n := 0
		flaky := func(context.Context) (string, error) {
			if n++; n < 3 {
				return "", errDown
			}
			return "ok", nil
		}
		started := time.Now()
		v, err := b.call(flaky)
		require.NoError(t, err)
		require.Equal(t, "ok", v)
		require.Equal(t, 3, n)
		took := time.Since(started) // 10 ms and 20 ms, each give or take half
		require.GreaterOrEqual(t, took, 15*time.Millisecond)
		require.LessOrEqual(t, took, 45*time.Millisecond)
		require.Equal(t, 2.0, testutil.ToFloat64(b.m.Retries.WithLabelValues("payment")))
		require.Contains(t, b.log.String(), "level=WARN msg=\"retrying payment\"")

		n = -10
		_, err = b.call(flaky)
		require.ErrorIs(t, err, errDown, "the last failure is what the caller learns")
		require.Equal(t, -7, n, "more attempts than configured")

		n = 0
		_, err = b.call(func(context.Context) (string, error) { n++; return "", refusal{errors.New("no such card")} })
		require.ErrorContains(t, err, "no such card")
		require.Equal(t, 1, n, "a refusal was retried")

		require.NoError(t, b.sw.Set(resilience.Retry, false))
		n = 0
		_, err = b.call(flaky)
		require.ErrorIs(t, err, errDown)
		require.Equal(t, 1, n)
	})
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, "breaker", nil)
		state := func() float64 { return testutil.ToFloat64(b.m.Breaker.WithLabelValues("payment", "payment")) }
		n := 0
		down := func(context.Context) (string, error) { n++; return "", errDown }
		up := func(context.Context) (string, error) { n++; return "ok", nil }

		for range 20 {
			_, _ = b.call(func(context.Context) (string, error) { return "", refusal{errDown} }) // only the breaker's state matters
		}
		require.Equal(t, 0.0, state(), "refusals opened the breaker")
		for range 5 {
			_, err := b.call(down)
			require.ErrorIs(t, err, errDown)
		}
		for range 3 {
			_, _ = b.call(down) // five of the last ten are enough; some of those ten were refusals
		}
		require.Equal(t, 2.0, state())
		require.Contains(t, b.log.String(), `level=WARN msg="circuit breaker open" dep=payment`)
		n = 0
		_, err := b.call(up)
		require.True(t, resilience.Unavailable(err), "%v", err)
		require.Zero(t, n, "an open breaker let a request through")

		time.Sleep(2 * time.Second) // one probe, which fails: open again
		_, err = b.call(down)
		require.ErrorIs(t, err, errDown)
		require.Equal(t, 2.0, state())
		require.Contains(t, b.log.String(), "circuit breaker half-open")

		time.Sleep(2 * time.Second) // only one at a time may probe
		n = 0
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = b.call(func(ctx context.Context) (string, error) { n++; return slow(time.Second)(ctx) })
		})
		synctest.Wait()
		require.Equal(t, 1.0, state())
		_, err = b.call(up)
		require.True(t, resilience.Unavailable(err))
		wg.Wait()
		require.Equal(t, 1, n)
		require.Equal(t, 0.0, state(), "a good probe closes it")
		require.Equal(t, 1.0, testutil.ToFloat64(b.m.BreakerTo.WithLabelValues("payment", "payment", "closed")))

		for range 10 {
			_, _ = b.call(down) // open it once more
		}
		require.Equal(t, 2.0, state())
		require.NoError(t, b.sw.Set(resilience.Breaker, false))
		_, err = b.call(up)
		require.NoError(t, err, "switched off, it must not be in the way")
		b.g.Reset()
		require.Equal(t, 0.0, state())
	})
}

func TestBulkhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, "bulkhead,breaker", nil)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { _, _ = b.call(slow(time.Second)) })
		}
		synctest.Wait()
		require.Equal(t, 2.0, testutil.ToFloat64(b.m.DepInFlight.WithLabelValues("payment")))
		for range 10 {
			_, err := b.call(slow(0))
			require.True(t, resilience.Unavailable(err), "the third got in")
		}
		require.Equal(t, 0.0, testutil.ToFloat64(b.m.Breaker.WithLabelValues("payment", "payment")), "being full is no failure of theirs")
		require.NoError(t, b.sw.Set(resilience.Bulkhead, false))
		_, err := b.call(slow(0))
		require.NoError(t, err)
		wg.Wait()
		require.NoError(t, b.sw.Set(resilience.Bulkhead, true))
		_, err = b.call(slow(0))
		require.NoError(t, err, "the permits came back")
	})
}

func TestFallback(t *testing.T) {
	b := setup(t, "fallback", nil)
	ask := func(err error) (string, bool, error) {
		return resilience.Call(context.Background(), b.g, func(context.Context, int) (string, error) { return "good", err },
			func(cause error) (string, error) {
				if !errors.Is(cause, errDown) {
					return "", cause
				}
				return "pending", nil
			})
	}
	v, degraded, err := ask(nil)
	require.NoError(t, err)
	require.False(t, degraded)
	require.Equal(t, "good", v)

	v, degraded, err = ask(errDown)
	require.NoError(t, err)
	require.True(t, degraded)
	require.Equal(t, "pending", v)
	require.Equal(t, 1.0, testutil.ToFloat64(b.m.Fallbacks.WithLabelValues("payment")))
	require.Contains(t, b.log.String(), "level=WARN msg=\"degraded answer in place of payment\"")

	other := errors.New("out of ideas")
	_, degraded, err = ask(other)
	require.ErrorIs(t, err, other, "a fallback that has nothing leaves the error")
	require.False(t, degraded)

	_, degraded, err = ask(refusal{errDown})
	require.Error(t, err, "a refusal was papered over")
	require.False(t, degraded)

	require.NoError(t, b.sw.Set(resilience.Fallback, false))
	_, _, err = ask(errDown)
	require.ErrorIs(t, err, errDown)
}

func TestReplicasShareAndStandInForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, "timeout,retry,breaker", func(c *resilience.Config) {
			c.Endpoints, c.RetryTimeouts = []string{"db-1", "db-2"}, true
		})
		asked := map[int]int{}
		call := func(bad int, how func(context.Context) (int, error)) (int, error) {
			v, _, err := resilience.Call(context.Background(), b.g, func(ctx context.Context, i int) (int, error) {
				asked[i]++
				if i == bad {
					return how(ctx)
				}
				return i, nil
			}, nil)
			return v, err
		}
		for range 10 {
			_, err := call(-1, nil)
			require.NoError(t, err)
		}
		require.Equal(t, map[int]int{0: 5, 1: 5}, asked)

		hang := func(ctx context.Context) (int, error) { _, err := slow(time.Hour)(ctx); return 0, err }
		for range 40 {
			v, err := call(0, hang)
			require.NoError(t, err, "the other one was not asked")
			require.Equal(t, 1, v)
		}
		require.Less(t, asked[0], 5+12, "the breaker of the silent one did not open")
		require.Equal(t, 2.0, testutil.ToFloat64(b.m.Breaker.WithLabelValues("payment", "db-1")))
		require.Equal(t, 0.0, testutil.ToFloat64(b.m.Breaker.WithLabelValues("payment", "db-2")))
	})
}

func TestSwitches(t *testing.T) {
	s, err := resilience.NewSwitches("timeout,retry")
	require.NoError(t, err)
	require.True(t, s.On(resilience.Retry))
	require.False(t, s.On(resilience.Breaker))
	require.False(t, s.On("brake"))
	require.Error(t, s.Set("brake", true))
	_, err = resilience.NewSwitches("timeout,brake")
	require.ErrorContains(t, err, `"brake"`)
	all, err := resilience.NewSwitches("all")
	require.NoError(t, err)
	for _, p := range resilience.All() {
		require.True(t, all.On(p))
		require.NotEmpty(t, resilience.Help(p))
	}
	require.Len(t, all.Map(), len(resilience.All()))
}
