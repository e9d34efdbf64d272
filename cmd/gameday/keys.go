package main

import (
	"io"

	"gameday/keymap"
)

// keysCmd prints every key, generated from the registry that the cockpit itself works by.
type keysCmd struct {
	Preset   string `help:"The set of keys: default, vim or emacs." enum:"default,vim,emacs" default:"default"`
	Markdown bool   `help:"As the page docs/keys.md, with all sets side by side."`
}

// Run prints the keys by group.
func (c keysCmd) Run(stdout io.Writer) error {
	if c.Markdown {
		return keymap.Page(stdout)
	}
	m, err := keymap.New(c.Preset, nil)
	if err != nil {
		return err
	}
	return keymap.Text(stdout, m)
}
