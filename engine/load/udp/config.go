// Package udp loads a target with datagrams and counts what became of them: lost, late, twice, or out of order.
package udp

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"gameday/engine/load/dial"
	"gameday/engine/load/payload"
	"gameday/engine/load/template"
)

// Datagrams is one step: a burst of datagrams, each of which is to be answered by one.
type Datagrams struct {
	Send      string         `yaml:"send,required" doc:"What is sent: a text that may hold {{values}} and {{seq}}, the datagram's number, or hex:... or base64:..."`
	Count     int            `yaml:"count" doc:"Datagrams in the step's burst, to 4096. Default 1."`
	Interval  time.Duration  `yaml:"interval" doc:"Time between two of them. Default: all at once."`
	SendOnly  bool           `yaml:"sendOnly" doc:"No answers are waited for."`
	Sequence  Sequence       `yaml:"sequence" doc:"Where a datagram's number stands; without it duplicate, late and reordered answers cannot be told."`
	AllowLost int            `yaml:"allowLost" doc:"Datagrams that may stay unanswered before the step counts as timed out. Default 0."`
	MaxBytes  int            `yaml:"maxBytes" doc:"Most bytes of an answer; a longer one is a bad response. Default 4096."`
	Expect    payload.Expect `yaml:"expect" doc:"What a good answer is. Default: any."`
}

// Sequence says where a datagram's number stands: found by a regex in the answer, or as bytes of both.
type Sequence struct {
	Regex  string `yaml:"regex" doc:"Finds the number in an answer: its first group, in decimal digits. What is sent has it as {{seq}}."`
	Offset int    `yaml:"offset" doc:"With bytes: where the number stands, in what is sent and in the answer."`
	Bytes  int    `yaml:"bytes" doc:"The number is 2, 4 or 8 bytes, written over what is sent."`
	Order  string `yaml:"order" enum:"big,little" doc:"Order of these bytes. Default big."`
}

// Bounds of a step.
const (
	maxBurst        = 4096 // also how many datagrams back an answer is still recognised
	maxDatagram     = 65507
	defaultMaxBytes = 4096
)

// Validate reports what is wrong with the step, as far as it can be said without its target and its variables.
func (c *Datagrams) Validate(report func(path, format string, args ...any)) {
	if c.Send == "" {
		report("send", "there is nothing to send")
	}
	numbered, err := compileNumbered(c.Send, payload.AnyName)
	if err != nil {
		report("send", "%v", err)
	}
	if c.Count < 0 || c.Count > maxBurst {
		report("count", "%d is not from 1 to %d", c.Count, maxBurst)
	}
	if c.Interval < 0 || c.Interval > time.Hour {
		report("interval", "%v is not from 0s to 1h", c.Interval)
	}
	if c.AllowLost < 0 || c.AllowLost > max(c.Count, 1) {
		report("allowLost", "%d is not from 0 to count", c.AllowLost)
	}
	if c.MaxBytes < 0 || c.MaxBytes > 1<<16 {
		report("maxBytes", "%d is not from 0 (the default) to 65536", c.MaxBytes)
	}
	c.Expect.Validate("expect", report)
	if c.SendOnly && (c.Expect != (payload.Expect{}) || c.AllowLost != 0) {
		report("sendOnly", "nothing can be expected of answers that are not waited for: leave out expect and allowLost")
	}
	if _, err := c.Sequence.compile(); err != nil {
		report("sequence", "%v", err)
	} else if numbered != nil && numbered.counts() && !c.SendOnly && c.Sequence.Regex == "" {
		report("sequence", "send holds {{seq}}: give sequence.regex, which finds the number in an answer")
	} else if numbered != nil && !numbered.counts() && c.Sequence.Regex != "" {
		report("sequence.regex", "send does not hold {{seq}}: the answers cannot either")
	}
}

// numbered is a body that may hold the datagram's number.
type numbered []*payload.Body // the number stands between each two

var seqValue = regexp.MustCompile(`\{\{\s*seq\s*\}\}`)

func compileNumbered(text string, names template.Names) (numbered, error) {
	var n numbered
	for i, piece := range seqValue.Split(text, -1) {
		if i > 0 {
			piece = "text:" + piece
		}
		b, err := payload.Compile(piece, names)
		if err != nil {
			return nil, err
		}
		n = append(n, b)
	}
	return n, nil
}

// counts reports whether the number stands anywhere.
func (n numbered) counts() bool { return len(n) > 1 }

func (n numbered) append(dst []byte, seq uint64, v *template.Values) []byte {
	for i, b := range n {
		if i > 0 {
			dst = strconv.AppendUint(dst, seq, 10)
		}
		dst = b.Append(dst, v)
	}
	return dst
}

// sequence is a Sequence that is ready to be used; its zero value finds nothing.
type sequence struct {
	regex  *regexp.Regexp
	offset int
	bytes  int
	order  binary.ByteOrder
	mask   uint64 // of the numbers that can be told apart
}

func (s *Sequence) compile() (sequence, error) {
	m := sequence{offset: s.Offset, bytes: s.Bytes, order: binary.BigEndian, mask: 1<<64 - 1}
	if s.Order == "little" {
		m.order = binary.LittleEndian
	} else if s.Order != "" && s.Order != "big" {
		return m, fmt.Errorf("order %q is not known: use big or little", s.Order)
	}
	switch s.Bytes {
	case 0:
		if s.Offset != 0 || s.Order != "" {
			return m, fmt.Errorf("offset and order need bytes")
		}
	case 2, 4, 8:
		m.mask >>= 64 - 8*s.Bytes
	default:
		return m, fmt.Errorf("%d bytes are not supported: use 2, 4 or 8", s.Bytes)
	}
	if s.Offset < 0 || s.Offset > maxDatagram-8 {
		return m, fmt.Errorf("offset %d is not from 0 to %d", s.Offset, maxDatagram-8)
	}
	if s.Regex == "" {
		return m, nil
	}
	if s.Bytes != 0 {
		return m, fmt.Errorf("regex and bytes are two ways: leave one of them out")
	}
	var err error
	if m.regex, err = regexp.Compile(s.Regex); err != nil {
		return m, fmt.Errorf("regex: %w", err)
	}
	if m.regex.NumSubexp() < 1 {
		return m, fmt.Errorf("regex needs a group around the number, such as (\\d+)")
	}
	return m, nil
}

// known reports whether answers tell their number.
func (s *sequence) known() bool { return s.regex != nil || s.bytes > 0 }

// put writes the number into a datagram that begins at from, making it longer when it is too short.
func (s *sequence) put(b []byte, from int, seq uint64) []byte {
	if s.bytes == 0 {
		return b
	}
	for len(b)-from < s.offset+s.bytes {
		b = append(b, 0)
	}
	at := b[from+s.offset:]
	switch s.bytes {
	case 2:
		s.order.PutUint16(at, uint16(seq))
	case 4:
		s.order.PutUint32(at, uint32(seq))
	default:
		s.order.PutUint64(at, seq)
	}
	return b
}

// find reads the number of an answer.
func (s *sequence) find(answer []byte) (seq uint64, err error) {
	if s.regex != nil {
		m := s.regex.FindSubmatchIndex(answer)
		if m == nil || m[2] < 0 {
			return 0, dial.Malformed("an answer does not hold a number where the plan's regex looks for it")
		}
		return decimal(answer[m[2]:m[3]])
	}
	if len(answer) < s.offset+s.bytes {
		return 0, dial.Malformedf("an answer of %d bytes is too short for its number", len(answer))
	}
	at := answer[s.offset:]
	switch s.bytes {
	case 2:
		return uint64(s.order.Uint16(at)), nil
	case 4:
		return uint64(s.order.Uint32(at)), nil
	}
	return s.order.Uint64(at), nil
}

func decimal(digits []byte) (uint64, error) {
	if len(digits) == 0 || len(digits) > 19 {
		return 0, dial.Malformed("an answer's number has no digits, or too many")
	}
	n := uint64(0)
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, dial.Malformed("an answer's number is not in decimal digits")
		}
		n = 10*n + uint64(d-'0')
	}
	return n, nil
}
