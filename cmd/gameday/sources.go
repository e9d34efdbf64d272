package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"gameday/engine/settings"
	"gameday/sources"
	"gameday/sources/all"
	"gameday/sources/driver"
	"gameday/sources/sanitize"
)

// examineFor is how long one source may take to be examined.
const examineFor = 20 * time.Second

// sourcesCmd lists the kinds of source.
type sourcesCmd struct{}

// Run prints them.
func (sourcesCmd) Run(stdout io.Writer) error {
	width := 0
	for _, k := range all.Kinds() {
		width = max(width, len(k.Name))
	}
	for _, k := range all.Kinds() {
		fmt.Fprintf(stdout, "%-*s  %s", width, k.Name, k.Help)
		if len(k.Signals) > 0 {
			fmt.Fprintf(stdout, " (%s)", strings.Join(k.Signals, ", "))
		}
		if k.Usual != "" {
			fmt.Fprintf(stdout, "; usually at %s", k.Usual)
		}
		fmt.Fprintln(stdout)
	}
	return nil
}

// sources examines every source of the configuration, all at once.
func (c doctorCmd) sources() []finding {
	set, err := c.settings()
	if err != nil {
		return []finding{{"configuration", false, err.Error()}}
	}
	if set.File() == "" {
		return []finding{{"configuration", true, "there is none; gameday init writes one for the systems that answer on this machine"}}
	}
	out := []finding{{"configuration", true, set.File()}}
	opened, err := set.Open()
	if err != nil {
		return append(out, finding{"sources", false, err.Error()})
	}
	found := make([][]finding, len(opened))
	var work sync.WaitGroup
	for i, src := range opened {
		work.Go(func() { found[i] = examine(src) })
	}
	work.Wait()
	for _, f := range found {
		out = append(out, f...)
	}
	if len(opened) == 0 {
		out = append(out, finding{"sources", true, "none is named; signals come over OTLP and by scraping only"})
	}
	return out
}

// examine asks one source how it is.
func examine(src sources.Source) []finding {
	var out []finding
	if exposed := src.Exposed(); exposed != "" {
		out = append(out, finding{src.Name + " credentials", false, exposed})
	}
	checker, ok := src.Driver.(driver.Checker)
	if !ok {
		return append(out, finding{src.Name, true, src.Kind + " has nothing that could be examined from here"})
	}
	ctx, cancel := context.WithTimeout(context.Background(), examineFor)
	defer cancel()
	for _, f := range checker.Check(ctx) {
		says := sanitize.Line(sources.Redact(f.Says, src.Secrets...), sanitize.MaxValue)
		if f.Advice != "" {
			says += ": " + sanitize.Line(sources.Redact(f.Advice, src.Secrets...), sanitize.MaxValue)
		}
		if f.State == driver.FindingUnknown {
			says = "not known: " + says
		}
		out = append(out, finding{src.Name + " " + f.Name, f.State == driver.FindingGood || f.State == driver.FindingUnknown, says})
	}
	return out
}

// found is a system that answers at its usual address.
type found struct {
	kind driver.Kind
	says string
}

// discover asks the usual addresses on this machine which systems answer there.
func discover(ctx context.Context) []found {
	kinds := all.Kinds()
	out := make([]*found, len(kinds))
	var work sync.WaitGroup
	for i, k := range kinds {
		if k.Usual == "" {
			continue
		}
		work.Go(func() {
			set := settings.Default()
			if set.Add(k.Name, k.Usual) != nil {
				return
			}
			opened, err := set.Open()
			if err != nil || len(opened) != 1 {
				return
			}
			checker, ok := opened[0].Driver.(driver.Checker)
			if !ok {
				return
			}
			if f := checker.Check(ctx); len(f) > 0 && f[0].State == driver.FindingGood {
				out[i] = &found{k, f[0].Says}
			}
		})
	}
	work.Wait()
	var answered []found
	for _, f := range out {
		if f != nil {
			answered = append(answered, *f)
		}
	}
	return answered
}
