package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"gameday/engine/load/remote"
)

// loadMergedCmd puts a run together of what its parts have reported.
type loadMergedCmd struct {
	Prometheus string            `required:"" placeholder:"URL" help:"Where the parts reported to. May hold $${env:NAME}."`
	Plan       string            `required:"" placeholder:"NAME" help:"The plan's metadata.name."`
	RunName    string            `placeholder:"NAME" help:"Which run. Default: the one that reported last."`
	Since      time.Duration     `default:"1h" help:"How far back the run is looked for."`
	Header     map[string]string `mapsep:"none" placeholder:"NAME=VALUE" help:"A header of the queries, such as 'Authorization=Bearer $${env:TOKEN}'. May be given several times."`
	JSON       bool              `name:"json" help:"Print the summary as JSON."`
}

// mergedTime bounds all queries together.
const mergedTime = time.Minute

// Run prints the summary. A part that is not in it makes the run inconclusive.
func (c loadMergedCmd) Run(stdout io.Writer) error {
	ctx, stop := withSignals(context.Background(), func(os.Signal) { os.Exit(exitAborted) })
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, mergedTime)
	defer cancel()
	p, err := remote.NewPrometheus(c.Prometheus, c.Header)
	if err != nil {
		return err
	}
	defer p.Close()
	m, err := p.Merged(ctx, remote.Options{Plan: c.Plan, Run: c.RunName, Since: c.Since})
	if err != nil {
		return fmt.Errorf("merge the parts of %q: %w", c.Plan, err)
	}
	if c.JSON {
		err = writeMergedJSON(stdout, m)
	} else {
		err = m.Report.Write(stdout)
	}
	if err != nil {
		return err
	}
	if !m.Whole() {
		return exitError{code: exitCannotRun}
	}
	return nil
}

func writeMergedJSON(w io.Writer, m *remote.Merged) error {
	out := reportJSON(m.Report)
	parts := make([]map[string]any, len(m.Parts))
	for i := range m.Parts {
		p := &m.Parts[i]
		parts[i] = map[string]any{
			"part": p.String(), "state": string(p.State), "elapsed_ms": p.Elapsed.Milliseconds(), "planned_ms": p.Planned.Milliseconds(),
			"requests": p.Requests, "missed": p.Missed, "counts": p.Counts(),
		}
	}
	out["run"], out["parts"] = m.Run, parts
	return indented(w, out)
}
