package session

import (
	"errors"
	"fmt"

	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

// Block is the head of a request as HPACK (RFC 7541) writes it, made before the run: literals that are not indexed, so
// that no table has to be kept in step, and names of the static table where it has them. What can change are values that
// hold {{values}}, and the IDs, whose digits stand at one offset. It is immutable and safe for concurrent use.
type Block struct {
	parts   []blockPart
	dynamic bool
}

type blockPart struct {
	fixed []byte
	value *template.Template // after fixed, with its length; nil is none
	check func(value []byte) error
}

// The IDs as they stand in a head: "traceparent: 00-<trace>-<span>-<flags>" and "x-correlation-id: <trace>".
const (
	nameTrace   = "\x00\x0btraceparent\x37" // a value of TraceparentLength follows
	nameCorr    = "\x00\x10x-correlation-id\x20"
	stampAt     = len(nameTrace) // of traceparent's value in the two fields
	correlateAt = protocol.TraceparentLength + len(nameCorr)
	stampLength = correlateAt + protocol.CorrelationLength
)

// fieldIndex are the fields of HPACK's static table that a request's head has with a value, and their places in it.
var fieldIndex = map[string]byte{
	":method GET": 2, ":method POST": 3, ":path /": 4, ":scheme http": 6, ":scheme https": 7,
}

// nameIndex are names of HPACK's static table that requests often have.
var nameIndex = map[string]int{
	":authority": 1, ":method": 2, ":path": 4, ":scheme": 6, "accept": 19, "accept-encoding": 16, "accept-language": 17,
	"authorization": 23, "cache-control": 24, "content-length": 28, "content-type": 31, "cookie": 32, "user-agent": 58,
}

// errVariable is a value that would not be the one field any more that it stands in.
var errVariable = errors.New("a variable puts a control character into a header")

// NewBlock makes a block of fields in this order, pseudo-header fields first, and the IDs at its end. Names are in lower
// case. check, which may be nil, judges the rendered values of :path.
func NewBlock(fields []protocol.Header, names template.Names, check func(path []byte) error) (*Block, error) {
	b := &Block{}
	var fixed []byte
	for _, f := range fields {
		value, err := template.Compile(f.Value, names)
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", f.Name, err)
		}
		if i, ok := fieldIndex[f.Name+" "+f.Value]; ok {
			fixed = append(fixed, 0x80|i)
			continue
		}
		fixed = appendName(fixed, f.Name)
		if value.Static() {
			text := value.Append(nil, &template.Values{})
			fixed = append(appendInt(fixed, 7, 0, len(text)), text...)
			continue
		}
		p := blockPart{fixed: fixed, value: value, check: checkValue}
		if f.Name == ":path" && check != nil {
			p.check = check
		}
		b.parts = append(b.parts, p)
		b.dynamic, fixed = true, nil
	}
	b.parts = append(b.parts, blockPart{fixed: fixed})
	return b, nil
}

func checkValue(value []byte) error {
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return errVariable
		}
	}
	return nil
}

// Static reports whether nothing but the IDs changes.
func (b *Block) Static() bool { return !b.dynamic }

// Append appends the head of one request. stamp is where its IDs are, for Stamp. Scratch is used for values and returned
// to be used again.
func (b *Block) Append(dst, scratch []byte, v *template.Values) (head []byte, stamp int, scratchAfter []byte, err error) {
	for i := range b.parts {
		p := &b.parts[i]
		dst = append(dst, p.fixed...)
		if p.value == nil {
			continue
		}
		scratch = p.value.Append(scratch[:0], v)
		if err := p.check(scratch); err != nil {
			return dst, 0, scratch, err
		}
		dst = append(appendInt(dst, 7, 0, len(scratch)), scratch...)
	}
	stamp = len(dst) + stampAt
	return append(dst, unstamped...), stamp, scratch, nil
}

const unstamped = nameTrace + "00-00000000000000000000000000000000-0000000000000000-00" +
	nameCorr + "00000000000000000000000000000000"

// AppendField appends one more field to a head.
func AppendField(dst []byte, name string, value []byte) []byte {
	return append(appendInt(appendName(dst, name), 7, 0, len(value)), value...)
}

// Stamp writes a call's IDs into a head. at is what Block.Append said.
func Stamp(head []byte, at int, call *protocol.Call) {
	s := head[at : at+stampLength]
	call.AppendTraceparent(s[:0])
	call.AppendCorrelationID(s[correlateAt:correlateAt])
}

// appendName begins a literal field without indexing (RFC 7541, 6.2.2).
func appendName(dst []byte, name string) []byte {
	if i, ok := nameIndex[name]; ok {
		return appendInt(dst, 4, 0, i)
	}
	dst = append(dst, 0)
	return append(appendInt(dst, 7, 0, len(name)), name...)
}

// appendInt appends a number with a prefix of so many bits (RFC 7541, 5.1); high are the bits above them.
func appendInt(dst []byte, bits int, high byte, n int) []byte {
	limit := 1<<bits - 1
	if n < limit {
		return append(dst, high|byte(n))
	}
	dst = append(dst, high|byte(limit))
	for n -= limit; n >= 128; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}
