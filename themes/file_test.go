package themes

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const inTOML = `
name = "mine"
base = "dark"
background = "#101010"

[roles]
ok = "#00FF00"
failed = { fg = "#ff8080", underline = true, bold = false }
border_active = { fg = "11" }
`

const inYAML = `
name: mine
base: dark
background: "#101010"
roles:
  ok: "#00FF00"
  failed: {fg: "#ff8080", underline: true, bold: false}
  border-active: {fg: "11"}
`

func TestParse(t *testing.T) {
	dark, err := ByName("dark")
	require.NoError(t, err)
	for file, text := range map[string]string{"x.toml": inTOML, "x.yaml": inYAML, "x.YML": inYAML} {
		th, err := Parse(file, []byte(text))
		require.NoError(t, err, file)
		require.Equal(t, "mine", th.Name)
		require.True(t, th.Dark)
		require.False(t, th.Mono)
		require.Equal(t, "#101010", th.Background)
		require.Equal(t, Style{FG: "#00ff00"}, th.Styles[OK])
		require.Equal(t, Style{FG: "#ff8080", Underline: true}, th.Styles[Failed])
		require.Equal(t, Style{FG: "11", Bold: true}, th.Styles[BorderActive], "what is not named is the base's")
		require.Equal(t, dark.Styles[Warning], th.Styles[Warning])
		require.Equal(t, "\x1b[1;93mx\x1b[m", th.Paint(BorderActive, "x"))
	}
}

func TestParseFindsTheBaseByTheGround(t *testing.T) {
	th, err := Parse("paper.yaml", []byte(`background: "#fffdf5"`))
	require.NoError(t, err)
	require.Equal(t, "paper", th.Name, "the file's name")
	require.False(t, th.Dark)
	light, _ := ByName("light")
	require.Equal(t, light.Styles, th.Styles)
	require.Empty(t, th.Pale())
	th, err = Parse("empty.yaml", []byte("# nothing yet\n"))
	require.NoError(t, err)
	require.True(t, th.Dark)
}

func TestParseSaysEveryFaultAtOnce(t *testing.T) {
	for file, text := range map[string]string{
		"x.yaml": "background: blue\nroles: {faild: \"#ffffff\", ok: green, fault: {fg: \"256\"}}",
		"x.toml": "background = \"blue\"\n[roles]\nfaild = \"#ffffff\"\nok = \"green\"\nfault = {fg = \"256\"}",
	} {
		_, err := Parse(file, []byte(text))
		for _, want := range []string{"theme " + file, `background: colour "blue" is not #rrggbb`, "roles.faild: there is no such role, did you mean failed",
			`roles.ok: colour "green" is not #rrggbb, nor a number of the palette`, `roles.fault: colour "256"`} {
			require.ErrorContains(t, err, want, file)
		}
	}
	for _, c := range []struct{ file, text, want string }{
		{"x.ini", "", `ending ".ini"`},
		{"x.toml", "colours = 3", "colours: there is no such setting"},
		{"x.yaml", "colours: 3", "colours"},
		{"x.toml", "[roles]\nok = 3", "neither a colour in quotes nor a table"},
		{"x.toml", "[roles]\nok = {bg = 3, bald = true, bold = 1}", `there is no "bald" in a role`},
		{"x.yaml", "roles: {ok: {bald: true}}", "bald"},
		{"x.yaml", "base: midnight", "base: theme \"midnight\": there is no such theme"},
		{"x.yaml", "name: \"a\\u001b[31m\"", "control character"},
		{"x.toml", "x = [", "x.toml"},
		{"x.yaml", strings.Repeat("#", MaxFile+1), "at most 65536"},
	} {
		_, err := Parse(c.file, []byte(c.text))
		require.ErrorContains(t, err, c.want, c.text)
	}
}

func TestPaleSaysWhatIsHardToRead(t *testing.T) {
	th, err := Parse("x.yaml", []byte("background: \"#000000\"\nroles: {muted: \"#303030\", ok: \"8\"}"))
	require.NoError(t, err)
	require.Equal(t, []string{"muted has a contrast of 1.6 on #000000, less than 4.5"}, th.Pale())
}

func FuzzParse(f *testing.F) {
	f.Add(true, inTOML)
	f.Add(false, inYAML)
	f.Add(false, "roles: &a {ok: *a}")
	f.Add(true, "[roles.ok]\nfg = \"#ffffff\"\n[roles]\n")
	f.Fuzz(func(t *testing.T, tomlFile bool, text string) {
		file := "x.yaml"
		if tomlFile {
			file = "x.toml"
		}
		th, err := Parse(file, []byte(text))
		if err != nil {
			require.Nil(t, th)
			return
		}
		for _, depth := range []int{NoColours, Colours16, Colours256, AllColours} {
			for r := Role(0); r < NumRoles; r++ {
				painted := th.For(depth, true).PaintOn(r, Selected, "x")
				require.True(t, strings.HasPrefix(painted, "x") || strings.HasPrefix(painted, "\x1b["), painted)
			}
		}
	})
}
