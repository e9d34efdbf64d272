package main

import (
	"bufio"
	"encoding/binary"
	"net"
)

var (
	settings = []byte{0, 0, 0, 4, 0, 0, 0, 0, 0}
	settled  = []byte{0, 0, 0, 4, 1, 0, 0, 0, 0}
)

// answer is what every request gets.
type answer struct{ head, body, trailer []byte }

// answers are HTTP's ":status: 200", "content-length: 2", "ok", and gRPC's with a SimpleResponse and "grpc-status: 0".
var answers = map[string]answer{
	"http2": {head: []byte{0x88, 0x0f, 0x0d, 1, '2'}, body: []byte("ok")},
	"grpc": {
		head:    []byte("\x88\x0f\x10\x10application/grpc"),
		body:    []byte{0, 0, 0, 0, 6, 0x0a, 4, 0x12, 2, 0, 0},
		trailer: []byte("\x00\x0bgrpc-status\x010"),
	},
}

// serveFrames is the fastest honest HTTP/2 target that fits on a page: it decodes no heads, and answers all requests that
// came with one read in one write.
func serveFrames(l net.Listener, a answer) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			_ = a.frames(c) // it ends when the client goes
		}()
	}
}

func (a answer) frames(c net.Conn) error {
	in := bufio.NewReaderSize(c, 64<<10)
	if _, err := in.Discard(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")); err != nil {
		return err
	}
	out := append([]byte(nil), settings...)
	for {
		if in.Buffered() < 9 && len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				return err
			}
			out = out[:0]
		}
		h, err := in.Peek(9)
		if err != nil {
			return err
		}
		size, kind, flags, stream := int(h[0])<<16|int(h[1])<<8|int(h[2]), h[3], h[4], binary.BigEndian.Uint32(h[5:])
		if _, err := in.Discard(9 + size); err != nil {
			return err
		}
		switch {
		case kind == 4 && flags&1 == 0:
			out = append(out, settled...)
		case kind == 1:
			out = frame(out, 1, 4, stream, a.head)
			if a.trailer == nil {
				out = frame(out, 0, 1, stream, a.body)
				continue
			}
			out = frame(out, 0, 0, stream, a.body)
			out = frame(out, 1, 5, stream, a.trailer)
		}
	}
}

func frame(dst []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	dst = append(dst, 0, 0, byte(len(payload)), kind, flags)
	return append(binary.BigEndian.AppendUint32(dst, stream), payload...)
}
