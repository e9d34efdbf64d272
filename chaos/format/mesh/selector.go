package mesh

import (
	"strconv"
	"strings"

	"gameday/chaos/format"
)

// pods reads selector and mode. why is set when the selection can only be made in a cluster.
func (c *converter) pods(n *format.Node) (p format.Pods, why string) {
	sel := n.Get("selector")
	labels := sel.Get("labelSelectors").Pairs()
	for _, e := range sel.Get("expressionSelectors").Items() {
		key, op, values := e.Of("key"), e.Of("operator"), e.Get("values").Texts()
		if op == "In" && len(values) == 1 {
			labels[key] = values[0]
			c.cov.Add("expressionSelectors", e.Path, format.Converted, "")
			continue
		}
		c.cov.Add("expressionSelectors", e.Path, format.NotConverted, key+" "+op+" "+strings.Join(values, ", ")+": only one value is looked for here")
		why = "its selector has expressions"
	}
	for _, k := range []string{"fieldSelectors", "annotationSelectors", "nodeSelectors", "nodes", "podPhaseSelectors"} {
		s := sel.Get(k)
		if !s.Exists() {
			continue
		}
		s.Plain()
		if k == "podPhaseSelectors" || k == "fieldSelectors" && len(s.Keys()) == 1 && s.Has("status.phase") {
			c.cov.Add(k, s.Path, format.Skipped, "what is hit here runs")
			continue
		}
		c.cov.Add(k, s.Path, format.NotConverted, "only the cluster knows")
		why = "its selector has " + k
	}
	if s := sel.Get("namespaces"); s.Exists() {
		c.cov.Add("namespaces", s.Path, format.Skipped, "there are none here: "+strings.Join(s.Texts(), ", "))
	}
	p = format.PodsOf(labels, c.pick(n))
	pods := sel.Get("pods")
	for _, ns := range pods.Keys() {
		p.Names = append(p.Names, pods.Get(ns).Texts()...)
	}
	if len(p.Names) > 1 {
		c.cov.Add("pods", pods.Path, format.Approximated, "one name is looked for, the first")
		p.Names = p.Names[:1]
	}
	if p.Empty() && why == "" {
		why = "its selector names no pods but by their namespace"
	}
	return p, why
}

// pick is the mode.
func (c *converter) pick(n *format.Node) string {
	mode, value := n.Of("mode"), n.Get("value")
	number, err := strconv.Atoi(strings.TrimSpace(value.Text()))
	ok := err == nil && number > 0
	switch mode {
	case "all", "":
		return ""
	case "one":
		return "one"
	case "fixed":
		if ok {
			return strconv.Itoa(number)
		}
	case "fixed-percent":
		if ok && number <= 100 {
			return strconv.Itoa(number) + "%"
		}
	case "random-max-percent":
		if ok && number <= 100 {
			c.cov.Add("mode random-max-percent", n.Get("mode").Path, format.Approximated, "a share is drawn up to the given one; here it is the given one")
			return strconv.Itoa(number) + "%"
		}
	}
	c.cov.Add("mode "+format.Label(mode, "none"), n.Path, format.NotConverted, "with the value "+format.Label(value.Text(), "that is not given")+" it is not understood: one is hit")
	return "one"
}
