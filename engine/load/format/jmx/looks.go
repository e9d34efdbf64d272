package jmx

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gameday/engine/load"
	"gameday/engine/load/answer"
	"gameday/engine/load/format"
)

// look converts what looks at answers: assertions and extractors. They count for the samplers beside and below them.
func (c *converter) look(e element, sc *scope, at string) {
	if s := e.prop("Assertion.scope") + e.prop("Sample.scope"); s == "variable" {
		c.cov.Add(e.kind(), at, format.NotConverted, "a look into a variable cannot be said, only into an answer")
		return
	}
	why := ""
	switch e.kind() {
	case "ResponseAssertion":
		why = c.assertion(e, sc, at)
	case "DurationAssertion":
		sc.within = millis(c.number(e.prop("DurationAssertion.duration"), e.kind(), at, 0))
	case "SizeAssertion":
		why = c.size(e, sc, at)
	case "JSONPathAssertion":
		why = c.jsonAssertion(e, sc)
	case "XPathAssertion", "XPath2Assertion":
		path := e.prop("XPath.xpath") + e.prop("XPath2.xpath")
		yes := "true"
		why = sc.check(answer.Check{Name: name(e), Source: answer.Source{XPath: "boolean(" + c.resolved(path) + ")"}, Equals: &yes,
			Not: e.flag("XPath.negate") || e.flag("XPath2.negate")})
	case "RegexExtractor":
		why = c.regexExtractor(e, sc, at)
	case "BoundaryExtractor":
		expr := "(?s)" + regexp.QuoteMeta(c.resolved(e.prop("BoundaryExtractor.lboundary"))) + "(.*?)" + regexp.QuoteMeta(c.resolved(e.prop("BoundaryExtractor.rboundary")))
		source, bad := regexSource(e.prop("BoundaryExtractor.useHeaders"), expr)
		if why = bad; why == "" {
			why = c.extract(sc, e.prop("BoundaryExtractor.refname"), source, e.prop("BoundaryExtractor.match_number"),
				e.prop("BoundaryExtractor.default"), e.flag("BoundaryExtractor.default_empty_value"), at, e.kind())
		}
	case "JSONPostProcessor":
		why = c.jsonExtractor(e, sc, at)
	case "XPathExtractor", "XPath2Extractor":
		p := "XPathExtractor."
		if e.kind() == "XPath2Extractor" {
			p = "XPathExtractor2."
		}
		why = c.extract(sc, e.prop(p+"refname"), answer.Source{XPath: c.resolved(e.prop(p + "xpathQuery"))}, orDefault(e.prop(p+"matchNumber"), "1"),
			e.prop(p+"default"), false, at, e.kind())
	}
	if why != "" {
		c.cov.Add(e.kind(), at, format.NotConverted, why)
		return
	}
	c.cov.Add(e.kind(), at, format.Converted, "")
}

func name(e element) string {
	if t := e.attrs["testname"]; t != "" {
		return format.Label(t, "")
	}
	return ""
}

const onlyInTheRun = "what it looks for is only known while it runs"

// check adds a condition; why is the reason that it cannot be one.
func (sc *scope) check(one answer.Check) (why string) {
	for _, text := range []string{one.JSON, one.XPath, one.Head, one.Contains, one.Matches, pointed(one.Equals)} {
		if strings.Contains(text, "${") {
			return onlyInTheRun
		}
	}
	if _, err := one.Compile(); err != nil {
		return err.Error()
	}
	sc.checks = append(slices.Clip(sc.checks), one)
	return ""
}

func pointed(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// The bits of a response assertion's type.
const (
	typeMatch  = 1
	typeNot    = 4
	typeEquals = 8
	typeSub    = 16
	typeOr     = 32
)

// assertion is a response assertion.
func (c *converter) assertion(e element, sc *scope, at string) (why string) {
	kind := int(c.number(e.prop("Assertion.test_type"), e.kind(), at, 2))
	list := e.collection("Asserion.test_strings") // spelt like this in JMeter
	if len(list) == 0 {
		list = e.collection("Assertion.test_strings")
	}
	var texts []string
	for _, t := range list {
		texts = append(texts, c.resolved(t.text))
	}
	field := strings.TrimPrefix(e.prop("Assertion.test_field"), "Assertion.")
	if e.flag("Assertion.assume_success") && len(sc.status) == 0 {
		sc.status = []string{"1xx", "2xx", "3xx", "4xx", "5xx"}
	}
	var source answer.Source
	switch field {
	case "response_code":
		return c.statuses(texts, kind&typeNot != 0, sc)
	case "response_data", "": // the body
	case "response_headers":
		source.Head = `(?s)^.*$`
	default:
		return "the body, the headers and the status can be looked at, not " + format.Label(field, "this")
	}
	one := func(texts ...string) string {
		check := answer.Check{Name: name(e), Source: source, Not: kind&typeNot != 0}
		switch {
		case len(texts) == 1 && kind&typeEquals != 0:
			check.Equals = &texts[0]
		case len(texts) == 1 && kind&typeSub != 0:
			check.Contains = texts[0]
		default:
			check.Matches = pattern(kind, texts)
		}
		return sc.check(check)
	}
	if kind&typeOr != 0 && len(texts) > 1 {
		return one(texts...)
	}
	for _, text := range texts {
		if text == "" && kind&(typeEquals|typeMatch) == 0 {
			continue // is in every answer
		}
		if why := one(text); why != "" {
			return why
		}
	}
	return ""
}

// pattern is texts of an assertion as one regular expression: any of them.
func pattern(kind int, texts []string) string {
	var alternatives []string
	for _, t := range texts {
		if kind&(typeEquals|typeSub) != 0 {
			t = regexp.QuoteMeta(t)
		}
		alternatives = append(alternatives, "(?:"+t+")")
	}
	all := strings.Join(alternatives, "|")
	if kind&(typeEquals|typeMatch) != 0 {
		return "^(?:" + all + ")$"
	}
	return all
}

var (
	oneStatus   = lazily(`^\^?([1-5][0-9][0-9])\$?$`)
	statusClass = lazily(`^\^?([1-5])(?:\\d\\d|\\d\{2\}|\.\.|\.\*|\.\+|\\d\+|\[0-9\]\[0-9\]|\[0-9\]\{2\})?\$?$`)
)

// statuses takes a response assertion on the status over.
func (c *converter) statuses(texts []string, not bool, sc *scope) (why string) {
	var set []string
	for _, t := range texts {
		for _, word := range strings.Split(strings.Trim(t, "()"), "|") {
			word = strings.TrimSpace(word)
			if m := oneStatus().FindStringSubmatch(word); m != nil {
				set = append(set, m[1])
			} else if m := statusClass().FindStringSubmatch(word); m != nil {
				set = append(set, m[1]+"xx")
			} else {
				return "the pattern is no status and no class of statuses"
			}
		}
	}
	if not {
		set = others(set)
	}
	if len(set) > 0 {
		sc.status = set
	}
	return ""
}

// others are all statuses but these.
func others(set []string) (out []string) {
	for class := 1; class <= 5; class++ {
		if slices.Contains(set, fmt.Sprintf("%dxx", class)) {
			continue
		}
		whole := !slices.ContainsFunc(set, func(s string) bool { return int(s[0]-'0') == class })
		if whole {
			out = append(out, fmt.Sprintf("%dxx", class))
			continue
		}
		for n := class * 100; n < class*100+100; n++ {
			if s := strconv.Itoa(n); !slices.Contains(set, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// size is a size assertion on the body.
func (c *converter) size(e element, sc *scope, at string) string {
	field := strings.TrimPrefix(e.prop("Assertion.test_field"), "SizeAssertion.")
	switch field {
	case "response_network_size", "":
		c.cov.Add(e.kind(), at, format.Approximated, "the size of the body, without the headers")
	case "response_data":
	default:
		return "only the body's size is looked at"
	}
	n := int64(c.number(e.prop("SizeAssertion.size"), e.kind(), at, 0))
	switch e.prop("SizeAssertion.operator") {
	case "", "1":
		sc.minSize, sc.maxSize = n, n
		if n == 0 {
			empty := ""
			return sc.check(answer.Check{Equals: &empty})
		}
	case "3":
		sc.minSize = n + 1
	case "4":
		sc.maxSize = n - 1
	case "5":
		sc.minSize = n
	case "6":
		sc.maxSize = n
	default:
		return "a size that must not be cannot be said"
	}
	return ""
}

func (c *converter) jsonAssertion(e element, sc *scope) string {
	one := answer.Check{Name: name(e), Source: answer.Source{JSON: c.resolved(e.prop("JSON_PATH"))}, Not: e.flag("INVERT")}
	want := c.resolved(e.prop("EXPECTED_VALUE"))
	switch {
	case e.flag("EXPECT_NULL"):
		null := "null"
		one.Equals = &null
	case !e.flag("JSONVALIDATION"):
		there := true
		one.Exists = &there
	case e.prop("ISREGEX") == "false":
		one.Equals = &want
	default:
		one.Matches = "^(?:" + want + ")$"
	}
	return sc.check(one)
}

// extract adds a variable that is taken out of answers; why is the reason that it cannot be.
func (c *converter) extract(sc *scope, variable string, source answer.Source, match, fallback string, emptyDefault bool, at, kind string) (why string) {
	to, ok := c.setsLive(c.resolved(variable))
	if !ok {
		return "the variable has no plain name"
	}
	one := load.Extract{Name: to, Source: source}
	if strings.Contains(source.JSON+source.XPath+source.Regex+source.Head, "${") {
		return onlyInTheRun
	}
	if _, err := source.Compile(); err != nil {
		return err.Error()
	}
	switch match = c.resolved(match); match {
	case "", "1":
	case "0":
		c.cov.Add(kind, at, format.Approximated, "the first match instead of one at random")
	case "2":
		one.Which = "second"
	case "3":
		one.Which = "third"
	default:
		return "match number " + format.Label(match, "none") + ": only one of the first three can be taken"
	}
	if fallback = c.resolved(fallback); fallback != "" || emptyDefault {
		one.Default = &fallback
	}
	sc.extracts = append(slices.Clip(sc.extracts), one)
	return ""
}

// regexSource is a regular expression on the part of the answer that an extractor names.
func regexSource(field, expr string) (source answer.Source, why string) {
	switch field {
	case "", "false", "unescaped", "as_document":
		source.Regex = expr
		if field != "" && field != "false" {
			return source, "only the body as it is and the headers can be looked at"
		}
	case "true":
		source.Head = expr
	default:
		return source, "only the body and the headers can be looked at, not " + format.Label(field, "this")
	}
	return source, ""
}

var templateGroup = lazily(`^\$([0-9])\$$`)

func (c *converter) regexExtractor(e element, sc *scope, at string) string {
	m := templateGroup().FindStringSubmatch(strings.TrimSpace(orDefault(e.prop("RegexExtractor.template"), "$1$")))
	if m == nil {
		return "only one group can be taken, not the template " + format.Label(e.prop("RegexExtractor.template"), "none")
	}
	group, _ := strconv.Atoi(m[1]) // is a digit
	source, why := regexSource(e.prop("RegexExtractor.useHeaders"), onlyGroup(c.resolved(e.prop("RegexExtractor.regex")), group))
	if why != "" {
		return why
	}
	return c.extract(sc, e.prop("RegexExtractor.refname"), source, e.prop("RegexExtractor.match_number"),
		e.prop("RegexExtractor.default"), e.flag("RegexExtractor.default_empty_value"), at, e.kind())
}

// onlyGroup makes all groups of a regular expression but one take nothing; 0 leaves none.
func onlyGroup(expr string, keep int) string {
	var b strings.Builder
	n, class := 0, false
	for i := 0; i < len(expr); i++ {
		ch := expr[i]
		b.WriteByte(ch)
		switch {
		case ch == '\\' && i+1 < len(expr):
			i++
			b.WriteByte(expr[i])
		case class:
			class = ch != ']'
		case ch == '[':
			class = true
		case ch == '(' && !strings.HasPrefix(expr[i+1:], "?"):
			if n++; n != keep {
				b.WriteString("?:")
			}
		}
	}
	return b.String()
}

// jsonExtractor takes several variables, whose fields are parted by semicolons.
func (c *converter) jsonExtractor(e element, sc *scope, at string) string {
	part := func(prop string) []string { return strings.Split(e.prop("JSONPostProcessor."+prop), ";") }
	names, paths, matches, defaults := part("referenceNames"), part("jsonPathExprs"), part("match_numbers"), part("defaultValues")
	nth := func(list []string, i int) string {
		if i < len(list) {
			return strings.TrimSpace(list[i])
		}
		return ""
	}
	if len(names) != len(paths) {
		return fmt.Sprintf("%d names for %d paths", len(names), len(paths))
	}
	for i := range names {
		if why := c.extract(sc, names[i], answer.Source{JSON: c.resolved(paths[i])}, nth(matches, i), nth(defaults, i), false, at, e.kind()); why != "" {
			return why
		}
	}
	return ""
}
