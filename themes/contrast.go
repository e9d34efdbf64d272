package themes

import (
	"fmt"
	"math"
	"strconv"
)

// Contrast is the WCAG 2 contrast ratio of two "#rrggbb" colours, 1 to 21. It fails when either is no such colour.
func Contrast(a, b string) (float64, error) {
	la, err := luminance(a)
	if err != nil {
		return 0, err
	}
	lb, err := luminance(b)
	if err != nil {
		return 0, err
	}
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05), nil
}

func luminance(hex string) (float64, error) {
	rgb, err := parseHex(hex)
	if err != nil {
		return 0, err
	}
	lin := func(c uint8) float64 {
		v := float64(c) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(rgb[0]) + 0.7152*lin(rgb[1]) + 0.0722*lin(rgb[2]), nil
}

func parseHex(s string) (rgb [3]uint8, err error) {
	if len(s) == 7 && s[0] == '#' {
		if n, err := strconv.ParseUint(s[1:], 16, 32); err == nil {
			return [3]uint8{uint8(n >> 16), uint8(n >> 8), uint8(n)}, nil
		}
	}
	return rgb, fmt.Errorf("colour %q is not #rrggbb", s)
}

// Readable is the contrast that WCAG 2 asks of text (level AA).
const Readable = 4.5

// Pale lists the roles that are less than readable on the theme's own ground, and on that of their own where they have one,
// each with its ratio. Roles in palette numbers or in the terminal's own colours cannot be judged.
func (t *Theme) Pale() []string {
	var out []string
	for r, s := range t.Styles {
		ground := s.BG
		if ground == "" {
			ground = t.Background
		}
		if c, err := Contrast(s.FG, ground); err == nil && c < Readable {
			out = append(out, fmt.Sprintf("%s has a contrast of %.1f on %s, less than %.1f", Role(r), c, ground, Readable))
		}
	}
	return out
}
