package jtl

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/protocol"
	"gameday/engine/load/requests"
)

// Columns of the CSV form: JMeter's defaults in JMeter's order, then figures of ours as JMeter writes sample variables,
// which its own reader passes over: their names are in quotes.
const header = "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,sentBytes," +
	"grpThreads,allThreads,URL,Latency,IdleTime,Connect,\"" + columnService + "\",\"" + columnTrace + "\"\n"

const (
	columnService = "gameday_service_ms"
	columnTrace   = "gameday_trace"
)

// The texts that JMeter puts before what is no status.
const (
	noCode    = "Non HTTP response code: "
	noMessage = "Non HTTP response message: "
)

// Labels name samples: by their step, and by their scenario too where there are several.
type Labels struct {
	Scenarios bool
	users     atomic.Int64
}

// Users says how many users there are now, for the columns that hold that.
func (l *Labels) Users(n int) { l.users.Store(int64(n)) }

func (l *Labels) label(r *load.RequestLog) string {
	if l.Scenarios {
		return r.Scenario + "/" + r.Step
	}
	return r.Step
}

// thread is what JMeter calls a user.
func thread(r *load.RequestLog) string { return r.Scenario + " 1-" + strconv.FormatUint(r.User, 10) }

// left out are requests before the measurement, which JMeter has no notion of, and ones that gameday broke off itself.
func leftOut(r *load.RequestLog) bool { return r.Warmup || r.Kind == protocol.Interrupted }

// answer is the code and the message of a sample, and what its failed check said.
func answer(r *load.RequestLog) (code, message, failure string) {
	if r.Kind.Failed() && r.Status < 400 {
		failure = r.Kind.String()
		if text := requests.Text(r.Err); text != "" {
			failure += ": " + text
		}
	}
	switch {
	case r.Status > 0:
		return strconv.Itoa(r.Status), http.StatusText(r.Status), failure
	case r.Kind == protocol.OK:
		return "200", "OK", "" // other protocols than HTTP: what JMeter's own samplers say
	case r.Kind == protocol.CheckFailed:
		return "200", "OK", failure
	}
	return noCode + r.Kind.String(), noMessage + requests.Text(r.Err), ""
}

// CSV writes results as JMeter does by default. elapsed counts from when a request was due, so that a report made of the
// file is as honest as gameday's; a column of its own holds the time from when it was begun. It is a requests.Encoder.
type CSV struct{ *Labels }

// Begin is the header row.
func (CSV) Begin(dst []byte) []byte { return append(dst, header...) }

// Append is a row, or nothing for a request that JMeter has no notion of.
func (c CSV) Append(dst []byte, r *load.RequestLog) []byte {
	if leftOut(r) {
		return dst
	}
	code, message, failure := answer(r)
	users := c.users.Load()
	number := func(n int64) { dst = append(strconv.AppendInt(dst, n, 10), ',') }
	text := func(s string) { dst = append(field(dst, s), ',') }
	number(r.At.UnixMilli())
	number(millis(r.Latency))
	text(c.label(r))
	text(code)
	text(message)
	text(thread(r))
	dst = append(dst, "text,"...)
	dst = append(strconv.AppendBool(dst, !r.Kind.Failed()), ',')
	text(failure)
	number(r.Received)
	number(0)
	number(users)
	number(users)
	dst = append(dst, "null,"...)
	number(millis(r.Latency - r.Phases.Read))
	number(0)
	number(millis(r.Phases.Resolve + r.Phases.Connect + r.Phases.TLS))
	dst = append(requests.Millis(dst, r.Service), ',')
	return append(requests.Trace(dst, r.Trace), '\n')
}

// End adds nothing.
func (CSV) End(dst []byte, _, _ uint64) []byte { return dst }

// millis is JMeter's resolution, rounded to the nearest.
func millis(d time.Duration) int64 { return d.Round(time.Millisecond).Milliseconds() }

// field is a text as JMeter quotes it.
func field(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, ",\"\r\n") {
		return append(dst, s...)
	}
	return append(append(append(dst, '"'), strings.ReplaceAll(s, `"`, `""`)...), '"')
}

// XML writes results in JMeter's XML form. It is a requests.Encoder.
type XML struct{ *Labels }

// Begin is the head of the document.
func (XML) Begin(dst []byte) []byte {
	return append(dst, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testResults version=\"1.2\">\n"...)
}

// Append is a sample, or nothing for a request that JMeter has no notion of.
func (x XML) Append(dst []byte, r *load.RequestLog) []byte {
	if leftOut(r) {
		return dst
	}
	code, message, failure := answer(r)
	users := x.users.Load()
	number := func(name string, n int64) {
		dst = append(strconv.AppendInt(append(append(append(dst, ' '), name...), '=', '"'), n, 10), '"')
	}
	text := func(name, s string) {
		dst = append(escaped(append(append(append(dst, ' '), name...), '=', '"'), s), '"')
	}
	dst = append(dst, "<httpSample"...)
	number("t", millis(r.Latency))
	number("it", 0)
	number("lt", millis(r.Latency-r.Phases.Read))
	number("ct", millis(r.Phases.Resolve+r.Phases.Connect+r.Phases.TLS))
	number("ts", r.At.UnixMilli())
	text("s", strconv.FormatBool(!r.Kind.Failed()))
	text("lb", x.label(r))
	text("rc", code)
	text("rm", message)
	text("tn", thread(r))
	text("dt", "text")
	number("by", r.Received)
	number("sby", 0)
	number("ng", users)
	number("na", users)
	text(columnTrace, string(requests.Trace(nil, r.Trace)))
	if failure == "" {
		return append(dst, "/>\n"...)
	}
	dst = append(dst, ">\n  <assertionResult>\n    <name>gameday</name>\n    <failure>true</failure>\n    <error>false</error>\n    <failureMessage>"...)
	return append(escaped(dst, failure), "</failureMessage>\n  </assertionResult>\n</httpSample>\n"...)
}

// End closes the document.
func (XML) End(dst []byte, _, _ uint64) []byte { return append(dst, "</testResults>\n"...) }

// escaped is a text that may stand in XML; what may not becomes the replacement character.
func escaped(dst []byte, s string) []byte {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder never fails
	return append(dst, b.String()...)
}
