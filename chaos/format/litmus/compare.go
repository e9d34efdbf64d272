package litmus

import (
	"strings"

	"gameday/chaos/format"
)

// comparator is what a value must be.
func comparator(n *format.Node, numeric bool) (expect, why string) {
	if !n.Exists() {
		return "", "it has no comparator"
	}
	if t := n.Of("type"); t == "int" || t == "float" {
		numeric = true
	}
	return compare(n.Of("criteria"), n.Of("value"), numeric)
}

// compare brings a criterion of Litmus into gameday's form; why is set when it cannot be.
func compare(criteria, value string, numeric bool) (expect, why string) {
	criteria, value = strings.TrimSpace(criteria), strings.TrimSpace(value)
	list := strings.Split(strings.Trim(value, "[]"), ",")
	for i := range list {
		list[i] = strings.Trim(strings.TrimSpace(list[i]), `"'`)
	}
	if numeric {
		expect, why = compareNumbers(criteria, value, list)
	} else {
		expect, why = compareTexts(criteria, value, list)
	}
	if why != "" {
		return "", why
	}
	if _, err := format.Checked(expect); err != nil {
		return "", err.Error()
	}
	return expect, ""
}

func compareNumbers(criteria, value string, list []string) (expect, why string) {
	for _, v := range list {
		if _, ok := format.ParseNumber(v); !ok {
			return "", format.Label(v, "its value") + " is no number to compare with"
		}
	}
	switch criteria {
	case "==", "equal", "Equal":
		return "= " + value, ""
	case "!=", "notEqual", "NotEqual":
		return "!= " + value, ""
	case "<", "<=", ">", ">=":
		return criteria + " " + value, ""
	case "oneOf", "OneOf":
		return "one of " + strings.Join(list, ", "), ""
	case "between", "Between":
		if len(list) == 2 {
			lo, _ := format.ParseNumber(list[0]) // both were read above
			hi, _ := format.ParseNumber(list[1])
			return format.Range(lo, hi), ""
		}
	}
	return "", "its criterion is not known: " + format.Label(criteria, "none")
}

func compareTexts(criteria, value string, list []string) (expect, why string) {
	switch criteria {
	case "equal", "Equal", "==":
		return format.TextIs(value), ""
	case "contains", "Contains":
		return format.TextHas(value), ""
	case "matches", "Matches":
		return "matches " + value, ""
	case "oneOf", "OneOf":
		return "one of " + strings.Join(list, ", "), ""
	case "notEqual", "NotEqual", "!=":
		if is := format.TextIs(value); strings.HasPrefix(is, "= ") {
			return "!" + is, ""
		}
		return "", "that a text is not " + format.Label(value, "empty") + " cannot be expected"
	case "notContains", "NotContains", "notMatches", "NotMatches":
		return "", "that a text does not contain or match something cannot be expected; turn the command round"
	}
	return "", "its criterion is not known: " + format.Label(criteria, "none")
}

// monitor is the list of Prometheus servers with named queries that older guides put into an engine. A query without a
// limit must stay near what it was before.
func (c *converter) monitor(n *format.Node) {
	if n.IsText() { // the switch of the same name
		c.cov.Add("monitor", n.Path, format.Skipped, "says nothing about what is done")
		return
	}
	servers := n.Items()
	if n.IsMap() {
		servers = []*format.Node{n}
	}
	for _, s := range servers {
		address := ""
		for _, k := range []string{"url", "endpoint", "prometheus", "address"} {
			if v := s.Of(k); v != "" {
				address = v
			}
		}
		_ = s.Of("name")
		if t := s.Of("type"); t != "" && !strings.EqualFold(t, "prometheus") {
			s.Plain()
			c.cov.Add("monitor", s.Path, format.NotConverted, format.Label(t, "")+" is no Prometheus")
			continue
		}
		queries := s.Get("queries")
		if !queries.Exists() {
			queries = s.Get("metrics")
		}
		for _, k := range queries.Keys() {
			if q := queries.Get(k); q.IsText() {
				c.query(q, k, address, q.Text())
			} else {
				c.query(q, k, address, "")
			}
		}
		for _, q := range queries.Items() {
			c.query(q, q.Of("name"), address, "")
		}
	}
}

func (c *converter) query(n *format.Node, name, address, query string) {
	for _, k := range []string{"query", "expr", "promql"} {
		if v := n.Of(k); v != "" {
			query = v
		}
	}
	expect, why := "baseline ± 20%", ""
	switch cmp := n.Get("comparator"); {
	case cmp.Exists():
		expect, why = comparator(cmp, true)
	case n.Of("criteria") != "":
		expect, why = compare(n.Of("criteria"), n.Of("value"), true)
	case n.Of("threshold") != "":
		if _, ok := n.Get("threshold").Number(); ok {
			expect = "<= " + n.Of("threshold")
			c.cov.Add("threshold", n.Path, format.Approximated, "it is not said on which side of it: at most that")
		} else {
			var err error
			if expect, err = format.Checked(n.Of("threshold")); err != nil {
				why = err.Error()
			}
		}
	default:
		c.cov.Add("monitor query", n.Path, format.Approximated, "it has no limit: at most 20 % from what it was before")
	}
	if why == "" {
		var what format.Map
		if what, why = c.prometheus(address, query, expect); why == "" {
			c.draft.Probes = append(c.draft.Probes, append(format.Map{{Key: "name", Value: format.Label(name, "query")}}, what...))
			c.cov.Add("monitor query", n.Path, format.Converted, "")
			return
		}
	}
	c.cov.Add("monitor query", n.Path, format.NotConverted, why)
}
