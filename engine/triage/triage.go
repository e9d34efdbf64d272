package triage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"gameday/sources"
	"gameday/sources/all"
	"gameday/sources/correlate"
	"gameday/sources/driver"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// Bounds of one triage.
const (
	maxTraces = 16 // traces that a field's value is followed into
	maxRecent = 20_000

	maxNearTraces = 4                      // whose surroundings are asked for
	maxNear       = 500                    // records of one source that are looked at
	nearSlack     = 100 * time.Millisecond // before and after a trace
)

// Config says where to look.
type Config struct {
	Sources []sources.Source
	Fields  []string      // whose values join signals besides the trace ID
	Timeout time.Duration // for one source; DefaultTimeout when zero
	// Near is how long sources of log records may take to tell, in a round of its own, what the services of a trace wrote meanwhile
	// without any ID; none are asked when zero. It is short, so that what is known for certain is not held up.
	Near time.Duration
	// Progress is told which sources have not answered yet, from several goroutines, one at a time. nil: nobody is told.
	Progress func(missing []string)
}

// Result is everything that is known about some IDs.
type Result struct {
	IDs      []ID            `json:"ids"`
	Took     time.Duration   `json:"took"`
	Outcomes []Outcome       `json:"sources"`
	Traces   []signal.Trace  `json:"traces"` // with their log records, the earliest first
	Logs     []signal.Record `json:"logs"`   // those that belong to none of the traces
	// Near are records without an ID that a service of a trace wrote while it worked for it, on the same host: they may belong to it,
	// or not.
	Near       []signal.Record `json:"near,omitempty"`
	NearMissed []string        `json:"nearMissed,omitempty"` // sources that did not tell theirs in time, and why
	Batch      signal.Batch    `json:"-"`                    // all of it, for a memory
}

// Find asks all sources about the IDs, and about the traces that the answers name. A trace ID takes one round: the time of
// the slowest source. The value of a field takes a second one when traces are found by it.
func Find(ctx context.Context, cfg Config, ids []ID) (*Result, error) {
	if len(ids) == 0 {
		return nil, fmt.Errorf("there is no ID in that: give a trace ID, the value of a correlation field, a URL of a trace, or a log line that holds one")
	}
	begun := time.Now()
	r := &Result{IDs: ids}
	st, err := store.New(store.Config{CorrelationFields: cfg.Fields})
	if err != nil {
		return nil, err
	}
	reader := correlate.New(cfg.Fields)
	var asked []signal.TraceID
	for _, id := range ids {
		if trace, ok := id.Value.TraceID(); ok {
			asked = append(asked, trace)
		}
	}
	seen, told := known{}, map[string]known{}
	var found []signal.TraceID
	take := func(src sources.Source, a driver.Answer) {
		name(&a.Batch, src.Name)
		reader.Batch(&a.Batch)
		if told[src.Name] == nil {
			told[src.Name] = known{}
		}
		told[src.Name].add(a.Batch)
		fresh := seen.add(a.Batch)
		found = append(found, tracesOf(fresh)...)
		st.Add(fresh)
		r.Batch.Logs = append(r.Batch.Logs, fresh.Logs...)
		r.Batch.Spans = append(r.Batch.Spans, fresh.Spans...)
		r.Batch.Events = append(r.Batch.Events, fresh.Events...)
	}
	for _, id := range ids {
		r.add(ask(ctx, cfg, driver.Query{ID: id.Value}, take))
	}
	var more []signal.TraceID
	all := !onlyTraces(ids) // a trace's own records name no other trace, but for the whole of one that was asked for by its half
	for _, id := range found {
		half := slices.Contains(asked, lowHalf(id))
		if (all || half) && !slices.Contains(asked, id) && !slices.Contains(more, id) && len(more) < maxTraces {
			more = append(more, id)
		}
	}
	for _, id := range more {
		r.add(ask(ctx, cfg, driver.Query{ID: signal.CorrelationID(id.String())}, take))
	}
	for i := range r.Outcomes { // what a source told in two rounds it told once
		r.Outcomes[i].Logs, r.Outcomes[i].Spans = told[r.Outcomes[i].Source].count()
	}
	r.collect(st, append(asked, more...))
	if cfg.Near > 0 {
		r.near(ctx, cfg, st)
	}
	r.Took = time.Since(begun)
	return r, ctx.Err()
}

// lowHalf is what systems whose IDs have 64 bits make of one of 128.
func lowHalf(id signal.TraceID) (half signal.TraceID) {
	copy(half[len(id)/2:], id[len(id)/2:])
	return half
}

func onlyTraces(ids []ID) bool {
	return !slices.ContainsFunc(ids, func(id ID) bool { _, ok := id.Value.TraceID(); return !ok })
}

// name says which source a signal came from, where its driver has not.
func name(b *signal.Batch, source string) {
	for i := range b.Logs {
		b.Logs[i].Source = cmp.Or(b.Logs[i].Source, source)
	}
	for i := range b.Spans {
		b.Spans[i].Source = cmp.Or(b.Spans[i].Source, source)
	}
}

func tracesOf(b signal.Batch) (out []signal.TraceID) {
	for i := range b.Logs {
		if id := b.Logs[i].TraceID; !id.IsZero() {
			out = append(out, id)
		}
	}
	for i := range b.Spans {
		out = append(out, b.Spans[i].TraceID)
	}
	return out
}

// near asks for what was written in the windows of the traces, and keeps what the memory finds near them.
func (r *Result) near(ctx context.Context, cfg Config, st *store.Store) {
	cfg.Timeout, cfg.Progress = cfg.Near, nil
	cfg.Sources = slices.DeleteFunc(slices.Clone(cfg.Sources), func(src sources.Source) bool {
		k, known := all.Find(src.Kind)
		silent := slices.ContainsFunc(r.Unanswered(), func(o Outcome) bool { return o.Source == src.Name })
		return silent || known && !slices.Contains(k.Signals, "logs")
	})
	var missed []string
	for i := range r.Traces {
		t := &r.Traces[i]
		if len(t.Spans) == 0 || i >= maxNearTraces {
			continue
		}
		w := signal.Window{From: t.Start.Add(-nearSlack), To: t.Start.Add(t.Duration + nearSlack)}
		for _, o := range ask(ctx, cfg, driver.Query{Window: w, Limit: maxNear}, func(src sources.Source, a driver.Answer) {
			name(&a.Batch, src.Name)
			correlate.New(cfg.Fields).Batch(&a.Batch)
			anonymous := slices.DeleteFunc(a.Logs, func(rec signal.Record) bool { return !rec.TraceID.IsZero() })
			st.Add(Fresh(signal.Batch{Logs: anonymous}, r.Batch))
		}) {
			if o.Err != "" && len(missed) < maxTraces {
				missed = append(missed, o.Source+": "+o.Err)
			}
		}
		f := st.Frame(signal.View{Window: w, Focus: signal.CorrelationID(t.ID.String()), Logs: signal.LogFilter{Limit: maxNear}})
		for _, rec := range f.Logs {
			if rec.Near {
				r.Near = append(r.Near, rec)
			}
		}
	}
	slices.Sort(missed)
	r.NearMissed = slices.Compact(missed)
	slices.SortStableFunc(r.Near, func(a, b signal.Record) int { return a.Time.Compare(b.Time) })
	r.Near = slices.CompactFunc(r.Near, func(a, b signal.Record) bool { return a.Seq == b.Seq })
}

// add puts what became of another round beside what became of those before.
func (r *Result) add(more []Outcome) {
	for _, o := range more {
		i := slices.IndexFunc(r.Outcomes, func(have Outcome) bool { return have.Source == o.Source })
		if i < 0 {
			r.Outcomes = append(r.Outcomes, o)
			continue
		}
		have := &r.Outcomes[i]
		have.Took += o.Took
		have.Logs += o.Logs
		have.Spans += o.Spans
		have.Truncated = have.Truncated || o.Truncated
		have.Err = cmp.Or(have.Err, o.Err)
		for _, w := range o.Warnings {
			if !slices.Contains(have.Warnings, w) {
				have.Warnings = append(have.Warnings, w)
			}
		}
	}
}

// collect makes traces of what was found, and keeps the records that belong to none of them.
func (r *Result) collect(st *store.Store, traces []signal.TraceID) {
	var inTrace = map[signal.TraceID]bool{}
	for _, id := range traces {
		if t := st.Trace(id); t != nil && !inTrace[id] {
			inTrace[id] = true
			r.Traces = append(r.Traces, *t)
		}
	}
	slices.SortFunc(r.Traces, func(a, b signal.Trace) int { return a.Start.Compare(b.Start) })
	for _, rec := range r.Batch.Logs {
		if !inTrace[rec.TraceID] && len(r.Logs) < maxRecent {
			r.Logs = append(r.Logs, rec)
		}
	}
	slices.SortStableFunc(r.Logs, func(a, b signal.Record) int { return a.Time.Compare(b.Time) })
}

// Unanswered are the sources that did not answer.
func (r *Result) Unanswered() (out []Outcome) {
	for _, o := range r.Outcomes {
		if o.Err != "" {
			out = append(out, o)
		}
	}
	return out
}

// Empty reports that nothing was found.
func (r *Result) Empty() bool { return len(r.Traces) == 0 && len(r.Logs) == 0 }

// known remembers what was taken, so that two sources, or two rounds, that tell the same do not count twice.
type known map[any]bool

type spanKey struct {
	trace signal.TraceID
	span  signal.SpanID
}

type logKey struct {
	at      int64
	service string
	body    string
}

// add returns what is new in a batch. Two records of one instant, service and text within one answer are two: only those
// that came before count.
func (k known) add(b signal.Batch) signal.Batch {
	out := signal.Batch{Events: b.Events}
	var keys []any
	for _, s := range b.Spans {
		key := spanKey{s.TraceID, s.SpanID}
		if !k[key] {
			out.Spans = append(out.Spans, s)
			keys = append(keys, key)
		}
	}
	for _, r := range b.Logs {
		key := logKey{r.Time.UnixNano(), r.Service, r.Body}
		if !k[key] {
			out.Logs = append(out.Logs, r)
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		k[key] = true
	}
	return out
}

// count is how many log records and spans there are.
func (k known) count() (logs, spans int) {
	for key := range k {
		if _, ok := key.(logKey); ok {
			logs++
		} else {
			spans++
		}
	}
	return logs, spans
}

// Fresh returns what of a batch is not among the signals that are held already: what a memory may take without telling
// anything twice.
func Fresh(b, held signal.Batch) signal.Batch {
	k := known{}
	k.add(held)
	return k.add(b)
}
