package mesh

import (
	"regexp"
	"strings"

	"gameday/chaos/format"
)

// network is a NetworkChaos. What can be done on the links that gameday carries is done there.
func (f *fault) network() (format.Map, bool) {
	p, why := f.pods(f.spec)
	s, action := f.spec, f.spec.Of("action")
	if why != "" {
		return f.needs("kubernetes", why)
	}
	s.Lost(f.cov, "links have no network device", "device", "targetDevice")
	target, direction, ok := f.path(p)
	if !ok {
		return f.needs("kubernetes", "between pods that only the cluster knows")
	}
	var steps []format.Map
	add := func(kind string, target, args format.Map, title, why string) {
		if st, ok := f.step(kind, target, args, p.String()+": "+title, why); ok {
			steps = append(steps, st)
		}
	}
	if action == "partition" {
		add("network.partition", target, nil, "cut off", "the links that gameday carries, both ways")
	}
	for _, part := range []string{"delay", "loss", "duplicate", "corrupt", "bandwidth", "rate"} {
		n := s.Get(part)
		if !n.Exists() {
			continue
		}
		if action != part && action != "netem" {
			n.Plain()
			f.cov.Add(part, n.Path, format.Skipped, "the action is "+format.Label(action, "none"))
			continue
		}
		f.correlation(n)
		f.part(part, n, p, target, direction, add)
	}
	return f.together(steps, "its action is not understood: "+format.Label(action, "none"))
}

// part is one thing that is done to packets.
func (f *fault) part(part string, n *format.Node, p format.Pods, target format.Map, direction string, add adder) {
	way := format.Field{Key: "direction", Value: direction}
	share, ok := "", false
	if part == "loss" || part == "duplicate" || part == "corrupt" {
		if share, ok = f.percent(n.Get(part)); !ok {
			return
		}
	}
	switch part {
	case "delay":
		f.delay(n, target, way, add)
	case "loss":
		add("process.loss", p.Processes(), format.Map{{Key: "loss", Value: share}}, "loses "+share, "what arrives at the process, by its port")
	case "duplicate":
		add("network.duplicate", target, format.Map{{Key: "rate", Value: share}, way}, "doubles "+share, "on udp links; TCP hides duplicates from applications")
	case "corrupt":
		add("network.corrupt", target, format.Map{{Key: "rate", Value: share}, way}, "corrupts "+share, "a share of the bytes instead of the packets: TCP would throw those away")
	default:
		n.Skip(f.cov, "a link has no queue to be set", "limit", "buffer", "peakrate", "minburst")
		if rate, ok := rateOf(n.Of("rate")); ok {
			add("network.bandwidth", target, format.Map{{Key: "rate", Value: rate}, way}, rate, "")
			return
		}
		f.cov.Add("rate", n.Path, format.NotConverted, format.Label(n.Of("rate"), "nothing")+" is no rate such as 1mbps")
	}
}

// correlation is netem's: each packet depends on the one before.
func (f *fault) correlation(n *format.Node) {
	c := n.Get("correlation")
	if v, ok := c.Number(); c.Exists() && (!ok || v != 0) {
		f.cov.Add("correlation", c.Path, format.NotConverted, "each is drawn anew here")
	}
}

func (f *fault) delay(n *format.Node, target format.Map, way format.Field, add adder) {
	late, ok := f.time(n.Get("latency"))
	if !ok {
		return
	}
	args := format.Map{{Key: "latency", Value: late}}
	if jitter, ok := f.time(n.Get("jitter")); ok && jitter > 0 {
		args = append(args, format.Field{Key: "jitter", Value: jitter})
	}
	n.Lost(f.cov, "bytes on a link keep their order", "reorder")
	add("network.latency", target, append(args, way), "+"+late.String(), "connecting is not late, what is sent is")
}

var otherWay = map[string]string{"response": "request", "request": "response", "both": "both"}

// path is the links that are meant, and which way on them. Without a target, what the pods send is hit: the answers on
// the links that lead to them.
func (f *fault) path(p format.Pods) (target format.Map, direction string, ok bool) {
	s := f.spec
	way := s.Of("direction")
	direction = map[string]string{"to": "response", "": "response", "from": "request", "both": "both"}[way]
	if direction == "" {
		f.cov.Add("direction "+format.Label(way, ""), s.Get("direction").Path, format.NotConverted, "is not known: both ways")
		direction = "both"
	}
	outside, other := s.Get("externalTargets"), s.Get("target")
	switch {
	case other.Exists():
		q, why := f.pods(other)
		if why != "" {
			return nil, "", false
		}
		// Between the two, the link leads to the target: what the pods send there are requests.
		return p.LinkFrom(q.Link()), otherWay[direction], true
	case len(outside.Texts()) > 0:
		f.cov.Add("externalTargets", outside.Path, format.Approximated, "the link that has the name of the first of them")
		return p.LinkFrom(outside.Texts()[0]), otherWay[direction], true
	}
	f.cov.Add("direction", s.Path, format.Approximated, "on the links that lead to the pods; their own calls to others are not hit")
	return p.Links(), direction, true
}

var rated = regexp.MustCompile(`^(\d+(?:\.\d+)?)\s*([kmgt]?)(bps|bit)$`)

// rateOf brings a rate of tc, in which bps are bytes, into gameday's form.
func rateOf(s string) (string, bool) {
	m := rated.FindStringSubmatch(strings.ToLower(strings.TrimSpace(s)))
	if m == nil {
		return "", false
	}
	v, _ := format.ParseNumber(m[1]) // the pattern has made sure
	unit := m[2]
	if unit == "t" {
		v, unit = v*1000, "g"
	}
	out := format.Decimal(v) + map[string]string{"": "", "k": "k", "m": "M", "g": "G"}[unit]
	if m[3] == "bit" {
		return out + "bit/s", v > 0
	}
	return out + "B/s", v > 0
}
