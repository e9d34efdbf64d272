package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/sources/logql"
	"gameday/sources/signal"
)

// What the store finds with a LogQL filter is what the query itself says of each record.
func TestLogQLFilters(t *testing.T) {
	s := newStore(t, Config{})
	var all []signal.Record
	for i := range 3000 {
		r := signal.Record{Time: at(i), Service: []string{"payment", "cart", ""}[i%3], Source: "otlp",
			Severity: []signal.Severity{signal.SeverityInfo, signal.SeverityError, signal.SeverityUnset}[i/3%3]}
		switch i % 4 {
		case 0:
			r.Body = fmt.Sprintf(`{"status":%d,"msg":"timeout %d"}`, 200+i%400, i)
		case 1:
			r.Body = fmt.Sprintf(`took=%dms msg="card declined"`, i)
		default:
			r.Body = fmt.Sprintf("order %d accepted", i)
			r.Attrs = signal.Attrs{{Key: "http.status_code", Value: fmt.Sprint(200 + i%400)}, {Key: "pod", Value: fmt.Sprintf("p-%d", i%7)}}
		}
		if i%5 == 0 {
			r.TraceID = traceOf(i%10 + 1)
		}
		all = append(all, r)
	}
	s.Add(signal.Batch{Logs: append([]signal.Record(nil), all...)})
	w := signal.Window{From: at(-1), To: at(4000)}
	for _, text := range []string{
		`{service="payment"} |= "timeout" | json | status >= 500`, `|= "timeout" | json | status >= 500 | __error__=""`, `{}`,
		`{service=~"pay.*|cart", level!="error"}`, `{pod="p-3"} | http_status_code >= 400 and level = "info"`, `{} | logfmt | took > 1s`,
		`{trace_id="` + traceOf(1).String() + `"}`, `|~ "(?i)DECLINED|timeout [0-9]*7$"`, `{service=""}`, `{source="otlp"} != "order" != "card"`,
		`| line_format "{{.pod}}" |= "p-1"`,
	} {
		q, err := logql.ParseFilter(text)
		require.NoError(t, err, text)
		m, want := q.Matcher(), 0
		for i := range all {
			if _, ok := m.Process(&all[i]); ok {
				want++
			}
		}
		require.NotZero(t, want, text)
		got, _ := s.CountLogs(signal.LogFilter{Text: text}, w)
		require.Equal(t, want, got, text)
		f := s.Frame(signal.View{Window: w, Logs: signal.LogFilter{Text: text, Limit: 10_000}})
		require.Empty(t, f.LogsErr)
		require.Len(t, f.Logs, want, text)
		n, _ := s.CountLogs(signal.LogFilter{Text: text, MinLevel: signal.SeverityFatal}, w)
		require.Zero(t, n, "the level's own filter counts beside it")
	}
	f := s.Frame(signal.View{Window: w, Logs: signal.LogFilter{Text: `{service="payment"} |= "Timeout" |~ "[0-9]" | jsn`}})
	require.Contains(t, f.LogsErr, "what fits: json")
	require.Len(t, f.Logs, 500, "a filter that is not understood leaves nothing out")
	lf, err := ParseLogFilter(`{} |= "Time Out" |~ "x" != "z"`)
	require.NoError(t, err)
	require.Equal(t, []string{"time out", "x"}, lf.Words())
	_, err = ParseLogFilter(`rate({service="payment"}[1m])`)
	require.ErrorContains(t, err, "gives numbers")
	for _, words := range []string{`"{}" x`, "-{}", "|", "a|b", "f({x"} {
		_, err = ParseLogFilter(words)
		require.NoError(t, err, "still words")
	}
}
