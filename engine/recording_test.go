package engine

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/experiment"
	"gameday/chaos/probe"
	"gameday/engine/report"
	"gameday/sources/signal"
	"gameday/sources/store"
)

func TestRecordingIsBoundedAndKeepsTheBad(t *testing.T) {
	r := newRecording(&Plan{Experiment: &experiment.Experiment{}}, nil)
	start := time.Unix(1000, 0)
	for i := range 3 * maxReadings {
		m := probe.Reading{From: start, At: start.Add(time.Duration(i) * time.Second), Value: 1, Text: "1", Known: true}
		check := signal.CheckPassed
		if i%1000 == 1 {
			m.TraceID, check = signal.TraceID{byte(i % 250), 1}, signal.CheckFailed
		}
		r.reading("p", m, check)
	}
	require.LessOrEqual(t, len(r.readings["p"]), maxReadings)
	require.True(t, r.thinned)
	bad := 0
	for _, x := range r.readings["p"] {
		if x.Check == "failed" {
			bad++
		}
	}
	require.Equal(t, 12, bad, "every bad reading among neighbours that were good")
	require.Len(t, r.traces["p"], 12)
}

func TestProbesAreSummedUpByPhase(t *testing.T) {
	expect, err := probe.ParseExpect("< 200ms")
	require.NoError(t, err)
	e := &experiment.Experiment{}
	e.SteadyState.Probes = []probe.Config{{Name: "p95", Expect: expect}}
	r := newRecording(&Plan{Experiment: e}, nil)
	start := time.Unix(1000, 0)
	r.phases = []report.Phase{{Name: "before", From: start, To: start.Add(10 * time.Second)}, {Name: "during", From: start.Add(10 * time.Second), To: start.Add(20 * time.Second)},
		{Name: "after", From: start.Add(20 * time.Second), To: start.Add(30 * time.Second)}}
	for i := 1; i < 30; i++ {
		at := start.Add(time.Duration(i) * time.Second)
		v, check := 0.05, signal.CheckPassed
		if i > 12 && i < 22 {
			v, check = 0.8, signal.CheckFailed
		}
		r.reading("p95", probe.Reading{From: at.Add(-time.Second), At: at, Value: v, Text: probe.Format(v, probe.UnitSeconds), Known: true}, check)
	}
	res := experiment.Result{State: signal.ExperimentState{Probes: []signal.ProbeState{{Name: "p95", Expect: "< 200ms", Before: signal.CheckPassed, During: signal.CheckFailed, After: signal.CheckPassed}}},
		Faults: []signal.FaultState{{Injected: start.Add(10 * time.Second)}}}
	p := r.probes(res)[0]
	require.Equal(t, "s", p.Unit)
	require.InDelta(t, 0.2, float64(p.Hi), 1e-12)
	require.False(t, p.Lo.Known())
	require.Equal(t, report.Stats{Check: "passed", Readings: 10, Typical: report.Figure{Value: 0.05, Text: "50.0 ms"}, Worst: report.Figure{Value: 0.05, Text: "50.0 ms"}}, p.Before)
	require.Equal(t, report.Stats{Check: "failed", Readings: 10, Failed: 8, Typical: report.Figure{Value: 0.8, Text: "800 ms"}, Worst: report.Figure{Value: 0.8, Text: "800 ms"}}, p.During)
	require.Equal(t, 9, p.After.Readings)
	require.Equal(t, "passed", p.After.Check)
}

func TestFaultsOfAReport(t *testing.T) {
	plan := &Plan{Experiment: &experiment.Experiment{Method: []experiment.Step{{Fault: "k", For: time.Second}, {Fault: "k", At: time.Second}, {Fault: "k"}}}}
	for _, title := range []string{"slow", "kill", "slow"} {
		plan.Faults = append(plan.Faults, &chaos.Planned{Kind: "k", Title: title, Total: 3, Targets: []chaos.Target{{Kind: "link", Name: "a→b"}}})
	}
	at := time.Unix(5, 0)
	out := reportFaults(plan, experiment.Result{Faults: []signal.FaultState{
		{Kind: "k", Title: "slow", Phase: signal.FaultUndone, Injected: at, Undone: at.Add(time.Second), Touched: 1, Unit: "requests"},
		{Kind: "k", Title: "slow", Phase: signal.FaultNeedsHuman, Injected: at, Remedy: "do it"}}})
	require.Equal(t, []string{"undone", "not injected", "NEEDS YOU"}, []string{out[0].State, out[1].State, out[2].State})
	require.Equal(t, "do it", out[2].Remedy)
	require.Equal(t, []string{"a→b"}, out[1].Targets)
	require.Equal(t, 3, out[1].Of)
	require.True(t, out[1].Injected.IsZero())
}

func TestWaterfall(t *testing.T) {
	id := func(n byte) signal.SpanID { return signal.SpanID{n} }
	start := time.Unix(0, 0)
	span := func(n, parent byte, ms int) signal.Span {
		return signal.Span{SpanID: id(n), ParentID: id(parent), Start: start.Add(time.Duration(ms) * time.Millisecond)}
	}
	var got []int
	// 1 holds 3 (earlier) and 2; 4 has a parent that is not here; 5 and 6 are each other's parents
	for _, s := range waterfall([]signal.Span{span(1, 0, 0), span(2, 1, 20), span(3, 1, 10), span(4, 9, 5), span(5, 6, 1), span(6, 5, 2)}) {
		got = append(got, int(s.SpanID[0])*10+s.depth)
	}
	require.Equal(t, []int{10, 31, 21, 40, 50, 61}, got)
	require.Empty(t, waterfall(nil))

	many := &signal.Trace{Spans: make([]signal.Span, reportSpans+7), Logs: make([]signal.Record, reportLogs+5)}
	for i := range many.Spans {
		many.Spans[i].SpanID = signal.SpanID{1, byte(i), byte(i >> 8)}
	}
	out := reportTrace(many, "p")
	require.Len(t, out.Spans, reportSpans)
	require.Len(t, out.Logs, reportLogs)
	require.Equal(t, 12, out.Cut)
}

// A report that cannot be made never takes the session with it, and who waits for it is told.
func TestReportThatFails(t *testing.T) {
	s := newSessionForReports(t)
	run := &experimentRun{done: make(chan struct{}), kept: kept{done: make(chan struct{})}} // no recording: making it panics
	_, err := s.Report(t.Context())
	require.ErrorContains(t, err, "nothing to report")
	s.run = run
	s.keep(run, nil)
	doc, err := s.Report(t.Context())
	require.Nil(t, doc)
	require.ErrorContains(t, err, "the report could not be made")
	close(run.done)
}

func newSessionForReports(t *testing.T) *Session {
	t.Helper()
	st, err := store.New(store.Config{})
	require.NoError(t, err)
	specs := []PanelSpec{{Title: "p95", Query: "x", Unit: "s", Bound: 0.2, Legend: "service"}}
	return &Session{cfg: Config{Name: "shop", Environment: "demo", Version: "v1", StateDir: t.TempDir(), Panels: specs, Log: t.Logf},
		id: "session", store: st, panels: newPanels(only(&fakeDB{value: 0.5}), specs, HeadlineSpec{}), ctx: t.Context()}
}

func TestReportIsKept(t *testing.T) {
	s := newSessionForReports(t)
	start := time.Now().Add(-30 * time.Second)
	id := signal.TraceID{7}
	s.store.Add(signal.Batch{Spans: []signal.Span{{TraceID: id, SpanID: signal.SpanID{1}, Service: "gateway", Name: "POST /checkout", Start: start, Duration: time.Second}},
		Logs: []signal.Record{{Time: start, Service: "gateway", Body: "Authorization: Bearer abcdefgh", TraceID: id}}})
	s.Event(signal.Event{Kind: signal.EventNote, Title: "before the run", Start: start.Add(-time.Minute)})
	s.Event(signal.Event{Kind: signal.EventProbe, Outcome: signal.Bad, Title: "p95", Start: start.Add(time.Second)})
	e := &experiment.Experiment{Hypothesis: "it holds"}
	e.SteadyState.Probes = make([]probe.Config, 1)
	run := &experimentRun{kept: kept{done: make(chan struct{})},
		recording: newRecording(&Plan{Experiment: e, document: &Document{File: "x.yaml", Data: []byte("headers: {A: swordfish}\n")}}, nil)}
	run.result = experiment.Result{Detected: true, TimeToDetect: time.Second, State: signal.ExperimentState{Name: "slow", Started: start, Ended: start.Add(20 * time.Second),
		Verdict: signal.VerdictBroken, Probes: []signal.ProbeState{{Name: "p95", TraceID: id}}}}
	s.run = run
	s.keep(run, nil)
	doc, err := s.Report(t.Context())
	require.NoError(t, err)
	kept, err := report.Find(report.Dir(s.cfg.StateDir), "last")
	require.NoError(t, err)
	require.Equal(t, doc.Summary.ID, kept.Summary.ID)
	require.Equal(t, "did not hold", kept.Summary.Verdict)
	require.Equal(t, report.Seconds(1), *kept.Summary.Detected)
	require.Nil(t, kept.Summary.Recovered)
	require.Equal(t, "headers: {A: withheld}\n", kept.File.Text)
	require.Len(t, kept.Traces, 1)
	require.Equal(t, "POST /checkout", kept.Traces[0].Spans[0].Name)
	require.NotContains(t, kept.Traces[0].Logs[0].Body, "abcdefgh")
	require.Len(t, kept.Events, 1, "what happened before the run is not of it")
	require.Equal(t, []string{"payment"}, []string{kept.Panels[0].Series[0].Name})
	told := s.store.Frame(signal.View{}).Events
	require.Equal(t, "gameday report "+doc.Summary.ID, told[len(told)-1].Detail)
}

func TestReportThatCannotBeWritten(t *testing.T) {
	s := newSessionForReports(t)
	require.NoError(t, os.WriteFile(filepath.Join(s.cfg.StateDir, "runs"), nil, 0o600))
	run := &experimentRun{kept: kept{done: make(chan struct{})}, recording: newRecording(&Plan{Experiment: &experiment.Experiment{}}, nil)}
	s.run = run
	s.keep(run, nil)
	doc, err := s.Report(t.Context())
	require.ErrorContains(t, err, "no directory for the runs")
	require.NotNil(t, doc, "it can still be written elsewhere")
}
