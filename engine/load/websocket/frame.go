package websocket

import (
	"encoding/binary"
	"fmt"
	"io"

	"gameday/engine/load/dial"
)

// The kinds of frames: RFC 6455, 5.2.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// mostHeader is the longest a frame's header can be: two bytes, eight of length, four of mask.
const mostHeader = 14

// header is the beginning of a frame from a server, which never masks.
type header struct {
	final bool
	op    byte
	size  int // of the header
	body  int // bytes that follow
}

// parseHeader reads a frame's header. ok is false while b does not hold all of it. A body of more than limit bytes is an
// error.
func parseHeader(b []byte, limit int) (h header, ok bool, err error) {
	if len(b) < 2 {
		return h, false, nil
	}
	h = header{final: b[0]&0x80 != 0, op: b[0] & 0x0f, size: 2, body: int(b[1] & 0x7f)}
	switch {
	case b[0]&0x70 != 0:
		return h, false, dial.Malformed("a frame makes use of an extension that was not agreed on")
	case b[1]&0x80 != 0:
		return h, false, dial.Malformed("a frame is masked, which a server's must not be")
	case h.op > opBinary && h.op < opClose || h.op > opPong:
		return h, false, dial.Malformedf("a frame is of the unknown kind %d", h.op)
	case h.op >= opClose && (!h.final || h.body > 125):
		return h, false, dial.Malformed("a control frame is in pieces or too long")
	}
	size := uint64(h.body)
	switch h.body {
	case 126:
		if h.size = 4; len(b) < h.size {
			return h, false, nil
		}
		size = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if h.size = 10; len(b) < h.size {
			return h, false, nil
		}
		size = binary.BigEndian.Uint64(b[2:])
	}
	if size > uint64(limit) && h.op < opClose {
		return h, false, dial.Malformedf("a message is longer than %d bytes", limit)
	}
	h.body = int(size)
	return h, true, nil
}

// seal makes a frame of what stands in b after room for a header, masks it, and returns where the frame begins.
func seal(b []byte, op byte, key uint32) []byte {
	body := b[mostHeader:]
	var head [mostHeader]byte
	head[0] = 0x80 | op
	size := 2
	switch n := len(body); {
	case n < 126:
		head[1] = 0x80 | byte(n)
	case n < 1<<16:
		head[1] = 0x80 | 126
		binary.BigEndian.PutUint16(head[2:], uint16(n))
		size = 4
	default:
		head[1] = 0x80 | 127
		binary.BigEndian.PutUint64(head[2:], uint64(n))
		size = 10
	}
	binary.LittleEndian.PutUint32(head[size:], key)
	size += 4
	mask(body, key)
	copy(b[mostHeader-size:], head[:size])
	return b[mostHeader-size:]
}

// mask covers, or uncovers, a body.
func mask(b []byte, key uint32) {
	wide := uint64(key)<<32 | uint64(key)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(key >> (8 * (i & 3)))
	}
}

// closedError is a server's farewell.
type closedError struct{ code int }

func (e *closedError) Error() string {
	return fmt.Sprintf("the server closed the connection with code %d", e.code)
}

// Unwrap makes it a connection that was closed.
func (e *closedError) Unwrap() error { return io.EOF }

// noCode is what stands for a farewell without a code: RFC 6455, 7.1.5.
const noCode = 1005

// closeCode reads the body of a close frame.
func closeCode(body []byte) (int, error) {
	switch {
	case len(body) == 0:
		return noCode, nil
	case len(body) == 1:
		return 0, dial.Malformed("a close frame holds half a code")
	}
	return int(binary.BigEndian.Uint16(body)), nil
}
