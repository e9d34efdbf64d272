package fleet_test

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/cmd/shop/fleet"
	"gameday/cmd/shop/service/catalog"
	"gameday/cmd/shop/service/order"
	"gameday/cmd/shop/service/ordersdb"
	"gameday/sources/signal"
)

const (
	patience = 60 * time.Second
	pause    = 20 * time.Millisecond
)

func TestOneOrderThroughAllServices(t *testing.T) {
	l := newLinks(t, "checkout→payment")
	f := start(t, fleet.Config{Patterns: true, Link: l.link})
	require.Equal(t, "grpc", l.edges["checkout→payment"])
	require.Equal(t, "http", l.edges["gateway→catalog"])
	require.Len(t, l.edges, 15)
	require.Len(t, f.Services(), 9)
	for _, p := range f.Processes() {
		require.Equal(t, "up", p.State, p.Name)
		require.NotZero(t, p.PID)
	}

	list := mustAsk(t, "GET", f.Gateway()+"/products", nil)
	require.Equal(t, 200, list.status)
	require.Len(t, decode[catalog.List](t, list).Products, 12)

	const requestID, traceID = "req-e2e-1", "0af7651916cd43dd8448eb211c80319c"
	a := mustAsk(t, "POST", f.Gateway()+"/checkout", buyBody("p4"), "X-Correlation-ID", requestID, "Idempotency-Key", "key-1",
		"traceparent", "00-"+traceID+"-b7ad6b7169203331-01")
	require.Equal(t, 201, a.status, "%s", a.body)
	require.Equal(t, requestID, a.header.Get("X-Correlation-ID"))
	require.Equal(t, traceID, a.header.Get("X-Trace-ID"))
	require.False(t, a.degraded())
	o := decode[order.Order](t, a)
	require.Equal(t, order.Paid, o.Payment)
	require.Equal(t, order.Reserved, o.Stock)
	require.Equal(t, int64(590), o.Cents)

	for _, name := range []string{"gateway", "checkout", "cart", "catalog", "inventory", "payment", "orders-db"} {
		require.Eventually(t, func() bool { return loggedBy(f, name, traceID, requestID, `"span_id"`) }, patience, pause, "%s logged no line of the trace", name)
	}
	require.Eventually(t, func() bool { // both replicas have it soon, whichever is asked
		for range 4 {
			h := decode[ordersdb.Orders](t, mustAsk(t, "GET", f.Gateway()+"/orders?customer=ann", nil))
			if len(h.Orders) != 1 || h.Orders[0].ID != o.ID {
				return false
			}
		}
		return true
	}, patience, pause, "the order did not reach the replicas")

	m := mustAsk(t, "GET", "http://"+find(f, "gateway").HTTPAddr+"/metrics", nil, "Accept", "application/openmetrics-text; version=1.0.0")
	require.Contains(t, string(m.body), `# {trace_id="`+traceID+`"}`, "no exemplar leads to the trace")
	require.Contains(t, string(m.body), `http_requests_total{code="201",method="POST",route="/checkout"} 1`)
}

type ledger struct {
	Charges []struct {
		ID string `json:"id"`
	} `json:"charges"`
}

func charges(t *testing.T, f *fleet.Fleet, orderID string) int {
	return len(decode[ledger](t, mustAsk(t, "GET", "http://"+find(f, "payment").HTTPAddr+"/charges?order="+orderID, nil)).Charges)
}

func TestRetriedOrderIsChargedOnce(t *testing.T) {
	l := newLinks(t, "checkout→payment")
	f := start(t, fleet.Config{Patterns: true, Link: l.link})
	p := l.proxy["checkout→payment"]

	p.cuts.Store(1) // the charge is made, the answer is lost with its connection
	a := mustAsk(t, "POST", f.Gateway()+"/checkout", buyBody("p1"), "Idempotency-Key", "once")
	require.Equal(t, 201, a.status, "%s", a.body)
	require.Zero(t, p.cuts.Load(), "no answer was lost: the test proves nothing")
	o := decode[order.Order](t, a)
	require.Eventually(t, func() bool { // should the retry have failed too, the order is settled later
		s := decode[ordersdb.Orders](t, mustAsk(t, "GET", f.Gateway()+"/orders?customer=ann", nil))
		return len(s.Orders) == 1 && s.Orders[0].Payment == order.Paid
	}, patience, pause)
	require.Equal(t, 1, charges(t, f, o.ID))

	again := mustAsk(t, "POST", f.Gateway()+"/checkout", buyBody("p1"), "Idempotency-Key", "once")
	require.Equal(t, 200, again.status, "%s", again.body)
	require.Equal(t, o.ID, decode[order.Order](t, again).ID)
	require.Equal(t, 1, charges(t, f, o.ID), "the client's retry was charged again")

	other := mustAsk(t, "POST", f.Gateway()+"/checkout", buyBody("p2"), "Idempotency-Key", "once")
	require.Equal(t, 422, other.status, "another order under a used key must be refused")
	require.Equal(t, 1, charges(t, f, o.ID))

	// The same story without the pattern: this is what it protects from.
	require.NoError(t, f.Set(t.Context(), "payment/idempotency", false))
	p.cuts.Store(1)
	b := mustAsk(t, "POST", f.Gateway()+"/checkout", buyBody("p3"), "Idempotency-Key", "twice")
	require.Zero(t, p.cuts.Load())
	require.Eventually(t, func() bool { return charges(t, f, decode[order.Order](t, b).ID) >= 2 }, patience, pause)
}

func TestDeadServiceComesBackAtItsAddress(t *testing.T) {
	var mu sync.Mutex
	var events []string
	f := start(t, fleet.Config{Patterns: true, RestartDelay: 100 * time.Millisecond, Event: func(e signal.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e.Title)
	}})
	require.NoError(t, f.Set(t.Context(), "checkout/breaker", false))
	before := find(f, "checkout")
	require.NoError(t, syscall.Kill(before.PID, syscall.SIGKILL))
	require.Eventually(t, func() bool { return restarts(f, "checkout") == 1 && state(f, "checkout") == "up" }, patience, pause)
	after := find(f, "checkout")
	require.Equal(t, before.HTTPAddr, after.HTTPAddr)
	require.NotEqual(t, before.PID, after.PID)
	require.Eventually(t, func() bool { return mustAsk(t, "POST", f.Gateway()+"/checkout", buyBody("p4")).ok() }, patience, pause)
	patterns := decode[map[string]bool](t, mustAsk(t, "GET", "http://"+after.HTTPAddr+"/control/patterns", nil))
	require.False(t, patterns["breaker"], "the restart undid a switch")
	require.True(t, patterns["retry"])
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(events) == 2 && events[0] == "checkout died" && events[1] == "checkout is back"
	}, patience, pause)

	if runtime.GOOS == "linux" {
		require.NotZero(t, after.StartTicks)
		require.NoError(t, syscall.Kill(after.PID, syscall.SIGSTOP))
		require.Eventually(t, func() bool { return state(f, "checkout") == "paused" }, patience, pause)
		require.NoError(t, syscall.Kill(after.PID, syscall.SIGCONT))
		require.Eventually(t, func() bool { return state(f, "checkout") == "up" }, patience, pause)
		require.NoError(t, syscall.Kill(find(f, "cart").PID, syscall.SIGSTOP)) // Stop must end a paused one, too
	}
}

func TestSwitches(t *testing.T) {
	f := start(t, fleet.Config{Patterns: true})
	on := func(name string) bool {
		for _, s := range f.Switches() {
			if s.Name == name {
				require.NotEmpty(t, s.Help)
				return s.On
			}
		}
		t.Fatalf("no switch %q", name)
		return false
	}
	require.True(t, on("patterns"))
	require.NoError(t, f.Set(t.Context(), "checkout/breaker", false))
	require.False(t, on("checkout/breaker"))
	require.True(t, on("cart/breaker"))
	require.False(t, on("patterns"), "all is not on when one is off")
	require.NoError(t, f.Set(t.Context(), "patterns", true))
	require.True(t, on("checkout/breaker"))
	require.ErrorContains(t, f.Set(t.Context(), "checkout/brake", true), "breaker")
	require.ErrorContains(t, f.Set(t.Context(), "chekout/breaker", true), "checkout")
	require.ErrorContains(t, f.Set(t.Context(), "", true), "patterns")
}

func TestStartSaysWhichServiceFailed(t *testing.T) {
	dir := t.TempDir()
	_, err := fleet.Start(t.Context(), fleet.Config{Exe: "/bin/sh", Args: []string{"-c", "echo no such luck >&2; exit 7"}, Dir: dir})
	require.ErrorContains(t, err, "start ")
	require.ErrorContains(t, err, "exit status 7")
	require.ErrorContains(t, err, "no such luck")

	_, err = fleet.Start(t.Context(), fleet.Config{Exe: dir + "/nothing", Dir: dir})
	require.ErrorContains(t, err, "nothing")

	_, err = fleet.Start(t.Context(), fleet.Config{Dir: dir, Args: []string{argService}, Link: func(_, to, _, _ string) (string, error) {
		return "", context.DeadlineExceeded
	}})
	require.ErrorIs(t, err, context.DeadlineExceeded)

	_, err = fleet.Start(t.Context(), fleet.Config{Exe: "/bin/sh", Args: []string{"-c", "echo thinking; exec sleep 600"}, Dir: dir, StartTimeout: time.Second})
	require.ErrorContains(t, err, "did not answer in time")
	require.ErrorContains(t, err, "thinking")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// The pipe alone must do where there is no parent-death signal.
func TestServiceEndsWhenItsLifelineBreaks(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0], argService, "inventory", "-lifeline=3")
	cmd.ExtraFiles = []*os.File{r}
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.NoError(t, r.Close())
	_, err = stderr.Read(make([]byte, 1)) // it says that it has started
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.ErrorContains(t, cmd.Wait(), "exit status 3")
}

func TestNothingOutlivesItsParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("looks at /proc")
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], argParent, dir)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	var out strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(out.String(), "ready") {
		n, err := stdout.Read(buf)
		out.Write(buf[:n])
		require.NoError(t, err, "the parent said %s", out.String())
	}
	pids := strings.Split(strings.TrimSuffix(strings.TrimSpace(out.String()), "\nready"), "\n")
	require.Len(t, pids, 9)
	for i, line := range pids {
		pids[i], _, _ = strings.Cut(line, " ")
		b, err := os.ReadFile("/proc/" + pids[i] + "/cmdline")
		require.NoError(t, err)
		require.Contains(t, string(b), argService)
	}
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Eventually(t, func() bool {
		for _, pid := range pids {
			if b, err := os.ReadFile("/proc/" + pid + "/cmdline"); err == nil && strings.Contains(string(b), argService) {
				return false
			}
		}
		return true
	}, 10*time.Second, pause, "a service outlived its parent")

	f, err := fleet.Start(t.Context(), fleet.Config{Args: []string{argService}, Dir: dir, StartTimeout: time.Minute})
	require.NoError(t, err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "the files of the killed owner are still there")
	require.NoError(t, f.Stop(t.Context()))
}
