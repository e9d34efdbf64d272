package drivertest

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/driver"
	"gameday/sources/signal"
)

// How much the suite gives a system to know: seconds of it, one record, point and half a trace in each.
const seconds = 120

// knowledge is what the system holds: within the last ten minutes, since real systems refuse what is old.
func knowledge(now time.Time, h HTTP) (signal.Batch, signal.Window) {
	from := now.Add(-10 * time.Minute).Truncate(time.Second)
	var b signal.Batch
	for i := range seconds {
		at := from.Add(time.Duration(i) * time.Second)
		service := [...]string{"checkout", "payment"}[i%2]
		trace := traceOf(from, i/2)
		if h.Logs {
			b.Logs = append(b.Logs, signal.Record{Time: at, Service: service, Severity: signal.SeverityInfo, Body: fmt.Sprintf("request %03d", i), TraceID: trace,
				SpanID: spanOf(i), Attrs: signal.Attrs{{Key: "order_id", Value: strconv.Itoa(i / 2)}}})
		}
		if h.Spans {
			s := signal.Span{TraceID: trace, SpanID: spanOf(i), Service: service, Name: fmt.Sprintf("step %03d", i), Kind: signal.SpanServer, Start: at, Duration: 100 * time.Millisecond}
			if i%2 == 1 {
				s.ParentID, s.Start = spanOf(i-1), at.Add(-time.Second+10*time.Millisecond)
			}
			b.Spans = append(b.Spans, s)
		}
		if h.Events {
			b.Events = append(b.Events, signal.Event{Kind: signal.EventAlert, Title: fmt.Sprintf("alert %03d", i), Detail: "it hurts", Target: service, Start: at, Open: true})
		}
		if h.Metrics {
			for _, service := range []string{"checkout", "payment"} {
				b.Metrics = append(b.Metrics, signal.MetricPoint{Name: "drivertest_requests_total", Labels: signal.Attrs{{Key: "service", Value: service}}, T: at, V: float64(i)})
			}
		}
	}
	return b, signal.Window{From: from, To: from.Add(seconds * time.Second)}
}

func traceOf(from time.Time, i int) (id signal.TraceID) {
	copy(id[:], fmt.Sprintf("%08x", uint32(from.Unix()))) // another in each run: real systems remember
	id[14], id[15] = byte(i>>8), byte(i)
	return id
}

func spanOf(i int) signal.SpanID { return signal.SpanID{0xa, 0, 0, 0, 0, 0, byte(i >> 8), byte(i)} }

// names are what is in a batch, one text for each signal, sorted and without what comes twice. Spans are told by trace.
func names(b signal.Batch) []string {
	out := []string{}
	for _, r := range b.Logs {
		out = append(out, fmt.Sprintf("log %s %s %s %s", r.Time.UTC().Format(time.RFC3339), r.Service, r.Body, r.TraceID))
	}
	for _, s := range b.Spans {
		out = append(out, fmt.Sprintf("span %s %s < %s %s %s", s.TraceID, s.SpanID, s.ParentID, s.Service, s.Name))
	}
	for _, p := range b.Metrics {
		out = append(out, fmt.Sprintf("metric %s %s %s %g", p.T.UTC().Format(time.RFC3339), p.Name, p.Labels.Get("service"), p.V))
	}
	for _, e := range b.Events {
		out = append(out, fmt.Sprintf("event %s %s %s %s %t", e.Start.UTC().Format(time.RFC3339), e.Title, e.Target, e.Detail, e.Open))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// within is what of a batch lies in a window; a trace does when its first span does.
func within(b signal.Batch, w signal.Window) (out signal.Batch) {
	for _, r := range b.Logs {
		if w.Contains(r.Time) {
			out.Logs = append(out.Logs, r)
		}
	}
	begins := map[signal.TraceID]time.Time{}
	for _, s := range b.Spans {
		if at, ok := begins[s.TraceID]; !ok || s.Start.Before(at) {
			begins[s.TraceID] = s.Start
		}
	}
	for _, s := range b.Spans {
		if w.Contains(begins[s.TraceID]) {
			out.Spans = append(out.Spans, s)
		}
	}
	for _, e := range b.Events {
		if e.Start.Before(w.To) { // which goes on still
			out.Events = append(out.Events, e)
		}
	}
	for _, p := range b.Metrics {
		if w.Contains(p.T) {
			out.Metrics = append(out.Metrics, p)
		}
	}
	return out
}

func asksForAWindow(t *testing.T, s *suite) {
	d := s.open(t, s.front(t, nil).URL, clientConfig())
	s.goes(t, d, s.known.Len())
	from := s.window.From
	for name, w := range map[string]signal.Window{
		"all":    s.window,
		"middle": {From: from.Add(20 * time.Second), To: from.Add(60 * time.Second)},
		"one":    {From: from.Add(20 * time.Second), To: from.Add(22 * time.Second)},
		"before": {From: from.Add(-time.Hour), To: from.Add(-time.Hour + time.Minute)},
	} {
		a, err := s.askFor(t, d, driver.Query{Window: w, Text: s.h.Text, Limit: 10_000})
		require.NoError(t, err, name)
		require.Equal(t, names(within(s.known, w)), names(a.Batch), "%s: known, and answered", name)
		require.False(t, a.Truncated, "%s: that is all", name)
	}
}

func findsByID(t *testing.T, s *suite) {
	if s.h.NoIDs != "" {
		t.Skip(s.h.NoIDs)
	}
	d := s.open(t, s.front(t, nil).URL, clientConfig())
	s.goes(t, d, s.known.Len())
	for _, i := range []int{0, 17, seconds/2 - 1} {
		id := traceOf(s.window.From, i)
		var want signal.Batch
		for _, r := range s.known.Logs {
			if r.TraceID == id {
				want.Logs = append(want.Logs, r)
			}
		}
		for _, sp := range s.known.Spans {
			if sp.TraceID == id {
				want.Spans = append(want.Spans, sp)
			}
		}
		require.Equal(t, 2, max(len(want.Logs), len(want.Spans)))
		for _, w := range []signal.Window{s.window, {}} { // whenever it was
			a, err := s.askFor(t, d, driver.Query{Window: w, ID: signal.CorrelationID(id.String()), Limit: 1000})
			require.NoError(t, err)
			require.Equal(t, names(want), names(a.Batch))
		}
	}
	a, err := s.askFor(t, d, driver.Query{Window: s.window, ID: "ffffffffffffffffffffffffffffff01", Limit: 1000})
	if err != nil {
		require.ErrorIs(t, err, driver.ErrNotFound)
	}
	require.Zero(t, a.Len(), "an ID that nothing has")
}

func keepsToALimit(t *testing.T, s *suite) {
	if s.h.NoLimit != "" {
		t.Skip(s.h.NoLimit)
	}
	d := s.open(t, s.front(t, nil).URL, clientConfig())
	s.goes(t, d, s.known.Len())
	for _, limit := range []int{1, 7, 50} {
		a, err := s.askFor(t, d, driver.Query{Window: s.window, Text: s.h.Text, Limit: limit})
		require.NoError(t, err)
		require.True(t, a.Truncated, "there is more than %d", limit)
		traces := map[signal.TraceID]bool{}
		for _, sp := range a.Spans {
			traces[sp.TraceID] = true
		}
		require.LessOrEqual(t, len(a.Logs), limit)
		require.LessOrEqual(t, len(traces), limit)
		require.LessOrEqual(t, len(a.Events), limit)
		require.NotZero(t, a.Len())
		if s.h.Logs { // a tail is what an operator wants of too many
			require.Len(t, a.Logs, limit)
			want := s.known.Logs[len(s.known.Logs)-limit:]
			require.Equal(t, names(signal.Batch{Logs: want}), names(signal.Batch{Logs: a.Logs}), "the newest")
		}
	}
}
