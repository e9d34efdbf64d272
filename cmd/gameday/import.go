package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"gameday/chaos/format"
	"gameday/chaos/format/fis"
	"gameday/chaos/format/litmus"
	"gameday/chaos/format/mesh"
	"gameday/chaos/format/toolkit"
	"gameday/engine"
	"gameday/engine/dashboard"
	"gameday/engine/load"
)

// foreignFlags are what a file of another tool does not say.
type foreignFlags struct {
	Partial bool   `help:"For files of other tools: do what can be done from here, although a part needs another engine."`
	Probe   string `placeholder:"URL" help:"For files of other tools: a health check, for those that claim nothing."`
	Load    string `placeholder:"PLAN" help:"For files of other tools, which bring none: a load plan to run it under."`
	Chaos   string `placeholder:"PROGRAM" help:"For Chaos Toolkit experiments: the program that runs activities written in Python; the chaos of PATH when not given."`
}

// importCmd makes experiments of other tools' files.
type importCmd struct {
	File   string `arg:"" type:"existingfile" help:"A Chaos Toolkit experiment, LitmusChaos ChaosEngine, Chaos Mesh manifest or AWS FIS template; or a dashboard of Grafana's."`
	Output string `short:"o" placeholder:"OUT.yaml" help:"Where the document goes; without it to the standard output."`
	Force  bool   `help:"Replace a file that exists."`
	From   string `help:"What the file is, when that cannot be told." enum:"auto,toolkit,litmus,mesh,fis,grafana" default:"auto"`
	Strict bool   `help:"Fail when anything in the file is not converted."`
	foreignFlags
}

// Run converts, prints what became of every element, and writes the experiment.
func (c importCmd) Run(stdout io.Writer, stderr loadErrors) error {
	data, err := format.ReadFile(c.File)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return fmt.Errorf("import %s: it is empty", c.File)
	}
	if c.From == "grafana" || c.From == "auto" && dashboard.IsGrafana(data) {
		return c.dashboard(data, stdout, stderr)
	}
	wait := waitFor("converting %s", c.File)
	res, err := c.convert(c.File, data, c.From)
	wait.end()
	if err != nil {
		return err
	}
	if res == nil {
		return fmt.Errorf("import %s: it is none of the formats that are known; name it by --from, or check it with gameday check", c.File)
	}
	fmt.Fprint(stderr, res.Coverage.String(), res.Plan())
	if n := res.Coverage.Count(format.NotConverted) + res.Coverage.Count(format.NeedsEngine); n > 0 && c.Strict {
		return exitError{exitCannotRun, fmt.Errorf("%d elements are not converted, and --strict was given: nothing was written", n)}
	}
	if err := res.Refuse(c.Partial); err != nil {
		return wrapped("import "+c.File, err)
	}
	if c.Output == "" {
		_, err = stdout.Write(res.YAML)
		return err
	}
	return writeNew(c.Output, res.YAML, c.Force)
}

// writeNew writes a file that is not there yet, or replaces it when that is asked for.
func writeNew(name string, data []byte, force bool) error {
	mode := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	if force {
		mode = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	}
	f, err := os.OpenFile(name, mode, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("write the document: %s exists already; give --force to replace it", name)
	}
	if err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}

// convert makes an experiment of a file of another tool. nil without an error is a file that gameday reads itself, or
// that nobody knows: whoever reads it as an experiment says what is wrong.
func (f foreignFlags) convert(file string, data []byte, from string) (*format.Result, error) {
	docs, err := format.Read(file, data)
	if err != nil {
		if from == "auto" {
			return nil, nil // as above
		}
		return nil, err
	}
	if from == "auto" {
		from = format.Kind(docs)
	}
	o := format.Options{Name: strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), Probe: f.Probe, Chaos: f.Chaos, Faults: engine.Catalog()}
	if abs, err := filepath.Abs(file); err == nil {
		o.Dir = filepath.Dir(abs)
	}
	if f.Load != "" {
		if o.Load, err = filepath.Abs(f.Load); err != nil {
			return nil, fmt.Errorf("load plan %s: %w", f.Load, err)
		}
		if _, err := load.LoadPlan(o.Load); err != nil {
			return nil, err
		}
	}
	if o.Chaos == "" {
		if path, err := exec.LookPath("chaos"); err == nil {
			o.Chaos = path
		}
	}
	var res *format.Result
	switch from {
	case "toolkit":
		res, err = toolkit.Convert(docs, o)
	case "litmus":
		res, err = litmus.Convert(docs, o)
	case "mesh":
		res, err = mesh.Convert(docs, o)
	case "fis":
		res, err = fis.Convert(docs, o)
	}
	return res, wrapped("import "+file, err)
}

// read reads a document; one of another tool is converted, and what became of its elements is printed first.
func (f foreignFlags) read(file string, out io.Writer) (engine.Document, error) {
	doc, err := engine.ReadDocument(file)
	if err != nil {
		return doc, err
	}
	res, err := f.convert(file, doc.Data, "auto")
	if err != nil {
		return doc, err
	}
	if res == nil {
		return doc, f.onlyForeign(file)
	}
	fmt.Fprint(out, res.Coverage.String(), res.Plan(), "\n")
	if err := res.Refuse(f.Partial); err != nil {
		return doc, fmt.Errorf("%s: %w", file, err)
	}
	doc.Data = res.YAML
	return doc, nil
}

// onlyForeign refuses what a file of gameday's own says itself: that it was given and not heeded would be seen too late.
func (f foreignFlags) onlyForeign(file string) error {
	for flag, value := range map[string]string{"--load": f.Load, "--probe": f.Probe, "--chaos": f.Chaos} {
		if value != "" {
			return fmt.Errorf("%s is for files of other tools; %s is none: write it into the file", flag, file)
		}
	}
	return nil
}
