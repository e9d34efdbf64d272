package load

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"sort"
	"strings"
	"time"

	"gameday/engine/load/answer"
	"gameday/engine/load/feed"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
	"gameday/engine/load/web"
)

// step is one request of the plan, ready to be sent, or a group of them. Its index is its place in every table of the
// recorder.
type step struct {
	index    int
	scenario string
	name     string
	group    bool // its figures are those of other steps together, and do not count in totals
	proto    int  // of the plan's protocols
	handle   int  // of that protocol
	extras   []protocol.Extra
	timeout  time.Duration

	status        StatusSet
	anyStatus     bool // the protocol judges its status itself
	checks        []*answer.Checker
	within        time.Duration
	minSize       int64
	maxSize       int64
	extract       []extraction
	needs         []int    // slots that must be set
	cookies       *url.URL // where the request goes, when cookies are kept
	jar           bool     // its protocol looks after them
	token         *tokenSlot
	stopOnFailure bool
}

// extraction is an Extract, compiled.
type extraction struct {
	finder   *answer.Finder
	which    answer.Which
	slot     int
	fallback []byte
}

// scenario is what one iteration does.
type scenario struct {
	name    string
	program []op
	average float64 // requests an iteration makes, on average, as far as that can be told beforehand
	single  bool    // an iteration is never more than one request
}

// group is the scenarios under one executor.
type group struct {
	executor  *Executor
	profile   *profile
	seed      uint64
	scenarios []*scenario
	weights   picker
	cookies   CookiePolicy
	paused    float64 // the level before an operator paused it
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
		sum += weight * sc.average
	}
	return sum / all
}

// webProtocol is a protocol of requests as HTTP has them.
type webProtocol interface {
	protocol.Protocol
	Prepare(protocol.Request) (handle int, err error)
}

// fedBy is a feed and the slot of its first column.
type fedBy struct {
	feed *feed.Feed
	slot int
}

// compiled is a plan with its variables filled and its requests prepared.
type compiled struct {
	shown     string // the target without passwords
	protocols []protocol.Protocol
	steps     []*step
	groups    []*group

	tokens  []*web.Tokens
	full    map[string][]string // what only the full client can do, by target of HTTP
	remarks []string            // for the result

	feeds    []fedBy
	kept     int // slots that feeds fill and that users set once; the others begin each iteration unset
	slots    int
	unset    []error // by slot: what is said of a step that needs it while it is not set
	counters int     // a user needs for its loops
	clocks   int     // a user needs for its groups
}

// compiler makes a compiled out of a plan.
type compiler struct {
	*compiled
	plan    *Plan
	options *Options
	lookup  func(string) (string, bool)
	target  string
	web     map[string]int // protocols by target and what tells their connections apart
	names   map[string]int // slots by variable

	settings map[[2]*web.Config]*settings // by scenario's and step's section
	secured  map[web.TLS]*tls.Config      // by section
	given    map[*web.OAuth2]*tokenSlot
}

func compile(p *Plan, o *Options) (*compiled, error) {
	c := &compiler{
		compiled: &compiled{full: map[string][]string{}}, plan: p, options: o, lookup: variables(p, o), web: map[string]int{}, names: map[string]int{},
		settings: map[[2]*web.Config]*settings{}, secured: map[web.TLS]*tls.Config{}, given: map[*web.OAuth2]*tokenSlot{},
	}
	if c.target = o.Target; c.target == "" {
		var err error
		if c.target, err = template.Expand(p.Target, c.lookup); err != nil {
			return nil, fmt.Errorf("target: %w", err)
		}
	}
	c.shown = shownTarget(c.target)
	seed := p.Seed
	if o.Seed != 0 {
		seed = o.Seed
	}
	if err := c.openFeeds(seed); err != nil {
		return nil, err
	}
	c.findVariables()
	if err := c.findFull(); err != nil {
		return nil, err
	}
	var shared *group
	var weights []float64
	for i := range p.Scenarios {
		sc := &p.Scenarios[i]
		if err := o.Shards.check(cmp.Or(sc.Executor, p.Executor)); err != nil {
			return nil, fmt.Errorf("scenario %q: %w", sc.Name, err)
		}
		made, err := c.scenario(sc)
		if err != nil {
			return nil, fmt.Errorf("scenario %q: %w", sc.Name, err)
		}
		if sc.Executor != nil {
			c.group(sc.Executor, seed).scenarios = []*scenario{made}
			continue
		}
		if shared == nil {
			shared = c.group(p.Executor, seed)
		}
		shared.scenarios = append(shared.scenarios, made)
		weights = append(weights, sc.Weight)
		shared.weights = newPicker(weights)
	}
	return c.compiled, nil
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

func (c *compiler) group(e *Executor, seed uint64) *group {
	e = c.options.Shards.executor(e)
	g := &group{
		executor: e, profile: newProfile(e, c.plan.Warmup, c.plan.Duration), seed: seed + uint64(len(c.groups))<<32, cookies: c.plan.Cookies,
	}
	if g.cookies == CookiesPerUser && e.Kind.Open() {
		g.cookies = CookiesPerIteration // in an open model each arrival is somebody else
	}
	c.groups = append(c.groups, g)
	return g
}

// openFeeds reads the data, whose columns get the first slots.
func (c *compiler) openFeeds(seed uint64) error {
	for i, config := range c.plan.Feeds {
		var err error
		if config.File, err = template.Expand(config.File, c.lookup); err != nil {
			return fmt.Errorf("feeds[%d]: %w", i, err)
		}
		f, err := feed.Open(config, seed+uint64(i), func(name string) (io.ReadCloser, error) { return feed.OpenFile(c.plan.beside(name)) })
		if err != nil {
			return fmt.Errorf("feeds[%d]: %w", i, err)
		}
		c.feeds = append(c.feeds, fedBy{f, c.slots})
		for _, name := range f.Columns() {
			if _, taken := c.names[name]; taken {
				return fmt.Errorf("feeds[%d]: another feed has a column %q already: give one of them a prefix", i, name)
			}
			c.variable(name, fmt.Errorf("{{%s}} has no value: its feed gave none", name))
		}
	}
	return nil
}

func (c *compiler) variable(name string, unset error) {
	if _, ok := c.names[name]; !ok {
		c.names[name] = c.slots
		c.slots++
		c.unset = append(c.unset, unset)
	}
}

// findVariables gives a slot to everything that steps extract or set.
func (c *compiler) findVariables() {
	for _, name := range c.plan.onceVariables() {
		c.variable(name, fmt.Errorf("{{%s}} has no value: no step before has extracted it", name))
	}
	c.kept = c.slots
	for _, name := range c.plan.stepVariables() {
		c.variable(name, fmt.Errorf("{{%s}} has no value: no step before has extracted it", name))
	}
}

func (c *compiler) slot(name string) (int, bool) {
	n, ok := c.names[name]
	return n, ok
}

func (c *compiler) scenario(sc *Scenario) (*scenario, error) {
	p := &programmer{compiler: c, from: sc, out: &scenario{name: sc.Name}}
	if err := p.scenario(); err != nil {
		return nil, err
	}
	return p.out, nil
}

// step makes one request of a scenario.
func (c *compiler) step(sc *Scenario, s *Step) (*step, error) {
	out := &step{
		index: len(c.steps), scenario: sc.Name, name: s.Name, timeout: s.Timeout, status: s.Check.Status, within: s.Check.Within,
		minSize: s.Check.MinSize, maxSize: s.Check.MaxSize, stopOnFailure: sc.OnFailure == "end-iteration",
	}
	keep, err := c.looks(s, out)
	if err != nil {
		return nil, err
	}
	headers, err := mergeHeaders(c.lookup, c.plan.Headers, sc.Headers, s.Headers)
	if err != nil {
		return nil, err
	}
	common := protocol.Step{Name: s.Name, Timeout: s.Timeout, Names: c.slot, Headers: headers, Keep: keep}
	target, err := c.targetOf(sc, s)
	if err != nil {
		return nil, err
	}
	set, err := c.set(sc, s)
	if err != nil {
		return nil, err
	}
	if how := s.speech(c.plan, protocol.Options{TLS: set.tls}); len(how) > 0 {
		if how[0].name == "grpc" || how[0].name == "websocket" {
			set.authorize(out, &common)
		}
		err = c.speak(out, how[0], target, set, common)
	} else {
		set.authorize(out, &common)
		err = c.request(out, s, target, set, common)
	}
	if err != nil {
		return nil, err
	}
	if x, ok := c.protocols[out.proto].(protocol.Extras); ok {
		out.extras = x.Extras()
	}
	c.steps = append(c.steps, out)
	return out, nil
}

// looks compiles what is looked for in the answer, and says how much of it has to be kept for that.
func (c *compiler) looks(s *Step, out *step) (keep int, err error) {
	for i := range s.Check.That {
		checker, err := s.Check.That[i].Compile()
		if err != nil {
			return 0, fmt.Errorf("check.that[%d]: %w", i, err)
		}
		out.checks = append(out.checks, checker)
	}
	for i, e := range s.Extract {
		finder, err := e.Compile()
		if err != nil {
			return 0, fmt.Errorf("extract[%d]: %w", i, err)
		}
		made := extraction{finder: finder, which: whichOf[e.Which], slot: c.names[e.Name]}
		if e.Default != nil {
			made.fallback = append([]byte{}, *e.Default...)
		}
		out.extract = append(out.extract, made)
	}
	if len(out.checks)+len(out.extract) > 0 || c.plan.Cookies != CookiesOff {
		keep = c.plan.KeepBody
	}
	return keep, nil
}

var whichOf = map[string]answer.Which{"": 0, "first": 0, "second": 1, "third": 2, "last": answer.Last}

// request prepares an HTTP request.
func (c *compiler) request(out *step, s *Step, target string, set *settings, common protocol.Step) (err error) {
	req := protocol.Request{Step: common, Method: s.Method, Cookies: c.plan.Cookies != CookiesOff}
	if req.Path, err = template.Expand(s.Path, c.lookup); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	if req.Body, err = c.body(s, &req); err != nil {
		return err
	}
	made, at, err := c.webProtocol(target, set)
	if err != nil {
		return err
	}
	out.proto = at
	if full, ok := made.(*fullProtocol); ok {
		out.jar = req.Cookies
		out.handle, err = full.Protocol.Prepare(req, set.config)
	} else {
		out.handle, err = made.Prepare(req)
	}
	if err != nil {
		return err
	}
	texts := append(set.config.Auth.Texts(), req.Path, req.Body)
	for _, h := range req.Headers {
		texts = append(texts, h.Value)
	}
	needs, err := c.needs(texts...)
	if err != nil {
		return err
	}
	out.needs = append(out.needs, needs...)
	if req.Cookies {
		fixed, _, _ := strings.Cut(req.Path, "{{")
		if out.cookies, err = url.Parse(strings.TrimRight(target, "/") + fixed); err != nil {
			return errors.New("the target and the path make no address that cookies could belong to")
		}
	}
	return nil
}

// needs lists the variables in texts.
func (c *compiler) needs(texts ...string) (slots []int, err error) {
	for _, text := range texts {
		t, err := template.Compile(text, c.slot)
		if err != nil {
			return nil, err
		}
		slots = t.Needs(slots)
	}
	return slots, nil
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
