package mention

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

func TestWhatALineSays(t *testing.T) {
	const id, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	var r Reader
	for body, want := range map[string]signal.Record{
		`{"level":"WARN","traceId":"` + id + `","span_id":"` + span + `"}`:       {Severity: signal.SeverityWarn, TraceID: trace(id), SpanID: spanOf(span)},
		`{"log":{"level":"error"},"trace":{"id":"` + id + `"}}`:                  {TraceID: trace(id), Severity: signal.SeverityError},
		`level=info trace_id=` + id + ` msg="x"`:                                 {Severity: signal.SeverityInfo, TraceID: trace(id)},
		`traceparent=00-` + id + `-` + span + `-01`:                              {TraceID: trace(id), SpanID: spanOf(span)},
		`12:00 ERROR [trace_id: ` + id + `] declined`:                            {TraceID: trace(id)},
		`12:00 [checkout,traceId=4BF92F35-77B3-4DA6-A3CE-929D0E0E4736] declined`: {TraceID: trace(id)},
		`{"dd":{"trace_id":"1234"}}`:                                             {TraceID: signal.TraceID{14: 0x04, 15: 0xd2}},
		`no trace, no level`:                                                     {},
		`trace_id=zzz level=loud`:                                                {},
		``:                                                                       {},
	} {
		rec := signal.Record{Body: body}
		r.Complete(&rec)
		want.Body = body
		require.Equal(t, want, rec, body)
	}
	full := signal.Record{Body: "level=error trace_id=" + id, Severity: signal.SeverityInfo, TraceID: signal.TraceID{1}, SpanID: signal.SpanID{1}}
	same := full
	r.Complete(&same)
	require.Equal(t, full, same, "what the system said stays")
}

func trace(s string) signal.TraceID {
	id, ok := signal.ParseTraceID(s)
	if !ok {
		panic(s)
	}
	return id
}

func spanOf(s string) signal.SpanID {
	id, ok := signal.ParseSpanID(s)
	if !ok {
		panic(s)
	}
	return id
}
