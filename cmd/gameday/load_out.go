package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load/format/digest"
	"gameday/sources/signal"
)

// loadOut is a file that figures of a run go to.
type loadOut interface {
	second(now time.Time, s *signal.LoadState) // once a second while it runs
	end(*digest.Report)
	close() error
}

// openOuts opens all files before anything is sent: a run whose figures cannot be kept had better not begin.
func openOuts(names []string) (outs []loadOut, err error) {
	for _, name := range names {
		kind := strings.ToLower(filepath.Ext(name))
		switch kind {
		case ".csv", ".jsonl", ".json":
		case ".jtl":
			return nil, closeOuts(outs, fmt.Errorf("write %s: a JTL holds single requests: give it to --requests", name))
		default:
			return nil, closeOuts(outs, fmt.Errorf("write %s: the name must end in .csv, .jsonl or .json", name))
		}
		f, err := os.Create(name)
		if err != nil {
			return nil, closeOuts(outs, fmt.Errorf("write figures: %w", err))
		}
		file := &outFile{name: name, file: f, w: bufio.NewWriter(f)}
		switch kind {
		case ".csv":
			file.print("%s\n", strings.Join(secondNames, ","))
			outs = append(outs, csvOut{file})
		case ".jsonl":
			outs = append(outs, linesOut{file})
		default:
			outs = append(outs, jsonOut{file})
		}
	}
	return outs, nil
}

// closeOuts closes all files and adds what went wrong to an error.
func closeOuts(outs []loadOut, err error) error {
	for _, o := range outs {
		err = errors.Join(err, o.close())
	}
	return err
}

// outFile keeps the first error until the end: a full disk does not end a load test.
type outFile struct {
	name string
	file *os.File
	w    *bufio.Writer
	err  error
}

func (o *outFile) print(format string, args ...any) {
	if o.err == nil {
		_, o.err = fmt.Fprintf(o.w, format, args...)
	}
}

func (o *outFile) close() error {
	err := errors.Join(o.err, o.w.Flush(), o.file.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", o.name, err)
	}
	return nil
}

// secondNames are the figures of one second; times are milliseconds.
var secondNames = []string{
	"time", "elapsed_ms", "target_rate", "rate", "in_flight", "users", "sent", "done", "failed", "missed", "error_share",
	"p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms",
}

func secondValues(now time.Time, s *signal.LoadState) []string {
	num := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	ms := func(d time.Duration) string { return num(float64(d.Microseconds()) / 1e3) }
	count := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return []string{
		now.UTC().Format("2006-01-02T15:04:05.000Z"), ms(s.Elapsed), num(s.Target), num(s.Rate), strconv.Itoa(s.InFlight), strconv.Itoa(s.Users),
		count(s.Sent), count(s.Done), count(s.Failed), count(s.Missed), num(s.ErrorRate),
		ms(s.P50), ms(s.P90), ms(s.P95), ms(s.P99), ms(s.Max),
	}
}

// csvOut writes a row each second.
type csvOut struct{ *outFile }

func (o csvOut) second(now time.Time, s *signal.LoadState) {
	o.print("%s\n", strings.Join(secondValues(now, s), ","))
}

func (csvOut) end(*digest.Report) {}

// linesOut writes an object each second, and the summary as the last one.
type linesOut struct{ *outFile }

func (o linesOut) second(now time.Time, s *signal.LoadState) {
	values := secondValues(now, s)
	o.print("{%q:%q", secondNames[0], values[0])
	for i, name := range secondNames[1:] {
		o.print(",%q:%s", name, values[i+1])
	}
	o.print("}\n")
}

func (o linesOut) end(rep *digest.Report) {
	out, err := json.Marshal(map[string]any{"summary": reportJSON(rep)})
	if err != nil {
		o.err = errors.Join(o.err, err)
		return
	}
	o.print("%s\n", out)
}

// jsonOut writes the summary.
type jsonOut struct{ *outFile }

func (jsonOut) second(time.Time, *signal.LoadState) {}

func (o jsonOut) end(rep *digest.Report) {
	if err := writeJSON(o.w, rep); err != nil {
		o.err = errors.Join(o.err, err)
	}
}

func writeJSON(w io.Writer, rep *digest.Report) error { return indented(w, reportJSON(rep)) }

func indented(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// lineJSON is the figures of some requests; a latency that is not known is null.
type lineJSON struct {
	Name   string   `json:"name"`
	Count  uint64   `json:"count"`
	Failed uint64   `json:"failed"`
	Rate   float64  `json:"rate"`
	Mean   *float64 `json:"mean_ms"`
	P50    *float64 `json:"p50_ms"`
	P90    *float64 `json:"p90_ms"`
	P95    *float64 `json:"p95_ms"`
	P99    *float64 `json:"p99_ms"`
	Max    *float64 `json:"max_ms"`
}

func lineOf(l digest.Line) lineJSON {
	ms := func(d time.Duration) *float64 {
		if d < 0 {
			return nil
		}
		v := float64(d.Microseconds()) / 1e3
		return &v
	}
	return lineJSON{l.Name, l.Count, l.Failed, l.Rate, ms(l.Mean), ms(l.P50), ms(l.P90), ms(l.P95), ms(l.P99), ms(l.Max)}
}

func reportJSON(rep *digest.Report) map[string]any {
	steps := []lineJSON{}
	for _, l := range rep.Steps {
		steps = append(steps, lineOf(l))
	}
	errs := map[string]uint64{}
	for _, e := range rep.Errors {
		errs[e.Kind] = e.Count
	}
	type verdict struct {
		Name   string `json:"name"`
		Expect string `json:"expect"`
		Value  string `json:"value,omitempty"`
		Check  string `json:"verdict"`
		Why    string `json:"why,omitempty"`
	}
	verdicts := []verdict{}
	for _, t := range rep.Thresholds {
		verdicts = append(verdicts, verdict{t.Name, t.Expect, t.Value, t.Check.String(), t.Why})
	}
	type finding struct {
		Name         string   `json:"name"`
		Check        string   `json:"verdict"`
		Inconclusive bool     `json:"inconclusive,omitempty"`
		Lines        []string `json:"lines"`
	}
	findings := []finding{}
	for _, f := range rep.Findings {
		findings = append(findings, finding{f.Name, f.Check.String(), f.Open, f.Lines})
	}
	out := map[string]any{
		"title": rep.Title, "elapsed_ms": rep.Elapsed.Milliseconds(), "missed": rep.Missed, "total": lineOf(rep.Total),
		"steps": steps, "errors": errs, "thresholds": verdicts, "verdict": rep.Check().String(), "notes": rep.Notes,
		"findings": findings,
	}
	if rep.Source != "" {
		out["source"] = rep.Source
	}
	if !rep.Started.IsZero() {
		out["started"] = rep.Started.UTC().Format(time.RFC3339Nano)
	}
	return out
}
