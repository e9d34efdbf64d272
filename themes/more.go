package themes

// colourblind: states differ in lightness and along the axis from blue to orange, which every kind of colour blindness
// leaves; after the palette of Okabe and Ito (2008), made lighter for a dark ground.
func colourblind() (*Theme, error) {
	const header, selected = "#1c222b", "#2b3442"
	t, err := New("colourblind", true, false, [NumRoles]Style{
		Text:         {FG: "#e4e8ee"},
		Muted:        {FG: "#a7b0be"},
		Title:        {FG: "#ffffff", Bold: true},
		Accent:       {FG: "#ffd27a"},
		Border:       {FG: "#7f8a9c"},
		BorderActive: {FG: "#ffd27a", Bold: true},
		OK:           {FG: "#56b4e9"},
		Warning:      {FG: "#f0e442", Bold: true},
		Failed:       {FG: "#ff9a5c", Bold: true, Underline: true},
		Fault:        {FG: "#e79fc9", Bold: true},
		Focus:        {FG: "#8fe3ff"},
		Load:         {FG: "#33c9a0"},
		Key:          {FG: "#ffd27a"},
		Header:       {FG: "#e4e8ee", BG: header},
		Production:   {FG: "#000000", BG: "#ff9a5c", Bold: true},
		Selected:     {FG: "#ffffff", BG: selected},
		Match:        {FG: "#f0e442", Bold: true, Underline: true},
		Series0:      {FG: "#7cc4f0"},
		Series1:      {FG: "#f5b942"},
		Series2:      {FG: "#4fd0ab"},
		Series3:      {FG: "#f0e442"},
		Series4:      {FG: "#9db8ff"},
		Series5:      {FG: "#ffa06b"},
		Series6:      {FG: "#e7a3cb"},
		Series7:      {FG: "#c9d0da"},
	})
	return ground(t, "#0e1116", "#e4e8ee"), err
}

// solarized: the ground and the hues of Ethan Schoonover's Solarized, made lighter until they can be read on it.
func solarized() (*Theme, error) {
	const header, selected = "#073642", "#0a4150"
	t, err := New("solarized", true, false, [NumRoles]Style{
		Text:         {FG: "#b6c4c4"},
		Muted:        {FG: "#9fb0b0"},
		Title:        {FG: "#fdf6e3", Bold: true},
		Accent:       {FG: "#e0b030"},
		Border:       {FG: "#8a9da0"},
		BorderActive: {FG: "#e0b030", Bold: true},
		OK:           {FG: "#a9bc1c"},
		Warning:      {FG: "#d9b13a"},
		Failed:       {FG: "#ff9a8a", Bold: true},
		Fault:        {FG: "#f0a0c8", Bold: true},
		Focus:        {FG: "#5cd0c4"},
		Load:         {FG: "#7cc0f0"},
		Key:          {FG: "#e0b030"},
		Header:       {FG: "#b6c4c4", BG: header},
		Production:   {FG: "#002b36", BG: "#ff9a8a", Bold: true},
		Selected:     {FG: "#fdf6e3", BG: selected},
		Match:        {FG: "#d9b13a", Bold: true, Underline: true},
		Series0:      {FG: "#7fc4f2"},
		Series1:      {FG: "#e9a468"},
		Series2:      {FG: "#b4c52a"},
		Series3:      {FG: "#b9bdf5"},
		Series4:      {FG: "#dcb738"},
		Series5:      {FG: "#62d0c5"},
		Series6:      {FG: "#f29cc4"},
		Series7:      {FG: "#b0bdbd"},
	})
	return ground(t, "#002b36", "#b6c4c4"), err
}

// projector: black on white and few, deep, bold colours, for a lamp that washes everything out and a room that sits far away.
func projector() (*Theme, error) {
	const header, selected = "#eeeeee", "#cfe2ff"
	t, err := New("projector", false, false, [NumRoles]Style{
		Text:         {FG: "#000000"},
		Muted:        {FG: "#333333"},
		Title:        {FG: "#000000", Bold: true},
		Accent:       {FG: "#7a2e00", Bold: true},
		Border:       {FG: "#5c5c5c"},
		BorderActive: {FG: "#7a2e00", Bold: true},
		OK:           {FG: "#004d1a", Bold: true},
		Warning:      {FG: "#5c4000", Bold: true},
		Failed:       {FG: "#a00010", Bold: true, Underline: true},
		Fault:        {FG: "#5b00a0", Bold: true},
		Focus:        {FG: "#00485c", Bold: true},
		Load:         {FG: "#003c96", Bold: true},
		Key:          {FG: "#7a2e00", Bold: true},
		Header:       {FG: "#000000", BG: header},
		Production:   {FG: "#ffffff", BG: "#a00010", Bold: true},
		Selected:     {FG: "#000000", BG: selected},
		Match:        {FG: "#5c4000", Bold: true, Underline: true},
		Series0:      {FG: "#004f7a", Bold: true},
		Series1:      {FG: "#7a3500", Bold: true},
		Series2:      {FG: "#1f5a14", Bold: true},
		Series3:      {FG: "#52249a", Bold: true},
		Series4:      {FG: "#574000", Bold: true},
		Series5:      {FG: "#004f48", Bold: true},
		Series6:      {FG: "#8a1040", Bold: true},
		Series7:      {FG: "#33404f", Bold: true},
	})
	return ground(t, "#ffffff", "#000000"), err
}
