package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"gameday/chaos/experiment"
	"gameday/engine/load"
	"gameday/engine/report"
	"gameday/sources/signal"
)

// What a report holds at most of each, so that it stays a file one can mail.
const (
	reportEvents = 600 // the first and the last half of them
	reportSeries = 16  // in one chart
	reportPoints = 300 // of one series
	reportTraces = 6
	reportSpans  = 120
	reportLogs   = 60
)

// keepTimeout bounds the making of a report: a session that is being quit waits for it.
const keepTimeout = 10 * time.Second

// kept is the report of a run on its way. Its fields are set when done is closed.
type kept struct {
	done chan struct{}
	doc  *report.Document
	err  error
}

// Report waits for the report of the experiment that ran last and returns it. A document with an error is one that could not
// be kept on disk. It is nil without an experiment.
func (s *Session) Report(ctx context.Context) (*report.Document, error) {
	s.mu.Lock()
	run := s.run
	s.mu.Unlock()
	if run == nil {
		return nil, errors.New("no experiment was run, so there is nothing to report")
	}
	select {
	case <-run.kept.done:
		return run.kept.doc, run.kept.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// keep makes the report of a run that ended and writes it into the state directory. A mistake in here costs the report
// and nothing else.
func (s *Session) keep(run *experimentRun, load *report.Load) {
	defer close(run.kept.done)
	defer func() {
		if p := recover(); p != nil {
			run.kept.err = fmt.Errorf("the report could not be made: gameday itself failed: %v", p)
			s.cfg.Log("report: %v", run.kept.err)
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), keepTimeout)
	defer cancel()
	doc := s.document(ctx, run)
	doc.Load = load
	run.kept.doc = doc
	if err := report.Keep(report.Dir(s.cfg.StateDir), doc, time.Now()); err != nil {
		s.cfg.Log("report: %v", err)
		if doc.Summary.ID == "" {
			run.kept.err = err
			s.Event(signal.Event{Kind: signal.EventNote, Outcome: signal.Warning, Title: "report not kept", Detail: err.Error()})
			return
		}
	}
	s.Event(signal.Event{Kind: signal.EventNote, Title: "report kept", Detail: "gameday report " + doc.Summary.ID})
}

// document puts together what is known of a run.
func (s *Session) document(ctx context.Context, run *experimentRun) *report.Document {
	rec, res := run.recording, run.result
	e, st := rec.plan.Experiment, res.State
	window := signal.Window{From: st.Started, To: st.Ended}
	d := &report.Document{
		Version: report.Version, Hypothesis: st.Hypothesis, Description: e.Metadata.Description, Labels: e.Metadata.Labels,
		Summary: report.Summary{Name: st.Name, Title: st.Title, System: s.cfg.Name, Environment: s.cfg.Environment, Started: st.Started, Ended: st.Ended,
			Verdict: st.Verdict.String(), Reason: st.Reason, ExitCode: st.Verdict.ExitCode()},
		Program: report.Program{Version: s.cfg.Version, Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH, Session: s.id},
		Planned: report.SecondsOf(st.Total), Probes: rec.probes(res), Remains: res.Remains, Failure: res.Stack,
		Blast: report.Blast{MaxTargets: e.BlastRadius.MaxTargets, Percent: float64(e.BlastRadius.Percent),
			Environments: e.BlastRadius.Environments, Protected: e.BlastRadius.Protected},
	}
	if res.Detected {
		d.Summary.Detected = new(report.SecondsOf(res.TimeToDetect))
	}
	if res.Recovered {
		d.Summary.Recovered = new(report.SecondsOf(res.TimeToRecover))
	}
	if doc := rec.plan.document; doc != nil {
		sum := sha256.Sum256(doc.Data)
		d.File = report.File{Name: doc.File, SHA256: hex.EncodeToString(sum[:]), Text: report.WithoutHeaders(string(doc.Data))}
	}
	rec.mu.Lock()
	d.Phases = slices.Clone(rec.phases)
	if rec.thinned {
		d.Omitted = append(d.Omitted, "readings of long runs are thinned out; bad ones are kept before good ones")
	}
	rec.mu.Unlock()
	for _, sw := range rec.switches {
		d.Switches = append(d.Switches, report.Switch{Name: sw.Name, On: sw.On})
	}
	d.Faults = reportFaults(rec.plan, res)
	s.reportTimeline(d, window)
	s.reportPanels(ctx, d, window)
	s.reportTraces(d, rec)
	s.reportWhy(ctx, d, st.Started, res.Faults)
	return d
}

// reportFaults joins what was planned with what became of it. Faults that were injected are in the order of the steps.
func reportFaults(plan *Plan, res experiment.Result) []report.Fault {
	states := res.Faults
	steps := plan.Experiment.Faults()
	out := make([]report.Fault, 0, len(plan.Faults))
	for i, p := range plan.Faults {
		step := steps[i]
		f := report.Fault{Title: p.Title, Kind: p.Kind, Of: p.Total, Actions: p.Description.Actions, Undo: p.Description.Undo, Reversible: p.Reversible,
			At: report.SecondsOf(step.Start), For: report.SecondsOf(step.For), State: "not injected"}
		for _, t := range p.Targets {
			f.Targets, f.TargetKind = append(f.Targets, t.Name), string(t.Kind)
		}
		at := slices.IndexFunc(states, func(s signal.FaultState) bool { return s.Title == p.Title && s.Kind == p.Kind })
		if at >= 0 {
			st := states[at]
			states = slices.Delete(slices.Clone(states), at, at+1)
			f.State, f.Injected, f.Undone, f.Touched, f.Unit, f.Err, f.Remedy = st.Phase.String(), st.Injected, st.Undone, st.Touched, st.Unit, st.Err, st.Remedy
			f.Undo = cmp.Or(st.Undo, f.Undo)
		}
		out = append(out, f)
	}
	return out
}

var eventKinds = map[signal.EventKind]string{
	signal.EventNote: "note", signal.EventFault: "fault", signal.EventProbe: "probe", signal.EventLoad: "load", signal.EventExperiment: "experiment",
	signal.EventAbort: "abort", signal.EventProcess: "process", signal.EventSource: "source", signal.EventSwitch: "switch", signal.EventAlert: "alert",
	signal.EventPerson: "person", signal.EventIncident: "incident",
}

var outcomes = map[signal.Outcome]string{signal.Good: "good", signal.Warning: "warning", signal.Bad: "bad"}

// reportTimeline adds what happened while the experiment ran.
func (s *Session) reportTimeline(d *report.Document, w signal.Window) {
	w.To = w.To.Add(time.Millisecond) // the verdict itself is the last entry
	events := s.store.Frame(signal.View{Window: w, Logs: signal.LogFilter{Limit: 1}, Traces: signal.TraceFilter{Limit: 1}}).Events
	for i, e := range events {
		if len(events) > reportEvents && i >= reportEvents/2 && i < len(events)-reportEvents/2 {
			continue
		}
		d.Events = append(d.Events, report.Event{Start: e.Start, End: e.End, Kind: eventKinds[e.Kind], Outcome: outcomes[e.Outcome],
			Title: e.Title, Detail: e.Detail, TraceID: e.TraceID.String()})
	}
	if n := len(events) - len(d.Events); n > 0 {
		d.Omitted = append(d.Omitted, fmt.Sprintf("%d entries from the middle of the timeline", n))
	}
}

// reportPanels adds the cockpit's charts over the time of the run.
func (s *Session) reportPanels(ctx context.Context, d *report.Document, w signal.Window) {
	if len(s.cfg.Panels) == 0 {
		return
	}
	step := max(time.Second, (w.Length()/reportPoints + time.Second - 1).Truncate(time.Second))
	for _, p := range s.panels.evaluate(ctx, w, step).panels {
		out := report.Panel{Title: p.Title, Query: p.Query, Unit: p.Unit, Bound: p.Bound, Err: p.Err}
		for i, line := range p.Series {
			if i == reportSeries {
				d.Omitted = append(d.Omitted, fmt.Sprintf("%d of %d lines of the chart %q", len(p.Series)-i, len(p.Series), p.Title))
				break
			}
			series := report.Series{Name: line.Name, Points: make([]report.Point, 0, len(line.Samples))}
			for _, sample := range line.Samples {
				series.Points = append(series.Points, report.Point{report.Number(float64(sample.T.UnixMilli()) / 1000), report.Number(sample.V)})
			}
			out.Series = append(out.Series, series)
		}
		d.Panels = append(d.Panels, out)
	}
}

// reportLoad sums up the load that an experiment brought. It is nil when there was none, or when it still runs.
func (s *Session) reportLoad(plan *Plan) *report.Load {
	s.mu.Lock()
	l := s.load
	s.mu.Unlock()
	if plan.Experiment.Load == nil || l == nil || l.run == nil {
		return nil
	}
	select {
	case <-l.run.Done():
	default:
		return nil
	}
	res := l.run.Wait()
	out := &report.Load{Plan: plan.Load, Sent: res.Sent, Missed: res.Missed, Total: loadStep("", res.Total)}
	for _, st := range res.Steps {
		out.Steps = append(out.Steps, loadStep(st.Name, st.Summary))
	}
	for _, e := range res.Errors {
		out.Errors = append(out.Errors, report.ErrorCount{Kind: e.Kind, Count: e.Count})
	}
	return out
}

func loadStep(name string, s load.Summary) report.LoadStep {
	out := report.LoadStep{Name: name, Done: s.Done, Failed: s.Failed, Rate: s.Rate}
	if h := s.Response; h != nil {
		out.P50, out.P95, out.P99, out.Max = report.SecondsOf(h.Quantile(0.5)), report.SecondsOf(h.Quantile(0.95)),
			report.SecondsOf(h.Quantile(0.99)), report.SecondsOf(h.Max())
	}
	return out
}
