package main

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"gameday/chaos"
	"gameday/chaos/fault"
	"gameday/engine"
	"gameday/sources/spec"
)

// catalogWidth is where lines of the catalog are broken.
const catalogWidth = 100

// printCatalog tells about every fault, or those of the kinds and families that are named.
func printCatalog(w io.Writer, only []string) error {
	all := engine.Catalog()
	sort.Slice(all, func(i, j int) bool { return all[i].Kind() < all[j].Kind() })
	var known []string
	for _, f := range all {
		family, _, _ := strings.Cut(f.Kind(), ".")
		known = append(known, f.Kind(), family)
	}
	for _, k := range only {
		if !slices.Contains(known, k) {
			return fmt.Errorf("no fault is called %s%s", spec.Quote(k), spec.DidYouMean(k, known))
		}
	}
	for _, f := range all {
		family, _, _ := strings.Cut(f.Kind(), ".")
		if len(only) == 0 || slices.Contains(only, f.Kind()) || slices.Contains(only, family) {
			printFault(w, f)
		}
	}
	return nil
}

func printFault(w io.Writer, f chaos.Fault) {
	about := fault.Of(f)
	fmt.Fprintf(w, "%s  hits a %s\n", f.Kind(), f.Hits())
	paragraph(w, "    ", f.Help())
	for _, p := range f.Params() {
		paragraph(w, "      ", p.Name+" ("+typeOf(p)+"): "+p.Help)
	}
	paragraph(w, "    ", "undo: "+about.Undo)
	if about.Needs != "" {
		paragraph(w, "    ", "needs: "+about.Needs)
	}
	fmt.Fprintln(w)
}

// paragraph prints a text with its lines indented; those that follow the first a little further.
func paragraph(w io.Writer, indent, text string) {
	for i, line := range strings.Split(ansi.Wordwrap(text, catalogWidth-len(indent)-2, ""), "\n") {
		if i > 0 {
			line = "  " + line
		}
		fmt.Fprintln(w, indent+line)
	}
}

func typeOf(p chaos.Param) string {
	out := p.Type
	if len(p.OneOf) > 0 {
		out = strings.Join(p.OneOf, ", ")
	}
	switch {
	case p.Required:
		out += "; required"
	case p.Default != nil:
		out += fmt.Sprintf("; default %v", p.Default)
	}
	return out
}
