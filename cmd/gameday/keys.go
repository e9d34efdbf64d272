package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"gameday/keymap"
)

// keysCmd prints every key, generated from the registry that the cockpit itself works by.
type keysCmd struct{}

// Run prints the keys by group.
func (keysCmd) Run(stdout io.Writer) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	keys := keymap.Default()
	for i, group := range keymap.Groups() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, strings.ToUpper(string(group)))
		for _, b := range keys.All() {
			if b.Group == group && len(b.Keys) > 0 {
				fmt.Fprintf(w, "  %s\t%s\t%s\n", strings.Join(b.Keys, "  "), b.Long, b.Action)
			}
		}
	}
	return w.Flush()
}
