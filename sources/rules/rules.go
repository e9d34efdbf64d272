// Package rules evaluates Prometheus rule files over the embedded metric memory, with Prometheus's own manager of rules:
// what records becomes series, what alerts becomes events of the timeline, pending and firing, with their templates filled in.
package rules

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	prom "github.com/prometheus/prometheus/rules"

	"gameday/sources/alert"
	"gameday/sources/metrics"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// Config says which rules.
type Config struct {
	Name   string   // of the source, part of the events' keys
	Files  []string // paths; * in the last part stands for any
	DB     *metrics.DB
	Every  time.Duration     // how often a group is evaluated that does not say; 5 s when 0
	Labels map[string]string // external_labels, which templates may use
}

// Rules evaluates rule files. It is a driver.Driver, and a sources.Reporter: what is wrong with a rule, or with a file that
// was changed, is its health.
type Rules struct {
	cfg     Config
	tracker *alert.Tracker

	mu    sync.Mutex
	wrong error // of the files, while the rules that were good before go on
	fails error // of a rule that cannot be evaluated
}

// New reads the files, so that what is wrong with them is told at once.
func New(cfg Config) (*Rules, error) {
	if cfg.Every <= 0 {
		cfg.Every = 5 * time.Second
	}
	if _, _, err := load(cfg.Files); err != nil {
		return nil, err
	}
	return &Rules{cfg: cfg, tracker: alert.NewTracker(cfg.Name)}, nil
}

// Address is what is shown of where the rules are.
func (r *Rules) Address() string { return strings.Join(r.cfg.Files, ", ") }

// load finds and checks the files, and what tells that they were changed.
func load(patterns []string) (files []string, state string, err error) {
	for _, p := range patterns {
		found, err := filepath.Glob(p)
		if err != nil {
			return nil, "", fmt.Errorf("rules: %s: %w", p, err)
		}
		if len(found) == 0 {
			return nil, "", fmt.Errorf("rules: %s: there is no such file", p)
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	files = slices.Compact(files)
	var errs []error
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			errs = append(errs, fmt.Errorf("rules: %w", err))
			continue
		}
		state += fmt.Sprintln(f, info.Size(), info.ModTime().UnixNano())
		if _, faults := Check(f, model.UTF8Validation); len(faults) > 0 {
			errs = append(errs, faults...)
		}
	}
	switch len(errs) {
	case 0:
		return files, state, nil
	case 1:
		return nil, "", errs[0]
	}
	return nil, "", fmt.Errorf("%w (and %d more faults; gameday rules check lists them)", errs[0], len(errs)-1)
}

// Run implements driver.Driver.
func (r *Rules) Run(ctx context.Context, emit func(signal.Batch)) error {
	files, state, err := load(r.cfg.Files)
	if err != nil {
		return err
	}
	m := prom.NewManager(&prom.ManagerOptions{
		NameValidationScheme: model.UTF8Validation, ExternalURL: &url.URL{}, Context: ctx, Logger: promslog.NewNopLogger(),
		QueryFunc: r.cfg.DB.Vector, Queryable: r.cfg.DB.Queryable(), Appendable: r.cfg.DB.Records(), Parser: r.cfg.DB.Parser(),
		NotifyFunc: func(context.Context, string, ...*prom.Alert) {}, // the active alerts are asked for
		// a game day has no outage from which the beginning of an alert would have to be restored
		OutageTolerance: 0, ForGracePeriod: 0, ResendDelay: time.Minute,
	})
	if err := m.Update(r.cfg.Every, files, labels.FromMap(r.cfg.Labels), "", nil); err != nil {
		return fmt.Errorf("rules: %s: %w", r.Address(), err)
	}
	running := make(chan struct{})
	go func() {
		defer close(running)
		m.Run()
	}()
	defer func() {
		m.Stop()
		<-running
	}()
	look := time.NewTicker(min(r.cfg.Every, time.Second))
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			state = r.reload(m, state)
			if events := r.tracker.Changes(r.active(m), time.Now()); len(events) > 0 {
				emit(signal.Batch{Events: events})
			}
		}
	}
}

// reload takes changed files in, when they are good. Otherwise the rules that were good go on.
func (r *Rules) reload(m *prom.Manager, state string) string {
	files, now, err := load(r.cfg.Files)
	if err == nil && now != state {
		err = m.Update(r.cfg.Every, files, labels.FromMap(r.cfg.Labels), "", nil)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = err
	if err != nil {
		return state
	}
	return now
}

// active are the alerts as they stand, and the rules that cannot be evaluated become the health.
func (r *Rules) active(m *prom.Manager) []alert.Alert {
	var out []alert.Alert
	var fails error
	for _, g := range m.RuleGroups() {
		for _, one := range g.Rules() {
			if err := one.LastError(); err != nil && fails == nil {
				fails = fmt.Errorf("rule %s of group %s (%s) cannot be evaluated: %s", quote(one.Name()), quote(g.Name()), g.File(), sanitize.Line(err.Error(), 300))
			}
			alerting, ok := one.(*prom.AlertingRule)
			if !ok {
				continue
			}
			for _, a := range alerting.ActiveAlerts() {
				if a.State == prom.StateInactive {
					continue // it has ended, and is kept to be told to an Alertmanager
				}
				x := alert.Alert{Labels: a.Labels.Map(), Annotations: a.Annotations.Map(), Since: a.ActiveAt}
				if a.State == prom.StateFiring {
					x.State = alert.Firing
				}
				out = append(out, x)
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fails = fails
	return out
}

func quote(s string) string { return `"` + sanitize.Line(s, 120) + `"` }

// Report implements sources.Reporter.
func (r *Rules) Report() (received, kept, dropped uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wrong != nil {
		return 0, 0, 0, r.wrong
	}
	return 0, 0, 0, r.fails
}
