package session

import (
	"strconv"
	"time"

	"golang.org/x/net/http2/hpack"

	"gameday/engine/load/dial"
	"gameday/engine/load/protocol"
)

// maxInterim is how many 1xx heads may come before the real one.
const maxInterim = 8

func (c *conn) onHeaders(f *frame, now time.Duration) error {
	if _, err := c.find(f.stream); err != nil {
		return err
	}
	if err := f.unpad(); err != nil {
		return err
	}
	if f.flags&flagPriority != 0 {
		if len(f.payload) < 5 {
			return dial.Malformed("bad response: a HEADERS frame that is too short for its priority")
		}
		f.payload = f.payload[5:]
	}
	in := &c.in
	in.endsOf = f.flags&flagEndStream != 0
	if f.flags&flagEndHeaders != 0 {
		return c.decode(f.stream, f.payload, now)
	}
	in.blockOf, in.block = f.stream, append(in.block[:0], f.payload...)
	return nil
}

func (c *conn) onContinuation(f *frame, now time.Duration) error {
	in := &c.in
	if in.blockOf == 0 {
		return dial.Malformed("bad response: a CONTINUATION frame of nothing")
	}
	if len(f.payload) == 0 && f.flags&flagEndHeaders == 0 || len(in.block)+len(f.payload) > maxBlock {
		return dial.Malformed("bad response: a head longer than 256 KiB, or made of nothing")
	}
	in.block = append(in.block, f.payload...)
	if f.flags&flagEndHeaders == 0 {
		return nil
	}
	in.blockOf = 0
	return c.decode(f.stream, in.block, now)
}

// decode reads a whole head or trailer. It is decoded even when nobody waits for it: the table goes on.
func (c *conn) decode(id uint32, block []byte, now time.Duration) error {
	in := &c.in
	s := c.streams[id]
	in.stream, in.size, in.status, in.regular, in.bad = s, 0, 0, false, false
	in.decoder.SetEmitEnabled(true)
	if _, err := in.decoder.Write(block); err != nil {
		return dial.Malformed("bad response: a head that HPACK cannot decode")
	}
	if err := in.decoder.Close(); err != nil {
		return dial.Malformed("bad response: a head that is cut off")
	}
	if in.size > maxFields {
		return dial.Malformed("bad response: a head of more than 256 KiB")
	}
	if s == nil {
		return nil
	}
	switch {
	case in.bad, !s.headed && in.status == 0, s.headed && in.status != 0:
		c.end(s, protocol.BadResponse, dial.Malformed("bad response: a head without a valid status, or a trailer with one"), codeProtocol)
	case s.headed && !in.endsOf:
		c.end(s, protocol.BadResponse, dial.Malformed("bad response: a trailer in the middle of a body"), codeProtocol)
	case in.status/100 == 1 && (in.endsOf || s.interim == maxInterim):
		c.end(s, protocol.BadResponse, dial.Malformed("bad response: interim answers without a real one"), codeProtocol)
	case in.status/100 == 1:
		s.interim++
	default:
		if !s.headed {
			s.headed, s.status, s.first = true, in.status, now
			if s.batch <= c.flushed && c.flushed-s.batch < flushHistory {
				s.sent = c.instants[s.batch%flushHistory]
			}
		}
		if in.endsOf {
			c.complete(s, now)
		}
	}
	return nil
}

// field takes one field of the head that is being decoded.
func (c *conn) field(f hpack.HeaderField) {
	in := &c.in
	if in.size += f.Size(); in.size > maxFields {
		in.decoder.SetEmitEnabled(false)
		return
	}
	s := in.stream
	if s == nil {
		return
	}
	if len(f.Name) > 0 && f.Name[0] == ':' {
		n, err := strconv.Atoi(f.Value)
		if in.regular || f.Name != ":status" || in.status != 0 || err != nil || len(f.Value) != 3 || n < 100 || n > 599 {
			in.bad = true
		}
		in.status = n
		return
	}
	in.regular = true
	if in.status/100 == 1 {
		return
	}
	if f.Name == "content-length" && !s.headed {
		n, err := strconv.ParseInt(f.Value, 10, 64)
		in.bad = in.bad || err != nil || n < 0 || s.length >= 0 && s.length != n
		s.length = n
		s.lengthOnly = s.lengthOnly || in.status == 304
	}
	if s.sink != nil {
		s.sink.Field(s.headed, f.Name, f.Value)
	}
}
