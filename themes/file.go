package themes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/goccy/go-yaml"
)

// MaxFile is the largest theme file that is read, in bytes.
const MaxFile = 64 << 10

// document is a theme file. What is not named is the base's.
type document struct {
	Name       string          `yaml:"name" toml:"name"`
	Base       string          `yaml:"base" toml:"base"`
	Background string          `yaml:"background" toml:"background"`
	Foreground string          `yaml:"foreground" toml:"foreground"`
	Roles      map[string]look `yaml:"roles" toml:"roles"`
}

// look is a role in a file: only a colour, or a table of what is different from the base's.
type look struct {
	FG        *string `yaml:"fg" toml:"fg"`
	BG        *string `yaml:"bg" toml:"bg"`
	Bold      *bool   `yaml:"bold" toml:"bold"`
	Faint     *bool   `yaml:"faint" toml:"faint"`
	Italic    *bool   `yaml:"italic" toml:"italic"`
	Underline *bool   `yaml:"underline" toml:"underline"`
	Reverse   *bool   `yaml:"reverse" toml:"reverse"`
	Strike    *bool   `yaml:"strike" toml:"strike"`
}

// fields is look without its own way of being read.
type fields look

// UnmarshalYAML takes a colour or a mapping.
func (l *look) UnmarshalYAML(read func(any) error) error {
	var colour string
	if err := read(&colour); err == nil {
		l.FG = &colour
		return nil
	}
	return read((*fields)(l))
}

// UnmarshalTOML takes a colour or a table.
func (l *look) UnmarshalTOML(v any) error {
	table, ok := v.(map[string]any)
	if !ok {
		colour, ok := v.(string)
		if !ok {
			return fmt.Errorf("%v is neither a colour in quotes nor a table with fg, bg, bold, faint, italic, underline, reverse, strike", v)
		}
		l.FG = &colour
		return nil
	}
	words := map[string]**string{"fg": &l.FG, "bg": &l.BG}
	switches := map[string]**bool{"bold": &l.Bold, "faint": &l.Faint, "italic": &l.Italic, "underline": &l.Underline, "reverse": &l.Reverse, "strike": &l.Strike}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(table)) {
		switch {
		case words[key] != nil:
			s, ok := table[key].(string)
			if !ok {
				errs = append(errs, fmt.Errorf("%s: %v is no colour in quotes", key, table[key]))
			}
			*words[key] = &s
		case switches[key] != nil:
			on, ok := table[key].(bool)
			if !ok {
				errs = append(errs, fmt.Errorf("%s: %v is neither true nor false", key, table[key]))
			}
			*switches[key] = &on
		default:
			errs = append(errs, fmt.Errorf("there is no %q in a role, only fg, bg, bold, faint, italic, underline, reverse, strike", key))
		}
	}
	return errors.Join(errs...)
}

func (l look) over(s Style) Style {
	for _, c := range []struct {
		to   *string
		from *string
	}{{&s.FG, l.FG}, {&s.BG, l.BG}} {
		if c.from != nil {
			*c.to = strings.ToLower(strings.TrimSpace(*c.from))
		}
	}
	for _, b := range []struct{ to, from *bool }{{&s.Bold, l.Bold}, {&s.Faint, l.Faint}, {&s.Italic, l.Italic}, {&s.Underline, l.Underline},
		{&s.Reverse, l.Reverse}, {&s.Strike, l.Strike}} {
		if b.from != nil {
			*b.to = *b.from
		}
	}
	return s
}

// Parse reads a theme from a file's content; the file's name says which format it is (.toml, .yaml, .yml) and, when the
// content does not, what the theme is called. It fails, naming every fault at once, for what it does not know and for
// colours that are none. What is only hard to read is the author's choice: see Pale.
func Parse(file string, data []byte) (*Theme, error) {
	d, err := decode(file, data)
	if err != nil {
		return nil, fmt.Errorf("theme %s: %w", file, err)
	}
	if d.Name == "" {
		d.Name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	}
	base, err := baseOf(d)
	if err != nil {
		return nil, fmt.Errorf("theme %s: %w", file, err)
	}
	errs := checkGround(&d)
	styles := base.Styles
	for _, name := range slices.Sorted(maps.Keys(d.Roles)) {
		r, err := roleByName(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		styles[r] = d.Roles[name].over(styles[r])
		if _, err := sgr(styles[r]); err != nil {
			errs = append(errs, fmt.Errorf("roles.%s: %w", name, err))
		}
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("theme %s: %w", file, errors.Join(errs...))
	}
	return d.theme(base, styles)
}

// theme puts what was read together.
func (d document) theme(base *Theme, styles [NumRoles]Style) (*Theme, error) {
	bg, fg := base.Background, base.Foreground
	if d.Background != "" {
		bg = d.Background
	}
	if d.Foreground != "" {
		fg = d.Foreground
	}
	dark := base.Dark
	if l, err := luminance(bg); err == nil {
		dark = l < 0.18 // where white and black are equally far away
	}
	mono := true
	for _, s := range styles {
		mono = mono && s.FG == "" && s.BG == ""
	}
	t, err := New(d.Name, dark, mono, styles)
	if err != nil {
		return nil, err
	}
	return ground(t, bg, fg), nil
}

// baseOf is the theme that a file changes: the one it names, or that of its ground.
func baseOf(d document) (*Theme, error) {
	name := d.Base
	if name == "" {
		name = "dark"
		if l, err := luminance(strings.ToLower(d.Background)); err == nil && l >= 0.18 {
			name = "light"
		}
	}
	t, err := ByName(name)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	return t, nil
}

func checkGround(d *document) []error {
	var errs []error
	for _, c := range []struct {
		name string
		hex  *string
	}{{"background", &d.Background}, {"foreground", &d.Foreground}} {
		*c.hex = strings.ToLower(*c.hex)
		if *c.hex == "" {
			continue
		}
		if _, err := parseHex(*c.hex); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	if len(d.Name) > 40 || strings.ContainsFunc(d.Name, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd || r >= 0x80 && r < 0xa0 }) {
		errs = append(errs, fmt.Errorf("name: %q is no name: up to 40 characters, none of them a control character", d.Name))
	}
	return errs
}

// decode reads the document and refuses what it does not know.
func decode(file string, data []byte) (document, error) {
	var d document
	if len(data) > MaxFile {
		return d, fmt.Errorf("%d bytes are more than a theme has: at most %d are read", len(data), MaxFile)
	}
	switch ext := strings.ToLower(filepath.Ext(file)); ext {
	case ".toml":
		meta, err := toml.Decode(string(data), &d)
		if err != nil {
			return d, err
		}
		var errs []error
		for _, k := range meta.Undecoded() {
			if len(k) == 1 || k[0] != "roles" { // a role reads its own, and says so
				errs = append(errs, fmt.Errorf("%s: there is no such setting, only name, base, background, foreground, roles", k))
			}
		}
		return d, errors.Join(errs...)
	case ".yaml", ".yml":
		err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&d)
		if errors.Is(err, io.EOF) {
			return d, nil // nothing but comments: the base as it is
		}
		if err != nil {
			return d, errors.New(strings.Join(strings.Fields(yaml.FormatError(err, false, false)), " "))
		}
		return d, nil
	default:
		return d, fmt.Errorf("cannot tell the format from the ending %q: name it .toml, .yaml or .yml", ext)
	}
}
