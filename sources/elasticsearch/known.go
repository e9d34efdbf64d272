package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"gameday/sources/client"
	"gameday/sources/correlate"
	"gameday/sources/driver"
	"gameday/sources/examine"
	"gameday/sources/signal"
)

// mapping is what field_caps says of one field, by type.
type mapping map[string]struct {
	Aggregatable bool `json:"aggregatable"`
	Metadata     bool `json:"metadata_field"`
}

func (d *Driver) capsRequest(names string) client.Request {
	return client.Request{Path: d.path("/_field_caps"), Query: url.Values{"fields": {names}, "ignore_unavailable": {"true"}}}
}

// mapped are the fields that the indices know, of those names.
func (d *Driver) mapped(ctx context.Context, names string) (map[string]mapping, error) {
	var out struct {
		Fields map[string]mapping `json:"fields"`
	}
	err := d.client.JSON(ctx, d.capsRequest(names), &out)
	return out.Fields, err
}

// Complete implements driver.Completer: fields, the values that a field has most often, services.
func (d *Driver) Complete(ctx context.Context, kind driver.WordKind, of, prefix string, limit int) ([]string, error) {
	if limit <= 0 {
		return nil, nil
	}
	var words []string
	switch kind {
	case driver.WordLabel:
		known, err := d.mapped(ctx, prefix+"*")
		if err != nil {
			return nil, err
		}
		for name, m := range known {
			if _, object := m["object"]; !object && !strings.HasPrefix(name, "_") {
				words = append(words, name)
			}
		}
	case driver.WordLabelValue, driver.WordService:
		names := []string{of}
		if kind == driver.WordService {
			names = d.fields.service
		}
		var err error
		if words, err = d.values(ctx, names, prefix, limit); err != nil {
			return nil, err
		}
	}
	words = slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, prefix) })
	slices.Sort(words)
	return words[:min(len(words), limit)], nil
}

// values are those of the first field that can be counted.
func (d *Driver) values(ctx context.Context, names []string, prefix string, limit int) ([]string, error) {
	var all []string
	for _, n := range names {
		all = append(all, n, n+".keyword")
	}
	known, err := d.mapped(ctx, strings.Join(all, ","))
	if err != nil {
		return nil, err
	}
	for _, name := range all {
		for _, m := range known[name] {
			if m.Aggregatable {
				return d.terms(ctx, name, prefix, limit)
			}
		}
	}
	return nil, nil
}

func (d *Driver) terms(ctx context.Context, name, prefix string, limit int) ([]string, error) {
	now := time.Now()
	terms := object{"field": name, "size": min(limit, 1000)}
	if prefix != "" {
		terms["include"] = luceneQuote(prefix) + ".*"
	}
	ask := object{"size": 0, "query": object{"bool": object{"filter": []any{d.fields.within(signal.Window{From: now.Add(-24 * time.Hour), To: now.Add(time.Minute)})}}},
		"aggs": object{"words": object{"terms": terms}}}
	data, err := json.Marshal(ask)
	if err != nil {
		return nil, fmt.Errorf("values of %s: %w", name, err)
	}
	var out struct {
		Aggregations struct {
			Words struct{ Buckets []struct{ Key any } }
		}
	}
	err = d.client.JSON(ctx, client.Request{Method: http.MethodPost, Path: d.path("/_search"), Query: url.Values{"ignore_unavailable": {"true"}}, Body: data,
		Header: http.Header{"Content-Type": {"application/json"}}}, &out)
	var words []string
	for _, b := range out.Aggregations.Words.Buckets {
		words = append(words, fmt.Sprint(b.Key))
	}
	return words, err
}

// luceneQuote takes the meaning of Lucene's regular expressions from a text.
func luceneQuote(s string) string {
	var b strings.Builder
	for _, c := range s {
		if strings.ContainsRune(`.?+*|{}[]()"\#@&<>~^$-`, c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// sampled is how many records the doctor looks at.
const sampled = 200

// Check implements driver.Checker.
func (d *Driver) Check(ctx context.Context) []driver.Finding {
	found, ok := examine.HTTP(ctx, d.client, d.capsRequest(d.fields.time))
	if !ok {
		return found
	}
	return append(found, d.checkTime(ctx), d.checkTraceIDs(ctx))
}

func (d *Driver) checkTime(ctx context.Context) driver.Finding {
	f := driver.Finding{Name: "time field", State: driver.FindingGood}
	known, err := d.mapped(ctx, d.fields.time)
	switch m := known[d.fields.time]; {
	case err != nil:
		f.State, f.Says = driver.FindingUnknown, "it could not be asked: "+err.Error()
	case len(m) == 0:
		f.State = driver.FindingBad
		f.Says = fmt.Sprintf("no index in %s has a field %s", d.opt.Index, d.fields.time)
		f.Advice = "correct index, or say in rename which field holds the time, such as my_time: time"
	default:
		f.Says = d.fields.time + " is a date"
		for kind := range m {
			if kind != "date" && kind != "date_nanos" {
				f.State, f.Says = driver.FindingBad, fmt.Sprintf("%s is mapped as %s in some index", d.fields.time, kind)
				f.Advice = "map it as date or date_nanos: records are asked for by their time"
			}
		}
	}
	return f
}

// checkTraceIDs looks at the newest records: can a trace be followed into the logs?
func (d *Driver) checkTraceIDs(ctx context.Context) driver.Finding {
	f := driver.Finding{Name: examine.TraceIDs, State: driver.FindingUnknown}
	now := time.Now()
	a, err := d.Query(ctx, driver.Query{Window: signal.Window{From: now.Add(-15 * time.Minute), To: now.Add(time.Minute)}, Limit: sampled})
	correlate.New(nil).Batch(&a.Batch) // records are joined by what their text says, too
	with := 0
	for i := range a.Logs {
		if !a.Logs[i].TraceID.IsZero() {
			with++
		}
	}
	switch n := len(a.Logs); {
	case err != nil:
		f.Says = "it could not be asked: " + err.Error()
	case n == 0:
		f.Says = fmt.Sprintf("no records within 15 minutes in %s", d.opt.Index)
	case with == 0:
		f.State, f.Says = driver.FindingBad, fmt.Sprintf("none of the %d newest records names its trace", n)
		f.Advice = "have services write trace.id (ECS loggers and Elastic's agents do), or say in rename which field has it, such as my_trace: trace_id"
	case with*2 < n:
		f.State, f.Says = driver.FindingPoor, fmt.Sprintf("only %d of the %d newest records name their trace", with, n)
		f.Advice = "look which services write no trace.id, and have them write it"
	default:
		f.State, f.Says = driver.FindingGood, fmt.Sprintf("%d of the %d newest records name their trace", with, n)
	}
	return f
}
