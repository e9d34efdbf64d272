// Package engine is one running cockpit: it starts sources, load and chaos in the right order, makes the frames that
// panes draw, runs experiments, and ends everything in the reverse order whatever happens.
package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"gameday/chaos"
	"gameday/engine/incident"
	"gameday/sources"
	"gameday/sources/scrape"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// System is what is being watched and broken: the demo shop, or whatever an operator points gameday at.
// Its owner starts and stops it; the session only asks.
type System interface {
	chaos.Inventory
	// ScrapeTargets are the Prometheus endpoints, now.
	ScrapeTargets() []scrape.Target
	// Vars are the values of ${name} in experiments and load plans: addresses that are only known at run time.
	Vars() map[string]string
	// Processes is the system as its supervisor sees it; nil when there is none.
	Processes() []signal.Process
	// Switches are what can be turned while it runs; nil when there is nothing.
	Switches() []signal.Switch
	// Set turns a switch.
	Set(ctx context.Context, name string, on bool) error
	// Stop ends what the system started. It is called last but for the store.
	Stop(ctx context.Context) error
}

// Wiring is what a system needs from the session to be seen and to be hit.
type Wiring struct {
	OTLP string // address of the OTLP gRPC receiver
	// Link puts an embedded proxy between two services and returns the address the caller shall use.
	Link func(from, to, proto, upstream string) (addr string, err error)
	// Event puts something onto the timeline.
	Event func(signal.Event) uint64
}

// PanelSpec is one chart of the metrics pane.
type PanelSpec struct {
	Title string
	Query string // PromQL
	Unit  string // "s", "req/s", "%", "bytes", ""
	Bound float64
	// Legend is the label whose value names each line; "" lets the metric memory choose.
	Legend string
	// Source is the name of the source that is asked; "" is Config.Metrics.
	Source string
}

// HeadlineSpec has the PromQL of the header's figures; each must give one value. An empty query is an unknown figure.
type HeadlineSpec struct{ Rate, P95, ErrorRate, Budget string }

// Document is a file that came with the program or that the operator named.
type Document struct {
	ID   string // "payment-slow": what the operator picks it by
	File string // for messages
	Data []byte
	Err  error // of a load plan: why it cannot be run as it is; nil otherwise
}

// Config of a session. The zero value of an optional field is a sensible default.
type Config struct {
	Name        string // of the system: "shop"
	Environment string // "demo", "staging", "production"
	Version     string // of the program, for reports
	// StateDir holds journals, the runs that are kept, and crash reports; it must be private to the user.
	StateDir string
	// Exe and KeeperArgs start the keeper: a second process that undoes what this one cannot undo any more.
	Exe        string
	KeeperArgs []string
	// StartSystem brings the system up; nil watches what sends signals by itself. It must return early when ctx ends.
	StartSystem func(ctx context.Context, w Wiring) (System, error)
	OTLPGRPC    string // listen address; "" is a free port on loopback
	OTLPHTTP    string
	ScrapeEvery time.Duration // default 1 s
	// Sources are the systems that signals are read from, besides the receiver and what is scraped. The session runs them.
	Sources []sources.Source
	// Rules are Prometheus rule files, which are evaluated over the embedded memory.
	Rules []string
	// Metrics names the source that charts and probes ask, which must answer PromQL; "" is the embedded memory.
	Metrics     string
	Store       store.Config
	Retention   time.Duration // of metrics; default 1 h
	Panels      []PanelSpec
	Headline    HeadlineSpec
	Experiments []Document
	LoadPlans   []Document
	SLOs        []Document
	Dashboards  []Document // gameday's own, or Grafana's JSON
	// Escalation says who is told of incidents; the zero value is incident.DefaultPolicy.
	Escalation incident.Policy
	OtherLoads []OtherLoad // that something else makes
	Ambient    string      // ID of the load plan that runs whenever no experiment brings its own; "" for none
	Seed       uint64
	// ExperimentSeed takes the place of the seed that experiments have in their files; nil: each has its own.
	ExperimentSeed *uint64
	// SSH is the value of $SSH_CONNECTION: the operator's own link, which faults on the machine's network spare.
	SSH string
	// Guarded are more addresses that faults on the machine's network spare: where this session's own operators come in.
	Guarded []netip.AddrPort
	// Record is the file that the session is recorded into, for a replay; "" for none. It must not be there yet.
	Record string
	// Log gets one line for everything that a person might look for afterwards. It must not write to the terminal.
	Log func(format string, args ...any)
}

// Validate reports everything that is wrong with the configuration at once.
func (c *Config) Validate() error {
	var errs []error
	if c.Name == "" {
		errs = append(errs, errors.New("engine: the system has no name"))
	}
	if c.Environment == "" {
		errs = append(errs, errors.New("engine: the environment has no name: say demo, staging or production"))
	}
	if c.StateDir == "" {
		errs = append(errs, errors.New("engine: no directory for journals"))
	}
	if c.Ambient != "" && find(c.LoadPlans, c.Ambient) == nil {
		errs = append(errs, fmt.Errorf("engine: the ambient load plan %q is not among the load plans", c.Ambient))
	}
	if _, err := metricsOf(c.Sources, c.Metrics, nil); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func find(docs []Document, id string) *Document {
	for i := range docs {
		if docs[i].ID == id {
			return &docs[i]
		}
	}
	return nil
}
