package logs

import (
	"slices"
	"strings"

	"gameday/sources/signal"
	"gameday/tui/pane"
)

// levelNames are those that a filter can ask for.
var levelNames = []string{"trace", "debug", "info", "warn", "error", "fatal"}

// Completion implements pane.Completer: attributes, services and levels of the lines that are here, in either notation.
func (p *Pane) Completion(ctx pane.Context) func(string, int) signal.Words {
	attrs, seen := pane.Seen{}, pane.Seen{}
	for _, r := range p.lines(ctx) {
		seen.Add("service", r.Service)
		seen.Add("source", r.Source)
		for _, a := range r.Attrs {
			attrs.Add(a.Key, a.Value)
		}
	}
	if ctx.Frame != nil {
		for i := range ctx.Frame.Processes {
			seen.Add("service", ctx.Frame.Processes[i].Name)
		}
	}
	keys := attrs.Names()
	values := func(name string) []string {
		switch name {
		case "level":
			return levelNames
		case "service", "source":
			return seen.Values(name)
		}
		return attrs.Values(name)
	}
	return func(text string, at int) signal.Words {
		v := pane.Vocabulary{Values: values, Names: []string{"service=", "level>=", "source=", "body="}}
		if t := strings.TrimLeft(text[:at], " "); strings.HasPrefix(t, "{") || strings.HasPrefix(t, "|") {
			v.Quoted = true
			v.Names = []string{"service=", "level=", "source="}
			if strings.LastIndexByte(t, '{') <= strings.LastIndexByte(t, '}') {
				v.Names = append([]string{"json", "logfmt"}, v.Names...)
			}
		}
		for _, k := range keys {
			if k != "joined_by" && !slices.Contains(v.Names, k+"=") {
				v.Names = append(v.Names, k+"=")
			}
		}
		return v.Complete(text, at)
	}
}
