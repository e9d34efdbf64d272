package signal

import (
	"encoding/hex"
	"strings"
)

// TraceID is the W3C trace ID that joins the signals of one request. The zero value means "none".
type TraceID [16]byte

// SpanID names one span within a trace. The zero value means "none".
type SpanID [8]byte

// IsZero reports whether the ID is absent. W3C Trace Context forbids the all-zero ID, so it is free to mean that.
func (id TraceID) IsZero() bool { return id == TraceID{} }

// IsZero reports whether the ID is absent.
func (id SpanID) IsZero() bool { return id == SpanID{} }

// String is the 32 lower-case hex digits of the W3C form, or "" for the zero ID.
func (id TraceID) String() string {
	if id.IsZero() {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// Short is the first eight hex digits: enough to tell requests apart on a narrow screen, never to look one up.
func (id TraceID) Short() string {
	if id.IsZero() {
		return ""
	}
	return hex.EncodeToString(id[:4])
}

// String is the 16 lower-case hex digits, or "" for the zero ID.
func (id SpanID) String() string {
	if id.IsZero() {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// ParseTraceID reads 32 hex digits in either case. 16 digits are a 64-bit ID, padded with zeros on the left as
// OpenTelemetry does. ok is false for anything else, and for the all-zero ID.
func ParseTraceID(s string) (id TraceID, ok bool) {
	s = strings.TrimSpace(s)
	switch len(s) {
	case 32:
		if _, err := hex.Decode(id[:], []byte(s)); err != nil {
			return TraceID{}, false
		}
	case 16:
		if _, err := hex.Decode(id[8:], []byte(s)); err != nil {
			return TraceID{}, false
		}
	default:
		return TraceID{}, false
	}
	return id, !id.IsZero()
}

// ParseSpanID reads 16 hex digits in either case; ok is false for anything else, and for the all-zero ID.
func ParseSpanID(s string) (id SpanID, ok bool) {
	if len(s) != 16 {
		return SpanID{}, false
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return SpanID{}, false
	}
	return id, !id.IsZero()
}

// CorrelationID is the key that joins signals of one request: the hex form of a trace ID, or the value of a
// configured field such as request_id. "" means none.
type CorrelationID string

// TraceID returns the trace ID when the correlation ID is one, in any form.
func (c CorrelationID) TraceID() (TraceID, bool) { return ParseAnyTraceID(string(c)) }

// Short is what fits in a header: the first eight characters, marked when something was cut.
func (c CorrelationID) Short() string {
	if len(c) <= 8 {
		return string(c)
	}
	return string(c[:8]) + "…"
}
