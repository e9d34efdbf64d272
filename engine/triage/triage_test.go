package triage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/triage"
	"gameday/sources"
	"gameday/sources/driver"
	"gameday/sources/signal"
)

const id = "4bf92f3577b34da6a3ce929d0e0e4736"

func TestIDsAreFoundInWhateverAPersonHas(t *testing.T) {
	fields := []string{"request_id", "order_id"}
	for text, want := range map[string]string{
		id:                                     id,
		strings.ToUpper(id):                    id,
		"00-" + id + "-00f067aa0ba902b7-01":    id,
		"1-4bf92f35-77b34da6a3ce929d0e0e4736":  id,
		"4bf92f35-77b3-4da6-a3ce-929d0e0e4736": id,
		"http://127.0.0.1:16686/trace/" + id + "?uiFind=x":                id,
		"https://grafana/explore?left=%7B%22query%22:%22" + id + "%22%7D": id,
		"https://shop/orders?request_id=r-7":                              "r-7",
		`{"level":"error","trace_id":"` + id + `"}`:                       id,
		"2026-01-01 ERROR [" + id + "] payment failed":                    id,
		"order_id=42 refused":                                             "42",
		"r-7":                                                             "r-7",
		"nothing to see here":                                             "",
		"\n\nat main.go:7\n  level=error trace_id=" + id + "\n":           id,
		"first line\r\norder_id=42 refused\r\n":                           "42",
		"http://127.0.0.1:16686/search?service=gateway":                   "",
		"two\nlines": "",
		"":           "",
	} {
		got := triage.IDs(text, fields)
		if want == "" {
			require.Empty(t, got, text)
			continue
		}
		require.NotEmpty(t, got, text)
		require.Equal(t, want, string(got[0].Value), text)
	}
}

// fake is a source that answers after a while.
type fake struct {
	after time.Duration
	err   error
	by    map[signal.CorrelationID]signal.Batch
	deaf  bool // to its context
}

func (f fake) Run(ctx context.Context, _ func(signal.Batch)) error { <-ctx.Done(); return nil }

func (f fake) Query(ctx context.Context, q driver.Query) (driver.Answer, error) {
	wait := ctx.Done()
	if f.deaf {
		wait = nil
	}
	select {
	case <-time.After(f.after):
	case <-wait:
		return driver.Answer{}, ctx.Err()
	}
	if f.err != nil {
		return driver.Answer{}, f.err
	}
	b, ok := f.by[q.ID]
	if !ok {
		return driver.Answer{}, driver.ErrNotFound
	}
	return driver.Answer{Batch: signal.Batch{Logs: slices.Clone(b.Logs), Spans: slices.Clone(b.Spans)}}, nil // an answer is whoever's asked
}

func traceID(t *testing.T) signal.TraceID {
	out, ok := signal.ParseTraceID(id)
	require.True(t, ok)
	return out
}

func TestEverySourceIsAskedAtOnceAndWhoIsSilentIsNamed(t *testing.T) {
	trace := traceID(t)
	start := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	spans := signal.Batch{Spans: []signal.Span{
		{TraceID: trace, SpanID: signal.SpanID{1}, Service: "gateway", Name: "POST /checkout", Start: start, Duration: time.Second, Failed: true},
		{TraceID: trace, SpanID: signal.SpanID{2}, ParentID: signal.SpanID{1}, Service: "payment", Name: "charge", Start: start.Add(time.Millisecond), Duration: 800 * time.Millisecond, Failed: true, Message: "deadline\x1b[2J exceeded"},
	}}
	logs := signal.Batch{Logs: []signal.Record{
		{Time: start.Add(2 * time.Millisecond), Service: "payment", Body: `{"request_id":"r-7","trace_id":"` + id + `","msg":"late"}`},
		{Time: start.Add(3 * time.Millisecond), Service: "nginx", Body: "request_id=r-7 POST /checkout"},
	}}
	synctest.Test(t, func(t *testing.T) {
		all := []sources.Source{
			{Name: "jaeger", Kind: "jaeger", Driver: fake{after: 200 * time.Millisecond, by: map[signal.CorrelationID]signal.Batch{id: spans}}},
			{Name: "tempo", Kind: "tempo", Driver: fake{after: 100 * time.Millisecond, by: map[signal.CorrelationID]signal.Batch{id: spans}}},
			{Name: "loki", Kind: "loki", Driver: fake{after: 300 * time.Millisecond, by: map[signal.CorrelationID]signal.Batch{"r-7": logs}}},
			{Name: "dead", Kind: "loki", Driver: fake{after: time.Hour, deaf: true}},
			{Name: "broken", Kind: "loki", Driver: fake{err: errors.New("token s3cret refused")}, Secrets: []string{"s3cret"}},
		}
		cfg := triage.Config{Sources: all, Fields: []string{"request_id"}, Timeout: 2 * time.Second}
		begun := time.Now()
		r, err := triage.Find(t.Context(), triage.Config{Sources: all[:3], Fields: cfg.Fields}, triage.IDs(id, cfg.Fields))
		require.NoError(t, err)
		require.LessOrEqual(t, time.Since(begun), 350*time.Millisecond, "the slowest source and 50 ms")
		require.Len(t, r.Traces, 1)
		require.Len(t, r.Traces[0].Spans, 2, "two sources told the same spans")

		r, err = triage.Find(t.Context(), cfg, triage.IDs("request_id=r-7", cfg.Fields))
		require.NoError(t, err)
		require.Len(t, r.Traces, 1, "the record's trace was followed")
		require.Len(t, r.Traces[0].Logs, 1)
		require.Len(t, r.Logs, 1, "nginx has no trace ID")
		require.Equal(t, "charge", triage.FirstFailure(&r.Traces[0]).Name)
		require.Len(t, r.Unanswered(), 2)
		var text, md, js bytes.Buffer
		require.NoError(t, r.Text(&text))
		require.NoError(t, r.Markdown(&md))
		require.NoError(t, r.JSON(&js))
		require.True(t, json.Valid(js.Bytes()))
		for _, out := range []string{text.String(), md.String(), js.String()} {
			require.NotContains(t, out, "s3cret")
			require.NotContains(t, out, "\x1b")
			for _, want := range []string{"charge", "dead", "no answer within 2s", "POST /checkout"} {
				require.Contains(t, out, want)
			}
		}
		require.Contains(t, text.String(), "first failure: payment charge")
		time.Sleep(2 * time.Hour) // the deaf one ends
	})
}

func FuzzIDs(f *testing.F) {
	f.Add("https://h/trace/" + id + "?a=%zz")
	f.Add(`{"request_id":`)
	f.Fuzz(func(t *testing.T, text string) {
		require.LessOrEqual(t, len(triage.IDs(text, []string{"request_id"})), 8)
	})
}

// TestWhatIsNearIsToldAsSuch: a record without an ID, by a service of the trace while it worked for it, may belong to it; others do
// not, and a source that takes its time holds nothing up.
func TestWhatIsNearIsToldAsSuch(t *testing.T) {
	trace := traceID(t)
	start := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	host := func(h string) signal.Attrs { return signal.Attrs{{Key: "host.name", Value: h}} }
	spans := signal.Batch{Spans: []signal.Span{{TraceID: trace, SpanID: signal.SpanID{1}, Service: "payment", Name: "charge", Start: start, Duration: time.Second, Attrs: host("h1")}}}
	around := signal.Batch{Logs: []signal.Record{
		{Time: start.Add(time.Millisecond), Service: "payment", Body: "pool is empty", Attrs: host("h1")},
		{Time: start.Add(time.Millisecond), Service: "payment", Body: "another machine", Attrs: host("h2")},
		{Time: start.Add(time.Millisecond), Service: "cart", Body: "another service"},
		{Time: start.Add(time.Millisecond), Service: "payment", Body: "another request request_id=9"},
		{Time: start.Add(2 * time.Second), Service: "payment", Body: "later"},
	}}
	synctest.Test(t, func(t *testing.T) {
		cfg := triage.Config{Fields: []string{"request_id"}, Near: 40 * time.Millisecond, Sources: []sources.Source{
			{Name: "jaeger", Kind: "jaeger", Driver: fake{after: 200 * time.Millisecond, by: map[signal.CorrelationID]signal.Batch{id: spans, "": around}}},
			{Name: "quick", Kind: "file", Driver: fake{after: 10 * time.Millisecond, by: map[signal.CorrelationID]signal.Batch{"": around}}},
			{Name: "slow", Kind: "loki", Driver: fake{after: 150 * time.Millisecond, by: map[signal.CorrelationID]signal.Batch{"": around}}},
		}}
		begun := time.Now()
		r, err := triage.Find(t.Context(), cfg, triage.IDs(id, cfg.Fields))
		require.NoError(t, err)
		require.LessOrEqual(t, time.Since(begun), 250*time.Millisecond, "the slowest source's time and 50 ms")
		require.Empty(t, r.Logs)
		require.Len(t, r.Near, 1)
		require.Equal(t, "pool is empty", r.Near[0].Body)
		require.Len(t, r.NearMissed, 1)
		for _, tell := range []func(*triage.Result, *bytes.Buffer) error{
			func(r *triage.Result, w *bytes.Buffer) error { return r.Text(w) },
			func(r *triage.Result, w *bytes.Buffer) error { return r.Markdown(w) },
			func(r *triage.Result, w *bytes.Buffer) error { return r.JSON(w) },
		} {
			var out bytes.Buffer
			require.NoError(t, tell(r, &out))
			require.Contains(t, out.String(), "pool is empty")
			require.NotContains(t, out.String(), "another")
		}
		var text bytes.Buffer
		require.NoError(t, r.Text(&text))
		require.Contains(t, text.String(), "≈ 12:00:00.001")
		require.Contains(t, text.String(), "what is near was not told by slow: no answer within 40ms")
		cfg.Near = 0
		r, err = triage.Find(t.Context(), cfg, triage.IDs(id, cfg.Fields))
		require.NoError(t, err)
		require.Empty(t, r.Near)
	})
}

// TestTheHalfOfATraceIDFindsTheWhole: systems whose IDs have 64 bits write the lower half of what others have in full.
func TestTheHalfOfATraceIDFindsTheWhole(t *testing.T) {
	trace := traceID(t)
	start := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	half := signal.CorrelationID("0000000000000000" + id[16:])
	logs := signal.Batch{Logs: []signal.Record{{Time: start, Service: "payment", Body: "late trace_id=" + id}}}
	spans := signal.Batch{Spans: []signal.Span{{TraceID: trace, SpanID: signal.SpanID{1}, Service: "gateway", Name: "POST /checkout", Start: start, Duration: time.Second}}}
	cfg := triage.Config{Sources: []sources.Source{
		{Name: "loki", Kind: "loki", Driver: fake{by: map[signal.CorrelationID]signal.Batch{half: logs, id: logs}}},
		{Name: "jaeger", Kind: "jaeger", Driver: fake{by: map[signal.CorrelationID]signal.Batch{id: spans}}},
	}}
	r, err := triage.Find(t.Context(), cfg, triage.IDs(id[16:], nil))
	require.NoError(t, err)
	require.Len(t, r.Traces, 1)
	require.Len(t, r.Traces[0].Spans, 1)
	require.Equal(t, 1, r.Outcomes[0].Logs, "told in both rounds, and one record")
}

// TestWhatIsPrintedHoldsNoSecretsOfOthers: it is pasted into tickets and chats.
func TestWhatIsPrintedHoldsNoSecretsOfOthers(t *testing.T) {
	trace := traceID(t)
	start := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	b := signal.Batch{
		Spans: []signal.Span{{TraceID: trace, SpanID: signal.SpanID{1}, Service: "gateway", Name: "login", Start: start, Duration: time.Second, Failed: true,
			Message: "refused password=hunter2", Attrs: signal.Attrs{{Key: "http.request.header.cookie", Value: "sid=hunter2"}}}},
		Logs: []signal.Record{{Time: start, Service: "payment", Body: "token=hunter2 trace_id=" + id, TraceID: trace}},
	}
	cfg := triage.Config{Sources: []sources.Source{{Name: "all", Kind: "loki", Driver: fake{by: map[signal.CorrelationID]signal.Batch{id: b}}}}}
	r, err := triage.Find(t.Context(), cfg, triage.IDs(id, nil))
	require.NoError(t, err)
	for _, tell := range []func(*bytes.Buffer) error{
		func(w *bytes.Buffer) error { return r.Text(w) }, func(w *bytes.Buffer) error { return r.Markdown(w) }, func(w *bytes.Buffer) error { return r.JSON(w) },
	} {
		var out bytes.Buffer
		require.NoError(t, tell(&out))
		require.NotContains(t, out.String(), "hunter2")
		require.Contains(t, out.String(), "secret")
	}
	require.Contains(t, r.Traces[0].Logs[0].Body, "hunter2", "the cockpit shows what there is")
	var text bytes.Buffer
	require.NoError(t, r.Text(&text))
	require.Contains(t, text.String(), "│ - payment  token=", "each line has its service")
}
