package loki

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/examine"
	"gameday/sources/reference"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

const (
	id   = "4bf92f3577b34da6a3ce929d0e0e4736"
	wait = 30 * time.Second
)

// open serves the handler and opens a driver for it.
func open(t *testing.T, h http.Handler, options string, change ...func(*driver.Settings)) driver.Driver {
	t.Helper()
	leak := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leak) })
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	settings := driver.Settings{Name: "logs", Address: s.URL, Every: 10 * time.Millisecond}
	if options != "" {
		doc, err := spec.Parse("gameday.yaml", []byte(options))
		require.NoError(t, err)
		settings.Options = doc
	}
	for _, c := range change {
		c(&settings)
	}
	d, err := Open(settings)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.(interface{ Close() error }).Close()) })
	return d
}

func ask(t *testing.T, d driver.Driver, q driver.Query) driver.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	a, err := d.(driver.Querier).Query(ctx, q)
	require.NoError(t, err)
	return a
}

func bodies(logs []signal.Record) (out []string) {
	for _, r := range logs {
		out = append(out, r.Body)
	}
	return out
}

// Whatever falls on the border of two pages: no record is lost, none comes twice.
func TestPagesWithTies(t *testing.T) {
	now := time.Now().Add(-time.Minute).Truncate(time.Second)
	for _, ties := range []int{1, 2, 3, 5, 8, 40} {
		f := newFake()
		var want []string
		for i := range 120 {
			line := fmt.Sprintf("line %03d", i)
			want = append(want, line)
			f.add(entry{at: now.Add(time.Duration(i/ties) * time.Millisecond).UnixNano(), line: line, labels: attrs("service_name", fmt.Sprintf("s%d", i%3))})
		}
		d := open(t, f, "{page: 5, follow: poll, backlog: 5m}")
		a := ask(t, d, driver.Query{Window: signal.Window{From: now, To: now.Add(time.Second)}})
		require.ElementsMatch(t, want, bodies(a.Logs), "%d ties", ties)
		require.False(t, a.Truncated)
		require.True(t, len(a.Logs) == 0 || !a.Logs[0].Time.After(a.Logs[len(a.Logs)-1].Time))
		a = ask(t, d, driver.Query{Limit: 30})
		require.Len(t, a.Logs, 30)
		require.True(t, a.Truncated)

		f.limit = 100 // and a follower sees each of them once, too
		got := follow(t, d, func(logs []signal.Record) bool { return len(logs) >= len(want) })
		require.ElementsMatch(t, want, bodies(got), "%d ties, followed", ties)
	}
}

// An instant that has more lines than Loki gives is told of, and does not hang.
func TestMoreTiesThanAPageCanHave(t *testing.T) {
	now := time.Now().Add(-time.Minute)
	f := newFake()
	for i := range 30 {
		f.add(entry{at: now.UnixNano(), line: fmt.Sprint(i), labels: attrs("app", "a")})
	}
	f.add(entry{at: now.Add(-time.Second).UnixNano(), line: "before", labels: attrs("app", "a")}, entry{at: now.Add(time.Second).UnixNano(), line: "after", labels: attrs("app", "a")})
	f.limit = 10
	d := open(t, f, "{page: 10, follow: poll, backlog: 5m}")
	a := ask(t, d, driver.Query{})
	require.True(t, a.Truncated)
	require.Contains(t, strings.Join(a.Warnings, " "), "have the same time")
	require.Contains(t, bodies(a.Logs), "before")
	got := follow(t, d, func(logs []signal.Record) bool { return strings.Contains(strings.Join(bodies(logs), " "), "after") })
	require.Contains(t, bodies(got), "before")
	_, _, dropped, err := d.(*Driver).Report()
	require.NoError(t, err)
	require.NotZero(t, dropped)
}

// follow runs the driver until enough has come.
func follow(t *testing.T, d driver.Driver, enough func([]signal.Record) bool) []signal.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	var mu sync.Mutex
	var got []signal.Record
	err := d.Run(ctx, func(b signal.Batch) {
		mu.Lock()
		defer mu.Unlock()
		if got = append(got, b.Logs...); enough(got) {
			cancel()
		}
	})
	require.NoError(t, err)
	require.True(t, enough(got), "only %d came", len(got))
	return got
}

func TestTail(t *testing.T) {
	now := time.Now()
	f := newFake(entry{at: now.Add(-2 * time.Second).UnixNano(), line: "old", labels: attrs("service_name", "cart")})
	f.tails, f.drops = true, 2
	d := open(t, f, "{backlog: 1m, follow: tail}", func(s *driver.Settings) {
		s.Client = client.Config{Tenant: "shop", Auth: client.Auth{Bearer: reference.NewSecret("hush")}}
	})
	n := 0
	got := follow(t, d, func(logs []signal.Record) bool {
		if n++; n < 5 {
			f.add(entry{at: time.Now().UnixNano(), line: fmt.Sprint("new ", n), labels: attrs("service_name", "cart"), meta: attrs("trace_id", id, "level", "warn")})
		}
		return len(logs) >= 5
	})
	require.Equal(t, []string{"old", "new 1", "new 2", "new 3", "new 4"}, bodies(got))
	require.Equal(t, id, got[1].TraceID.String())
	require.Equal(t, signal.SeverityWarn, got[1].Severity)
	received, kept, dropped, err := d.(*Driver).Report()
	require.NoError(t, err)
	require.Equal(t, received, kept+dropped)
	require.NotZero(t, dropped, "what Loki could not send is counted")

	// what was missed meanwhile comes first when it runs again; what was emitted may come again only within the overlap
	f.add(entry{at: time.Now().UnixNano(), line: "missed", labels: attrs("service_name", "cart")})
	got = follow(t, d, func(logs []signal.Record) bool { return strings.Contains(strings.Join(bodies(logs), " "), "missed") })
	require.Contains(t, bodies(got), "missed")
}

func TestTailThatIsRefused(t *testing.T) {
	refusing := func(status int) http.Handler {
		f := newFake(entry{at: time.Now().UnixNano(), line: "polled", labels: attrs("service_name", "cart")})
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/tail") {
				w.WriteHeader(status)
				return
			}
			f.ServeHTTP(w, r)
		})
	}
	got := follow(t, open(t, refusing(404), "backlog: 1m"), func(logs []signal.Record) bool { return len(logs) > 0 })
	require.Equal(t, []string{"polled"}, bodies(got))
	for status, want := range map[int]string{401: "401", 429: "429", 500: "500", 502: "502"} {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		err := open(t, refusing(status), "backlog: 0s").Run(ctx, func(signal.Batch) {})
		cancel()
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "/loki/api/v1/tail")
		require.NotContains(t, err.Error(), "service_name", "the query is no part of an error's address")
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	require.ErrorContains(t, open(t, refusing(404), "{follow: tail, backlog: 0s}").Run(ctx, func(signal.Batch) {}), "no WebSocket")
}

func TestIDsWhereverTheyStand(t *testing.T) {
	at := time.Now().Add(-time.Hour).UnixNano()
	f := newFake(
		entry{at: at, line: "label", labels: attrs("service_name", "a", "traceID", id)},
		entry{at: at + 1, line: "metadata", labels: attrs("service_name", "a"), meta: attrs("trace_id", strings.ToUpper(id))},
		entry{at: at + 2, line: `{"msg":"json","trace":{"id":"4bf92f35-77b3-4da6-a3ce-929d0e0e4736"}}`, labels: attrs("service_name", "a")},
		entry{at: at + 3, line: "plain [trace_id=" + id + "] line", labels: attrs("service_name", "a"), meta: attrs("trace_id", id)},
		entry{at: at + 4, line: "datadog dd.trace_id=11803532876627986230", labels: attrs("service_name", "a")},
		entry{at: at + 5, line: "renamed", labels: attrs("service_name", "a"), meta: attrs("my_trace", id)},
		entry{at: at + 6, line: "order 42 declined", labels: attrs("service_name", "a")},
		entry{at: at + 7, line: "field", labels: attrs("service_name", "a"), meta: attrs("order_id", "42")},
		entry{at: at + 8, line: "order 1042 and 420", labels: attrs("service_name", "b"), meta: attrs("order_id", "1042")},
	)
	d := open(t, f, "", func(s *driver.Settings) {
		s.Rename = map[string]string{"my_trace": "trace_id"}
		s.Fields = []string{"order.id"}
	})
	for _, form := range []string{id, strings.ToUpper(id), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "1-4bf92f35-77b34da6a3ce929d0e0e4736"} {
		a := ask(t, d, driver.Query{ID: signal.CorrelationID(form)})
		require.Len(t, a.Logs, 6, form)
		for i, r := range a.Logs {
			require.False(t, r.TraceID.IsZero(), "%d: %s", i, r.Body)
		}
	}
	require.Equal(t, []string{"order 42 declined", "field"}, bodies(ask(t, d, driver.Query{ID: "42"}).Logs))
	require.Equal(t, []string{"field"}, bodies(ask(t, d, driver.Query{ID: "42", Text: `{service_name="a"} != "declined"`}).Logs))
	require.Empty(t, ask(t, d, driver.Query{ID: "42", Window: signal.Window{From: time.Now().Add(-time.Minute), To: time.Now()}}).Logs)
}

func TestTextsOfQueries(t *testing.T) {
	at := time.Now().UnixNano()
	f := newFake(entry{at: at, line: "Timeout (1)", labels: attrs("job", "a/b", "__x", "y")}, entry{at: at + 1, line: "fine", labels: attrs("job", "c")})
	d := open(t, f, "")
	for text, want := range map[string][]string{
		"": {"Timeout (1)", "fine"}, "timeout (": {"Timeout (1)"}, `|= "fine"`: {"fine"}, `!= "fine"`: {"Timeout (1)"}, `{job="c"}`: {"fine"}, "nothing": nil,
	} {
		require.Equal(t, want, bodies(ask(t, d, driver.Query{Text: text}).Logs), text)
	}
	require.Contains(t, f.queries(), `{job=~".+"} |~ "(?i)timeout \\("`)
	_, err := d.(driver.Querier).Query(context.Background(), driver.Query{Text: `rate({job="c"}[1m])`})
	require.ErrorContains(t, err, "gives numbers")
	_, err = d.(driver.Querier).Query(context.Background(), driver.Query{Text: `{job="c"} | nope`})
	require.ErrorContains(t, err, "400")
	require.ErrorContains(t, err, "nope", "what Loki says of it")
}

func TestWhatBecomesOfLabels(t *testing.T) {
	m := newMapping(driver.Settings{Name: "logs", Rename: map[string]string{"team": "service", "lvl2": "severity"}})
	for name, one := range map[string]struct {
		e    entry
		want signal.Record
	}{
		"loki 3": {entry{labels: attrs("service_name", "cart", "env", "dev"), meta: attrs("detected_level", "error", "span_id", "00f067aa0ba902b7", "trace_id", id, "http_status", "500"), line: "x"},
			signal.Record{Service: "cart", Severity: signal.SeverityError, SpanID: signal.SpanID{0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7}, Body: "x", Attrs: attrs("http_status", "500", "env", "dev")}},
		"unknown":   {entry{labels: attrs("service_name", "unknown_service", "app", "cart"), meta: attrs("detected_level", "unknown"), line: "level=warn trace_id=" + id}, signal.Record{Service: "cart", Severity: signal.SeverityWarn, Body: "level=warn trace_id=" + id, Attrs: attrs()}},
		"renamed":   {entry{labels: attrs("app", "cart", "lvl2", "fatal", "team", "blue"), line: id}, signal.Record{Service: "blue", Severity: signal.SeverityFatal, Body: id, Attrs: attrs("app", "cart")}},
		"own level": {entry{labels: attrs("level", "loud"), line: ""}, signal.Record{Attrs: attrs("level", "loud")}},
	} {
		got := record(&m, one.e)
		one.want.Source, one.want.Time = "logs", time.Unix(0, 0)
		if name == "loki 3" || name == "unknown" {
			one.want.TraceID, _ = signal.ParseTraceID(id)
		}
		if len(one.want.Attrs) == 0 {
			one.want.Attrs = signal.Attrs{}
		}
		require.Equal(t, one.want, got, name)
	}
}

func TestCompletion(t *testing.T) {
	f := newFake(entry{at: 1, line: "x", labels: attrs("env", "dev", "service_name", "cart")}, entry{at: 1, line: "x", labels: attrs("env", "prod", "service_name", "pay")})
	d := open(t, f, "").(driver.Completer)
	for _, one := range []struct {
		kind       driver.WordKind
		of, prefix string
		limit      int
		want       []string
	}{
		{driver.WordLabel, "", "", 10, []string{"env", "service_name", "took"}}, {driver.WordLabel, "", "s", 10, []string{"service_name"}},
		{driver.WordLabelValue, "env", "", 10, []string{"dev", "prod"}}, {driver.WordLabelValue, "env", "", 1, []string{"dev"}}, {driver.WordLabelValue, "../x", "", 1, nil},
		{driver.WordService, "", "", 10, []string{"cart", "pay"}}, {driver.WordMetric, "", "", 10, nil},
	} {
		got, err := d.Complete(context.Background(), one.kind, one.of, one.prefix, one.limit)
		require.NoError(t, err)
		require.Equal(t, len(one.want), len(got), "%v", one)
		require.Subset(t, one.want, got)
	}
}

func TestTheDoctorOnTraceIDs(t *testing.T) {
	at := time.Now().UnixNano()
	many := func(line string, labels, meta signal.Attrs) (out []entry) {
		for i := range 10 {
			out = append(out, entry{at: at + int64(i), line: line, labels: labels, meta: meta})
		}
		return out
	}
	for name, one := range map[string]struct {
		entries []entry
		want    driver.FindingState
		says    string
	}{
		"empty":    {nil, driver.FindingUnknown, "no records"},
		"none":     {many("x", attrs("app", "a"), nil), driver.FindingBad, "none of the 10"},
		"metadata": {many("x", attrs("app", "a"), attrs("trace_id", id)), driver.FindingGood, "10 of the 10"},
		"line":     {many("trace_id="+id, attrs("app", "a"), nil), driver.FindingGood, "10 of the 10"},
		"label":    {many("x", attrs("app", "a", "trace_id", id), nil), driver.FindingPoor, "in a label"},
		"few":      {append(many("x", attrs("app", "a"), nil), many("trace_id="+id, attrs("app", "b"), nil)[:3]...), driver.FindingPoor, "only 3 of the 13"},
	} {
		findings := open(t, newFake(one.entries...), "").(driver.Checker).Check(context.Background())
		last := findings[len(findings)-1]
		require.Equal(t, examine.TraceIDs, last.Name)
		require.Equal(t, one.want, last.State, name)
		require.Contains(t, last.Says, one.says, name)
	}
}

func TestPush(t *testing.T) {
	f := newFake()
	_, is := open(t, f, "").(driver.Exporter)
	require.False(t, is, "off by default")
	d := open(t, f, `{push: true, pushLabels: "cluster=dev,team=shop"}`)
	f.refuse = 1
	at := time.Unix(1_700_000_000, 0)
	trace, _ := signal.ParseTraceID(id)
	err := d.(driver.Exporter).Export(context.Background(), signal.Batch{
		Events: []signal.Event{
			{ID: 7, Start: at, Open: true, Kind: signal.EventFault, Outcome: signal.Warning, Title: "payment +800ms", Target: "payment", TraceID: trace},
			{ID: 7, Start: at, End: at.Add(1500 * time.Millisecond), Kind: signal.EventFault, Outcome: signal.Good, Title: "payment +800ms"}},
		Spans: []signal.Span{{TraceID: trace, Service: "load", Name: "GET /cart", Start: at, Duration: time.Second, Failed: true, Message: "time-out"}},
		Logs:  []signal.Record{{Time: at, Body: "x", Severity: signal.SeverityWarn, Attrs: attrs("order.id", "42")}},
	})
	require.NoError(t, err)
	require.Len(t, f.pushed, 1)
	got := map[string][]string{}
	for _, s := range f.pushed[0].Streams {
		for _, e := range s.Entries {
			got[s.Labels] = append(got[s.Labels], fmt.Sprint(e.Timestamp.Unix(), " ", e.Line, " ", e.StructuredMetadata))
		}
	}
	const labels = `{cluster="dev", kind="%s", service_name="gameday", team="shop"}`
	require.Equal(t, map[string][]string{
		fmt.Sprintf(labels, "fault"): {
			`1700000000 level=warn kind=fault state=begins title="payment +800ms" target="payment" trace_id="` + id + `" [{trace_id ` + id + `} {event_id 7}]`,
			`1700000001 level=info kind=fault state=ended title="payment +800ms" took=1.5s [{event_id 7}]`},
		fmt.Sprintf(labels, "request"): {`1700000000 level=error service="load" name="GET /cart" took=1s trace_id=` + id + ` message="time-out" [{trace_id ` + id + `}]`},
		fmt.Sprintf(labels, "log"):     {`1700000000 x [{level warn} {order_id 42}]`},
	}, got)
	f.refuse = 100
	require.ErrorContains(t, d.(driver.Exporter).Export(context.Background(), signal.Batch{Logs: []signal.Record{{Body: "x"}}}), "503")
	require.NoError(t, d.(driver.Exporter).Export(context.Background(), signal.Batch{}))
}

func TestOptionsThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		"page: 0": "page", "page: 9000": "5000", "follow: often": "auto, tail, poll, off", "backlog: -1s": "backlog", "lookback: 0s": "lookback",
		"selector: job=x": "selector", `selector: '{job="x"} |= "y"'`: "must end with its }", "pushLabels: nope": "key=value", "sellector: x": "selector",
	} {
		doc, err := spec.Parse("gameday.yaml", []byte(text))
		require.NoError(t, err)
		_, err = Open(driver.Settings{Address: "localhost:3100", Options: doc})
		require.ErrorContains(t, err, want, text)
	}
}
