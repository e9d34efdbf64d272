package themes

import (
	"math"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// vga and xterm are what the sixteen colours look like on the Linux console and in xterm, which differ the most.
var (
	vga = [16]string{"#000000", "#aa0000", "#00aa00", "#aa5500", "#0000aa", "#aa00aa", "#00aaaa", "#aaaaaa",
		"#555555", "#ff5555", "#55ff55", "#ffff55", "#5555ff", "#ff55ff", "#55ffff", "#ffffff"}
	xterm = [16]string{"#000000", "#cd0000", "#00cd00", "#cdcd00", "#0000ee", "#cd00cd", "#00cdcd", "#e5e5e5",
		"#7f7f7f", "#ff0000", "#00ff00", "#ffff00", "#5c5cff", "#ff00ff", "#00ffff", "#ffffff"}
)

func TestSixteenColoursCanBeRead(t *testing.T) {
	for _, palette := range [][16]string{vga, xterm} {
		look := func(c, other string) string {
			if c == "" {
				return other
			}
			n := 0
			for _, d := range c {
				n = 10*n + int(d-'0')
			}
			return palette[n]
		}
		for _, dark := range []bool{true, false} {
			text, ground := palette[7], palette[0]
			if !dark {
				text, ground = palette[0], palette[15]
			}
			th := All()[0].For(Colours16, dark)
			for r, s := range th.Styles {
				c, err := Contrast(look(s.FG, text), look(s.BG, ground))
				require.NoError(t, err)
				require.GreaterOrEqual(t, c, Readable, "%s, dark %v", Role(r), dark)
			}
		}
	}
}

func TestSixteenColoursTellStatesApart(t *testing.T) {
	for _, dark := range []bool{true, false} {
		th := All()[0].For(Colours16, dark)
		states := []Role{OK, Warning, Failed, Fault, Focus, Selected, Production}
		for i, a := range states {
			for _, b := range states[i+1:] {
				require.NotEqual(t, th.Styles[a], th.Styles[b], "%s and %s", a, b)
			}
		}
		require.NotContains(t, th.PaintOn(Failed, Selected, "x"), "3"+th.Styles[Failed].FG+"m", "no red on blue")
	}
}

// A terminal never gets a sequence of a depth that it does not have.
func TestDepths(t *testing.T) {
	for _, th := range All() {
		for r := Role(0); r < NumRoles; r++ {
			require.NotRegexp(t, `[34]8;|\x1b\[(\d;)*(3|4|9|10)\d`, th.For(NoColours, true).Paint(r, "x"))
			require.NotRegexp(t, `[34]8;`, th.For(Colours16, true).Paint(r, "x"))
		}
		require.Same(t, th, th.For(AllColours, true))
		require.Equal(t, th.Name, th.For(Colours16, true).Name)
	}
	cube := map[string]bool{}
	for i := 16; i < 256; i++ {
		cube[paletteHex(i)] = true
	}
	require.Equal(t, "#ffffff", paletteHex(231))
	require.Equal(t, "#080808", paletteHex(232))
	require.Equal(t, "#eeeeee", paletteHex(255))
	for _, th := range All() {
		for _, s := range th.For(Colours256, true).Styles {
			for _, c := range []string{s.FG, s.BG} {
				require.True(t, c == "" || cube[c], "%s: %q", th.Name, c)
			}
		}
	}
}

// The states of the theme for the colour-blind must differ for each kind of colour blindness. The matrices for complete
// protanopia, deuteranopia and tritanopia are those of Machado, Oliveira and Fernandes (2009); the difference is CIE76, of
// which 2.3 is just noticeable.
func TestColourblindTellsStatesApart(t *testing.T) {
	blind := map[string][9]float64{
		"protanopia":   {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
		"deuteranopia": {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
		"tritanopia":   {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900},
	}
	th, err := ByName("colourblind")
	require.NoError(t, err)
	states := []Role{OK, Warning, Failed, Fault}
	for kind, m := range blind {
		for i, a := range states {
			for _, b := range states[i+1:] {
				require.Greater(t, difference(seen(th.Styles[a].FG, m), seen(th.Styles[b].FG, m)), 15.0, "%s: %s and %s", kind, a, b)
			}
		}
	}
	dark, _ := ByName("dark")
	m := blind["deuteranopia"]
	require.Less(t, difference(seen(dark.Styles[OK].FG, m), seen(dark.Styles[Warning].FG, m)), 40.0, "or the measure tells everything apart")
}

// seen is a colour in linear light as somebody sees it.
func seen(hex string, m [9]float64) [3]float64 {
	rgb, _ := parseHex(hex)
	var lin, out [3]float64
	for i, c := range rgb {
		v := float64(c) / 255
		if lin[i] = v / 12.92; v > 0.04045 {
			lin[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	for i := range out {
		out[i] = min(max(m[3*i]*lin[0]+m[3*i+1]*lin[1]+m[3*i+2]*lin[2], 0), 1)
	}
	return out
}

// difference is the distance in CIE L*a*b* (D65).
func difference(a, b [3]float64) float64 {
	lab := func(c [3]float64) (l, aa, bb float64) {
		f := func(t float64) float64 {
			if t > 216.0/24389 {
				return math.Cbrt(t)
			}
			return (24389.0/27*t + 16) / 116
		}
		x := f((0.4124564*c[0] + 0.3575761*c[1] + 0.1804375*c[2]) / 0.95047)
		y := f(0.2126729*c[0] + 0.7151522*c[1] + 0.0721750*c[2])
		z := f((0.0193339*c[0] + 0.1191920*c[1] + 0.9503041*c[2]) / 1.08883)
		return 116*y - 16, 500 * (x - y), 200 * (y - z)
	}
	l1, a1, b1 := lab(a)
	l2, a2, b2 := lab(b)
	return math.Sqrt((l1-l2)*(l1-l2) + (a1-a2)*(a1-a2) + (b1-b2)*(b1-b2))
}

func TestRolesHaveNames(t *testing.T) {
	for r := Role(0); r < NumRoles; r++ {
		require.Regexp(t, regexp.MustCompile(`^[a-z0-9-]+$`), r.String())
		got, err := roleByName(r.String())
		require.NoError(t, err)
		require.Equal(t, r, got)
	}
}
