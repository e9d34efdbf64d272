package mesh

import (
	"strings"
	"time"

	"gameday/chaos/format"
)

// statusCheck becomes a probe; ok is false when it cannot.
func (c *converter) statusCheck(n *format.Node, name, mode string) (ok bool) {
	n.Skip(c.cov, "belongs to the cluster", "recordsHistoryLimit", "duration")
	if kind := n.Of("type"); kind != "" && kind != "HTTP" {
		n.Plain()
		c.cov.Add("StatusCheck", n.Path, format.NotConverted, "its type is "+format.Label(kind, "")+", not HTTP")
		return false
	}
	h := n.Get("http")
	request := format.Map{{Key: "url", Value: h.Of("url")}}
	if method := strings.ToUpper(h.Of("method")); method != "" && method != "GET" {
		request = append(request, format.Field{Key: "method", Value: method})
	}
	headers := map[string]string{}
	for _, k := range h.Get("headers").Keys() {
		headers[k] = strings.Join(h.Get("headers").Get(k).Texts(), ", ")
	}
	request = append(request, format.Field{Key: "headers", Value: format.MapOf(headers)}, format.Field{Key: "body", Value: h.Of("body")})
	expect, ok := codes(h.Get("criteria").Of("statusCode"))
	if !ok || !format.Literal(h.Of("url")) {
		c.cov.Add("StatusCheck", n.Path, format.NotConverted, "its status code is no number or range, or its address holds a variable")
		return false
	}
	if n.Of("mode") == "Continuous" {
		mode = "continuous"
	}
	m := format.Map{{Key: "name", Value: format.Label(name, "status")}, {Key: "http", Value: request}, {Key: "expect", Value: expect}, {Key: "mode", Value: mode}}
	for _, k := range [][2]string{{"interval", "intervalSeconds"}, {"timeout", "timeoutSeconds"}} {
		if v, ok := n.Get(k[1]).Number(); ok && v >= 1 && v <= 3600 {
			m = append(m, format.Field{Key: k[0], Value: time.Duration(v) * time.Second})
		}
	}
	if v, ok := n.Get("failureThreshold").Number(); ok && v > 1 && v <= 1000 {
		m = append(m, format.Field{Key: "tolerate", Value: int(v) - 1})
	}
	if v, ok := n.Get("successThreshold").Number(); ok && v > 1 {
		c.cov.Add("successThreshold", n.Path, format.NotConverted, "one good reading is good")
	}
	c.draft.Probes = append(c.draft.Probes, m)
	c.cov.Add("StatusCheck", n.Path, format.Converted, "")
	return true
}

// codes reads "200" or "200-299".
func codes(s string) (expect string, ok bool) {
	lo, hi, ranged := strings.Cut(strings.TrimSpace(s), "-")
	a, ok := format.ParseNumber(lo)
	if !ranged {
		return "= " + format.Decimal(a), ok
	}
	b, ok2 := format.ParseNumber(hi)
	return format.Range(a, b), ok && ok2 && a <= b
}
