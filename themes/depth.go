package themes

import (
	"math"
	"strconv"
)

// The depths of colour that terminals have.
const (
	NoColours  = 0       // NO_COLOR, or a terminal without any
	Colours16  = 16      // the Linux console, old terminals: only names, and the palette is the terminal's own
	Colours256 = 256     // a fixed cube and a grey ramp
	AllColours = 1 << 24 // as the theme has them
)

// For is the theme as a terminal of that depth can show it well; the theme itself where it can show everything. onDark says
// what ground the terminal has, which a theme cannot change where there are only 16 colours: there the colours are chosen by
// role for that ground, since the nearest ones to the theme's own may all be the same, or the ground's.
func (t *Theme) For(depth int, onDark bool) *Theme {
	if depth >= AllColours || t.Mono {
		return t
	}
	var styles [NumRoles]Style
	plain := false
	switch {
	case depth < Colours16:
		styles = monoStyles()
	case depth < Colours256:
		styles, plain = sixteen(onDark), true
	default:
		styles = t.cube()
	}
	out := must(New(t.Name, t.Dark, depth < Colours16, styles))
	out.plain = plain
	if depth >= Colours256 {
		out.Background, out.Foreground = t.Background, t.Foreground
	}
	return out
}

// sixteen are the roles in the sixteen colours, which are numbers: what they look like is the terminal's business. On a dark
// ground the bright ones can be read; on a light one only black, red, blue and magenta can.
func sixteen(onDark bool) [NumRoles]Style {
	if !onDark {
		return [NumRoles]Style{
			Title: {Bold: true}, Accent: {FG: "4", Bold: true}, BorderActive: {FG: "4", Bold: true},
			OK: {}, Warning: {FG: "0", BG: "11"}, Failed: {FG: "1", Bold: true}, Fault: {FG: "5", Bold: true},
			Focus: {FG: "4", Underline: true}, Load: {FG: "4"}, Key: {FG: "4", Bold: true},
			Production: {FG: "15", BG: "1", Bold: true}, Selected: {FG: "15", BG: "4"}, Match: {Bold: true, Underline: true},
			Series0: {FG: "4"}, Series1: {FG: "1"}, Series2: {}, Series3: {FG: "5"}, Series4: {FG: "4", Bold: true},
			Series5: {FG: "1", Bold: true}, Series6: {FG: "5", Bold: true}, Series7: {Bold: true},
		}
	}
	return [NumRoles]Style{
		Muted: {FG: "7"}, Title: {FG: "15", Bold: true}, Accent: {FG: "11"}, Border: {FG: "7"}, BorderActive: {FG: "11", Bold: true},
		OK: {FG: "10"}, Warning: {FG: "11"}, Failed: {FG: "9", Bold: true}, Fault: {FG: "13", Bold: true}, Focus: {FG: "14"},
		Load: {FG: "14"}, Key: {FG: "11"}, Header: {FG: "15"}, Production: {FG: "15", BG: "1", Bold: true},
		Selected: {FG: "15", BG: "4"}, Match: {FG: "11", Bold: true, Underline: true},
		Series0: {FG: "14"}, Series1: {FG: "11"}, Series2: {FG: "10"}, Series3: {FG: "13"}, Series4: {FG: "15"},
		Series5: {FG: "6"}, Series6: {FG: "9"}, Series7: {FG: "7"},
	}
}

// cube is the theme in the 240 fixed colours of a 256-colour terminal: each the nearest one that is as readable on its
// ground as it must be, where the theme's own was.
func (t *Theme) cube() [NumRoles]Style {
	out := t.Styles
	for r := range out {
		s := &out[r]
		if s.BG != "" {
			s.BG = nearest(s.BG, "", 0)
		}
		ground := s.BG
		if ground == "" {
			ground = t.Background
		}
		if s.FG != "" {
			s.FG = nearest(s.FG, ground, Readable)
		}
	}
	return out
}

// nearest is the colour of the cube or the grey ramp that is the least away from a "#rrggbb" one and has the contrast with
// the ground, if any has. What is no such colour stays what it is.
func nearest(hex, ground string, need float64) string {
	want, err := parseHex(hex)
	if err != nil {
		return hex
	}
	if c, err := Contrast(hex, ground); err == nil && c < need {
		need = 0 // the author wanted it so
	}
	best, far := hex, math.MaxFloat64
	for i := 16; i < 256; i++ {
		h := paletteHex(i)
		have, _ := parseHex(h) // made by this package
		var d float64
		for j, weight := range [3]float64{2, 4, 3} { // the eye sees green best
			diff := float64(want[j]) - float64(have[j])
			d += weight * diff * diff
		}
		if d >= far {
			continue
		}
		if c, err := Contrast(h, ground); err == nil && c < need {
			continue
		}
		best, far = h, d
	}
	return best
}

// paletteHex is colour i of the 256, 16 and above: xterm's cube and its grey ramp.
func paletteHex(i int) string {
	if i >= 232 {
		g := 8 + 10*(i-232)
		return hexOf(g, g, g)
	}
	level := func(v int) int {
		if v == 0 {
			return 0
		}
		return 55 + 40*v
	}
	i -= 16
	return hexOf(level(i/36), level(i/6%6), level(i%6))
}

func hexOf(r, g, b int) string {
	n := strconv.FormatInt(int64(1<<24|r<<16|g<<8|b), 16)
	return "#" + n[1:]
}
