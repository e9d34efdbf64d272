package mesh

import (
	"time"

	"gameday/chaos/format"
)

const maxNested = 6 // groups within each other, below what an experiment can hold

// workflow makes the entry of a workflow the method.
func (c *converter) workflow(spec *format.Node) {
	c.templates = map[string]*format.Node{}
	for _, t := range spec.Get("templates").Items() {
		c.templates[t.Of("name")] = t
	}
	if s, ok := c.template(spec.Get("entry"), 0); ok {
		if s.Get("wait") != nil {
			s = format.Map{{Key: "sequence", Value: []format.Map{s}}}
		}
		c.draft.Steps = append(c.draft.Steps, s)
	}
}

// template is one node of a workflow as a step.
func (c *converter) template(ref *format.Node, deep int) (format.Map, bool) {
	name := ref.Text()
	t, ok := c.templates[name]
	c.steps++
	why := ""
	switch {
	case !ok:
		why = "there is no template " + format.Label(name, "without a name")
	case c.in[name]:
		why = format.Label(name, "") + " contains itself"
	case deep > maxNested:
		why = "groups are nested too deep"
	case c.steps > maxSteps:
		why = "an experiment has no more than so many steps"
	}
	if why != "" {
		c.cov.Add("template", ref.Path, format.NotConverted, why)
		return nil, false
	}
	c.in[name] = true
	defer delete(c.in, name)
	kind := t.Of("templateType")
	if kind == "" {
		kind = t.Of("type")
	}
	return c.node(t, kind, name, deep)
}

func (c *converter) node(t *format.Node, kind, name string, deep int) (format.Map, bool) {
	limit := c.duration(t, "deadline")
	switch kind {
	case "Serial", "Parallel":
		return c.group(t, kind, deep, limit)
	case "Suspend":
		if limit == 0 {
			c.cov.Add("Suspend", t.Path, format.NotConverted, "it has no deadline")
			return nil, false
		}
		c.cov.Add("Suspend", t.Path, format.Converted, "")
		return format.Map{{Key: "wait", Value: limit}}, true
	case "StatusCheck":
		ok := c.statusCheck(t.Get("statusCheck"), name, "on-fault")
		if t.Of("abortWithStatusCheck") == "true" && ok {
			c.draft.Abort = append(c.draft.Abort, format.Map{{Key: "probe", Value: format.Label(name, "status")}})
			c.cov.Add("abortWithStatusCheck", t.Path, format.Converted, "")
		}
		return nil, false
	case "Task":
		t.Plain()
		c.draft.Need(c.cov, "Task", t.Path, "kubernetes", "Task "+name+": a container, and what follows from its exit code", 0, limit)
		return nil, false
	case "Schedule":
		s := t.Get("schedule")
		s.Skip(c.cov, "belongs to the cluster", "historyLimit", "concurrencyPolicy", "startingDeadlineSeconds", "schedule")
		c.cov.Add("Schedule", t.Path, format.Approximated, "done once, not by the clock")
		kind, t = s.Of("type"), s
	}
	inner := t.Get(fieldOf(kind))
	if !inner.IsMap() {
		c.cov.Add("template "+format.Label(kind, "without a type"), t.Path, format.NotConverted, "it has nothing of its type")
		return nil, false
	}
	lasts := c.duration(inner, "duration")
	if lasts == 0 {
		lasts = limit
	}
	return c.fault(kind, inner, lasts)
}

func (c *converter) group(t *format.Node, kind string, deep int, limit time.Duration) (format.Map, bool) {
	if limit > 0 {
		c.cov.Add("deadline", t.Path, format.NotConverted, "a group ends with its last step here")
	}
	t.Lost(c.cov, "branches depend on tasks, which take a cluster", "conditionalBranches")
	var steps []format.Map
	for _, child := range t.Get("children").Items() {
		s, ok := c.template(child, deep+1)
		if !ok {
			continue
		}
		if kind == "Parallel" && s.Get("wait") != nil { // a wait alone holds nothing up beside others
			s = format.Map{{Key: "sequence", Value: []format.Map{s}}}
		}
		steps = append(steps, s)
	}
	if len(steps) == 0 {
		return nil, false
	}
	c.cov.Add(kind, t.Path, format.Converted, "")
	key := map[string]string{"Serial": "sequence", "Parallel": "parallel"}[kind]
	return format.Map{{Key: key, Value: steps}}, true
}
