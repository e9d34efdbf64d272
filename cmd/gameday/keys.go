package main

import (
	"io"

	"gameday/keymap"
)

// keysCmd prints every key, generated from the registry that the cockpit itself works by.
type keysCmd struct {
	Preset   string `name:"keys-preset" aliases:"preset" help:"The set of keys: default, vim or emacs. With it, keys of your own in the configuration are left out." enum:"default,vim,emacs," default:""`
	Markdown bool   `help:"As the page docs/keys.md, with all sets side by side."`
	configFlag
}

// Run prints the keys by group: those that a cockpit would have here, with the configuration's own, or those of a set.
func (c keysCmd) Run(stdout io.Writer) error {
	if c.Markdown {
		return keymap.Page(stdout)
	}
	var bind keymap.Bindings
	if c.Preset == "" {
		set, err := c.settings()
		if err != nil {
			return err
		}
		c.Preset, bind = set.Keys.Preset, set.Keys.Bind
	}
	m, err := keymap.New(c.Preset, bind)
	if err != nil {
		return err
	}
	return keymap.Text(stdout, m)
}
