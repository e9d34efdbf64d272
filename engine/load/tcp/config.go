// Package tcp loads a target that speaks a protocol of its own over TCP or TLS: bytes are sent, bytes come back, and a
// framing says where an answer ends.
package tcp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"gameday/engine/load/dial"
	"gameday/engine/load/payload"
)

// Exchange is one step: something is sent and an answer received.
type Exchange struct {
	Send       string         `yaml:"send" doc:"What is sent: a text that may hold {{values}}, hex:... or base64:... Nothing is sent when it is empty."`
	SendOnly   bool           `yaml:"sendOnly" doc:"No answer is waited for."`
	Connection string         `yaml:"connection" enum:"keep,per-request" doc:"keep (default) uses a worker's connection again; per-request opens one for each exchange."`
	Greeting   bool           `yaml:"greeting" doc:"The target speaks first: one answer is read and put aside after connecting."`
	Framing    Framing        `yaml:"framing" doc:"Where an answer ends."`
	MaxBytes   int            `yaml:"maxBytes" doc:"Most bytes of an answer; a longer one is a bad response. Default 1 MiB."`
	Expect     payload.Expect `yaml:"expect" doc:"What a good answer is. Default: any."`
}

// Framing says where an answer ends.
type Framing struct {
	Kind      string `yaml:"kind" enum:"line,delimiter,length,prefix,close,none" doc:"line (default), delimiter, length (so many bytes), prefix (a number before it says how many), close (the target closes), none (whatever comes first)."`
	Delimiter string `yaml:"delimiter" doc:"Of delimiter: the bytes that end an answer, as text, hex:... or base64:..."`
	Length    int    `yaml:"length" doc:"Of length: bytes of an answer."`
	Prefix    int    `yaml:"prefix" doc:"Of prefix: bytes of the number: 1, 2 or 4 (default)."`
	Order     string `yaml:"order" enum:"big,little" doc:"Of prefix: order of its bytes. Default big."`
	Inclusive bool   `yaml:"inclusive" doc:"Of prefix: the number counts its own bytes too."`
	Add       bool   `yaml:"add" doc:"Of prefix: what is sent gets such a number in front too."`
}

// The bounds of an answer's length, in bytes.
const (
	defaultMaxBytes = 1 << 20
	mostMaxBytes    = 1 << 30
)

// Validate reports what is wrong with the step, as far as it can be said without its target and its variables.
func (c *Exchange) Validate(report func(path, format string, args ...any)) {
	if _, err := payload.Compile(c.Send, payload.AnyName); err != nil {
		report("send", "%v", err)
	}
	if c.MaxBytes < 0 || c.MaxBytes > mostMaxBytes {
		report("maxBytes", "%d is not from 0 (the default) to %d", c.MaxBytes, mostMaxBytes)
	}
	if c.Send == "" && c.SendOnly {
		report("sendOnly", "there is nothing to send: give send")
	}
	switch c.Connection {
	case "", "keep":
		if c.Framing.Kind == "close" {
			report("connection", "an answer that ends when the target closes needs per-request")
		}
	case "per-request":
	default:
		report("connection", "%q is not known: use keep or per-request", c.Connection)
	}
	c.Expect.Validate("expect", report)
	if c.SendOnly && c.Expect != (payload.Expect{}) {
		report("expect", "nothing can be expected of an exchange that is sendOnly")
	}
	if _, err := c.Framing.compile(c.maxBytes()); err != nil {
		report("framing", "%v", err)
	}
}

func (c *Exchange) maxBytes() int {
	if c.MaxBytes == 0 {
		return defaultMaxBytes
	}
	return c.MaxBytes
}

// framing is a Framing that is ready to be used.
type framing struct {
	kind      string
	delimiter []byte
	length    int
	prefix    int
	order     binary.ByteOrder
	inclusive bool
	add       bool
	limit     int // most bytes of an answer, the framing's own not counted
}

func (f *Framing) compile(limit int) (*framing, error) {
	m := &framing{kind: f.Kind, length: f.Length, prefix: f.Prefix, order: binary.BigEndian, inclusive: f.Inclusive, add: f.Add, limit: limit}
	var err error
	switch f.Kind {
	case "", "line":
		m.kind, m.delimiter = "line", []byte("\n")
	case "delimiter":
		if m.delimiter, err = payload.Bytes(f.Delimiter); err != nil {
			return nil, fmt.Errorf("delimiter: %w", err)
		}
		if len(m.delimiter) == 0 {
			return nil, fmt.Errorf("kind delimiter needs a delimiter")
		}
	case "length":
		if f.Length < 1 || f.Length > limit {
			return nil, fmt.Errorf("length %d is not from 1 to maxBytes, which is %d", f.Length, limit)
		}
	case "prefix":
		if m.prefix == 0 {
			m.prefix = 4
		}
		if m.prefix != 1 && m.prefix != 2 && m.prefix != 4 {
			return nil, fmt.Errorf("prefix of %d bytes is not supported: use 1, 2 or 4", m.prefix)
		}
	case "close", "none":
	default:
		return nil, fmt.Errorf("kind %q is not known: use line, delimiter, length, prefix, close or none", f.Kind)
	}
	switch f.Order {
	case "", "big":
	case "little":
		m.order = binary.LittleEndian
	default:
		return nil, fmt.Errorf("order %q is not known: use big or little", f.Order)
	}
	return m, f.strays()
}

// strays is the error for a field that the kind of framing makes no use of.
func (f *Framing) strays() error {
	switch {
	case f.Delimiter != "" && f.Kind != "delimiter":
		return fmt.Errorf("delimiter is only for kind delimiter")
	case f.Length != 0 && f.Kind != "length":
		return fmt.Errorf("length is only for kind length")
	case (f.Prefix != 0 || f.Order != "" || f.Inclusive || f.Add) && f.Kind != "prefix":
		return fmt.Errorf("prefix, order, inclusive and add are only for kind prefix")
	}
	return nil
}

// most is how many bytes may have to be held before an answer is complete.
func (f *framing) most() int { return f.limit + len(f.delimiter) + 1 + f.prefix }

// cut finds the answer at the beginning of b. seen bytes of b were there the last time, when it was not complete; ended
// says that no more will come. used is 0 while the answer is not complete.
func (f *framing) cut(b []byte, seen int, ended bool) (answer []byte, used int, err error) {
	switch f.kind {
	case "line", "delimiter":
		from := max(0, seen-len(f.delimiter)+1)
		if i := bytes.Index(b[from:], f.delimiter); i >= 0 {
			answer, used = b[:from+i], from+i+len(f.delimiter)
			if f.kind == "line" {
				answer = bytes.TrimSuffix(answer, []byte("\r"))
			}
		}
	case "length":
		if len(b) >= f.length {
			answer, used = b[:f.length], f.length
		}
	case "prefix":
		answer, used, err = f.cutPrefixed(b)
	case "close":
		if ended {
			answer, used = b, len(b)
		}
	case "none":
		answer, used = b, len(b)
	}
	if err == nil && (len(answer) > f.limit || used == 0 && len(b) >= f.most()) {
		err = dial.Malformedf("the answer is longer than %d bytes", f.limit)
	}
	if err == nil && ended && used == 0 && f.kind != "close" {
		err = io.ErrUnexpectedEOF
	}
	return answer, used, err
}

func (f *framing) cutPrefixed(b []byte) (answer []byte, used int, err error) {
	if len(b) < f.prefix {
		return nil, 0, nil
	}
	size := uint64(f.number(b))
	if f.inclusive {
		if size < uint64(f.prefix) {
			return nil, 0, dial.Malformedf("the answer's length counts itself but is only %d", size)
		}
		size -= uint64(f.prefix)
	}
	if size > uint64(f.limit) {
		return nil, 0, dial.Malformedf("the answer says it is %d bytes long, more than %d", size, f.limit)
	}
	if end := f.prefix + int(size); len(b) >= end {
		return b[f.prefix:end], end, nil
	}
	return nil, 0, nil
}

// number reads the number in front of an answer.
func (f *framing) number(b []byte) uint32 {
	switch f.prefix {
	case 1:
		return uint32(b[0])
	case 2:
		return uint32(f.order.Uint16(b))
	}
	return f.order.Uint32(b)
}

// put writes the number for what is sent into its first bytes.
func (f *framing) put(b []byte) error {
	size := uint64(len(b) - f.prefix)
	if f.inclusive {
		size = uint64(len(b))
	}
	if size>>(8*f.prefix) != 0 {
		return fmt.Errorf("%d bytes are too many for a length of %d bytes", size, f.prefix)
	}
	switch f.prefix {
	case 1:
		b[0] = byte(size)
	case 2:
		f.order.PutUint16(b, uint16(size))
	default:
		f.order.PutUint32(b, uint32(size))
	}
	return nil
}
