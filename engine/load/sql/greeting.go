package sql

import (
	"bytes"
	"io"
	"net"

	"gameday/engine/load/dial"
)

// maxGreeting is far more than any server's.
const maxGreeting = 4096

// greeting is a connection to a MySQL server whose first packet is looked at before the driver is: it indexes into it
// without looking how long it is, and panics in a place where its goroutine is lost.
type greeting struct {
	net.Conn
	complain func(error)
	checked  bool
	rest     []byte // of the packet, not read yet
}

// Read is net.Conn's.
func (g *greeting) Read(p []byte) (int, error) {
	if !g.checked {
		if err := g.check(); err != nil {
			g.complain(err)
			return 0, err
		}
		g.checked = true
	}
	if len(g.rest) > 0 {
		n := copy(p, g.rest)
		g.rest = g.rest[n:]
		return n, nil
	}
	return g.Conn.Read(p)
}

// check reads the packet (https://mariadb.com/kb/en/connection/#initial-handshake-packet).
func (g *greeting) check() error {
	packet := make([]byte, 4, 256)
	if _, err := io.ReadFull(g.Conn, packet); err != nil {
		return err
	}
	length := int(packet[0]) | int(packet[1])<<8 | int(packet[2])<<16
	if length == 0 || length > maxGreeting {
		return dial.Malformedf("the server's greeting has %d bytes: it is no MySQL server", length)
	}
	packet = append(packet, make([]byte, length)...)
	body := packet[4:]
	if _, err := io.ReadFull(g.Conn, body); err != nil {
		return err
	}
	const refusal, oldest = 0xff, 10
	switch {
	case body[0] == refusal && length >= 4, body[0] != refusal && body[0] < oldest: // said by the driver
	case body[0] == refusal:
		return dial.Malformed("the server's greeting is cut short")
	default:
		version := bytes.IndexByte(body, 0)
		short := version + 1 + 4 + 8 + 1 + 2 // connection, half of the challenge, filler, half of the abilities
		long := short + 1 + 2 + 2 + 1 + 6 + 4 + 13
		if version < 0 || length < short || (length > short && length < long) {
			return dial.Malformed("the server's greeting is cut short")
		}
	}
	g.rest = packet
	return nil
}
