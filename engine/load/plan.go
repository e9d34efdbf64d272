// Package load generates load: plans, schedules, executors and what is recorded of every request.
//
// A plan's scenarios run under executors. An open executor starts iterations at their appointed instants whether or not
// earlier ones have been answered; a closed one has a number of users who wait for their answers. In both, latency
// counts from the instant a request was due, so that a target that stalls cannot hide it by keeping the generator
// waiting (coordinated omission); arrivals that could not be sent are counted as missed.
//
// What is sent over the wire is a protocol's business (engine/load/protocol, engine/load/http1). One worker owns one
// client; workers record into shards that a collector empties once a second, off the path.
package load

import (
	"path/filepath"
	"sort"
	"strconv"
	"time"

	"gameday/engine/load/feed"
	"gameday/engine/load/http2"
	"gameday/engine/load/protocol"
	"gameday/engine/load/web"
	"gameday/sources/spec"
)

// Plan is a document of `kind: Load`.
type Plan struct {
	APIVersion string            `yaml:"apiVersion" enum:"gameday/v1" doc:"Always gameday/v1."`
	Kind       string            `yaml:"kind" enum:"Load" doc:"Always Load."`
	Metadata   Metadata          `yaml:"metadata" doc:"What the plan is called."`
	Target     string            `yaml:"target,required" doc:"Where requests go: a base URL, http or https, or that of another protocol; ${gateway} is the demo shop's."`
	Vars       map[string]string `yaml:"vars" doc:"Values for ${name} in the target, paths, headers and bodies."`
	Seed       uint64            `yaml:"seed" doc:"Repeats what is asked for: picks, random values, Poisson spacing. Default 1."`
	Warmup     time.Duration     `yaml:"warmup" doc:"Time before the measurement begins; its requests are shown but not judged."`
	Duration   time.Duration     `yaml:"duration" doc:"How long is measured; without it the load runs until it is stopped, or to the end of its stages."`
	Headers    map[string]string `yaml:"headers" doc:"Headers of every request."`
	Feeds      []feed.Config     `yaml:"feeds" doc:"Data: each column is a variable, {{column}}."`
	Version    string            `yaml:"version" enum:"1.1,2" doc:"Of HTTP. Default 1.1."`
	HTTP2      http2.Sharing     `yaml:"http2" doc:"With HTTP/2 and gRPC: how users share connections."`
	HTTP       *web.Config       `yaml:"http" doc:"How HTTP is spoken: redirects, proxy, authentication, certificates, limits."`
	Cookies    CookiePolicy      `yaml:"cookies" enum:"user,iteration" doc:"Users keep the cookies they are given: from iteration to iteration, or within one. Default: not at all."`
	KeepBody   int               `yaml:"keepBody" doc:"How much of an answer is looked at by checks and extraction, in bytes. Default 1 MiB."`
	Timeout    time.Duration     `yaml:"timeout" doc:"For each request, connecting included. Default 10s."`
	Sampling   Share             `yaml:"sampling" doc:"Share of requests whose traceparent asks for tracing, such as 10%. Default 100%."`
	Test       *Test             `yaml:"test" doc:"A load test of a known type, instead of an executor: what it does over time, and what the result says about it."`
	Executor   *Executor         `yaml:"executor" doc:"Drives all scenarios that have no executor of their own, picked by weight."`
	Scenarios  []Scenario        `yaml:"scenarios,required" doc:"What users do."`
	Thresholds []Threshold       `yaml:"thresholds" doc:"What the whole run is judged by."`

	folder string // of the plan's file: what it names is found from there
}

// Metadata names a plan.
type Metadata struct {
	Name  string `yaml:"name" doc:"Short name, used in labels."`
	Title string `yaml:"title" doc:"One line for people."`
}

// Scenario is one thing users do: steps in order as one iteration, or one of a mix of requests.
type Scenario struct {
	Name      string            `yaml:"name,required" doc:"Name, used in labels."`
	Weight    float64           `yaml:"weight" doc:"Share among the scenarios under the plan's executor. Default 1."`
	Executor  *Executor         `yaml:"executor" doc:"An executor of its own, instead of a weight."`
	Headers   map[string]string `yaml:"headers" doc:"Headers of every request in it."`
	Target    string            `yaml:"target" doc:"Instead of the plan's: where its requests go."`
	HTTP      *web.Config       `yaml:"http" doc:"How HTTP is spoken; what it holds goes before the plan's."`
	ThinkTime ThinkTime         `yaml:"thinkTime" doc:"Pause after each step."`
	OnFailure string            `yaml:"onFailure" enum:"continue,end-iteration" doc:"After a request that failed: the next step, or the next iteration. Default continue."`
	Steps     []Step            `yaml:"steps" doc:"Requests, and blocks of them, made one after the other: one iteration."`
	Mix       []Step            `yaml:"mix" doc:"Requests one of which, picked by weight, is an iteration."`
}

// ExecutorKind says what an executor holds constant or ramps.
type ExecutorKind string

// The kinds of executor. Rates are open, users are closed.
const (
	ConstantRate  ExecutorKind = "constant-rate"
	RampingRate   ExecutorKind = "ramping-rate"
	ConstantUsers ExecutorKind = "constant-users"
	RampingUsers  ExecutorKind = "ramping-users"

	SharedIterations ExecutorKind = "shared-iterations" // users make so many iterations together
	UserIterations   ExecutorKind = "user-iterations"   // each user makes so many
	ExternalRate     ExecutorKind = "external-rate"     // an operator changes it while it runs
	ExternalUsers    ExecutorKind = "external-users"
)

// Open reports whether iterations start at appointed instants, whatever became of earlier ones.
func (k ExecutorKind) Open() bool { return k == ConstantRate || k == RampingRate || k == ExternalRate }

func (k ExecutorKind) ramping() bool { return k == RampingRate || k == RampingUsers }

// Executor decides when iterations start.
type Executor struct {
	Kind           ExecutorKind `yaml:"kind,required" enum:"constant-rate,ramping-rate,constant-users,ramping-users,shared-iterations,user-iterations,external-rate,external-users" doc:"Rates are open models, users closed ones."`
	Rate           float64      `yaml:"rate" doc:"Iterations per second; of ramping-rate: where it begins."`
	Users          int          `yaml:"users" doc:"Virtual users; of ramping-users: where it begins."`
	Most           float64      `yaml:"most" doc:"Of the external kinds: the rate or the users that an operator cannot go beyond."`
	Iterations     int          `yaml:"iterations" doc:"Of the iterations kinds: how many, of all users together or of each."`
	Stages         []Stage      `yaml:"stages" doc:"Of the ramping kinds: where to go, and in what time."`
	MaxConnections int          `yaml:"maxConnections" doc:"Open models: most connections at once. Default 512."`
	MaxQueue       int          `yaml:"maxQueue" doc:"Open models: most arrivals that wait for a connection; more are missed. Default: five seconds' worth."`
	Spacing        string       `yaml:"spacing" enum:"even,poisson" doc:"Open models: how arrivals are spaced. Default even."`
}

// Stage is one straight piece of a ramp.
type Stage struct {
	To  float64       `yaml:"to,required" doc:"Rate or users at its end."`
	For time.Duration `yaml:"for,required" doc:"How long it takes; 0s jumps."`
}

// ParsePlan reads a plan out of a document. All faults are reported at once, in a *spec.Problems. apiVersion and kind may
// be left out, as they are where a plan stands inside an experiment.
func ParsePlan(doc *spec.Document) (*Plan, error) {
	p := &Plan{Seed: 1, Timeout: 10 * time.Second, Sampling: 1}
	doc.Decode(p)
	if p.Test != nil {
		p.Test.complete(func(field string) bool { return doc.Has("test." + field) })
		if p.Executor == nil {
			p.Executor, p.Duration = p.Test.executor()
		}
	}
	p.complete()
	p.validate(doc)
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// CheckPlan reports to a document everything that is wrong with the plan in it.
func CheckPlan(doc *spec.Document) {
	_, _ = ParsePlan(doc) // what it returns is what it has reported
}

// LoadPlan reads a plan from a file.
func LoadPlan(file string) (*Plan, error) {
	doc, err := spec.Load(file)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"apiVersion", "kind"} {
		if !doc.Has(key) {
			doc.Reportf("", "%s is missing: a load plan begins with `apiVersion: gameday/v1` and `kind: Load`", key)
		}
	}
	p, err := ParsePlan(doc)
	if err != nil {
		return nil, err
	}
	p.folder = filepath.Dir(file)
	return p, nil
}

// In says which folder the files that the plan names are found from; LoadPlan says it of its own accord.
func (p *Plan) In(folder string) { p.folder = folder }

// beside is the path of a file that the plan names.
func (p *Plan) beside(name string) string {
	if p.folder == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.folder, name)
}

// eachStep calls f with every step of the plan, blocks and what is inside them included.
func (p *Plan) eachStep(f func(sc *Scenario, path string, s *Step)) {
	for i := range p.Scenarios {
		sc := &p.Scenarios[i]
		at := indexed("scenarios", i)
		each(sc.Steps, at+".steps", func(path string, s *Step) { f(sc, path, s) })
		each(sc.Mix, at+".mix", func(path string, s *Step) { f(sc, path, s) })
	}
}

// stepVariables are the names of the variables that steps extract or set.
func (p *Plan) stepVariables() (names []string) {
	p.eachStep(func(_ *Scenario, _ string, s *Step) { names = append(names, s.variables()...) })
	sort.Strings(names)
	return names
}

// onceVariables are the names of those that a user is given once, and keeps from iteration to iteration.
func (p *Plan) onceVariables() (names []string) {
	p.eachStep(func(_ *Scenario, _ string, s *Step) {
		each(s.Once, "", func(_ string, in *Step) { names = append(names, in.variables()...) })
	})
	sort.Strings(names)
	return names
}

// variables are those that the step itself extracts or sets.
func (s *Step) variables() (names []string) {
	for _, e := range s.Extract {
		names = append(names, e.Name)
	}
	for name := range s.Set {
		names = append(names, name)
	}
	return names
}

func indexed(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// complete fills in the defaults that depend on other fields.
func (p *Plan) complete() {
	if p.Metadata.Name == "" {
		p.Metadata.Name = "load"
	}
	for i := range p.Scenarios {
		sc := &p.Scenarios[i]
		if sc.Weight == 0 {
			sc.Weight = 1
		}
		sc.Executor.complete()
	}
	p.eachStep(func(_ *Scenario, _ string, s *Step) { s.complete(p) })
	for i := range p.Thresholds {
		if t := &p.Thresholds[i]; t.Abort && t.Delay == 0 {
			t.Delay = 10 * time.Second
		}
	}
	if p.KeepBody == 0 {
		p.KeepBody = 1 << 20
	}
	p.Executor.complete()
}

func (s *Step) complete(p *Plan) {
	if s.While != nil && s.While.Max == 0 {
		s.While.Max = 1000
	}
	if len(s.blocks()) == 0 {
		how := s.speech(p, protocol.Options{})
		if s.Method == "" && len(how) == 0 {
			s.Method = "GET"
		}
		if s.Name == "" && len(how) > 0 {
			s.Name = how[0].name
		} else if s.Name == "" {
			s.Name = s.Method + " " + s.Path
		}
	}
	if s.Weight == 0 {
		s.Weight = 1
	}
	if s.Timeout == 0 {
		s.Timeout = p.Timeout
	}
}

func (e *Executor) complete() {
	if e == nil || !e.Kind.Open() {
		return
	}
	if e.MaxConnections == 0 {
		e.MaxConnections = 512
	}
	if e.Spacing == "" {
		e.Spacing = "even"
	}
	if e.MaxQueue == 0 {
		peak := e.Rate
		for _, st := range e.Stages {
			peak = max(peak, st.To)
		}
		e.MaxQueue = int(min(max(5*peak, 100), maxQueue))
	}
}
