package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"gameday/sources/sanitize"
)

// unquoted needs no quotes in YAML, whatever reads it.
var unquoted = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./-]*$`)

// Text is a scalar in YAML that is read back as the text it is made of.
func Text(s string) string {
	if unquoted.MatchString(s) {
		switch strings.ToLower(s) {
		case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		default:
			return s
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return `""` // a string always encodes
	}
	quoted := strings.TrimSuffix(b.String(), "\n")
	if strings.Contains(quoted, `\`) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'" // JSON and patterns stay legible
	}
	// C1 controls and DEL are legal in JSON and not in YAML.
	var out strings.Builder
	for _, r := range quoted {
		if r >= 0x7f && r < 0xa0 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// Line is one harmless row, of at most so many bytes, of a text that somebody else's document holds: for the tables,
// comments and descriptions that are made of it.
func Line(text string, most int) string { return sanitize.Line(text, most) }
