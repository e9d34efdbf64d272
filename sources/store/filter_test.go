package store

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

func TestFilterErrorsNameTheFaultAndWhatIsAllowed(t *testing.T) {
	logs := map[string][]string{
		"level>=wran":            {"level>=wran", `"wran" is no level`, "warn"},
		"level=~warn":            {"level=~warn", ">="},
		"level>=":                {"level>=", "value is missing"},
		"status=":                {"status=", `status=""`},
		`"card declined`:         {"closing quote"},
		"path=~[":                {"path=~[", "regular expression"},
		"status>many":            {"status>many", `"many"`, "numbers"},
		`""`:                     {"no word"},
		"a OR b":                 {"OR is not understood", "all terms must hold"},
		strings.Repeat("x ", 40): {"more than 32 terms"},
		strings.Repeat("x", 5e3): {"5000 bytes", "4096"},
		"level>=wran path=~[ ok": {"wran", "path=~["},
	}
	for text, wants := range logs {
		_, err := ParseLogFilter(text)
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "\n", "one row")
		for _, want := range wants {
			require.ErrorContains(t, err, want, text)
		}
	}
	traces := map[string][]string{
		"status=bad":    {`"bad" is no status`, "error and ok"},
		"status>error":  {"status>error", "= or !="},
		"duration>200":  {"duration>200", "duration>200ms"},
		"duration=~1ms": {"duration=~1ms", ">="},
		"spans>x":       {"spans>x", "whole number"},
		"color=red":     {`"color"`, "service, name, status, duration, spans, errors and trace"},
		"service>x":     {"service>x", "=~"},
		"trace>x":       {"trace>x", "= or !="},
		"name=~(":       {"name=~(", "regular expression"},
	}
	for text, wants := range traces {
		_, err := ParseTraceFilter(text)
		require.Error(t, err, text)
		for _, want := range wants {
			require.ErrorContains(t, err, want, text)
		}
	}
}

func TestBadPartsOfAFilterAreLeftOut(t *testing.T) {
	f, err := ParseLogFilter(`Timeout level>=wran -healthz "Two Words" a:b http://x -`)
	require.ErrorContains(t, err, "wran")
	require.Equal(t, []string{"timeout", "two words", "a:b", "http://x", "-"}, f.Words())

	s := newStore(t, Config{})
	s.Add(signal.Batch{Logs: []signal.Record{{Time: at(0), Body: "one"}, {Time: at(1), Body: "two"}}})
	w := signal.Window{From: at(-1), To: at(10)}
	frame := s.Frame(signal.View{Window: w, Logs: signal.LogFilter{Text: "two level>=wran"}, Traces: signal.TraceFilter{Text: "x=y"}})
	require.Contains(t, frame.LogsErr, "wran")
	require.Contains(t, frame.TracesErr, `"x"`)
	require.Equal(t, []string{"two"}, frame.LogsWords)
	require.Len(t, frame.Logs, 1)
	n, _ := s.CountLogs(signal.LogFilter{Text: "two level>=wran"}, w)
	require.Zero(t, n, "a count is never made with half a filter")
	require.Zero(t, s.TraceStats(signal.TraceFilter{Text: "x=y"}, w))
}

func TestLogFilterTerms(t *testing.T) {
	rec := signal.Record{Time: at(0), Service: "checkout", Source: "otlp", Severity: 14, TraceID: traceOf(7), SpanID: spanOf(3),
		Body: `said "hi" to C:\tmp`, Attrs: signal.Attrs{{Key: "code", Value: "7.5"}, {Key: "code", Value: "9"}, {Key: "q", Value: "a b"}}}
	yes := []string{`"\"HI\""`, `"c:\\tmp"`, "SOURCE=otlp", "source!=file", "level=warning", "severity<=warn", "level!=error",
		"code>7 code<8", "-code=9", `q="a b"`, "span=" + spanOf(3).String(), "trace_id=" + strings.ToUpper(traceOf(7).String()),
		"msg=~^said", "absent!=x", "absent!~x", "-absent=~x", "AND said AND hi", "-nope -level=error", "CHECKOUT"}
	no := []string{"-said", "code>7.5", "code!~7", "q=~^b", "absent>0", "absent=~.*", "level>warn", "-checkout", "level=unset", "code", "q="}
	s := newStore(t, Config{})
	s.Add(signal.Batch{Logs: []signal.Record{rec}})
	w := signal.Window{From: at(-1), To: at(10)}
	count := func(text string) int {
		n, _ := s.CountLogs(signal.LogFilter{Text: text}, w)
		return n
	}
	for _, text := range yes {
		_, err := ParseLogFilter(text)
		require.NoError(t, err, text)
		require.Equal(t, 1, count(text), text)
	}
	for _, text := range no {
		require.Equal(t, 0, count(text), text)
	}
	n, example := s.CountLogs(signal.LogFilter{MinLevel: signal.SeverityError}, w)
	require.Zero(t, n)
	require.Zero(t, example)
	n, example = s.CountLogs(signal.LogFilter{MinLevel: signal.SeverityInfo}, w)
	require.Equal(t, 1, n)
	require.Equal(t, traceOf(7), example)
}

func TestTraceFilterTerms(t *testing.T) {
	s := newStore(t, Config{})
	s.Add(signal.Batch{Spans: []signal.Span{
		{TraceID: traceOf(1), SpanID: spanOf(1), Service: "gateway", Name: "GET /cart", Start: at(0), Duration: time.Second},
		{TraceID: traceOf(1), SpanID: spanOf(2), ParentID: spanOf(1), Service: "cart", Name: "load", Start: at(1), Failed: true},
	}})
	w := signal.Window{From: at(-1), To: at(10)}
	count := func(text string) int {
		_, err := ParseTraceFilter(text)
		require.NoError(t, err, text)
		return s.TraceStats(signal.TraceFilter{Text: text}, w).Count
	}
	for _, text := range []string{"gate", "CART", `"get /cart"`, "service=cart", "service=~^ca", "service!=payment", "name=~cart$",
		"operation!=load", "status=failed", "-status=ok", "duration=1s", "duration>=1000ms", "duration<1m", "spans=2", "errors>0",
		"trace=" + traceOf(1).String()[:8], "trace!=ff"} {
		require.Equal(t, 1, count(text), text)
	}
	for _, text := range []string{"payment", "-cart", "service!=cart", "service!~a", "name=load", "status=ok", "duration>1s",
		"spans>2", "errors=0", "trace=ff"} {
		require.Equal(t, 0, count(text), text)
	}
}

func TestFolder(t *testing.T) {
	for _, c := range []struct {
		word, text string
		want       bool
	}{
		{"Z", "lazy", true}, {"lazy", "LAZY", true}, {"lazy", "la", false}, {"aab", "aaab", true}, {"zz", "zaZz", true},
		{"zz", "zazbz", false}, {"x-1", "yx-1", true}, {"ß", "STRAßE", true}, {"é", "CAFÉ", true}, {"end", "the end", true},
		{"the", "The end", true}, {"", "", true}, {"a", "", false},
	} {
		f := newFolder(c.word)
		require.Equal(t, c.want, f.in(c.text), "%q in %q", c.word, c.text)
	}
}

func FuzzFolder(f *testing.F) {
	f.Add("Timeout", "a TIMEOUT b")
	f.Add("zz", "zaZz")
	f.Fuzz(func(t *testing.T, word, text string) {
		find := newFolder(word)
		if find.ascii { // bytes beyond ASCII are compared as they are
			lower := func(s string) string {
				return strings.Map(func(r rune) rune {
					if r >= 'A' && r <= 'Z' {
						return r + 32
					}
					return r
				}, strings.ToValidUTF8(s, "?"))
			}
			require.Equal(t, strings.Contains(lower(text), lower(word)), find.in(strings.ToValidUTF8(text, "?")))
		}
	})
}

func FuzzFilters(f *testing.F) {
	for _, s := range []string{"", `a "b c" -d`, "k=v k!=v k=~^v", "level>=warn", "duration>1s status=error", `k="a\"b"`, "=", `"`, "-", "a==b"} {
		f.Add(s)
	}
	s, err := New(Config{})
	require.NoError(f, err)
	p := newProducer(1)
	s.Add(p.batch(50, 50, at(0)))
	f.Fuzz(func(t *testing.T, text string) {
		lf, lerr := ParseLogFilter(text)
		_, terr := ParseTraceFilter(text)
		for _, w := range lf.Words() {
			require.NotEmpty(t, w)
		}
		frame := s.Frame(signal.View{Window: signal.Window{From: at(-1), To: at(1000)}, Logs: signal.LogFilter{Text: text},
			Traces: signal.TraceFilter{Text: text}})
		require.Equal(t, lerr != nil, frame.LogsErr != "")
		require.Equal(t, terr != nil, frame.TracesErr != "")
	})
}
