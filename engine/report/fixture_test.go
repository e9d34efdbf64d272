package report_test

import (
	"math"
	"testing"
	"time"

	"gameday/engine/report"
)

var began = time.Date(2026, 6, 1, 10, 15, 0, 250e6, time.UTC)

func at(s float64) time.Time { return began.Add(time.Duration(s * float64(time.Second))) }

// document is a run in which p95 broke under one fault and came back.
func document() *report.Document {
	nan := report.Number(math.NaN())
	detect, recover := report.Seconds(3), report.Seconds(2.5)
	p95 := report.Probe{Name: "p95", Expect: "< 200ms", Lo: nan, Hi: 0.2, Unit: "s", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736"}
	up := report.Probe{Name: "gateway answers", Expect: "= 200", Lo: 200, Hi: 200}
	for s := range 40 {
		r := report.ProbeReading{From: at(float64(s) - 2), At: at(float64(s)), Value: 0.04, Text: "40.0 ms", Check: "passed"}
		switch {
		case s == 0:
			r.Value, r.Text, r.Check = nan, "no data", "unknown"
		case s >= 11 && s < 32:
			r.Value, r.Text, r.Check, r.TraceID = 0.81+report.Number(s)/1000, "831 ms", "failed", p95.TraceID
		}
		p95.Readings = append(p95.Readings, r)
		up.Readings = append(up.Readings, report.ProbeReading{From: r.From, At: r.At, Value: 200, Text: "200", Check: "passed"})
	}
	for _, p := range []*report.Probe{&p95, &up} {
		p.Before, p.During, p.After = p.Measure(at(4), at(10), false), p.Measure(at(10), at(30), true), p.Measure(at(30), at(40), false)
		p.Before.Check, p.During.Check, p.After.Check = "passed", "passed", "passed"
	}
	p95.During.Check = "failed"
	d := &report.Document{
		Version: report.Version, Hypothesis: "When payment is slow, the shop stays fast.", Description: "Providers have slow days.",
		Labels: map[string]string{"area": "dependency"},
		Summary: report.Summary{ID: "20260601T101500.250Z-payment-slow", Name: "payment-slow", Title: "payment answers 800 ms late", System: "shop", Environment: "demo",
			Started: began, Ended: at(40), Verdict: "did not hold", Reason: "p95 was 831 ms, expected < 200ms, 1s after the first fault", ExitCode: 1,
			Detected: &detect, Recovered: &recover},
		Program: report.Program{Version: "v1.2.3", Go: "go1.26 linux/amd64", Session: "20260601T101458-0a1b2c3d"},
		File:    report.File{Name: "payment-slow.yaml", SHA256: "7bcf6cf33bfc5acacdcbc3eaec7b6096359287d9cf11a12b5ff949f62dbb0508", Text: "kind: Experiment\nmetadata:\n  name: payment-slow\n"},
		Planned: 40,
		Phases: []report.Phase{{Name: "load", From: at(0), To: at(4)}, {Name: "before", From: at(4), To: at(10)}, {Name: "during", From: at(10), To: at(30)},
			{Name: "rollback", From: at(30), To: at(30)}, {Name: "after", From: at(30), To: at(40)}},
		Probes: []report.Probe{p95, up},
		Faults: []report.Fault{{Title: "payment +800ms", Kind: "network.latency", Targets: []string{"checkout→payment"}, Of: 15, TargetKind: "link",
			Actions: []string{"delay the answers of checkout→payment by 800ms"}, Undo: "the proxy passes everything through again", Reversible: true,
			For: 20, State: "undone", Injected: at(10), Undone: at(30), Touched: 137, Unit: "round trips"}},
		Blast:    report.Blast{MaxTargets: 1, Environments: []string{"demo", "staging"}, Protected: []string{"orders-db"}},
		Switches: []report.Switch{{Name: "patterns", On: false}},
		Load: &report.Load{Plan: "browse, buy: 25 req/s", Sent: 1686, Missed: 2, Total: report.LoadStep{Done: 1686, Failed: 3, Rate: 40.1, P50: 0.0121, P95: 0.862, P99: 1.21, Max: 1.98},
			Steps: []report.LoadStep{{Name: "checkout", Done: 295, Failed: 3, Rate: 7.02, P50: 0.215, P95: 1.26, P99: 1.73, Max: 1.98}}, Errors: []report.ErrorCount{{Kind: "status 503", Count: 3}}},
		Events: []report.Event{
			{Start: at(0), End: at(40), Kind: "experiment", Outcome: "bad", Title: "payment answers 800 ms late: did not hold", Detail: "p95 was 831 ms"},
			{Start: at(10), End: at(30), Kind: "fault", Outcome: "good", Title: "payment +800ms", Detail: "undone, verified"},
			{Start: at(11), Kind: "probe", Outcome: "bad", Title: "p95", Detail: "831 ms, expected < 200ms", TraceID: p95.TraceID}},
		Panels: []report.Panel{{Title: "latency as users see it", Query: "latency", Unit: "s", Bound: 0.2,
			Series: []report.Series{{Name: "0.95", Points: points(0.04, 0.83)}, {Name: "0.5", Points: points(0.01, 0.02)}}},
			{Title: "errors", Query: "errors", Unit: "%", Err: "no samples yet for errors"}},
		Why: &report.Why{BaselineFrom: at(0), From: at(10), To: at(30), Before: 376, Requests: 829, Bad: 152, Failed: 1, Notes: []string{"1128 of 1205 requests were read whole, evenly chosen"},
			Rows: []report.WhyRow{{Kind: "slow", Service: "checkout", Peer: "payment", What: "801ms more on the way: Charge", Bad: 0.95, Good: 0.004, Lift: 215, P: 7e-51, Score: 0.93, TraceID: p95.TraceID},
				{Kind: "fails", Peer: "payment", What: "calls fail, whoever makes them", Bad: 0.05, Lift: nan, P: 3e-5, Score: 0.05, TraceID: p95.TraceID, Also: []string{"no span of payment"}}},
			Metrics: []report.WhyMetric{{Name: "queue", Before: 1, After: 9, P: 0.001}}},
		Traces: []report.Trace{{ID: p95.TraceID, Probe: "p95", Service: "gateway", Name: "POST /checkout", Start: at(12), Took: 0.831, Errors: 1, Cut: 4,
			Spans: []report.Span{{ID: "00f067aa0ba902b7", Service: "gateway", Name: "POST /checkout", Took: 0.831},
				{ID: "00f067aa0ba902b8", Depth: 1, Service: "checkout", Name: "charge", Offset: 0.012, Took: 0.811, Failed: true, Message: "deadline exceeded"}},
			Logs: []report.Log{{Time: at(12.8), Level: "ERROR", Service: "checkout", Body: "payment did not answer"}}}},
		Omitted: []string{"3 entries from the middle of the timeline"},
	}
	return d
}

// points are 40 seconds of calm with a disturbance and a gap in them.
func points(calm, hurt report.Number) []report.Point {
	var out []report.Point
	for s := range 41 {
		v := calm
		if s > 11 && s < 31 {
			v = hurt
		}
		if s == 35 {
			v = report.Number(math.NaN())
		}
		out = append(out, report.Point{report.Number(float64(at(float64(s)).UnixMilli()) / 1000), v})
	}
	return out
}

// hostile is what a text from outside may hold.
const hostile = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\"'|`*[x](javascript:alert(3))@everyone #1 ```\n# x \x1b[31m\u202e]]>-->{{.}} http://u:swordfish@h/?token=hunter2"

// hostileDocument has it in every text.
func hostileDocument(t *testing.T) *report.Document {
	t.Helper()
	d := document()
	s := &d.Summary
	for _, text := range []*string{&d.Hypothesis, &d.Description, &d.Failure, &s.ID, &s.Name, &s.Title, &s.System, &s.Environment, &s.Reason, &d.Program.Version, &d.Program.Go,
		&d.Program.Session, &d.File.Name, &d.File.SHA256, &d.File.Text, &d.Probes[0].Name, &d.Probes[0].Expect, &d.Probes[0].TraceID, &d.Probes[0].Err, &d.Probes[0].Unit,
		&d.Probes[0].During.Worst.Text, &d.Probes[0].During.Typical.Text, &d.Probes[0].Before.Check, &d.Faults[0].Title, &d.Faults[0].Kind, &d.Faults[0].Targets[0], &d.Faults[0].TargetKind,
		&d.Faults[0].Actions[0], &d.Faults[0].Undo, &d.Faults[0].State, &d.Faults[0].Unit, &d.Faults[0].Err, &d.Faults[0].Remedy, &d.Blast.Environments[0], &d.Blast.Protected[0],
		&d.Switches[0].Name, &d.Load.Plan, &d.Load.Steps[0].Name, &d.Load.Errors[0].Kind, &d.Events[0].Kind, &d.Events[0].Outcome, &d.Events[0].Title, &d.Events[0].Detail,
		&d.Panels[0].Title, &d.Panels[0].Query, &d.Panels[0].Unit, &d.Panels[0].Series[0].Name, &d.Panels[1].Title, &d.Panels[1].Err, &d.Traces[0].ID, &d.Traces[0].Probe,
		&d.Why.Rows[0].Kind, &d.Why.Rows[0].Service, &d.Why.Rows[0].Peer, &d.Why.Rows[0].What, &d.Why.Rows[0].TraceID, &d.Why.Notes[0],
		&d.Traces[0].Service, &d.Traces[0].Name, &d.Traces[0].Spans[1].Service, &d.Traces[0].Spans[1].Name, &d.Traces[0].Spans[1].Message, &d.Traces[0].Logs[0].Level,
		&d.Traces[0].Logs[0].Service, &d.Traces[0].Logs[0].Body, &d.Omitted[0], &d.Probes[0].Readings[14].Text, &d.Probes[0].Readings[14].Check} {
		*text = hostile
	}
	d.Remains = []string{hostile}
	d.Labels = map[string]string{hostile: hostile}
	return d
}
