package jmx

import (
	"fmt"
	"regexp"
	"strings"

	"gameday/engine/load"
	"gameday/engine/load/format"
)

const (
	maxRounds   = 1_000_000 // of a loop: what a plan allows
	maxShuffled = 62
)

// block converts a list of samplers and controllers, made one after the other.
func (c *converter) block(list []element, sc scope) (out []format.Step) {
	sc = c.scope(sc, list)
	for _, e := range list {
		if isScope(e.kind()) {
			continue
		}
		at := sc.path + "/" + e.title()
		if !e.enabled() {
			c.skip(e, at)
			continue
		}
		out = append(out, c.one(e, sc, at)...)
	}
	return out
}

// alternatives converts what stands in a controller that chooses: a step for each child.
func (c *converter) alternatives(list []element, sc scope) (out []format.Step, names []string) {
	sc = c.scope(sc, list)
	for _, e := range list {
		if isScope(e.kind()) {
			continue
		}
		at := sc.path + "/" + e.title()
		if !e.enabled() {
			c.skip(e, at)
			continue
		}
		if steps := c.one(e, sc, at); len(steps) > 0 {
			one := sequence(steps)
			one.Weight = 1
			out = append(out, one)
			names = append(names, e.title())
		}
	}
	return out, names
}

// sequence is steps as one.
func sequence(list []format.Step) format.Step {
	if len(list) == 1 {
		return list[0]
	}
	return block(format.Block{Kind: "repeat", Times: 1, Steps: list})
}

func block(b format.Block) format.Step { return format.Step{Block: &b} }

// within is a block around steps; nothing without any.
func within(b format.Block, list []format.Step) []format.Step {
	if len(list) == 0 {
		return nil
	}
	b.Steps = list
	return []format.Step{block(b)}
}

// one converts a sampler or a controller.
func (c *converter) one(e element, sc scope, at string) []format.Step {
	inner := sc
	inner.path = at
	converted := func() { c.cov.Add(e.kind(), at, format.Converted, "") }
	approximated := func(how string) { c.cov.Add(e.kind(), at, format.Approximated, how) }
	switch e.kind() {
	case "HTTPSamplerProxy", "HTTPSampler", "HTTPSampler2", "HTTPSampler3":
		return c.request(e, sc, at)
	case "TestAction":
		return c.action(e, sc, at)
	case "GenericController", "RecordingController":
		converted()
		return c.block(e.below, inner)
	case "CriticalSectionController":
		approximated("its requests are made; users do not wait for each other")
		return c.block(e.below, inner)
	case "TransactionController":
		if len(sc.pauses) > 0 && e.prop("TransactionController.includeTimers") == "false" {
			approximated("its time includes the pauses of the timers")
		} else {
			converted()
		}
		return within(format.Block{Kind: "group", Name: c.resolved(e.title())}, c.block(e.below, inner))
	case "LoopController":
		return c.loop(e, inner, at)
	case "OnceOnlyController":
		converted()
		return within(format.Block{Kind: "once"}, c.block(e.below, inner))
	case "RandomOrderController":
		steps, _ := c.alternatives(e.below, inner)
		if len(steps) > maxShuffled {
			approximated(fmt.Sprintf("more than %d elements: in the order of the plan", maxShuffled))
			return steps
		}
		converted()
		return within(format.Block{Kind: "shuffle"}, steps)
	case "RandomController":
		converted()
		steps, _ := c.alternatives(e.below, inner)
		return within(format.Block{Kind: "random"}, steps)
	case "InterleaveControl":
		if e.flag("InterleaveControl.accrossThreads") || e.prop("InterleaveControl.style") == "0" && nested(e) {
			approximated("each user takes its own turns, and a controller in it counts as one")
		} else {
			converted()
		}
		steps, _ := c.alternatives(e.below, inner)
		return within(format.Block{Kind: "turns"}, steps)
	case "ThroughputController":
		return c.portion(e, inner, at)
	case "IfController":
		return c.branch(e, inner, at)
	case "WhileController":
		return c.while(e, inner, at)
	case "SwitchController":
		return c.choose(e, inner, at)
	case "TestFragmentController":
		c.cov.Add(e.kind(), at, format.Skipped, "only runs where something includes it")
		return nil
	}
	c.unknown(e, sc.path)
	return nil
}

// nested reports whether a controller holds another one.
func nested(e element) bool {
	for _, below := range e.below {
		if below.enabled() && strings.Contains(below.kind(), "Controller") {
			return true
		}
	}
	return false
}

// loop repeats what stands in it.
func (c *converter) loop(e element, inner scope, at string) []format.Step {
	count := c.number(e.prop("LoopController.loops"), e.kind(), at, 1)
	inner.loops++
	steps := c.block(e.below, inner)
	switch { // continue_forever only says that the loop begins anew in the next iteration
	case count < 0:
		c.cov.Add(e.kind(), at, format.Approximated, fmt.Sprintf("an endless loop ends after %d rounds", maxRounds))
		count = maxRounds
	case count == 0:
		c.cov.Add(e.kind(), at, format.Skipped, "a loop of no rounds")
		return nil
	case count > maxRounds:
		c.cov.Add(e.kind(), at, format.Approximated, fmt.Sprintf("%d rounds", maxRounds))
	default:
		c.cov.Add(e.kind(), at, format.Converted, "")
	}
	return within(format.Block{Kind: "repeat", Times: int(min(count, maxRounds))}, steps)
}

// portion is a throughput controller: some of the iterations.
func (c *converter) portion(e element, inner scope, at string) []format.Step {
	const byShare = "1"
	if e.prop("ThroughputController.style") != byShare {
		most := c.number(e.prop("ThroughputController.maxThroughput"), e.kind(), at, 1)
		if most == 1 && e.flag("ThroughputController.perThread") {
			c.cov.Add(e.kind(), at, format.Converted, "")
			return within(format.Block{Kind: "once"}, c.block(e.below, inner))
		}
		c.cov.Add(e.kind(), at, format.NotConverted, "a number of executions cannot be said, only a share, or once for each user")
		c.drop(e.below, at)
		return nil
	}
	share := min(max(c.number(e.prop("ThroughputController.percentThroughput"), e.kind(), at, 100), 0), 100) / 100
	steps := c.block(e.below, inner)
	c.cov.Add(e.kind(), at, format.Converted, "")
	if share == 1 {
		return steps
	}
	return within(format.Block{Kind: "share", Share: share}, steps)
}

// branch is an if controller.
func (c *converter) branch(e element, inner scope, at string) []format.Step {
	text := e.prop("IfController.condition")
	conds, ok := c.conditions(text)
	if !ok {
		c.cov.Add(e.kind(), at, format.NotConverted, notComparison(text))
		c.drop(e.below, at)
		return nil
	}
	steps := c.block(e.below, inner)
	c.cov.Add(e.kind(), at, format.Converted, "")
	for i := len(conds) - 1; i >= 0; i-- {
		if holds, known := static(&conds[i]); known {
			if !holds {
				return nil
			}
			continue
		}
		steps = within(format.Block{Kind: "if", If: conds[i]}, steps)
	}
	return steps
}

// while is a while controller. Without a condition it ends when the last request failed.
func (c *converter) while(e element, inner scope, at string) []format.Step {
	text := strings.TrimSpace(e.prop("WhileController.condition"))
	conds, ok := c.conditions(text)
	first := false // a blank condition is only looked at after the first round
	if text == "" || strings.EqualFold(text, "LAST") {
		conds, ok, first = []load.Condition{lastGood()}, true, text == ""
	}
	if !ok || len(conds) != 1 {
		c.cov.Add(e.kind(), at, format.NotConverted, notComparison(text))
		c.drop(e.below, at)
		return nil
	}
	inner.loops++
	if holds, known := static(&conds[0]); known && !holds {
		c.cov.Add(e.kind(), at, format.Skipped, "its condition never holds")
		return nil
	}
	steps := c.block(e.below, inner)
	how := fmt.Sprintf("ends after %d rounds at the latest", maxWhile)
	if first {
		how += "; not begun when the request before it failed"
	}
	c.cov.Add(e.kind(), at, format.Approximated, how)
	return within(format.Block{Kind: "while", If: conds[0], Times: maxWhile}, steps)
}

const maxWhile = 10_000

// choose is a switch controller: the child of a number or a name, as branches in each other.
func (c *converter) choose(e element, inner scope, at string) []format.Step {
	value := c.text(e.prop("SwitchController.value"), at)
	before := c.made()
	steps, names := c.alternatives(e.below, inner)
	c.cov.Add(e.kind(), at, format.Converted, "")
	if len(steps) == 0 {
		return nil
	}
	rest := 0 // what is no child is the first, or the one called default
	for i := range names {
		if strings.EqualFold(names[i], "default") {
			rest = i
		}
	}
	out := steps[rest]
	for i := len(steps) - 1; i >= 0; i-- {
		if i != rest {
			cond := load.Condition{Value: value, Matches: fmt.Sprintf("^(?:%d|%s)$", i, regexp.QuoteMeta(names[i]))}
			out = block(format.Block{Kind: "if", If: cond, Steps: []format.Step{steps[i]}, Else: []format.Step{out}})
		}
	}
	return append(before, out)
}

// action is a flow control action: a pause.
func (c *converter) action(e element, sc scope, at string) (out []format.Step) {
	const pausing = "1"
	sc = c.scope(scopeAt(sc, at), e.below)
	if e.prop("ActionProcessor.action") != pausing {
		c.cov.Add("TestAction", at, format.NotConverted, "stopping and going on elsewhere cannot be said")
		return nil
	}
	think := c.span(e.prop("ActionProcessor.duration"), "TestAction", at)
	out = pauses(append(append([]thinkTime(nil), sc.pauses...), think))
	c.cov.Add("TestAction", at, format.Converted, "")
	return out
}

// pauses are blocks that wait.
func pauses(list []thinkTime) (out []format.Step) {
	for _, t := range list {
		if t != (thinkTime{}) {
			out = append(out, block(format.Block{Kind: "pause", Pause: t}))
		}
	}
	return out
}

// requests is how many requests steps are, on average.
func requests(list []format.Step) (n float64) {
	for i := range list {
		b := list[i].Block
		if b == nil {
			n++
			continue
		}
		inside := requests(b.Steps)
		switch b.Kind {
		case "once":
			inside = 0
		case "repeat":
			inside *= float64(b.Times)
		case "random", "turns":
			inside /= float64(max(len(b.Steps), 1))
		case "share":
			inside *= b.Share
		case "if":
			inside = (inside + requests(b.Else)) / 2
		}
		n += inside
	}
	return n
}
