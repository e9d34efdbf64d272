package probe

import (
	"time"

	"gameday/sources/spec"
)

// Measure is what is measured: exactly one of its fields is set.
type Measure struct {
	PromQL  *PromQL  `yaml:"promql" doc:"a PromQL expression that gives one value"`
	Load    *Load    `yaml:"load" doc:"a statistic of the load that gameday generates"`
	HTTP    *HTTP    `yaml:"http" doc:"one HTTP request: its status, body or latency"`
	TCP     *TCP     `yaml:"tcp" doc:"one TCP connection: whether it connects, what it answers, and how fast"`
	GRPC    *GRPC    `yaml:"grpc" doc:"one question to a gRPC health service (grpc.health.v1): SERVING, NOT_SERVING, SERVICE_UNKNOWN or UNKNOWN"`
	Command *Command `yaml:"command" doc:"a program: its exit code, or what it prints"`
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

// Extract takes the reading out of a text: at most one of its fields is set.
type Extract struct {
	JSON  string `yaml:"json" doc:"a JSON path (RFC 9535) such as $.queue.length: what stands there is the reading; anything but one value is an error"`
	Regex string `yaml:"regex" doc:"a regular expression: its first group, or all it matches, is the reading; no match is an error"`
}

// HTTP measures one request. It may be written as the address alone.
type HTTP struct {
	URL     string            `yaml:"url,required" doc:"where to ask; ${name} stands for an address that is known at run time"`
	Method  string            `yaml:"method" enum:"GET,HEAD,OPTIONS,POST,PUT,PATCH,DELETE" doc:"GET when not given"`
	Headers map[string]string `yaml:"headers" doc:"headers to send"`
	Body    string            `yaml:"body" doc:"what to send"`
	Measure string            `yaml:"measure" enum:"status,latency,body,size" doc:"what of the answer is the reading; status when not given, body with json or regex"`
	Status  Expect            `yaml:"status" doc:"what the status must be whatever is measured, such as \"= 200\" or \"in 200..299\"; another one fails"`
	Answer  Expect            `yaml:"answer" doc:"what the body must be whatever is measured, such as \"matches ok\" or \"json $.state = up\"; another one fails"`
	Extract `yaml:",inline"`
}

// TCP measures one connection. It may be written as the address alone.
type TCP struct {
	Address string `yaml:"address,required" doc:"host:port"`
	Send    string `yaml:"send" doc:"what to send once it is connected, such as \"PING\\r\\n\""`
	Answer  Expect `yaml:"answer" doc:"what must come back, such as \"matches PONG\", \"= ok\" or \"json $.up = true\"; the reading is the time until it has come"`
}

// GRPC asks a health service. It may be written as the address alone.
type GRPC struct {
	Address string `yaml:"address,required" doc:"host:port"`
	Service string `yaml:"service" doc:"the service to ask about; the whole server when not given"`
	Measure string `yaml:"measure" enum:"status,latency" doc:"what is the reading; status when not given"`
	TLS     bool   `yaml:"tls" doc:"whether the connection is encrypted"`
	CA      string `yaml:"ca" doc:"file with the certificates to trust, for tls; those of the system when not given"`
}

// Command runs a program, with neither gameday's environment nor a shell unless that is asked for.
type Command struct {
	Run     []string          `yaml:"run" doc:"the program and its arguments, each a word of its own; ${name} stands for an address that is known at run time"`
	Shell   string            `yaml:"shell" doc:"a line for /bin/sh instead; addresses are in the environment as $GAMEDAY_NAME"`
	Dir     string            `yaml:"dir" doc:"the folder to run it in; / when not given"`
	Env     map[string]string `yaml:"env" doc:"variables to set; of others there are PATH, HOME and LANG only"`
	Inherit []string          `yaml:"inherit" doc:"variables to pass on from gameday's own environment, such as a token"`
	Measure string            `yaml:"measure" enum:"exit,stdout,number,latency" doc:"what is the reading: exit is the exit code, stdout the text, number the text as a number; exit when not given, stdout with json or regex. For all but exit the program must end with 0"`
	Extract `yaml:",inline"`
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
	longGRPC    GRPC
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

// UnmarshalSpec reads the address or the map.
func (g *GRPC) UnmarshalSpec(part *spec.Document) { readShort(part, &g.Address, (*longGRPC)(g)) }

// JSONSchema admits both forms.
func (*GRPC) JSONSchema() map[string]any { return shortSchema(longGRPC{}) }

// UnmarshalSpec reads the name or the map.
func (p *Process) UnmarshalSpec(part *spec.Document) { readShort(part, &p.Name, (*longProcess)(p)) }

// JSONSchema admits both forms.
func (*Process) JSONSchema() map[string]any { return shortSchema(longProcess{}) }

// Kinds are the kinds of measurement that are known, in the order of the documentation.
func Kinds() []string {
	return []string{"promql", "load", "http", "tcp", "grpc", "command", "process", "logs", "traces"}
}

// Set are the kinds that are set.
func (m *Measure) Set() []string {
	var set []string
	for i, on := range []bool{m.PromQL != nil, m.Load != nil, m.HTTP != nil, m.TCP != nil, m.GRPC != nil, m.Command != nil,
		m.Process != nil, m.Logs != nil, m.Traces != nil} {
		if on {
			set = append(set, Kinds()[i])
		}
	}
	return set
}
