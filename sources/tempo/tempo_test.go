package tempo_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"gameday/sources/driver"
	"gameday/sources/drivertest"
	"gameday/sources/signal"
	"gameday/sources/spec"
	"gameday/sources/tempo"
)

// system is Tempo's API as its documentation has it, over signals that it is given. Of TraceQL it knows what the driver writes.
func system(known signal.Batch, old bool) http.Handler {
	mux := http.NewServeMux()
	byID := func(w http.ResponseWriter, r *http.Request, wrapped bool) {
		var spans []signal.Span
		for _, s := range known.Spans {
			if s.TraceID.String() == r.PathValue("id") {
				spans = append(spans, s)
			}
		}
		if len(spans) == 0 {
			http.Error(w, "trace not found", http.StatusNotFound)
			return
		}
		if r.Header.Get("Accept") != "application/protobuf" {
			w.Header().Set("Content-Type", "application/json")
			body := map[string]any{"batches": batches(spans)}
			if wrapped {
				body = map[string]any{"trace": map[string]any{"resourceSpans": batches(spans)}, "metrics": map[string]any{}}
			}
			_ = json.NewEncoder(w).Encode(body) // the client may have gone
			return
		}
		w.Header().Set("Content-Type", "application/protobuf")
		data := otlpBytes(spans)
		if wrapped {
			data = append(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.BytesType), uint64(len(data))), data...)
		}
		_, _ = w.Write(data) // as above
	}
	if !old {
		mux.HandleFunc("GET /api/v2/traces/{id}", func(w http.ResponseWriter, r *http.Request) { byID(w, r, true) })
	}
	mux.HandleFunc("GET /api/traces/{id}", func(w http.ResponseWriter, r *http.Request) { byID(w, r, false) })
	mux.HandleFunc("GET /api/search", func(w http.ResponseWriter, r *http.Request) {
		number := func(key string) int64 {
			n, _ := strconv.ParseInt(r.FormValue(key), 10, 64) // none is 0
			return n
		}
		out := []map[string]any{}
		for _, s := range slices.Backward(known.Spans) {
			if s.ParentID.IsZero() && s.Start.Unix() >= number("start") && s.Start.Unix() <= number("end") && len(out) < int(number("limit")) && matches(r.FormValue("q"), s) {
				out = append(out, map[string]any{"traceID": strings.TrimLeft(s.TraceID.String(), "0"), "rootServiceName": s.Service, "rootTraceName": s.Name,
					"startTimeUnixNano": strconv.FormatInt(s.Start.UnixNano(), 10), "durationMs": s.Duration.Milliseconds()})
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"traces": out, "metrics": map[string]any{}}) // as above
	})
	mux.HandleFunc("GET /api/search/tags", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"tagNames":["http.route","region"]}`)) // as above
	})
	mux.HandleFunc("GET /api/v2/search/tag/{name}/values", func(w http.ResponseWriter, r *http.Request) {
		values := map[string]string{"resource.service.name": `"gateway","payment"`, "name": `"charge"`, ".region": `"eu","us"`}[r.PathValue("name")]
		var list []string
		for v := range strings.SplitSeq(values, ",") {
			list = append(list, `{"type":"string","value":`+v+`}`)
		}
		_, _ = fmt.Fprintf(w, `{"tagValues":[%s],"metrics":{}}`, strings.Join(list, ",")) // as above
	})
	return mux
}

func matches(q string, s signal.Span) bool {
	for part := range strings.SplitSeq(strings.Trim(q, "{ }"), " && ") {
		key, value, _ := strings.Cut(part, " = ")
		if text, err := strconv.Unquote(value); err == nil {
			value = text
		}
		switch {
		case part == "", key == "resource.service.name" && value == s.Service, part == "status = error" && s.Failed, part == "duration >= 500ms" && s.Duration >= 500*time.Millisecond,
			strings.HasPrefix(key, ".") && s.Attrs.Get(key[1:]) == value:
		default:
			return false
		}
	}
	return true
}

func otlpBytes(spans []signal.Span) []byte {
	td := ptrace.NewTraces()
	for _, s := range spans {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", s.Service)
		rs.Resource().Attributes().PutStr("host.name", "host-1")
		out := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		out.SetTraceID([16]byte(s.TraceID))
		out.SetSpanID([8]byte(s.SpanID))
		out.SetParentSpanID([8]byte(s.ParentID))
		out.SetName(s.Name)
		out.SetKind(ptrace.SpanKindServer)
		out.SetStartTimestamp(pcommon.NewTimestampFromTime(s.Start))
		out.SetEndTimestamp(pcommon.NewTimestampFromTime(s.End()))
		out.Attributes().PutInt("http.response.status_code", 200)
		if s.Failed {
			out.Status().SetCode(ptrace.StatusCodeError)
			out.Status().SetMessage(s.Message)
		}
		e := out.Events().AppendEmpty()
		e.SetName("retry")
		e.SetTimestamp(pcommon.NewTimestampFromTime(s.Start))
		e.Attributes().PutInt("attempt", 2)
	}
	data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		panic(err)
	}
	return data
}

// batches is protobuf's JSON: IDs in base64, numbers as texts, enums by name.
func batches(spans []signal.Span) (out []any) {
	type m = map[string]any
	text := func(key, value string) m { return m{"key": key, "value": m{"stringValue": value}} }
	for _, s := range spans {
		span := m{"traceId": base64.StdEncoding.EncodeToString(s.TraceID[:]), "spanId": base64.StdEncoding.EncodeToString(s.SpanID[:]), "name": s.Name, "kind": "SPAN_KIND_SERVER",
			"startTimeUnixNano": strconv.FormatInt(s.Start.UnixNano(), 10), "endTimeUnixNano": strconv.FormatInt(s.End().UnixNano(), 10),
			"attributes": []m{{"key": "http.response.status_code", "value": m{"intValue": "200"}}}, "status": m{},
			"events": []m{{"name": "retry", "timeUnixNano": strconv.FormatInt(s.Start.UnixNano(), 10), "attributes": []m{{"key": "attempt", "value": m{"intValue": "2"}}}}}}
		if !s.ParentID.IsZero() {
			span["parentSpanId"] = s.ParentID.String() // hex, as OTLP itself has it
		}
		if s.Failed {
			span["status"] = m{"code": "STATUS_CODE_ERROR", "message": s.Message}
		}
		out = append(out, m{"scopeSpans": []m{{"spans": []m{span}}}, "resource": m{"attributes": []m{text("service.name", s.Service), text("host.name", "host-1"), text("x", "y")}}})
	}
	return out
}

func TestConformance(t *testing.T) {
	for name, options := range map[string]string{"protobuf": "limit: 7", "json": "{limit: 7, encoding: json}"} {
		t.Run(name, func(t *testing.T) {
			drivertest.RunHTTP(t, drivertest.HTTP{
				Kind: tempo.Kind(), Options: options, Spans: true, System: func(_ *testing.T, known signal.Batch) http.Handler { return system(known, false) },
				Huge: drivertest.Huge{Head: `{"traces":[`, Item: `{"traceID":"1","startTimeUnixNano":"1","rootTraceName":"` + drivertest.Filler + `"}`, Separator: ",", Tail: "]}"},
			})
		})
	}
}

var start = time.Now().Add(-time.Minute).Truncate(time.Millisecond)

func open(t *testing.T, old bool, options string) *tempo.Driver {
	t.Helper()
	id := signal.TraceID{0xab, 15: 7}
	s := httptest.NewServer(system(signal.Batch{Spans: []signal.Span{
		{TraceID: id, SpanID: signal.SpanID{1}, Service: "gateway", Name: "POST /checkout", Start: start, Duration: time.Second, Failed: true, Message: "declined", Attrs: signal.Attrs{{Key: "order_id", Value: "o-17"}}},
		{TraceID: id, SpanID: signal.SpanID{2}, ParentID: signal.SpanID{1}, Service: "payment", Name: "charge", Start: start, Duration: 800 * time.Millisecond},
		{TraceID: signal.TraceID{15: 8}, SpanID: signal.SpanID{3}, Service: "gateway", Name: "GET /cart", Start: start.Add(time.Second), Duration: time.Millisecond},
	}}, old))
	t.Cleanup(s.Close)
	doc, err := spec.Parse("options", []byte(options))
	require.NoError(t, err)
	d, err := tempo.Open(driver.Settings{Name: "tempo-1", Address: s.URL, Fields: []string{"order_id"}, Options: doc})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func TestATraceComesWhole(t *testing.T) {
	for _, old := range []bool{false, true} {
		for _, encoding := range []string{"protobuf", "json"} {
			a, err := open(t, old, "encoding: "+encoding).Query(t.Context(), driver.Query{ID: "ab000000-0000-0000-0000-000000000007"})
			require.NoError(t, err)
			require.Len(t, a.Spans, 2)
			s := a.Spans[0]
			require.True(t, start.Equal(s.Start))
			require.True(t, start.Equal(s.Events[0].Time))
			s.Start, s.Events[0].Time = time.Time{}, time.Time{}
			require.Equal(t, signal.Span{TraceID: signal.TraceID{0xab, 15: 7}, SpanID: signal.SpanID{1}, Service: "gateway", Name: "POST /checkout", Kind: signal.SpanServer,
				Duration: time.Second, Failed: true, Message: "declined", Source: "tempo-1",
				Attrs:  signal.Attrs{{Key: "http.response.status_code", Value: "200"}, {Key: "host.name", Value: "host-1"}},
				Events: []signal.SpanEvent{{Name: "retry", Attrs: signal.Attrs{{Key: "attempt", Value: "2"}}}}}, s, encoding)
			require.Equal(t, signal.SpanID{1}, a.Spans[1].ParentID)
		}
	}
}

func TestSearch(t *testing.T) {
	d := open(t, false, "limit: 3")
	for text, want := range map[string]int{"": 3, "service=gateway": 3, "status=error": 2, "duration>500ms": 2, "order_id=o-17": 2, `{ status = error }`: 2} {
		a, err := d.Query(t.Context(), driver.Query{Text: text})
		require.NoError(t, err, text)
		require.Len(t, a.Spans, want, text)
	}
	a, err := d.Query(t.Context(), driver.Query{ID: "o-17"})
	require.NoError(t, err)
	require.Len(t, a.Spans, 2)
	for _, id := range []signal.CorrelationID{"o-18", `o"-18`, "ff000000000000000000000000000001"} {
		_, err = d.Query(t.Context(), driver.Query{ID: id})
		require.ErrorIs(t, err, driver.ErrNotFound)
	}
	_, err = d.Query(t.Context(), driver.Query{Text: "what?"})
	require.ErrorContains(t, err, "or TraceQL")
}

func TestWords(t *testing.T) {
	d := open(t, false, "limit: 3")
	for kind, want := range map[driver.WordKind][]string{
		driver.WordService: {"gateway", "payment"}, driver.WordOperation: {"charge"}, driver.WordLabel: {"http.route", "region"}, driver.WordLabelValue: {"eu", "us"}, driver.WordMetric: nil,
	} {
		got, err := d.Complete(t.Context(), kind, "region", "", 10)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestSettings(t *testing.T) {
	for text, want := range map[string]string{"limit: 0": "at least 1", "lookback: -1s": "must not be negative", "encoding: xml": "protobuf or json"} {
		doc, err := spec.Parse("options", []byte(text))
		require.NoError(t, err)
		_, err = tempo.Open(driver.Settings{Address: "http://localhost:3200", Options: doc})
		require.ErrorContains(t, err, want)
	}
}
