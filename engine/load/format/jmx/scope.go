package jmx

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/answer"
	"gameday/engine/load/format"
)

// scope is what counts for the samplers at a place of the plan's tree.
type scope struct {
	path     string
	loops    int     // of the thread group, around this place
	defaults []*node // HTTP request defaults, the nearest last
	headers  []format.Pair
	pauses   []load.ThinkTime // of the timers
	status   []string
	checks   []answer.Check
	extracts []load.Extract
	within   time.Duration // of a duration assertion
	minSize  int64         // of size assertions
	maxSize  int64
	logins   []login // of authorization managers, the nearest last
}

// isScope reports whether an element counts for what stands beside and below it.
func isScope(kind string) bool {
	switch kind {
	case "Arguments", "ConfigTestElement", "HeaderManager", "ConstantTimer", "UniformRandomTimer", "GaussianRandomTimer",
		"PoissonRandomTimer", "ConstantThroughputTimer", "PreciseThroughputTimer", "CookieManager", "CacheManager", "AuthManager":
		return true
	}
	return isData(kind) || isLook(kind)
}

// isData reports whether an element gives variables values.
func isData(kind string) bool {
	switch kind {
	case "CSVDataSet", "CounterConfig", "RandomVariableConfig", "UserParameters":
		return true
	}
	return false
}

// isLook reports whether an element looks at answers and is understood.
func isLook(kind string) bool {
	switch kind {
	case "ResponseAssertion", "DurationAssertion", "SizeAssertion", "JSONPathAssertion", "XPathAssertion", "XPath2Assertion",
		"RegexExtractor", "BoundaryExtractor", "JSONPostProcessor", "XPathExtractor", "XPath2Extractor":
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
		switch {
		case isData(kind):
			c.data(e, &sc, at)
			continue
		case isLook(kind):
			c.look(e, &sc, at)
			continue
		}
		switch kind {
		case "CookieManager":
			c.cookies(e, at)
		case "AuthManager":
			sc.logins = append(slices.Clone(sc.logins), c.logins(e, at)...)
		case "CacheManager":
			c.cov.Add(kind, at, format.Approximated, "every request goes out; answers are not cached")
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
		default:
			c.timer(e, &sc, at)
		}
	}
	return sc
}

// timer adds a timer's pause before each request.
func (c *converter) timer(e element, sc *scope, at string) {
	kind := e.kind()
	add := c.span(e.prop("ConstantTimer.delay"), kind, at)
	spread := millis(c.number(e.prop("RandomTimer.range"), kind, at, 0))
	outcome, how := format.Converted, ""
	switch kind {
	case "UniformRandomTimer":
		add, _ = plus(add, load.ThinkTime{Max: spread})
	case "GaussianRandomTimer":
		add, _ = plus(load.ThinkTime{Mean: add.Constant, Deviation: spread}, load.ThinkTime{})
	case "PoissonRandomTimer":
		add, _ = plus(add, load.ThinkTime{Max: 2 * spread})
		outcome, how = format.Approximated, "evenly spread around the same mean"
	case "ConstantThroughputTimer":
		c.setPace(e, at, c.number(e.prop("throughput"), kind, at, 0), 60)
		return
	case "PreciseThroughputTimer":
		c.setPace(e, at, c.number(e.prop("throughput"), kind, at, 0), c.number(e.prop("throughputPeriod"), kind, at, 3600))
		return
	}
	c.cov.Add(kind, at, outcome, how)
	sc.pauses = slices.Clone(sc.pauses)
	for i := range sc.pauses {
		if sum, exact := plus(sc.pauses[i], add); exact {
			sc.pauses[i] = sum
			return
		}
	}
	sc.pauses = append(sc.pauses, add)
}

// span is a pause in milliseconds, which may be drawn.
func (c *converter) span(text, what, at string) load.ThinkTime {
	if m := drawn().FindStringSubmatch(c.resolved(text)); m != nil {
		lo, err1 := strconv.ParseUint(m[1], 10, 31)
		hi, err2 := strconv.ParseUint(m[2], 10, 31)
		if err1 == nil && err2 == nil && lo <= hi && hi > 0 {
			return load.ThinkTime{Min: millis(float64(lo)), Max: millis(float64(hi))}
		}
	}
	return load.ThinkTime{Constant: millis(c.number(text, what, at, 0))}
}

var drawn = lazily(`^\$\{__Random\(\s*(\d{1,9})\s*,\s*(\d{1,9})\s*(?:,[^)]*)?\)\}$`)

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
