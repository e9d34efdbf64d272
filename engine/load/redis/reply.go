package redis

import (
	"bytes"
	"strconv"

	"gameday/engine/load/dial"
)

// What a server may make us hold, or do.
const (
	maxLine  = 64 << 10
	maxDepth = 32
	maxBulk  = 512 << 20 // Redis has no longer strings
	maxCount = 1 << 30
	chunk    = 64 << 10
)

// kind is a reply's type. The names are those of Expect.Type.
type kind string

const (
	aString  kind = "string"
	anInt    kind = "integer"
	aDouble  kind = "double"
	aBoolean kind = "boolean"
	anArray  kind = "array"
	aMap     kind = "map"
	aNil     kind = "nil"
	anError  kind = "error"
)

// source is where replies come from: a dial.Link.
type source interface {
	In() []byte
	Fill(limit int) error
	Consume(n int)
}

// reader reads replies and keeps what is asked for: of each, its kind and the beginning of its text, and of all of them
// together the beginning of their texts, one a line.
type reader struct {
	src   source
	bytes int64 // read of this step's replies
	nils  int   // among them, also within others

	kind   kind
	text   []byte // of the reply's value, or of its first error
	errors int    // in the reply
	limit  int    // of text
	long   bool   // there was more

	kept []byte
	keep int
}

// begin forgets the step before.
func (r *reader) begin(src source, keep int) {
	r.src, r.keep, r.kept = src, keep, r.kept[:0]
	r.bytes, r.nils = 0, 0
}

// reply reads one whole reply. At most limit bytes of its value are put into text, besides those of an error.
func (r *reader) reply(limit int) error {
	r.kind, r.text, r.errors, r.limit, r.long = "", r.text[:0], 0, limit, false
	for {
		more, err := r.value(0)
		if err != nil || !more {
			return err
		}
	}
}

// value reads one value. again says that it was none, but something that may come before or between replies.
func (r *reader) value(depth int) (again bool, err error) {
	if depth > maxDepth {
		return false, dial.Malformedf("bad reply: more than %d arrays within each other", maxDepth)
	}
	line, err := r.line()
	if err != nil {
		return false, err
	}
	rest := line[1:]
	switch line[0] {
	case '+', '(':
		r.scalar(depth, aString, rest)
	case ':':
		r.scalar(depth, anInt, rest)
	case ',':
		r.scalar(depth, aDouble, rest)
	case '#':
		r.scalar(depth, aBoolean, rest)
	case '-':
		r.fault(depth, rest)
	case '_':
		r.null(depth)
	case '$', '=', '!':
		return false, r.bulk(depth, line[0], rest)
	case '*', '~':
		return false, r.list(depth, anArray, rest, 1)
	case '%':
		return false, r.list(depth, aMap, rest, 2)
	case '>', '|': // a message nobody asked for, or attributes of what follows
		factor := int64(1)
		if line[0] == '|' {
			factor = 2
		}
		return true, r.skip(depth, rest, factor)
	default:
		return false, dial.Malformed("bad reply: it is not Redis's protocol")
	}
	return false, nil
}

// line reads up to CR LF. What it returns is valid until the next read.
func (r *reader) line() ([]byte, error) {
	from := 0
	for {
		in := r.src.In()
		if end := bytes.IndexByte(in[from:], '\n'); end >= 0 {
			end += from
			if end < 2 || in[end-1] != '\r' {
				return nil, dial.Malformed("bad reply: a line does not end in CR LF")
			}
			r.src.Consume(end + 1)
			r.bytes += int64(end + 1)
			return in[:end-1], nil
		}
		from = len(in)
		if err := r.src.Fill(maxLine); err != nil {
			return nil, err
		}
	}
}

func number(b []byte, most int64) (int64, error) {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n < -1 || n > most {
		return 0, dial.Malformed("bad reply: a length is no number, or too large")
	}
	return n, nil
}

// top notes the kind of the reply itself.
func (r *reader) top(depth int, k kind) bool {
	if depth == 0 {
		r.kind = k
	}
	return depth == 0
}

func (r *reader) scalar(depth int, k kind, text []byte) {
	if r.top(depth, k) {
		r.note(text)
	}
	r.show(text)
	r.show(newline)
}

func (r *reader) null(depth int) {
	r.top(depth, aNil)
	r.nils++
	r.show(newline)
}

func (r *reader) fault(depth int, text []byte) {
	if r.top(depth, anError); r.errors == 0 {
		r.text = append(r.text[:0], text[:min(len(text), maxFault)]...)
	}
	r.errors++
	r.show(text)
	r.show(newline)
}

const maxFault = 512

var newline = []byte{'\n'}

// note adds to the reply's text.
func (r *reader) note(text []byte) {
	room := r.limit - len(r.text)
	if len(text) > room {
		r.long, text = true, text[:max(room, 0)]
	}
	r.text = append(r.text, text...)
}

// show adds to what is kept.
func (r *reader) show(text []byte) {
	if room := r.keep - len(r.kept); room > 0 {
		r.kept = append(r.kept, text[:min(room, len(text))]...)
	}
}

// bulk reads a string of a known length.
func (r *reader) bulk(depth int, form byte, rest []byte) error {
	n, err := number(rest, maxBulk)
	if err != nil {
		return err
	}
	if n < 0 {
		r.null(depth)
		return nil
	}
	what := aString
	if form == '!' {
		what = anError
	}
	mine := r.top(depth, what)
	if what == anError {
		if r.errors++; r.errors == 1 {
			mine = true
			r.text, r.limit = r.text[:0], maxFault
		}
	}
	prefix := 0
	if form == '=' {
		prefix = len("txt:")
	}
	for left := int(n); left > 0; {
		in := r.src.In()
		if len(in) == 0 {
			if err := r.src.Fill(chunk); err != nil {
				return err
			}
			continue
		}
		part := in[:min(left, len(in))]
		shown := part[min(prefix, len(part)):]
		prefix -= len(part) - len(shown)
		if mine {
			r.note(shown)
		}
		r.show(shown)
		left -= len(part)
		r.bytes += int64(len(part))
		r.src.Consume(len(part))
	}
	r.show(newline)
	return r.end()
}

// end reads the CR LF after a string.
func (r *reader) end() error {
	for len(r.src.In()) < 2 {
		if err := r.src.Fill(chunk); err != nil {
			return err
		}
	}
	if in := r.src.In(); in[0] != '\r' || in[1] != '\n' {
		return dial.Malformed("bad reply: a string does not end in CR LF")
	}
	r.src.Consume(2)
	r.bytes += 2
	return nil
}

// list reads the values of an array or a map.
func (r *reader) list(depth int, k kind, rest []byte, factor int64) error {
	n, err := number(rest, maxCount)
	if err != nil {
		return err
	}
	if n < 0 {
		r.null(depth)
		return nil
	}
	r.top(depth, k)
	for left := n * factor; left > 0; {
		again, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		if !again {
			left--
		}
	}
	return nil
}

// skip reads values that are no part of a reply.
func (r *reader) skip(depth int, rest []byte, factor int64) error {
	saved := *r
	r.keep, r.limit = 0, 0
	err := r.list(depth+1, anArray, rest, factor)
	saved.bytes = r.bytes
	saved.kept = r.kept
	*r = saved
	return err
}
