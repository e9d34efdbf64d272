package engine

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"gameday/sources/signal"
)

// maxGoing is how many alerts may go on at once and still be told as one when several sources tell of them.
const maxGoing = 8192

// alerts makes one entry of the timeline of an alert that several sources tell of: a Prometheus that evaluates it, and the
// Alertmanager that the Prometheus sends it to. When more than maxGoing go on at once, those that begin from then on are told as each
// source tells them, one entry per source, until the session ends: nothing is left out, and what was told in two entries is not joined
// later, when the end of one would be missing. It is safe for concurrent use.
type alerts struct {
	mu     sync.Mutex
	byKey  map[string]*oneAlert   // by the keys that sources know it by
	byName map[string][]*oneAlert // by the alert's name, in the order in which they began
	going  int
	full   bool
	told   bool // that it is full
}

// oneAlert is what each source said last of an alert that is going on for at least one of them.
type oneAlert struct {
	key   string
	name  string
	parts map[string]signal.Event // by source
}

// merge is the event that stands for what all sources said of the alert so far. Other events are as they were.
func (a *alerts) merge(e signal.Event) signal.Event {
	source, ok := toldBy(e)
	if !ok {
		return e
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	one := a.find(source, e)
	if one == nil {
		if !e.Open {
			return e // it ended before it was known here
		}
		if a.full = a.full || a.going >= maxGoing; a.full {
			return e
		}
		one = a.begin(e)
	}
	if before, told := one.parts[source]; told {
		delete(a.byKey, before.Key)
	}
	one.parts[source], a.byKey[e.Key] = e, one
	out := one.event()
	if !out.Open {
		a.end(one)
	}
	return out
}

func (a *alerts) begin(e signal.Event) *oneAlert {
	if a.byKey == nil {
		a.byKey, a.byName = map[string]*oneAlert{}, map[string][]*oneAlert{}
	}
	one := &oneAlert{key: e.Key, name: e.Attrs.Get("alertname"), parts: map[string]signal.Event{}}
	a.byName[one.name] = append(a.byName[one.name], one)
	a.going++
	return one
}

func (a *alerts) end(one *oneAlert) {
	for _, part := range one.parts {
		delete(a.byKey, part.Key)
	}
	a.going--
	if a.byName[one.name] = slices.DeleteFunc(a.byName[one.name], func(o *oneAlert) bool { return o == one }); len(a.byName[one.name]) == 0 {
		delete(a.byName, one.name)
	}
}

// overflowed reports once that alerts are no longer told as one.
func (a *alerts) overflowed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.full && !a.told
	a.told = a.told || now
	return now
}

// toldBy is the source of an alert: its key is the source's name, a hash and its start.
func toldBy(e signal.Event) (source string, ok bool) {
	if e.Kind != signal.EventAlert || e.Key == "" {
		return "", false
	}
	source = e.Key
	for range 2 {
		i := strings.LastIndexByte(source, '/')
		if i < 0 {
			return "", false
		}
		source = source[:i]
	}
	return source, true
}

// find is the alert that a source tells of. What it told of before is known by its key; what is new may be what another source tells
// of already: with the same labels, or else with those that fit best when one has the labels of the other and more, such as the
// external labels that a Prometheus adds for its Alertmanager.
func (a *alerts) find(source string, e signal.Event) *oneAlert {
	if one := a.byKey[e.Key]; one != nil {
		return one
	}
	name := e.Attrs.Get("alertname")
	if name == "" {
		return nil // nothing says that two of them are the same
	}
	var best *oneAlert
	least := -1
	for _, one := range a.byName[name] {
		if own, told := one.parts[source]; told && (own.Open || !sameLabels(own.Attrs, e.Attrs)) { // another alert of that source
			continue
		}
		for _, part := range one.parts {
			if !within(part.Attrs, e.Attrs) && !within(e.Attrs, part.Attrs) {
				continue
			}
			if apart := max(len(part.Attrs), len(e.Attrs)) - min(len(part.Attrs), len(e.Attrs)); best == nil || apart < least {
				best, least = one, apart
			}
		}
	}
	if !e.Open && best != nil {
		return nil // an end belongs to its own beginning only
	}
	return best
}

func sameLabels(a, b signal.Attrs) bool { return len(a) == len(b) && within(a, b) }

// within reports whether all labels of few are in many; the alert's name must be among them.
func within(few, many signal.Attrs) bool {
	if few.Get("alertname") == "" {
		return false
	}
	for _, l := range few {
		if many.Get(l.Key) != l.Value {
			return false
		}
	}
	return true
}

// event is how the parts are told as one: it has the labels of the part that has most of them, it goes on while it does for
// anybody, it is silenced when somebody knows it to be, and it fired when it did for anybody.
func (o *oneAlert) event() signal.Event {
	names := slices.Sorted(maps.Keys(o.parts))
	out := o.parts[names[0]]
	said := 0 // how much the state that is shown says
	var end signal.Event
	for _, name := range names {
		p := o.parts[name]
		if len(p.Attrs) > len(out.Attrs) {
			out.Attrs, out.Target = p.Attrs, cmp.Or(p.Target, out.Target)
		}
		if p.Start.Before(out.Start) {
			out.Start = p.Start
		}
		if p.Open {
			if says := map[signal.Outcome]int{signal.Warning: 1, signal.Bad: 2, signal.Neutral: 3}[p.Outcome]; says > said {
				said, out.Outcome, out.Detail = says, p.Outcome, p.Detail
			}
			continue
		}
		if p.End.After(end.End) {
			end.End = p.End
		}
		if p.Outcome == signal.Good {
			end.Outcome = signal.Good
		}
	}
	out.Key, out.Open, out.End = o.key, said > 0, end.End
	if out.Open {
		out.End = time.Time{}
	} else {
		out.Outcome = end.Outcome
	}
	if len(names) > 1 {
		out.Detail = strings.TrimSuffix("through "+strings.Join(names, " and ")+": "+out.Detail, ": ")
	}
	return out
}
