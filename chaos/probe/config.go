package probe

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"gameday/sources/spec"
)

// Config is one probe as it is written in an experiment: a name, exactly one kind of measurement, what is expected.
type Config struct {
	Name     string `yaml:"name,required" doc:"what the probe is called on screen and in reports; unique"`
	Measure  `yaml:",inline"`
	Expect   Expect        `yaml:"expect,required" doc:"what the readings must be, such as \"> 99%\", \"< 200ms\", \"in 1..3\", \"= 200\" or \"matches ^ok$\""`
	Mode     Mode          `yaml:"mode" enum:"before,after,edge,continuous,on-fault" doc:"when it is measured and judged: before anything is touched, after everything is undone, at both edges, all the time, or while a fault is in force; continuous when not given"`
	Interval time.Duration `yaml:"interval" doc:"time between two readings; 1s when not given"`
	Timeout  time.Duration `yaml:"timeout" doc:"the longest that one reading may take; 2s when not given"`
	Tolerate Tolerance     `yaml:"tolerate" doc:"bad readings that do not count yet: a number of them in a row (2), or how long they may last (3s)"`
	// FailureLimit and ConsecutiveErrors tell "not given" from none.
	FailureLimit      *int          `yaml:"failureLimit" doc:"bad readings that a phase may have in all, in a row or not; when given without tolerate, it alone decides"`
	ConsecutiveErrors *int          `yaml:"consecutiveErrors" doc:"measurements in a row that may go wrong before the probe counts as an error; 4 when not given"`
	MinSamples        int           `yaml:"minSamples" doc:"readings that a phase needs to be judged; with fewer it is inconclusive, whatever they say"`
	Hysteresis        Margin        `yaml:"hysteresis" doc:"once bad, a reading must be better than expected by so much to be good again: 20ms, 5% of the bound, or for a share 0.5% (points)"`
	Settle            time.Duration `yaml:"settle" doc:"how far a reading looks back, where the probe itself does not show it (a recorded PromQL series); a reading counts for a phase when all of that lies in it"`
}

// The defaults of what a probe may leave out.
const (
	DefaultInterval = time.Second
	DefaultTimeout  = 2 * time.Second
	DefaultOver     = 5 * time.Second

	DefaultConsecutiveErrors = 4 // as Argo Rollouts has it
)

// loadLag is how much further than asked a statistic of the load may look back: it counts whole seconds only.
const loadLag = time.Second

// Check reports what is wrong with the probe beyond its shape: path counts from the probe, "" is the probe itself.
func (c *Config) Check(report func(path, format string, args ...any)) {
	if strings.TrimSpace(c.Name) == "" {
		report("name", "a probe needs a name")
	}
	if !c.Measure.Check(report) {
		return
	}
	if what := c.what(); what != "" { // else the statistic is missing or unknown, which was said already
		if err := c.Expect.Fits(what, c.unit()); err != nil {
			report("expect", "%s", err)
		} else if _, err := c.Expect.Tightened(c.Hysteresis, c.unit()); err != nil {
			report("hysteresis", "%s", err)
		}
	}
	if c.Expect.op == opConnects && c.TCP == nil {
		report("expect", "connects is for tcp probes")
	}
	if c.Expect.NeedsBaseline() && !c.Mode.JudgedBefore() {
		report("expect", "a baseline is measured before anything is touched, and a probe of mode %s is not", c.Mode)
	}
	c.checkLimits(report)
}

func (c *Config) checkLimits(report func(path, format string, args ...any)) {
	for _, d := range []struct {
		path string
		v    time.Duration
		min  time.Duration
	}{{"interval", c.Interval, 100 * time.Millisecond}, {"timeout", c.Timeout, time.Millisecond}, {"settle", c.Settle, 0}} {
		if d.v != 0 && (d.v < d.min || d.v > time.Hour) {
			report(d.path, "%s is outside %s to 1h", d.v, d.min)
		}
	}
	const most = 100_000
	for _, n := range []struct {
		path string
		v    int
	}{{"failureLimit", orNone(c.FailureLimit)}, {"consecutiveErrors", orNone(c.ConsecutiveErrors)}, {"minSamples", c.MinSamples}} {
		if n.v < 0 || n.v > most {
			report(n.path, "%d is outside 0 to %d", n.v, most)
		}
	}
}

func orNone(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// Check reports what is wrong with the measurement and returns whether there is exactly one.
func (m *Measure) Check(report func(path, format string, args ...any)) bool {
	switch set := m.Set(); len(set) {
	case 0:
		report("", "needs one kind of measurement: %s", strings.Join(Kinds(), ", "))
		return false
	case 1:
	default:
		report("", "has %s; a probe has one kind of measurement", strings.Join(set, " and "))
		return false
	}
	switch {
	case m.HTTP != nil:
		m.HTTP.check(report)
	case m.TCP != nil:
		checkAt(report, "tcp", m.TCP.Address, checkAddress)
		checkAnswer(report, "tcp.answer", m.TCP.Answer)
	case m.GRPC != nil:
		checkAt(report, "grpc", m.GRPC.Address, checkAddress)
		if m.GRPC.CA != "" && !m.GRPC.TLS {
			report("grpc.ca", "is for an encrypted connection: add tls: true")
		}
	case m.Command != nil:
		m.Command.check(report)
	case m.PromQL != nil && strings.TrimSpace(m.PromQL.Query) == "":
		report("promql", "the expression is empty")
	}
	for _, o := range []struct {
		path string
		set  bool
		v    func() time.Duration
	}{
		{"load.over", m.Load != nil, func() time.Duration { return m.Load.Over }},
		{"logs.over", m.Logs != nil, func() time.Duration { return m.Logs.Over }},
		{"traces.over", m.Traces != nil, func() time.Duration { return m.Traces.Over }},
	} {
		if o.set && o.v() != 0 && (o.v() < time.Second || o.v() > time.Hour) {
			report(o.path, "%s is outside 1s to 1h", o.v())
		}
	}
	return true
}

// checkAt checks an address that is known already.
func checkAt(report func(path, format string, args ...any), path, s string, check func(string) error) {
	if strings.Contains(s, "${") {
		return
	}
	if err := check(s); err != nil {
		report(path, "%s", err)
	}
}

// checkAnswer checks an expectation on a text.
func checkAnswer(report func(path, format string, args ...any), path string, e Expect) {
	if e.op == opConnects || e.NeedsBaseline() {
		report(path, `%q cannot be judged on a text; write "= word", "matches regexp" or "json $.path = value"`, e.source)
		return
	}
	if err := e.Fits("the answer", UnitText); err != nil {
		report(path, "%s", err)
	}
}

func (h *HTTP) check(report func(path, format string, args ...any)) {
	checkAt(report, "http", h.URL, checkURL)
	checkAnswer(report, "http.answer", h.Answer)
	if err := h.Status.Fits("the status", UnitNone); err != nil || h.Status.op == opConnects || h.Status.NeedsBaseline() || h.Status.op == opJSON {
		report("http.status", `%q cannot be judged on a status; write "= 200", "in 200..299" or "one of 200, 204"`, h.Status.source)
	}
	h.Extract.check(report, "http", h.Measure == "" || h.Measure == "body", "body")
}

func (c *Command) check(report func(path, format string, args ...any)) {
	switch {
	case len(c.Run) == 0 && c.Shell == "":
		report("command", "needs run: [program, argument], or shell: for a line of /bin/sh")
	case len(c.Run) > 0 && c.Shell != "":
		report("command", "has run and shell; give one of them")
	case len(c.Run) > 0 && strings.TrimSpace(c.Run[0]) == "":
		report("command.run", "the program has no name")
	}
	for _, word := range c.Run {
		if strings.IndexByte(word, 0) >= 0 {
			report("command.run", "a word holds a zero byte")
		}
	}
	for name := range c.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			report("command.env", "%s is no name of a variable", spec.Quote(name))
		}
	}
	c.Extract.check(report, "command", c.Measure == "" || c.Measure == "stdout" || c.Measure == "number", "stdout")
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return fmt.Errorf("%s is not an address", spec.Quote(s))
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%s is not an address such as http://host:port/path", spec.Quote(s))
	}
	return nil
}

func checkAddress(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" || port == "" {
		return fmt.Errorf("%s is not an address such as host:port", spec.Quote(s))
	}
	return nil
}

// what names the measured thing in messages.
func (m *Measure) what() string {
	switch {
	case m.Load != nil:
		return m.Load.Stat
	case m.Traces != nil:
		return m.Traces.Stat
	case m.HTTP != nil:
		return "the " + m.HTTP.measured()
	case m.TCP != nil:
		return "the time to connect"
	case m.GRPC != nil:
		return "the " + m.GRPC.measured()
	case m.Command != nil:
		return "the " + m.Command.measured()
	case m.Logs != nil:
		return "the count"
	case m.Process != nil:
		return "the state"
	}
	return "the value"
}

// unit is what the measured values count.
func (m *Measure) unit() Unit {
	stat := ""
	switch {
	case m.Load != nil:
		stat = m.Load.Stat
	case m.Traces != nil:
		if stat = m.Traces.Stat; stat == "errors" {
			stat = "count"
		}
	case m.HTTP != nil:
		stat = m.HTTP.measured()
	case m.TCP != nil:
		return UnitSeconds
	case m.GRPC != nil:
		if stat = m.GRPC.measured(); stat == "status" {
			return UnitText
		}
	case m.Command != nil:
		stat = m.Command.measured()
	case m.Process != nil:
		return UnitText
	case m.PromQL != nil:
		return UnitAny
	}
	switch stat {
	case "mean", "p50", "p75", "p90", "p95", "p99", "p999", "max", "latency":
		return UnitSeconds
	case "errors", "success", "errorRate":
		return UnitShare
	case "rate":
		return UnitRate
	case "size":
		return UnitBytes
	case "body", "stdout":
		return UnitText
	case "extract", "number": // what it counts is the expectation's business
		return UnitAny
	}
	return UnitNone
}

func (h *HTTP) measured() string {
	switch {
	case h.Extract.set():
		return "extract"
	case h.Measure == "":
		return "status"
	}
	return h.Measure
}

func (g *GRPC) measured() string {
	if g.Measure == "" {
		return "status"
	}
	return g.Measure
}

func (c *Command) measured() string {
	switch {
	case c.Extract.set():
		return "extract"
	case c.Measure == "":
		return "exit"
	}
	return c.Measure
}

// ErrorsOrDefault is how many measurements in a row may go wrong.
func (c *Config) ErrorsOrDefault() int {
	if c.ConsecutiveErrors != nil {
		return *c.ConsecutiveErrors
	}
	return DefaultConsecutiveErrors
}

// Unit is what the readings count.
func (c *Config) Unit() Unit { return c.unit() }

// IntervalOrDefault is the time between two readings.
func (c *Config) IntervalOrDefault() time.Duration {
	if c.Interval > 0 {
		return c.Interval
	}
	return DefaultInterval
}

// TimeoutOrDefault is the longest that a reading may take.
func (c *Config) TimeoutOrDefault() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return DefaultTimeout
}

var promRange = regexp.MustCompile(`\[\s*([0-9][0-9a-z]*)\s*[\]:]`)

// Window is how far a reading looks back: a reading tells about all of that time. For PromQL it is the widest range in
// brackets, [5s], unless Settle says otherwise.
func (c *Config) Window() time.Duration {
	if c.Settle > 0 {
		return c.Settle
	}
	over := func(d time.Duration) time.Duration {
		if d > 0 {
			return d
		}
		return DefaultOver
	}
	switch {
	case c.Load != nil:
		return over(c.Load.Over) + loadLag
	case c.Logs != nil:
		return over(c.Logs.Over)
	case c.Traces != nil:
		return over(c.Traces.Over)
	case c.PromQL != nil:
		var widest time.Duration
		for _, m := range promRange.FindAllStringSubmatch(c.PromQL.Query, -1) {
			if d, err := promDuration(m[1]); err == nil {
				widest = max(widest, d)
			}
		}
		return widest
	}
	return 0
}

// promDuration adds days, weeks and years to Go's units, as Prometheus does.
func promDuration(s string) (time.Duration, error) {
	i := strings.IndexAny(s, "dwy")
	if i < 0 {
		return time.ParseDuration(s)
	}
	days := map[byte]time.Duration{'d': 1, 'w': 7, 'y': 365}[s[i]]
	n, err := time.ParseDuration(s[:i] + "h")
	return n * 24 * days, err
}
