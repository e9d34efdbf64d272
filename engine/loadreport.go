package engine

import (
	"math"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/histogram"
	"gameday/engine/report"
	"gameday/sources/signal"
)

// LoadReport is a load run that has ended as a document. version is gameday's own.
func LoadReport(res *load.Result, version string) *report.LoadRun {
	d := &report.LoadRun{Version: report.Version, Name: res.Name, Target: res.Target, Program: version, Started: res.Started,
		Elapsed: report.SecondsOf(res.Elapsed), Verdict: res.Check().String(), Sent: res.Sent, Missed: res.Missed,
		Total: loadFigures("all", &res.Total), Notes: res.Notes}
	for i := range res.Steps {
		st := &res.Steps[i]
		d.Steps = append(d.Steps, loadFigures(st.Name, &st.Summary))
	}
	for _, e := range res.Errors {
		d.Errors = append(d.Errors, report.ErrorCount{Kind: e.Kind, Count: e.Count})
	}
	for _, t := range res.Thresholds {
		one := report.LoadThreshold{Name: t.Name(), Expect: t.Expect.String(), Check: t.Check.String(), Why: t.Why}
		if !math.IsNaN(t.Value) {
			one.Value = t.Expect.Format(t.Value, load.UnitOf(t.Stat))
		}
		d.Thresholds = append(d.Thresholds, one)
	}
	for _, e := range res.Exemplars {
		r := report.LoadRequest{At: e.At, Step: e.Step, Took: report.SecondsOf(e.Latency), Status: e.Status, Err: e.Err}
		if !e.TraceID.IsZero() {
			r.TraceID = e.TraceID.String()
		}
		d.Requests = append(d.Requests, r)
	}
	if h := res.Total.Response; h != nil {
		for _, p := range load.Spectrum(h) {
			d.Spectrum = append(d.Spectrum, [2]float64{p.Share, p.Latency.Seconds()})
		}
	}
	var h histogram.Histogram
	for _, s := range res.Seconds {
		h.Reset()
		h.MergeSparse(s.Latency)
		one := report.LoadSecond{From: report.SecondsOf(s.From), To: report.SecondsOf(s.To), Planned: s.Planned, Users: s.Users,
			Done: s.Done, Failed: s.Failed, Missed: s.Missed, Heat: heatPairs(&h)}
		at := func(q float64) report.Number {
			if h.Count() == 0 {
				return report.Number(math.NaN())
			}
			return report.Number(h.Quantile(q).Seconds())
		}
		one.P50, one.P90, one.P95, one.P99, one.Max = at(0.5), at(0.9), at(0.95), at(0.99), at(1)
		d.Seconds = append(d.Seconds, one)
	}
	return d
}

// heatPairs are the counts of a histogram in coarse buckets: their upper ends in seconds, and how many.
func heatPairs(h *histogram.Histogram) (out [][2]float64) {
	last := -1
	h.Each(func(b histogram.Bucket) {
		at := signal.LatencyBucket(min(b.High, h.Max()))
		if at != last {
			out = append(out, [2]float64{signal.LatencyBound(at).Seconds(), 0})
			last = at
		}
		out[len(out)-1][1] += float64(b.Count)
	})
	return out
}

func loadFigures(name string, s *load.Summary) report.LoadFigures {
	out := report.LoadFigures{LoadStep: loadStep(name, *s), Phases: map[string]report.Seconds{}}
	if h := s.Response; h != nil {
		out.P90, out.Mean = report.SecondsOf(h.Quantile(0.9)), report.SecondsOf(h.Mean())
	}
	m := s.Mean
	for i, d := range []time.Duration{m.Resolve, m.Connect, m.TLS, m.Write, m.Wait, m.Read} {
		out.Phases[report.PhaseNames()[i]] = report.SecondsOf(d)
	}
	for _, x := range s.Extras {
		if out.Extras == nil {
			out.Extras = map[string]float64{}
		}
		out.Extras[x.Name] = x.Value
	}
	return out
}
