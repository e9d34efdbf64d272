package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"gameday/chaos"
	"gameday/engine"
	"gameday/engine/settings"
	"gameday/sources"
	"gameday/sources/host"
	"gameday/sources/store"
	"gameday/testdata"
)

// closeTimeout is how long an orderly end may take before the waiting is given up; undoing goes on in the keeper.
const closeTimeout = 30 * time.Second

// maxLog is the size in bytes at which the log begins anew.
const maxLog = 4 << 20

// receiverFlags are the ports where signals may be sent.
type receiverFlags struct {
	OTLPGRPC string `name:"otlp-grpc" placeholder:"ADDR" help:"Receive OTLP over gRPC there; a free port on loopback when not given."`
	OTLPHTTP string `name:"otlp-http" placeholder:"ADDR" help:"Receive OTLP over HTTP there; a free port on loopback when not given."`
}

// baseConfig is what every session has. logTo gets what a person might look for afterwards; it is closed with closeLog.
func baseConfig(state string) (cfg engine.Config, closeLog func() error, err error) {
	exe, err := os.Executable()
	if err != nil {
		return cfg, nil, fmt.Errorf("cannot find this program's own file: %w", err)
	}
	file := filepath.Join(state, logFile)
	mode := os.O_CREATE | os.O_WRONLY | os.O_APPEND // sessions side by side share it
	if info, err := os.Stat(file); err == nil && info.Size() > maxLog {
		mode |= os.O_TRUNC
	}
	f, err := os.OpenFile(file, mode, 0o600)
	if err != nil {
		return cfg, nil, fmt.Errorf("cannot write the log: %w", err)
	}
	logger := log.New(f, "", log.LstdFlags|log.Lmicroseconds|log.LUTC)
	return engine.Config{
		StateDir: state, Exe: exe, KeeperArgs: []string{keeperCommand}, Log: logger.Printf,
		Store: store.Config{CorrelationFields: settings.DefaultFields()}, Seed: 1, SSH: os.Getenv("SSH_CONNECTION"),
	}, f.Close, nil
}

// demoConfig is a session on the embedded shop.
func demoConfig(cfg engine.Config, patterns bool) (engine.Config, error) {
	experiments, err := embedded("experiments")
	if err != nil {
		return cfg, err
	}
	plans, err := embedded("load")
	if err != nil {
		return cfg, err
	}
	cfg.Name, cfg.Environment = "shop", "demo"
	cfg.StartSystem = startShop(patterns)
	cfg.Panels, cfg.Headline = shopPanels(), shopHeadline()
	slos, err := embedded("slos")
	if err != nil {
		return cfg, err
	}
	cfg.Experiments, cfg.LoadPlans, cfg.SLOs = experiments, plans, slos
	if cfg.Dashboards, err = embedded("dashboards"); err != nil {
		return cfg, err
	}
	cfg.Sources = append(cfg.Sources, sources.Source{Name: "host", Kind: "host", Address: "local", Driver: host.New(host.DefaultEvery)})
	return cfg, nil
}

// embedded reads the documents that came with the binary. The one everyone starts with comes first.
func embedded(dir string) ([]engine.Document, error) {
	names, err := fs.Glob(testdata.Files, dir+"/*.yaml")
	if err != nil {
		return nil, err
	}
	var out []engine.Document
	for _, name := range names {
		data, err := testdata.Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		doc := engine.Document{ID: strings.TrimSuffix(path.Base(name), ".yaml"), File: name, Data: data}
		if doc.ID == "payment-slow" || doc.ID == "shop" {
			out = append([]engine.Document{doc}, out...)
		} else {
			out = append(out, doc)
		}
	}
	return out, nil
}

// recoverFirst undoes what sessions that died left behind, before a new one touches anything. What cannot be undone is an error
// with the commands that remain.
func recoverFirst(state string) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	wait := waitFor("looking for what sessions that died have left, and undoing it")
	all, err := recoverAll(ctx, state, false)
	wait.end()
	errs := []error{err}
	for _, r := range all {
		if r.Outcome == chaos.NeedsHuman {
			errs = append(errs, fmt.Errorf("%s on %s is still in force: %w; run: %s", r.Title, strings.Join(r.Targets, " "), r.Err, r.Remedy))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return exitError{exitRollbackFailed, fmt.Errorf("a session that died left faults behind:\n%w", err)}
	}
	return nil
}
