package engine

import (
	"fmt"
	"slices"
	"time"

	"gameday/sources"
	"gameday/sources/driver"
	"gameday/sources/forward"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// exporter is one source that takes what gameday has to tell, with the queue before it.
type exporter struct {
	src   sources.Source
	queue *forward.Queue
	// relays says that it takes what others send to gameday, too: an endpoint of OTLP stands behind gameday as another
	// receiver would. What was read from a system is never sent on: it may be the same system.
	relays bool
}

// openExporters makes a queue for every source that can be written to. Drivers offer that only when the configuration says so.
func openExporters(all []sources.Source) []exporter {
	var out []exporter
	for _, src := range all {
		if e, ok := src.Driver.(driver.Exporter); ok {
			out = append(out, exporter{src, forward.New(e, forward.Config{}), src.Kind == "otlp"})
		}
	}
	return out
}

// export sends until the session ends.
func (s *Session) export(e exporter) {
	if err := e.queue.Run(s.ctx); err != nil && s.ctx.Err() == nil {
		s.cfg.Log("export to %s: %v", e.src.Name, err)
	}
}

// exportEvent offers an entry of gameday's own timeline. What sources told of, such as alerts, they know already.
func (s *Session) exportEvent(e signal.Event) {
	if e.Key != "" {
		return
	}
	for _, x := range s.exporters {
		x.queue.Offer(signal.Batch{Events: []signal.Event{e}})
	}
}

// relay is the sink of what is sent to gameday.
func (s *Session) relay(b signal.Batch) {
	for _, x := range s.exporters {
		if x.relays { // as it came: below, records and spans are given the IDs under which they are kept
			x.queue.Offer(signal.Batch{Metrics: b.Metrics, Events: b.Events, Logs: slices.Clone(b.Logs), Spans: slices.Clone(b.Spans)})
		}
	}
	s.sink(b)
}

// exportExemplars offers the requests of a load that are worth looking at, as log records of gameday's own.
func (s *Session) exportExemplars(plan string, requests []signal.RequestExemplar) {
	if len(s.exporters) == 0 || len(requests) == 0 {
		return
	}
	var b signal.Batch
	for _, r := range requests {
		rec := signal.Record{Time: r.At, Severity: signal.SeverityInfo, Service: "gameday", TraceID: r.TraceID,
			Body:  fmt.Sprintf("request of %s, step %s, took %s", plan, r.Step, r.Latency.Round(time.Microsecond)),
			Attrs: signal.Attrs{{Key: "load", Value: plan}, {Key: "step", Value: r.Step}, {Key: "latency", Value: r.Latency.String()}, {Key: "correlation_id", Value: r.CorrelationID}}}
		if r.Err != "" {
			rec.Severity = signal.SeverityError
			rec.Body += ": " + r.Err
		}
		if r.Status != 0 {
			rec.Attrs = append(rec.Attrs, signal.Attr{Key: "status", Value: fmt.Sprint(r.Status)})
		}
		b.Logs = append(b.Logs, rec)
	}
	for _, x := range s.exporters {
		x.queue.Offer(b)
	}
}

// exportHealth is how the queues are doing, for the list of sources.
func (s *Session) exportHealth() []signal.SourceHealth {
	var out []signal.SourceHealth
	for _, x := range s.exporters {
		received, sent, dropped, err := x.queue.Report()
		h := signal.SourceHealth{Name: x.src.Name + " (out)", Kind: x.src.Kind, Address: x.src.Address, State: signal.SourceLive, Since: s.started,
			Received: received, Kept: sent, Dropped: dropped}
		if err != nil {
			h.State, h.Err = signal.SourceRetrying, sanitize.Line(sources.Redact(err.Error(), x.src.Secrets...), sanitize.MaxValue)
		}
		out = append(out, h)
	}
	return out
}

// closeSources gives up what drivers hold beyond their runs, such as idle connections.
func closeSources(all []sources.Source) []error {
	var errs []error
	for _, src := range all {
		if c, ok := src.Driver.(interface{ Close() error }); ok {
			if err := c.Close(); err != nil {
				errs = append(errs, fmt.Errorf("close source %s: %w", src.Name, err))
			}
		}
	}
	return errs
}
