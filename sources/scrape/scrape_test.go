package scrape

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/sources/metrics"
	"gameday/sources/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	interval = 50 * time.Millisecond
	patience = 20 * time.Second
	tick     = 20 * time.Millisecond
)

func openDB(t *testing.T) *metrics.DB {
	t.Helper()
	db, err := metrics.Open(metrics.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// list is a list of targets that tests change while it is scraped.
type list struct {
	mu sync.Mutex
	ts []Target
}

func (l *list) set(ts ...Target) { l.mu.Lock(); defer l.mu.Unlock(); l.ts = ts }
func (l *list) get() []Target    { l.mu.Lock(); defer l.mu.Unlock(); return l.ts }

func run(t *testing.T, db *metrics.DB, targets func() []Target) *Scraper {
	t.Helper()
	s := New(db.Appendable(), targets, interval)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, func(signal.Batch) { t.Error("a scraper emits nothing") }) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return s
}

// value is the newest value of a query with one answer.
func value(t *testing.T, db *metrics.DB, query string) (float64, bool) {
	t.Helper()
	got, err := db.Instant(context.Background(), query, time.Now())
	require.NoError(t, err)
	if len(got) != 1 {
		return 0, false
	}
	return got[0].Samples[0].V, true
}

func wantValue(t *testing.T, db *metrics.DB, query string, want float64) {
	t.Helper()
	require.Eventually(t, func() bool { v, ok := value(t, db, query); return ok && v == want }, patience, tick, "%s = %v", query, want)
}

func host(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write([]byte(body))
	}
}

func TestExemplarsAndNativeHistogramsAreKept(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "latency_seconds", Buckets: []float64{0.1, 1}, NativeHistogramBucketFactor: 1.1})
	reg.MustRegister(h)
	id := strings.Repeat("ab", 16)
	h.(prometheus.ExemplarObserver).ObserveWithExemplar(0.5, prometheus.Labels{"trace_id": id})
	for name, handler := range map[string]http.Handler{
		"protobuf":    promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true}),
		"openmetrics": noProtobuf(promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true})),
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(handler)
			defer srv.Close()
			db := openDB(t)
			run(t, db, func() []Target {
				return []Target{{Job: "shop", Instance: host(srv), Labels: map[string]string{"service": "payment"}}}
			})
			wantValue(t, db, `latency_seconds_bucket{le="1.0",service="payment",job="shop",instance="`+host(srv)+`"}`, 1)
			require.Eventually(t, func() bool {
				now := time.Now()
				es, err := db.Exemplars(context.Background(), `latency_seconds_bucket`, signal.Window{From: now.Add(-time.Minute), To: now.Add(time.Second)})
				require.NoError(t, err)
				return len(es) == 1 && es[0].TraceID.String() == id && es[0].V == 0.5
			}, patience, tick)
			if name == "protobuf" {
				wantValue(t, db, `histogram_count(latency_seconds)`, 1)
			}
		})
	}
}

// noProtobuf answers as an older client library does, that knows text formats only.
func noProtobuf(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var accept []string
		for _, a := range strings.Split(r.Header.Get("Accept"), ",") {
			if !strings.Contains(a, "protobuf") {
				accept = append(accept, a)
			}
		}
		r.Header.Set("Accept", strings.Join(accept, ","))
		next.ServeHTTP(w, r)
	})
}

func TestTargetsComeAndGo(t *testing.T) {
	a, b := httptest.NewServer(text("x 1\n")), httptest.NewServer(text("x 2\n"))
	defer a.Close()
	defer b.Close()
	db := openDB(t)
	var l list
	s := run(t, db, l.get)
	require.Empty(t, s.Health())
	ta := Target{Job: "a", Instance: host(a)}
	tb := Target{Job: "b", Instance: host(b), Labels: map[string]string{"instance": "b-1"}}
	l.set(ta, ta)
	wantValue(t, db, `x{job="a"}`, 1)
	l.set(ta, tb)
	wantValue(t, db, `x{job="b",instance="b-1"}`, 2)
	wantValue(t, db, `sum(up)`, 2)
	require.Eventually(t, func() bool {
		h := s.Health()
		return len(h) == 2 && h[0].Up && h[1].Up && h[0].Target.Job == "a" && h[1].Duration > 0
	}, patience, tick)
	l.set(tb)
	require.Eventually(t, func() bool { _, ok := value(t, db, `x{job="a"}`); return !ok }, patience, tick,
		"the end of a target ends its series, long before the lookback does")
	require.Len(t, s.Health(), 1)
}

func TestProcessRestartsOnItsPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	serve := func(l net.Listener, body string) *http.Server {
		srv := &http.Server{Handler: text(body)}
		go func() { _ = srv.Serve(l) }()
		return srv
	}
	srv := serve(l, "x 1\n")
	db := openDB(t)
	s := run(t, db, func() []Target { return []Target{{Job: "a", Instance: addr}} })
	wantValue(t, db, `x`, 1)
	require.NoError(t, srv.Close())
	wantValue(t, db, `up`, 0)
	require.Eventually(t, func() bool { _, ok := value(t, db, `x`); return !ok }, patience, tick)
	h := s.Health()
	require.Len(t, h, 1)
	require.False(t, h[0].Up)
	require.Contains(t, h[0].Err, addr)
	_, _, _, reported := s.Report()
	require.ErrorContains(t, reported, "1 of 1 targets do not answer")

	l, err = net.Listen("tcp", addr)
	require.NoError(t, err)
	srv = serve(l, "x 5\n")
	defer srv.Close()
	wantValue(t, db, `x`, 5)
	wantValue(t, db, `up`, 1)
	require.Eventually(t, func() bool { _, _, _, err := s.Report(); return err == nil }, patience, tick)
	received, kept, dropped, _ := s.Report()
	require.Positive(t, kept)
	require.Equal(t, received, kept+dropped)
}

func TestHostileTargets(t *testing.T) {
	hang := make(chan struct{})
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"not found":   {http.NotFound, "404"},
		"garbage":     {text("{{{{ \x1b[2J\n"), "expected"},
		"many labels": {text("x{" + manyLabels(100) + "} 1\n"), "label"},
		"long label":  {text(`x{a="` + strings.Repeat("y", 4096) + "\"} 1\n"), "label"},
		"large":       {text(strings.Repeat("# "+strings.Repeat("x", 1000)+"\n", 2000)), "body size limit"},
		"slow":        {func(_ http.ResponseWriter, r *http.Request) { <-hang }, "deadline"},
		"many":        {text("x{a=\"1\"} 1\nx{a=\"2\"} 1\nx{a=\"3\"} 1\nx{a=\"4\"} 1\n"), "sample limit"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(c.handler)
			defer srv.Close()
			if name == "slow" {
				defer close(hang)
			}
			db := openDB(t)
			s := New(db.Appendable(), func() []Target { return []Target{{Job: "bad", Instance: host(srv)}} }, interval)
			s.MaxBody, s.MaxSamples = 1<<20, 3
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx, nil) }()
			require.Eventually(t, func() bool {
				h := s.Health()
				return len(h) == 1 && !h[0].Up && strings.Contains(h[0].Err, c.want)
			}, patience, tick, "%v", s.Health())
			wantValue(t, db, `up{job="bad"}`, 0)
			cancel()
			require.NoError(t, <-done)
		})
	}
}

func manyLabels(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("l" + strings.Repeat("x", i) + `="1",`)
	}
	return b.String()
}

func TestRunTwice(t *testing.T) {
	srv := httptest.NewServer(text("x 1\n"))
	defer srv.Close()
	db := openDB(t)
	s := New(db.Appendable(), func() []Target { return []Target{{Job: "a", Instance: host(srv)}} }, interval)
	for range 2 {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx, nil) }()
		require.Eventually(t, func() bool { h := s.Health(); return len(h) == 1 && h[0].Up }, patience, tick)
		require.ErrorContains(t, s.Run(ctx, nil), "already")
		cancel()
		require.NoError(t, <-done)
		require.Empty(t, s.Health())
	}
}
