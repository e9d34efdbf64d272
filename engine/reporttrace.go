package engine

import (
	"fmt"
	"slices"

	"gameday/engine/report"
	"gameday/sources/signal"
)

// reportTraces adds a request for each probe that failed: the one the ladder shows, or another of its bad readings
// when that is not in memory any more.
func (s *Session) reportTraces(d *report.Document, rec *recording) {
	seen := map[string]bool{}
	for _, p := range d.Probes {
		var candidates []signal.TraceID
		if id, ok := signal.ParseTraceID(p.TraceID); ok {
			candidates = append(candidates, id)
		}
		rec.mu.Lock()
		bad := slices.Clone(rec.traces[p.Name])
		rec.mu.Unlock()
		slices.Reverse(bad)
		for _, id := range append(candidates, bad...) {
			if seen[id.String()] {
				break // another probe shows it
			}
			t := s.store.Trace(id)
			if t == nil || len(t.Spans) == 0 {
				continue
			}
			seen[id.String()] = true
			if len(d.Traces) == reportTraces {
				d.Omitted = append(d.Omitted, fmt.Sprintf("the request behind %s: a report shows %d", p.Name, reportTraces))
				return
			}
			d.Traces = append(d.Traces, reportTrace(t, p.Name))
			break
		}
	}
}

func reportTrace(t *signal.Trace, probe string) report.Trace {
	out := report.Trace{ID: t.ID.String(), Probe: probe, Service: t.Service, Name: t.Name, Start: t.Start, Took: report.SecondsOf(t.Duration), Errors: t.Errors}
	for _, sp := range waterfall(t.Spans) {
		if len(out.Spans) == reportSpans {
			break
		}
		out.Spans = append(out.Spans, report.Span{ID: sp.SpanID.String(), Depth: sp.depth, Service: sp.Service, Name: sp.Name,
			Offset: report.SecondsOf(sp.Start.Sub(t.Start)), Took: report.SecondsOf(sp.Duration), Failed: sp.Failed, Message: sp.Message})
	}
	for _, l := range t.Logs[:min(len(t.Logs), reportLogs)] {
		out.Logs = append(out.Logs, report.Log{Time: l.Time, Level: l.Severity.String(), Service: l.Service, Body: l.Body})
	}
	out.Cut = len(t.Spans) - len(out.Spans) + len(t.Logs) - len(out.Logs)
	return out
}

type deepSpan struct {
	*signal.Span
	depth int
}

// waterfall orders spans so that each follows its parent, siblings by their start. A span without a parent here is a
// root; spans that name each other as parents are roots too.
func waterfall(spans []signal.Span) []deepSpan {
	at := make(map[signal.SpanID]int, len(spans))
	for i := range spans {
		at[spans[i].SpanID] = i
	}
	children := map[int][]int{}
	var roots []int
	for i := range spans {
		parent, ok := at[spans[i].ParentID]
		if !ok || spans[i].ParentID.IsZero() || parent == i {
			roots = append(roots, i)
			continue
		}
		children[parent] = append(children[parent], i)
	}
	out := make([]deepSpan, 0, len(spans))
	done := make([]bool, len(spans))
	var visit func(i, depth int)
	visit = func(i, depth int) {
		if done[i] {
			return
		}
		done[i] = true
		out = append(out, deepSpan{&spans[i], min(depth, 64)})
		for _, c := range byStart(spans, children[i]) {
			visit(c, depth+1)
		}
	}
	for _, r := range byStart(spans, roots) {
		visit(r, 0)
	}
	for i := range spans { // what is left hangs in a ring
		visit(i, 0)
	}
	return out
}

func byStart(spans []signal.Span, list []int) []int {
	slices.SortStableFunc(list, func(a, b int) int { return spans[a].Start.Compare(spans[b].Start) })
	return list
}
