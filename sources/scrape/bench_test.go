package scrape

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gameday/sources/metrics"
	"gameday/sources/signal"
)

// BenchmarkScrape10kSeries is what a cockpit costs that holds 10,000 series scraped at 1 s: ten targets with a thousand
// series each, a twentieth of them with an exemplar, and a picture of four charts made every second. One iteration is one
// second of real time, so -benchtime=600x is ten minutes. It reports resident and heap memory at the end and the CPU time
// per second, that of serving the targets included: they live in the same process.
func BenchmarkScrape10kSeries(b *testing.B) {
	for _, retention := range []time.Duration{time.Hour, 6 * time.Minute} { // the latter writes a block each minute
		b.Run(retention.String(), func(b *testing.B) { scrape10k(b, retention) })
	}
}

func scrape10k(b *testing.B, retention time.Duration) {
	const targets, series = 10, 1000
	var list []Target
	for i := range targets {
		srv := httptest.NewServer(&counters{target: i, series: series})
		defer srv.Close()
		list = append(list, Target{Job: "bench", Instance: host(srv), Labels: map[string]string{"service": fmt.Sprint("s", i)}})
	}
	db, err := metrics.Open(metrics.Config{Retention: retention, Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	s := New(db.Appendable(), func() []Target { return list }, time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, nil) }()
	for db.SeriesCount() < targets*series {
		time.Sleep(50 * time.Millisecond)
	}
	before, kept, began := cpu(b), db.Stats().Kept, time.Now()
	b.ResetTimer()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for range b.N {
		<-ticker.C
		picture(b, db)
	}
	b.StopTimer()
	seconds := time.Since(began).Seconds()
	b.ReportMetric((cpu(b)-before).Seconds()/seconds, "cpu-s/s")
	b.ReportMetric(float64(db.Stats().Kept-kept)/seconds, "samples/s")
	rss, anonymous := resident(b)
	b.ReportMetric(rss, "rss-MB")
	b.ReportMetric(anonymous, "rss-anon-MB")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapInuse)/1e6, "heap-MB")
	b.ReportMetric(float64(db.SeriesCount()), "series")
	b.ReportMetric(0, "ns/op")
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

// picture evaluates what four charts of the last five minutes would.
func picture(b *testing.B, db *metrics.DB) {
	b.Helper()
	now := time.Now()
	w := signal.Window{From: now.Add(-5 * time.Minute), To: now}
	for _, q := range []string{
		`sum by (service) (rate(bench_total{path=~"/p1.*"}[10s]))`,
		`max(bench_total) by (service)`,
		`topk(5, rate(bench_total{service="s1"}[10s]))`,
		`sum(up)`,
	} {
		if _, err := db.Range(context.Background(), q, w, 3*time.Second); err != nil {
			b.Fatal(err)
		}
	}
}

// counters serves series that grow at different speeds.
type counters struct {
	target, series int
	scrapes        atomic.Int64
}

func (c *counters) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	n := c.scrapes.Add(1)
	var out bytes.Buffer
	out.WriteString("# TYPE bench counter\n")
	for i := range c.series {
		v := n*int64(i%7) + int64(i)
		fmt.Fprintf(&out, "bench_total{path=\"/p%d\",method=\"GET\",code=\"200\"} %d", i, v)
		if i%20 == 0 {
			fmt.Fprintf(&out, " # {trace_id=\"%032x\"} %d %d", n, v, time.Now().Unix())
		}
		out.WriteByte('\n')
	}
	out.WriteString("# EOF\n")
	w.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
	_, _ = w.Write(out.Bytes())
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is the process's resident memory, and the share of it that is not the page cache's, in megabytes; 0 where the
// system does not tell.
func resident(b *testing.B) (rss, anonymous float64) {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(status)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kb, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			continue
		}
		switch f[0] {
		case "VmRSS:":
			rss = kb / 1000
		case "RssAnon:":
			anonymous = kb / 1000
		}
	}
	return rss, anonymous
}
