// Package themes gives colours by role, never by name: a pane asks for "failed", not for red. A theme is data; the
// embedded ones are in this package, and it imports nothing of ours.
package themes

import (
	"fmt"
	"strings"
)

// Role is what a piece of text means.
type Role uint8

// The roles. Series0 to Series7 are for lines in a chart, in order.
const (
	Text Role = iota
	Muted
	Title
	Accent
	Border
	BorderActive
	OK
	Warning
	Failed
	Fault
	Focus
	Load
	Key        // a key's name in the footer and in help
	Header     // the header and footer lines
	Production // the environment when it is production
	Selected   // the row under the cursor
	Match      // what a filter matched
	Series0
	Series1
	Series2
	Series3
	Series4
	Series5
	Series6
	Series7
	NumRoles
)

// Style is how a role looks. Colours are "#rrggbb" or "" for the terminal's own.
type Style struct {
	FG, BG                                          string
	Bold, Faint, Italic, Underline, Reverse, Strike bool
}

// Theme is a complete set of styles.
type Theme struct {
	Name string
	Dark bool
	Mono bool // no colours at all: meaning is carried by glyphs, words, bold, underline and reverse
	// Background and Foreground are the ground the colours were chosen for, "#rrggbb"; "" leaves the terminal's own.
	Background, Foreground string

	Styles [NumRoles]Style
	on     [NumRoles]string // the role's sequence
	over   [NumRoles]string // the same without a background, to be laid over another role's
}

// New prepares a theme for painting.
func New(name string, dark, mono bool, styles [NumRoles]Style) (*Theme, error) {
	t := &Theme{Name: name, Dark: dark, Mono: mono, Styles: styles}
	for r := range styles {
		seq, err := sgr(styles[r])
		if err != nil {
			return nil, fmt.Errorf("theme %s, role %d: %w", name, r, err)
		}
		t.on[r] = seq
		bare := styles[r]
		bare.BG = ""
		if t.over[r], err = sgr(bare); err != nil {
			return nil, fmt.Errorf("theme %s, role %d: %w", name, r, err)
		}
	}
	return t, nil
}

// Paint wraps s, which must not contain escape sequences, in the role's style.
func (t *Theme) Paint(r Role, s string) string {
	if s == "" || t.on[r] == "" {
		return s
	}
	return t.on[r] + s + "\x1b[m"
}

// PaintOn paints s in role r on the background of role bg, for segments of a selected row.
func (t *Theme) PaintOn(r, bg Role, s string) string {
	if s == "" {
		return s
	}
	// the background's sequence comes first, so that the segment's own colour wins, but not its background
	if t.on[bg] == "" && t.over[r] == "" {
		return s
	}
	return t.on[bg] + t.over[r] + s + "\x1b[m"
}

func sgr(s Style) (string, error) {
	var p []string
	add := func(on bool, code string) {
		if on {
			p = append(p, code)
		}
	}
	add(s.Bold, "1")
	add(s.Faint, "2")
	add(s.Italic, "3")
	add(s.Underline, "4")
	add(s.Reverse, "7")
	add(s.Strike, "9")
	for _, c := range []struct{ code, hex string }{{"38", s.FG}, {"48", s.BG}} {
		if c.hex == "" {
			continue
		}
		var r, g, b uint8
		if _, err := fmt.Sscanf(c.hex, "#%02x%02x%02x", &r, &g, &b); err != nil || len(c.hex) != 7 {
			return "", fmt.Errorf("colour %q is not #rrggbb", c.hex)
		}
		p = append(p, fmt.Sprintf("%s;2;%d;%d;%d", c.code, r, g, b))
	}
	if len(p) == 0 {
		return "", nil
	}
	return "\x1b[" + strings.Join(p, ";") + "m", nil
}
