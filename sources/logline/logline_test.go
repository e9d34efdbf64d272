package logline_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/logline"
	"gameday/sources/signal"
)

const hexID = "4bf92f3577b34da6a3ce929d0e0e4736"

func TestLines(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	utc := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		return at
	}
	for name, c := range map[string]struct {
		line    string
		format  logline.Format
		at      time.Time
		level   signal.Severity
		service string
		body    string
		attrs   map[string]string
		trace   string
		partial bool
	}{
		"slog json": {line: `{"time":"2026-02-03T04:05:06.789Z","level":"WARN","msg":"slow","service":"payment","trace_id":"` + hexID + `","order":{"id":7,"lines":[1,2]}}`,
			at: utc("2026-02-03T04:05:06.789Z"), level: signal.SeverityWarn, service: "payment", body: "slow", trace: hexID, attrs: map[string]string{"order.id": "7", "order.lines": "[1,2]"}},
		"pino json":    {line: `{"level":50,"time":1770091506789,"msg":"no"}`, at: utc("2026-02-03T04:05:06.789Z"), level: signal.SeverityError, body: "no"},
		"broken json":  {line: `{"level":"error","msg":`, body: `{"level":"error","msg":`},
		"json unnamed": {line: `{"a":"b"}`, body: `{"a":"b"}`, attrs: map[string]string{"a": "b"}},
		"logfmt": {line: `ts=2026-02-03T04:05:06Z level=error msg="a \"quoted\" word" app=cart took=3ms flag`, at: utc("2026-02-03T04:05:06Z"),
			level: signal.SeverityError, service: "cart", body: `a "quoted" word`, attrs: map[string]string{"took": "3ms", "flag": ""}},
		"combined": {line: `10.0.0.1 - bob [03/Feb/2026:04:05:06 +0000] "GET /cart?x=1 HTTP/1.1" 502 12 "-" "curl/8"`, at: utc("2026-02-03T04:05:06Z"),
			level: signal.SeverityError, body: "GET /cart?x=1 HTTP/1.1 502", attrs: map[string]string{"client": "10.0.0.1", "user": "bob", "method": "GET", "path": "/cart?x=1", "status": "502", "agent": "curl/8"}},
		"cri":         {line: `2026-02-03T04:05:06.123456789Z stderr F level=info msg=hello`, at: utc("2026-02-03T04:05:06.123456789Z"), level: signal.SeverityInfo, body: "hello", attrs: map[string]string{"stream": "stderr"}},
		"cri partial": {line: `2026-02-03T04:05:06.123456789Z stdout P half a li`, at: utc("2026-02-03T04:05:06.123456789Z"), body: "half a li", partial: true},
		"docker": {line: `{"log":"ERROR: it broke\n","stream":"stdout","time":"2026-02-03T04:05:06.5Z"}`, at: utc("2026-02-03T04:05:06.5Z"), level: signal.SeverityError,
			body: "ERROR: it broke", attrs: map[string]string{"stream": "stdout"}},
		"log4j":           {line: "2026-02-03 04:05:06,789 WARN  [main] c.s.Payment - late", at: utc("2026-02-03T04:05:06.789Z"), level: signal.SeverityWarn, body: "WARN  [main] c.s.Payment - late"},
		"go log":          {line: "2026/02/03 04:05:06 http: TLS handshake error", at: utc("2026-02-03T04:05:06Z"), body: "http: TLS handshake error"},
		"nginx error":     {line: "2026/02/03 04:05:06 [error] 7#7: *1 upstream timed out", at: utc("2026-02-03T04:05:06Z"), level: signal.SeverityError, body: "[error] 7#7: *1 upstream timed out"},
		"syslog":          {line: "Feb  3 04:05:06 host sshd[1]: bye", at: utc("2026-02-03T04:05:06Z"), body: "host sshd[1]: bye"},
		"klog":            {line: `E0203 04:05:06.789 1 main.go:1] no`, level: signal.SeverityError, body: `E0203 04:05:06.789 1 main.go:1] no`},
		"only a word":     {line: "hello", body: "hello"},
		"a sentence":      {line: "the error is not a level here but warning signs are", body: "the error is not a level here but warning signs are"},
		"empty":           {line: "", body: ""},
		"told to be json": {line: "plain", format: logline.JSON, body: "plain"},
	} {
		t.Run(name, func(t *testing.T) {
			p := logline.Parser{Format: c.format, Zone: time.UTC}
			r, partial := p.Parse(c.line, now)
			if c.at.IsZero() {
				c.at = now
			}
			require.True(t, c.at.Equal(r.Time), "%v", r.Time)
			require.Equal(t, c.level, r.Severity)
			require.Equal(t, c.service, r.Service)
			require.Equal(t, c.body, r.Body)
			require.Equal(t, c.trace, r.TraceID.String())
			require.Equal(t, c.partial, partial)
			for k, v := range c.attrs {
				require.Equal(t, v, r.Attrs.Get(k), k)
			}
		})
	}
}

func TestNamesOfALineCanBeTold(t *testing.T) {
	p := logline.Parser{Service: "file", Rename: map[string]string{"service": "who", "severity": "sev", "trace_id": "corr", "body": "what"}}
	r, _ := p.Parse(`{"who":"cart","sev":"fatal","corr":"`+hexID+`","what":"x","msg":"y"}`, time.Now())
	require.Equal(t, "cart", r.Service)
	require.Equal(t, signal.SeverityFatal, r.Severity)
	require.Equal(t, hexID, r.TraceID.String())
	require.Equal(t, "x", r.Body)
	require.Equal(t, "y", r.Attrs.Get("msg"))
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":{"b":{"c":{"d":1}}}}`, `a="\`, `1.1.1.1 - - [03/Feb/2026:04:05:06 +0000] "\" 1`, "2026-02-03T04:05:06Z stdout P", "[12:00:00] x", "Feb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for format := logline.Auto; format <= logline.Plain; format++ {
			p := logline.Parser{Format: format}
			r, _ := p.Parse(line, time.Now())
			require.False(t, r.Time.IsZero() && line != "" && format == logline.Plain)
			require.LessOrEqual(t, len(r.Attrs), 70)
		}
	})
}
