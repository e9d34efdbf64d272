package elasticsearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gameday/sources/driver"
	"gameday/sources/mention"
	"gameday/sources/signal"
)

// Query implements driver.Querier with the newest records, oldest first. Text is Lucene's query syntax (status:>=500 AND
// service.name:payment), or a query in JSON as the search API takes it.
func (d *Driver) Query(ctx context.Context, q driver.Query) (driver.Answer, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	filter, err := d.filter(q)
	if err != nil {
		return driver.Answer{}, err
	}
	var out driver.Answer
	var lines mention.Reader
	err = d.walk(ctx, filter, "desc", min(d.opt.Page, limit+1), func(p page) bool {
		for i := range p.hits {
			if r, ok := d.fields.record(&p.hits[i], &lines); ok {
				out.Logs = append(out.Logs, r)
			}
		}
		out.Warnings = append(out.Warnings, p.warnings...)
		out.Truncated = out.Truncated || p.cut || p.timedOut || len(p.warnings) > 0
		return len(out.Logs) <= limit
	})
	if err != nil {
		return driver.Answer{}, err
	}
	if len(out.Logs) > limit {
		out.Logs, out.Truncated = out.Logs[:limit], true
	}
	slices.Reverse(out.Logs)
	slices.SortStableFunc(out.Logs, func(a, b signal.Record) int { return a.Time.Compare(b.Time) })
	slices.Sort(out.Warnings)
	out.Warnings = slices.Compact(out.Warnings)
	return out, nil
}

// filter is a query in the words of the search API.
func (d *Driver) filter(q driver.Query) ([]any, error) {
	w := q.Window
	if w.To.IsZero() {
		w.To = time.Now().Add(time.Minute) // its clock may be ahead
	}
	if w.From.IsZero() {
		w.From = w.To.Add(-d.opt.Lookback)
	}
	filter := []any{d.fields.within(w)}
	if q.ID != "" {
		filter = append(filter, d.fields.byID(q.ID))
	}
	switch text := strings.TrimSpace(q.Text); {
	case text == "" || text == "*":
	case text[0] == '{':
		var own map[string]any
		if err := json.Unmarshal([]byte(text), &own); err != nil {
			return nil, fmt.Errorf("elasticsearch: the query begins with { and is no JSON (%w): write it as {\"term\": …}, or in Lucene's syntax such as level:error", err)
		}
		filter = append(filter, own)
	default:
		filter = append(filter, object{"query_string": object{"query": text, "default_operator": "AND", "analyze_wildcard": true, "lenient": true}})
	}
	return filter, nil
}

// byID asks for an ID in all its forms, in all fields that may hold it and in the message. A phrase finds a keyword as it is,
// and a text in its words.
func (f *fields) byID(id signal.CorrelationID) object {
	forms := []string{string(id)}
	names := slices.Clone(f.joins)
	trace, isTrace := id.TraceID()
	if isTrace {
		for _, form := range trace.Forms() {
			forms = append(forms, form, strings.ToUpper(form))
		}
		names = append(names, f.trace...)
	}
	for _, name := range slices.Clone(names) {
		names = append(names, name+".keyword")
	}
	slices.Sort(forms)
	var any []any
	for _, form := range slices.Compact(forms) {
		in := names
		if !isTrace || len(form) >= 12 { // a short decimal stands in many lines
			in = append(slices.Clone(names), f.body...)
		}
		if len(in) > 0 {
			any = append(any, object{"multi_match": object{"query": form, "type": "phrase", "fields": in, "lenient": true}})
		}
	}
	return object{"bool": object{"should": any, "minimum_should_match": 1}}
}

// Run implements driver.Driver: it asks for what was indexed since, and looks back a little, since records are found some time
// after they were written.
func (d *Driver) Run(ctx context.Context, emit func(signal.Batch)) error {
	err := d.run(ctx, emit)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (d *Driver) run(ctx context.Context, emit func(signal.Batch)) error {
	if d.opt.Follow == "off" {
		for {
			if _, err := d.mapped(ctx, d.fields.time); err != nil || !pause(ctx, d.every) {
				return err
			}
		}
	}
	f := &follower{d: d, emit: emit, from: d.begin(time.Now()), seen: map[string]time.Time{}}
	for {
		if err := f.poll(ctx); err != nil {
			return err
		}
		if !pause(ctx, d.every) {
			return nil
		}
	}
}

// begin is where following begins: where it ended, at most five minutes back.
func (d *Driver) begin(now time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cursor.IsZero() {
		return now.Add(-d.opt.Backlog)
	}
	if oldest := now.Add(-maxGap); d.cursor.Before(oldest) {
		return oldest
	}
	return d.cursor
}

const maxSeen = 200_000 // records within the overlap that are remembered

// follower is one run of following.
type follower struct {
	d     *Driver
	emit  func(signal.Batch)
	lines mention.Reader
	from  time.Time
	seen  map[string]time.Time // by index and ID
}

func (f *follower) poll(ctx context.Context) error {
	now := time.Now()
	filter := []any{f.d.fields.within(signal.Window{From: f.from, To: now.Add(time.Second)})}
	var failed error
	err := f.d.walk(ctx, filter, "asc", f.d.opt.Page, func(p page) bool {
		if len(p.hits) == 0 && len(p.warnings) > 0 {
			failed = errors.New("elasticsearch: " + f.d.client.Address() + ": " + p.warnings[0])
			return false
		}
		f.take(p.hits)
		return ctx.Err() == nil
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	f.advance(now)
	return nil
}

func (f *follower) take(hits []hit) {
	var b signal.Batch
	for i := range hits {
		key := hits[i].Index + "\x00" + hits[i].ID
		if _, known := f.seen[key]; known {
			continue
		}
		r, ok := f.d.fields.record(&hits[i], &f.lines)
		if !ok {
			continue
		}
		f.seen[key] = r.Time
		if len(f.seen) > 2*maxSeen { // a long time is being caught up with, in the order of time
			f.forget(r.Time)
		}
		b.Logs = append(b.Logs, r)
	}
	if b.Len() > 0 {
		f.emit(b)
	}
}

// advance moves on, and looks back the shorter the more there was.
func (f *follower) advance(now time.Time) {
	if to := now.Add(-f.d.opt.Overlap); to.After(f.from) {
		f.from = to
	}
	f.forget(f.from)
	for len(f.seen) > maxSeen && f.from.Before(now) {
		f.from = f.from.Add(max(f.d.opt.Overlap/10, 100*time.Millisecond))
		f.forget(f.from)
	}
	f.d.mu.Lock()
	f.d.cursor = f.from
	f.d.mu.Unlock()
}

func (f *follower) forget(before time.Time) {
	for key, at := range f.seen {
		if at.Before(before) {
			delete(f.seen, key)
		}
	}
}
