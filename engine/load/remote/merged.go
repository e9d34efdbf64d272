package remote

import (
	"context"
	"fmt"
	"math"
	"sort"
	"strings"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/format/digest"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// PartState says what has become of a part of a run.
type PartState string

// The states of a part.
const (
	Running  PartState = "running"
	Finished PartState = "finished"
	Lost     PartState = "lost"    // it stopped reporting without having finished
	Silent   PartState = "no sign" // it never reported
	grace              = 2 * time.Second
)

// Part is one part of a run, as far as it has reported.
type Part struct {
	load.Shards
	State    PartState
	Reported time.Time     // when it reported last
	Elapsed  time.Duration // how far it had come then
	Planned  time.Duration // 0: until it is stopped
	Measured time.Duration
	Requests uint64 // measured
	Missed   uint64
}

// Counts reports whether the part's figures are in the summary. Those of a lost part are not: it is not known what it
// did after its last report, so they would be of a run that nobody planned.
func (p *Part) Counts() bool { return p.State == Running || p.State == Finished }

// Merged is a run put together of its parts.
type Merged struct {
	Plan, Run string
	Others    []string // other runs of the plan in the time looked at, the latest first
	Parts     []Part   // all that the run is of, in their order
	Report    *digest.Report
}

// Whole reports whether every part is in the summary.
func (m *Merged) Whole() bool {
	for i := range m.Parts {
		if !m.Parts[i].Counts() {
			return false
		}
	}
	return true
}

// Options say which run is meant.
type Options struct {
	Plan  string
	Run   string        // "" is the one that reported last
	Since time.Duration // how far back it is looked for; 0 is an hour
}

// Merged reads a run back. Percentiles are Prometheus's own: histogram_quantile over the sum of the parts' histograms,
// off by less than Error.
func (p *Prometheus) Merged(ctx context.Context, o Options) (*Merged, error) {
	if o.Since <= 0 {
		o.Since = time.Hour
	}
	r := &reader{p: p, ctx: ctx, within: "[" + span(o.Since) + "]"}
	m := &Merged{Plan: o.Plan, Run: o.Run}
	if err := r.run(m); err != nil {
		return nil, err
	}
	if err := r.parts(m); err != nil {
		return nil, err
	}
	m.Report = &digest.Report{Title: o.Plan, Source: "merged from " + p.to.host()}
	if err := r.report(m); err != nil {
		return nil, err
	}
	m.notes()
	return m, nil
}

// reader asks for the figures of one run.
type reader struct {
	p        *Prometheus
	ctx      context.Context
	within   string // how far back, as a range in PromQL
	matchers string // those of the run
	moments  []moment
}

// last is the latest value of each series: they are all cumulative, so it is all there is to know.
func (r *reader) last(name, matchers string) string {
	return "last_over_time(" + name + "{" + matchers + "}" + r.within + ")"
}

// run finds the run that is meant, and others.
func (r *reader) run(m *Merged) error {
	list, err := r.p.query(r.ctx, "max by (run) ("+r.last(nameReported, "plan="+quote(m.Plan))+")")
	if err != nil {
		return err
	}
	sort.Slice(list, func(i, j int) bool { return list[i].value > list[j].value })
	found := false
	for _, s := range list {
		name := s.labels["run"]
		if m.Run == "" {
			m.Run = name
		}
		if name == m.Run {
			found = true
		} else {
			m.Others = append(m.Others, name)
		}
	}
	if !found {
		return fmt.Errorf("no run of plan %q has reported to %s in the time looked at (%s): check the plan's metadata.name, or look further back with --since",
			m.Plan, r.p.to.host(), strings.Trim(r.within, "[]"))
	}
	r.matchers = "plan=" + quote(m.Plan) + ",run=" + quote(m.Run)
	return nil
}

// parts finds out what has become of each part.
func (r *reader) parts(m *Merged) error {
	names := []string{nameReported, nameInterval, nameElapsed, namePlanned, nameMeasured, nameFinished, nameMissed}
	list, err := r.p.query(r.ctx, r.last("", "__name__=~"+quote(strings.Join(names, "|"))+","+r.matchers))
	if err != nil {
		return err
	}
	figures := map[load.Shards]map[string]float64{}
	now, of := 0.0, uint64(0)
	for _, s := range list {
		shard, err := load.ParseShards(s.labels["shard"])
		if err != nil || shard.Of > maxParts {
			continue // not ours
		}
		if figures[shard] == nil {
			figures[shard] = map[string]float64{}
		}
		figures[shard][s.labels["__name__"]] = s.value
		now, of = s.at, max(of, shard.Of)
	}
	for i := range of {
		part := Part{Shards: load.Shards{Index: i, Of: of}, State: Silent}
		if f := figures[part.Shards]; f != nil {
			part.fill(f, now)
		}
		m.Parts = append(m.Parts, part)
	}
	r.choose(m.Parts)
	return nil
}

// choose lays down the instants at which the parts that count are asked about.
func (r *reader) choose(parts []Part) {
	var counted []*Part
	for i := range parts {
		if parts[i].Counts() {
			counted = append(counted, &parts[i])
		}
	}
	sort.SliceStable(counted, func(i, j int) bool { return counted[i].Reported.After(counted[j].Reported) })
	for _, p := range counted {
		if n := len(r.moments); n == 0 || r.moments[n-1].at.Sub(p.Reported) > together {
			r.moments = append(r.moments, moment{at: p.Reported})
		}
		last := &r.moments[len(r.moments)-1]
		last.parts = append(last.parts, p.String())
	}
}

// together is how far apart the last reports of parts may lie that are asked about at one instant. It is well below the
// five minutes for which Prometheus takes a sample to be current.
const together = 30 * time.Second

// moment is an instant and the parts whose last reports were at it or shortly before.
type moment struct {
	at    time.Time
	parts []string
}

// final is the last value of the parts that count, each at its own time. It does not use last_over_time, which older
// Prometheus (2.42, Debian's) has for numbers only and not for native histograms.
func (r *reader) final(name, more string) string {
	var out []string
	for _, m := range r.moments {
		out = append(out, fmt.Sprintf("%s{%s,shard=~%s%s} @ %.3f", name, r.matchers, quote(strings.Join(m.parts, "|")), more, seconds(m.at)))
	}
	if len(out) == 0 {
		return name + `{plan="",run=""}` // none: an answer without series
	}
	return strings.Join(out, " or ")
}

// maxParts bounds what a label that another program wrote can make of us.
const maxParts = 100_000

func (p *Part) fill(f map[string]float64, now float64) {
	p.Reported = time.UnixMilli(int64(f[nameReported] * 1e3))
	p.Elapsed, p.Planned, p.Measured = duration(f[nameElapsed]), duration(f[namePlanned]), duration(f[nameMeasured])
	p.Missed = uint64(f[nameMissed])
	silent := duration(now - f[nameReported])
	switch {
	case f[nameFinished] == 1:
		p.State = Finished
	case silent > 3*duration(f[nameInterval])+grace:
		p.State = Lost
	default:
		p.State = Running
	}
}

func duration(seconds float64) time.Duration {
	if math.IsNaN(seconds) || math.Abs(seconds) > 1e9 {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// report asks for the figures of the parts that count.
func (r *reader) report(m *Merged) error {
	rep := m.Report
	measured := map[string]time.Duration{}
	for i := range m.Parts {
		if p := &m.Parts[i]; p.Counts() {
			measured[p.String()] = p.Measured
			rep.Missed += p.Missed
			rep.Elapsed = max(rep.Elapsed, p.Elapsed)
			if began := p.Reported.Add(-p.Elapsed); rep.Started.IsZero() || began.Before(rep.Started) {
				rep.Started = began
			}
		}
	}
	lines, err := r.counts(m, measured)
	if err != nil {
		return err
	}
	if err := r.latencies(lines); err != nil {
		return err
	}
	failures, err := r.p.query(r.ctx, "sum by (kind) ("+r.final(nameFailures, `,group=""`)+")")
	if err != nil {
		return err
	}
	for _, s := range failures {
		rep.Errors = append(rep.Errors, signal.ErrorCount{Kind: sanitize.Line(s.labels["kind"], 100), Count: uint64(s.value)})
	}
	digest.SortErrors(rep.Errors)
	scenarios := map[string]bool{}
	for key := range lines {
		scenarios[key.scenario] = true
	}
	for key, l := range lines {
		if key == total {
			rep.Total = *l
			continue
		}
		l.Name = sanitize.Line(key.step, 120)
		if len(scenarios) > 2 { // the total's is none
			l.Name = sanitize.Line(key.scenario+"/"+key.step, 120)
		}
		rep.Steps = append(rep.Steps, *l)
	}
	sort.Slice(rep.Steps, func(i, j int) bool { return rep.Steps[i].Name < rep.Steps[j].Name })
	return nil
}

// stepKey is a step in answers; total is all of them.
type stepKey struct{ scenario, step string }

var total = stepKey{"\x00", "total"}

func newLine() *digest.Line {
	return &digest.Line{
		Name: "total", Mean: digest.Unknown, P50: digest.Unknown, P90: digest.Unknown, P95: digest.Unknown, P99: digest.Unknown, Max: digest.Unknown,
	}
}

// counts are the requests of each step, and of each part. A part's rate is over its own time.
func (r *reader) counts(m *Merged, measured map[string]time.Duration) (map[stepKey]*digest.Line, error) {
	lines := map[stepKey]*digest.Line{total: newLine()}
	requests := map[string]uint64{}
	for _, name := range []string{nameRequests, nameFailures} {
		list, err := r.p.query(r.ctx, "sum by (shard, scenario, step, group) ("+r.last(name, r.matchers)+")")
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			shard, n := s.labels["shard"], uint64(s.value)
			if name == nameRequests && s.labels["group"] == "" {
				requests[shard] += n
			}
			span, counts := measured[shard]
			if !counts {
				continue
			}
			key := stepKey{s.labels["scenario"], s.labels["step"]}
			if lines[key] == nil {
				lines[key] = newLine()
			}
			for _, l := range []*digest.Line{lines[key], lines[total]} {
				if l == lines[total] && s.labels["group"] != "" {
					continue
				}
				if name == nameFailures {
					l.Failed += n
				} else if l.Count += n; span > 0 {
					l.Rate += float64(n) / span.Seconds()
				}
			}
		}
	}
	for i := range m.Parts {
		m.Parts[i].Requests = requests[m.Parts[i].String()]
	}
	return lines, nil
}

// latencies fills in what the histograms tell.
func (r *reader) latencies(lines map[stepKey]*digest.Line) error {
	response := func(more string) string { return r.final(nameResponse, more) }
	longest := func(more string) string { return r.final(nameMax, more) }
	const bySteps, noGroups = "by (scenario, step)", `,group=""`
	for _, f := range []struct {
		ask func(by, more string) string
		of  func(l *digest.Line) *time.Duration
	}{
		{func(by, more string) string {
			return "histogram_quantile(0.5, sum " + by + " (" + response(more) + "))"
		}, func(l *digest.Line) *time.Duration { return &l.P50 }},
		{func(by, more string) string {
			return "histogram_quantile(0.9, sum " + by + " (" + response(more) + "))"
		}, func(l *digest.Line) *time.Duration { return &l.P90 }},
		{func(by, more string) string {
			return "histogram_quantile(0.95, sum " + by + " (" + response(more) + "))"
		}, func(l *digest.Line) *time.Duration { return &l.P95 }},
		{func(by, more string) string {
			return "histogram_quantile(0.99, sum " + by + " (" + response(more) + "))"
		}, func(l *digest.Line) *time.Duration { return &l.P99 }},
		{func(by, more string) string {
			all := "sum " + by + " (" + response(more) + ")"
			return "histogram_sum(" + all + ") / histogram_count(" + all + ")"
		}, func(l *digest.Line) *time.Duration { return &l.Mean }},
		{func(by, more string) string { return "max " + by + " (" + longest(more) + ")" }, func(l *digest.Line) *time.Duration { return &l.Max }},
	} {
		steps, err := r.p.query(r.ctx, f.ask(bySteps, ""))
		if err != nil {
			return err
		}
		for _, s := range steps {
			key := stepKey{s.labels["scenario"], s.labels["step"]}
			if l := lines[key]; l != nil && !math.IsNaN(s.value) {
				*f.of(l) = duration(s.value)
			}
		}
		all, err := r.p.query(r.ctx, f.ask("", noGroups))
		if err != nil {
			return err
		}
		if len(all) == 1 && !math.IsNaN(all[0].value) && lines[total].Count > 0 {
			*f.of(lines[total]) = duration(all[0].value)
		}
	}
	return nil
}
