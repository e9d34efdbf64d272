package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gameday/engine/load/k6"
)

// script reports whether what is to be run is a script for k6.
func script(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".js", ".mjs", ".ts":
		return true
	}
	return false
}

// runScript runs a script with the k6 that is installed, as Run does a plan.
func (c loadRunCmd) runScript(stdout io.Writer, stderr loadErrors) error {
	if c.Target != "" || c.Seed != 0 {
		return exitError{exitCannotRun, fmt.Errorf("run %s: a k6 script has no target and no seed of ours: give it what it reads with --var NAME=VALUE", c.Plan)}
	}
	if c.Shard != "" || c.StartAt != "" || len(c.Requests) > 0 || c.RemoteWrite != "" || c.OTLP != "" {
		return exitError{exitCannotRun, fmt.Errorf("run %s: parts, a start, single requests and reports are for gameday's own plans, not for a k6 script", c.Plan)}
	}
	outs, err := openOuts(c.Out)
	if err != nil {
		return err
	}
	ctx, stop := withSignals(context.Background(), func(os.Signal) { os.Exit(exitAborted) })
	defer stop()
	o := k6.Options{Path: c.K6, Output: stderr}
	for name, value := range c.Var {
		o.Env = append(o.Env, name+"="+value)
	}
	run, err := k6.Start(context.Background(), c.Plan, o)
	if err != nil {
		return closeOuts(outs, exitError{exitCannotRun, err})
	}
	c.follow(ctx, run, stderr, outs, nil)
	rep, err := run.Wait()
	if err != nil {
		return closeOuts(outs, exitError{exitCannotRun, err})
	}
	_, aborted := signalled(ctx)
	for _, o := range outs {
		o.end(rep)
	}
	if err := closeOuts(outs, rep.Write(stdout)); err != nil {
		return err
	}
	if aborted {
		return exitError{code: exitAborted}
	}
	return verdictError(rep)
}
