package e2e

import (
	"bytes"
	bigendian "encoding/binary"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// flood sends what a busy system sends, over OTLP/HTTP. Eight spans and some log lines share a trace.
type flood struct {
	b       *testing.B
	address string
	logs    uint64
	spans   uint64
}

var floodServices = [...]string{"gateway", "catalog", "cart", "checkout", "payment", "inventory", "orders-db", "search"}

func floodTrace(n uint64) (id pcommon.TraceID) {
	bigendian.BigEndian.PutUint64(id[:], n/8+1)
	id[15] = 0x5a
	return id
}

// sendLogs sends that many log records of now.
func (f *flood) sendLogs(count int) {
	ld := plog.NewLogs()
	for s, service := range floodServices {
		rl := ld.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", service)
		list := rl.ScopeLogs().AppendEmpty().LogRecords()
		for i := s; i < count; i += len(floodServices) {
			f.logs++
			r := list.AppendEmpty()
			r.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
			r.SetSeverityNumber(plog.SeverityNumberInfo)
			r.SetTraceID(floodTrace(f.logs))
			r.Body().SetStr(fmt.Sprintf([...]string{"GET /products/p%d answered 200 in %d ms", "card charged for order o%d, %d EUR, first attempt", "stock of p%d reserved, %d left in the warehouse",
				"order o%d placed by customer c%d"}[f.logs%4], f.logs*7919%1_000_000, f.logs*31%997))
			r.Attributes().PutStr("request_id", fmt.Sprintf("req-%012x", f.logs))
			r.Attributes().PutInt("status", 200)
			r.Attributes().PutStr("http.route", [...]string{"/products/{id}", "/checkout", "/cart", "/orders"}[f.logs%4])
			r.Attributes().PutStr("host.name", floodServices[f.logs%8]+"-7f9c4d")
			r.Attributes().PutDouble("duration_ms", float64(f.logs%9000)/100)
		}
	}
	data, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	f.post("logs", data, err)
}

// sendSpans sends that many spans that ended now.
func (f *flood) sendSpans(count int) {
	td := ptrace.NewTraces()
	now := time.Now()
	for s, service := range floodServices {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", service)
		list := rs.ScopeSpans().AppendEmpty().Spans()
		for i := s; i < count; i += len(floodServices) {
			f.spans++
			x := list.AppendEmpty()
			x.SetTraceID(floodTrace(f.spans))
			var id [8]byte
			bigendian.BigEndian.PutUint64(id[:], f.spans)
			x.SetSpanID(id)
			x.SetName("POST /checkout")
			x.SetKind(ptrace.SpanKindServer)
			x.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-20 * time.Millisecond)))
			x.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
			x.Attributes().PutStr("http.request.method", "POST")
			x.Attributes().PutStr("url.path", "/checkout")
			x.Attributes().PutInt("http.response.status_code", 201)
		}
	}
	data, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	f.post("traces", data, err)
}

func (f *flood) post(signal string, data []byte, err error) {
	if err != nil {
		f.b.Error(err)
		return
	}
	for {
		resp, err := http.Post("http://"+f.address+"/v1/"+signal, "application/x-protobuf", bytes.NewReader(data))
		if err != nil {
			f.b.Errorf("flood: %v", err)
			return
		}
		_ = resp.Body.Close() // nothing in it is looked at
		switch resp.StatusCode {
		case http.StatusOK:
			return
		case http.StatusServiceUnavailable, http.StatusTooManyRequests: // it asks for a moment
			time.Sleep(20 * time.Millisecond)
		default:
			f.b.Errorf("flood: %s", resp.Status)
			return
		}
	}
}

// keep sends that many log records a second, and a span for every ten of them, until stop is called, which returns the rate
// that was reached.
func (f *flood) keep(rate int) (stop func() float64) {
	const step = 50 * time.Millisecond
	var ended atomic.Bool
	var work sync.WaitGroup
	begun, before := time.Now(), f.logs
	work.Go(func() {
		for n := 1; !ended.Load(); n++ {
			f.sendLogs(rate * int(step) / int(time.Second))
			f.sendSpans(rate * int(step) / int(time.Second) / 10)
			time.Sleep(time.Until(begun.Add(time.Duration(n) * step)))
		}
	})
	return func() float64 {
		ended.Store(true)
		work.Wait()
		return float64(f.logs-before) / time.Since(begun).Seconds()
	}
}

// watching opens a cockpit that the flood goes to; settings are more lines of its gameday.yaml.
func watching(b *testing.B, settings string) (*terminal, *flood) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), "gameday.yaml")
	if err := os.WriteFile(file, []byte("apiVersion: gameday/v1\nkind: Config\n"+settings), 0o600); err != nil {
		b.Fatal(err)
	}
	term := start(b, "watch", "--config", file, "--otlp-grpc", "127.0.0.1:0", "--otlp-http", address)
	if !term.shows(slow, "live") {
		b.Fatal("no cockpit:\n" + term.screen())
	}
	return term, &flood{b: b, address: address}
}

// resident is the memory of gameday and its keeper, in MB.
func (term *terminal) resident(b *testing.B) float64 {
	b.Helper()
	kB := 0
	for _, p := range ours(term.state) {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(data), "VmRSS:")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		n, err := strconv.Atoi(fields[0])
		if err != nil {
			b.Fatal(err)
		}
		kB += n
	}
	return float64(kB) / 1000
}

// worked is the processor time that gameday and its keeper have had, in seconds.
func (term *terminal) worked(b *testing.B) float64 {
	b.Helper()
	ticks := 0
	for _, p := range ours(term.state) {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(data), ") ") // proc_pid_stat(5): fields 14 and 15, in hundredths of a second
		fields := strings.Fields(rest)
		for _, f := range fields[min(11, len(fields)):min(13, len(fields))] {
			n, err := strconv.Atoi(f)
			if err != nil {
				b.Fatal(err)
			}
			ticks += n
		}
	}
	return float64(ticks) / 100
}

// until polls the screen every millisecond for words to be there, or not to be, and returns how long that took.
func (term *terminal) until(b *testing.B, there bool, words string) time.Duration {
	b.Helper()
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		if strings.Contains(term.screen(), words) == there {
			return time.Since(begun)
		}
		if time.Since(begun) > slow {
			b.Fatalf("%q on the screen: never %v\n%s", words, there, term.screen())
		}
	}
}

// BenchmarkKeyWhileFlooded is the time from a key to the screen that shows its effect, while 20,000 log records a second
// arrive: an overlay, and another workspace, there and back. The terminal's emulator has its part in it.
func BenchmarkKeyWhileFlooded(b *testing.B) {
	term, f := watching(b, "")
	stop := f.keep(20_000)
	term.shows(slow, "card charged")
	time.Sleep(5 * time.Second)
	var all []float64
	for range max(25, b.N) {
		for _, k := range []struct {
			key, words string
			there      bool
		}{{"?", "keys that work here", true}, {esc, "keys that work here", false}, {"5", "no experiment", false}, {"1", "no experiment", true}} {
			if _, err := term.pty.WriteString(k.key); err != nil {
				b.Fatal(err)
			}
			took := term.until(b, k.there, k.words)
			if k.key != esc { // a terminal's escape may begin a sequence, and is waited for
				all = append(all, float64(took.Microseconds())/1000)
			}
			time.Sleep(70 * time.Millisecond)
		}
	}
	b.ReportMetric(stop(), "logs/s")
	b.ReportMetric(median(all), "ms/key")
	b.ReportMetric(all[len(all)*95/100], "ms/key-p95") // median has sorted them
	term.stop(b)
}

// BenchmarkMemoryHeld is the memory of the whole program with 1,000,000 log lines and 200,000 spans held, while it goes on
// at 5,000 a second.
func BenchmarkMemoryHeld(b *testing.B) {
	for range max(1, b.N) {
		term, f := watching(b, "")
		time.Sleep(8 * time.Second) // what only the start needed is given back
		empty := term.resident(b)
		for range 1000 {
			f.sendLogs(1000)
			f.sendSpans(200)
		}
		stop := f.keep(5000)
		_, _ = term.pty.WriteString("5")
		if !term.shows(slow, "logs 1M") && !term.shows(time.Second, "logs 1.0") {
			b.Logf("what is held cannot be read from the screen:\n%s", term.screen())
		}
		var all []float64
		begun, before := time.Now(), term.worked(b)
		for range 20 {
			time.Sleep(500 * time.Millisecond)
			all = append(all, term.resident(b))
		}
		b.ReportMetric((term.worked(b)-before)/time.Since(begun).Seconds(), "cores")
		stop()
		_, _ = term.pty.WriteString("7")
		for range 4 {
			if term.shows(2*time.Second, "logs held") {
				break
			}
			_, _ = term.pty.WriteString("A") // another arrangement of the panes
		}
		for _, line := range strings.Split(term.screen(), "\n") {
			if _, row, ok := strings.Cut(line, "held "); ok {
				b.Log(strings.TrimSpace(row))
			}
		}
		b.ReportMetric(empty, "MB-empty")
		b.ReportMetric(median(all), "MB-held")
		b.ReportMetric(slices.Max(all), "MB-most")
		term.stop(b)
	}
}

// BenchmarkSoak fills the memory to its default bounds and goes on at 5,000 records a second for GAMEDAY_SOAK (one minute when it is
// not set): what the program's memory gains in an hour, by least squares over the last two thirds, for the collector takes
// minutes to find its pace, and its median in each tenth of the time.
func BenchmarkSoak(b *testing.B) {
	long := time.Minute
	if v := os.Getenv("GAMEDAY_SOAK"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			b.Fatal(err)
		}
		long = d
	}
	for range max(1, b.N) {
		term, f := watching(b, "")
		for range 1200 {
			f.sendLogs(1000)
			f.sendSpans(250)
		}
		stop := f.keep(5000)
		time.Sleep(10 * time.Second) // the garbage collector finds its pace
		var x, y []float64
		for begun := time.Now(); time.Since(begun) < long; time.Sleep(250 * time.Millisecond) {
			x, y = append(x, time.Since(begun).Hours()), append(y, term.resident(b))
		}
		b.ReportMetric(stop(), "logs/s")
		settled := len(x) / 3
		b.ReportMetric(slope(x[settled:], y[settled:]), "MB/hour")
		for i := range 10 {
			b.Logf("MB after %3d %%: %.1f", 10*(i+1), median(slices.Clone(y[len(y)*i/10:len(y)*(i+1)/10])))
		}
		b.ReportMetric(median(y), "MB")
		term.stop(b)
	}
}

// slope is that of the straight line with the least squares.
func slope(x, y []float64) float64 {
	var mx, my float64
	for i := range x {
		mx, my = mx+x[i]/float64(len(x)), my+y[i]/float64(len(y))
	}
	var above, below float64
	for i := range x {
		above += (x[i] - mx) * (y[i] - my)
		below += (x[i] - mx) * (x[i] - mx)
	}
	return above / below
}
