package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"gameday/engine"
	"gameday/engine/dashboard"
	"gameday/sources/spec"
)

// checkGrafana checks a dashboard of Grafana's, and prints what becomes of its panels. foreign is false for every other file.
func checkGrafana(file string, stdout io.Writer) (foreign bool, err error) {
	doc, err := engine.ReadDocument(file)
	if err != nil || !dashboard.IsGrafana(doc.Data) {
		return false, nil // whoever reads it as something else says what is wrong
	}
	_, cover, err := dashboard.FromGrafana(file, doc.ID, doc.Data)
	if cover != nil {
		fmt.Fprint(stdout, cover.String(), "\n")
	}
	return true, err
}

// dashboard makes a document of gameday's own of a dashboard of Grafana's.
func (c importCmd) dashboard(data []byte, stdout io.Writer, stderr loadErrors) error {
	name := strings.TrimSuffix(filepath.Base(c.File), filepath.Ext(c.File))
	d, cover, err := dashboard.FromGrafana(c.File, name, data)
	if cover != nil {
		fmt.Fprint(stderr, cover.String())
	}
	if err != nil {
		return err
	}
	if n := cover.Count(spec.NotConverted); n > 0 && c.Strict {
		return exitError{exitCannotRun, fmt.Errorf("%d elements are not converted, and --strict was given: nothing was written", n)}
	}
	if err := c.foreignFlags.onlyForeign(c.File); err != nil {
		return err
	}
	if c.Output == "" {
		_, err = stdout.Write(d.YAML())
		return err
	}
	return writeNew(c.Output, d.YAML(), c.Force)
}
