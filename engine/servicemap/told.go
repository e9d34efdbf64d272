package servicemap

import (
	"slices"

	"gameday/sources/signal"
)

// Told is a call that a source names, such as Jaeger does from traces of which gameday holds none.
type Told struct {
	By, From, To string
	Calls        uint64
}

// Add returns a map with the calls that are told and not on it yet. They have no figures: nobody here measured them.
func Add(m *signal.ServiceMap, told []Told) *signal.ServiceMap {
	have := make(map[edgeKey]bool, len(m.Calls))
	names := make(map[string]bool, len(m.Services))
	for i := range m.Calls {
		have[edgeKey{m.Calls[i].From, m.Calls[i].To}] = true
	}
	for i := range m.Services {
		names[m.Services[i].Name] = true
	}
	out := *m
	out.Calls, out.Services = slices.Clone(m.Calls), slices.Clone(m.Services)
	var worst edgeKey
	if m.Worst >= 0 {
		worst = edgeKey{m.Calls[m.Worst].From, m.Calls[m.Worst].To}
	}
	missing := map[string]bool{}
	for _, t := range told {
		key := edgeKey{t.From, t.To}
		if t.From == "" || t.To == "" || have[key] || len(out.Calls) >= maxCalls {
			continue
		}
		room := true
		for _, name := range []string{t.From, t.To} {
			if !names[name] && len(names) >= maxServices {
				missing[name], room = true, false
			}
		}
		if !room {
			continue
		}
		have[key] = true
		out.Calls = append(out.Calls, signal.MapCall{From: t.From, To: t.To, By: t.By, Told: t.Calls})
		for _, name := range []string{t.From, t.To} {
			if !names[name] {
				names[name] = true
				out.Services = append(out.Services, signal.MapService{Name: name, Kind: signal.MapUnseen})
			}
		}
	}
	out.More += len(missing)
	sorted(&out)
	if m.Worst >= 0 {
		out.Worst = slices.IndexFunc(out.Calls, func(c signal.MapCall) bool { return c.From == worst.from && c.To == worst.to })
	}
	return &out
}
