package sample

import (
	"time"

	"gameday/sources/signal"
)

// Healthy is a checkout in which nothing went wrong, of the kind of Trace.
func Healthy() *signal.Trace {
	t := Trace()
	t.ID, t.Start, t.Duration, t.Errors, t.Logs = TraceID(0x70), Now.Add(-90*time.Second), 101*time.Millisecond, 0, nil
	keep := t.Spans[:0]
	for i, s := range t.Spans {
		if i >= 6 {
			break // the second attempt, and the mail
		}
		s.TraceID, s.SpanID[0], s.Failed, s.Message = t.ID, 9, false, ""
		if !s.ParentID.IsZero() {
			s.ParentID[0] = 9
		}
		s.Start = t.Start.Add(s.Start.Sub(Now.Add(-20 * time.Second)))
		keep = append(keep, s)
	}
	ms := time.Millisecond
	for i, d := range []time.Duration{101, 96, 10, 4, 22, 38} {
		keep[i].Duration = d * ms
	}
	keep[5].Name = "Charge attempt 1"
	t.Spans, t.TraceSummary.Spans = keep, len(keep)
	return t
}

// Compared is Trace beside Healthy, as the cockpit's comparison has it.
func Compared() *signal.Comparison {
	a, b := Healthy(), Trace()
	c := &signal.Comparison{Ask: signal.CompareAsk{B: b.ID, Typical: true}, A: a.TraceSummary, B: b.TraceSummary,
		How: "the median of 212 healthy requests of the baseline, 12:02:00 to 12:03:31"}
	side := func(t *signal.Trace, i int, self time.Duration) *signal.CompareSide {
		s := t.Spans[i]
		if t == b && i >= 5 {
			s.Attrs = append(s.Attrs[:1:1], signal.Attr{Key: "retry.attempt", Value: "1"}, signal.Attr{Key: "server.address", Value: "10.0.0.7:8443"})
			s.Attrs[0] = signal.Attr{Key: "http.response.status_code", Value: "504"}
		}
		return &signal.CompareSide{Span: &s, Start: s.Start.Sub(t.Start), Self: self * time.Millisecond}
	}
	for _, r := range []struct {
		depth, a, b  int
		selfA, selfB time.Duration
	}{{0, 0, 0, 5, 10}, {1, 1, 1, 26, 46}, {2, 2, 2, 6, 7}, {3, 3, 3, 4, 4}, {2, 4, 4, 22, 23}, {2, 5, 5, 38, 600}, {2, -1, 6, 0, 520}, {0, -1, 7, 0, 3}} {
		row := signal.CompareRow{Depth: r.depth, Self: (r.selfB - r.selfA) * time.Millisecond}
		if r.a >= 0 {
			row.A = side(a, r.a, r.selfA)
		}
		if r.b >= 0 {
			row.B = side(b, r.b, r.selfB)
		}
		c.Rows = append(c.Rows, row)
	}
	c.Both, c.OnlyB, c.Top = 6, 2, []int{5, 6, 1}
	return c
}
