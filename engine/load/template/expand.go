package template

import (
	"fmt"
	"strings"
)

// Literal escapes a text that is to stand for itself where Compile reads it.
func Literal(s string) string { return strings.ReplaceAll(s, "{{", "{{pick {{}}") }

// Expand fills ${name} in from lookup; "$${" stands for "${". The error names the first one that lookup does not know,
// never a value: values may be secrets.
func Expand(text string, lookup func(name string) (string, bool)) (string, error) {
	if !strings.Contains(text, "${") {
		return text, nil
	}
	var b strings.Builder
	for {
		at := strings.Index(text, "${")
		if at < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		if at > 0 && text[at-1] == '$' {
			b.WriteString(text[:at-1] + "${")
			text = text[at+2:]
			continue
		}
		end := strings.IndexByte(text[at:], '}')
		if end < 0 {
			return "", fmt.Errorf("%s is not closed: add }", clip(text[at:]))
		}
		name := text[at+2 : at+end]
		value, ok := lookup(name)
		if !ok {
			return "", fmt.Errorf("variable ${%s} is not set: give it under vars", clip(name))
		}
		b.WriteString(text[:at] + value)
		text = text[at+end+1:]
	}
}
