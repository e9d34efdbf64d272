package load

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sort"
	"strings"
	"time"

	"gameday/engine/load/http1"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

// step is one request of the plan, ready to be sent. Its index is its place in every table of the recorder.
type step struct {
	index    int
	scenario string
	name     string
	handle   int // of the protocol
	timeout  time.Duration
	check    StatusSet
	think    ThinkTime
}

// judge turns an answer's status into the kind of outcome it is.
func (s *step) judge(status int) protocol.Kind {
	checked := !s.check.Empty()
	switch {
	case checked && s.check.Has(status), !checked && status < 400:
		return protocol.OK
	case status >= 500:
		return protocol.Status5xx
	case checked:
		return protocol.CheckFailed
	}
	return protocol.Status4xx
}

// scenario is what one iteration does.
type scenario struct {
	name  string
	steps []*step
	mix   picker // empty: all steps in order
}

// picker draws an index by weight.
type picker []float64 // running totals

func newPicker(weights []float64) picker {
	total := 0.0
	p := make(picker, len(weights))
	for i, w := range weights {
		total += w
		p[i] = total
	}
	return p
}

func (p picker) pick(rng *rand.Rand) int {
	if len(p) < 2 {
		return 0
	}
	x := rng.Float64() * p[len(p)-1]
	return min(sort.SearchFloat64s(p, x), len(p)-1)
}

// group is the scenarios under one executor.
type group struct {
	executor  *Executor
	profile   *profile
	seed      uint64
	scenarios []*scenario
	weights   picker
}

// perIteration is how many requests an iteration makes on average.
func (g *group) perIteration() float64 {
	sum, before, all := 0.0, 0.0, 1.0
	if n := len(g.weights); n > 0 {
		all = g.weights[n-1]
	}
	for i, sc := range g.scenarios {
		weight := all
		if len(g.weights) > 0 {
			weight, before = g.weights[i]-before, g.weights[i]
		}
		if len(sc.mix) > 0 {
			sum += weight
		} else {
			sum += weight * float64(len(sc.steps))
		}
	}
	return sum / all
}

// webProtocol is a protocol of requests as HTTP has them.
type webProtocol interface {
	protocol.Protocol
	Prepare(protocol.Request) (handle int, err error)
}

// compiled is a plan with its variables filled and its requests prepared.
type compiled struct {
	protocol webProtocol
	steps    []*step
	groups   []*group
}

func compile(p *Plan, o *Options) (*compiled, error) {
	lookup := variables(p, o)
	target := o.Target
	if target == "" {
		var err error
		if target, err = template.Expand(p.Target, lookup); err != nil {
			return nil, fmt.Errorf("target: %w", err)
		}
	}
	c := &compiled{protocol: o.protocol}
	if c.protocol == nil {
		p, err := http1.New(target, o.TLS)
		if err != nil {
			return nil, err
		}
		c.protocol = p
	}
	seed := p.Seed
	if o.Seed != 0 {
		seed = o.Seed
	}
	var shared *group
	var weights []float64
	for i := range p.Scenarios {
		sc := &p.Scenarios[i]
		made, err := c.scenario(p, sc, lookup)
		if err != nil {
			return nil, fmt.Errorf("scenario %q: %w", sc.Name, err)
		}
		if sc.Executor != nil {
			c.group(p, sc.Executor, seed).scenarios = []*scenario{made}
			continue
		}
		if shared == nil {
			shared = c.group(p, p.Executor, seed)
		}
		shared.scenarios = append(shared.scenarios, made)
		weights = append(weights, sc.Weight)
		shared.weights = newPicker(weights)
	}
	return c, nil
}

// variables is where ${name} comes from: the options first, then the plan; ${env:NAME} is the environment, so that a
// secret need not stand in a file.
func variables(p *Plan, o *Options) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if env, ok := strings.CutPrefix(name, "env:"); ok {
			return os.LookupEnv(env)
		}
		if v, ok := o.Vars[name]; ok {
			return v, true
		}
		v, ok := p.Vars[name]
		return v, ok
	}
}

func (c *compiled) group(p *Plan, e *Executor, seed uint64) *group {
	g := &group{executor: e, profile: newProfile(e, p.Warmup, p.Duration), seed: seed + uint64(len(c.groups))<<32}
	c.groups = append(c.groups, g)
	return g
}

func (c *compiled) scenario(p *Plan, sc *Scenario, lookup func(string) (string, bool)) (*scenario, error) {
	out := &scenario{name: sc.Name}
	list := sc.Steps
	if len(sc.Mix) > 0 {
		list = sc.Mix
		weights := make([]float64, len(list))
		for i := range list {
			weights[i] = list[i].Weight
		}
		out.mix = newPicker(weights)
	}
	for i := range list {
		made, err := c.step(p, sc, &list[i], lookup)
		if err != nil {
			return nil, fmt.Errorf("step %q: %w", list[i].Name, err)
		}
		out.steps = append(out.steps, made)
	}
	return out, nil
}

func (c *compiled) step(p *Plan, sc *Scenario, s *Step, lookup func(string) (string, bool)) (*step, error) {
	req := protocol.Request{Step: protocol.Step{Name: s.Name, Timeout: s.Timeout}, Method: s.Method}
	var err error
	if req.Path, err = template.Expand(s.Path, lookup); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	if req.Body, err = template.Expand(s.Body, lookup); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	if req.Headers, err = mergeHeaders(lookup, p.Headers, sc.Headers, s.Headers); err != nil {
		return nil, err
	}
	out := &step{
		index: len(c.steps), scenario: sc.Name, name: s.Name, timeout: s.Timeout, check: s.Check.Status, think: sc.ThinkTime,
	}
	if s.ThinkTime != nil {
		out.think = *s.ThinkTime
	}
	if out.handle, err = c.protocol.Prepare(req); err != nil {
		return nil, err
	}
	c.steps = append(c.steps, out)
	return out, nil
}

// mergeHeaders lays headers over each other, the later ones over the earlier, without regard to case, sorted by name.
func mergeHeaders(lookup func(string) (string, bool), layers ...map[string]string) ([]protocol.Header, error) {
	merged := map[string]protocol.Header{}
	for _, layer := range layers {
		for name, value := range layer {
			v, err := template.Expand(value, lookup)
			if err != nil {
				return nil, fmt.Errorf("header %s: %w", name, err)
			}
			merged[strings.ToLower(name)] = protocol.Header{Name: name, Value: v}
		}
	}
	out := make([]protocol.Header, 0, len(merged))
	for _, h := range merged {
		out = append(out, h)
	}
	sort.Slice(out, func(i, j int) bool { return strings.ToLower(out[i].Name) < strings.ToLower(out[j].Name) })
	return out, nil
}
