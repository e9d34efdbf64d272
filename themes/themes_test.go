package themes

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestContrast(t *testing.T) {
	c, err := Contrast("#000000", "#ffffff")
	require.NoError(t, err)
	require.InDelta(t, 21, c, 0.01)
	_, err = Contrast("red", "#ffffff")
	require.ErrorContains(t, err, `"red" is not #rrggbb`)
}

// Every role must be readable on the ground of its theme, on a selected row and on the header; frames stand on the ground
// only. The same holds in the colours that a 256-colour terminal has.
func TestEveryRoleIsReadable(t *testing.T) {
	var all []*Theme
	for _, th := range All() {
		if !th.Mono {
			all = append(all, th, th.For(Colours256, th.Dark))
		}
	}
	for i, th := range all {
		require.Empty(t, th.Pale())
		for r := Role(0); r < NumRoles; r++ {
			grounds := []string{th.Background, th.Styles[Selected].BG, th.Styles[Header].BG}
			if i%2 == 1 { // in the cube the row's ground is only about what it was
				grounds = grounds[:1]
			}
			switch r {
			case Border, BorderActive:
				grounds = grounds[:1]
			case Production, Selected, Header:
				grounds = []string{th.Styles[r].BG}
			}
			for _, g := range grounds {
				c, err := Contrast(th.Styles[r].FG, g)
				require.NoError(t, err)
				require.GreaterOrEqual(t, c, Readable, "theme %s %s on %s", th.Name, r, g)
			}
		}
	}
}

func TestMonoHasNoColourAndStillTellsStatesApart(t *testing.T) {
	th, err := ByName("mono")
	require.NoError(t, err)
	for r := Role(0); r < NumRoles; r++ {
		require.Empty(t, th.Styles[r].FG+th.Styles[r].BG)
		require.NotContains(t, th.Paint(r, "x"), ";2;")
	}
	for _, r := range []Role{Failed, Warning, Selected, Production, BorderActive, Key} {
		require.NotEqual(t, th.Styles[Text], th.Styles[r])
	}
	require.NotEqual(t, th.Styles[Failed], th.Styles[Warning])
	require.NotEqual(t, th.Styles[BorderActive], th.Styles[Border])
}

func TestByName(t *testing.T) {
	for _, n := range Names() {
		th, err := ByName(n)
		require.NoError(t, err)
		require.Equal(t, n, th.Name)
	}
	_, err := ByName("solarised")
	require.ErrorContains(t, err, "choose one of dark, light, contrast, colourblind, solarized, projector, mono")
}

func TestNewRefusesWhatIsNoColour(t *testing.T) {
	var s [NumRoles]Style
	s[OK].FG = "green"
	_, err := New("x", true, false, s)
	require.ErrorContains(t, err, `colour "green" is not #rrggbb`)
}

func TestPaintKeepsTheText(t *testing.T) {
	th, err := ByName("dark")
	require.NoError(t, err)
	require.Equal(t, "", th.Paint(OK, ""))
	require.True(t, strings.HasSuffix(th.Paint(OK, "fine"), "fine\x1b[m"))
	on := th.PaintOn(Failed, Selected, "bad")
	require.Contains(t, on, "48;2;48;58;75", "the row's ground")
	require.Contains(t, on, "38;2;255;138;138", "the segment's colour")
}
