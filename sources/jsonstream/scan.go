package jsonstream

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// collector takes a value as it is passed over. A nil one takes nothing.
type collector struct {
	out  []byte
	max  int
	full bool
}

func (c *collector) add(b ...byte) {
	if c == nil || c.full {
		return
	}
	if len(c.out)+len(b) > c.max {
		c.full, c.out = true, nil
		return
	}
	c.out = append(c.out, b...)
}

// pass reads the next value and hands it to c. It does not recurse: depth is a stack of closing brackets.
func (r *Reader) pass(c *collector) error {
	var stack []byte
	for {
		began, err := r.value(c, &stack)
		if err != nil {
			return err
		}
		if began {
			continue // into a list or map that is not empty
		}
		for { // up, until there is another value or nothing left
			if len(stack) == 0 {
				return nil
			}
			b, err := r.next()
			if err != nil {
				return err
			}
			shut := stack[len(stack)-1]
			if b != ',' && b != shut {
				return r.found("a comma or "+string(rune(shut)), b)
			}
			r.take()
			c.add(b)
			if b == ',' {
				break
			}
			stack = stack[:len(stack)-1]
		}
		if stack[len(stack)-1] == '}' {
			if err := r.key(c); err != nil {
				return err
			}
		}
	}
}

// value reads a single value, or the opening of a list or map; began is true when there is something in it.
func (r *Reader) value(c *collector, stack *[]byte) (began bool, err error) {
	kind, err := r.Kind()
	if err != nil {
		return false, err
	}
	switch kind {
	case '"':
		if err := r.raw("a text"); err != nil {
			return false, err
		}
		c.text(r.text)
	case '0':
		if err := r.number(); err != nil {
			return false, err
		}
		c.add(r.text...)
	case 't':
		b, err := r.Bool()
		if err != nil {
			return false, err
		}
		c.add(fmt.Append(nil, b)...)
	case 'n':
		c.add([]byte("null")...)
		return false, r.word("null")
	default:
		return r.open(c, kind, stack)
	}
	return false, nil
}

func (r *Reader) open(c *collector, kind byte, stack *[]byte) (began bool, err error) {
	shut := kind + 2 // ']' and '}' are two behind their opening in ASCII
	r.take()
	c.add(kind)
	if r.depth+len(*stack)+1 > r.limits.Depth {
		return false, fmt.Errorf("lists and maps are nested deeper than %d at byte %d", r.limits.Depth, r.offset)
	}
	b, err := r.next()
	if err != nil {
		return false, err
	}
	if b == shut {
		r.take()
		c.add(shut)
		return false, nil
	}
	*stack = append(*stack, shut)
	if kind == '{' {
		return true, r.key(c)
	}
	return true, nil
}

func (r *Reader) key(c *collector) error {
	if err := r.raw("a key"); err != nil {
		return err
	}
	c.text(r.text)
	if err := r.expect(':', "a colon"); err != nil {
		return err
	}
	c.add(':')
	return nil
}

func (c *collector) text(raw []byte) {
	c.add('"')
	c.add(raw...)
	c.add('"')
}

// raw reads a text into r.text as it is written, without its quotes, and cut at Limits.Text: not within an escape, nor
// within a rune.
func (r *Reader) raw(name string) error {
	if err := r.expect('"', name); err != nil {
		return err
	}
	r.text = r.text[:0]
	cut := false
	for {
		c, err := r.peek()
		if err != nil {
			return err
		}
		chunk := r.buf[r.pos:r.end]
		n := plain(chunk)
		if n > 0 {
			room := r.limits.Text - len(r.text)
			if !cut && n > room {
				cut = true
				r.text = trimRune(append(r.text, chunk[:max(room, 0)]...))
			} else if !cut {
				r.text = append(r.text, chunk[:n]...)
			}
			r.pos += n
			r.offset += int64(n)
			continue
		}
		if c == '"' {
			r.take()
			r.cut = r.cut || cut
			return nil
		}
		if c < 0x20 {
			return &SyntaxError{Offset: r.offset, Want: "a text without control characters", Found: fmt.Sprintf("byte %#x", c)}
		}
		if cut, err = r.escape(cut); err != nil {
			return err
		}
	}
}

// plain is how many bytes at the beginning stand for themselves.
func plain(b []byte) int {
	for i, c := range b {
		if c == '"' || c == '\\' || c < 0x20 {
			return i
		}
	}
	return len(b)
}

// escape reads \n and the like, whole. The two halves of a surrogate pair may be parted by a cut: a lone half reads as
// U+FFFD, which is harmless.
func (r *Reader) escape(cut bool) (bool, error) {
	var seq [6]byte
	n := 2
	for i := 0; i < n; i++ {
		c, err := r.peek()
		if err != nil {
			return cut, err
		}
		seq[i] = c
		switch {
		case i == 1 && c == 'u':
			n = 6
		case i == 1 && !isEscape(c), i > 1 && !isHex(c):
			return cut, r.found("an escape such as \\n", c)
		}
		r.take()
	}
	if !cut && len(r.text)+n > r.limits.Text {
		cut = true
	}
	if !cut {
		r.text = append(r.text, seq[:n]...)
	}
	return cut, nil
}

func isEscape(c byte) bool {
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	}
	return false
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// trimRune takes the beginning of a rune off that was cut in two.
func trimRune(b []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if c := b[len(b)-i]; c >= utf8.RuneSelf {
			if utf8.RuneStart(c) && !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			continue
		}
		break
	}
	return b
}

// unquoted is r.text with its escapes resolved. Bytes that are not UTF-8 become U+FFFD.
func (r *Reader) unquoted() (string, error) {
	simple := true
	for _, c := range r.text {
		if c == '\\' {
			simple = false
			break
		}
	}
	if simple && utf8.Valid(r.text) {
		return string(r.text), nil
	}
	quoted := make([]byte, 0, len(r.text)+2)
	quoted = append(append(append(quoted, '"'), r.text...), '"')
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "", fmt.Errorf("a text before byte %d: %w", r.offset, err)
	}
	return s, nil
}

// maxNumber is how many bytes a number may have; the longest that says anything has some 400.
const maxNumber = 1024

// number reads a number into r.text.
func (r *Reader) number() error {
	r.text = r.text[:0]
	for {
		c, err := r.peek()
		if err != nil && len(r.text) == 0 {
			return err
		}
		if err != nil || !isNumeric(c) {
			break // a failed stream is told by who reads on
		}
		if len(r.text) == maxNumber {
			return &SyntaxError{Offset: r.offset, Want: "a number", Found: fmt.Sprintf("more than %d digits", maxNumber)}
		}
		r.text = append(r.text, c)
		r.take()
	}
	if !validNumber(r.text) {
		return &SyntaxError{Offset: r.offset, Want: "a number", Found: fmt.Sprintf("%.40q", r.text)}
	}
	return nil
}

func isNumeric(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

// validNumber is the grammar of RFC 8259, section 6.
func validNumber(b []byte) bool {
	digits := func() bool {
		n := 0
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		b = b[n:]
		return n > 0
	}
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	if len(b) > 0 && b[0] == '0' {
		b = b[1:]
	} else if !digits() {
		return false
	}
	if len(b) > 0 && b[0] == '.' {
		b = b[1:]
		if !digits() {
			return false
		}
	}
	if len(b) > 0 && (b[0] == 'e' || b[0] == 'E') {
		b = b[1:]
		if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		if !digits() {
			return false
		}
	}
	return len(b) == 0
}

// word reads null, true or false.
func (r *Reader) word(w string) error {
	for i := range len(w) {
		c, err := r.peek()
		if err != nil {
			return err
		}
		if c != w[i] {
			return r.found(w, c)
		}
		r.take()
	}
	return nil
}
