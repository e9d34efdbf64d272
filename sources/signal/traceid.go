package signal

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

// TraceForm is a way in which a system writes trace IDs.
type TraceForm uint8

// The forms. Those of 64 bits hold the lower half of an ID only.
const (
	FormHex     TraceForm = iota // 32 hex digits: W3C, OpenTelemetry, Jaeger, Tempo, B3
	FormHex64                    // 16 hex digits: B3 and Zipkin with short IDs, older Jaeger clients
	FormDatadog                  // a decimal of 64 bits
	FormXRay                     // 1-8-24: AWS X-Ray
	FormUUID                     // 8-4-4-4-12
	numForms
)

// minDecimal is how many digits a decimal has at least that is taken for an ID.
const minDecimal = 17

// In writes the ID in a form; "" when that form has nothing of it, because it is zero or its lower half is.
func (id TraceID) In(f TraceForm) string {
	low := binary.BigEndian.Uint64(id[8:])
	if id.IsZero() || low == 0 && (f == FormHex64 || f == FormDatadog) {
		return ""
	}
	h := hex.EncodeToString(id[:])
	switch f {
	case FormHex64:
		return h[16:]
	case FormDatadog:
		return strconv.FormatUint(low, 10)
	case FormXRay:
		return "1-" + h[:8] + "-" + h[8:]
	case FormUUID:
		return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	}
	return h
}

// Forms are all texts under which a system may know the ID, FormHex first: what a source is asked for that keeps IDs as
// somebody wrote them. It is nil for the zero ID. A decimal of fewer digits than ParseAnyTraceID takes for an ID is left out:
// searched for as a text, it would be found in everything.
func (id TraceID) Forms() []string {
	var out []string
	for f := range numForms {
		if s := id.In(f); s != "" && (f != FormDatadog || len(s) >= minDecimal) {
			out = append(out, s)
		}
	}
	return out
}

// Same reports whether two IDs can be those of one trace: they are equal, or one of them has 64 bits only, as a system
// that keeps no more tells it, and these are the other's lower half. The zero ID is the same as none.
func (id TraceID) Same(other TraceID) bool {
	if id.IsZero() || other.IsZero() {
		return false
	}
	return id == other || (id.short() || other.short()) && [8]byte(id[8:]) == [8]byte(other[8:])
}

// short reports that the upper half is empty.
func (id TraceID) short() bool { return [8]byte(id[:8]) == [8]byte{} }

// ParseAnyTraceID reads a trace ID in any form, alone or within the value of a header that carries one; see
// ParseTraceContext for those. A decimal needs 17 to 20 digits to count as Datadog's, so that the number of an order
// is not taken for one, and 16 digits are read as hex. ok is false for everything else, and for the all-zero ID.
func ParseAnyTraceID(s string) (id TraceID, ok bool) {
	id, _, ok = ParseTraceContext(s)
	return id, ok
}

// ParseTraceContext reads a trace ID in any form and, where one stands beside it, the ID of a span:
//
//	4bf92f3577b34da6a3ce929d0e0e4736                             32 or 16 hex digits, in either case
//	4bf92f35-77b3-4da6-a3ce-929d0e0e4736                         UUID, also in braces or as urn:uuid:…
//	11803532876627986230                                         Datadog, 17 to 20 digits
//	00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01      traceparent (W3C Trace Context, also future versions)
//	4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1[-…]      b3 (16 or 32 digits)
//	4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:1        uber-trace-id (Jaeger; leading zeros may be left out)
//	1-4bf92f35-77b34da6a3ce929d0e0e4736                          AWS X-Ray, also as Root=…;Parent=…;Sampled=1
//	4bf92f3577b34da6a3ce929d0e0e4736/67667974448284343;o=1       X-Cloud-Trace-Context
//	projects/p/traces/4bf92f3577b34da6a3ce929d0e0e4736           Google Cloud's logs
func ParseTraceContext(s string) (id TraceID, span SpanID, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) < 16 || len(s) > 512 {
		return id, span, false
	}
	switch {
	case len(s) == 16, len(s) == 32:
		id, ok = ParseTraceID(s)
	case len(s) <= 20:
		id, ok = ParseDecimalTraceID(s)
	case strings.Contains(s, "="):
		if s[0] != 'R' && s[0] != 'P' && s[0] != 'S' && s[0] != 'L' { // Root, Parent, Self, Sampled, Lineage
			return parseCloud(s)
		}
		return parseXRayHeader(s)
	case strings.Contains(s, "/"):
		return parseCloud(s)
	case strings.HasPrefix(s, "urn:uuid:"), s[0] == '{', isUUID(s):
		id, ok = parseUUID(s)
	case strings.Contains(s, ":"):
		return parseUber(s)
	case s[:2] == "1-" && len(s) == 35:
		id, ok = parseXRay(s)
	default:
		return parseDashed(s)
	}
	return id, span, ok
}

// ParseDecimalTraceID reads Datadog's decimal, where it is known to be one, such as in a field dd.trace_id: 1 to 20
// digits. It is the lower half of an ID; the upper one is zero.
func ParseDecimalTraceID(s string) (id TraceID, ok bool) {
	if s == "" || s[0] == '+' {
		return id, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return id, false
	}
	binary.BigEndian.PutUint64(id[8:], n)
	return id, true
}

// ParseTraceField reads the value of a field by what its name says of the form: dd.trace_id is a decimal however short it
// is, unless it has 32 digits. Every other name is read as ParseTraceContext does.
func ParseTraceField(key, value string) (id TraceID, span SpanID, ok bool) {
	switch strings.ToLower(key) {
	case "dd.trace_id", "dd_trace_id", "datadog.trace_id", "x-datadog-trace-id":
		if value = strings.TrimSpace(value); len(value) != 32 {
			id, ok = ParseDecimalTraceID(value)
			return id, span, ok
		}
	}
	return ParseTraceContext(value)
}

// ParseSpanField is ParseTraceField for the ID of a span.
func ParseSpanField(key, value string) (id SpanID, ok bool) {
	value = strings.TrimSpace(value)
	switch strings.ToLower(key) {
	case "dd.span_id", "dd_span_id", "datadog.span_id", "x-datadog-parent-id":
		return parseDecimalSpan(value)
	}
	return ParseSpanID(value)
}

func parseDecimalSpan(s string) (id SpanID, ok bool) {
	low, ok := ParseDecimalTraceID(s)
	return SpanID(low[8:]), ok
}

// parseDashed reads traceparent and b3.
func parseDashed(s string) (id TraceID, span SpanID, ok bool) {
	parts := strings.SplitN(s, "-", 6)
	if len(parts[0]) == 2 { // version 00 has four parts; later ones may have more, ff is forbidden
		_, err := hex.DecodeString(parts[0])
		if err != nil || strings.EqualFold(parts[0], "ff") || len(parts) < 4 || parts[0] == "00" && len(parts) != 4 ||
			len(parts[1]) != 32 || len(parts[3]) != 2 {
			return id, span, false
		}
		parts = parts[1:3]
	}
	if len(parts) < 2 || len(parts) > 4 {
		return id, span, false
	}
	if id, ok = ParseTraceID(parts[0]); ok {
		span, ok = ParseSpanID(parts[1])
	}
	if !ok {
		return TraceID{}, SpanID{}, false
	}
	return id, span, true
}

// parseUber reads Jaeger's header, {trace}:{span}:{parent}:{flags} in hex.
func parseUber(s string) (id TraceID, span SpanID, ok bool) {
	parts := strings.SplitN(s, ":", 5)
	if len(parts) != 4 || parts[0] == "" || len(parts[0]) > 32 || parts[1] == "" || len(parts[1]) > 16 {
		return id, span, false
	}
	if id, ok = ParseTraceID(strings.Repeat("0", 32-len(parts[0])) + parts[0]); ok {
		span, ok = ParseSpanID(strings.Repeat("0", 16-len(parts[1])) + parts[1])
	}
	if !ok {
		return TraceID{}, SpanID{}, false
	}
	return id, span, true
}

// parseXRay reads 1-8-24: the version, seconds since 1970, 96 random bits.
func parseXRay(s string) (TraceID, bool) {
	if len(s) != 35 || s[:2] != "1-" || s[10] != '-' {
		return TraceID{}, false
	}
	return ParseTraceID(s[2:10] + s[11:])
}

// parseXRayHeader reads X-Amzn-Trace-Id, whose Root is the trace.
func parseXRayHeader(s string) (id TraceID, span SpanID, ok bool) {
	for part := range strings.SplitSeq(s, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "Root":
			id, ok = parseXRay(value)
		case "Parent":
			span, _ = ParseSpanID(value)
		}
	}
	if !ok {
		span = SpanID{}
	}
	return id, span, ok
}

// parseCloud reads Google Cloud's trace/span;o=1, with the span in decimal, and projects/p/traces/trace.
func parseCloud(s string) (id TraceID, span SpanID, ok bool) {
	if strings.HasPrefix(s, "projects/") {
		parts := strings.Split(s, "/")
		if len(parts) == 4 && parts[2] == "traces" && len(parts[3]) == 32 {
			id, ok = ParseTraceID(parts[3])
		}
		return id, span, ok
	}
	s, options, _ := strings.Cut(s, ";")
	trace, number, _ := strings.Cut(s, "/")
	if len(trace) != 32 || options != "" && !strings.HasPrefix(options, "o=") {
		return id, span, false
	}
	if id, ok = ParseTraceID(trace); ok {
		span, _ = parseDecimalSpan(number)
	}
	return id, span, ok
}

func isUUID(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-'
}

func parseUUID(s string) (TraceID, bool) {
	s = strings.TrimPrefix(s, "urn:uuid:")
	if len(s) == 38 && s[0] == '{' && s[37] == '}' {
		s = s[1:37]
	}
	if !isUUID(s) {
		return TraceID{}, false
	}
	return ParseTraceID(s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:])
}
