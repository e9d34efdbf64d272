// Package themes gives colours by role, never by name: a pane asks for "failed", not for red. A theme is data; the
// embedded ones are in this package, and it imports nothing of ours.
package themes

import (
	"fmt"
	"strconv"
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

// Style is how a role looks. Colours are "#rrggbb", "0" to "255" for one of the terminal's palette, whatever that looks
// like, or "" for the terminal's own text and ground.
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
	bare   [NumRoles]string // and without a colour
	plain  bool             // colours cannot be laid over each other: what is on a selected row has its colour
}

// New prepares a theme for painting.
func New(name string, dark, mono bool, styles [NumRoles]Style) (*Theme, error) {
	t := &Theme{Name: name, Dark: dark, Mono: mono, Styles: styles}
	for r := range styles {
		seq, err := sgr(styles[r])
		if err != nil {
			return nil, fmt.Errorf("theme %s, %s: %w", name, Role(r), err)
		}
		t.on[r] = seq
		bare := styles[r]
		bare.BG = ""
		t.over[r], err = sgr(bare)
		if err == nil {
			bare.FG = ""
			t.bare[r], err = sgr(bare)
		}
		if err != nil {
			return nil, fmt.Errorf("theme %s, %s: %w", name, Role(r), err)
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
	over := t.over[r]
	if t.plain && t.Styles[bg].BG != "" {
		over = t.bare[r]
	}
	if t.on[bg] == "" && over == "" {
		return s
	}
	return t.on[bg] + over + s + "\x1b[m"
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
	for _, c := range []struct {
		base int // of the eight colours
		code string
	}{{30, s.FG}, {40, s.BG}} {
		seq, err := colour(c.base, c.code)
		if err != nil {
			return "", err
		}
		add(seq != "", seq)
	}
	if len(p) == 0 {
		return "", nil
	}
	return "\x1b[" + strings.Join(p, ";") + "m", nil
}

// colour is the parameters that choose a colour; base is 30 for text and 40 for its ground.
func colour(base int, c string) (string, error) {
	if c == "" {
		return "", nil
	}
	if !strings.HasPrefix(c, "#") {
		n, err := strconv.ParseUint(c, 10, 8)
		switch {
		case err != nil:
			return "", fmt.Errorf("colour %q is not #rrggbb, nor a number of the palette from 0 to 255", c)
		case n < 8:
			return strconv.Itoa(base + int(n)), nil
		case n < 16:
			return strconv.Itoa(base + 60 + int(n) - 8), nil
		}
		return fmt.Sprintf("%d;5;%d", base+8, n), nil
	}
	rgb, err := parseHex(c)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d;2;%d;%d;%d", base+8, rgb[0], rgb[1], rgb[2]), nil
}
