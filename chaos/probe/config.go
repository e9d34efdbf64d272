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
	Interval time.Duration `yaml:"interval" doc:"time between two readings; 1s when not given"`
	Timeout  time.Duration `yaml:"timeout" doc:"the longest that one reading may take; 2s when not given"`
	Tolerate Tolerance     `yaml:"tolerate" doc:"bad readings that do not count yet: a number of them in a row (2), or how long they may last (3s)"`
	Settle   time.Duration `yaml:"settle" doc:"how far a reading looks back, where the probe itself does not show it (a recorded PromQL series); a reading counts for a phase when all of that lies in it"`
}

// Measure is what is measured: exactly one of its fields is set.
type Measure struct {
	PromQL  *PromQL  `yaml:"promql" doc:"a PromQL expression that gives one value"`
	Load    *Load    `yaml:"load" doc:"a statistic of the load that gameday generates"`
	HTTP    *HTTP    `yaml:"http" doc:"one HTTP request: its status, body or latency"`
	TCP     *TCP     `yaml:"tcp" doc:"one TCP connection: whether it connects, and how fast"`
	Process *Process `yaml:"process" doc:"the state of a supervised process: up, starting, paused or down"`
	Logs    *Logs    `yaml:"logs" doc:"how many log records match a filter"`
	Traces  *Traces  `yaml:"traces" doc:"a statistic of the traces that match a filter"`
}

// PromQL measures an expression. It may be written as the expression alone.
type PromQL struct {
	Query string `yaml:"query,required" doc:"the expression; it must give one value"`
}

// Load measures the load engine.
type Load struct {
	Stat string        `yaml:"stat,required" enum:"mean,p50,p75,p90,p95,p99,p999,max,rate,errors,success,count,missed" doc:"mean to max are times, rate is per second, errors and success are shares, count and missed are numbers of requests"`
	Step string        `yaml:"step" doc:"only this step of the scenario"`
	Over time.Duration `yaml:"over" doc:"how far to look back; 5s when not given"`
}

// HTTP measures one request. It may be written as the address alone.
type HTTP struct {
	URL     string            `yaml:"url,required" doc:"where to ask; ${name} stands for an address that is known at run time"`
	Method  string            `yaml:"method" enum:"GET,HEAD,OPTIONS,POST" doc:"GET when not given"`
	Headers map[string]string `yaml:"headers" doc:"headers to send"`
	Measure string            `yaml:"measure" enum:"status,latency,body" doc:"what of the answer is the reading; status when not given"`
}

// TCP measures one connection. It may be written as the address alone.
type TCP struct {
	Address string `yaml:"address,required" doc:"host:port"`
}

// Process asks the supervisor. It may be written as the name alone.
type Process struct {
	Name string `yaml:"name,required" doc:"the process as the supervisor calls it"`
}

// Logs counts records.
type Logs struct {
	Filter string        `yaml:"filter,required" doc:"as in the cockpit: words, \"quoted\", -word, key=value, level>=error"`
	Over   time.Duration `yaml:"over" doc:"how far to look back; 5s when not given"`
}

// Traces measures traces.
type Traces struct {
	Filter string        `yaml:"filter" doc:"as in the cockpit: words, status=error, duration>200ms, service=checkout; all when not given"`
	Stat   string        `yaml:"stat,required" enum:"count,errors,errorRate,p50,p95,p99,max" doc:"count and errors are numbers of traces, errorRate is a share, the others are times"`
	Over   time.Duration `yaml:"over" doc:"how far to look back; 5s when not given"`
}

// The defaults of what a probe may leave out.
const (
	DefaultInterval = time.Second
	DefaultTimeout  = 2 * time.Second
	DefaultOver     = 5 * time.Second
)

// loadLag is how much further than asked a statistic of the load may look back: it counts whole seconds only.
const loadLag = time.Second

// readShort reads a part that is either a map or its main field alone.
func readShort(part *spec.Document, main *string, whole any) {
	if s, ok := part.Scalar(); ok {
		*main = s
		return
	}
	part.Decode(whole)
}

func shortSchema(whole any) map[string]any {
	return map[string]any{"oneOf": []any{map[string]any{"type": "string"}, spec.Ref{V: whole}}}
}

// The types below are what the short forms decode into: the same fields without the method that reads both forms.
type (
	longPromQL  PromQL
	longHTTP    HTTP
	longTCP     TCP
	longProcess Process
)

// UnmarshalSpec reads the expression or the map.
func (p *PromQL) UnmarshalSpec(part *spec.Document) { readShort(part, &p.Query, (*longPromQL)(p)) }

// JSONSchema admits both forms.
func (*PromQL) JSONSchema() map[string]any { return shortSchema(longPromQL{}) }

// UnmarshalSpec reads the address or the map.
func (h *HTTP) UnmarshalSpec(part *spec.Document) { readShort(part, &h.URL, (*longHTTP)(h)) }

// JSONSchema admits both forms.
func (*HTTP) JSONSchema() map[string]any { return shortSchema(longHTTP{}) }

// UnmarshalSpec reads the address or the map.
func (t *TCP) UnmarshalSpec(part *spec.Document) { readShort(part, &t.Address, (*longTCP)(t)) }

// JSONSchema admits both forms.
func (*TCP) JSONSchema() map[string]any { return shortSchema(longTCP{}) }

// UnmarshalSpec reads the name or the map.
func (p *Process) UnmarshalSpec(part *spec.Document) { readShort(part, &p.Name, (*longProcess)(p)) }

// JSONSchema admits both forms.
func (*Process) JSONSchema() map[string]any { return shortSchema(longProcess{}) }

// Kinds are the kinds of measurement that are known, in the order of the documentation.
func Kinds() []string { return []string{"promql", "load", "http", "tcp", "process", "logs", "traces"} }

// Set are the kinds that are set.
func (m *Measure) Set() []string {
	var set []string
	for i, on := range []bool{m.PromQL != nil, m.Load != nil, m.HTTP != nil, m.TCP != nil, m.Process != nil, m.Logs != nil, m.Traces != nil} {
		if on {
			set = append(set, Kinds()[i])
		}
	}
	return set
}

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
		}
	}
	if c.Expect.op == opConnects && c.TCP == nil {
		report("expect", "connects is for tcp probes")
	}
	for _, d := range []struct {
		path string
		v    time.Duration
		min  time.Duration
	}{{"interval", c.Interval, 100 * time.Millisecond}, {"timeout", c.Timeout, time.Millisecond}, {"settle", c.Settle, 0}} {
		if d.v != 0 && (d.v < d.min || d.v > time.Hour) {
			report(d.path, "%s is outside %s to 1h", d.v, d.min)
		}
	}
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
	if m.HTTP != nil && !strings.Contains(m.HTTP.URL, "${") {
		if err := checkURL(m.HTTP.URL); err != nil {
			report("http", "%s", err)
		}
	}
	if m.TCP != nil && !strings.Contains(m.TCP.Address, "${") {
		if err := checkAddress(m.TCP.Address); err != nil {
			report("tcp", "%s", err)
		}
	}
	if m.PromQL != nil && strings.TrimSpace(m.PromQL.Query) == "" {
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
	case "body":
		return UnitText
	}
	return UnitNone
}

func (h *HTTP) measured() string {
	if h.Measure == "" {
		return "status"
	}
	return h.Measure
}

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
