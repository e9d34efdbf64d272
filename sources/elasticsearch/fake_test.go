package elasticsearch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/drivertest"
	"gameday/sources/signal"
)

// fake answers as the documented search API does, from the documents it was given.
type fake struct {
	mu     sync.Mutex
	kind   flavor
	docs   []map[string]any // with _id, and in _flat and _time what is asked for over and over
	open   map[string]int   // points in time, and how many documents there were
	opened int
	failed bool // a shard gives no answer
	asked  []string
}

func newFake(kind flavor, docs ...map[string]any) *fake {
	f := &fake{kind: kind, open: map[string]int{}}
	for i, d := range docs {
		f.add(fmt.Sprintf("d%05d", i), d)
	}
	return f
}

func (f *fake) add(id string, d map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	raw, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	d["_id"], d["_flat"], d["_time"] = id, signal.Attrs(flatten(raw)), time.Time{}
	if at, ok := parseTime(fmt.Sprint(d["@timestamp"])); ok {
		d["_time"] = at
	}
	f.docs = append(f.docs, d)
}

func (f *fake) points() (open, opened int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.open), f.opened
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}

func refuse(w http.ResponseWriter, status int, kind, reason string) {
	w.WriteHeader(status)
	reply(w, object{"error": object{"type": kind, "reason": reason}, "status": status})
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch path := r.Method + " " + r.URL.Path; {
	case path == "POST /logs-*/_pit" && f.kind == elastic, path == "POST /logs-*/_search/point_in_time" && f.kind == opensearch:
		f.opened++
		id := fmt.Sprint("pit-", f.opened)
		f.open[id] = len(f.docs)
		reply(w, object{map[flavor]string{elastic: "id", opensearch: "pit_id"}[f.kind]: id, "_shards": object{"total": 1}})
	case path == "DELETE /_pit" && f.kind == elastic, path == "DELETE /_search/point_in_time" && f.kind == opensearch:
		var q struct {
			ID  string   `json:"id"`
			PIT []string `json:"pit_id"`
		}
		if json.NewDecoder(r.Body).Decode(&q) == nil {
			for _, id := range append(q.PIT, q.ID) {
				delete(f.open, id)
			}
		}
		reply(w, object{"succeeded": true})
	case path == "POST /_search", path == "POST /logs-*/_search":
		f.search(w, r)
	case path == "GET /logs-*/_field_caps":
		f.caps(w, r)
	default:
		refuse(w, http.StatusBadRequest, "illegal_argument_exception", "no handler found for uri")
	}
}

type search struct {
	Size  int
	Query struct {
		Bool struct{ Filter []map[string]any }
	}
	Sort  []map[string]map[string]string
	After []json.RawMessage `json:"search_after"`
	PIT   *struct{ ID string }
	Aggs  map[string]struct {
		Terms struct {
			Field, Include string
			Size           int
		}
	}
}

func (f *fake) search(w http.ResponseWriter, r *http.Request) {
	var q search
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		refuse(w, 400, "parsing_exception", err.Error())
		return
	}
	docs, pit := f.docs, ""
	if q.PIT != nil {
		n, ok := f.open[q.PIT.ID]
		if !ok || r.URL.Path != "/_search" {
			refuse(w, 404, "search_context_missing_exception", "No search context found")
			return
		}
		// each answer gives the point another name, as it may
		delete(f.open, q.PIT.ID)
		pit = q.PIT.ID + "'"
		f.open[pit] = n
		docs = docs[:n]
	}
	var found []map[string]any
	for _, d := range docs {
		if f.matches(d, q.Query.Bool.Filter) {
			found = append(found, d)
		}
	}
	if a, ok := q.Aggs["words"]; ok {
		f.count(w, found, a.Terms.Field, strings.TrimSuffix(strings.ReplaceAll(a.Terms.Include, `\`, ""), ".*"))
		return
	}
	tie := ""
	for name := range q.Sort[1] {
		tie = name
	}
	if want := map[flavor]string{elastic: "_shard_doc"}[f.kind]; tie != cmp.Or(want, "_id") {
		refuse(w, 400, "illegal_argument_exception", "No mapping found for ["+tie+"] in order to sort on")
		return
	}
	f.page(w, q, found, q.Sort[0]["@timestamp"]["order"] == "desc", pit)
}

// millis is what Elasticsearch sorts a date by: records of one millisecond are ties.
func millis(d map[string]any) int64 { return d["_time"].(time.Time).UnixMilli() }

func (f *fake) page(w http.ResponseWriter, q search, found []map[string]any, desc bool, pit string) {
	order := func(a, b map[string]any) int {
		c := cmp.Or(cmp.Compare(millis(a), millis(b)), strings.Compare(a["_id"].(string), b["_id"].(string)))
		if desc {
			return -c
		}
		return c
	}
	slices.SortFunc(found, order)
	if q.After != nil {
		var at int64
		var id string
		if json.Unmarshal(q.After[0], &at) != nil || json.Unmarshal(q.After[1], &id) != nil {
			refuse(w, 400, "parsing_exception", "search_after")
			return
		}
		last := map[string]any{"_time": time.UnixMilli(at), "_id": id}
		found = slices.DeleteFunc(found, func(d map[string]any) bool { return order(d, last) <= 0 })
	}
	hits := []any{}
	for _, d := range found[:min(len(found), q.Size)] {
		source := object{}
		for k, v := range d {
			if k[0] != '_' {
				source[k] = v
			}
		}
		hits = append(hits, object{"_index": "logs-1", "_id": d["_id"], "_source": source, "sort": []any{millis(d), d["_id"]}})
	}
	shards := object{"total": 2, "successful": 2, "failed": 0}
	if f.failed {
		shards = object{"total": 2, "successful": 1, "failed": 1, "failures": []any{object{"index": "logs-2", "reason": object{"type": "x", "reason": "disk is gone"}}}}
	}
	reply(w, object{"pit_id": pit, "took": 1, "timed_out": false, "_shards": shards, "hits": object{"max_score": nil, "hits": hits}})
}

// matches knows the queries that the driver sends.
func (f *fake) matches(d map[string]any, filter []map[string]any) bool {
	flat := d["_flat"].(signal.Attrs)
	for _, q := range filter {
		for kind, v := range q {
			m := v.(map[string]any)
			switch kind {
			case "range":
				span := m["@timestamp"].(map[string]any)
				from, _ := parseTime(span["gte"].(string))
				to, _ := parseTime(span["lt"].(string))
				at := d["_time"].(time.Time)
				if at.IsZero() || at.Before(from) || !at.Before(to) {
					return false
				}
			case "bool":
				if !slices.ContainsFunc(m["should"].([]any), func(s any) bool { return phrase(flat, s.(map[string]any)["multi_match"].(map[string]any)) }) {
					return false
				}
			case "query_string":
				f.asked = append(f.asked, m["query"].(string))
				if !strings.Contains(strings.ToLower(flat.Get("message")), strings.ToLower(m["query"].(string))) {
					return false
				}
			case "term":
				for name, want := range m {
					if flat.Get(name) != want {
						return false
					}
				}
			default:
				panic(kind)
			}
		}
	}
	return true
}

// phrase is multi_match: keywords as they are, the message by its words.
func phrase(flat signal.Attrs, m map[string]any) bool {
	want := m["query"].(string)
	for _, name := range m["fields"].([]any) {
		v := flat.Get(name.(string))
		words := strings.FieldsFunc(v, func(c rune) bool { return strings.ContainsRune(` :=,[]"`, c) })
		if v == want && v != "" || name == "message" && slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, want) }) {
			return true
		}
	}
	return false
}

func (f *fake) count(w http.ResponseWriter, docs []map[string]any, field, prefix string) {
	var values []string
	for _, d := range docs {
		if v := d["_flat"].(signal.Attrs).Get(field); v != "" && strings.HasPrefix(v, prefix) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	buckets := []any{}
	for _, v := range slices.Compact(values) {
		buckets = append(buckets, object{"key": v, "doc_count": 1})
	}
	reply(w, object{"hits": object{"hits": []any{}}, "aggregations": object{"words": object{"buckets": buckets}}})
}

func (f *fake) caps(w http.ResponseWriter, r *http.Request) {
	known := map[string]object{"service": {"object": object{"aggregatable": false}}, "_id": {"_id": object{"metadata_field": true}}}
	for _, d := range f.docs {
		for _, a := range d["_flat"].(signal.Attrs) {
			kind := map[string]string{"message": "text", "@timestamp": "date"}[a.Key]
			known[a.Key] = object{cmp.Or(kind, "keyword"): object{"aggregatable": kind != "text"}}
		}
	}
	out := map[string]object{}
	for _, want := range strings.Split(r.FormValue("fields"), ",") {
		for name, caps := range known {
			if prefix, wild := strings.CutSuffix(want, "*"); name == want || wild && strings.HasPrefix(name, prefix) {
				out[name] = caps
			}
		}
	}
	reply(w, object{"indices": []string{"logs-1"}, "fields": out})
}

// holding makes documents of records: by ECS, by OpenTelemetry's mapping, and with dots in their names.
func holding(known signal.Batch) (out []map[string]any) {
	for i, r := range known.Logs {
		at := r.Time.UTC().Format(time.RFC3339Nano)
		switch i % 3 {
		case 0:
			out = append(out, object{"@timestamp": at, "message": r.Body, "service": object{"name": r.Service}, "trace": object{"id": r.TraceID.String()}, "log": object{"level": "info"}})
		case 1:
			out = append(out, object{"@timestamp": at, "body": object{"text": r.Body}, "resource": object{"attributes": object{"service.name": r.Service}}, "trace_id": r.TraceID.In(signal.FormUUID), "severity_text": "INFO"})
		default:
			out = append(out, object{"@timestamp": at, "message": r.Body, "service.name": r.Service, "traceId": strings.ToUpper(r.TraceID.String())})
		}
	}
	return out
}

// TestConformance speaks to Elasticsearch; what is different with OpenSearch, TestPagesWithTies does.
func TestConformance(t *testing.T) {
	var system *fake
	drivertest.RunHTTP(t, drivertest.HTTP{
		Kind: Kind(), Options: "{page: 17, backlog: 0s}", Logs: true, Text: "*",
		System: func(_ *testing.T, known signal.Batch) http.Handler {
			system = newFake(elastic, holding(known)...)
			return system
		},
		Huge: drivertest.Huge{Head: `{"id":"x","pit_id":"x","timed_out":false,"hits":{"hits":[`,
			Item: `{"_index":"i","_id":"1","_source":{"@timestamp":"2026-01-01T00:00:00Z","message":"` + drivertest.Filler + `"},"sort":[1,1]}`, Separator: ",", Tail: `]}}`},
	})
	open, opened := system.points()
	require.NotZero(t, opened)
	require.Less(t, open, opened, "points in time are given up")
}
