package zipkin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/driver"
	"gameday/sources/drivertest"
	"gameday/sources/signal"
	"gameday/sources/spec"
	"gameday/sources/zipkin"
)

// system is Zipkin's API as its OpenAPI document has it, over signals that it is given. It tells a 64-bit ID where it is asked
// for one.
func system(_ *testing.T, known signal.Batch) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, data any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(data) // the client may have gone
	}
	names := func(of func(signal.Span) string) []string {
		out := []string{}
		for _, s := range known.Spans {
			if n := of(s); n != "" {
				out = append(out, strings.ToLower(n))
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	mux.HandleFunc("GET /api/v2/services", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, names(func(s signal.Span) string { return s.Service }))
	})
	mux.HandleFunc("GET /api/v2/spans", func(w http.ResponseWriter, r *http.Request) {
		answer(w, names(func(s signal.Span) string {
			if s.Service != r.FormValue("serviceName") {
				return ""
			}
			return s.Name
		}))
	})
	mux.HandleFunc("GET /api/v2/autocompleteKeys", func(w http.ResponseWriter, _ *http.Request) { answer(w, []string{"environment", "region"}) })
	mux.HandleFunc("GET /api/v2/autocompleteValues", func(w http.ResponseWriter, r *http.Request) {
		answer(w, []string{r.FormValue("key") + "-1"})
	})
	mux.HandleFunc("GET /api/v2/dependencies", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, []map[string]any{{"parent": "checkout", "child": "payment", "callCount": 60, "errorCount": 1}})
	})
	mux.HandleFunc("GET /api/v2/trace/{id}", func(w http.ResponseWriter, r *http.Request) {
		found := tracesOf(known, func(s signal.Span) bool { return strings.HasSuffix(s.TraceID.String(), r.PathValue("id")) })
		if len(found) == 0 {
			http.Error(w, "trace not found", http.StatusNotFound)
			return
		}
		for _, s := range found[0] {
			s["traceId"] = r.PathValue("id")
		}
		answer(w, found[0])
	})
	mux.HandleFunc("GET /api/v2/traces", func(w http.ResponseWriter, r *http.Request) {
		number := func(key string) int64 {
			n, _ := strconv.ParseInt(r.FormValue(key), 10, 64) // none is 0
			return n
		}
		if number("maxDuration") > 0 && number("minDuration") == 0 {
			http.Error(w, "maxDuration is only valid with minDuration", http.StatusBadRequest)
			return
		}
		traces := tracesOf(known, func(s signal.Span) bool {
			ms := s.Start.UnixMilli()
			for part := range strings.SplitSeq(r.FormValue("annotationQuery"), " and ") {
				key, value, tag := strings.Cut(part, "=")
				if tag && s.Attrs.Get(key) != value || part == "error" && !s.Failed {
					return false
				}
			}
			return (r.FormValue("serviceName") == "" || r.FormValue("serviceName") == s.Service) &&
				(r.FormValue("spanName") == "" || r.FormValue("spanName") == strings.ToLower(s.Name)) &&
				s.Duration.Microseconds() >= number("minDuration") && (number("maxDuration") == 0 || s.Duration.Microseconds() <= number("maxDuration")) &&
				ms <= number("endTs") && ms >= number("endTs")-number("lookback")
		})
		answer(w, traces[:min(len(traces), int(number("limit")))])
	})
	return mux
}

// tracesOf are the whole traces that have a span that matches, newest first.
func tracesOf(known signal.Batch, match func(signal.Span) bool) [][]map[string]any {
	var ids []signal.TraceID
	for _, s := range slices.Backward(known.Spans) {
		if match(s) && !slices.Contains(ids, s.TraceID) {
			ids = append(ids, s.TraceID)
		}
	}
	out := [][]map[string]any{}
	for _, id := range ids {
		var trace []map[string]any
		for _, s := range known.Spans {
			if s.TraceID == id {
				trace = append(trace, wireSpan(s))
			}
		}
		out = append(out, trace)
	}
	return out
}

func wireSpan(s signal.Span) map[string]any {
	tags := map[string]string{}
	for _, a := range s.Attrs {
		tags[a.Key] = a.Value
	}
	if s.Failed {
		tags["error"] = s.Message
	}
	out := map[string]any{"traceId": s.TraceID.String(), "id": s.SpanID.String(), "name": s.Name, "kind": "SERVER", "timestamp": s.Start.UnixMicro(),
		"duration": s.Duration.Microseconds(), "localEndpoint": map[string]any{"serviceName": s.Service}, "tags": tags}
	if !s.ParentID.IsZero() {
		out["parentId"] = s.ParentID.String()
	}
	return out
}

// TestConformance: a small limit makes the driver page by time.
func TestConformance(t *testing.T) {
	drivertest.RunHTTP(t, drivertest.HTTP{
		Kind: zipkin.Kind(), Options: "limit: 7", System: system, Spans: true,
		Huge: drivertest.Huge{Head: "[[", Item: `{"traceId":"1","id":"1","name":"` + drivertest.Filler + `"}`, Separator: ",", Tail: "]]"},
	})
}

var start = time.Now().Add(-time.Minute).Truncate(time.Millisecond)

func open(t *testing.T, opts string) *zipkin.Driver {
	t.Helper()
	id := signal.TraceID{0xab, 15: 7}
	s := httptest.NewServer(system(t, signal.Batch{Spans: []signal.Span{
		{TraceID: id, SpanID: signal.SpanID{1}, Service: "gateway", Name: "POST /checkout", Start: start, Duration: time.Second, Attrs: signal.Attrs{{Key: "order_id", Value: "o-17"}}},
		{TraceID: id, SpanID: signal.SpanID{2}, ParentID: signal.SpanID{1}, Service: "payment", Name: "charge", Start: start, Duration: 800 * time.Millisecond, Failed: true, Message: "declined"},
		{TraceID: signal.TraceID{15: 8}, SpanID: signal.SpanID{3}, Service: "gateway", Name: "GET /cart", Start: start.Add(time.Second), Duration: time.Millisecond},
	}}))
	t.Cleanup(s.Close)
	settings := driver.Settings{Name: "zipkin-1", Address: s.URL, Fields: []string{"order_id"}}
	if opts != "" {
		doc, err := spec.Parse("options", []byte(opts))
		require.NoError(t, err)
		settings.Options = doc
	}
	d, err := zipkin.Open(settings)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func TestSearch(t *testing.T) {
	d := open(t, "")
	for text, want := range map[string]int{
		"": 3, "service=payment": 2, `operation="GET /cart"`: 1, "duration>500ms": 2, "duration<=1ms": 1, "order_id=o-17": 2, "status=error": 2, "status=error order_id=o-17": 0,
	} {
		a, err := d.Query(t.Context(), driver.Query{Text: text})
		require.NoError(t, err, text)
		require.Len(t, a.Spans, want, text)
	}
	a, err := d.Query(t.Context(), driver.Query{ID: "o-17"})
	require.NoError(t, err)
	require.Len(t, a.Spans, 2)
	_, err = d.Query(t.Context(), driver.Query{ID: "o-18"})
	require.ErrorIs(t, err, driver.ErrNotFound)
}

// TestAnIDOfWhichZipkinHasTheLowerHalf is the same trace as everybody else's.
func TestAnIDOfWhichZipkinHasTheLowerHalf(t *testing.T) {
	a, err := open(t, "").Query(t.Context(), driver.Query{ID: "abcdef00-0000-0000-0000-000000000008"})
	require.NoError(t, err)
	require.Len(t, a.Spans, 1)
	require.Equal(t, "abcdef00000000000000000000000008", a.Spans[0].TraceID.String())
	require.Equal(t, "zipkin-1", a.Spans[0].Source)
}

func TestWordsAndDependencies(t *testing.T) {
	d := open(t, "")
	for kind, want := range map[driver.WordKind][]string{
		driver.WordService: {"gateway", "payment"}, driver.WordOperation: {"get /cart", "post /checkout"}, driver.WordLabel: {"environment", "region"},
		driver.WordLabelValue: {"gateway-1"}, driver.WordMetric: nil,
	} {
		got, err := d.Complete(t.Context(), kind, "gateway", "", 10)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	edges, err := d.Dependencies(t.Context(), signal.Window{From: start, To: start.Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, []driver.Edge{{From: "checkout", To: "payment", Calls: 60}}, edges)
}

func TestSettings(t *testing.T) {
	for text, want := range map[string]string{"limit: 0": "at least 1", "lookback: -1s": "must not be negative", "limits: 3": "limit"} {
		doc, err := spec.Parse("options", []byte(text))
		require.NoError(t, err)
		_, err = zipkin.Open(driver.Settings{Address: "http://localhost:9411", Options: doc})
		require.ErrorContains(t, err, want)
	}
}
