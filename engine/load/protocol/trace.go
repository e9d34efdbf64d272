package protocol

import "encoding/hex"

// TraceparentLength is what AppendTraceparent appends, in bytes; CorrelationLength is what AppendCorrelationID does.
const (
	TraceparentLength = len("00-") + CorrelationLength + len("-") + 16 + len("-00")
	CorrelationLength = 32
)

// AppendTraceparent appends the value that goes with a request so that its spans join our trace: version, trace ID, span
// ID and the sampled flag (https://www.w3.org/TR/trace-context/). Appended to an empty slice it is written in place.
func (c *Call) AppendTraceparent(dst []byte) []byte {
	dst = hex.AppendEncode(append(dst, "00-"...), c.Trace[:])
	dst = hex.AppendEncode(append(dst, '-'), c.Span[:])
	if c.Sampled {
		return append(dst, "-01"...)
	}
	return append(dst, "-00"...)
}

// AppendCorrelationID appends the value by which a request is found in logs: its trace ID.
func (c *Call) AppendCorrelationID(dst []byte) []byte { return hex.AppendEncode(dst, c.Trace[:]) }
