package loki

import (
	"context"
	"fmt"
	"time"

	"gameday/sources/client"
	"gameday/sources/correlate"
	"gameday/sources/driver"
	"gameday/sources/examine"
	"gameday/sources/mention"
	"gameday/sources/signal"
)

// sampled is how many records of the last minutes the doctor looks at.
const sampled = 200

// Check implements driver.Checker.
func (d *Driver) Check(ctx context.Context) []driver.Finding {
	found, ok := examine.HTTP(ctx, d.client, client.Request{Path: "/loki/api/v1/labels"})
	if !ok {
		return found
	}
	return append(found, d.checkTraceIDs(ctx))
}

// checkTraceIDs looks at the newest records: can a trace be followed into the logs?
func (d *Driver) checkTraceIDs(ctx context.Context) driver.Finding {
	f := driver.Finding{Name: examine.TraceIDs, State: driver.FindingUnknown}
	query, err := d.streams(ctx)
	if err != nil {
		f.Says = "it could not be asked: " + err.Error()
		return f
	}
	now := time.Now()
	a, err := d.newest(ctx, query, signal.Window{From: now.Add(-15 * time.Minute), To: now.Add(time.Minute)}, sampled)
	if err != nil {
		f.Says = "it could not be asked: " + err.Error()
		return f
	}
	var lines mention.Reader
	reader := correlate.New(nil) // records are joined by what their text says, too
	with, asLabel := 0, 0
	for i := range a.entries {
		r := d.fields.record(&a.entries[i], &lines)
		reader.Record(&r)
		if r.TraceID.IsZero() {
			continue
		}
		with++
		for _, l := range a.entries[i].labels {
			if isTraceLabel(l) {
				asLabel++
				break
			}
		}
	}
	switch n := len(a.entries); {
	case n == 0:
		f.Says = fmt.Sprintf("no records within 15 minutes in %s", query)
	case with == 0:
		f.State = driver.FindingBad
		f.Says = fmt.Sprintf("none of the %d newest records names its trace", n)
		f.Advice = "have services write trace_id into each line or send it as structured metadata (OpenTelemetry's log exporters do), or say in rename which field has it, such as my_trace: trace_id"
	case asLabel > 0:
		f.State = driver.FindingPoor
		f.Says = fmt.Sprintf("%d of the %d newest records name their trace, in a label of the stream", with, n)
		f.Advice = "move trace_id from the labels to structured metadata or into the line: every trace makes a stream of its own, which slows Loki down"
	case with*2 < n:
		f.State = driver.FindingPoor
		f.Says = fmt.Sprintf("only %d of the %d newest records name their trace", with, n)
		f.Advice = "look which services write no trace_id, and have them write it"
	default:
		f.State = driver.FindingGood
		f.Says = fmt.Sprintf("%d of the %d newest records name their trace", with, n)
	}
	return f
}

// isTraceLabel reports whether a label holds a trace ID.
func isTraceLabel(l signal.Attr) bool {
	var r signal.Record
	return mention.Field(&r, l.Key, l.Value) && !r.TraceID.IsZero()
}
