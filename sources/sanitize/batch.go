package sanitize

import (
	"fmt"
	"slices"

	"gameday/sources/signal"
)

// The lengths, in bytes, that text from outside is cut to, and how many parts one signal may have.
const (
	MaxBody  = 8 << 10 // a log record's body
	MaxValue = 1 << 10 // an attribute's or label's value, a status message, an event's detail
	MaxName  = 512     // names of spans, metrics, span events; titles
	MaxKey   = 256     // keys of attributes and labels, names of services and sources

	MaxAttrs  = 64  // attributes of one signal
	MaxEvents = 128 // events of one span
)

// Batch makes every text of the batch harmless, in place, and reports how many texts had to be changed or cut (what
// was beyond MaxAttrs or MaxEvents counts once each). Attribute lists and exemplars that must change are copied first,
// so that a driver may share them between signals.
func Batch(b *signal.Batch) (changed int) {
	c := cleaner{}
	for i := range b.Logs {
		c.record(&b.Logs[i])
	}
	for i := range b.Spans {
		c.span(&b.Spans[i])
	}
	for i := range b.Metrics {
		c.metric(&b.Metrics[i])
	}
	for i := range b.Events {
		c.event(&b.Events[i])
	}
	return c.changed
}

type cleaner struct{ changed int }

func (c *cleaner) text(s *string, max int) {
	n := len(*s)
	clean := Line(*s, max)
	if len(clean) != n || clean != *s {
		*s = clean
		c.changed++
	}
}

func (c *cleaner) record(r *signal.Record) {
	c.text(&r.Service, MaxKey)
	c.text(&r.Body, MaxBody)
	c.text(&r.Source, MaxKey)
	c.attrs(&r.Attrs)
}

func (c *cleaner) span(s *signal.Span) {
	c.text(&s.Service, MaxKey)
	c.text(&s.Name, MaxName)
	c.text(&s.Message, MaxValue)
	c.text(&s.Source, MaxKey)
	c.attrs(&s.Attrs)
	if n := len(s.Events) - MaxEvents; n > 0 {
		c.changed += n
		last := signal.SpanEvent{Time: s.Events[MaxEvents-1].Time, Name: fmt.Sprintf("… %d more events", n+1)}
		s.Events = append(slices.Clone(s.Events[:MaxEvents-1]), last)
	}
	for i := range s.Events {
		c.text(&s.Events[i].Name, MaxName)
		c.attrs(&s.Events[i].Attrs)
	}
}

func (c *cleaner) metric(p *signal.MetricPoint) {
	c.text(&p.Name, MaxName)
	c.attrs(&p.Labels)
	if p.Exemplar == nil {
		return
	}
	before, e := c.changed, *p.Exemplar
	if c.attrs(&e.Labels); c.changed != before {
		p.Exemplar = &e
	}
}

func (c *cleaner) event(e *signal.Event) {
	c.text(&e.Title, MaxName)
	c.text(&e.Detail, MaxValue)
	c.text(&e.Target, MaxName)
	c.text(&e.Key, MaxName)
	c.attrs(&e.Attrs)
}

// attrs cleans a list, copying it before the first change.
func (c *cleaner) attrs(list *signal.Attrs) {
	own := false
	if n := len(*list) - MaxAttrs; n > 0 {
		c.changed += n
		rest := signal.Attr{Key: "…", Value: fmt.Sprintf("%d more attributes", n+1)}
		*list, own = append(slices.Clone((*list)[:MaxAttrs-1]), rest), true
	}
	for i := range *list {
		before, a := c.changed, (*list)[i]
		c.text(&a.Key, MaxKey)
		c.text(&a.Value, MaxValue)
		if c.changed == before {
			continue
		}
		if !own {
			*list, own = slices.Clone(*list), true
		}
		(*list)[i] = a
	}
}
