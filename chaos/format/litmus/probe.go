package litmus

import (
	"net/url"
	"strings"
	"time"

	"gameday/chaos/format"
)

var modes = map[string]string{"SOT": "before", "EOT": "after", "Edge": "edge", "Continuous": "continuous", "OnChaos": "on-fault"}

// probe is one probe of an experiment.
func (c *converter) probe(n *format.Node) {
	name, kind := format.Label(n.Of("name"), "probe"), n.Of("type")
	in := n.Get(kind + "/inputs")
	lost := func(why string) {
		n.Plain()
		c.cov.Add("probe "+kind, n.Path, format.NotConverted, why)
	}
	mode, ok := modes[n.Of("mode")]
	if !ok {
		mode = "edge"
		c.cov.Add("mode "+format.Label(n.Of("mode"), "none"), n.Path, format.NotConverted, "is not known: at both edges")
	}
	m := format.Map{{Key: "name", Value: name}}
	var what format.Map
	var why string
	switch kind {
	case "httpProbe":
		what, why = c.http(in)
	case "cmdProbe":
		what, why = c.command(in)
	case "promProbe":
		expect, bad := comparator(in.Get("comparator"), true)
		if bad != "" {
			lost(bad)
			return
		}
		in.Lost(c.cov, "credentials do not belong into an experiment", "auth", "tlsConfig")
		if in.Has("queryPath") {
			lost("its query stands in a file of the cluster: " + in.Of("queryPath"))
			return
		}
		what, why = c.prometheus(in.Of("endpoint"), in.Of("query"), expect)
	case "k8sProbe":
		what, why = c.kubectl(n, in)
	case "grpcProbe":
		what, why = c.grpc(in)
	case "sloProbe":
		n.Plain()
		c.draft.Need(c.cov, "probe sloProbe", n.Path, "harness", "the error budget of "+in.Of("sloIdentifier")+" as that platform counts it", 0, 0)
		return
	default:
		lost("its type is not known: " + format.Label(kind, "none"))
		return
	}
	if why != "" {
		lost(why)
		return
	}
	m = append(append(m, what...), format.Field{Key: "mode", Value: mode})
	m = c.properties(n.Get("runProperties"), name, m)
	c.draft.Probes = append(c.draft.Probes, m)
	outcome, word := format.Converted, ""
	if kind == "k8sProbe" {
		outcome, word = format.Approximated, "asked by kubectl, which must be there"
	}
	c.cov.Add("probe "+kind, n.Path, outcome, word)
}

// properties are how often and how patiently it is asked.
func (c *converter) properties(p *format.Node, name string, m format.Map) format.Map {
	interval, ok := c.seconds(p.Get("interval"))
	poll, ok2 := c.seconds(p.Get("probePollingInterval"))
	if ok2 && poll > 0 { // between two readings of a continuous probe; interval then is between two tries
		interval, ok = poll, true
	}
	if ok && interval > 0 {
		m = append(m, format.Field{Key: "interval", Value: min(max(interval, 100*time.Millisecond), time.Hour)})
	}
	if d, ok := c.seconds(p.Get("probeTimeout")); ok && d > 0 {
		m = append(m, format.Field{Key: "timeout", Value: min(d, time.Hour)})
	}
	for _, k := range []string{"attempt", "retry"} {
		if v, ok := p.Get(k).Number(); ok && v > 1 && v <= 1000 && m.Get("tolerate") == nil {
			m = append(m, format.Field{Key: "tolerate", Value: int(v) - 1})
		}
	}
	for _, k := range []string{"initialDelay", "initialDelaySeconds"} {
		if d, ok := c.seconds(p.Get(k)); ok && d > 0 {
			c.cov.Add(k, p.Get(k).Path, format.Approximated, "the phase after is longer by that; readings begin at once")
			c.draft.After = max(c.draft.After, min(d, time.Hour)+10*time.Second)
		}
	}
	p.Lost(c.cov, "a phase ends when its time is over", "evaluationTimeout")
	if p.Of("stopOnFailure") == "true" {
		c.draft.Abort = append(c.draft.Abort, format.Map{{Key: "probe", Value: name}})
		c.cov.Add("stopOnFailure", p.Path, format.Converted, "as an abort condition")
	}
	if v := p.Of("verbosity"); v != "" {
		c.cov.Add("verbosity", p.Path, format.Skipped, "says nothing about what is asked")
	}
	return m
}

func (c *converter) http(in *format.Node) (what format.Map, why string) {
	in.Lost(c.cov, "certificates are always verified", "insecureSkipVerify", "insecureSkipTLS")
	in.Skip(c.cov, "the probe's timeout counts", "responseTimeout")
	address := in.Of("url")
	if !format.Literal(address) {
		return nil, "its address holds ${, which gameday fills in"
	}
	request := format.Map{{Key: "url", Value: address}}
	method := in.Get("method")
	rule := method.Get("get")
	if post := method.Get("post"); post.Exists() {
		rule = post
		request = append(request, format.Field{Key: "method", Value: "POST"})
		if t := post.Of("contentType"); t != "" {
			request = append(request, format.Field{Key: "headers", Value: format.Map{{Key: "Content-Type", Value: t}}})
		}
		if post.Has("bodyPath") {
			return nil, "its body stands in a file of the cluster"
		}
		request = append(request, format.Field{Key: "body", Value: post.Of("body")})
	}
	if !rule.Exists() {
		return nil, "it has neither get nor post"
	}
	criteria := rule.Of("criteria")
	if strings.TrimSpace(rule.Of("responseBody")) != "" {
		c.cov.Add("responseBody", rule.Path, format.Converted, "")
		request = append(request, format.Field{Key: "answer", Value: format.TextHas(rule.Of("responseBody"))})
	}
	expect, why := compare(criteria, rule.Of("responseCode"), true)
	return format.Map{{Key: "http", Value: request}, {Key: "expect", Value: expect}}, why
}

func (c *converter) command(in *format.Node) (what format.Map, why string) {
	if s := in.Get("source"); s.IsMap() || s.IsText() && s.Text() != "" && s.Text() != "inline" {
		s.Plain()
		if s.IsMap() && s.Has("image") || s.IsText() {
			return nil, "it runs in an image of its own, which takes a cluster"
		}
	}
	line := in.Of("command")
	cmp := in.Get("comparator")
	kind := cmp.Of("type")
	expect, why := comparator(cmp, kind == "int" || kind == "float")
	if why != "" {
		return nil, why
	}
	measure := "stdout"
	if kind == "int" || kind == "float" {
		measure = "number" // anything but a number is an error
	}
	return format.Map{{Key: "command", Value: format.Map{{Key: "shell", Value: line}, {Key: "inherit", Value: []string{"KUBECONFIG"}}, {Key: "measure", Value: measure}}},
		{Key: "expect", Value: expect}}, ""
}

// prometheus asks a server over its HTTP interface. A query must give one value: none, several, and NaN are errors.
func (c *converter) prometheus(endpoint, query, expect string) (what format.Map, why string) {
	u, err := url.Parse(strings.TrimSpace(endpoint))
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, format.Label(endpoint, "its endpoint") + " is no address of a Prometheus such as http://prometheus:9090"
	case u.User != nil:
		return nil, "its endpoint holds a password, which does not belong into an experiment"
	case strings.TrimSpace(query) == "":
		return nil, "it has no query"
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/api/v1/query"
	u.RawQuery = "query=" + url.QueryEscape(strings.TrimSpace(query))
	return format.Map{{Key: "http", Value: format.Map{{Key: "url", Value: u.String()}, {Key: "status", Value: "= 200"}, {Key: "json", Value: "$.data.result[*].value[1]"}}},
		{Key: "expect", Value: expect}}, ""
}

// kubectl asks whether a resource is there.
func (c *converter) kubectl(n, in *format.Node) (what format.Map, why string) {
	op := in.Of("operation")
	if op != "present" && op != "absent" {
		return nil, "it would " + format.Label(op, "do something to") + " a resource of the cluster"
	}
	resource := in.Of("resource")
	if g := in.Of("group"); g != "" {
		resource += "." + in.Of("version") + "." + g
	} else {
		_ = in.Of("version")
	}
	words := []string{"kubectl", "get", resource, "--output=name", "--ignore-not-found"}
	for _, f := range []string{"namespace", "labelSelector", "fieldSelector"} {
		if v := in.Of(f); v != "" {
			words = append(words, map[string]string{"namespace": "--namespace=", "labelSelector": "--selector=", "fieldSelector": "--field-selector="}[f]+v)
		}
	}
	for _, name := range strings.Split(in.Of("resourceNames"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			words = append(words, name)
		}
	}
	for _, w := range words {
		if !format.Literal(w) || strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--") {
			return nil, "a word of it cannot be handed to kubectl"
		}
	}
	expect := `matches .`
	if op == "absent" {
		expect = `matches ^$`
	}
	n.Lost(c.cov, "nothing is made in the cluster", "data")
	return format.Map{{Key: "command", Value: format.Map{{Key: "run", Value: words}, {Key: "inherit", Value: []string{"KUBECONFIG"}}, {Key: "measure", Value: "stdout"}}},
		{Key: "expect", Value: expect}}, ""
}

// grpc asks a health service.
func (c *converter) grpc(in *format.Node) (what format.Map, why string) {
	address := in.Of("address")
	if address == "" {
		address = strings.TrimSuffix(in.Of("host")+":"+in.Of("port"), ":")
	}
	if !strings.Contains(address, ":") || !format.Literal(address) {
		return nil, "it has no address such as host:port"
	}
	return format.Map{{Key: "grpc", Value: format.Map{{Key: "address", Value: address}, {Key: "service", Value: in.Of("service")}}}, {Key: "expect", Value: "= SERVING"}}, ""
}
