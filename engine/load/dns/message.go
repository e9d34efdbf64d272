package dns

import (
	"encoding/binary"
	"strings"

	miekg "github.com/miekg/dns"

	"gameday/engine/load/dial"
)

const headerSize = 12 // RFC 1035, 4.1.1

// Bits of a header's flags.
const (
	flagAnswer    = 1 << 15
	flagTruncated = 1 << 9
	flagRecursion = 1 << 8
	maskOpcode    = 15 << 11
	maskRcode     = 15
)

// appendQuery appends a query whose question is a name, a type and a class as they go over the wire. edns is how many
// bytes of answer are offered, 0 for no EDNS.
func appendQuery(dst []byte, id uint16, question []byte, recursion bool, edns int, dnssec bool) []byte {
	flags, extra := uint16(0), byte(0)
	if recursion {
		flags |= flagRecursion
	}
	if edns > 0 {
		extra = 1
	}
	dst = binary.BigEndian.AppendUint16(dst, id)
	dst = binary.BigEndian.AppendUint16(dst, flags)
	dst = append(dst, 0, 1, 0, 0, 0, 0, 0, extra)
	dst = append(dst, question...)
	if edns == 0 {
		return dst
	}
	dst = append(dst, 0) // the root: RFC 6891, 6.1.2
	dst = binary.BigEndian.AppendUint16(dst, miekg.TypeOPT)
	dst = binary.BigEndian.AppendUint16(dst, uint16(edns))
	do := byte(0)
	if dnssec {
		do = 0x80
	}
	return append(dst, 0, 0, do, 0, 0, 0)
}

// answer is what is known of a message without unpacking it.
type answer struct {
	rcode     int
	truncated bool
	records   int // in the answer section
}

// idOf is the number of a message, which tells whose answer it is.
func idOf(msg []byte) (id uint16, ok bool) {
	if len(msg) < headerSize {
		return 0, false
	}
	return binary.BigEndian.Uint16(msg), true
}

// read checks that a message of at least headerSize is a whole answer to the question, and says what it holds. A
// truncated one need not be whole.
func read(msg, question []byte) (answer, error) {
	flags := binary.BigEndian.Uint16(msg[2:])
	a := answer{rcode: int(flags & maskRcode), truncated: flags&flagTruncated != 0, records: int(binary.BigEndian.Uint16(msg[6:]))}
	if flags&flagAnswer == 0 {
		return a, dial.Malformed("a query came back, not an answer")
	}
	if flags&maskOpcode != 0 {
		return a, dial.Malformed("the answer is to another kind of query")
	}
	at := headerSize
	switch questions := binary.BigEndian.Uint16(msg[4:]); {
	case questions == 1:
		if len(msg)-at < len(question) || !sameQuestion(msg[at:at+len(question)], question) {
			return a, dial.Malformed("the answer is to another question")
		}
		at += len(question)
	case questions != 0 || a.rcode == miekg.RcodeSuccess || a.rcode == miekg.RcodeNameError:
		return a, dial.Malformedf("the answer has %d questions", questions)
	}
	if a.truncated {
		return a, nil
	}
	sections := [3]int{a.records, int(binary.BigEndian.Uint16(msg[8:])), int(binary.BigEndian.Uint16(msg[10:]))}
	for section, count := range sections {
		for range count {
			kind, upper, next, ok := skipRecord(msg, at)
			if !ok {
				return a, dial.Malformed("the answer ends within a record")
			}
			if section == 2 && kind == miekg.TypeOPT {
				a.rcode |= int(upper) << 4 // RFC 6891, 6.1.3
			}
			at = next
		}
	}
	return a, nil
}

// sameQuestion compares two questions of the same length. Letters may differ in case, but not in the last four bytes,
// which are type and class.
func sameQuestion(a, b []byte) bool {
	name := len(b) - 4
	for i := range b {
		x, y := a[i], b[i]
		if i < name {
			x, y = lower(x), lower(y)
		}
		if x != y {
			return false
		}
	}
	return true
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}

// skipRecord passes over one resource record. upper is the first byte of its time to live, which OPT uses otherwise.
func skipRecord(msg []byte, at int) (kind uint16, upper byte, next int, ok bool) {
	if at, ok = skipName(msg, at); !ok || len(msg)-at < 10 {
		return 0, 0, 0, false
	}
	fixed := msg[at:]
	next = at + 10 + int(binary.BigEndian.Uint16(fixed[8:]))
	return binary.BigEndian.Uint16(fixed), fixed[4], next, next <= len(msg)
}

// skipName passes over a name: labels up to the root, or up to a pointer to what stood before.
func skipName(msg []byte, at int) (next int, ok bool) {
	start := at
	for at < len(msg) {
		switch n := int(msg[at]); {
		case n == 0:
			return at + 1, true
		case n < 64:
			if at += 1 + n; at-start > 254 {
				return 0, false
			}
		case n >= 192:
			if at+1 >= len(msg) || (n&63)<<8|int(msg[at+1]) >= start {
				return 0, false
			}
			return at + 2, true
		default:
			return 0, false
		}
	}
	return 0, false
}

// lines are the records of the answer section as zone files have them, one a line; with an error, as
// far as they could be read.
func lines(msg []byte) (string, error) {
	var m miekg.Msg
	var text strings.Builder
	err := m.Unpack(msg)
	for _, r := range m.Answer {
		// Tabs and runs of spaces become one space each, so that what is expected can be written by hand.
		text.WriteString(strings.Join(strings.Fields(r.String()), " ") + "\n")
	}
	if err != nil { // its text may quote the message
		err = dial.Malformed("the answer holds a record that cannot be read")
	}
	return text.String(), err
}
