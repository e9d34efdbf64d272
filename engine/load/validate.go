package load

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"gameday/engine/load/http1"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
	"gameday/sources/spec"
)

// The bounds of a plan. They are far above what one process can do; they keep a slip of the finger from filling memory.
const (
	maxRate        = 10_000_000
	maxUsers       = 1_000_000
	maxConnections = 1_000_000
	maxQueue       = 10_000_000
	maxSteps       = 10_000
	maxRepeats     = 1_000_000
	maxKeep        = 64 << 20
	maxPlanTime    = 10 * 365 * 24 * time.Hour
)

// checker collects what is wrong with a plan.
type checker struct {
	doc   *spec.Document
	names template.Names // of the variables; nil while they cannot be known, since a feed's file is not read
}

func (p *Plan) validate(doc *spec.Document) {
	total := 0
	c := checker{doc: doc, names: p.variableNames()}
	c.target(p)
	c.span("warmup", p.Warmup)
	c.span("duration", p.Duration)
	c.span("timeout", p.Timeout)
	c.headers("headers", p.Headers)
	c.http("http", p.HTTP)
	c.test(p)
	if p.Executor != nil && p.Test == nil {
		c.executor("executor", p.Executor, p)
	}
	if doc.Has("scenarios") && len(p.Scenarios) == 0 {
		doc.Reportf("scenarios", "a plan needs at least one scenario")
	}
	p.eachStep(func(_ *Scenario, path string, s *Step) { total++; c.step(path, s, p) })
	names := map[string]bool{}
	for i := range p.Scenarios {
		path := fmt.Sprintf("scenarios[%d]", i)
		c.scenario(path, &p.Scenarios[i], p)
		c.unique(path+".name", "scenario", p.Scenarios[i].Name, names)
	}
	if total > maxSteps {
		doc.Reportf("scenarios", "%d steps are more than the %d a plan may have", total, maxSteps)
	}
	for i := range p.Thresholds {
		c.threshold(fmt.Sprintf("thresholds[%d]", i), &p.Thresholds[i], p)
	}
}

func (c checker) target(p *Plan) {
	if p.KeepBody < 0 || p.KeepBody > maxKeep {
		c.doc.Reportf("keepBody", "%d must be between 0 and %d", p.KeepBody, maxKeep)
	}
	if p.Target == "" || strings.Contains(p.Target, "${") {
		return // judged when the variables are known
	}
	if !address(p.Target) {
		c.doc.Reportf("target", "is not an address such as http://127.0.0.1:8080")
	}
}

var (
	anyAddress = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*://.`)
	fileLike   = regexp.MustCompile(`(?i)^sqlite:.|^file`)
)

// address tells what could be a target. Only those of the web are looked at closely here: that of a Kafka cluster is a list
// of brokers, and each protocol reads its own.
func address(target string) bool {
	scheme, _, _ := strings.Cut(target, "://")
	switch strings.ToLower(scheme) {
	case "http", "https":
		u, err := url.Parse(target)
		return err == nil && u.Host != ""
	}
	if fileLike.MatchString(target) {
		return strings.HasPrefix(strings.ToLower(target), "sqlite:")
	}
	return anyAddress.MatchString(target)
}

func (c checker) span(path string, d time.Duration) {
	if d < 0 || d > maxPlanTime {
		c.doc.Reportf(path, "%v must be between 0s and ten years", d)
	}
}

func (c checker) unique(path, what, name string, seen map[string]bool) {
	if name != "" && seen[name] {
		c.doc.Reportf(path, "another %s is called %s already", what, spec.Quote(name))
	}
	seen[name] = true
}

func (c checker) headers(path string, headers map[string]string) {
	for name, value := range headers {
		if err := http1.CheckHeader(name, value); err != nil {
			c.doc.Reportf(fmt.Sprintf("%s[%q]", path, name), "%v", err)
		}
		c.template(fmt.Sprintf("%s[%q]", path, name), value)
	}
}

func (c checker) scenario(path string, sc *Scenario, p *Plan) {
	c.headers(path+".headers", sc.Headers)
	c.http(path+".http", sc.HTTP)
	steps, kind := sc.Steps, "steps"
	switch {
	case len(sc.Steps) > 0 && len(sc.Mix) > 0:
		c.doc.Reportf(path+".mix", "a scenario has steps (all, in order) or a mix (one, by weight), not both")
	case len(sc.Mix) > 0:
		steps, kind = sc.Mix, "mix"
	case len(sc.Steps) == 0:
		c.doc.Reportf(path, "give steps (all, in order) or a mix (one, by weight)")
	}
	names := map[string]bool{}
	each(steps, path+"."+kind, func(at string, s *Step) {
		name := s.Name
		if s.Group != nil {
			name = s.Group.Name
		}
		c.unique(at+".name", "step", name, names)
		c.weight(at+".weight", s.Weight)
	})
	if kind == "steps" {
		c.unweighted(path+".steps", sc.Steps)
	}
	c.weight(path+".weight", sc.Weight)
	switch {
	case sc.Executor != nil:
		c.executor(path+".executor", sc.Executor, p)
		if c.doc.Has(path + ".weight") {
			c.doc.Reportf(path+".weight", "has no meaning beside an executor of its own")
		}
	case p.Executor == nil:
		c.doc.Reportf(path, "has no executor: give it one, or give the plan one")
	}
}

func (c checker) weight(path string, w float64) {
	if !(w > 0 && w <= 1e9) {
		c.doc.Reportf(path, "%v must be above 0 and at most 1e9", w)
	}
}

// unweighted reports weights where all steps are made.
func (c checker) unweighted(path string, steps []Step) {
	for i := range steps {
		if at := indexed(path, i) + ".weight"; c.doc.Has(at) {
			c.doc.Reportf(at, "only counts in a mix or a random block: steps are all made, in order")
		}
	}
}

func (c checker) step(path string, s *Step, p *Plan) {
	blocks := s.blocks()
	given := append([]string(nil), blocks...)
	for _, how := range s.speech(p, protocol.Options{}) {
		given = append(given, how.name)
		how.validate(func(at, format string, args ...any) {
			if at != "" && at[0] != '[' {
				at = "." + at
			}
			c.doc.Reportf(path+"."+how.name+at, format, args...)
		})
	}
	if c.doc.Has(path + ".path") {
		given = append(given, "path")
	}
	switch {
	case len(given) == 0:
		c.doc.Reportf(path, "needs a path, another protocol such as grpc or sql, or a block such as repeat, if or group")
	case len(given) > 1:
		c.doc.Reportf(path, "has %s: a step is one of them", strings.Join(given, " and "))
	}
	if len(blocks) > 0 {
		c.misplaced(path+".http", "only counts for a request: blocks take their scenario's")
		c.block(path, s)
		return
	}
	c.looks(path, s)
	c.http(path+".http", s.HTTP)
	c.onlyHTTP(path+".http", s, p)
	c.headers(path+".headers", s.Headers)
	c.span(path+".timeout", s.Timeout)
	if s.Timeout == 0 {
		c.doc.Reportf(path+".timeout", "a request needs a timeout")
	}
	if s.Path != "" && !strings.Contains(s.Path, "${") {
		if err := http1.CheckPath(s.Path, c.names); err != nil {
			c.doc.Reportf(path+".path", "%v", err)
		}
	}
	c.template(path+".body", s.Body)
	bodies := 0
	for _, given := range []bool{s.Body != "", s.BodyFile != "", len(s.Multipart) > 0} {
		if given {
			bodies++
		}
	}
	if bodies > 1 {
		c.doc.Reportf(path, "give one of body, bodyFile and multipart")
	}
}

func (c checker) executor(path string, e *Executor, p *Plan) {
	switch e.Kind {
	case ConstantRate, RampingRate:
		c.level(path+".rate", e.Rate, maxRate, e.Kind == ConstantRate)
		c.misplaced(path+".users", "an open executor has a rate")
	case ExternalRate:
		c.level(path+".rate", e.Rate, maxRate, false)
		c.misplaced(path+".users", "an open executor has a rate")
	case ConstantUsers, RampingUsers, SharedIterations, UserIterations, ExternalUsers:
		c.level(path+".users", float64(e.Users), maxUsers, e.Kind != RampingUsers)
		for _, key := range []string{".rate", ".maxConnections", ".maxQueue", ".spacing"} {
			c.misplaced(path+key, "only counts with an executor that has a rate")
		}
	default:
		return // missing or unknown: reported already
	}
	if counts := e.Kind == SharedIterations || e.Kind == UserIterations; !counts {
		c.misplaced(path+".iterations", "only counts with shared-iterations and user-iterations")
	} else if e.Iterations < 1 {
		c.doc.Reportf(path+".iterations", "must be given and above 0")
	}
	if e.MaxConnections < 0 || e.MaxConnections > maxConnections {
		c.doc.Reportf(path+".maxConnections", "%d must be between 1 and %d", e.MaxConnections, maxConnections)
	}
	if e.MaxQueue < 0 || e.MaxQueue > maxQueue {
		c.doc.Reportf(path+".maxQueue", "%d must be between 1 and %d", e.MaxQueue, maxQueue)
	}
	if !e.Kind.ramping() {
		c.misplaced(path+".stages", "only counts with ramping-rate and ramping-users")
		return
	}
	c.stages(path, e, p)
}

func (c checker) stages(path string, e *Executor, p *Plan) {
	if len(e.Stages) == 0 {
		c.doc.Reportf(path, "%s needs stages, such as `stages: [{to: 100, for: 30s}]`", e.Kind)
	}
	var total time.Duration
	for i, st := range e.Stages {
		at := fmt.Sprintf("%s.stages[%d]", path, i)
		limit := float64(maxRate)
		if !e.Kind.Open() {
			limit = maxUsers
		}
		c.level(at+".to", st.To, limit, false)
		c.span(at+".for", st.For)
		total += min(max(st.For, 0), maxPlanTime)
	}
	if p.Duration > 0 && p.Duration < total {
		c.doc.Reportf(path+".stages", "take %v, longer than the plan's duration of %v", total, p.Duration)
	}
}

func (c checker) misplaced(path, why string) {
	if c.doc.Has(path) {
		c.doc.Reportf(path, "%s", why)
	}
}

func (c checker) level(path string, v, limit float64, positive bool) {
	switch {
	case math.IsNaN(v) || v < 0 || v > limit:
		c.doc.Reportf(path, "%v must be between 0 and %.0f", v, limit)
	case positive && v == 0:
		c.doc.Reportf(path, "must be given and above 0")
	}
}

// template reports a text whose {{values}} are wrong. Where variables are filled in before the run it is judged then.
func (c checker) template(path, text string) {
	if strings.Contains(text, "${") {
		return
	}
	if _, err := template.Compile(text, c.names); err != nil {
		c.doc.Reportf(path, "%v", err)
	}
}

// looks reports what is wrong with what is looked for in an answer.
func (c checker) looks(path string, s *Step) {
	for i := range s.Check.That {
		if _, err := s.Check.That[i].Compile(); err != nil {
			c.doc.Reportf(indexed(path+".check.that", i), "%v", err)
		}
	}
	for i := range s.Extract {
		at := indexed(path+".extract", i)
		if !s.Extract[i].Given() {
			c.doc.Reportf(at, "says nothing: give json, header, cookie, regex, xpath or head")
		} else if _, err := s.Extract[i].Compile(); err != nil {
			c.doc.Reportf(at, "%v", err)
		}
		c.variable(at+".name", s.Extract[i].Name)
	}
	for i, p := range s.Multipart {
		at := indexed(path+".multipart", i)
		c.template(at+".value", p.Value)
		if p.Value != "" && p.File != "" {
			c.doc.Reportf(at, "give a value or a file, not both")
		}
	}
	c.span(path+".check.within", s.Check.Within)
}

// variable reports a name that templates could not use.
func (c checker) variable(path, name string) {
	switch {
	case slices.Contains(template.Functions, name):
		c.doc.Reportf(path, "{{%s}} is a value of its own: choose another name", name)
	case strings.ContainsAny(name, " \t\n{}"):
		c.doc.Reportf(path, "%s must not hold spaces or braces", spec.Quote(name))
	}
}

// block reports what is wrong with a block of steps; the steps inside it are looked at by themselves.
func (c checker) block(path string, s *Step) {
	if s.Repeat != nil && (s.Repeat.Times < 1 || s.Repeat.Times > maxRepeats) {
		c.doc.Reportf(path+".repeat.times", "%d must be between 1 and %d", s.Repeat.Times, maxRepeats)
	}
	if s.While != nil {
		if s.While.Max < 1 || s.While.Max > maxRepeats {
			c.doc.Reportf(path+".while.max", "%d must be between 1 and %d", s.While.Max, maxRepeats)
		}
		c.condition(path+".while", &s.While.Condition)
	}
	if s.If != nil {
		c.condition(path+".if", &s.If.Condition)
	}
	if len(s.Shuffle) > maxShuffled {
		c.doc.Reportf(path+".shuffle", "%d steps are more than the %d that can be shuffled", len(s.Shuffle), maxShuffled)
	}
	for name, value := range s.Set {
		at := fmt.Sprintf("%s.set[%q]", path, name)
		c.variable(at, name)
		c.template(at, value)
	}
}

func (c checker) condition(path string, cond *Condition) {
	given := 0
	for _, is := range []bool{cond.Equals != nil, cond.Contains != "", cond.Matches != "", cond.Above != nil || cond.Below != nil} {
		if is {
			given++
		}
	}
	if given > 1 {
		c.doc.Reportf(path, "give one of equals, contains, matches, above and below")
	}
	c.template(path+".value", cond.Value)
	if _, err := regexp.Compile(cond.Matches); err != nil {
		c.doc.Reportf(path+".matches", "%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
}

// variableNames are the variables a plan's templates may hold, each in some slot. A feed whose columns stand only in its
// file makes every name possible: it is judged when the file is read.
func (p *Plan) variableNames() template.Names {
	known := map[string]bool{}
	for _, f := range p.Feeds {
		if f.File != "" && len(f.Columns) == 0 {
			return func(string) (int, bool) { return 0, true }
		}
		for _, name := range f.Columns {
			known[f.Prefix+name] = true
		}
		if len(f.Rows) > 0 {
			for name := range f.Rows[0] {
				known[f.Prefix+name] = true
			}
		}
	}
	for _, name := range p.stepVariables() {
		known[name] = true
	}
	return func(name string) (int, bool) { return 0, known[name] }
}
