package servicemap

import (
	"slices"
	"strings"
	"time"

	"gameday/sources/signal"
)

// maxFaults bounds the faults of one map.
const maxFaults = 100

// Faults are those of the events that began before the end of the window, each on what it acts on: the call or the service of
// the map that its target names, or the service of which that is a part, such as payment for payment-7d9f. Those in force come
// first, then the latest.
func Faults(m *signal.ServiceMap, events []signal.Event, end time.Time) (out []signal.MapFault) {
	for i := len(events) - 1; i >= 0 && len(out) < maxFaults; i-- { // by start: the latest first
		e := &events[i]
		if e.Kind != signal.EventFault || e.Start.After(end) {
			continue
		}
		active := e.Open || e.End.After(end)
		for target := range strings.SplitSeq(e.Target, ", ") {
			f := signal.MapFault{ID: e.ID, Title: e.Title, Target: target, Start: e.Start, Active: active}
			if !active {
				f.End = e.End
			}
			place(&f, m)
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b signal.MapFault) int {
		switch {
		case a.Active == b.Active:
			return 0
		case a.Active:
			return -1
		}
		return 1
	})
	return out
}

// place finds what a fault's target is on the map. The arrow is how the names of links are written.
func place(f *signal.MapFault, m *signal.ServiceMap) {
	from, to, link := strings.Cut(f.Target, "→")
	if !link {
		f.To, _ = part(m, f.Target)
		return
	}
	to, known := part(m, to)
	if !known {
		return
	}
	f.To = to
	if from, known = part(m, from); known && slices.ContainsFunc(m.Calls, func(c signal.MapCall) bool { return c.From == from && c.To == to }) {
		f.Call, f.From = true, from
	}
}

// part is the service of the map with that name, or the longest one that the name begins with.
func part(m *signal.ServiceMap, name string) (service string, ok bool) {
	best := ""
	for i := range m.Services {
		s := m.Services[i].Name
		if s == name && s != "" {
			return s, true
		}
		if rest, is := strings.CutPrefix(name, s); is && len(s) > len(best) && strings.ContainsRune("-./@:", rune(rest[0])) {
			best = s
		}
	}
	return best, best != ""
}
