package litmus

import (
	"strconv"
	"strings"
	"time"

	"gameday/chaos/format"
)

const defaultLasts = 60 * time.Second // TOTAL_CHAOS_DURATION of most experiments when it is not given

// experiment is one entry of the list, on its way to a step.
type experiment struct {
	*converter
	node *format.Node
	name string
	pods format.Pods
	env  map[string]*format.Node
	used map[string]bool
}

// get is a variable of the experiment.
func (e *experiment) get(names ...string) string {
	out := ""
	for _, n := range names {
		e.used[n] = true
		if v, ok := e.env[n]; ok && out == "" {
			out = strings.TrimSpace(v.Of("value"))
		}
	}
	return out
}

// number is a variable that is a number; what is none is told.
func (e *experiment) number(lo, hi float64, names ...string) (float64, bool) {
	text := e.get(names...)
	if text == "" {
		return 0, false
	}
	v, ok := format.ParseNumber(text)
	if !ok || v < lo || v > hi {
		e.cov.Add("env "+names[0], e.node.Path, format.NotConverted, format.Label(text, "")+" is no number from "+format.Decimal(lo)+" to "+format.Decimal(hi))
		return 0, false
	}
	return v, true
}

func (e *experiment) percent(names ...string) (string, bool) {
	v, ok := e.number(0, 100, names...)
	return format.Decimal(v) + "%", ok
}

func (e *experiment) millis(names ...string) (time.Duration, bool) {
	v, ok := e.number(0, 3.6e6, names...)
	return time.Duration(v * float64(time.Millisecond)), ok
}

func (e *experiment) lasts() time.Duration {
	v, ok := e.number(1, 86400, "TOTAL_CHAOS_DURATION")
	if !ok {
		return defaultLasts
	}
	return time.Duration(v * float64(time.Second))
}

// choose says which pods are meant.
func (e *experiment) choose() {
	if names := e.get("TARGET_PODS"); names != "" {
		first, _, more := strings.Cut(names, ",")
		e.pods = format.Pods{Names: []string{first}}
		if more {
			e.cov.Add("env TARGET_PODS", e.node.Path, format.Approximated, "one name is looked for, the first")
		}
		return
	}
	v, ok := e.number(0, 100, "PODS_AFFECTED_PERC")
	switch {
	case !ok || v == 0: // Litmus takes one
		e.pods.Pick = "one"
	default:
		e.pods.Pick = strconv.Itoa(int(v)) + "%"
	}
}

// do makes the step.
func (e *experiment) do(why string) {
	e.choose()
	e.get("LIB", "LIB_IMAGE", "CONTAINER_RUNTIME", "SOCKET_PATH", "CHAOS_NAMESPACE", "TC_IMAGE", "STRESS_IMAGE", "DEFAULT_APP_HEALTH_CHECK", "NETWORK_INTERFACE", "TARGET_CONTAINER", "NODE_LABEL", "SEQUENCE", "CHAOS_KILL_COMMAND", "CHAOS_INJECT_COMMAND", "PROXY_PORT")
	if ramp, ok := e.number(0, 86400, "RAMP_TIME"); ok && ramp > 0 {
		pause := format.Map{{Key: "wait", Value: time.Duration(ramp * float64(time.Second))}}
		e.steps = append(e.steps, pause)
		defer func() { e.steps = append(e.steps, pause) }()
	}
	engine := e.engine()
	if engine == "" && why == "" && e.pods.Empty() {
		why = "it names no application"
	}
	switch {
	case engine != "":
		e.need(engine, "")
	case why != "":
		e.need("kubernetes", why)
	default:
		e.local()
	}
	e.rest()
}

// engine is what an experiment needs that has no counterpart here.
func (e *experiment) engine() string {
	for prefix, engine := range map[string]string{"ec2-": "aws", "ebs-": "aws", "aws-": "aws", "rds-": "aws", "gcp-": "gcp", "azure-": "azure", "vm-": "vmware"} {
		if strings.HasPrefix(e.name, prefix) {
			return engine
		}
	}
	if _, ok := locals[e.name]; !ok {
		return "kubernetes"
	}
	return ""
}

func (e *experiment) need(engine, why string) {
	lasts := e.lasts()
	what := e.name
	if !e.pods.Empty() {
		what += " of " + e.pods.String()
	}
	if why != "" {
		what += ": " + why
	}
	for _, v := range e.env { // they are shown with what needs them
		_ = v.Of("value")
		e.used[v.Of("name")] = true
	}
	e.draft.Need(e.cov, e.name, e.node.Path, engine, what, 0, lasts)
}

// rest reports variables that nobody asked for.
func (e *experiment) rest() {
	for _, name := range sorted(e.env) {
		if v := e.env[name]; !e.used[name] && v.Of("value") != "" {
			e.cov.Add("env "+format.Label(name, ""), v.Path, format.NotConverted, "is not understood for "+format.Label(e.name, "this experiment"))
		}
	}
}

// step adds a fault. why says what is different.
func (e *experiment) step(kind string, target, args format.Map, title, why string) {
	e.cov.Add(e.name, e.node.Path, format.Approximated, "as "+kind+": "+why)
	e.steps = append(e.steps, format.Fault(kind, e.lasts(), target, args, e.pods.String()+": "+title))
}

func (e *experiment) lost(why string) {
	e.cov.Add("experiment "+format.Label(e.name, "without a name"), e.node.Path, format.NotConverted, why)
}
