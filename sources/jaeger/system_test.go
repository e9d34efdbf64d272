package jaeger_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gameday/sources/drivertest"
	"gameday/sources/jaeger"
	"gameday/sources/signal"
)

// The query service's HTTP API as its documentation and its screen have it, over signals that it is given.
func system(_ *testing.T, known signal.Batch) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, data any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data, "total": 0, "limit": 0, "offset": 0, "errors": nil}) // the client may have gone
	}
	mux.HandleFunc("GET /api/services", func(w http.ResponseWriter, _ *http.Request) {
		var names []string
		for _, s := range known.Spans {
			names = append(names, s.Service)
		}
		slices.Sort(names)
		answer(w, slices.Compact(names))
	})
	mux.HandleFunc("GET /api/services/{service}/operations", func(w http.ResponseWriter, r *http.Request) {
		names := []string{}
		for _, s := range known.Spans {
			if s.Service == r.PathValue("service") {
				names = append(names, s.Name)
			}
		}
		answer(w, names)
	})
	mux.HandleFunc("GET /api/traces/{id}", func(w http.ResponseWriter, r *http.Request) {
		traces := tracesOf(known, func(s signal.Span) bool { return s.TraceID.String() == r.PathValue("id") })
		if len(traces) == 0 {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"data":null,"errors":[{"code":404,"msg":"trace not found"}]}`) // as above
			return
		}
		answer(w, traces)
	})
	mux.HandleFunc("GET /api/traces", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("service") == "" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"data":null,"errors":[{"code":400,"msg":"parameter 'service' is required"}]}`) // as above
			return
		}
		traces := tracesOf(known, matcher(r))
		limit, _ := strconv.Atoi(r.FormValue("limit")) // 0 is nothing
		answer(w, traces[:min(limit, len(traces))])
	})
	mux.HandleFunc("GET /api/dependencies", func(w http.ResponseWriter, r *http.Request) {
		answer(w, []map[string]any{{"parent": "checkout", "child": "payment", "callCount": 60}})
	})
	return mux
}

func matcher(r *http.Request) func(signal.Span) bool {
	micros := func(key string) time.Time {
		n, _ := strconv.ParseInt(r.FormValue(key), 10, 64) // the driver always sends it
		return time.UnixMicro(n)
	}
	least, _ := time.ParseDuration(r.FormValue("minDuration")) // none is 0
	tags := map[string]string{}
	_ = json.Unmarshal([]byte(r.FormValue("tags")), &tags) // none is none
	return func(s signal.Span) bool {
		for k, v := range tags {
			if s.Attrs.Get(k) != v {
				return false
			}
		}
		op := r.FormValue("operation")
		return s.Service == r.FormValue("service") && (op == "" || op == s.Name) && s.Duration >= least &&
			!s.Start.Before(micros("start")) && !s.Start.After(micros("end")) // the end as well, as the real one
	}
}

// tracesOf are the whole traces that have a span that matches, newest first.
func tracesOf(known signal.Batch, match func(signal.Span) bool) []map[string]any {
	begins := map[signal.TraceID]time.Time{}
	for _, s := range known.Spans {
		if match(s) {
			begins[s.TraceID] = s.Start
		}
	}
	ids := make([]signal.TraceID, 0, len(begins))
	for id := range begins {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b signal.TraceID) int {
		return cmp.Or(begins[b].Compare(begins[a]), strings.Compare(a.String(), b.String()))
	})
	out := []map[string]any{}
	for _, id := range ids {
		spans, processes := []map[string]any{}, map[string]any{}
		for _, s := range known.Spans {
			if s.TraceID == id {
				processes["p-"+s.Service] = map[string]any{"serviceName": s.Service, "tags": []any{tag("hostname", "string", "host-1"), tag("jaeger.version", "string", "x")}}
				spans = append(spans, wire(s))
			}
		}
		out = append(out, map[string]any{"traceID": id.String(), "spans": spans, "processes": processes, "warnings": nil})
	}
	return out
}

func tag(key, kind string, value any) map[string]any {
	return map[string]any{"key": key, "type": kind, "value": value}
}

func wire(s signal.Span) map[string]any {
	refs := []map[string]any{}
	if !s.ParentID.IsZero() {
		refs = append(refs, map[string]any{"refType": "CHILD_OF", "traceID": s.TraceID.String(), "spanID": s.ParentID.String()})
	}
	tags := []any{tag("span.kind", "string", "server"), tag("http.response.status_code", "int64", 200), tag("sampled", "bool", true)}
	if s.Failed {
		tags = append(tags, tag("error", "bool", true), tag("otel.status_description", "string", s.Message))
	}
	for _, a := range s.Attrs {
		tags = append(tags, tag(a.Key, "string", a.Value))
	}
	return map[string]any{"traceID": s.TraceID.String(), "spanID": s.SpanID.String(), "operationName": s.Name, "references": refs,
		"startTime": s.Start.UnixMicro(), "duration": s.Duration.Microseconds(), "tags": tags, "processID": "p-" + s.Service,
		"logs": []any{map[string]any{"timestamp": s.Start.UnixMicro(), "fields": []any{tag("event", "string", "retry"), tag("attempt", "int64", 2)}}}}
}

// TestConformanceOverHTTP: a small limit makes the driver page by time.
func TestConformanceOverHTTP(t *testing.T) {
	drivertest.RunHTTP(t, drivertest.HTTP{
		Kind: jaeger.Kind(), Options: "{services: [checkout, payment], limit: 7}", System: system, Spans: true,
		Huge: drivertest.Huge{Head: `{"data":[{"traceID":"1","spans":[`, Separator: ",", Tail: `],"processes":{}}]}`,
			Item: `{"traceID":"` + fmt.Sprintf("%032x", 1) + `","spanID":"0000000000000001","operationName":"` + drivertest.Filler + `","startTime":1,"duration":1}`},
	})
}
