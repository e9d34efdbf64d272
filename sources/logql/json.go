package logql

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const maxJSONDepth = 64

var (
	errJSON      = errors.New("the line is no JSON object")
	errJSONDepth = errors.New("the line's JSON is nested deeper than is read")
)

// jsonStage makes labels of a JSON line: all of its members, those within others joined by _, lists left out; or only those
// that paths ask for.
type jsonStage struct {
	paths []jsonPath
}

// jsonPath is one label and where its value stands.
type jsonPath struct {
	name  string
	steps []jsonStep
}

type jsonStep struct {
	key   string
	index int // of a list; -1 for a key
}

func (s *jsonStage) run(b *labels, line string) (string, bool) {
	if len(s.paths) == 0 {
		r := jsonReader{s: line, b: b}
		if err := r.line(); err != nil {
			b.fail("JSONParserErr", err.Error())
		}
		return line, true
	}
	if err := (&jsonReader{s: line}).check(); err != nil {
		b.fail("JSONParserErr", err.Error())
		return line, true
	}
	for _, p := range s.paths {
		r := jsonReader{s: line}
		b.extracted(p.name, r.find(p.steps))
	}
	return line, true
}

// jsonReader walks over one JSON text without building anything of it.
type jsonReader struct {
	s      string
	i      int
	b      *labels
	prefix []byte // the names around what is read, joined
}

// line makes labels of a whole line.
func (r *jsonReader) line() error {
	r.space()
	if r.peek() != '{' {
		return errJSON
	}
	if err := r.value(0); err != nil {
		return err
	}
	return r.end()
}

// check reads over everything.
func (r *jsonReader) check() error {
	r.space()
	if r.peek() != '{' {
		return errJSON
	}
	if err := r.skip(0); err != nil {
		return err
	}
	return r.end()
}

func (r *jsonReader) end() error {
	if r.space(); r.i < len(r.s) {
		return errJSON
	}
	return nil
}

func (r *jsonReader) space() {
	for r.i < len(r.s) && (r.s[r.i] == ' ' || r.s[r.i] == '\t' || r.s[r.i] == '\n' || r.s[r.i] == '\r') {
		r.i++
	}
}

// peek is the byte that comes, 0 at the end.
func (r *jsonReader) peek() byte {
	if r.i < len(r.s) {
		return r.s[r.i]
	}
	return 0
}

// value reads one value and makes labels of it, named by the prefix.
func (r *jsonReader) value(depth int) error {
	switch r.peek() {
	case '{':
		return r.object(depth, func(key string) error {
			n := len(r.prefix)
			if n > 0 {
				r.prefix = append(r.prefix, '_')
			}
			r.prefix = appendName(r.prefix, key)
			err := r.value(depth + 1)
			r.prefix = r.prefix[:n]
			return err
		})
	case '[':
		return r.skip(depth)
	case '"':
		text, err := r.text()
		if err == nil {
			r.b.extracted(r.b.intern(r.prefix), text)
		}
		return err
	}
	start := r.i
	if err := r.skip(depth); err != nil {
		return err
	}
	if text := r.s[start:r.i]; text != "null" {
		r.b.extracted(r.b.intern(r.prefix), text)
	}
	return nil
}

// object reads { and calls member at each value.
func (r *jsonReader) object(depth int, member func(key string) error) error {
	if depth > maxJSONDepth {
		return errJSONDepth
	}
	r.i++
	for n := 0; ; n++ {
		r.space()
		if r.peek() == '}' && n == 0 {
			r.i++
			return nil
		}
		if r.peek() != '"' {
			return errJSON
		}
		key, err := r.text()
		if err != nil {
			return err
		}
		r.space()
		if r.peek() != ':' {
			return errJSON
		}
		r.i++
		r.space()
		if err := member(key); err != nil {
			return err
		}
		if more, err := r.more('}'); !more {
			return err
		}
	}
}

// more goes over a comma, or the end of a list or an object.
func (r *jsonReader) more(end byte) (bool, error) {
	r.space()
	switch r.peek() {
	case ',':
		r.i++
		return true, nil
	case end:
		r.i++
		return false, nil
	}
	return false, errJSON
}

// list reads [ and calls item at each value.
func (r *jsonReader) list(depth int, item func(i int) error) error {
	if depth > maxJSONDepth {
		return errJSONDepth
	}
	r.i++
	if r.space(); r.peek() == ']' {
		r.i++
		return nil
	}
	for i := 0; ; i++ {
		r.space()
		if err := item(i); err != nil {
			return err
		}
		if more, err := r.more(']'); !more {
			return err
		}
	}
}

// skip goes over one value.
func (r *jsonReader) skip(depth int) error {
	switch c := r.peek(); {
	case c == '{':
		return r.object(depth, func(string) error { return r.skip(depth + 1) })
	case c == '[':
		return r.list(depth, func(int) error { return r.skip(depth + 1) })
	case c == '"':
		_, err := r.text()
		return err
	case c == '-' || digit(c):
		return r.number()
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(r.s[r.i:], word) {
			r.i += len(word)
			return nil
		}
	}
	return errJSON
}

func (r *jsonReader) number() error {
	start := r.i
	for r.i < len(r.s) && (digit(r.s[r.i]) || strings.IndexByte("+-.eE", r.s[r.i]) >= 0) {
		r.i++
	}
	if _, err := strconv.ParseFloat(r.s[start:r.i], 64); err != nil && !errors.Is(err, strconv.ErrRange) {
		return errJSON
	}
	return nil
}

// text reads a string. Without escapes it is a part of the line.
func (r *jsonReader) text() (string, error) {
	r.i++
	start := r.i
	for ; r.i < len(r.s); r.i++ {
		switch c := r.s[r.i]; {
		case c == '"':
			r.i++
			return r.s[start : r.i-1], nil
		case c == '\\':
			return r.escaped(start)
		case c < ' ':
			return "", errJSON
		}
	}
	return "", errJSON
}

// escaped reads on from the first escape.
func (r *jsonReader) escaped(start int) (string, error) {
	out := []byte(r.s[start:r.i])
	for r.i < len(r.s) {
		c := r.s[r.i]
		r.i++
		switch {
		case c == '"':
			return string(out), nil
		case c < ' ':
			return "", errJSON
		case c != '\\':
			out = append(out, c)
			continue
		}
		if r.i >= len(r.s) {
			break
		}
		e := r.s[r.i]
		r.i++
		switch e {
		case '"', '\\', '/':
			out = append(out, e)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			c, ok := r.unicode()
			if !ok {
				return "", errJSON
			}
			out = utf8.AppendRune(out, c)
		default:
			return "", errJSON
		}
	}
	return "", errJSON
}

// unicode reads the four digits after \u, and its second half where it is one.
func (r *jsonReader) unicode() (rune, bool) {
	four := func(at int) (rune, bool) {
		if at+4 > len(r.s) {
			return 0, false
		}
		n, err := strconv.ParseUint(r.s[at:at+4], 16, 32)
		return rune(n), err == nil
	}
	c, ok := four(r.i)
	if !ok {
		return 0, false
	}
	r.i += 4
	if !utf16.IsSurrogate(c) {
		return c, true
	}
	if strings.HasPrefix(r.s[r.i:], `\u`) {
		if low, ok := four(r.i + 2); ok {
			if joined := utf16.DecodeRune(c, low); joined != utf8.RuneError {
				r.i += 6
				return joined, true
			}
		}
	}
	return utf8.RuneError, true
}

// find is the value at a path, "" when there is none: a text as it is, anything else as it is written. The line was checked.
func (r *jsonReader) find(steps []jsonStep) string {
	r.space()
	for _, step := range steps {
		found := -1
		at := func(here bool) error {
			if here && found < 0 {
				found = r.i
			}
			return r.skip(0)
		}
		switch {
		case step.index < 0 && r.peek() == '{':
			_ = r.object(0, func(key string) error { return at(key == step.key) }) // checked before
		case step.index >= 0 && r.peek() == '[':
			_ = r.list(0, func(i int) error { return at(i == step.index) }) // checked before
		}
		if found < 0 {
			return ""
		}
		r.i = found
	}
	if r.peek() == '"' {
		text, err := r.text()
		if err != nil {
			return ""
		}
		return text
	}
	start := r.i
	if err := r.skip(0); err != nil || r.s[start:r.i] == "null" {
		return ""
	}
	return r.s[start:r.i]
}
