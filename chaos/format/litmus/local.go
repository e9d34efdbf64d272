package litmus

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"gameday/chaos/format"
)

const (
	onLinks  = "on the links that lead to the application"
	machine  = "this machine as a whole instead of the pods"
	maxTimes = 100 // rounds that an experiment can hold
)

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// locals are the experiments that can be done here.
var locals = map[string]func(*experiment){
	"pod-delete":          (*experiment).podDelete,
	"container-kill":      (*experiment).containerKill,
	"pod-network-latency": (*experiment).latency,
	"pod-network-loss":    (*experiment).loss,
	"pod-network-corruption": func(e *experiment) {
		e.rate("network.corrupt", "NETWORK_PACKET_CORRUPTION_PERCENTAGE", "corrupts", "a share of the bytes instead of the packets")
	},
	"pod-network-duplication": func(e *experiment) {
		e.rate("network.duplicate", "NETWORK_PACKET_DUPLICATION_PERCENTAGE", "doubles", "on udp links; TCP hides duplicates from applications")
	},
	"pod-network-partition":  (*experiment).partition,
	"pod-network-rate-limit": (*experiment).bandwidth,
	"pod-cpu-hog":            func(e *experiment) { e.cpu("CPU_CORES", "CPU_LOAD") },
	"pod-cpu-hog-exec":       func(e *experiment) { e.cpu("CPU_CORES", "CPU_LOAD") },
	"node-cpu-hog":           func(e *experiment) { e.nodes(); e.cpu("NODE_CPU_CORE", "CPU_LOAD") },
	"pod-memory-hog":         func(e *experiment) { e.memory("MEMORY_CONSUMPTION") },
	"pod-memory-hog-exec":    func(e *experiment) { e.memory("MEMORY_CONSUMPTION") },
	"node-memory-hog":        func(e *experiment) { e.nodes(); e.memory("MEMORY_CONSUMPTION_MEBIBYTES") },
	"pod-http-latency":       (*experiment).httpLatency,
	"pod-http-status-code":   (*experiment).httpStatus,
	"pod-http-reset-peer":    (*experiment).httpReset,
	"pod-http-modify-body":   (*experiment).httpBody,
	"pod-http-modify-header": (*experiment).httpHeader,
	"pod-dns-error":          func(e *experiment) { e.dns("servfail", "") },
	"pod-dns-spoof":          (*experiment).spoof,
}

func (e *experiment) local() { locals[e.name](e) }

// nodes says that this machine stands for the node.
func (e *experiment) nodes() {
	e.get("TARGET_NODE", "TARGET_NODES", "NODES_AFFECTED_PERC")
	e.pods = format.Pods{Names: []string{"this machine"}}
}

// podDelete kills again and again for as long as the experiment lasts.
func (e *experiment) podDelete() {
	args := format.Map{}
	if e.get("FORCE") == "false" {
		args = format.Map{{Key: "signal", Value: "TERM"}}
	}
	e.get("RANDOMNESS")
	every, ok := e.number(1, 86400, "CHAOS_INTERVAL")
	if !ok {
		every = 5
	}
	lasts, pause := e.lasts(), time.Duration(every*float64(time.Second))
	times := max(1, int(lasts/pause))
	if times > maxTimes {
		e.cov.Add("env CHAOS_INTERVAL", e.node.Path, format.Approximated, "no more than 100 rounds")
		times = maxTimes
	}
	e.cov.Add(e.name, e.node.Path, format.Approximated, "as process.kill: the process; its supervisor stands for the deployment")
	kill := format.Fault("process.kill", min(pause, lasts), e.pods.Processes(), args, e.pods.String()+" killed")
	if times == 1 {
		e.steps = append(e.steps, kill)
		return
	}
	e.steps = append(e.steps, format.Map{{Key: "repeat", Value: format.Map{{Key: "times", Value: times}, {Key: "steps", Value: []format.Map{kill}}}}})
}

func (e *experiment) containerKill() {
	e.get("CHAOS_INTERVAL", "SIGNAL")
	target := e.pods.Processes()
	if name := e.get("TARGET_CONTAINER"); name != "" {
		target = format.Map{{Key: "name", Value: name}, {Key: "pick", Value: e.pods.Pick}}
	}
	e.step("container.kill", target, nil, "container killed", "a container of the Docker Engine of this machine, once")
}

// destinations says that faults on links do not tell who is at the other end.
func (e *experiment) destinations() {
	if to := e.get("DESTINATION_IPS", "DESTINATION_HOSTS"); to != "" {
		e.cov.Add("env DESTINATION_IPS", e.node.Path, format.NotConverted, "links are hit by whom they lead to; "+to+" is not looked at")
	}
	e.get("DESTINATION_HOSTS", "SOURCE_PORTS", "DESTINATION_PORTS")
}

func (e *experiment) latency() {
	late, ok := e.millis("NETWORK_LATENCY")
	if !ok && e.get("NETWORK_LATENCY") != "" {
		e.lost("its NETWORK_LATENCY is no number")
		return
	}
	if late == 0 {
		late = 2 * time.Second // what Litmus takes
	}
	args := format.Map{{Key: "latency", Value: late}}
	if j, ok := e.millis("JITTER"); ok && j > 0 {
		args = append(args, format.Field{Key: "jitter", Value: j})
	}
	e.destinations()
	e.step("network.latency", e.pods.Links(), args, "+"+late.String(), onLinks)
}

func (e *experiment) loss() {
	e.destinations()
	share, ok := e.percent("NETWORK_PACKET_LOSS_PERCENTAGE")
	if !ok && e.get("NETWORK_PACKET_LOSS_PERCENTAGE") != "" {
		e.lost("its share is no number")
		return
	}
	if !ok {
		share = "100%"
	}
	e.step("process.loss", e.pods.Processes(), format.Map{{Key: "loss", Value: share}}, "loses "+share, "what arrives at the process, by its port")
}

func (e *experiment) rate(kind, variable, word, why string) {
	e.destinations()
	share, ok := e.percent(variable)
	if !ok && e.get(variable) != "" {
		e.lost("its share is no number")
		return
	}
	if !ok {
		share = "100%"
	}
	e.step(kind, e.pods.Links(), format.Map{{Key: "rate", Value: share}}, word+" "+share, why)
}

func (e *experiment) partition() {
	e.destinations()
	e.get("POLICY_TYPES", "POD_SELECTOR", "NAMESPACE_SELECTOR", "PORTS")
	e.step("network.partition", e.pods.Links(), nil, "cut off", onLinks+", all of them")
}

func (e *experiment) bandwidth() {
	e.destinations()
	e.get("BURST", "LIMIT", "MIN_BURST", "PEAK_RATE")
	rate := strings.ToLower(e.get("NETWORK_BANDWIDTH"))
	n, ok := format.ParseNumber(strings.TrimSuffix(rate, "mbit"))
	if !ok || n <= 0 {
		e.lost("it has no NETWORK_BANDWIDTH such as 1mbit")
		return
	}
	e.step("network.bandwidth", e.pods.Links(), format.Map{{Key: "rate", Value: format.Decimal(n) + "Mbit/s"}}, rate, onLinks)
}

func (e *experiment) cpu(cores, load string) {
	args := format.Map{}
	if v, ok := e.number(0, 4096, cores); ok && v >= 1 {
		args = append(args, format.Field{Key: "cores", Value: int(v)})
	}
	if v, ok := e.number(0, 100, load); ok && v >= 1 {
		args = append(args, format.Field{Key: "load", Value: format.Decimal(v) + "%"})
	}
	e.step("compute.burn", format.Localhost(), e.deadline(args), "processors busy", machine)
}

func (e *experiment) deadline(args format.Map) format.Map {
	if lasts := e.lasts(); lasts > 14*time.Minute { // without it, hogs end by themselves after 15
		return append(args, format.Field{Key: "deadline", Value: min(lasts+time.Minute, format.MaxMethod)})
	}
	return args
}

func (e *experiment) memory(size string) {
	args := format.Map{}
	e.get("NUMBER_OF_WORKERS", "MEMORY_PERCENTAGE", "MEMORY_CONSUMPTION_PERCENTAGE")
	if v, ok := e.number(1, 1e7, size); ok {
		args = append(args, format.Field{Key: "size", Value: format.Decimal(v) + "MiB"})
	} else {
		e.cov.Add("env "+size, e.node.Path, format.Approximated, "no size in MiB is given: all but a margin is taken")
	}
	e.step("compute.ballast", format.Localhost(), e.deadline(args), "memory taken", machine)
}

// share is how many of the requests are hit.
func (e *experiment) share(args format.Map) format.Map {
	e.get("TARGET_SERVICE_PORT", "NETWORK_INTERFACE", "PROXY_PORT")
	if share, ok := e.percent("TOXICITY"); ok && share != "100%" {
		args = append(args, format.Field{Key: "share", Value: share})
	}
	return args
}

func (e *experiment) httpLatency() {
	late, ok := e.millis("LATENCY")
	if !ok {
		e.lost("it has no LATENCY in milliseconds")
		return
	}
	e.step("dependency.delay", e.pods.Links(), e.share(format.Map{{Key: "delay", Value: late}}), "requests +"+late.String(), onLinks)
}

func (e *experiment) httpStatus() {
	text, _, _ := strings.Cut(strings.Trim(e.get("STATUS_CODE"), "[]"), ",")
	code, ok := format.ParseNumber(text)
	if text == "" {
		code, ok = 503, true
	}
	if !ok || code < 400 || code > 599 {
		e.lost("its STATUS_CODE is no error from 400 to 599, and gameday answers with errors only")
		return
	}
	e.get("MODIFY_RESPONSE_BODY", "CONTENT_TYPE", "CONTENT_ENCODING")
	if e.get("RESPONSE_BODY") != "" {
		e.cov.Add("env RESPONSE_BODY", e.node.Path, format.NotConverted, "an error has gameday's own body")
	}
	e.step("dependency.error", e.pods.Links(), e.share(format.Map{{Key: "status", Value: int(code)}}), "answers "+format.Decimal(code), onLinks)
}

func (e *experiment) httpReset() {
	if after := e.get("RESET_TIMEOUT"); after != "" && after != "0" {
		e.cov.Add("env RESET_TIMEOUT", e.node.Path, format.NotConverted, "connections are reset at once")
	}
	e.step("dependency.abort", e.pods.Links(), e.share(nil), "requests aborted", onLinks)
}

func (e *experiment) httpBody() {
	args := format.Map{{Key: "body", Value: e.get("RESPONSE_BODY")}}
	if kind := e.get("CONTENT_TYPE"); kind != "" {
		args = append(args, format.Field{Key: "contentType", Value: kind})
	}
	e.get("CONTENT_ENCODING")
	if args[0].Value == "" {
		e.lost("it has no RESPONSE_BODY")
		return
	}
	e.step("dependency.body", e.pods.Links(), e.share(args), "another body", onLinks)
}

func (e *experiment) httpHeader() {
	var headers map[string]string
	if json.Unmarshal([]byte(e.get("HEADERS_MAP")), &headers) != nil || len(headers) == 0 {
		e.lost("its HEADERS_MAP is no JSON map of texts")
		return
	}
	on := "response"
	if e.get("HEADER_MODE") == "request" {
		on = "request"
	}
	var all []format.Map
	for _, k := range sorted(headers) {
		args := e.share(format.Map{{Key: "on", Value: on}, {Key: "set", Value: k + ": " + headers[k]}})
		all = append(all, format.Fault("dependency.header", e.lasts(), e.pods.Links(), args, e.pods.String()+": "+on+" header "+k))
	}
	e.cov.Add(e.name, e.node.Path, format.Approximated, "as dependency.header: "+onLinks)
	e.steps = append(e.steps, format.Map{{Key: "parallel", Value: all}})
}

// names reads a JSON list, or words between commas.
func (e *experiment) names(variable string) string {
	text := e.get(variable)
	var list []string
	if json.Unmarshal([]byte(text), &list) != nil {
		list = strings.Split(text, ",")
	}
	exact := e.get("MATCH_SCHEME") != "substring"
	for i, n := range list {
		if list[i] = strings.Trim(strings.TrimSpace(n), `"'[]`); !exact {
			e.cov.Add("env MATCH_SCHEME", e.node.Path, format.Approximated, "a part of a name is not looked for: the name and all below it")
			list[i] += ", *." + list[i]
		}
	}
	if text == "" {
		return "*"
	}
	return strings.Join(list, ", ")
}

func (e *experiment) dns(answer, address string) {
	args := format.Map{{Key: "names", Value: e.names("TARGET_HOSTNAMES")}, {Key: "answer", Value: answer}, {Key: "address", Value: address}}
	e.step("dns.failure", format.Localhost(), args, "names fail", machine)
}

// spoof leads names to the addresses of other names, which only the cluster's resolver knows.
func (e *experiment) spoof() {
	e.need("kubernetes", "names that lead to other names: "+e.get("SPOOF_MAP"))
}
