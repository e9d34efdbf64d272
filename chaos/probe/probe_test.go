package probe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/chaos/probe"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var trace = signal.TraceID{1}

// observer answers with what it was asked, so that a test sees that the question arrived.
type observer struct {
	value float64
	ok    bool
	err   error
	asked string
	hang  bool
}

func (o *observer) PromQL(ctx context.Context, query string, _ time.Time) (float64, bool, signal.TraceID, error) {
	o.asked = query
	if o.hang {
		<-ctx.Done()
		return 0, false, signal.TraceID{}, ctx.Err()
	}
	if query == "panic" {
		panic("observer is broken\x1b[31m")
	}
	return o.value, o.ok, trace, o.err
}

func (o *observer) LoadStat(stat, step string, over time.Duration) (float64, bool, signal.TraceID) {
	o.asked = fmt.Sprint(stat, "/", step, "/", over)
	return o.value, o.ok, trace
}

func (o *observer) CountLogs(_ context.Context, filter string, over time.Duration) (int, signal.TraceID, error) {
	o.asked = fmt.Sprint(filter, "/", over)
	return int(o.value), trace, o.err
}

func (o *observer) TraceStat(_ context.Context, filter, stat string, over time.Duration) (float64, bool, signal.TraceID, error) {
	o.asked = fmt.Sprint(filter, "/", stat, "/", over)
	return o.value, o.ok, trace, o.err
}

func (o *observer) ProcessState(name string) (string, bool) {
	o.asked = name
	return "up", o.ok
}

// parse reads one probe and wants it to be right.
func parse(t *testing.T, text string) probe.Config {
	t.Helper()
	c, err := check(t, text)
	require.NoError(t, err)
	return c
}

func check(t *testing.T, text string) (c probe.Config, err error) {
	t.Helper()
	d, err := spec.Parse("p.yaml", []byte(text))
	require.NoError(t, err)
	d.Decode(&c)
	if d.Err() == nil {
		c.Check(d.Reportf)
	}
	return c, d.Err()
}

func measure(t *testing.T, text string, o *observer, vars map[string]string) probe.Reading {
	t.Helper()
	p, err := probe.New(parse(t, text), o, vars)
	require.NoError(t, err)
	return p.Measure(t.Context())
}

func TestEveryKindAsksItsQuestion(t *testing.T) {
	for _, c := range []struct {
		text, asked, shown string
		value              float64
	}{
		{`{name: a, promql: "rate(x[5s])", expect: "< 200ms"}`, "rate(x[5s])", "412 ms", 0.412},
		{`{name: a, promql: {query: up}, expect: "= 1"}`, "up", "1", 1},
		{`{name: a, load: {stat: p95, step: pay, over: 3s}, expect: "< 1s"}`, "p95/pay/3s", "412 ms", 0.412},
		{`{name: a, load: {stat: success}, expect: "> 99%"}`, "success//5s", "99.87 %", 0.9987},
		{`{name: a, logs: {filter: level>=error, over: 10s}, expect: "= 0"}`, "level>=error/10s", "3", 3},
		{`{name: a, traces: {stat: errorRate, filter: "service=${who}"}, expect: "< 1%"}`, "service=pay/errorRate/5s", "2.00 %", 0.02},
		{`{name: a, process: payment, expect: = up}`, "payment", "up", 0},
	} {
		o := &observer{value: c.value, ok: true}
		r := measure(t, c.text, o, map[string]string{"who": "pay"})
		require.True(t, r.Known, c.text)
		require.Equal(t, c.asked, o.asked)
		require.Equal(t, c.shown, r.Text)
		if !strings.Contains(c.text, "process") {
			require.Equal(t, trace, r.TraceID, "the exemplar comes along")
		}
	}
}

func TestNoDataIsUnknown(t *testing.T) {
	for text, why := range map[string]string{
		`{name: a, promql: up, expect: "= 1"}`:                              "the expression gives no value",
		`{name: a, load: {stat: p95}, expect: "< 1s"}`:                      "no load is running, or none of its requests has ended yet",
		`{name: a, traces: {stat: p95}, expect: "< 1s"}`:                    "no trace matches",
		`{name: a, process: {name: x}, expect: = up}`:                       "no process has that name",
		`{name: a, promql: panic, expect: "= 1"}`:                           "the measurement failed: observer is broken·[31m",
		`{name: a, promql: {query: up}, timeout: 10s, expect: "in 1..200"}`: "the expression gives no value",
	} {
		c := parse(t, text)
		r := measure(t, text, &observer{}, nil)
		require.False(t, r.Known, text)
		require.Equal(t, why, r.Err)
		want := signal.CheckUnknown
		if strings.Contains(text, "panic") { // that is no lack of data
			want = signal.CheckError
		}
		require.Equal(t, want, c.Expect.Judge(r))
	}
	r := measure(t, `{name: a, promql: up, expect: "= 1"}`, &observer{ok: true, err: errors.New("bad\x07 query")}, nil)
	require.False(t, r.Known)
	require.Equal(t, "bad· query", r.Err)
	require.True(t, r.Faulty, "a source that says no is an error, not a lack of data")
}

func TestMeasurementEndsInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		r := measure(t, `{name: a, promql: "x[30s]", timeout: 3s, expect: "= 1"}`, &observer{hang: true}, nil)
		require.Equal(t, 3*time.Second, time.Since(begun))
		require.False(t, r.Known)
		require.Equal(t, begun.Add(3*time.Second), r.At)
		require.Equal(t, r.At.Add(-30*time.Second), r.From, "a reading tells about its look-back window")
	})
}

func TestWindow(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`{name: a, promql: "up", expect: "= 1"}`:                                  0,
		`{name: a, promql: "rate(x[5s]) + rate(y[ 1m30s ])", expect: "= 1"}`:      90 * time.Second,
		`{name: a, promql: "max_over_time(x[2d:1m])", expect: "= 1"}`:             48 * time.Hour,
		`{name: a, promql: "job:recorded", settle: 30s, expect: "= 1"}`:           30 * time.Second,
		`{name: a, load: {stat: p95}, expect: "< 1s"}`:                            6 * time.Second, // whole seconds only
		`{name: a, logs: {filter: x, over: 7s}, expect: "= 0"}`:                   7 * time.Second,
		`{name: a, http: "http://h/", expect: "= 200"}`:                           0,
		`{name: a, traces: {stat: count, over: 2s}, tolerate: 2, expect: "> 0"}`:  2 * time.Second,
		`{name: a, promql: "x{y=\"[3h]\"}", settle: 1s, expect: "= 1"}`:           time.Second,
		`{name: a, process: p, interval: 500ms, tolerate: 3s, expect: "!= down"}`: 0,
	} {
		c := parse(t, text)
		require.Equal(t, want, c.Window(), text)
	}
}

func TestHTTP(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "elsewhere") }))
	defer other.Close()
	stop := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "ok %s %s\n", r.Method, r.Header.Get("X-Who"))
	})
	mux.HandleFunc("/sick", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) })
	mux.HandleFunc("/here", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/hang", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	defer close(stop)
	vars := map[string]string{"gateway": srv.URL}
	get := func(rest string) probe.Reading { return measure(t, "{name: a, "+rest+"}", &observer{}, vars) }

	r := get(`http: "${gateway}/ok", expect: "= 200"`)
	require.Equal(t, "200", r.Text)
	require.Equal(t, 200.0, r.Value)
	require.Equal(t, "503", get(`http: "${gateway}/sick", expect: "= 200"`).Text, "an answer is an answer, whatever its status")
	r = get(`http: {url: "${gateway}/ok", method: POST, headers: {X-Who: me}, measure: body}, expect: matches ^ok`)
	require.Equal(t, "ok POST me", r.Raw)
	r = get(`http: {url: "${gateway}/ok", measure: latency}, expect: "< 10s"`)
	require.Positive(t, r.Value)
	require.Equal(t, "200", get(`http: "${gateway}/here", expect: "= 200"`).Text, "redirects within the host are followed")
	require.Equal(t, "307", get(`http: "${gateway}/away", expect: "= 200"`).Text, "no other host is asked")
	require.Equal(t, "302", get(`http: "${gateway}/loop", expect: "= 200"`).Text)
	require.True(t, get(`http: "${gateway}/endless", timeout: 5s, expect: "= 200"`).Known, "a body without end is cut")
	r = get(`http: "${gateway}/hang", timeout: 50ms, expect: "= 200"`)
	require.True(t, r.Known && r.Down)
	require.Equal(t, "no answer within 50ms", r.Err)
}

func TestTCP(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	vars := map[string]string{"db": ln.Addr().String()}
	c := parse(t, `{name: a, tcp: "${db}", expect: connects}`)
	p, err := probe.New(c, &observer{}, vars)
	require.NoError(t, err)
	r := p.Measure(t.Context())
	require.Equal(t, signal.CheckPassed, c.Expect.Judge(r), r.Err)
	require.NoError(t, ln.Close())
	r = p.Measure(t.Context())
	require.Equal(t, signal.CheckFailed, c.Expect.Judge(r), "nobody listens: that is known")
	require.Contains(t, r.Err, "refused")
	require.Equal(t, "${db}", c.TCP.Address, "filling in variables leaves the configuration as it was")
}

func TestCheckReports(t *testing.T) {
	for text, want := range map[string]string{
		`{name: a, expect: "= 1"}`:                                             `p.yaml:1:2: needs one kind of measurement: promql, load, http, tcp, grpc, command, process, logs, traces`,
		`{name: a, promql: up, tcp: "h:1", expect: "= 1"}`:                     `p.yaml:1:2: has promql and tcp; a probe has one kind of measurement`,
		`{name: a, load: {stat: p96}, expect: "< 1s"}`:                         `p.yaml:1:24: load.stat: "p96" is not one of mean, p50, p75, p90, p95, p99, p999, max, rate, errors, success, count, missed (did you mean "p90"?)`,
		`{name: a, load: {stat: p95}, expect: "< 200"}`:                        `p.yaml:1:38: expect: p95 is a time; write its unit, as in "< 200ms"`,
		`{name: a, load: {stat: p95, ovr: 3s}, expect: "< 1s"}`:                `p.yaml:1:29: load.ovr: unknown field (did you mean "over"?)`,
		`{name: a, load: {stat: p95, over: 1ms}, expect: "< 1s"}`:              `p.yaml:1:35: load.over: 1ms is outside 1s to 1h`,
		`{name: a, http: "gateway:80", expect: "= 200"}`:                       `p.yaml:1:17: http: "gateway:80" is not an address such as http://host:port/path`,
		`{name: a, tcp: "gateway", expect: connects}`:                          `p.yaml:1:16: tcp: "gateway" is not an address such as host:port`,
		`{name: a, promql: up, expect: connects}`:                              `p.yaml:1:31: expect: connects is for tcp probes`,
		`{name: a, promql: up, expect: "99%"}`:                                 `p.yaml:1:31: expect: "99%" does not begin with >, >=, <, <=, =, !=, in, one of, matches, json, baseline or connects`,
		`{name: a, promql: up, expect: "= 1", tolerate: lots}`:                 `p.yaml:1:48: tolerate: "lots" is neither a number of readings such as 2 nor a time such as 3s`,
		`{name: a, promql: up, expect: "= 1", interval: 1ms}`:                  `p.yaml:1:48: interval: 1ms is outside 100ms to 1h`,
		`{name: a, promql: up}`:                                                `p.yaml:1:2: expect: is required: what the readings must be, such as "> 99%", "< 200ms", "in 1..3", "= 200" or "matches ^ok$"`,
		`{name: "", promql: "", process: {nme: x}, expect: "= 1", timout: 1s}`: "p.yaml:1:24: process.name: is required: the process as the supervisor calls it\np.yaml:1:34: process.nme: unknown field (did you mean \"name\"?)\np.yaml:1:58: timout: unknown field (did you mean \"timeout\"?)",
	} {
		_, err := check(t, text)
		require.EqualError(t, err, want, text)
	}
}

func TestUnknownVariables(t *testing.T) {
	c := parse(t, `{name: a, http: "${gatway}/x", expect: "= 200"}`)
	_, err := probe.New(c, &observer{}, map[string]string{"gateway": "http://h"})
	require.EqualError(t, err, `probe "a": the variable "${gatway}" is not known (did you mean "gateway"?)`)
	_, err = probe.New(parse(t, `{name: a, http: "${g}/x", expect: "= 200"}`), &observer{}, map[string]string{"g": "nonsense"})
	require.ErrorContains(t, err, "is not an address")
}
