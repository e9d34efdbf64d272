package loki

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang/snappy"
	"github.com/grafana/loki/pkg/push"
	"github.com/stretchr/testify/require"

	"gameday/sources/logql"
	"gameday/sources/mention"
	"gameday/sources/signal"
)

// fake answers as the documented API of Loki 3 does, from the lines it was given.
type fake struct {
	mu      sync.Mutex
	entries []entry
	pushed  []push.PushRequest
	asked   []string // queries, in their order
	limit   int      // max_entries_limit_per_query
	tails   bool     // knows /tail
	drops   int      // dropped entries that a tail tells of
	changed chan struct{}
	refuse  int // pushes that get 503 first
}

func newFake(entries ...entry) *fake {
	return &fake{entries: entries, limit: 5000, changed: make(chan struct{}, 1)}
}

func (f *fake) add(entries ...entry) {
	f.mu.Lock()
	f.entries = append(f.entries, entries...)
	f.mu.Unlock()
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

func (f *fake) queries() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// find are the entries of [from, to) that a query keeps, in the order asked for.
func (f *fake) find(query string, from, to int64, limit int, backward bool) ([]entry, error) {
	q, err := logql.Parse(query)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, query)
	m := q.Matcher()
	var out []entry
	for _, e := range f.entries {
		if _, ok := m.Process(&signal.Record{Body: e.line, Attrs: append(slices.Clone(e.labels), e.meta...)}); ok && e.at >= from && e.at < to {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b entry) int {
		if backward {
			a, b = b, a
		}
		return cmp.Compare(a.at, b.at)
	})
	return out[:min(len(out), limit)], nil
}

// streams writes entries as query_range and tail do.
func streams(entries []entry) []any {
	type stream struct {
		Stream map[string]string `json:"stream"`
		Values [][]any           `json:"values"`
	}
	var order []string
	by := map[string]*stream{}
	object := func(list signal.Attrs) map[string]string {
		m := map[string]string{}
		for _, a := range list {
			m[a.Key] = a.Value
		}
		return m
	}
	for _, e := range entries {
		key := e.labels.String()
		if by[key] == nil {
			by[key] = &stream{Stream: object(e.labels)}
			order = append(order, key)
		}
		value := []any{strconv.FormatInt(e.at, 10), e.line}
		if len(e.meta) > 0 {
			value = append(value, map[string]any{"structuredMetadata": object(e.meta), "parsed": map[string]string{"x": "y"}})
		}
		by[key].Values = append(by[key].Values, value)
	}
	out := []any{}
	for _, key := range order {
		out = append(out, by[key])
	}
	return out
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number := func(key string, otherwise int64) int64 {
		if n, err := strconv.ParseInt(r.FormValue(key), 10, 64); err == nil {
			return n
		}
		return otherwise
	}
	reply := func(v any) { _ = json.NewEncoder(w).Encode(v) } // the client may have gone
	switch path := strings.TrimPrefix(r.URL.Path, "/loki/api/v1/"); {
	case path == "query_range":
		if n := int(number("limit", 100)); n > f.limit {
			http.Error(w, fmt.Sprintf("max entries limit per query exceeded, limit > max_entries_limit_per_query (%d > %d)", n, f.limit), http.StatusBadRequest)
			return
		}
		found, err := f.find(r.FormValue("query"), number("start", 0), number("end", 1<<62), int(number("limit", 100)), r.FormValue("direction") != "forward")
		if err != nil {
			http.Error(w, "parse error : "+err.Error(), http.StatusBadRequest)
			return
		}
		reply(map[string]any{"status": "success", "data": map[string]any{"resultType": "streams", "result": streams(found), "stats": map[string]any{"summary": map[string]int{"a": 1}}, "encodingFlags": []string{"categorize-labels"}}})
	case path == "tail" && f.tails:
		f.tail(w, r, number("start", 0))
	case path == "labels":
		reply(map[string]any{"status": "success", "data": f.values("")})
	case strings.HasPrefix(path, "label/"):
		reply(map[string]any{"status": "success", "data": f.values(strings.Split(path, "/")[1])})
	case path == "detected_fields":
		reply(map[string]any{"fields": []any{map[string]any{"label": "took", "type": "duration", "cardinality": 3, "parsers": []string{"logfmt"}}}, "limit": 1000})
	case path == "push":
		f.push(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) values(label string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []string{}
	for _, e := range f.entries {
		for _, a := range e.labels {
			if label == "" {
				out = append(out, a.Key)
			} else if a.Key == label {
				out = append(out, a.Value)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (f *fake) push(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse > 0 {
		f.refuse--
		http.Error(w, "ingester is starting", http.StatusServiceUnavailable)
		return
	}
	var got push.PushRequest
	packed, err := io.ReadAll(r.Body)
	if err == nil {
		packed, err = snappy.Decode(nil, packed)
	}
	if err == nil {
		err = got.Unmarshal(packed)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.pushed = append(f.pushed, got)
	w.WriteHeader(http.StatusNoContent)
}

func (f *fake) tail(w http.ResponseWriter, r *http.Request, from int64) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	ctx := conn.CloseRead(r.Context())
	sent := map[string]bool{}
	for {
		found, err := f.find(r.FormValue("query"), from, 1<<62, 1000, false)
		if err != nil {
			return
		}
		found = slices.DeleteFunc(found, func(e entry) bool { return sent[fmt.Sprint(e.at)+e.key()] })
		for _, e := range found {
			sent[fmt.Sprint(e.at)+e.key()] = true
		}
		if len(found) > 0 {
			msg := map[string]any{"streams": streams(found), "dropped_entries": nil}
			if f.drops > 0 {
				msg["dropped_entries"] = slices.Repeat([]any{map[string]string{"timestamp": "1"}}, f.drops)
			}
			data, err := json.Marshal(msg)
			if err != nil || conn.Write(ctx, websocket.MessageText, data) != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-f.changed:
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func attrs(pairs ...string) (out signal.Attrs) {
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, signal.Attr{Key: pairs[i], Value: pairs[i+1]})
	}
	return out
}

// holding makes entries of records as a service with OpenTelemetry's exporter sends them to Loki.
func holding(known signal.Batch) (out []entry) {
	for i, r := range known.Logs {
		e := entry{at: r.Time.UnixNano(), line: r.Body, labels: attrs("service_name", r.Service)}
		switch i % 3 {
		case 0:
			e.meta = attrs("detected_level", "info", "order_id", r.Attrs.Get("order_id"), "span_id", r.SpanID.String(), "trace_id", r.TraceID.String())
		case 1:
			e.meta = attrs("detected_level", "info", "traceID", strings.ToUpper(r.TraceID.String()))
		default:
			e.labels = append(e.labels, attrs("trace_id", r.TraceID.In(signal.FormUUID))...)
		}
		out = append(out, e)
	}
	return out
}

func TestReadingIsBounded(t *testing.T) {
	line := func(at string) string { return `{"data":{"result":[{"stream":{},"values":[[` + at + `,"a"]]}]}}` }
	a, err := readAnswer(strings.NewReader(line(`"1"`)), 10)
	require.NoError(t, err)
	require.Len(t, a.entries, 1)
	for _, text := range []string{line(`"x"`), line(`{}`), `{"data":{"result":[{"values":[["1"]]}]}}`, `{"data":{"resultType":"matrix","result":[]}}`, `{}`, `[]`} {
		_, err := readAnswer(strings.NewReader(text), 10)
		require.Error(t, err, text)
	}
	a, err = readAnswer(strings.NewReader(`{"data":{"result":[{"stream":{},"values":[["1","a"],["2","b"],["3","c"]]}]}}`), 2)
	require.NoError(t, err)
	require.True(t, a.cut, "more than was asked for is not taken")
	require.Len(t, a.entries, 2)
}

func FuzzReadAnswer(f *testing.F) {
	f.Add(`{"status":"success","data":{"resultType":"streams","result":[{"stream":{"a":"b"},"values":[["1","line",{"structuredMetadata":{"c":"d"}}]]}]},"warnings":["w"]}`)
	f.Add(`{"data":null}`)
	f.Add(`{"data":{"result":[{"values":[[`)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := readAnswer(strings.NewReader(text), 3)
		if len(a.entries) > 3 {
			t.Fatalf("%d entries", len(a.entries))
		}
		if err == nil && !json.Valid([]byte(text)) && !a.cut && strings.TrimSpace(text) == "" {
			t.Fatal("nothing was taken for an answer")
		}
	})
}

func record(m *mapping, e entry) signal.Record {
	var lines mention.Reader
	return m.record(&e, &lines)
}
