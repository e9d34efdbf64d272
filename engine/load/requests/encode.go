package requests

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/protocol"
	"gameday/sources/signal"
)

// maxText is the longest text of an error that is written.
const maxText = 200

// columns are the figures of one request; times are milliseconds.
var columns = []string{
	"time", "scenario", "step", "user", "iteration", "warmup", "latency_ms", "service_ms", "status", "result", "error", "received",
	"resolve_ms", "connect_ms", "tls_ms", "write_ms", "wait_ms", "read_ms", "trace",
}

// CSV is a row for each request, with a header row. Latency counts from when the request was due, which is also its time.
type CSV struct{}

// Begin is the header row.
func (CSV) Begin(dst []byte) []byte { return append(append(dst, strings.Join(columns, ",")...), '\n') }

// Append is one row.
func (CSV) Append(dst []byte, r *load.RequestLog) []byte {
	dst = append(Stamp(dst, r.At), ',')
	dst = append(Quoted(dst, r.Scenario), ',')
	dst = append(Quoted(dst, r.Step), ',')
	dst = append(strconv.AppendUint(dst, r.User, 10), ',')
	dst = append(strconv.AppendUint(dst, r.Iteration, 10), ',')
	dst = append(strconv.AppendBool(dst, r.Warmup), ',')
	dst = append(Millis(dst, r.Latency), ',')
	dst = append(Millis(dst, r.Service), ',')
	dst = append(strconv.AppendInt(dst, int64(r.Status), 10), ',')
	dst = append(append(dst, r.Kind.String()...), ',')
	dst = append(Quoted(dst, Text(r.Err)), ',')
	dst = append(strconv.AppendInt(dst, r.Received, 10), ',')
	for _, d := range phases(&r.Phases) {
		dst = append(Millis(dst, d), ',')
	}
	return append(Trace(dst, r.Trace), '\n')
}

// End adds nothing.
func (CSV) End(dst []byte, _, _ uint64) []byte { return dst }

// JSONLines is an object for each request, one a line, with the names of CSV's columns; the last line is an object that
// says how many were written and how many were not.
type JSONLines struct{}

// Begin adds nothing.
func (JSONLines) Begin(dst []byte) []byte { return dst }

// Append is one line.
func (JSONLines) Append(dst []byte, r *load.RequestLog) []byte {
	name := func(i int) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), columns[i]...), '"', ':')
	}
	text := func(i int, s string) {
		name(i)
		quoted, _ := json.Marshal(s) // a string never fails
		dst = append(dst, quoted...)
	}
	dst = append(dst, '{')
	name(0)
	dst = append(Stamp(append(dst, '"'), r.At), '"')
	text(1, r.Scenario)
	text(2, r.Step)
	name(3)
	dst = strconv.AppendUint(dst, r.User, 10)
	name(4)
	dst = strconv.AppendUint(dst, r.Iteration, 10)
	name(5)
	dst = strconv.AppendBool(dst, r.Warmup)
	name(6)
	dst = Millis(dst, r.Latency)
	name(7)
	dst = Millis(dst, r.Service)
	name(8)
	dst = strconv.AppendInt(dst, int64(r.Status), 10)
	text(9, r.Kind.String())
	text(10, Text(r.Err))
	name(11)
	dst = strconv.AppendInt(dst, r.Received, 10)
	for i, d := range phases(&r.Phases) {
		name(12 + i)
		dst = Millis(dst, d)
	}
	name(18)
	dst = append(Trace(append(dst, '"'), r.Trace), '"')
	return append(dst, '}', '\n')
}

// End is the last line.
func (JSONLines) End(dst []byte, written, dropped uint64) []byte {
	dst = strconv.AppendUint(append(dst, `{"written":`...), written, 10)
	dst = strconv.AppendUint(append(dst, `,"dropped":`...), dropped, 10)
	return append(dst, '}', '\n')
}

func phases(p *protocol.Phases) [6]time.Duration {
	return [6]time.Duration{p.Resolve, p.Connect, p.TLS, p.Write, p.Wait, p.Read}
}

// Text is what an error says, in one line, cut; "" for none.
func Text(err error) string {
	if err == nil {
		return ""
	}
	s := strings.ToValidUTF8(err.Error(), "\ufffd")
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, s)
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// Millis appends a duration in milliseconds, to the microsecond.
func Millis(dst []byte, d time.Duration) []byte {
	us := d.Microseconds()
	if us < 0 {
		dst, us = append(dst, '-'), -us
	}
	dst = strconv.AppendInt(dst, us/1000, 10)
	if rest := us % 1000; rest > 0 {
		dst = append(dst, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	}
	return dst
}

// Stamp appends an instant to the microsecond, in UTC.
func Stamp(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
}

// Trace appends a trace ID in hexadecimal.
func Trace(dst []byte, id signal.TraceID) []byte { return hex.AppendEncode(dst, id[:]) }

// Quoted appends a field of a CSV row, in quotes where it needs them. A field that a spreadsheet would take for a formula
// is text with an apostrophe before it.
func Quoted(dst []byte, s string) []byte {
	if s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
		s = "'" + s
	}
	if !strings.ContainsAny(s, ",\"\r\n") {
		return append(dst, s...)
	}
	return append(append(append(dst, '"'), strings.ReplaceAll(s, `"`, `""`)...), '"')
}
