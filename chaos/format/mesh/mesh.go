// Package mesh reads manifests of Chaos Mesh (https://chaos-mesh.org/docs/): single faults, Schedules and Workflows.
//
// Pods are looked for here by the name their labels give the application: as processes, containers, or the links that
// lead to it. What has no counterpart outside of a cluster is planned and shown.
package mesh

import (
	"errors"
	"strings"
	"time"

	"gameday/chaos/format"
)

type converter struct {
	cov       *format.Coverage
	draft     *format.Draft
	templates map[string]*format.Node // of a workflow, by name
	in        map[string]bool         // templates that are being read: a circle is refused
	steps     int
}

const (
	watch    = 5 * time.Second  // how long what nothing undoes is watched
	open     = 30 * time.Second // how long a fault without a duration lasts
	maxSteps = 400
)

// Convert reads the Chaos Mesh objects of a file. The error says why nothing can be made of it.
func Convert(docs []*format.Node, o format.Options) (*format.Result, error) {
	c := &converter{cov: &format.Coverage{Engines: true}, draft: &format.Draft{From: "Chaos Mesh manifests"}, in: map[string]bool{}}
	found := 0
	for _, n := range format.Objects(docs) {
		if !strings.HasPrefix(n.Of("apiVersion"), "chaos-mesh.org/") {
			n.Plain()
			c.cov.Add("object "+format.Label(n.Get("kind").Text(), "without a kind"), n.Path, format.Skipped, "is no object of Chaos Mesh")
			continue
		}
		found++
		c.object(n)
		n.Rest(c.cov)
	}
	if found == 0 {
		return nil, errors.New("not Chaos Mesh: no object of chaos-mesh.org is in it")
	}
	return format.Finish(c.draft, c.cov, o)
}

func (c *converter) object(n *format.Node) {
	meta, spec, kind := n.Get("metadata"), n.Get("spec"), n.Of("kind")
	meta.Skip(c.cov, "belongs to the cluster", "namespace", "annotations", "uid", "resourceVersion", "generation", "creationTimestamp", "finalizers")
	n.Skip(c.cov, "is what the cluster says", "status")
	labels, called := meta.Get("labels").Pairs(), meta.Of("name")
	if c.draft.Name == "" {
		c.draft.Name, c.draft.Title = called, strings.TrimSpace(called+" ("+kind+")")
		c.draft.Labels = format.MapOf(labels)
	}
	switch kind {
	case "Schedule":
		c.schedule(spec)
	case "Workflow":
		c.workflow(spec)
	case "StatusCheck":
		c.statusCheck(spec, meta.Of("name"), "continuous")
	default:
		if s, ok := c.fault(kind, spec, c.duration(spec, "duration")); ok {
			c.draft.Steps = append(c.draft.Steps, s)
		}
	}
}

// duration reads a time; 0 is none.
func (c *converter) duration(n *format.Node, key string) time.Duration {
	d := n.Get(key)
	if !d.Exists() {
		return 0
	}
	v, err := time.ParseDuration(d.Text())
	if v, ok := format.Bound(v); err == nil && ok {
		return v
	}
	c.cov.Add(key, d.Path, format.NotConverted, format.Label(d.Text(), "nothing")+" is no duration up to 24 h")
	return 0
}

// schedule takes what is scheduled as it is, and writes the schedule down for gameday's own.
func (c *converter) schedule(spec *format.Node) {
	spec.Skip(c.cov, "belongs to the cluster", "historyLimit", "startingDeadlineSeconds")
	spec.Skip(c.cov, "gameday runs one experiment at a time", "concurrencyPolicy")
	if cron := spec.Of("schedule"); cron != "" {
		c.cov.Add("schedule", spec.Get("schedule").Path, format.Approximated, "the experiment runs once; a gameday schedule runs it by the clock: its entry stands at the head of the experiment")
		c.draft.Notes = append(c.draft.Notes, "It was scheduled; as an entry of a gameday schedule: {name: "+format.Label(c.draft.Name, "scheduled")+`, cron: "`+format.Label(cron, "")+`", oneOf: [this file]}`)
	}
	kind := spec.Of("type")
	inner := spec.Get(fieldOf(kind))
	switch {
	case !inner.IsMap():
		c.cov.Add("schedule", spec.Path, format.NotConverted, "it has nothing of the type "+format.Label(kind, "that is not given"))
	case kind == "Workflow":
		c.workflow(inner)
	default:
		if s, ok := c.fault(kind, inner, c.duration(inner, "duration")); ok {
			c.draft.Steps = append(c.draft.Steps, s)
		}
	}
}

// fieldOf is the field that holds a fault of a kind: networkChaos for NetworkChaos, ioChaos for IOChaos.
func fieldOf(kind string) string {
	if kind == "" {
		return ""
	}
	for _, short := range []string{"IO", "DNS", "HTTP", "AWS", "GCP", "JVM"} {
		if rest, ok := strings.CutPrefix(kind, short); ok {
			return strings.ToLower(short) + rest
		}
	}
	return strings.ToLower(kind[:1]) + kind[1:]
}

// engines are what kinds without a counterpart here need.
var engines = map[string]string{
	"KernelChaos": "kubernetes", "JVMChaos": "kubernetes", "BlockChaos": "kubernetes", "PodNetworkChaos": "kubernetes",
	"AWSChaos": "aws", "GCPChaos": "gcp", "AzureChaos": "azure", "PhysicalMachineChaos": "chaosd",
}

// fault is one step for a fault of any kind.
func (c *converter) fault(kind string, spec *format.Node, lasts time.Duration) (format.Map, bool) {
	if c.steps++; c.steps > maxSteps {
		c.cov.Add(kind, spec.Path, format.NotConverted, "an experiment has no more than so many steps")
		return nil, false
	}
	_ = spec.Of("duration") // whoever calls has read it
	spec.Lost(c.cov, "gameday does not drive other clusters", "remoteCluster")
	if s := spec.Get("scheduler"); s.Exists() {
		s.Plain()
		c.cov.Add("scheduler", s.Path, format.Approximated, "the older way to schedule: done once here")
	}
	f := &fault{converter: c, spec: spec, kind: kind, lasts: lasts}
	switch kind {
	case "PodChaos":
		return f.pod()
	case "NetworkChaos":
		return f.network()
	case "StressChaos":
		return f.stress()
	case "IOChaos", "IoChaos":
		return f.io()
	case "DNSChaos":
		return f.dns()
	case "HTTPChaos":
		return f.http()
	case "TimeChaos":
		return f.clock()
	}
	engine, known := engines[kind]
	if !known {
		spec.Plain()
		c.cov.Add("kind "+format.Label(kind, "none"), spec.Path, format.NotConverted, "is not known")
		return nil, false
	}
	return f.needs(engine, "")
}

// fault is one fault on its way.
type fault struct {
	*converter
	spec  *format.Node
	kind  string
	lasts time.Duration
}

// needs plans the fault for another engine.
func (f *fault) needs(engine, why string) (format.Map, bool) {
	what := strings.TrimSpace(f.kind + " " + f.spec.Of("action"))
	if why != "" {
		what += ": " + why
	}
	f.spec.Plain()
	f.draft.Need(f.cov, f.kind, f.spec.Path, engine, what, 0, f.lasts)
	return nil, false
}

// step is the fault as gameday injects it. why says what is different; "" is nothing.
func (f *fault) step(kind string, target, args format.Map, title, why string) (format.Map, bool) {
	lasts := f.lasts
	switch {
	case lasts > 0:
	case kind == "process.kill":
		lasts = watch
	default:
		lasts = open
		f.cov.Add("duration", f.spec.Path, format.Approximated, "none is given, which is until somebody deletes it: 30 s here")
	}
	outcome := format.Converted
	if why != "" {
		outcome = format.Approximated
	}
	f.cov.Add(strings.TrimSpace(f.kind+" "+f.spec.Of("action")), f.spec.Path, outcome, strings.TrimSuffix("as "+kind+": "+why, ": "))
	return format.Fault(kind, lasts, target, args, title), true
}

// lost reports that the fault cannot be made of what the file says.
func (f *fault) lost(why string) (format.Map, bool) {
	f.spec.Plain()
	f.cov.Add(f.kind, f.spec.Path, format.NotConverted, why)
	return nil, false
}

// together makes one step of several.
func (f *fault) together(steps []format.Map, otherwise string) (format.Map, bool) {
	switch len(steps) {
	case 0:
		return f.lost(otherwise)
	case 1:
		return steps[0], true
	}
	return format.Map{{Key: "parallel", Value: steps}}, true
}
