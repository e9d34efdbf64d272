package traces

import (
	"gameday/sources/signal"
	"gameday/tui/pane"
)

// Completion implements pane.Completer: services and operations of the traces that are here.
func (p *Pane) Completion(ctx pane.Context) func(string, int) signal.Words {
	seen := pane.Seen{}
	for _, t := range p.shown(ctx) {
		seen.Add("service", t.Service)
		seen.Add("name", t.Name)
	}
	if ctx.Frame != nil {
		for i := range ctx.Frame.Processes {
			seen.Add("service", ctx.Frame.Processes[i].Name)
		}
	}
	v := pane.Vocabulary{Names: []string{"service=", "name=", "status=", "duration>", "spans>", "errors>", "trace="}, Values: func(name string) []string {
		switch name {
		case "status":
			return []string{"error", "ok"}
		case "duration":
			return []string{"10ms", "100ms", "200ms", "500ms", "1s", "5s"}
		}
		return seen.Values(name)
	}}
	return v.Complete
}
