// Package litmus reads ChaosEngines of LitmusChaos
// (https://litmuschaos.github.io/litmus/experiments/concepts/chaos-resources/chaos-engine/contents/), v1alpha1.
//
// The application is looked for here by the name that its label gives. Experiments that do to a pod what can be done to
// a process or to the links that lead to it are done here; those of nodes and of clouds are planned and shown. Probes
// become probes; a Prometheus is asked over HTTP, so that what it does not answer is an error and never zero.
package litmus

import (
	"errors"
	"strings"
	"time"

	"gameday/chaos/format"
)

type converter struct {
	format.Options
	cov   *format.Coverage
	draft *format.Draft
	steps []format.Map
}

const maxExperiments = 100

// Convert reads the ChaosEngines of a file. The error says why nothing can be made of it.
func Convert(docs []*format.Node, o format.Options) (*format.Result, error) {
	c := &converter{Options: o, cov: &format.Coverage{Engines: true}, draft: &format.Draft{From: "a LitmusChaos ChaosEngine"}}
	found := false
	for _, n := range format.Objects(docs) {
		kind := n.Of("kind")
		switch {
		case strings.HasPrefix(n.Of("apiVersion"), "litmuschaos.io/") && kind == "ChaosEngine":
			found = true
			c.engine(n, n.Get("spec"))
			n.Rest(c.cov)
		case strings.HasPrefix(n.Of("apiVersion"), "litmuschaos.io/") && kind == "ChaosSchedule":
			found = true
			s := n.Get("spec")
			s.Lost(c.cov, "the experiment runs once; write a gameday schedule for it", "schedule", "scheduleState")
			s.Skip(c.cov, "gameday runs one experiment at a time", "concurrencyPolicy")
			c.engine(n, s.Get("engineTemplateSpec"))
			n.Rest(c.cov)
		default:
			n.Plain()
			c.cov.Add("object "+format.Label(n.Get("kind").Text(), "without a kind"), n.Path, format.Skipped, "is no ChaosEngine")
		}
	}
	if !found {
		return nil, errors.New("not LitmusChaos: no ChaosEngine is in it")
	}
	if len(c.steps) > 0 {
		c.draft.Steps = []format.Map{{{Key: "sequence", Value: c.steps}}}
	}
	return format.Finish(c.draft, c.cov, o)
}

func (c *converter) engine(n, spec *format.Node) {
	meta := n.Get("metadata")
	meta.Skip(c.cov, "belongs to the cluster", "namespace", "annotations", "uid", "resourceVersion", "generation", "creationTimestamp", "finalizers")
	n.Skip(c.cov, "is what the cluster says", "status")
	labels, called := meta.Get("labels").Pairs(), meta.Of("name")
	if c.draft.Name == "" {
		c.draft.Name, c.draft.Title, c.draft.Labels = called, called, format.MapOf(labels)
	}
	for _, k := range []string{"chaosServiceAccount", "jobCleanUpPolicy", "components", "terminationGracePeriodSeconds", "auxiliaryAppInfo", "defaultHealthCheck"} {
		spec.Skip(c.cov, "belongs to the cluster", k)
	}
	for _, k := range []string{"annotationCheck", "monitoring"} {
		spec.Skip(c.cov, "says nothing about what is done", k)
	}
	if s := spec.Of("engineState"); s != "" && s != "active" {
		c.cov.Add("engineState "+format.Label(s, ""), spec.Get("engineState").Path, format.Approximated, "it is switched off in the cluster; here it runs when it is run")
	}
	info := spec.Get("appinfo")
	info.Skip(c.cov, "belongs to the cluster", "appns", "appkind")
	app := map[string]string{}
	why := ""
	if label := info.Of("applabel"); label != "" {
		var ok bool
		if app, ok = format.ParseLabels(label); !ok {
			app, why = nil, "its label is more than one value"
			c.cov.Add("applabel", info.Get("applabel").Path, format.NotConverted, "only key=value is looked for here")
		}
	}
	if s := spec.Get("selectors"); s.Exists() {
		for _, p := range s.Get("pods").Items() {
			app["name"] = p.Of("names")
			p.Skip(c.cov, "there are none here", "namespace")
		}
		s.Lost(c.cov, "only the cluster knows", "workloads")
	}
	c.monitor(spec.Get("monitor"))
	items := spec.Get("experiments").Items()
	for i, e := range items {
		if i == maxExperiments {
			c.cov.Add("experiments", e.Path, format.NotConverted, "only the first are")
			break
		}
		c.experiment(e, format.PodsOf(app, ""), why)
	}
}

// experiment is one fault with its probes.
func (c *converter) experiment(n *format.Node, p format.Pods, why string) {
	spec := n.Get("spec")
	comps := spec.Get("components")
	comps.Skip(c.cov, "belongs to the cluster", "configMaps", "secrets", "experimentAnnotations", "experimentImage", "experimentImagePullSecrets", "nodeSelector", "statusCheckTimeouts",
		"resources", "tolerations", "securityContext", "sidecar", "hostFileVolumes")
	e := &experiment{converter: c, node: n, name: n.Of("name"), pods: p, env: map[string]*format.Node{}, used: map[string]bool{}}
	for _, v := range comps.Get("env").Items() {
		if name := v.Of("name"); name != "" {
			e.env[name] = v
		}
		_ = v.Get("value")
		if v.Has("valueFrom") {
			v.Lost(c.cov, "only the cluster knows its value", "valueFrom")
		}
	}
	for _, pr := range spec.Get("probe").Items() {
		c.probe(pr)
	}
	e.rank(spec)
	e.do(why)
}

// rank is the order of experiments that run beside one another.
func (e *experiment) rank(spec *format.Node) {
	if r := spec.Get("rank"); r.Exists() {
		e.cov.Add("rank", r.Path, format.Approximated, "experiments run one after another, as they stand in the file")
	}
}

// seconds reads a time as Litmus has it: a number of seconds, or text with a unit.
func (c *converter) seconds(n *format.Node) (time.Duration, bool) {
	if !n.Exists() || strings.TrimSpace(n.Text()) == "" {
		return 0, false
	}
	if v, ok := n.Number(); ok && v >= 0 && v <= 86400 {
		return time.Duration(v * float64(time.Second)), true
	}
	if d, err := time.ParseDuration(strings.TrimSpace(n.Text())); err == nil && d >= 0 && d <= format.MaxMethod {
		return d, true
	}
	c.cov.Add("time", n.Path, format.NotConverted, format.Label(n.Text(), "nothing")+" is no time between 0 and 24 h")
	return 0, false
}
