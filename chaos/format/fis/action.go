package fis

import (
	"path"
	"strconv"
	"strings"
	"time"

	"gameday/chaos/format"
)

// doer makes faults of an action.
type doer struct {
	*converter
	node  *format.Node // the action
	args  *format.Node // its parameters, or those of its document
	id    string
	pods  format.Pods
	begin time.Duration
	lasts time.Duration
}

// action is one action of the template.
func (c *converter) action(name string) {
	a := c.actions.Get(name)
	begin, err := c.begin(name)
	if err != nil {
		return // said before
	}
	id := a.Of("actionId")
	a.Skip(c.cov, "says nothing about what is done", "description")
	d := &doer{converter: c, node: a, args: a.Get("parameters"), id: id, begin: begin, lasts: c.lasts(a)}
	what := id
	var target string
	for _, role := range a.Get("targets").Keys() {
		target = a.Get("targets").Of(role)
	}
	var why string
	if target != "" {
		d.pods, why = c.target(target)
		what += " on " + target
	}
	kind := d.short()
	switch {
	case id == "aws:fis:wait":
		c.cov.Add(id, a.Path, format.Converted, "the others begin at their times")
	case kind == "":
		a.Plain()
		c.draft.Need(c.cov, id, a.Path, "aws", what, begin, d.lasts)
	case why != "" && kind != "cpu-stress" && kind != "memory-stress":
		a.Plain()
		c.draft.Need(c.cov, id, a.Path, "aws", what+": "+why, begin, d.lasts)
	default:
		d.do(kind)
	}
}

// ssmNames are the documents that FIS brings along.
var ssmNames = map[string]string{
	"AWSFIS-Run-CPU-Stress": "cpu-stress", "AWSFIS-Run-Memory-Stress": "memory-stress", "AWSFIS-Run-Kill-Process": "kill-process",
	"AWSFIS-Run-Network-Latency": "network-latency", "AWSFIS-Run-Network-Latency-Sources": "network-latency", "AWSFIS-Run-Network-Packet-Loss": "network-packet-loss",
	"AWSFIS-Run-Network-Packet-Loss-Sources": "network-packet-loss", "AWSFIS-Run-Network-Blackhole-Port": "network-blackhole-port", "AWSFIS-Run-Disk-Fill": "disk-fill",
}

// short is what is done to a task, a pod or an instance, in one word; "" when there is nothing like it here.
func (d *doer) short() string {
	kind := ""
	switch {
	case d.id == "aws:ssm:send-command", d.id == "aws:ssm:send-command/v1":
		kind = ssmNames[path.Base(d.args.Of("documentArn"))]
		d.args = document(d.args)
	case strings.HasPrefix(d.id, "aws:ecs:task-"):
		kind = strings.TrimPrefix(d.id, "aws:ecs:task-")
	case strings.HasPrefix(d.id, "aws:eks:pod-"):
		kind = strings.TrimPrefix(d.id, "aws:eks:pod-")
	case d.id == "aws:ecs:stop-task":
		kind = "delete"
	}
	switch kind {
	case "cpu-stress", "memory-stress", "kill-process", "network-latency", "network-packet-loss", "network-blackhole-port", "delete", "disk-fill":
		return kind
	}
	return ""
}

// target reads what an action hits. why is set when only the cloud knows.
func (c *converter) target(name string) (p format.Pods, why string) {
	t := c.targets.Get(name)
	labels := t.Get("resourceTags").Pairs()
	params := t.Get("parameters")
	for _, k := range []string{"namespace", "clusterIdentifier", "selectorType", "cluster", "availabilityZoneIdentifier", "targetContainerName"} {
		params.Skip(c.cov, "there is none here", k)
	}
	if s := params.Of("selectorValue"); s != "" {
		found, ok := format.ParseLabels(s)
		if !ok {
			found = map[string]string{"app": s}
		}
		for k, v := range found {
			labels[k] = v
		}
	}
	if s := params.Of("service"); s != "" {
		labels["service"] = s
	}
	for k, v := range labels { // tags are written as people like
		if low := strings.ToLower(k); low != k && (low == "name" || low == "app" || low == "service") {
			delete(labels, k)
			labels[low] = v
		}
	}
	_ = t.Of("resourceType")
	t.Lost(c.cov, "resources are known by their tags here", "resourceArns")
	if t.Has("filters") {
		t.Lost(c.cov, "only the cloud knows", "filters")
		why = "its target has filters"
	}
	p = format.PodsOf(labels, c.pick(t))
	if p.Empty() {
		why = "its target has no tags"
	}
	return p, why
}

// pick is ALL, COUNT(n) or PERCENT(n).
func (c *converter) pick(t *format.Node) string {
	mode := strings.TrimSpace(t.Of("selectionMode"))
	kind, rest, _ := strings.Cut(strings.TrimSuffix(mode, ")"), "(")
	n, err := strconv.Atoi(rest)
	switch {
	case mode == "" || mode == "ALL":
		return ""
	case kind == "COUNT" && err == nil && n > 0:
		return strconv.Itoa(n)
	case kind == "PERCENT" && err == nil && n > 0 && n <= 100:
		return strconv.Itoa(n) + "%"
	}
	c.cov.Add("selectionMode", t.Path, format.NotConverted, format.Label(mode, "")+" is not understood: one is hit")
	return "one"
}

// do makes the fault.
func (d *doer) do(kind string) {
	a := d.args
	a.Skip(d.cov, "what it needs is here", "installDependencies", "InstallDependencies", "useEcsFaultInjectionEndpoints", "kubernetesServiceAccount", "fisPodContainerImage",
		"fisPodLabels", "fisPodAnnotations", "fisPodSecurityPolicy", "maxErrorsPercent", "documentVersion")
	_ = a.Of("DurationSeconds") // read before
	a.Lost(d.cov, "links have no network device", "interface", "Interface")
	of := func(names ...string) string {
		out := ""
		for _, n := range names {
			if v := a.Of(n); v != "" {
				out = v
			}
		}
		return out
	}
	switch kind {
	case "cpu-stress":
		args := format.Map{}
		if v, ok := format.ParseNumber(of("workers", "CPU")); ok && v >= 1 && v <= 4096 {
			args = append(args, format.Field{Key: "cores", Value: int(v)})
		}
		if v, ok := format.ParseNumber(of("percent", "LoadPercent")); ok && v >= 1 && v <= 100 {
			args = append(args, format.Field{Key: "load", Value: format.Decimal(v) + "%"})
		}
		d.step("compute.burn", format.Localhost(), d.deadline(args), "processors busy", "this machine as a whole")
	case "memory-stress":
		of("workers", "percent", "Percent", "Workers")
		d.step("compute.ballast", format.Localhost(), d.deadline(nil), "memory taken", "this machine as a whole, all but a margin instead of the given share")
	case "kill-process":
		p := format.Map{{Key: "labels", Value: format.Map{{Key: "process", Value: of("processName", "ProcessName")}}}, {Key: "pick", Value: d.pods.Pick}}
		args := format.Map{}
		if s := strings.TrimPrefix(strings.ToUpper(of("signal", "Signal")), "SIG"); s == "TERM" || s == "15" {
			args = append(args, format.Field{Key: "signal", Value: "TERM"})
		}
		d.step("process.kill", p, args, "a process killed", "a process of that name on this machine")
	case "delete":
		of("gracePeriodSeconds")
		d.step("process.kill", d.pods.Processes(), nil, "killed", "the process; its supervisor stands for the service")
	case "network-latency":
		d.latency(of("delayMilliseconds", "DelayMilliseconds"), of("jitterMilliseconds", "JitterMilliseconds"), of("sources", "Sources"))
	case "network-packet-loss":
		v, ok := format.ParseNumber(of("lossPercent", "LossPercent"))
		if !ok || v <= 0 || v > 100 {
			d.lost("it says no share that is lost")
			return
		}
		of("sources", "Sources", "flowsPercent")
		d.step("process.loss", d.pods.Processes(), format.Map{{Key: "loss", Value: format.Decimal(v) + "%"}}, "loses "+format.Decimal(v)+"%", "what arrives at the process, by its port")
	case "network-blackhole-port":
		of("protocol", "Protocol", "trafficType", "TrafficType")
		args := format.Map{}
		if v, ok := format.ParseNumber(of("port", "Port")); ok && v >= 1 && v <= 65535 {
			args = append(args, format.Field{Key: "port", Value: int(v)})
		}
		d.step("process.partition", d.pods.Processes(), args, "port is a black hole", "both ways")
	case "disk-fill":
		a.Plain()
		d.need("a disk of this machine is filled by storage.full, which takes a directory by name")
	}
}

func (d *doer) latency(late, jitter, sources string) {
	v, ok := format.ParseNumber(late)
	if late == "" {
		v, ok = 200, true // what FIS takes
	}
	if !ok || v <= 0 || v > 3.6e6 {
		d.lost(format.Label(late, "") + " is no number of milliseconds")
		return
	}
	args := format.Map{{Key: "latency", Value: time.Duration(v * float64(time.Millisecond))}}
	if j, ok := format.ParseNumber(jitter); ok && j > 0 && j <= 3.6e6 {
		args = append(args, format.Field{Key: "jitter", Value: time.Duration(j * float64(time.Millisecond))})
	}
	why := "on the links that lead to it"
	if sources != "" {
		why += "; from whom is not looked at"
	}
	d.step("network.latency", d.pods.Links(), args, "+"+format.Decimal(v)+"ms", why)
}

func (d *doer) deadline(args format.Map) format.Map {
	if d.lasts > 14*time.Minute {
		return append(args, format.Field{Key: "deadline", Value: min(d.lasts+time.Minute, format.MaxMethod)})
	}
	return args
}

func (d *doer) lost(why string) {
	d.node.Plain()
	d.cov.Add(d.id, d.node.Path, format.NotConverted, why)
}

func (d *doer) need(what string) {
	d.node.Plain()
	d.draft.Need(d.cov, d.id, d.node.Path, "aws", d.id+": "+what, d.begin, d.lasts)
}

// step puts a fault at its time.
func (d *doer) step(kind string, target, args format.Map, title, why string) {
	lasts := d.lasts
	if lasts == 0 {
		lasts = moment
		if kind != "process.kill" {
			lasts = 30 * time.Second
			d.cov.Add("duration", d.node.Path, format.Approximated, "none is given: 30 s here")
		}
	}
	d.cov.Add(d.id, d.node.Path, format.Approximated, "as "+kind+": "+why)
	d.args.Rest(d.cov)
	s := format.Fault(kind, lasts, target, args, d.pods.String()+": "+title)
	if d.begin > 0 {
		s = append(format.Map{{Key: "at", Value: d.begin}}, s...)
	}
	d.draft.Steps = append(d.draft.Steps, s)
}
