package load

import (
	"math"
	"net/url"
	"strings"
	"time"

	"gameday/engine/load/analysis"
	"gameday/engine/load/histogram"
	"gameday/engine/load/protocol"
	"gameday/sources"
	"gameday/sources/signal"
)

// picture gathers, once a second, what screens and reports draw of the run. Only the collector uses it; what it hands out
// is not changed any more.
type picture struct {
	track   analysis.Track // the whole run
	seconds Seconds
	last    *summary            // the latest second
	total   histogram.Histogram // latencies since the warm-up
	judged  []judging           // of each threshold
}

// judging is what a threshold is judged by so far.
type judging struct {
	done, failed uint64
	latency      histogram.Histogram
	match        func(step int) bool
}

// tooShort is what is too little time for a rate: the rest that is left when a run ends.
const tooShort = tick / 4

func newPicture(r *Run) *picture {
	p := &picture{last: &summary{}, judged: make([]judging, len(r.thresh))}
	for i, t := range r.thresh {
		p.judged[i].match, _ = r.matcher(t.Step)
	}
	return p
}

// second takes the second that the history took last.
func (p *picture) second(r *Run, from, to time.Duration) {
	w := r.history.window(-1, 1, r.requests)
	p.last = w
	if from >= r.warmup {
		p.total.Merge(&w.latency)
		for i := range p.judged {
			j := &p.judged[i]
			part := w
			if r.thresh[i].Step != "" {
				part = r.history.window(-1, 1, j.match)
			}
			j.done += part.done
			j.failed += part.failed
			j.latency.Merge(&part.latency)
		}
	}
	target, users := r.targetRate(from+(to-from)/2), int(r.users.Load())
	atWork := float64(users)
	if r.open() {
		atWork = 0
	}
	p.track.Add(analysis.Second{From: from, To: to, Planned: target, Users: atWork, Done: w.done, Failed: w.failed, Missed: w.missed,
		Latency: w.latency.Sparse()})
	if to-from < tooShort && len(p.seconds.list) > 0 {
		return
	}
	s := signal.LoadSecond{From: r.epoch.Add(from), To: r.epoch.Add(to), Target: target, Done: w.done, Failed: w.failed, Missed: w.missed,
		Users: users, InFlight: int(r.rec.inFlight()), Max: w.latency.Max(), Errors: errorCounts(&w.kinds), Heat: Heat(&w.latency)}
	s.P50, s.P90, s.P95, s.P99 = four(&w.latency)
	p.seconds.Add(s)
}

// open reports whether anything of the plan starts iterations at appointed instants.
func (r *Run) open() bool {
	for _, g := range r.plan.groups {
		if g.executor.Kind.Open() {
			return true
		}
	}
	return false
}

// Heat is a histogram in the buckets of a heat map.
func Heat(h *histogram.Histogram) (out signal.LatencyCounts) {
	if h.Count() == 0 {
		return out
	}
	out.First = signal.LatencyBucket(h.Min())
	out.Counts = make([]uint32, signal.LatencyBucket(h.Max())-out.First+1)
	at := out.First
	h.Each(func(b histogram.Bucket) {
		for at < signal.LatencyBuckets-1 && min(b.High, h.Max()) > signal.LatencyBound(at) {
			at++
		}
		c := &out.Counts[min(at-out.First, len(out.Counts)-1)]
		*c = uint32(min(uint64(*c)+b.Count, math.MaxUint32))
	})
	return out
}

// stepsPerDecade is how finely the spectrum is drawn: so many points for each further nine of a percentile.
const stepsPerDecade = 8

// Spectrum is the shape of a distribution as HdrHistogram plots it: latencies at shares that come ever closer to 1, evenly
// on a logarithmic axis of 1/(1-share), as far as the number of requests bears, and last the longest.
func Spectrum(h *histogram.Histogram) []signal.LatencyShare {
	if h.Count() == 0 {
		return nil
	}
	n := float64(h.Count())
	out := make([]signal.LatencyShare, 0, stepsPerDecade*7+1)
	var seen uint64
	k := 0
	h.Each(func(b histogram.Bucket) {
		for seen += b.Count; k < stepsPerDecade*7; k++ {
			share := 1 - math.Pow(10, -float64(k)/stepsPerDecade)
			if 1-share < 1/n || seen < max(uint64(share*n+0.5), 1) { // the rank that Histogram.Quantile takes
				return
			}
			out = append(out, signal.LatencyShare{Share: share, Latency: min(b.High, h.Max())})
		}
	})
	return append(out, signal.LatencyShare{Share: 1, Latency: h.Max()})
}

func phasesOf(c *counts) signal.LoadPhases {
	if c.done == 0 {
		return signal.LoadPhases{}
	}
	return signal.LoadPhases(c.phases.Over(time.Duration(c.done)))
}

// complete adds to a state what the picture knows.
func (p *picture) complete(r *Run, s *signal.LoadState, totals []counts) {
	var all counts
	for i := range totals {
		if r.requests(i) {
			all.add(&totals[i], nil)
		}
	}
	s.Adjustable = r.Adjustable()
	s.Phases, s.PhasesTotal = phasesOf(&p.last.counts), phasesOf(&all)
	s.Seconds, s.Spectrum = p.seconds.Latest(), Spectrum(&p.total)
	span := s.Elapsed - r.warmup
	for i, t := range r.thresh {
		if span <= 0 {
			s.Thresholds = append(s.Thresholds, signal.LoadThreshold{Name: t.Name(), Expect: t.Expect.String(), Why: "warming up"})
			continue
		}
		j := &p.judged[i]
		sum := Summary{Done: j.done, Failed: j.failed, Rate: float64(j.done) / span.Seconds(), Response: &j.latency}
		s.Thresholds = append(s.Thresholds, t.judge(&sum, r.missed.Load(), span).state(s.Exemplars))
	}
}

// Name is the threshold's statistic and what it is of.
func (t Threshold) Name() string {
	if t.Step == "" {
		return t.Stat
	}
	return t.Stat + " of " + t.Step
}

// state is the verdict as a screen shows it, with a request behind it when it has failed.
func (t ThresholdResult) state(exemplars []signal.RequestExemplar) signal.LoadThreshold {
	out := signal.LoadThreshold{Name: t.Name(), Expect: t.Expect.String(), Check: t.Check, Why: t.Why}
	if !math.IsNaN(t.Value) {
		out.Value = t.Expect.Format(t.Value, UnitOf(t.Stat))
	}
	if t.Check != signal.CheckFailed {
		return out
	}
	_, step, both := strings.Cut(t.Step, "/")
	failures, longest := t.Stat == "errors" || t.Stat == "success", time.Duration(-1)
	for _, e := range exemplars {
		of := t.Step == "" || e.Step == t.Step || both && e.Step == step
		if of && !e.TraceID.IsZero() && e.Latency > longest && (!failures || e.Err != "") {
			out.TraceID, longest = e.TraceID, e.Latency
		}
	}
	return out
}

// settle puts the final verdicts in the place of the last ones that were given while the run went on.
func (r *Run) settle() {
	s := *r.state.Load()
	s.Thresholds = nil
	for _, t := range r.result.Thresholds {
		s.Thresholds = append(s.Thresholds, t.state(s.Exemplars))
	}
	r.state.Store(&s)
}

// paused reports whether an operator holds everything that he may.
func (r *Run) paused() bool {
	r.adjusting.Lock()
	defer r.adjusting.Unlock()
	held := false
	for _, g := range r.plan.groups {
		if !g.executor.Kind.adjustable() {
			continue
		}
		if turned := g.profile.dial.at.Load(); turned == nil || turned.level > 0 || g.paused == 0 {
			return false
		}
		held = true
	}
	return held
}

// extrasOf are a step's figures of its protocol's own.
func extrasOf(st *step, values *[protocol.MaxExtras]float64) (out []signal.LoadExtra) {
	for i, x := range st.extras {
		out = append(out, signal.LoadExtra{Name: x.Name, Unit: x.Unit, Value: values[i]})
	}
	return out
}

// shownTarget is a target without what may be a secret: user, password, query.
func shownTarget(target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return "" // who knows what it holds
	}
	return sources.Redact((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}
