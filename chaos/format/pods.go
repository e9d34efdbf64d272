package format

import (
	"slices"
	"strings"
	"time"
)

// appLabels are the labels by which clusters name an application, the most telling first.
var appLabels = []string{"app.kubernetes.io/name", "app", "k8s-app", "app.kubernetes.io/instance", "name", "service", "io.kompose.service"}

// Pods are targets in a cluster, as far as they can be found here as well.
type Pods struct {
	Service string            // what the application is called
	Labels  map[string]string // the others
	Names   []string          // of single pods
	Pick    string
}

// PodsOf splits labels into the application's name and the others.
func PodsOf(labels map[string]string, pick string) Pods {
	p := Pods{Labels: map[string]string{}, Pick: pick}
	for k, v := range labels {
		p.Labels[k] = v
	}
	for _, k := range appLabels {
		if v, ok := p.Labels[k]; ok {
			p.Service = v
			delete(p.Labels, k)
			break
		}
	}
	return p
}

// ParseLabels reads "app=x,tier=y". ok is false when there is more to it than equality.
func ParseLabels(s string) (labels map[string]string, ok bool) {
	labels = map[string]string{}
	for _, part := range strings.Split(s, ",") {
		k, v, is := strings.Cut(strings.TrimSpace(part), "=")
		v = strings.TrimPrefix(v, "=")
		k, v = strings.TrimSpace(k), strings.TrimSpace(v)
		if !is || k == "" || v == "" || strings.ContainsAny(k, "! ()") {
			return labels, false
		}
		labels[k] = v
	}
	return labels, true
}

// Empty reports whether nothing is named.
func (p Pods) Empty() bool { return p.Service == "" && len(p.Labels) == 0 && len(p.Names) == 0 }

// String is what they are called in titles.
func (p Pods) String() string {
	var parts []string
	if p.Service != "" {
		parts = append(parts, p.Service)
	}
	parts = append(parts, p.Names...)
	for _, k := range sortedKeys(p.Labels) {
		parts = append(parts, k+"="+p.Labels[k])
	}
	if len(parts) == 0 {
		return "pods"
	}
	return strings.Join(parts, ", ")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Processes is the target of faults that hit processes or containers.
func (p Pods) Processes() Map {
	m := Map{{"service", p.Service}}
	if len(p.Names) == 1 {
		m = append(m, Field{"name", p.Names[0]})
	}
	return append(m, Field{"labels", MapOf(p.Labels)}, Field{"pick", p.Pick})
}

// Links is the target of faults that hit the links to an application: they are known by its name alone.
func (p Pods) Links() Map {
	m := Map{{"service", p.Link()}}
	return append(m, Field{"pick", p.Pick})
}

// Link is what the links to them are called.
func (p Pods) Link() string {
	switch {
	case p.Service != "":
		return p.Service
	case len(p.Names) > 0:
		return p.Names[0]
	}
	for _, k := range sortedKeys(p.Labels) {
		return p.Labels[k]
	}
	return ""
}

// LinkFrom is the target of faults on the links between two applications.
func (p Pods) LinkFrom(to string) Map { return Map{{"from", p.Link()}, {"to", to}} }

// Localhost is the target of faults that hit this machine.
func Localhost() Map { return Map{{"name", "localhost"}} }

// Fault is a step with a fault.
func Fault(kind string, lasts time.Duration, target, args Map, title string) Map {
	return Map{{"for", lasts}, {"fault", kind}, {"target", target}, {"args", args}, {"title", Label(title, kind)}}
}
