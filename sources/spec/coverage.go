package spec

import (
	"fmt"
	"strings"

	"gameday/sources/sanitize"
)

// Outcome is what became of an element of another tool's file.
type Outcome uint8

// The outcomes, from good to bad. Skipped is what needed no conversion: elements that were switched off, or that say
// nothing about what is to be done. NeedsEngine is what only another engine could do; it is planned and shown.
const (
	Converted Outcome = iota
	Skipped
	Approximated
	NeedsEngine
	NotConverted
)

func (o Outcome) String() string {
	return [...]string{"converted", "skipped", "approximated", "needs engine", "not converted"}[o]
}

// The bounds of what is kept: a table is for people.
const (
	maxCovered     = 500 // rows
	maxCoveredText = 160
)

// Covered is one row of a Coverage: elements of one kind with one outcome.
type Covered struct {
	Element string
	Path    string // of the first one
	Count   int
	Outcome Outcome
	Why     string // how it was approximated, or why it was not converted
}

// Coverage is the table of what became of every element of another tool's file. The zero value is empty and ready.
type Coverage struct {
	Engines bool // the totals say how much needs another engine, be it nothing

	items []Covered
	index map[string]int
	lost  int // rows beyond the bound
}

// Add counts one element. Equal ones share a row.
func (c *Coverage) Add(element, path string, o Outcome, why string) {
	element, why = sanitize.Line(element, maxCoveredText), sanitize.Line(why, maxCoveredText*2)
	key := fmt.Sprintf("%d\x00%s\x00%s", o, element, why)
	if i, ok := c.index[key]; ok {
		c.items[i].Count++
		return
	}
	if len(c.items) >= maxCovered {
		c.lost++
		return
	}
	if c.index == nil {
		c.index = map[string]int{}
	}
	c.index[key] = len(c.items)
	c.items = append(c.items, Covered{Element: element, Path: sanitize.Line(path, maxCoveredText), Count: 1, Outcome: o, Why: why})
}

// Items are the rows, in the order of the file, the good ones first.
func (c *Coverage) Items() []Covered {
	out := make([]Covered, 0, len(c.items))
	for o := Converted; o <= NotConverted; o++ {
		for _, it := range c.items {
			if it.Outcome == o {
				out = append(out, it)
			}
		}
	}
	return out
}

// Count is how many elements had an outcome.
func (c *Coverage) Count(o Outcome) (n int) {
	for _, it := range c.items {
		if it.Outcome == o {
			n += it.Count
		}
	}
	if o == NotConverted {
		n += c.lost
	}
	return n
}

// String is the table, with a line of totals below it.
func (c *Coverage) String() string {
	items := c.Items()
	wide := [2]int{len("element"), len("outcome")}
	for _, it := range items {
		wide[0] = max(wide[0], min(len([]rune(it.Element)), 44))
		wide[1] = max(wide[1], len(it.Outcome.String()))
	}
	var b strings.Builder
	row := func(element, outcome, count, where, why string) {
		fmt.Fprintf(&b, "%-*s  %-*s  %5s  %s", wide[0], element, wide[1], outcome, count, where)
		if why != "" {
			fmt.Fprintf(&b, ": %s", why)
		}
		b.WriteByte('\n')
	}
	row("element", "outcome", "count", "where first", "")
	for _, it := range items {
		row(it.Element, it.Outcome.String(), fmt.Sprint(it.Count), it.Path, it.Why)
	}
	if c.lost > 0 {
		fmt.Fprintf(&b, "... and %d more elements in rows that are not shown\n", c.lost)
	}
	fmt.Fprintf(&b, "%d converted, %d approximated, ", c.Count(Converted), c.Count(Approximated))
	if c.Engines {
		fmt.Fprintf(&b, "%d need another engine, ", c.Count(NeedsEngine))
	}
	fmt.Fprintf(&b, "%d not converted, %d skipped\n", c.Count(NotConverted), c.Count(Skipped))
	return b.String()
}
