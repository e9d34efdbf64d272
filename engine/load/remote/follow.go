package remote

import (
	"context"
	"fmt"
	"math"
	"sort"
	"strings"
	"sync"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/histogram"
	"gameday/sources/signal"
)

const (
	followEvery = 2 * time.Second // how often Prometheus is asked
	askTime     = 10 * time.Second
	recentSpan  = 3 // reports of a part that what is shown as of now is taken from: one may be missing
)

// Followed is a run in parts that is being looked at: what its parts report, put together, as the state of one load. Its
// methods are safe for concurrent use.
type Followed struct {
	plan   string
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	state signal.LoadState
	err   error // of the last question; nil when it was answered
}

// Follow looks at a run until all of its parts have ended or are lost, ctx ends, or Stop is called; Done is closed then.
// The parts go on whatever becomes of it. A run that has not reported yet is waited for; p is closed in the end.
func Follow(ctx context.Context, p *Prometheus, o Options) *Followed {
	ctx, cancel := context.WithCancel(ctx)
	f := &Followed{plan: o.Plan, cancel: cancel, done: make(chan struct{})}
	f.state = signal.LoadState{Name: o.Plan, Scenario: "waits for reports of its parts", Running: true, Started: time.Now()}
	go f.main(ctx, p, o)
	return f
}

// State is how the run stood when Prometheus was asked last.
func (f *Followed) State() signal.LoadState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// Stop ends the looking.
func (f *Followed) Stop() { f.cancel() }

// Done is closed when it has ended.
func (f *Followed) Done() <-chan struct{} { return f.done }

// Err is why the last question was not answered, or nil.
func (f *Followed) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *Followed) main(ctx context.Context, p *Prometheus, o Options) {
	defer close(f.done)
	defer p.Close()
	defer f.cancel()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	past := &past{}
	for over := false; !over; {
		ask, cancel := context.WithTimeout(ctx, askTime)
		m, err := p.Merged(ask, o)
		var now *nowMerged
		if err == nil {
			o.Run = m.Run // another that begins meanwhile is another
			now, err = p.now(ask, m)
		}
		cancel()
		if ctx.Err() == nil {
			over = f.took(m, now, past, err)
		}
		if over {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			over = true
		}
	}
	f.mu.Lock()
	f.state.Running = false
	f.mu.Unlock()
}

// took makes a state of an answer, and reports whether the run is over.
func (f *Followed) took(m *Merged, now *nowMerged, past *past, err error) (over bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err = err; err != nil {
		if f.state.Done == 0 {
			f.state.Scenario = "waits for reports: " + err.Error()
		}
		return false
	}
	f.state = past.state(m, now)
	return !f.state.Running
}

// nowMerged is what the parts do now, together.
type nowMerged struct {
	rate, target, users, inFlight, sent float64
	latency                             [4]time.Duration // of the last few reports: P50, P90, P95, P99
	steps                               map[stepKey]*stepNow
	all                                 *histogram.Histogram // of all that was measured
}

type stepNow struct {
	rate    float64
	latency [4]time.Duration
}

var shownQuantiles = [4]float64{0.5, 0.9, 0.95, 0.99}

// now asks what the parts that run do at the moment.
func (p *Prometheus) now(ctx context.Context, m *Merged) (*nowMerged, error) {
	n := &nowMerged{steps: map[stepKey]*stepNow{}}
	var running, counted []string
	for i := range m.Parts {
		name := m.Parts[i].String()
		if m.Parts[i].State == Running {
			running = append(running, name)
		}
		if m.Parts[i].Counts() {
			counted = append(counted, name)
		}
	}
	of := "plan=" + quote(m.Plan) + ",run=" + quote(m.Run)
	sent, err := p.query(ctx, "sum (last_over_time("+nameSent+"{"+of+"}["+span(time.Hour)+"]))")
	if err != nil {
		return nil, err
	}
	for _, s := range sent {
		n.sent = s.value
	}
	if n.all, err = p.histogram(ctx, "sum ("+nameResponse+"{"+of+",shard=~"+quote(strings.Join(counted, "|"))+`,group=""})`); err != nil {
		return nil, err
	}
	if len(running) == 0 {
		return n, nil
	}
	of += ",shard=~" + quote(strings.Join(running, "|"))
	gauges := strings.Join([]string{nameRate, nameTargetRate, nameUsers, nameInFlight}, "|")
	list, err := p.query(ctx, "sum by (__name__) ({__name__=~"+quote(gauges)+","+of+"})")
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		if into := map[string]*float64{nameRate: &n.rate, nameTargetRate: &n.target, nameUsers: &n.users, nameInFlight: &n.inFlight}[s.labels["__name__"]]; into != nil {
			*into = s.value
		}
	}
	every, err := p.query(ctx, "max ("+nameInterval+"{"+of+"})")
	if err != nil || len(every) != 1 {
		return n, err
	}
	return n, p.recent(ctx, n, of, "["+span(recentSpan*duration(every[0].value)+grace)+"]")
}

// recent asks for rates and percentiles of the last few reports.
func (p *Prometheus) recent(ctx context.Context, n *nowMerged, of, within string) error {
	const bySteps = "by (scenario, step)"
	growth := func(more string) string { return "rate(" + nameResponse + "{" + of + more + "}" + within + ")" }
	step := func(s series) *stepNow {
		key := stepKey{s.labels["scenario"], s.labels["step"]}
		if n.steps[key] == nil {
			n.steps[key] = &stepNow{}
		}
		return n.steps[key]
	}
	rates, err := p.query(ctx, "sum "+bySteps+" (rate("+nameRequests+"{"+of+"}"+within+"))")
	if err != nil {
		return err
	}
	for _, s := range rates {
		step(s).rate = s.value
	}
	for i, q := range shownQuantiles {
		quantile := func(by, more string) string {
			return fmt.Sprintf("histogram_quantile(%g, sum %s (%s))", q, by, growth(more))
		}
		all, err := p.query(ctx, quantile("", `,group=""`))
		if err != nil {
			return err
		}
		for _, s := range all {
			n.latency[i] = latencyOf(s.value)
		}
		each, err := p.query(ctx, quantile(bySteps, ""))
		if err != nil {
			return err
		}
		for _, s := range each {
			step(s).latency[i] = latencyOf(s.value)
		}
	}
	return nil
}

func latencyOf(seconds float64) time.Duration {
	if math.IsNaN(seconds) {
		return 0
	}
	return max(duration(seconds), 0)
}

// past is what was seen before of a run, for what is between two looks.
type past struct {
	seconds              load.Seconds
	done, failed, missed uint64
	at                   time.Time // of the latest report
	heat                 signal.LatencyCounts
}

// state is a run as a screen shows it.
func (p *past) state(m *Merged, n *nowMerged) signal.LoadState {
	r := m.Report
	s := signal.LoadState{
		Name: m.Plan, Started: r.Started, Elapsed: r.Elapsed, Target: n.target, Rate: n.rate, Users: int(n.users), InFlight: int(n.inFlight),
		Sent: uint64(n.sent), Done: r.Total.Count, Failed: r.Total.Failed, Missed: r.Missed, Max: max(r.Total.Max, 0), Errors: r.Errors,
		P50: n.latency[0], P90: n.latency[1], P95: n.latency[2], P99: n.latency[3],
	}
	reported := p.at
	for i := range m.Parts {
		part := &m.Parts[i]
		s.Running = s.Running || part.State == Running
		s.Total = max(s.Total, part.Planned)
		if part.Counts() && part.Reported.After(reported) {
			reported = part.Reported
		}
	}
	s.Scenario, s.Thresholds = partsShown(m)
	for i := range r.Steps {
		line := &r.Steps[i]
		s.Steps = append(s.Steps, signal.LoadStep{Name: line.Name, Done: line.Count, Failed: line.Failed})
	}
	n.fill(s.Steps, m)
	s.Spectrum = load.Spectrum(n.all)
	p.add(&s, reported, n.all)
	s.Seconds = p.seconds.Latest()
	return s
}

// fill gives steps what they do now.
func (n *nowMerged) fill(steps []signal.LoadStep, m *Merged) {
	for key, now := range n.steps {
		for i := range steps {
			if st := &steps[i]; st.Name == key.step || st.Name == key.scenario+"/"+key.step {
				st.Rate, st.P50, st.P90, st.P95, st.P99 = now.rate, now.latency[0], now.latency[1], now.latency[2], now.latency[3]
			}
		}
	}
}

// add notes what has come since the last report, but for the longest, which parts tell of the whole run only. When a part is
// lost its figures leave the sums, and nothing is added.
func (p *past) add(s *signal.LoadState, reported time.Time, all *histogram.Histogram) {
	if !reported.After(p.at) {
		return
	}
	heat := load.Heat(all)
	if grown := s.Done >= p.done && s.Failed >= p.failed && s.Missed >= p.missed; grown && !p.at.IsZero() {
		p.seconds.Add(signal.LoadSecond{
			From: p.at, To: reported, Target: s.Target, Done: s.Done - p.done, Failed: s.Failed - p.failed, Missed: s.Missed - p.missed,
			Users: s.Users, InFlight: s.InFlight, P50: s.P50, P90: s.P90, P95: s.P95, P99: s.P99,
			Heat: added(p.heat, heat),
		})
	}
	p.at, p.done, p.failed, p.missed, p.heat = reported, s.Done, s.Failed, s.Missed, heat
}

// added is what has come to a histogram; none when something has left it.
func added(before, now signal.LatencyCounts) signal.LatencyCounts {
	out := signal.LatencyCounts{First: now.First, Counts: append([]uint32(nil), now.Counts...)}
	for i, n := range before.Counts {
		at := before.First + i - out.First
		if n == 0 {
			continue
		}
		if at < 0 || at >= len(out.Counts) || out.Counts[at] < n {
			return signal.LatencyCounts{}
		}
		out.Counts[at] -= n
	}
	return out
}

// partsShown is how the parts stand: in a few words, and as a condition that a lost one breaks.
func partsShown(m *Merged) (string, []signal.LoadThreshold) {
	by := map[PartState]int{}
	var gone []string
	for i := range m.Parts {
		p := &m.Parts[i]
		by[p.State]++
		switch p.State {
		case Lost:
			gone = append(gone, fmt.Sprintf("part %s is lost after %v", p, p.Elapsed.Round(time.Second)))
		case Silent:
			gone = append(gone, fmt.Sprintf("part %s has not reported", p))
		}
	}
	all := len(m.Parts)
	counted := by[Running] + by[Finished]
	t := signal.LoadThreshold{Name: "parts", Expect: fmt.Sprintf("= %d", all), Value: fmt.Sprint(counted), Check: signal.CheckPassed}
	if len(gone) > 0 {
		sort.Strings(gone)
		t.Check = signal.CheckUnknown
		if by[Lost] > 0 {
			t.Check = signal.CheckFailed
		}
		const named = 5
		if n := len(gone) - named; n > 0 {
			gone = append(gone[:named], fmt.Sprintf("and %d more", n))
		}
		t.Why = strings.Join(gone, ", ") + "; the figures are without them"
	}
	return fmt.Sprintf("%d of %d parts", counted, all), []signal.LoadThreshold{t}
}
