package jmx

import (
	"regexp"
	"strings"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/format"
)

// scope is what counts for the samplers at a place of the plan's tree.
type scope struct {
	path     string
	prefix   string  // names of the transactions around
	defaults []*node // HTTP request defaults, the nearest last
	headers  []format.Pair
	think    load.ThinkTime
	status   []string
	limit    time.Duration // of a duration assertion
}

// isScope reports whether an element counts for what stands beside and below it.
func isScope(kind string) bool {
	switch kind {
	case "Arguments", "ConfigTestElement", "HeaderManager", "ConstantTimer", "UniformRandomTimer", "GaussianRandomTimer",
		"PoissonRandomTimer", "ConstantThroughputTimer", "PreciseThroughputTimer", "ResponseAssertion", "DurationAssertion":
		return true
	}
	return false
}

// scope adds what stands beside the samplers of a list.
func (c *converter) scope(sc scope, list []element) scope {
	sc.headers = append([]format.Pair(nil), sc.headers...)
	sc.defaults = append([]*node(nil), sc.defaults...)
	for _, e := range list {
		kind, at := e.kind(), sc.path+"/"+e.title()
		if !isScope(kind) {
			continue
		}
		if !e.enabled() {
			c.skip(e, at)
			continue
		}
		switch kind {
		case "Arguments":
			c.cov.Add("Arguments", at, format.Converted, "")
		case "ConfigTestElement":
			if strings.Contains(e.attrs["guiclass"], "Http") || e.find("HTTPSampler.domain") != nil {
				sc.defaults = append(sc.defaults, e.node)
				c.cov.Add("HTTP request defaults", at, format.Converted, "")
			} else {
				c.cov.Add("ConfigTestElement", at, format.NotConverted, "defaults of something that is not HTTP")
			}
		case "HeaderManager":
			for _, h := range e.collection("HeaderManager.headers") {
				sc.headers = format.SetHeader(sc.headers, h.prop("Header.name"), c.text(h.prop("Header.value"), at), at, c.cov)
			}
			c.cov.Add("HeaderManager", at, format.Converted, "")
		case "ResponseAssertion":
			c.assertion(e, &sc, at)
		case "DurationAssertion":
			sc.limit = millis(c.number(e.prop("DurationAssertion.duration"), "DurationAssertion", at, 0))
			c.cov.Add("DurationAssertion", at, format.Approximated, "as the request's timeout: it is broken off, and fails as a timeout")
		default:
			c.timer(e, &sc, at)
		}
	}
	return sc
}

// timer adds a timer's pause. JMeter pauses before each sampler, a load plan after each step.
func (c *converter) timer(e element, sc *scope, at string) {
	const how = "the pause comes after the request instead of before"
	kind := e.kind()
	delay := millis(c.number(e.prop("ConstantTimer.delay"), kind, at, 0))
	spread := c.number(e.prop("RandomTimer.range"), kind, at, 0)
	add := load.ThinkTime{}
	switch kind {
	case "ConstantTimer":
		add.Constant = delay
	case "UniformRandomTimer":
		add.Min, add.Max = delay, delay+millis(spread)
	case "GaussianRandomTimer":
		add.Mean, add.Deviation = delay, millis(spread)
	case "PoissonRandomTimer":
		add.Min, add.Max = delay, delay+2*millis(spread)
		c.cov.Add(kind, at, format.Approximated, "evenly spread around the same mean; "+how)
	case "ConstantThroughputTimer":
		c.setPace(e, at, c.number(e.prop("throughput"), kind, at, 0), 60)
		return
	case "PreciseThroughputTimer":
		c.setPace(e, at, c.number(e.prop("throughput"), kind, at, 0), c.number(e.prop("throughputPeriod"), kind, at, 3600))
		return
	}
	sum, exact := plus(sc.think, add)
	sc.think = sum
	switch {
	case kind == "PoissonRandomTimer":
	case exact:
		c.cov.Add(kind, at, format.Approximated, how)
	default:
		c.cov.Add(kind, at, format.Approximated, "several random timers as one, evenly spread between their bounds; "+how)
	}
}

// plus adds two pauses up; exact is false when the sum has another shape than both.
func plus(a, b load.ThinkTime) (sum load.ThinkTime, exact bool) {
	if a == (load.ThinkTime{}) {
		return b, true
	}
	if a.Constant > 0 {
		a, b = b, a
	}
	if b.Constant > 0 || b == (load.ThinkTime{}) { // a constant only moves the other
		switch {
		case a.Max > 0:
			a.Min, a.Max = a.Min+b.Constant, a.Max+b.Constant
		case a.Mean > 0 || a.Deviation > 0:
			a.Mean += b.Constant
		default:
			a.Constant += b.Constant
		}
		return a, true
	}
	bounds := func(t load.ThinkTime) (lo, hi time.Duration) {
		if t.Max > 0 {
			return t.Min, t.Max
		}
		return max(t.Mean-2*t.Deviation, 0), t.Mean + 2*t.Deviation
	}
	lo1, hi1 := bounds(a)
	lo2, hi2 := bounds(b)
	return load.ThinkTime{Min: lo1 + lo2, Max: hi1 + hi2}, false
}

var (
	oneStatus   = regexp.MustCompile(`^\^?([1-5][0-9][0-9])\$?$`)
	statusClass = regexp.MustCompile(`^\^?([1-5])(?:\\d\\d|\\d\{2\}|\.\.|\.\*|\.\+|\\d\+|\[0-9\]\[0-9\]|\[0-9\]\{2\})?\$?$`)
)

// assertion takes a response assertion on the status over.
func (c *converter) assertion(e element, sc *scope, at string) {
	field := e.prop("Assertion.test_field")
	if !strings.HasSuffix(field, "response_code") {
		c.cov.Add("ResponseAssertion", at, format.NotConverted, "only statuses are checked, not "+format.Label(strings.TrimPrefix(field, "Assertion."), "this"))
		return
	}
	const negated = 4
	if int(c.number(e.prop("Assertion.test_type"), "ResponseAssertion", at, 2))&negated != 0 {
		c.cov.Add("ResponseAssertion", at, format.NotConverted, "a status that must not be cannot be said")
		return
	}
	texts := e.collection("Asserion.test_strings") // spelt like this in JMeter
	if len(texts) == 0 {
		texts = e.collection("Assertion.test_strings")
	}
	var set []string
	for _, t := range texts {
		for _, word := range strings.Split(strings.Trim(c.resolved(t.text), "()"), "|") {
			word = strings.TrimSpace(word)
			if m := oneStatus.FindStringSubmatch(word); m != nil {
				set = append(set, m[1])
			} else if m := statusClass.FindStringSubmatch(word); m != nil {
				set = append(set, m[1]+"xx")
			} else {
				c.cov.Add("ResponseAssertion", at, format.NotConverted, "the pattern is no status and no class of statuses")
				return
			}
		}
	}
	if len(set) > 0 {
		sc.status = set
	}
	c.cov.Add("ResponseAssertion", at, format.Converted, "")
}
