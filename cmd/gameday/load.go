package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gameday/engine/load/format"
	"gameday/engine/load/format/curl"
	"gameday/engine/load/format/digest"
	"gameday/engine/load/format/gatling"
	"gameday/engine/load/format/har"
	"gameday/engine/load/format/jmx"
	"gameday/engine/load/format/jtl"
	"gameday/engine/load/format/k6summary"
	"gameday/engine/load/format/openapi"
	"gameday/sources/signal"
)

// loadCmd is everything about load without a cockpit.
type loadCmd struct {
	Run      loadRunCmd      `cmd:"" help:"Run a load plan without a terminal; the exit code says whether its thresholds were met."`
	Baseline loadBaselineCmd `cmd:"" help:"Runs that were kept for comparing later ones with them."`
	Convert  loadConvertCmd  `cmd:"" help:"Turn a JMeter plan, a HAR, an OpenAPI document or a curl command line into a load plan."`
	Read     loadReadCmd     `cmd:"" help:"Summarise results of JMeter (JTL), Gatling (simulation.log) or k6 (summary JSON)."`

	Merged   loadMergedCmd   `cmd:"" help:"Summarise a run whose parts reported to Prometheus."`
	Manifest loadManifestCmd `cmd:"" help:"Write the Kubernetes objects that run a plan, or a k6 script, in parts."`
}

// loadConvertCmd makes load plans of other tools' files.
type loadConvertCmd struct {
	Source string `arg:"" help:"A .jmx, .har or OpenAPI file, or a curl command line in quotes."`
	Output string `short:"o" placeholder:"PLAN.yaml" help:"Where the plan goes; without it to the standard output."`
	Force  bool   `help:"Replace a file that exists."`
	From   string `help:"What the source is, when that cannot be told." enum:"auto,jmx,har,openapi,curl" default:"auto"`
	Target string `placeholder:"URL" help:"The plan's target instead of what the file says."`
	Strict bool   `help:"Fail when anything in the file is not converted."`
}

// Run converts, prints what became of every element, and writes the plan.
func (c loadConvertCmd) Run(stdout io.Writer, stderr loadErrors) error {
	res, err := c.convert()
	if err != nil {
		return err
	}
	fmt.Fprint(stderr, res.Coverage.String())
	if n := res.Coverage.Count(format.NotConverted); n > 0 && c.Strict {
		return exitError{exitCannotRun, fmt.Errorf("%d elements are not converted, and --strict was given: no plan was written", n)}
	}
	if c.Output == "" {
		_, err = stdout.Write(res.YAML)
		return err
	}
	mode := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	if c.Force {
		mode = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	}
	f, err := os.OpenFile(c.Output, mode, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("write plan: %s exists already; give --force to replace it", c.Output)
	}
	if err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	_, err = f.Write(res.YAML)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

func (c loadConvertCmd) convert() (*format.Result, error) {
	kind, data := c.From, []byte(nil)
	if kind == "auto" && strings.HasPrefix(strings.TrimSpace(c.Source), "curl ") {
		kind = "curl"
	}
	if kind != "curl" {
		err := readable(c.Source)
		if err != nil {
			return nil, err
		}
		if data, err = format.ReadFile(c.Source, format.MaxBytes); err != nil {
			return nil, err
		}
		if kind == "auto" {
			kind = sourceKind(c.Source, data)
		}
	}
	var res *format.Result
	var err error
	switch kind {
	case "curl":
		res, err = curl.Convert(c.Source, curl.Options{Target: c.Target})
		return res, wrapped("convert the curl command line", err)
	case "jmx":
		res, err = jmx.Convert(data, jmx.Options{Target: c.Target})
	case "har":
		res, err = har.Convert(data, har.Options{Target: c.Target})
	default:
		res, err = openapi.Convert(data, openapi.Options{Target: c.Target})
		if err != nil && c.From == "auto" && !openAPI(data) {
			err = fmt.Errorf("it is no JMeter plan, no HAR file and %w; --from says what it is", err)
		}
	}
	return res, wrapped("convert "+c.Source, err)
}

func wrapped(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// sourceKind tells what a file is by how it begins, and by its name where that does not tell.
func sourceKind(name string, data []byte) string {
	begin := bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n")
	switch {
	case bytes.HasPrefix(begin, []byte("<")):
		return "jmx"
	case strings.EqualFold(filepath.Ext(name), ".har"):
		return "har"
	case bytes.HasPrefix(begin, []byte("{")):
		var top struct{ Log json.RawMessage }
		if json.Unmarshal(data, &top) == nil && top.Log != nil {
			return "har"
		}
	}
	return "openapi"
}

// loadReadCmd summarises results.
type loadReadCmd struct {
	File string `arg:"" type:"existingfile" help:"JTL (CSV with a header row, or XML), simulation.log, or a k6 summary in JSON."`
	JSON bool   `name:"json" help:"Print the summary as JSON."`
}

// Run prints the summary; thresholds that the file holds decide the exit code.
func (c loadReadCmd) Run(stdout io.Writer) error {
	rep, err := readResults(c.File)
	if err != nil {
		return err
	}
	if rep.Title == "" {
		rep.Title = filepath.Base(c.File)
	}
	if c.JSON {
		err = writeJSON(stdout, rep)
	} else {
		err = rep.Write(stdout)
	}
	if err != nil {
		return err
	}
	return verdictError(rep)
}

// verdictError turns a verdict into an exit code; a run without thresholds is fine.
func verdictError(rep *digest.Report) error {
	switch rep.Check() {
	case signal.CheckFailed:
		return exitError{code: exitBroken}
	case signal.CheckUnknown:
		return exitError{code: exitCannotRun}
	}
	return nil
}

// readResults tells the form of results by how they begin.
func readResults(name string) (rep *digest.Report, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, errors.Unwrap(err))
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read %s: it is empty", name)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	head = bytes.TrimPrefix(head[:n], []byte("\ufeff"))
	first, _, _ := bytes.Cut(head, []byte("\n"))
	switch begin := bytes.TrimLeft(head, " \t\r\n"); {
	case head[0] == 0, bytes.HasPrefix(head, []byte("ASSERTION\t")), bytes.HasPrefix(head, []byte("RUN\t")),
		bytes.Contains(first, []byte("\tRUN\t")):
		rep, err = gatling.Read(f)
	case bytes.HasPrefix(begin, []byte("{")):
		var data []byte
		if data, err = format.ReadFile(name, format.MaxBytes); err == nil {
			rep, err = k6summary.Read(data)
		}
	default:
		if rep, err = jtl.Read(f); err != nil {
			err = fmt.Errorf("it is no simulation.log and no JSON, and as a JTL: %w", err)
		}
	}
	return rep, wrapped("read "+name, err)
}
