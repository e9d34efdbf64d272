package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gameday/engine"
)

// against are the flags that say what an experiment is run against. An approval is bound to them.
type against struct {
	Demo     bool   `help:"Start the embedded demo shop and run against it."`
	Patterns string `help:"With --demo: the shop's resilience patterns." enum:"on,off" default:"off"`
	configFlag
	Name        string  `help:"What the system is called; as the configuration says, or local."`
	Environment string  `help:"Which environment it is: local, staging or production, which takes an approval. Not with --demo." enum:",local,staging,production" default:""`
	Seed        *uint64 `placeholder:"N" help:"The seed of all random choices, instead of the experiment's own."`
}

// config makes it a session's.
func (a against) config(cfg engine.Config, doc engine.Document) (engine.Config, error) {
	if a.Demo && a.Environment != "" {
		return cfg, errors.New("--demo is an environment of its own: leave --environment out")
	}
	if a.Demo {
		var err error
		if cfg, err = demoConfig(cfg, a.Patterns == "on"); err != nil {
			return cfg, err
		}
	} else {
		set, err := a.settings()
		if err != nil {
			return cfg, err
		}
		named := ""
		if set.File() == "" {
			named = "local"
		}
		if cfg, err = configure(cfg, set, ""); err != nil {
			return cfg, err
		}
		if named != "" {
			cfg.OTLPGRPC, cfg.OTLPHTTP = "", "" // runs stand side by side, on free ports
		}
		cfg.Name, cfg.Environment = orElse(a.Name, orElse(named, cfg.Name)), orElse(a.Environment, cfg.Environment)
		if targets := set.Scrape.Targets; cfg.Metrics == "" && len(targets) == 0 {
			cfg.Metrics = onlyMetrics(cfg.Sources)
		} else if len(targets) > 0 {
			scraped, err := scrapeTargets(targets)
			if err != nil {
				return cfg, err
			}
			cfg.StartSystem = func(context.Context, engine.Wiring) (engine.System, error) { return watched{scraped}, nil }
		}
	}
	if a.Seed != nil {
		cfg.Seed, cfg.ExperimentSeed = *a.Seed, a.Seed
	}
	cfg.Experiments, cfg.LoadPlans = []engine.Document{doc}, nil
	return cfg, nil
}

func (a against) target() string {
	if a.Demo {
		return "the demo shop, patterns " + a.Patterns
	}
	return orElse(a.Name, "local")
}

// plan brings the system up and works out what the experiment would do. It touches nothing.
func (a against) plan(ctx context.Context, s *engine.Session, id string) (*engine.Plan, error) {
	s.Start()
	plan, err := s.PlanExperiment(ctx, id)
	if sig, ok := signalled(ctx); ok {
		return nil, exitError{exitAborted, fmt.Errorf("ended by signal %q before anything was touched", sig)}
	}
	if ctx.Err() != nil {
		return nil, exitError{exitAborted, fmt.Errorf("ended before anything was touched: %w", context.Cause(ctx))}
	}
	if err != nil && !a.Demo {
		err = fmt.Errorf("%w\nwithout --demo only this machine can be hit: its network, and what a selector names of its processes, containers and directories", err)
	}
	return plan, err
}

// readExperiment reads the file and refuses a broken one before anything is started.
func readExperiment(file string) (engine.Document, error) {
	doc, err := engine.ReadDocument(file)
	if err != nil {
		return doc, err
	}
	_, err = engine.CheckExperiment(doc)
	return doc, err
}

// inSession opens a session without a terminal, lets it do something, and ends it. The error carries the exit code.
func inSession(ctx context.Context, cfg engine.Config, do func(s *engine.Session) error) error {
	s, err := engine.New(cfg)
	if err != nil {
		return err
	}
	done := do(s)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	closed := s.Close(end)
	tellRecorded(s)
	if err := closed; err != nil {
		return exitError{exitRollbackFailed, errors.Join(done, err)}
	}
	return done
}

// configDir is $XDG_CONFIG_HOME/gameday. It need not exist.
func configDir() (string, error) {
	base := os.Getenv("XDG_CONFIG_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no place for the configuration: %w; set XDG_CONFIG_HOME", err)
		}
		base = filepath.Join(home, ".config")
	}
	return filepath.Join(base, "gameday"), nil
}

// signersFile is the list of allowed signers: the one given, or the configuration's.
func signersFile(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	dir, err := configDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "allowed_signers"), nil
}

// sshDir is where a person's own SSH keys lie.
func sshDir() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("cannot find your SSH keys: %w", err)
	}
	return filepath.Join(home, ".ssh"), nil
}
