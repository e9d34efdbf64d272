package logql

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

var t0 = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func rec(body string, attrs ...string) *signal.Record {
	r := &signal.Record{Time: t0, Service: "payment", Severity: signal.SeverityError, Source: "loki", Body: body,
		TraceID: signal.TraceID{1, 2, 0xab}, SpanID: signal.SpanID{9}}
	for i := 0; i+1 < len(attrs); i += 2 {
		r.Attrs = append(r.Attrs, signal.Attr{Key: attrs[i], Value: attrs[i+1]})
	}
	return r
}

func TestWhatAQueryKeeps(t *testing.T) {
	plain := rec("card declined: timeout after 1.5s", "http.status_code", "503", "env", "prod")
	js := rec(`{"msg":"slow \"card\"","status":502,"took":"1.5s","size":"12kB","ok":false,"none":null,"err":{"code":"E7","at":[{"n":"x"},2]},"level":"WARN","ünï":1}`, "env", "prod", "status", "200")
	lf := rec(`level=warn msg="card \"x\" declined" took=250ms size=3MB path=/cart/7 empty= flag`, "env", "live")
	for _, c := range []struct {
		r       *signal.Record
		yes, no []string
	}{
		{plain, []string{
			`{}`, `{service="payment"}`, `{service_name=~"pay.*",env!="live"}`, `{http_status_code="503"}`, `{http.status_code=~"5.."}`,
			`{level="error"}`, `{detected_level=~"err.*|fatal"}`, `{severity="ERROR"}`, `{level="err"}`, `{source="loki"}`, `{absent=""}`, `{absent!="x"}`,
			`{trace_id="0102AB00000000000000000000000000"}`, `{traceID=~"0102.*"}`, `{trace_id!="x"}`, `{span_id="0900000000000000"}`,
			`{} |> "card declined: timeout after <_>"`, `{} |> "<_>: timeout <_>s"`, `{} |> "x <_>" or "<_> after 1.5s"`, `{} !> "declined<_>"`,
			`{} |= "timeout"`, `{} |= "nope" or "card"`, `{} != "nope" or "never"`, `{} |~ "t[io]me?out"`, `{} |~ "(?i)TIMEOUT"`,
			"{} |~ `after \\d`", `{} |~ ".*timeout.*"`, `{} |~ "nope|declined"`, `{} |= ""`, `{} !~ "^timeout" # why`, `{} |~ "card|timeout" != "refused"`,
			`{} | http_status_code >= 500`, `{} | http_status_code == 503 and env="prod"`, `{} | http.status_code > 600 or env =~ "p.*"`,
			`{} | (http_status_code > 600 or env="prod") and service="payment"`, `{} | env="prod", http_status_code!=500`, `{} | env="prod" http_status_code<=503`,
			`{} | json | nothing > 5`, `{} | json | __error__="JSONParserErr"`, `{} | logfmt | __error__=""`, `{} | logfmt --strict | __error__=""`,
			`{} | env > 5 | __error__="LabelFilterErr"`,
			`{} | regexp "after (?P<sec>[0-9.]+)s" | sec > 1`, `{} | line_format "{{.env}} {{.http_status_code}}" |= "prod 503"`,
			`{} | label_format e=env | e="prod" | env=""`, `{} | label_format e="{{.env | ToUpper}}!" | e="PROD!"`,
			`{} | drop env | env=""`, `{} | drop env="live" | env="prod"`, `{} | keep env | env="prod" | http_status_code=""`,
			`{} | line_format "{{__line__ | trunc 4}}" |~ "^card$"`, "{} | line_format `{{if contains \"dec\" .__line__}}yes{{else}}no{{end}}` |= \"yes\"",
		}, []string{
			`{service="cart"}`, `{env=~"pro"}`, `{level="warn"}`, `{absent=~".+"}`, `{service!~"pay.*"}`, `{trace_id="0102ab"}`, `{span_id="x"}`,
			`{} |> "card declined"`, `{} |> "card declined: timeout after 1.5s<_>"`, `{} |> "<_>ard <_> timeout <_> s"`, `{} !> "card <_>"`,
			`{} |= "Timeout"`, `{} != "nope" or "card"`, `{} !~ "nope|declined"`, `{} |~ "^timeout$"`, `{} |= "timeout" |= "refused"`,
			`{} | http_status_code < 500`, `{} | absent > 0`, `{} | absent = 0`, `{} | env="prod" and env="live"`, `{} | json | __error__=""`,
			`{} | env="live" or env="x" and env="prod"`,
		}},
		{js, []string{
			`{} | json | status >= 200 | status_extracted=502`, `{} | json | took > 1s and took <= 1.5s`, `{} | json | size > 10KB`, `{} | json | size < 1MiB`,
			`{} | json | err_code="E7"`, `{} | json | msg="slow \"card\""`, `{} | json | ok="false" | none="" | err_at=""`, `{} | json | level="WARN"`,
			`{} | json c="err.code", n="err.at[0].n", two="err.at[1]" | c="E7" | n="x" | two=2`, `{} | json l="err.at" | l=~"\\[.*"`, `{} | json m="[\"msg\"]" | m=~"slow.*"`,
			`{} | json x="absent.path" | x=""`, `{} | json | _n_=1 or absent="x"`, `{service="payment"} |= "card" | json | status_extracted >= 500 | line_format "{{.err_code}} {{.took}}" |= "E7 1.5s"`,
			`{} | json | keep err_code | err_code="E7" | took=""`, `{} | json | drop err_code | err_code=""`,
		}, []string{
			`{} | json | took > 2s`, `{} | json | err_code="E8"`, `{} | json | size > 12.5kB`, `{} | json | level="error"`, `{} | json | status >= 500`,
		}},
		{lf, []string{
			`{} | logfmt | took > 200ms | size >= 3MB | level="warn"`, `{} | logfmt | msg="card \"x\" declined"`, `{} | logfmt path, t="took" | t="250ms" | path=~"/cart/.*" | level="error"`,
			`{} | logfmt | flag="" | empty=""`, `{} | logfmt --strict | __error__=""`, `{} | logfmt --keep-empty --strict | took < 1m`,
			`{} | logfmt | line_format "{{.path | replace \"/\" \"_\"}}" |= "_cart_7"`, `{} | logfmt | line_format "{{ printf \"%s-%s\" .took .level }}" |= "250ms-warn"`,
		}, []string{`{} | logfmt | took > 1s`, `{} | logfmt | level="error"`, `{} | logfmt path | took="250ms"`}},
	} {
		for want, queries := range map[bool][]string{true: c.yes, false: c.no} {
			for _, text := range queries {
				q, err := Parse(text)
				require.NoError(t, err, text)
				m := q.Matcher()
				for range 2 { // a matcher keeps nothing of the record before
					_, got := m.Process(c.r)
					require.Equal(t, want, got, "%s on %s", text, c.r.Body)
					require.Equal(t, want, m.Early(c.r) && m.Match(c.r), text)
				}
			}
		}
	}
}

func TestLabelsOfARecord(t *testing.T) {
	q, err := Parse(`{} | json | line_format "{{.a}}" | label_format b=a`)
	require.NoError(t, err)
	m := q.Matcher()
	r := rec(`{"a":"1","level":"debug","x.y":2,"env":"dev"}`, "env", "prod", "k8s.pod", "p-1")
	line, ok := m.Process(r)
	require.True(t, ok)
	require.Equal(t, "1", line)
	require.Equal(t, `{b="1", env="prod", env_extracted="dev", k8s_pod="p-1", level="debug", service="payment", source="loki", x_y="2"}`, m.Labels().String())
	_, ok = m.Process(rec(`nope`))
	require.True(t, ok)
	require.Equal(t, "JSONParserErr", m.Error())
	require.Equal(t, "JSONParserErr", m.Labels().Get("__error__"))
}

func TestJSONThatIsNone(t *testing.T) {
	q, err := Parse(`{} | json`)
	require.NoError(t, err)
	m := q.Matcher()
	for _, body := range []string{``, `[1]`, `"a"`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1}x`, `{"a":01x}`, `{"a":"\x"}`, `{"a":"` + "\x01" + `"}`, `{"a":"\u12"}`,
		`{"a":[1,}`, `{"a":tru}`, `{a:1}`, `{,}`, strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), `{"a":` + strings.Repeat("[", 1000)} {
		_, ok := m.Process(rec(body))
		require.True(t, ok, body)
		require.Equal(t, "JSONParserErr", m.Error(), body)
	}
	for _, body := range []string{`{}`, ` { "a" : -1.5e+3 , "b" : [ ] , "c": {} } `, `{"a":"\ud83d\ude00 \ud83d \u00e9\/\b\f\n\r\t"}`} {
		_, ok := m.Process(rec(body))
		require.True(t, ok, body)
		require.Empty(t, m.Error(), body)
	}
	require.Equal(t, "😀 � é/\b\f\n\r\t", m.Labels().Get("a"))
}

func TestLogfmtThatIsNone(t *testing.T) {
	for body, want := range map[string]string{`a="x b=c`: "", `a"b=1 c=2`: "2", `=1 c=2`: "2", `a=1=2 c=2`: "2", `a="x\\" c=2`: "2", `c="\u0032"`: "2", `c=`: ""} {
		for _, strict := range []bool{false, true} {
			text := "{} | logfmt"
			if strict {
				text += " --strict"
			}
			q, err := Parse(text)
			require.NoError(t, err)
			m := q.Matcher()
			m.Process(rec(body))
			broken := strings.HasPrefix(body, `a"`) || strings.HasPrefix(body, "=") || strings.HasPrefix(body, "a=1") || body == `a="x b=c`
			require.Equal(t, strict && broken, m.Error() == "LogfmtParserErr", "%s %v", body, strict)
			if !strict {
				require.Equal(t, want, m.Labels().Get("c"), body)
			}
		}
	}
}

func TestErrorsSayWhereAndWhatFits(t *testing.T) {
	for text, wants := range map[string][]string{
		``:                                       {"column 1", "query ends", `{service="payment"}`},
		`{`:                                      {"column 2", "query ends", `service="payment"`},
		`{service}`:                              {"column 9", "found }", "an operator"},
		`{service="a"`:                           {"column 13", "a comma or }"},
		`{service=a}`:                            {"column 10", "found a", "quotes"},
		`{service="a}`:                           {"column 10", `closing " is missing`},
		`{service=~"["}`:                         {"column 11", "regular expression", "missing closing ]"},
		`{} |= `:                                 {"column 7", "text in quotes"},
		`{} |= "a" x`:                            {"column 11", "found x", "line_format"},
		`{} | jsn`:                               {"column 6", "no stage jsn", "what fits: json"},
		`{} | unwrap x`:                          {"column 6", "unwrap is not understood"},
		`{} |> "<_>"`:                            {"column 7", "asks for nothing"},
		`{} |> "a<_><_>b"`:                       {"column 7", "between two"},
		`{} | status >`:                          {"column 14", "query ends", "250ms"},
		`{} | status > "5"`:                      {"column 15", "> compares no text"},
		`{} | status > 5parsecs`:                 {"column 15", "5parsecs", "5MB"},
		`{} | status 5`:                          {"column 13", "operator for the label status"},
		`{} | (a="b"`:                            {"column 12", "fits: )"},
		`{} | line_format "{{.a"`:                {"column 18", "template"},
		`{} | line_format "{{range .a}}{{end}}"`: {"column 18", "range"},
		`{} | line_format "{{template \"x\"}}"`:  {"template"},
		`{} | json a="b..c"`:                     {"no path"},
		`{} | regexp "(a)"`:                      {"names no group"},
		`{} | logfmt --lax`:                      {"column 13", "--strict"},
		`rate({} |= "a")`:                        {"column 15", "[5m]"},
		`rate({} [0m])`:                          {"duration"},
		`rate({} [5m]`:                           {"column 13", "fits: )"},
		`avg_over_time({} [5m])`:                 {"column 1", "avg_over_time", "count_over_time"},
		`sum by service (rate({} [5m]))`:         {"column 8", "("},
		`topk(rate({} [5m]))`:                    {"how many"},
		`rate({} [5m]) / rate({} [5m])`:          {"column 15", "number"},
		`5 * 3`:                                  {"a number alone"},
		`{} ; `:                                  {"column 4", `";"`},
		`{} | ü`:                                 {`"ü"`},
		strings.Repeat("(", 100) + "1":           {"nested too deep"},
		`{} | ` + strings.Repeat("(", 100):       {"nested too deep"},
		"{} " + strings.Repeat(`|= "a" `, 70):    {"more stages"},
		strings.Repeat("x", 9000):                {"8192"},
	} {
		_, err := Parse(text)
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "\n")
		for _, want := range wants {
			require.ErrorContains(t, err, want, text)
		}
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax)
	}
	_, err := ParseFilter(`rate({} [5m])`)
	require.ErrorContains(t, err, "gives numbers")
	q, err := ParseFilter(` |= "Time" |~ "(?:out)" != "x" | json`)
	require.NoError(t, err)
	require.Equal(t, []string{"time", "out"}, q.Words())
}

// A template cannot make much of little, nor run for long.
func TestTemplatesAreBounded(t *testing.T) {
	r := rec(strings.Repeat("a", 20_000))
	for _, format := range []string{`{{__line__}}{{__line__}}`, `{{.__line__ | replace "a" "aaaa"}}`, `{{printf "%s%s" __line__ __line__}}`, `{{html "<"}}`, `{{printf "%999999d" 1}}`} {
		q, err := Parse("{} | line_format `" + format + "`")
		require.NoError(t, err)
		m := q.Matcher()
		line, ok := m.Process(r)
		require.True(t, ok)
		require.Equal(t, r.Body, line, format)
		require.Equal(t, "TemplateFormatErr", m.Error(), format)
	}
}
