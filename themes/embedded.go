package themes

import (
	"fmt"
	"strings"
)

// All returns the embedded themes, in the order in which a key walks through them. They are the caller's own.
func All() []*Theme {
	return []*Theme{must(dark()), must(light()), must(contrast()), must(colourblind()), must(solarized()), must(projector()), must(mono())}
}

// Names lists the embedded themes in order.
func Names() []string {
	var out []string
	for _, t := range All() {
		out = append(out, t.Name)
	}
	return out
}

// ByName finds an embedded theme.
func ByName(name string) (*Theme, error) {
	for _, t := range All() {
		if t.Name == name {
			return t, nil
		}
	}
	return nil, fmt.Errorf("theme %q: there is no such theme, choose one of %s", name, strings.Join(Names(), ", "))
}

// must panics on a faulty embedded theme, which a test would have caught: it cannot depend on input.
func must(t *Theme, err error) *Theme {
	if err != nil {
		panic(err)
	}
	return t
}

// dark: blue ink, an apricot frame for the place where the cursor is, and one clear colour per meaning.
func dark() (*Theme, error) {
	const header, selected = "#20252e", "#303a4b" // both come out as a grey where there are only 256 colours
	t, err := New("dark", true, false, [NumRoles]Style{
		Text:         {FG: "#d3dae6"},
		Muted:        {FG: "#98a3b8"},
		Title:        {FG: "#eef2f8", Bold: true},
		Accent:       {FG: "#f5b87f"},
		Border:       {FG: "#7a88a3"},
		BorderActive: {FG: "#f5b87f", Bold: true},
		OK:           {FG: "#86d393"},
		Warning:      {FG: "#ecd06f"},
		Failed:       {FG: "#ff8a8a", Bold: true},
		Fault:        {FG: "#d9a4ff", Bold: true},
		Focus:        {FG: "#67d8e8"},
		Load:         {FG: "#8bb8ff"},
		Key:          {FG: "#f5b87f"},
		Header:       {FG: "#d3dae6", BG: header},
		Production:   {FG: "#1a0708", BG: "#ff7b7b", Bold: true},
		Selected:     {FG: "#eef2f8", BG: selected},
		Match:        {FG: "#ecd06f", Bold: true, Underline: true},
		Series0:      {FG: "#7cc4ea"},
		Series1:      {FG: "#f0b072"},
		Series2:      {FG: "#9fce8a"},
		Series3:      {FG: "#c9a7f2"},
		Series4:      {FG: "#e6cf7a"},
		Series5:      {FG: "#6fd1c2"},
		Series6:      {FG: "#f29ab4"},
		Series7:      {FG: "#a9b6cf"},
	})
	return ground(t, "#10151d", "#d3dae6"), err
}

// light: dark ink on paper, the same meanings.
func light() (*Theme, error) {
	const header, selected = "#eceff4", "#d9e4f5"
	t, err := New("light", false, false, [NumRoles]Style{
		Text:         {FG: "#1f2733"},
		Muted:        {FG: "#4d5867"},
		Title:        {FG: "#0d1420", Bold: true},
		Accent:       {FG: "#9a4208"},
		Border:       {FG: "#667182"},
		BorderActive: {FG: "#b0500c", Bold: true},
		OK:           {FG: "#0f6028"},
		Warning:      {FG: "#735000"},
		Failed:       {FG: "#b3131f", Bold: true},
		Fault:        {FG: "#7722b8", Bold: true},
		Focus:        {FG: "#035e70"},
		Load:         {FG: "#1450a8"},
		Key:          {FG: "#9a4208"},
		Header:       {FG: "#1f2733", BG: header},
		Production:   {FG: "#ffffff", BG: "#b3131f", Bold: true},
		Selected:     {FG: "#0d1420", BG: selected},
		Match:        {FG: "#735000", Bold: true, Underline: true},
		Series0:      {FG: "#0b5f94"},
		Series1:      {FG: "#98460b"},
		Series2:      {FG: "#2c661f"},
		Series3:      {FG: "#6a35ad"},
		Series4:      {FG: "#6d5200"},
		Series5:      {FG: "#05625a"},
		Series6:      {FG: "#a3204f"},
		Series7:      {FG: "#4a5870"},
	})
	return ground(t, "#ffffff", "#1f2733"), err
}

// contrast: for bad light and tired eyes.
func contrast() (*Theme, error) {
	const header, selected = "#202020", "#003a75"
	t, err := New("contrast", true, false, [NumRoles]Style{
		Text:         {FG: "#ffffff"},
		Muted:        {FG: "#d0d0d0"},
		Title:        {FG: "#ffffff", Bold: true},
		Accent:       {FG: "#ffd75f", Bold: true},
		Border:       {FG: "#a8a8a8"},
		BorderActive: {FG: "#ffd75f", Bold: true},
		OK:           {FG: "#7dff8e", Bold: true},
		Warning:      {FG: "#ffe14d", Bold: true},
		Failed:       {FG: "#ffadad", Bold: true, Underline: true},
		Fault:        {FG: "#f0c0ff", Bold: true},
		Focus:        {FG: "#7df3ff", Bold: true},
		Load:         {FG: "#b5d4ff", Bold: true},
		Key:          {FG: "#ffd75f", Bold: true},
		Header:       {FG: "#ffffff", BG: header},
		Production:   {FG: "#ffffff", BG: "#b00000", Bold: true},
		Selected:     {FG: "#ffffff", BG: selected, Bold: true},
		Match:        {FG: "#ffe14d", Bold: true, Underline: true},
		Series0:      {FG: "#7dd8ff"},
		Series1:      {FG: "#ffc27d"},
		Series2:      {FG: "#a5f58a"},
		Series3:      {FG: "#dcbcff"},
		Series4:      {FG: "#fff07d"},
		Series5:      {FG: "#7dffe8"},
		Series6:      {FG: "#ffb3cc"},
		Series7:      {FG: "#e0e0e0"},
	})
	return ground(t, "#000000", "#ffffff"), err
}

// mono uses no colour (NO_COLOR): weight, underline and reverse stand in for it, beside the glyphs and words.
func mono() (*Theme, error) {
	return New("mono", true, true, monoStyles())
}

func monoStyles() [NumRoles]Style {
	return [NumRoles]Style{
		Muted:        {Faint: true},
		Title:        {Bold: true},
		Accent:       {Bold: true},
		Border:       {Faint: true},
		BorderActive: {Bold: true},
		Warning:      {Bold: true},
		Failed:       {Bold: true, Underline: true},
		Fault:        {Bold: true},
		Focus:        {Underline: true},
		Load:         {Italic: true},
		Key:          {Bold: true},
		Production:   {Bold: true, Reverse: true},
		Selected:     {Reverse: true},
		Match:        {Bold: true, Underline: true},
		Series1:      {Bold: true},
		Series2:      {Faint: true},
		Series3:      {Underline: true},
		Series5:      {Bold: true},
		Series6:      {Faint: true},
	}
}

func ground(t *Theme, bg, fg string) *Theme {
	if t != nil {
		t.Background, t.Foreground = bg, fg
	}
	return t
}
