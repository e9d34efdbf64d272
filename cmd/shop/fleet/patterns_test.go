package fleet_test

import (
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/cmd/shop/fleet"
	"gameday/cmd/shop/service/order"
	"gameday/cmd/shop/service/ordersdb"
)

type tally struct {
	all, buys        []time.Duration
	failed, degraded int
}

// load asks for pages, carts and orders, one in four an order, evenly spaced, whether or not answers come.
func load(f *fleet.Fleet, perSecond int, d time.Duration) tally {
	var mu sync.Mutex
	var t tally
	var wg sync.WaitGroup
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	for i := range int(d.Seconds() * float64(perSecond)) {
		<-ticker.C
		wg.Go(func() {
			var a answer
			var err error
			g := f.Gateway()
			switch i % 4 {
			case 0:
				a, err = ask("POST", g+"/checkout", buyBody("p5"))
			case 1:
				a, err = ask("GET", g+"/products", nil)
			case 2:
				a, err = ask("GET", g+"/products/p2", nil)
			case 3:
				a, err = ask("POST", g+"/cart", map[string]any{"customer": fmt.Sprint("c", i), "product": "p6", "quantity": 2})
			}
			mu.Lock()
			defer mu.Unlock()
			t.all = append(t.all, a.took)
			if i%4 == 0 {
				t.buys = append(t.buys, a.took)
			}
			if err != nil || !a.ok() {
				t.failed++
			} else if a.degraded() {
				t.degraded++
			}
		})
	}
	wg.Wait()
	return t
}

// The promise that the demo rests on: the same slow payment provider hurts everyone without the patterns, and next to
// nobody with them.
func TestPatternsMakeTheDifference(t *testing.T) {
	l := newLinks(t, "checkout→payment")
	f := start(t, fleet.Config{Patterns: false, Link: l.link})
	p := l.proxy["checkout→payment"]
	const late = 800 * time.Millisecond

	load(f, 40, time.Second) // warm
	p.delay.Store(int64(late))
	off := load(f, 40, 5*time.Second)
	require.NoError(t, f.Set(t.Context(), "patterns", true))
	on := load(f, 40, 8*time.Second)
	t.Logf("off: p95 %v, checkout p50 %v, failed %d of %d", percentile(off.all, .95), percentile(off.buys, .5), off.failed, len(off.all))
	t.Logf("on:  p95 %v, checkout p50 %v, failed %d, degraded %d of %d", percentile(on.all, .95), percentile(on.buys, .5), on.failed, on.degraded, len(on.all))

	require.GreaterOrEqual(t, percentile(off.all, .95), late, "the delay was not felt without patterns")
	require.GreaterOrEqual(t, percentile(off.buys, .5), late)
	require.Less(t, 2*percentile(on.all, .95), percentile(off.all, .95), "the patterns did not help")
	require.LessOrEqual(t, float64(on.failed), 0.01*float64(len(on.all)))
	require.NotZero(t, on.degraded)
	require.Zero(t, off.degraded, "a degraded answer without the fallback pattern")
	require.True(t, loggedBy(f, "checkout", "circuit breaker open", `"dep":"payment"`))

	// What was promised is kept: every order is paid in the end, once.
	p.delay.Store(0)
	checkout := "http://" + find(f, "orders-db").HTTPAddr
	require.Eventually(t, func() bool {
		return len(decode[ordersdb.Orders](t, mustAsk(t, "GET", checkout+"/unsettled", nil)).Orders) == 0
	}, patience, 100*time.Millisecond, "orders are still unpaid")
	require.True(t, loggedBy(f, "checkout", "order settled late", order.Paid))
	require.Eventually(t, func() bool { return loggedBy(f, "checkout", "circuit breaker closed", `"dep":"payment"`) }, patience, 100*time.Millisecond)
}

func TestKilledReplica(t *testing.T) {
	f := start(t, fleet.Config{Patterns: true, RestartDelay: 2 * time.Second})
	reads := func(seconds int) tally {
		var mu sync.Mutex
		var out tally
		var wg sync.WaitGroup
		ticker := time.NewTicker(25 * time.Millisecond)
		defer ticker.Stop()
		for i := range seconds * 40 {
			<-ticker.C
			wg.Go(func() {
				path := []string{"/products", "/orders?customer=ann"}[i%2]
				a, err := ask("GET", f.Gateway()+path, nil)
				mu.Lock()
				defer mu.Unlock()
				out.all = append(out.all, a.took)
				if err != nil || !a.ok() {
					out.failed++
				} else if a.degraded() {
					out.degraded++
				}
			})
		}
		wg.Wait()
		return out
	}
	killed := func(seconds int) tally {
		n := restarts(f, "orders-db-1")
		require.NoError(t, syscall.Kill(find(f, "orders-db-1").PID, syscall.SIGKILL))
		out := reads(seconds)
		require.Eventually(t, func() bool { return restarts(f, "orders-db-1") == n+1 && state(f, "orders-db-1") == "up" }, patience, pause)
		return out
	}
	// Only the retry stands between the reads and the dead replica.
	require.NoError(t, f.Set(t.Context(), "patterns", false))
	for _, s := range []string{"gateway/retry", "catalog/retry"} {
		require.NoError(t, f.Set(t.Context(), s, true))
	}
	with := killed(3)
	require.Zero(t, with.failed, "a read failed although it could have been retried")
	for _, s := range []string{"gateway/retry", "catalog/retry"} {
		require.NoError(t, f.Set(t.Context(), s, false))
	}
	without := killed(3)
	require.NotZero(t, without.failed, "the dead replica was not felt: the test proves nothing")
	t.Logf("failed reads of %d: with retries %d, without %d", len(with.all), with.failed, without.failed)

	// The replica that was away has what was ordered meanwhile.
	require.NoError(t, f.Set(t.Context(), "patterns", true))
	require.NoError(t, syscall.Kill(find(f, "orders-db-1").PID, syscall.SIGKILL))
	o := decode[order.Order](t, mustAsk(t, "POST", f.Gateway()+"/checkout", buyBody("p7")))
	require.Eventually(t, func() bool {
		a, err := ask("GET", "http://"+find(f, "orders-db-1").HTTPAddr+"/orders/"+o.ID, nil)
		return err == nil && a.status == 200
	}, patience, pause, "the replica did not catch up")
}

func TestLostDependenciesAreSurvived(t *testing.T) {
	l := newLinks(t, "checkout→inventory")
	f := start(t, fleet.Config{Patterns: true, Link: l.link, RestartDelay: 2 * time.Second})
	l.proxy["checkout→inventory"].delay.Store(int64(time.Hour)) // as good as partitioned
	require.NoError(t, syscall.Kill(find(f, "orders-db").PID, syscall.SIGKILL))
	require.NoError(t, syscall.Kill(find(f, "payment").PID, syscall.SIGKILL))
	a := mustAsk(t, "POST", f.Gateway()+"/checkout", buyBody("p8"))
	require.Equal(t, 201, a.status, "%s", a.body)
	require.True(t, a.degraded())
	o := decode[order.Order](t, a)
	require.True(t, o.Degraded)
	require.Equal(t, order.Unconfirmed, o.Stock)
	require.Equal(t, order.Pending, o.Payment)
	h := mustAsk(t, "GET", "http://"+find(f, "checkout").HTTPAddr+"/health", nil)
	require.Equal(t, 503, h.status, "%s", h.body)
	require.Contains(t, string(h.body), `"inventory":`)

	l.proxy["checkout→inventory"].delay.Store(0)
	require.Eventually(t, func() bool {
		s := decode[ordersdb.Orders](t, mustAsk(t, "GET", f.Gateway()+"/orders?customer=ann", nil))
		return len(s.Orders) == 1 && s.Orders[0].Payment == order.Paid && s.Orders[0].Stock == order.Reserved
	}, patience, 100*time.Millisecond, "the order was not settled after all was back")
	require.Equal(t, 1, charges(t, f, o.ID))

	require.NoError(t, f.Set(t.Context(), "patterns", false))
	require.NoError(t, syscall.Kill(find(f, "payment").PID, syscall.SIGKILL))
	b := mustAsk(t, "POST", f.Gateway()+"/checkout", buyBody("p8"))
	require.GreaterOrEqual(t, b.status, 500, "without patterns a dead payment must hurt")
	require.True(t, loggedBy(f, "checkout", `"level":"ERROR"`, "payment"))
}

func TestNobodyListensForTelemetry(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	require.NoError(t, ln.Close())
	f := start(t, fleet.Config{Patterns: true, OTLP: addr})
	require.True(t, mustAsk(t, "POST", f.Gateway()+"/checkout", buyBody("p9")).ok())
	require.Eventually(t, func() bool {
		m := mustAsk(t, "GET", f.Gateway()+"/metrics", nil)
		return m.ok() && !containsLine(m.body, "telemetry_export_failures_total 0")
	}, patience, 100*time.Millisecond, "the failed exports were not counted")
}

func containsLine(b []byte, line string) bool {
	for s := range lines(b) {
		if s == line {
			return true
		}
	}
	return false
}
