package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"gameday/engine/load"
	"gameday/engine/load/format"
	"gameday/engine/load/format/digest"
)

// foreign reports whether what is to be run is another tool's file or a curl command line rather than a plan of ours.
func foreign(source string) bool {
	if strings.HasPrefix(strings.TrimSpace(source), "curl ") {
		return true
	}
	switch strings.ToLower(filepath.Ext(source)) {
	case ".jmx", ".har":
		return true
	case ".yaml", ".yml", ".json":
		data, err := format.ReadFile(source, format.MaxBytes)
		return err == nil && openAPI(data)
	}
	return false
}

// openAPI reports whether a document says that it is one.
func openAPI(data []byte) bool {
	for line := range bytes.Lines(data) {
		line = bytes.TrimLeft(line, " \t{")
		for _, begin := range []string{"openapi:", `"openapi"`, "swagger:", `"swagger"`} {
			if bytes.HasPrefix(line, []byte(begin)) {
				return true
			}
		}
		if bytes.HasPrefix(line, []byte("apiVersion:")) {
			return false
		}
	}
	return false
}

// imported is a plan made of another tool's file in memory.
type imported struct {
	plan  *load.Plan
	notes []string // of what is not as the file says
}

// importPlan converts a source, says what became of every element, and refuses to leave anything out unless it was told to.
func importPlan(source, target string, partial bool, stderr io.Writer) (imported, error) {
	res, err := loadConvertCmd{Source: source, From: "auto", Target: target}.convert()
	if err != nil {
		return imported{}, err
	}
	fmt.Fprint(stderr, res.Coverage.String())
	out := imported{plan: res.Plan}
	if !strings.HasPrefix(strings.TrimSpace(source), "curl ") {
		out.plan.In(filepath.Dir(source))
		out.plan.Metadata.Name = planName(source)
	}
	lost := res.Coverage.Count(format.NotConverted)
	if lost > 0 && !partial {
		return out, exitError{exitCannotRun, fmt.Errorf("%d elements of %s are not understood, as the table says: "+
			"give --partial to run it without them", lost, shortSource(source))}
	}
	for _, it := range res.Coverage.Items() {
		if it.Outcome == format.NotConverted {
			out.notes = append(out.notes, fmt.Sprintf("without %s at %s: %s", it.Element, it.Path, it.Why))
		}
	}
	if lost > 0 {
		out.notes = append([]string{fmt.Sprintf("ran without %d elements of %s that are not understood (--partial)", lost, shortSource(source))}, out.notes...)
	}
	if n := res.Coverage.Count(format.Approximated); n > 0 {
		out.notes = append(out.notes, fmt.Sprintf("%d elements were approximated, as the table of the conversion says", n))
	}
	return out, nil
}

func planName(source string) string {
	name := filepath.Base(source)
	return format.Label(strings.TrimSuffix(name, filepath.Ext(name)), "load")
}

// shortSource names a source without what a curl command line holds.
func shortSource(source string) string {
	if strings.HasPrefix(strings.TrimSpace(source), "curl ") {
		return "the curl command line"
	}
	return source
}

// read gets the plan that is to be run, of whatever kind its file is.
func (c loadRunCmd) read(stderr io.Writer) (imported, error) {
	if foreign(c.Plan) {
		return importPlan(c.Plan, c.Target, c.Partial, stderr)
	}
	plan, err := load.LoadPlan(c.Plan)
	return imported{plan: plan}, err
}

// note adds what is to be said of an imported plan to its result.
func (i imported) note(rep *digest.Report) { rep.Notes = append(i.notes, rep.Notes...) }
