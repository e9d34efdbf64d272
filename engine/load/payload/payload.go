// Package payload is what load protocols without a form of their own send and expect: bytes written as text, hexadecimal
// or base64 in a plan, and the comparison of an answer with what the plan wants.
package payload

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"gameday/engine/load/template"
)

// Body is bytes to send. It is immutable and safe for concurrent use.
type Body struct {
	fixed []byte
	text  *template.Template // nil when the bytes are always the same
}

// Compile reads a body: "hex:48 65 6c" and "base64:SGVs" are those bytes, "text:..." and all else is a text that may hold
// {{values}}.
func Compile(text string, names template.Names) (*Body, error) {
	if form, _, _ := strings.Cut(text, ":"); form == "hex" || form == "base64" {
		fixed, err := Bytes(text)
		return &Body{fixed: fixed}, err
	}
	t, err := template.Compile(strings.TrimPrefix(text, "text:"), names)
	if err != nil {
		return nil, err
	}
	b := &Body{text: t}
	if t.Static() {
		b.fixed, b.text = t.Append(nil, &template.Values{}), nil
	}
	return b, nil
}

// AnyName takes every variable for known. It is for checking a text before the variables are.
func AnyName(string) (slot int, ok bool) { return 0, true }

// Append appends the bytes of one request.
func (b *Body) Append(dst []byte, v *template.Values) []byte {
	if b.text == nil {
		return append(dst, b.fixed...)
	}
	return b.text.Append(dst, v)
}

// Bytes reads bytes that are always the same, in the notation of Compile but without {{values}}.
func Bytes(text string) ([]byte, error) {
	form, rest, _ := strings.Cut(text, ":")
	switch form {
	case "hex":
		b, err := hex.DecodeString(strings.Join(strings.Fields(rest), ""))
		if err != nil {
			return nil, fmt.Errorf("hex: wants pairs of hexadecimal digits: %w", err)
		}
		return b, nil
	case "base64":
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(rest), ""))
		if err != nil {
			return nil, fmt.Errorf("base64: wants standard base64 with padding: %w", err)
		}
		return b, nil
	case "text":
		return []byte(rest), nil
	}
	return []byte(text), nil
}

// Expect says what a good answer is. All that is given must hold; nothing given accepts every answer.
type Expect struct {
	Exact    string `yaml:"exact" doc:"The whole answer, as text, hex:... or base64:..."`
	Contains string `yaml:"contains" doc:"A part of it, as text, hex:... or base64:..."`
	Regex    string `yaml:"regex" doc:"A regular expression (RE2) that it matches somewhere."`
	Echo     bool   `yaml:"echo" doc:"The answer is what was sent."`
}

// Validate reports what is wrong, at paths that begin with path.
func (e *Expect) Validate(path string, report func(path, format string, args ...any)) {
	for field, text := range map[string]string{"exact": e.Exact, "contains": e.Contains} {
		if _, err := Bytes(text); err != nil {
			report(path+"."+field, "%v", err)
		}
	}
	if _, err := regexp.Compile(e.Regex); err != nil {
		report(path+".regex", "%v", err)
	}
	if e.Echo && e.Exact != "" {
		report(path+".echo", "an answer cannot be both exact and an echo: leave one of them out")
	}
}

// Check is an Expect that is ready to be used. It is safe for concurrent use.
type Check struct {
	exact, contains []byte // nil is not asked for
	regex           *regexp.Regexp
	echo            bool
}

// What is expected is not quoted, because a variable in it may be a secret.
var (
	errNotExact   = errors.New("the answer is not exactly what the plan expects")
	errNotIn      = errors.New("the answer does not contain what the plan expects")
	errNotMatched = errors.New("the answer does not match the plan's regex")
	errNoEcho     = errors.New("the answer is not what was sent")
)

// Compile makes the check; nil when every answer is good.
func (e *Expect) Compile() (*Check, error) {
	if *e == (Expect{}) {
		return nil, nil
	}
	c := &Check{echo: e.Echo}
	var err error
	if e.Exact != "" {
		if c.exact, err = Bytes(e.Exact); err != nil {
			return nil, fmt.Errorf("exact: %w", err)
		}
	}
	if e.Contains != "" {
		if c.contains, err = Bytes(e.Contains); err != nil {
			return nil, fmt.Errorf("contains: %w", err)
		}
	}
	if e.Regex != "" {
		if c.regex, err = regexp.Compile(e.Regex); err != nil {
			return nil, fmt.Errorf("regex: %w", err)
		}
	}
	return c, nil
}

// Err is nil when the answer to what was sent is good. It never holds a part of the answer. A nil check accepts all.
func (c *Check) Err(answer, sent []byte) error {
	switch {
	case c == nil:
		return nil
	case c.exact != nil && !bytes.Equal(answer, c.exact):
		return errNotExact
	case c.contains != nil && !bytes.Contains(answer, c.contains):
		return errNotIn
	case c.regex != nil && !c.regex.Match(answer):
		return errNotMatched
	case c.echo && !bytes.Equal(answer, sent):
		return errNoEcho
	}
	return nil
}
