// Package jsonstream reads large JSON answers as they come, so that what is held is one part of an answer and never the
// whole of it.
//
// A Reader walks: Object and Array hand each member to a function, which reads it with Text, Float, Decode and the like, or
// Skips it. Texts beyond Limits.Text are cut, so that a record of 1 GiB costs what a short one does.
//
//	r := jsonstream.NewReader(body, jsonstream.Limits{})
//	err := r.Object(func(key string) error {
//		if key != "result" {
//			return r.Skip()
//		}
//		return r.Array(func() error {
//			var one row
//			if err := r.Decode(&one); err != nil {
//				return err
//			}
//			rows = append(rows, one)
//			return nil
//		})
//	})
//
// When err is not nil, what was handed out before it is still good: an answer that was cut off gives its beginning.
package jsonstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Limits bound what one part of an answer may hold in memory.
type Limits struct {
	Text  int // bytes of a text that are kept, 64 KiB when 0
	Value int // bytes of a value that Decode takes, 1 MiB when 0
	Depth int // lists and maps within each other, 64 when 0
}

// Reader reads one JSON value from a stream. It is not safe for concurrent use. After an error it is of no use any more.
type Reader struct {
	src    io.Reader
	limits Limits
	buf    []byte
	pos    int // next byte of buf
	end    int // of what is in buf
	offset int64
	depth  int
	err    error  // of src, told when buf is empty
	text   []byte // the last text, raw
	cut    bool   // some text was longer than is kept
}

// NewReader reads from src, in pieces of 32 KiB.
func NewReader(src io.Reader, limits Limits) *Reader {
	for _, l := range []struct {
		v   *int
		def int
	}{{&limits.Text, 64 << 10}, {&limits.Value, 1 << 20}, {&limits.Depth, 64}} {
		if *l.v <= 0 {
			*l.v = l.def
		}
	}
	return &Reader{src: src, limits: limits, buf: make([]byte, 32<<10)}
}

// ErrTooLarge is a value that Decode does not take since it has more bytes than Limits.Value.
var ErrTooLarge = errors.New("a part of the answer is larger than is read at once")

// SyntaxError is text that is not JSON, or not what was expected there.
type SyntaxError struct {
	Offset int64 // bytes from the beginning
	Want   string
	Found  string
}

// Error says where what was found.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("expected %s, found %s at byte %d", e.Want, e.Found, e.Offset)
}

// Cut reports whether a text was longer than is kept.
func (r *Reader) Cut() bool { return r.cut }

// Offset is how many bytes were read.
func (r *Reader) Offset() int64 { return r.offset }

func (r *Reader) fill() error {
	if r.err != nil {
		return r.err
	}
	for range 100 { // as many empty reads as bufio puts up with
		n, err := r.src.Read(r.buf)
		r.pos, r.end, r.err = 0, n, err
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	r.err = io.ErrNoProgress
	return r.err
}

// peek is the next byte, without taking it. The end of the stream is io.ErrUnexpectedEOF.
func (r *Reader) peek() (byte, error) {
	if r.pos == r.end {
		if err := r.fill(); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
	}
	return r.buf[r.pos], nil
}

func (r *Reader) take() {
	r.pos++
	r.offset++
}

// next is the next byte that is not white space, without taking it.
func (r *Reader) next() (byte, error) {
	for {
		c, err := r.peek()
		if err != nil {
			return 0, err
		}
		switch c {
		case ' ', '\t', '\r', '\n':
			r.take()
		default:
			return c, nil
		}
	}
}

func (r *Reader) expect(want byte, name string) error {
	c, err := r.next()
	if err != nil {
		return err
	}
	if c != want {
		return r.found(name, c)
	}
	r.take()
	return nil
}

func (r *Reader) found(want string, c byte) error {
	e := &SyntaxError{Offset: r.offset, Want: want, Found: strconv.QuoteRune(rune(c))}
	switch {
	case c == '<' && r.offset < 64:
		e.Found = "what looks like HTML"
	case c == '"':
		e.Found = "a text"
	case c == '-' || c >= '0' && c <= '9':
		e.Found = "a number"
	case c == '{':
		e.Found = "a map"
	case c == '[':
		e.Found = "a list"
	case c == 't' || c == 'f':
		e.Found = "true or false"
	case c == 'n':
		e.Found = "null"
	}
	return e
}

// Kind is what comes next: '{', '[', '"', '0' for a number, 't' for true or false, 'n' for null.
func (r *Reader) Kind() (byte, error) {
	c, err := r.next()
	if err != nil {
		return 0, err
	}
	switch {
	case c == '-' || c >= '0' && c <= '9':
		return '0', nil
	case c == 'f':
		return 't', nil
	case c == '{' || c == '[' || c == '"' || c == 't' || c == 'n':
		return c, nil
	}
	return 0, r.found("a value", c)
}

// Object calls member for each key of a map; it must read or Skip the value. null is an empty map.
func (r *Reader) Object(member func(key string) error) error {
	return r.each('{', '}', "a map", func() error {
		if err := r.raw("a key"); err != nil {
			return err
		}
		key, err := r.unquoted()
		if err != nil {
			return err
		}
		if err := r.expect(':', "a colon"); err != nil {
			return err
		}
		return member(key)
	})
}

// Array calls element for each item of a list; it must read or Skip it. null is an empty list.
func (r *Reader) Array(element func() error) error { return r.each('[', ']', "a list", element) }

func (r *Reader) each(open, shut byte, name string, part func() error) error {
	c, err := r.next()
	if err != nil {
		return err
	}
	if c == 'n' {
		return r.word("null")
	}
	if err := r.expect(open, name); err != nil {
		return err
	}
	if r.depth++; r.depth > r.limits.Depth {
		return fmt.Errorf("lists and maps are nested deeper than %d at byte %d", r.limits.Depth, r.offset)
	}
	for first := true; ; first = false {
		c, err := r.next()
		switch {
		case err != nil:
			return err
		case c == shut && first:
			r.take()
			r.depth--
			return nil
		case first:
		case c == shut:
			r.take()
			r.depth--
			return nil
		case c != ',':
			return r.found("a comma or the end of "+name, c)
		default:
			r.take()
		}
		if err := part(); err != nil {
			return err
		}
	}
}

// Text reads a text; null is "". What is beyond Limits.Text is cut off, at a rune's border.
func (r *Reader) Text() (string, error) {
	c, err := r.next()
	if err != nil {
		return "", err
	}
	if c == 'n' {
		return "", r.word("null")
	}
	if err := r.raw("a text"); err != nil {
		return "", err
	}
	return r.unquoted()
}

// Scalar reads a text, a number, true, false or null, and returns it as it is written, without quotes; null is "".
func (r *Reader) Scalar() (string, error) {
	switch c, err := r.Kind(); {
	case err != nil:
		return "", err
	case c == '"' || c == 'n':
		return r.Text()
	case c == 't':
		b, err := r.Bool()
		return strconv.FormatBool(b), err
	case c == '0':
		err := r.number()
		return string(r.text), err
	default:
		return "", r.found("a single value", c)
	}
}

// Float reads a number, or one that is written as a text, such as "NaN" and "+Inf".
func (r *Reader) Float() (float64, error) {
	at := r.offset
	c, err := r.Kind()
	switch {
	case err != nil:
		return 0, err
	case c == '0':
		err = r.number()
	case c == '"':
		err = r.raw("a number")
	default:
		return 0, r.found("a number", c)
	}
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(string(r.text), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, &SyntaxError{Offset: at, Want: "a number", Found: strconv.Quote(string(r.text[:min(len(r.text), 40)]))}
	}
	return f, nil
}

// Bool reads true or false.
func (r *Reader) Bool() (bool, error) {
	c, err := r.next()
	switch {
	case err != nil:
		return false, err
	case c == 't':
		return true, r.word("true")
	case c == 'f':
		return false, r.word("false")
	}
	return false, r.found("true or false", c)
}

// Decode reads the next value into v as encoding/json does. Long texts in it are cut; ErrTooLarge when it is larger than
// Limits.Value all the same, and then the value has been passed over, so that one may go on.
func (r *Reader) Decode(v any) error {
	c := collector{max: r.limits.Value}
	if err := r.pass(&c); err != nil {
		return err
	}
	if c.full {
		return ErrTooLarge
	}
	return json.Unmarshal(c.out, v)
}

// Skip passes over the next value, whatever it is.
func (r *Reader) Skip() error { return r.pass(nil) }

// End reports what comes after the value; only white space may.
func (r *Reader) End() error {
	c, err := r.next()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil
	case err != nil:
		return err
	}
	return r.found("the end", c)
}
