package format

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"gameday/engine/load"
	"gameday/sources/spec"
)

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// YAML is the draft as a document of kind Load.
func (d *Draft) YAML() []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if d.From != "" {
		line("# Made by gameday load convert from %s.", Label(d.From, "a file"))
	}
	line("apiVersion: gameday/v1\nkind: Load\nmetadata:\n  name: %s", spec.Text(Label(d.Name, "load")))
	if d.Title != "" {
		line("  title: %s", spec.Text(Label(d.Title, "load")))
	}
	line("target: %s", spec.Text(d.Target))
	pairs(&b, "", "vars", d.Vars)
	if d.Timeout > 0 {
		line("timeout: %s", d.Timeout)
	}
	if d.Duration > 0 {
		line("duration: %s", d.Duration)
	}
	pairs(&b, "", "headers", d.Headers)
	if d.Cookies != "" {
		line("cookies: %s", d.Cookies)
	}
	httpSection(&b, d.HTTP)
	feeds(&b, d.Feeds)
	executor(&b, "", d.Executor)
	line("scenarios:")
	for i := range d.Scenarios {
		d.Scenarios[i].write(&b)
	}
	return b.Bytes()
}

func pairs(b *bytes.Buffer, indent, key string, list []Pair) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "%s%s:\n", indent, key)
	for _, p := range list {
		fmt.Fprintf(b, "%s  %s: %s\n", indent, spec.Text(p.Name), spec.Text(p.Value))
	}
}

func executor(b *bytes.Buffer, indent string, e *load.Executor) {
	if e == nil {
		return
	}
	fmt.Fprintf(b, "%sexecutor:\n%s  kind: %s\n", indent, indent, e.Kind)
	if e.Rate > 0 {
		fmt.Fprintf(b, "%s  rate: %s\n", indent, number(e.Rate))
	}
	if e.Users > 0 {
		fmt.Fprintf(b, "%s  users: %d\n", indent, e.Users)
	}
	if e.Iterations > 0 {
		fmt.Fprintf(b, "%s  iterations: %d\n", indent, e.Iterations)
	}
	if e.Spacing != "" {
		fmt.Fprintf(b, "%s  spacing: %s\n", indent, e.Spacing)
	}
	if e.MaxConnections > 0 {
		fmt.Fprintf(b, "%s  maxConnections: %d\n", indent, e.MaxConnections)
	}
	if len(e.Stages) > 0 {
		fmt.Fprintf(b, "%s  stages:\n", indent)
		for _, st := range e.Stages {
			fmt.Fprintf(b, "%s    - {to: %s, for: %s}\n", indent, number(st.To), st.For)
		}
	}
}

func think(t load.ThinkTime) string {
	switch {
	case t.Max > 0:
		return fmt.Sprintf("{min: %s, max: %s}", t.Min, t.Max)
	case t.Mean > 0 || t.Deviation > 0:
		return fmt.Sprintf("{mean: %s, deviation: %s}", t.Mean, t.Deviation)
	case t.Constant > 0:
		return t.Constant.Round(time.Millisecond).String()
	}
	return ""
}
