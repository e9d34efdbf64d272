package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/sources/driver"
	"gameday/sources/examine"
	"gameday/sources/mention"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

const (
	id   = "4bf92f3577b34da6a3ce929d0e0e4736"
	wait = 30 * time.Second
)

func open(t *testing.T, f *fake, options string, change ...func(*driver.Settings)) driver.Driver {
	t.Helper()
	leak := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leak) })
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	settings := driver.Settings{Name: "elk", Address: s.URL, Every: 5 * time.Millisecond}
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

func follow(t *testing.T, d driver.Driver, enough func([]signal.Record) bool) []signal.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	var mu sync.Mutex
	var got []signal.Record
	require.NoError(t, d.Run(ctx, func(b signal.Batch) {
		mu.Lock()
		defer mu.Unlock()
		if got = append(got, b.Logs...); enough(got) {
			cancel()
		}
	}))
	require.True(t, enough(got), "only %d came", len(got))
	return got
}

// Whatever falls on the border of two pages, and whatever is indexed meanwhile: no record is lost, none comes twice.
func TestPagesWithTies(t *testing.T) {
	from := time.Now().Add(-time.Minute).Truncate(time.Second)
	for _, kind := range []flavor{elastic, opensearch, plain} {
		f := newFake(kind)
		var want []string
		for i := range 100 {
			want = append(want, fmt.Sprintf("line %02d", i))
			f.add(fmt.Sprintf("d%02d", i), object{"@timestamp": from.Add(time.Duration(i/40) * time.Microsecond).UTC().Format(time.RFC3339Nano), "message": want[i], "service.name": "cart"})
		}
		d := open(t, f, "{page: 7, backlog: 5m}")
		a := ask(t, d, driver.Query{Window: signal.Window{From: from, To: from.Add(time.Second)}})
		require.ElementsMatch(t, want, bodies(a.Logs))
		require.False(t, a.Truncated)
		a = ask(t, d, driver.Query{Limit: 30})
		require.Len(t, a.Logs, 30)
		require.True(t, a.Truncated)
		n := 0
		got := follow(t, d, func(logs []signal.Record) bool {
			if n++; n == 1 { // late by its time, and seen all the same
				want = append(want, "late")
				f.add("late", object{"@timestamp": time.Now().Add(-time.Second).UTC().Format(time.RFC3339Nano), "message": "late"})
			}
			return len(logs) >= len(want)
		})
		require.ElementsMatch(t, want, bodies(got))
		left, opened := f.points()
		require.Zero(t, left, "points in time are given up")
		require.Equal(t, kind == plain, opened == 0)
	}
}

func TestIDsWhereverTheyStand(t *testing.T) {
	at := func(i int) string {
		return time.Now().Add(-time.Hour).Add(time.Duration(i) * time.Second).UTC().Format(time.RFC3339Nano)
	}
	f := newFake(elastic,
		object{"@timestamp": at(0), "message": "ecs", "trace": object{"id": id}},
		object{"@timestamp": at(1), "message": "otel", "trace_id": "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"},
		object{"@timestamp": at(2), "message": "in the line, trace_id=" + id},
		object{"@timestamp": at(3), "message": "datadog", "dd": object{"trace_id": "11803532876627986230"}},
		object{"@timestamp": at(4), "message": "renamed", "my": object{"trace": strings.ToUpper(id)}},
		object{"@timestamp": at(5), "message": "order 42 declined"},
		object{"@timestamp": at(6), "message": "field", "order": object{"id": "42"}},
		object{"@timestamp": at(7), "message": "order 1042", "order": object{"id": "1042"}},
	)
	d := open(t, f, "", func(s *driver.Settings) {
		s.Rename = map[string]string{"my.trace": "trace_id"}
		s.Fields = []string{"order.id"}
	})
	for _, form := range []string{id, strings.ToUpper(id), "1-4bf92f35-77b34da6a3ce929d0e0e4736"} {
		a := ask(t, d, driver.Query{ID: signal.CorrelationID(form)})
		require.Len(t, a.Logs, 5, form)
		for _, r := range a.Logs {
			require.False(t, r.TraceID.IsZero(), r.Body)
		}
	}
	require.Equal(t, []string{"order 42 declined", "field"}, bodies(ask(t, d, driver.Query{ID: "42"}).Logs))
	require.Equal(t, []string{"field"}, bodies(ask(t, d, driver.Query{ID: "42", Text: "field"}).Logs))
	require.Equal(t, []string{"field"}, bodies(ask(t, d, driver.Query{Text: `{"term":{"order.id":"42"}}`}).Logs))
	_, err := d.(driver.Querier).Query(context.Background(), driver.Query{Text: `{nope`})
	require.ErrorContains(t, err, "Lucene")
}

func TestAShardThatGivesNoAnswer(t *testing.T) {
	f := newFake(elastic, object{"@timestamp": time.Now().UTC().Format(time.RFC3339Nano), "message": "x"})
	f.failed = true
	d := open(t, f, "")
	a := ask(t, d, driver.Query{})
	require.Len(t, a.Logs, 1)
	require.True(t, a.Truncated, "half an answer is marked as one")
	require.Equal(t, []string{"1 of 2 shards gave no answer (logs-2: disk is gone)"}, a.Warnings)
}

func TestWhatBecomesOfFields(t *testing.T) {
	f := newFields(driver.Settings{Name: "elk", Rename: map[string]string{"app": "service", "when": "time", "text": "body", "lvl": "severity", "sp": "span_id"}})
	trace, _ := signal.ParseTraceID(id)
	for source, want := range map[string]signal.Record{
		`{"when":"2026-11-29T12:00:00.123456789Z","app":"cart","text":"x","lvl":"warn","sp":"00f067aa0ba902b7","trace.id":"` + id + `","http":{"status":500,"ok":true,"none":null,"list":[1,"a"],"one":["b"]}}`: {
			Time: time.Date(2026, 11, 29, 12, 0, 0, 123456789, time.UTC), Service: "cart", Body: "x", Severity: signal.SeverityWarn, TraceID: trace, SpanID: signal.SpanID{0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7},
			Attrs: signal.Attrs{{Key: "http.list", Value: `[1,"a"]`}, {Key: "http.ok", Value: "true"}, {Key: "http.one", Value: "b"}, {Key: "http.status", Value: "500"}}},
		`{"when":1764417600123,"message":"level=error trace_id=` + id + `","log":{"level":"loud"},"trace_id":"none"}`: {
			Time: time.UnixMilli(1764417600123), Body: "level=error trace_id=" + id, Severity: signal.SeverityError, TraceID: trace,
			Attrs: signal.Attrs{{Key: "log.level", Value: "loud"}, {Key: "trace_id", Value: "none"}}},
	} {
		var lines mention.Reader
		got, ok := f.record(&hit{Source: json.RawMessage(source)}, &lines)
		require.True(t, ok)
		require.True(t, want.Time.Equal(got.Time), got.Time)
		want.Time, want.Source = got.Time, "elk"
		require.Equal(t, want, got)
	}
	var lines mention.Reader
	for _, source := range []string{`{}`, `[]`, `{"when":"yesterday"}`, `{"when":{}}`, `null`, `{"when":-1}`} {
		_, ok := f.record(&hit{Source: json.RawMessage(source)}, &lines)
		require.False(t, ok, source)
	}
}

func TestCompletion(t *testing.T) {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	d := open(t, newFake(elastic, object{"@timestamp": now, "message": "x", "service.name": "cart", "env": "dev"}, object{"@timestamp": now, "message": "x", "service.name": "c.d", "env": "prod"}), "").(driver.Completer)
	for _, one := range []struct {
		kind       driver.WordKind
		of, prefix string
		limit      int
		want       []string
	}{
		{driver.WordLabel, "", "", 10, []string{"@timestamp", "env", "message", "service.name"}}, {driver.WordLabel, "", "e", 10, []string{"env"}},
		{driver.WordLabelValue, "env", "", 10, []string{"dev", "prod"}}, {driver.WordLabelValue, "env", "", 1, []string{"dev"}}, {driver.WordLabelValue, "message", "", 10, nil},
		{driver.WordService, "", "c.", 10, []string{"c.d"}}, {driver.WordMetric, "", "", 10, nil},
	} {
		got, err := d.Complete(context.Background(), one.kind, one.of, one.prefix, one.limit)
		require.NoError(t, err)
		require.Equal(t, one.want, got, "%v", one)
	}
}

func TestTheDoctor(t *testing.T) {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	for name, one := range map[string]struct {
		doc         map[string]any
		field, link driver.FindingState
	}{
		"empty":   {nil, driver.FindingBad, driver.FindingUnknown},
		"no IDs":  {object{"@timestamp": now, "message": "x"}, driver.FindingGood, driver.FindingBad},
		"with":    {object{"@timestamp": now, "message": "x", "trace.id": id}, driver.FindingGood, driver.FindingGood},
		"in line": {object{"@timestamp": now, "message": "trace_id=" + id}, driver.FindingGood, driver.FindingGood},
	} {
		f := newFake(elastic)
		if one.doc != nil {
			f.add("a", one.doc)
		}
		got := map[string]driver.Finding{}
		for _, finding := range open(t, f, "").(driver.Checker).Check(context.Background()) {
			got[finding.Name] = finding
		}
		require.Equal(t, one.field, got["time field"].State, name)
		require.Equal(t, one.link, got[examine.TraceIDs].State, name)
	}
}

func TestOptionsThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{"page: 0": "page", "page: 20000": "10000", "follow: tail": "poll, off", "overlap: -1s": "negative", "lookback: 0s": "lookback", "index: a/b": "index", "index: _all": "index", "indx: x": "index"} {
		doc, err := spec.Parse("gameday.yaml", []byte(text))
		require.NoError(t, err)
		_, err = Open(driver.Settings{Address: "localhost:9200", Options: doc})
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzReadPage(f *testing.F) {
	f.Add(`{"pit_id":"p","timed_out":false,"_shards":{"failed":1},"hits":{"hits":[{"_id":"1","_source":{"@timestamp":"2026-01-01T00:00:00Z","a":{"b":[1,{"c":null}]}},"sort":[1,2]}]}}`)
	f.Add(`{"hits":{"hits":[null,{}]}}`)
	fields := newFields(driver.Settings{})
	f.Fuzz(func(t *testing.T, text string) {
		p, err := readPage(strings.NewReader(text), 3)
		if len(p.hits) > 3 {
			t.Fatalf("%d hits", len(p.hits))
		}
		var lines mention.Reader
		for i := range p.hits {
			if r, ok := fields.record(&p.hits[i], &lines); ok && r.Time.IsZero() {
				t.Fatal("a record without a time")
			}
		}
		if err != nil && len(p.hits) > 0 && p.pit == "" {
			return // what came before the error is good
		}
	})
}
