package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"gameday/engine"
	"gameday/engine/load/format"
	"gameday/engine/load/k6"
	"gameday/engine/load/remote"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// scriptLoad is a script that k6 runs, for the cockpit. It reads what it needs from gameday's own environment.
func scriptLoad(file, path string) engine.OtherLoad {
	name := filepath.Base(file)
	return engine.OtherLoad{
		ID: name, Title: name, Detail: "a script for k6, which runs it: " + file,
		Start: func(ctx context.Context, emit func([]signal.MetricPoint)) (engine.OtherRun, error) {
			said := &lastWords{}
			run, err := k6.Start(ctx, file, k6.Options{Path: path, Emit: emit, Output: said})
			if err != nil {
				return nil, err
			}
			return scriptRun{run, said}, nil
		},
	}
}

// scriptRun is one run of a script.
type scriptRun struct {
	*k6.Run
	said *lastWords
}

// Err is why k6 could not run the script, with what it said last.
func (r scriptRun) Err() error {
	_, err := r.Wait()
	if err == nil {
		return nil
	}
	if said := r.said.String(); said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return err
}

// lastWords keeps the end of what a program prints.
type lastWords struct {
	mu   sync.Mutex
	kept []byte
}

const mostWords = 2 << 10

// Write implements io.Writer.
func (w *lastWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = append(w.kept, p...)
	if over := len(w.kept) - mostWords; over > 0 {
		w.kept = append(w.kept[:0], w.kept[over:]...)
	}
	return len(p), nil
}

// String is the last line that says something.
func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := bytes.Split(bytes.TrimSpace(w.kept), []byte("\n"))
	return sanitize.Line(string(lines[len(lines)-1]), 300)
}

// planDocument reads a load plan, or makes one of another tool's file. One that cannot be converted whole is listed with what
// is to be done about it.
func planDocument(file string) (engine.Document, error) {
	if !foreign(file) {
		return engine.ReadDocument(file)
	}
	res, err := loadConvertCmd{Source: file, From: "auto"}.convert()
	if err != nil {
		return engine.Document{}, err
	}
	doc := engine.Document{ID: planName(file), File: file, Data: res.YAML}
	if lost := res.Coverage.Count(format.NotConverted); lost > 0 {
		doc.Err = fmt.Errorf("%d element(s) of %s are not understood: `gameday load convert` names them and makes a plan without them, which can be offered instead", lost, file)
	}
	return doc, nil
}

// addParts offers to look at plans whose parts run elsewhere.
func addParts(cfg *engine.Config, list []string) error {
	var errs []error
	for _, text := range list {
		plan, address, ok := strings.Cut(text, "=")
		if !ok || plan == "" || address == "" {
			errs = append(errs, fmt.Errorf("--parts %s: write it as PLAN=URL, such as shop=http://127.0.0.1:9090", text))
			continue
		}
		p, err := remote.NewPrometheus(address, nil)
		if err != nil {
			errs = append(errs, fmt.Errorf("--parts of %s: %w", plan, err))
			continue
		}
		p.Close() // each look has its own
		cfg.OtherLoads = append(cfg.OtherLoads, engine.OtherLoad{
			ID: plan + " in parts", Title: plan + " in parts", Detail: "looks at the parts that report to Prometheus, and leaves them alone",
			Start: func(ctx context.Context, _ func([]signal.MetricPoint)) (engine.OtherRun, error) {
				p, err := remote.NewPrometheus(address, nil)
				if err != nil {
					return nil, err
				}
				return remote.Follow(ctx, p, remote.Options{Plan: plan}), nil
			},
		})
	}
	return errors.Join(errs...)
}
