// Package wire reads spans in Zipkin's JSON, version 2 (https://zipkin.io/zipkin-api/) and version 1, and in its protobuf: what the driver of
// kind zipkin is answered, and what the receiver is sent.
package wire

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"gameday/sources/jsonstream"
	"gameday/sources/signal"
)

// Reader reads spans.
type Reader struct {
	Source string    // what spans carry as theirs
	Now    time.Time // for what carries no time
	V1     bool      // version 1: kind, service and times are in annotations
	Most   int       // spans that are read before ErrMany
}

// ErrMany is a list that has more spans than Reader.Most.
var ErrMany = errors.New("there are more spans than are read")

// endpoint is a place in the network.
type endpoint struct {
	ServiceName, IPv4, IPv6 string
	Port                    int
}

// annotation is an instant of a span.
type annotation struct {
	Timestamp int64
	Value     string
	Endpoint  *endpoint // version 1
}

// span is one span of either version.
type span struct {
	TraceID, ParentID, ID, Name, Kind string
	Timestamp, Duration               int64 // µs
	LocalEndpoint, RemoteEndpoint     *endpoint
	Annotations                       []annotation
	Tags                              map[string]string
	BinaryAnnotations                 []struct { // version 1's tags
		Key      string
		Value    json.RawMessage
		Endpoint *endpoint
	}
}

// List reads [span, …] and appends to out what can be used; rejected counts what cannot. It returns what it read beside an error.
func (r Reader) List(in *jsonstream.Reader, out *[]signal.Span) (rejected int, err error) {
	err = in.Array(func() error {
		if len(*out)+rejected >= r.Most {
			return ErrMany
		}
		var s span
		err := in.Decode(&s)
		var kind *json.UnmarshalTypeError
		switch {
		case errors.Is(err, jsonstream.ErrTooLarge), errors.As(err, &kind):
			rejected++
			return nil
		case err != nil:
			return err
		}
		if one, ok := r.convert(&s); ok {
			*out = append(*out, one)
		} else {
			rejected++
		}
		return nil
	})
	return rejected, err
}

// convert makes our span; ok is false when it has no IDs, so that it could not be found again.
func (r Reader) convert(s *span) (out signal.Span, ok bool) {
	trace, ok := traceID(s.TraceID)
	id, ok2 := spanID(s.ID)
	if !ok || !ok2 {
		return out, false
	}
	out = signal.Span{TraceID: trace, SpanID: id, Name: s.Name, Kind: kindOf(s.Kind), Source: r.Source, Duration: micros(s.Duration)}
	out.ParentID, _ = spanID(s.ParentID) // a root has none
	if s.LocalEndpoint != nil {
		out.Service = s.LocalEndpoint.ServiceName
	}
	r.tags(s, &out)
	r.annotations(s, &out)
	if e := s.RemoteEndpoint; e != nil {
		out.Attrs = append(out.Attrs, e.attrs()...)
	}
	switch {
	case s.Timestamp > 0:
		out.Start = time.UnixMicro(s.Timestamp)
	case out.Start.IsZero():
		out.Start = r.Now
	}
	if out.Service == "" {
		out.Service = "unknown_service"
	}
	return out, true
}

func (e *endpoint) attrs() (out signal.Attrs) {
	address := e.IPv4
	if address == "" {
		address = e.IPv6
	}
	for _, a := range []signal.Attr{{Key: "peer.service", Value: e.ServiceName}, {Key: "network.peer.address", Value: address}} {
		if a.Value != "" {
			out = append(out, a)
		}
	}
	if e.Port > 0 {
		out = append(out, signal.Attr{Key: "network.peer.port", Value: strconv.Itoa(e.Port)})
	}
	return out
}

// tags takes the attributes in an order that does not change from one reading to the next.
func (r Reader) tags(s *span, out *signal.Span) {
	add := func(key, value string) {
		switch {
		case key == "error": // there means failed, whatever it says; the text is the reason
			out.Failed = value != "false"
			if value != "true" && value != "" && out.Failed {
				out.Message = value
			}
		case key == "otel.status_code":
			out.Failed = out.Failed || value == "ERROR"
		case key == "otel.status_description":
			out.Message = value
		default:
			out.Attrs = append(out.Attrs, signal.Attr{Key: key, Value: value})
		}
	}
	for _, a := range sorted(s.Tags) {
		add(a.Key, a.Value)
	}
	for _, b := range s.BinaryAnnotations {
		switch b.Key {
		case "sa", "ca": // the address of the other side
			if b.Endpoint != nil {
				out.Attrs = append(out.Attrs, b.Endpoint.attrs()...)
			}
			continue
		case "lc":
		default:
			var text string
			if json.Unmarshal(b.Value, &text) != nil {
				text = string(b.Value)
			}
			add(b.Key, text)
		}
		if b.Endpoint != nil && out.Service == "" {
			out.Service = b.Endpoint.ServiceName
		}
	}
}

func sorted(tags map[string]string) signal.Attrs {
	out := make(signal.Attrs, 0, len(tags))
	for k, v := range tags {
		out = append(out, signal.Attr{Key: k, Value: v})
	}
	return out.Sorted()
}

// core are version 1's annotations that say what the span is, when it began and when it ended.
var core = map[string]struct {
	kind  signal.SpanKind
	begin bool
}{
	"cs": {signal.SpanClient, true}, "cr": {signal.SpanClient, false}, "sr": {signal.SpanServer, true}, "ss": {signal.SpanServer, false},
	"ms": {signal.SpanProducer, true}, "mr": {signal.SpanConsumer, true},
}

func (r Reader) annotations(s *span, out *signal.Span) {
	var end time.Time
	for _, a := range s.Annotations {
		at := time.UnixMicro(a.Timestamp)
		if c, ok := core[a.Value]; ok && r.V1 {
			if out.Kind == signal.SpanUnspecified {
				out.Kind = c.kind
			}
			if a.Endpoint != nil && out.Service == "" {
				out.Service = a.Endpoint.ServiceName
			}
			if c.begin && out.Start.IsZero() {
				out.Start = at
			} else if !c.begin {
				end = at
			}
			continue
		}
		out.Events = append(out.Events, signal.SpanEvent{Time: at, Name: a.Value})
	}
	if s.Duration == 0 && !end.IsZero() && end.After(out.Start) && !out.Start.IsZero() {
		out.Duration = end.Sub(out.Start)
	}
}

func kindOf(text string) signal.SpanKind {
	switch strings.ToUpper(text) {
	case "CLIENT":
		return signal.SpanClient
	case "SERVER":
		return signal.SpanServer
	case "PRODUCER":
		return signal.SpanProducer
	case "CONSUMER":
		return signal.SpanConsumer
	}
	return signal.SpanUnspecified
}

// micros is a duration; what does not fit is none.
func micros(us int64) time.Duration {
	if us < 0 || us > math.MaxInt64/int64(time.Microsecond) {
		return 0
	}
	return time.Duration(us) * time.Microsecond
}

// traceID reads 1 to 32 digits: leading zeros may be missing.
func traceID(s string) (signal.TraceID, bool) {
	if s == "" || len(s) > 32 {
		return signal.TraceID{}, false
	}
	return signal.ParseTraceID(strings.Repeat("0", 32-len(s)) + s)
}

func spanID(s string) (signal.SpanID, bool) {
	if s == "" || len(s) > 16 {
		return signal.SpanID{}, false
	}
	return signal.ParseSpanID(strings.Repeat("0", 16-len(s)) + s)
}
