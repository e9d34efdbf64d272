package jmx

import (
	"fmt"
	"slices"
	"strings"

	"gameday/engine/load"
	"gameday/engine/load/feed"
	"gameday/engine/load/format"
	"gameday/engine/load/template"
)

// live notes that a variable of the plan gets its values while the load runs, and returns what it is called in the plan.
func (c *converter) setsLive(name string) (string, bool) {
	name = strings.TrimSpace(name)
	if !plainName().MatchString(name) {
		return "", false
	}
	if c.live == nil {
		c.live = map[string]string{}
	}
	to, known := c.live[name]
	if !known {
		for to = name; slices.Contains(template.Functions, to); {
			to += "_" // {{user}} is a value of its own
		}
		c.live[name] = to
	}
	return to, true
}

// data converts elements that give variables their values. They count for the plan or the thread group they stand in.
func (c *converter) data(e element, sc *scope, at string) {
	switch e.kind() {
	case "CSVDataSet":
		c.csv(e, *sc, at)
	case "CounterConfig":
		c.counter(e, *sc, at)
	case "RandomVariableConfig":
		low, high := c.resolved(orDefault(e.prop("minimumValue"), "1")), c.resolved(e.prop("maximumValue"))
		name, ok := c.setsLive(e.prop("variableName"))
		value := "{{random " + low + " " + high + "}}"
		if _, err := template.Compile(value, nil); err != nil || !ok || !wholeNum().MatchString(low) || !wholeNum().MatchString(high) {
			c.cov.Add(e.kind(), at, format.NotConverted, "its bounds or its name are not known before the run")
			return
		}
		c.setup = append(c.setup, format.Pair{Name: name, Value: c.formatted(e, e.prop("outputFormat"), value, at)})
	case "UserParameters":
		c.userParameters(e, at)
	}
}

// csv is a data set.
func (c *converter) csv(e element, sc scope, at string) {
	f := feed.Config{File: c.text(e.prop("filename"), at), AtEnd: "restart"}
	if f.File == "" {
		c.cov.Add(e.kind(), at, format.NotConverted, "it names no file")
		return
	}
	if c.hasLive(f.File) {
		c.cov.Add(e.kind(), at, format.NotConverted, "its file is only known while it runs")
		return
	}
	how := ""
	note := func(s string) { how = strings.TrimPrefix(how+"; "+s, "; ") }
	if d := c.resolved(e.prop("delimiter")); d != "" && d != "," {
		f.Delimiter = strings.ReplaceAll(d, `\t`, "tab")
		if d == "\t" {
			f.Delimiter = "tab"
		}
	}
	if e.prop("delimiter") == "\t" {
		f.Delimiter = "tab"
	}
	f.Plain = e.prop("quotedData") != "true"
	if names := strings.TrimSpace(c.resolved(e.prop("variableNames"))); names != "" {
		for _, name := range strings.Split(names, ",") {
			to, ok := c.setsLive(name)
			if !ok {
				c.cov.Add(e.kind(), at, format.NotConverted, "the name of a column is no plain name")
				return
			}
			f.Columns = append(f.Columns, to)
		}
		f.SkipFirst = e.flag("ignoreFirstLine")
	} else {
		c.anyLive = true // the names stand in the file, which is not opened
	}
	if e.prop("recycle") == "false" {
		f.AtEnd = "stop"
		if !e.flag("stopThread") {
			note("after the last row no more iterations are begun, where JMeter sends <EOF>")
		}
	}
	if c.endless {
		f.Per = "user" // the iteration in which it stands never ends
	}
	if c.several > 1 && strings.Count(at, "/") == 1 {
		note("each thread group takes all rows, and no other part of them")
	}
	if mode := e.prop("shareMode"); strings.HasSuffix(mode, "thread") {
		note("users share the rows, where JMeter has each of them begin at the first")
	}
	if sc.loops > 0 {
		note("a new row for each iteration, not for each round of the loop around it")
	}
	if enc := strings.ToLower(c.resolved(e.prop("fileEncoding"))); enc != "" && enc != "utf-8" && enc != "us-ascii" {
		note("the file is read as UTF-8")
	}
	c.addFeed(f, e.kind(), at, how)
}

// addFeed adds a feed unless it would give a variable twice.
func (c *converter) addFeed(f feed.Config, kind, at, how string) {
	for _, name := range f.Columns {
		for _, other := range c.draft.Feeds {
			if slices.Contains(other.Columns, name) {
				c.cov.Add(kind, at, format.NotConverted, "another data set gives the variable "+name+" already")
				return
			}
		}
	}
	for _, name := range sortedNames(f.Rows) {
		for _, other := range c.draft.Feeds {
			if slices.Contains(other.Columns, name) || slices.Contains(sortedNames(other.Rows), name) {
				c.cov.Add(kind, at, format.NotConverted, "another data set gives the variable "+name+" already")
				return
			}
		}
	}
	outcome := format.Converted
	if how != "" {
		outcome = format.Approximated
	}
	c.cov.Add(kind, at, outcome, how)
	c.draft.Feeds = append(c.draft.Feeds, f)
}

func sortedNames(rows []feed.Row) (out []string) {
	if len(rows) == 0 {
		return nil
	}
	for name := range rows[0] {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// counter counts iterations.
func (c *converter) counter(e element, sc scope, at string) {
	name, ok := c.setsLive(e.prop("CounterConfig.name"))
	num := func(prop string, otherwise float64) int64 {
		return int64(c.number(e.prop(prop), e.kind(), at, otherwise))
	}
	value := fmt.Sprintf("{{count %d %d", num("CounterConfig.start", 0), num("CounterConfig.incr", 1))
	if e.prop("CounterConfig.end") != "" {
		value += fmt.Sprintf(" %d", num("CounterConfig.end", 0))
	}
	value += "}}"
	if _, err := template.Compile(value, nil); err != nil || !ok {
		c.cov.Add(e.kind(), at, format.NotConverted, "it does not count upwards, or has no plain name")
		return
	}
	switch {
	case e.flag("CounterConfig.per_user"):
		c.cov.Add(e.kind(), at, format.Approximated, "one count for all users together")
	case sc.loops > 0:
		c.cov.Add(e.kind(), at, format.Approximated, "counts iterations, not the rounds of the loop around it")
	}
	c.setup = append(c.setup, format.Pair{Name: name, Value: c.formatted(e, e.prop("CounterConfig.format"), value, at)})
}

// formatted is a number in a DecimalFormat of Java, as far as that is a text before and behind it.
func (c *converter) formatted(e element, pattern, value, at string) string {
	pattern = strings.TrimSpace(pattern)
	digits := strings.Trim(strings.TrimLeft(pattern, "0#"), "'")
	switch {
	case pattern == "" || pattern == "0" || pattern == "#":
		c.cov.Add(e.kind(), at, format.Converted, "")
		return value
	case strings.Count(pattern, "0") <= 1 && !strings.ContainsAny(digits, ",.%E;"):
		before, after, _ := strings.Cut(strings.ReplaceAll(strings.ReplaceAll(pattern, "#", ""), "'", ""), "0")
		c.cov.Add(e.kind(), at, format.Converted, "")
		return format.Literal(before) + value + format.Literal(after)
	}
	c.cov.Add(e.kind(), at, format.Approximated, "without the zeros and separators of its format")
	return value
}

// userParameters are rows for users: the first user has the first.
func (c *converter) userParameters(e element, at string) {
	var names []string
	for _, n := range e.collection("UserParameters.names") {
		to, ok := c.setsLive(n.text)
		if !ok {
			c.cov.Add(e.kind(), at, format.NotConverted, "the name of a parameter is no plain name")
			return
		}
		names = append(names, to)
	}
	f := feed.Config{Per: "user"}
	for _, user := range e.collection("UserParameters.thread_values") {
		row := feed.Row{}
		for i, name := range names {
			row[name] = ""
			if i < len(user.kids) {
				row[name] = c.resolved(user.kids[i].text)
			}
		}
		if len(row) > 0 && len(f.Rows) < maxRows {
			f.Rows = append(f.Rows, row)
		}
	}
	if len(f.Rows) == 0 {
		c.cov.Add(e.kind(), at, format.NotConverted, "it gives no user a value")
		return
	}
	c.addFeed(f, e.kind(), at, "")
}

// hasLive reports whether a text in the plan's notation holds a value of the run.
func (c *converter) hasLive(text string) bool { return strings.Contains(text, "{{") }

// setSteps are the steps that begin an iteration: variables that have a value at first, and those that are made anew.
func (c *converter) setSteps() (out []format.Step) {
	var first []format.Pair
	for _, name := range sortedKeys(c.live) {
		if raw, given := c.vars[name]; given && !c.fed(c.live[name]) && !c.inSetup(c.live[name]) {
			first = append(first, format.Pair{Name: c.live[name], Value: c.text(raw, "variables")})
		}
	}
	out = c.made()
	if len(first) > 0 {
		out = within(format.Block{Kind: "once"}, append(out, block(format.Block{Kind: "set", Set: first})))
	}
	if len(c.setup) > 0 {
		out = append(out, block(format.Block{Kind: "set", Set: c.setup}))
	}
	return out
}

func (c *converter) fed(name string) bool {
	return slices.ContainsFunc(c.draft.Feeds, func(f feed.Config) bool {
		return slices.Contains(f.Columns, name) || slices.Contains(sortedNames(f.Rows), name)
	})
}

func (c *converter) inSetup(name string) bool {
	return slices.ContainsFunc(c.setup, func(p format.Pair) bool { return p.Name == name })
}

func sortedKeys(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// cookies is the cookie manager: it counts for the whole plan.
func (c *converter) cookies(e element, at string) {
	c.draft.Cookies = load.CookiesPerUser
	if e.flag("CookieManager.clearEachIteration") {
		c.draft.Cookies = load.CookiesPerIteration
	}
	if n := len(e.collection("CookieManager.cookies")); n > 0 {
		c.cov.Add("cookies of a CookieManager", at, format.NotConverted, "cookies that no answer has set cannot be said; give them as a Cookie header")
	}
	if e.flag("CookieManager.controlledByThreadGroup") {
		c.cov.Add(e.kind(), at, format.Approximated, "kept as the cookie manager says, not as the thread group does")
		return
	}
	c.cov.Add(e.kind(), at, format.Converted, "")
}
