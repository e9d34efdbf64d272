// Package format holds what the converters of other tools' experiments share: reading them with nothing overlooked, the
// experiment they draft, its YAML, and the coverage table that says of every element what became of it.
//
// Converters read files that other people wrote. They are bounded in size and depth, and never put a secret that a file
// holds into the experiment. A field that a converter does not ask for is a row of the table: nothing is dropped silently.
package format

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"gameday/chaos"
	"gameday/chaos/experiment"
)

// Options are what a file does not say.
type Options struct {
	Name   string        // what the experiment is called when the file does not say
	Dir    string        // absolute folder of the file: relative programs and files are found from there
	Probe  string        // URL of a health check, for files that claim nothing
	Load   string        // file of a load plan to run it under; "" for whatever load the system has
	Chaos  string        // the program `chaos`, for activities written in Python; "" when there is none
	Faults []chaos.Fault // the catalog the result is checked against; nil is not checked
}

// Result is a file converted.
type Result struct {
	YAML       []byte                 // the experiment; nil when everything in the file needs another engine
	Experiment *experiment.Experiment // the same, read; nil with YAML
	Coverage   *Coverage
	Needs      []Need // what is left out of the experiment because it takes another engine
}

// Need is a fault that gameday cannot inject from here: it takes a cluster or a cloud.
type Need struct {
	Engine string // kubernetes, aws, ...
	Path   string // in the file
	What   string // what would be done to what
	When   string // when and for how long
}

// Refuse says why the experiment may not stand for the file: a part of it is left out. With partial it may.
func (r *Result) Refuse(partial bool) error {
	switch {
	case len(r.Needs) == 0:
		return nil
	case r.YAML == nil:
		return fmt.Errorf("nothing in it can be done from here: %s", r.needed())
	case partial:
		return nil
	}
	return fmt.Errorf("%s; the rest of the experiment would be less than the file says: give --partial to have it all the same", r.needed())
}

func (r *Result) needed() string {
	by := map[string]int{}
	var order []string
	for _, n := range r.Needs {
		if by[n.Engine] == 0 {
			order = append(order, n.Engine)
		}
		by[n.Engine]++
	}
	for i, e := range order {
		word := "steps need"
		if by[e] == 1 {
			word = "step needs"
		}
		order[i] = fmt.Sprintf("%d %s %s, which gameday does not drive", by[e], word, e)
	}
	return strings.Join(order, ", ")
}

// Plan shows what would be done by other engines, "" when there is nothing.
func (r *Result) Plan() string {
	if len(r.Needs) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("left out, because it needs another engine:\n")
	for _, n := range r.Needs {
		fmt.Fprintf(&b, "  needs %-10s  %s, %s (%s)\n", n.Engine, n.What, n.When, n.Path)
	}
	return b.String()
}

// ReadFile reads a whole file within the bound. The error says what is wrong with the file.
func ReadFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", name, errors.Unwrap(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("cannot read %s: it is no regular file", name)
	}
	if info.Size() > maxBytes {
		return nil, fmt.Errorf("cannot read %s: %d bytes are more than the %d MiB that are read", name, info.Size(), maxBytes>>20)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", name, errors.Unwrap(err))
	}
	return data, nil
}

// Kind tells what documents are: toolkit, litmus, mesh, fis, gameday for what gameday reads itself, or "" for none of
// these.
func Kind(docs []*Node) string {
	for _, d := range docs {
		if d.peek("kind") == "List" && d.Has("items") {
			if k := Kind(Objects([]*Node{d})); k != "" {
				return k
			}
		}
		api, kind := d.peek("apiVersion"), d.peek("kind")
		switch {
		case strings.HasPrefix(api, "gameday/"):
			return "gameday"
		case strings.HasPrefix(api, "litmuschaos.io/"):
			return "litmus"
		case strings.HasPrefix(api, "chaos-mesh.org/"):
			return "mesh"
		case kind == "Experiment" || kind == "Load":
			return "gameday"
		case d.Has("steady-state-hypothesis"), d.Has("method") && d.Has("title"):
			return "toolkit"
		case d.Has("actions") && (d.Has("stopConditions") || d.Has("roleArn") || d.Has("targets")):
			return "fis"
		case d.Has("experimentTemplate"):
			return "fis"
		}
	}
	return ""
}
