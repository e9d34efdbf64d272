package jmx

import (
	"fmt"
	"strings"
	"time"

	"gameday/engine/load/format"
)

const (
	maxWays  = 32  // through the controllers of a thread group
	maxSteps = 500 // of one way
)

// way is one way through controllers that choose, with how likely it is.
type way struct {
	share float64
	steps []format.Step
}

// block converts a list of samplers and controllers, one after the other.
func (c *converter) block(list []element, sc scope) []way {
	sc = c.scope(sc, list)
	ways := []way{{share: 1}}
	for _, e := range list {
		if isScope(e.kind()) {
			continue
		}
		at := sc.path + "/" + e.title()
		if !e.enabled() {
			c.skip(e, at)
			continue
		}
		if e.kind() == "TestAction" {
			c.pause(e, ways, at)
			continue
		}
		next := c.one(e, sc, at)
		if len(ways)*len(next) > maxWays {
			c.cov.Add(e.kind(), at, format.Approximated, fmt.Sprintf("more than %d ways through the controllers: always the likeliest", maxWays))
			next = []way{likeliest(next)}
		}
		ways = product(ways, next)
	}
	for i := range ways {
		if len(ways[i].steps) > maxSteps {
			c.cov.Add("steps", sc.path, format.NotConverted, fmt.Sprintf("only the first %d of an iteration are", maxSteps))
			ways[i].steps = ways[i].steps[:maxSteps]
		}
	}
	return ways
}

func likeliest(list []way) way {
	best := list[0]
	for _, w := range list {
		if w.share > best.share {
			best = w
		}
	}
	best.share = 1
	return best
}

func product(a, b []way) (out []way) {
	for _, first := range a {
		for _, then := range b {
			steps := append(append([]format.Step(nil), first.steps...), then.steps...)
			out = append(out, way{first.share * then.share, steps})
		}
	}
	return out
}

// one converts a sampler or a controller.
func (c *converter) one(e element, sc scope, at string) []way {
	inner := sc
	inner.path = at
	switch e.kind() {
	case "HTTPSamplerProxy", "HTTPSampler", "HTTPSampler2", "HTTPSampler3":
		if step, ok := c.sampler(e, sc, at); ok {
			return []way{{1, []format.Step{step}}}
		}
		return []way{{share: 1}}
	case "GenericController", "RecordingController":
		c.cov.Add(e.kind(), at, format.Converted, "")
		return c.block(e.below, inner)
	case "TransactionController":
		c.cov.Add(e.kind(), at, format.Approximated, "its steps carry its name; its time as a whole is not measured")
		inner.prefix = sc.prefix + e.title() + " / "
		return c.block(e.below, inner)
	case "LoopController":
		return c.loop(e, inner, at)
	case "OnceOnlyController":
		c.cov.Add(e.kind(), at, format.Approximated, "done in every iteration, not once for each user")
		return c.block(e.below, inner)
	case "RandomOrderController":
		c.cov.Add(e.kind(), at, format.Approximated, "always in the order of the plan")
		return c.block(e.below, inner)
	case "RandomController", "InterleaveControl":
		how, outcome := "", format.Converted
		if e.kind() == "InterleaveControl" {
			how, outcome = "one at random instead of in turn", format.Approximated
		}
		c.cov.Add(e.kind(), at, outcome, how)
		return c.choice(e, inner)
	case "ThroughputController":
		return c.percent(e, inner, at)
	case "IfController":
		if strings.EqualFold(c.resolved(e.prop("IfController.condition")), "true") {
			c.cov.Add(e.kind(), at, format.Converted, "")
			return c.block(e.below, inner)
		}
	}
	c.unknown(e, sc.path)
	return []way{{share: 1}}
}

// loop repeats what stands in it.
func (c *converter) loop(e element, inner scope, at string) []way {
	count := c.number(e.prop("LoopController.loops"), e.kind(), at, 1)
	if count < 0 { // continue_forever only says that the loop begins anew in the next iteration
		c.cov.Add(e.kind(), at, format.Approximated, "an endless loop is done once an iteration; iterations repeat")
		count = 1
	} else {
		c.cov.Add(e.kind(), at, format.Converted, "")
	}
	once := c.block(e.below, inner)
	if len(once) > 1 && count > 1 {
		c.cov.Add(e.kind(), at, format.Approximated, "every round of the loop takes the same way through the controllers in it")
	}
	for i := range once {
		steps := once[i].steps
		rounds := int(min(count, maxSteps))
		if len(steps)*rounds > maxSteps {
			rounds = max(maxSteps/max(len(steps), 1), 1)
			c.cov.Add(e.kind(), at, format.Approximated, fmt.Sprintf("%d rounds of %v, an iteration may have %d steps", rounds, count, maxSteps))
		}
		var all []format.Step
		for range rounds {
			all = append(all, steps...)
		}
		once[i].steps = all
	}
	return once
}

// choice takes one of what stands in a controller.
func (c *converter) choice(e element, inner scope) (out []way) {
	sc := c.scope(inner, e.below)
	for _, child := range e.below {
		if isScope(child.kind()) {
			continue
		}
		at := sc.path + "/" + child.title()
		if !child.enabled() {
			c.skip(child, at)
			continue
		}
		if listener(child.kind()) {
			c.unknown(child, sc.path)
			continue
		}
		out = append(out, c.one(child, sc, at)...)
	}
	if len(out) == 0 {
		return []way{{share: 1}}
	}
	total := 0.0
	for _, w := range out {
		total += w.share
	}
	for i := range out {
		out[i].share /= total
	}
	return out
}

// percent is a throughput controller: some of the iterations.
func (c *converter) percent(e element, inner scope, at string) []way {
	const byShare = "1"
	if e.prop("ThroughputController.style") != byShare {
		c.cov.Add(e.kind(), at, format.NotConverted, "a number of executions cannot be said, only a share")
		c.drop(e.below, at)
		return []way{{share: 1}}
	}
	share := min(max(c.number(e.prop("ThroughputController.percentThroughput"), e.kind(), at, 100), 0), 100) / 100
	c.cov.Add(e.kind(), at, format.Converted, "")
	out := c.block(e.below, inner)
	for i := range out {
		out[i].share *= share
	}
	if share < 1 {
		out = append(out, way{share: 1 - share})
	}
	if share == 0 {
		return []way{{share: 1}}
	}
	return out
}

// pause is a flow control action: it lengthens the pause after the step before it.
func (c *converter) pause(e element, ways []way, at string) {
	const pausing = "1"
	if e.prop("ActionProcessor.action") != pausing {
		c.cov.Add("TestAction", at, format.NotConverted, "stopping and skipping cannot be said")
		return
	}
	length := millis(c.number(e.prop("ActionProcessor.duration"), "TestAction", at, 0))
	added := false
	for i := range ways {
		n := len(ways[i].steps)
		if n == 0 {
			continue
		}
		last := &ways[i].steps[n-1]
		last.Think, _ = plus(last.Think, constant(length))
		added = true
	}
	if added {
		c.cov.Add("TestAction", at, format.Converted, "")
	} else {
		c.cov.Add("TestAction", at, format.NotConverted, "a pause before the first request of an iteration")
	}
	c.timersBelow(e, at)
}

// timersBelow lists what hangs below a pause, where only timers make sense.
func (c *converter) timersBelow(e element, at string) {
	for _, below := range e.below {
		if below.enabled() {
			c.cov.Add(below.kind(), at+"/"+below.title(), format.NotConverted, "below a pause")
		}
	}
}

func constant(d time.Duration) (t thinkTime) {
	t.Constant = d
	return t
}
