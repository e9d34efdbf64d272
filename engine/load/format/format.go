// Package format holds what the converters of other tools' files share: the plan they draft, its YAML, and the coverage
// table that says of every element what became of it.
//
// Converters read files that other people wrote. They are bounded in size and depth, never follow a reference out of the
// file, and never put a secret that a file holds into the plan: it becomes ${env:NAME}.
package format

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"gameday/engine/load"
	"gameday/engine/load/http1"
	"gameday/engine/load/template"
	"gameday/sources/spec"
)

// MaxBytes is how large a file to be converted may be.
const MaxBytes = 32 << 20

// Result is a file converted: the plan's YAML, proven by parsing it, and what became of every element.
type Result struct {
	YAML     []byte
	Plan     *load.Plan
	Coverage *Coverage
}

// ReadFile reads a whole file within a bound, in bytes. The error says what is wrong with the file.
func ReadFile(name string, most int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, errors.Unwrap(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: it is no regular file", name)
	}
	if info.Size() > most {
		return nil, fmt.Errorf("read %s: %d bytes are more than the %d MiB that are read", name, info.Size(), most>>20)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, errors.Unwrap(err))
	}
	return data, nil
}

// Finish writes the draft as YAML and proves that the load engine accepts it. An error means that the file held nothing
// to run, or something that no plan can hold.
func Finish(d *Draft, c *Coverage) (*Result, error) {
	if len(d.Scenarios) == 0 {
		return nil, fmt.Errorf("nothing in it can be run as a load plan:\n%s", c)
	}
	if err := d.tooLarge(); err != nil {
		return nil, err
	}
	d.uniqueNames()
	text := d.YAML()
	doc, err := spec.Parse("", text)
	if err != nil {
		return nil, fmt.Errorf("the plan made of it is no document that can be read: %w", err)
	}
	plan, err := load.ParsePlan(doc)
	if err != nil {
		return nil, fmt.Errorf("the plan made of it is not accepted: %w", err)
	}
	d.checkValues(c)
	return &Result{YAML: text, Plan: plan, Coverage: c}, nil
}

// The bounds of a plan, below those of the documents that the engine reads.
const (
	maxPlanBytes = 4 << 20
	maxPlanSteps = 10_000
)

// tooLarge stops repetitions before they are written out.
func (d *Draft) tooLarge() error {
	steps, size := 0, 0
	for _, sc := range d.Scenarios {
		Each(sc.Steps, func(st *Step) {
			steps++
			size += 100 + len(st.Path) + len(st.Body)
			for _, h := range st.Headers {
				size += len(h.Name) + len(h.Value)
			}
			for _, c := range st.That {
				size += 50 + len(c.JSON) + len(c.XPath) + len(c.Contains) + len(c.Matches)
			}
			for _, e := range st.Extract {
				size += 50 + len(e.JSON) + len(e.XPath) + len(e.Regex) + len(e.Head)
			}
		})
		if steps > maxPlanSteps || size > maxPlanBytes {
			return fmt.Errorf("the plan would have more than %d steps or %d MiB; convert a part of it", maxPlanSteps, maxPlanBytes>>20)
		}
	}
	return nil
}

// checkValues looks at what only shows once variables are filled in, and notes what would keep the plan from starting.
func (d *Draft) checkValues(c *Coverage) {
	vars := map[string]string{}
	for _, v := range d.Vars {
		vars[v.Name] = v.Value
	}
	lookup := func(name string) (string, bool) {
		if strings.HasPrefix(name, "env:") {
			return "x", true
		}
		v, ok := vars[name]
		return v, ok
	}
	missing := func(at, text string) (string, bool) {
		filled, err := template.Expand(text, lookup)
		if err != nil {
			c.Add("variable", at, NotConverted, err.Error()+"; the plan does not start before")
		}
		return filled, err == nil
	}
	missing("target", d.Target)
	anyName := func(string) (int, bool) { return 0, true } // whether there is such a variable has been judged
	for _, sc := range d.Scenarios {
		Each(sc.Steps, func(st *Step) {
			if st.Block != nil {
				for _, s := range st.Block.Set {
					missing(sc.Name, s.Value)
				}
				missing(sc.Name, st.Block.If.Value)
				return
			}
			at := sc.Name + "/" + st.Name
			missing(at, st.Target)
			for _, p := range st.Parts {
				missing(at, p.Value)
			}
			if path, ok := missing(at, st.Path); ok {
				if err := http1.CheckPath(path, anyName); err != nil {
					c.Add("path", at, NotConverted, err.Error()+", which comes from a variable")
				}
			}
			missing(at, st.Body)
			for _, h := range st.Headers {
				missing(at, h.Value)
			}
		})
	}
}
