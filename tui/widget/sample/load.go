package sample

import (
	"math"
	"math/rand/v2"
	"time"

	"gameday/sources/signal"
)

// course adds to a load what it did over time: four minutes in which the last half got slower and began to fail.
func course(l *signal.LoadState) {
	rng := rand.New(rand.NewPCG(11, 12))
	const n = 240
	l.Adjustable = true
	var all [signal.LatencyBuckets]uint64
	for i := range n {
		s := signal.LoadSecond{From: Now.Add(time.Duration(i-n) * time.Second), To: Now.Add(time.Duration(i-n+1) * time.Second),
			Target: 1200, Users: 64, InFlight: 40 + i%9}
		late := math.Max(0, float64(i-n+30)) / 30
		s.Done = uint64(1190 + 12*math.Sin(float64(i)/6) - 60*late)
		if late > 0 {
			s.Failed, s.InFlight = uint64(4+6*late), 60+int(150*late)
			s.Errors = []signal.ErrorCount{{Kind: "status 5xx", Count: s.Failed - 1}, {Kind: "timeout", Count: 1}}
			s.Missed = uint64(i % 2)
		}
		counts := [signal.LatencyBuckets]uint32{}
		for range s.Done / 8 {
			ms := 30 * math.Exp(0.5*rng.NormFloat64())
			switch {
			case rng.Float64() < 0.06+0.2*late:
				ms = 410 * math.Exp(0.18*rng.NormFloat64()) * (1 + late)
			case rng.Float64() < 0.3:
				ms = 6 * math.Exp(0.25*rng.NormFloat64())
			}
			b := signal.LatencyBucket(time.Duration(ms * float64(time.Millisecond)))
			counts[b] += 8
			all[b] += 8
		}
		fill(&s, &counts)
		l.Seconds = append(l.Seconds, s)
	}
	spectrum(l, &all)
	ms := time.Millisecond
	l.Phases = signal.LoadPhases{Connect: 120 * time.Microsecond, Write: 40 * time.Microsecond, Wait: 96 * ms, Read: 2100 * time.Microsecond}
	l.PhasesTotal = signal.LoadPhases{Resolve: 3 * time.Microsecond, Connect: 90 * time.Microsecond, Write: 38 * time.Microsecond, Wait: 51 * ms, Read: 1900 * time.Microsecond}
	l.Steps[1].Extras = []signal.LoadExtra{{Name: "lost", Value: 3}, {Name: "lag", Unit: "s", Value: 1.2}}
	l.Thresholds = []signal.LoadThreshold{
		{Name: "p95", Expect: "< 300ms", Value: "412 ms", Check: signal.CheckFailed, TraceID: TraceID(0x4f)},
		{Name: "success", Expect: "> 99%", Value: "99.86 %", Check: signal.CheckPassed},
		{Name: "p99 of POST /checkout", Expect: "< 2s", Value: "1.9 s", Check: signal.CheckPassed},
		{Name: "count", Expect: "> 500000", Check: signal.CheckUnknown, Why: "70988 requests are fewer than the 100000 it needs"},
	}
}

// fill reads a second's percentiles off its buckets.
func fill(s *signal.LoadSecond, counts *[signal.LatencyBuckets]uint32) {
	first, last, sum := -1, 0, uint64(0)
	for b, c := range counts {
		if c > 0 {
			if first < 0 {
				first = b
			}
			last = b
			sum += uint64(c)
		}
	}
	s.Heat = signal.LatencyCounts{First: first, Counts: append([]uint32(nil), counts[first:last+1]...)}
	at := func(q float64) time.Duration {
		var seen uint64
		for b, c := range counts {
			if seen += uint64(c); seen > 0 && float64(seen) >= q*float64(sum) {
				return signal.LatencyBound(b)
			}
		}
		return 0
	}
	s.P50, s.P90, s.P95, s.P99, s.Max = at(0.5), at(0.9), at(0.95), at(0.99), at(1)
}

func spectrum(l *signal.LoadState, all *[signal.LatencyBuckets]uint64) {
	var sum, seen uint64
	for _, c := range all {
		sum += c
	}
	k := 0
	for b, c := range all {
		seen += c
		for ; k < 45; k++ {
			share := 1 - math.Pow(10, -float64(k)/8)
			if seen == 0 || float64(seen) < share*float64(sum) || 1-share < 1/float64(sum) {
				break
			}
			l.Spectrum = append(l.Spectrum, signal.LatencyShare{Share: share, Latency: signal.LatencyBound(b)})
		}
	}
	l.Spectrum = append(l.Spectrum, signal.LatencyShare{Share: 1, Latency: l.Max})
}

// LoadRun is the sample frame with requests that lead from its load to traces.
func LoadRun() *signal.Frame {
	f := Frame()
	f.Load.Started, f.Load.Elapsed = Now.Add(-4*time.Minute), 4*time.Minute
	steps := []string{"POST /checkout", "GET /products"}
	for i := range 9 {
		id := TraceID(byte(0x4f + i*8))
		e := signal.RequestExemplar{At: Now.Add(-time.Duration(4+i*7) * time.Second), Step: steps[i%3/2], Latency: time.Duration(1900-140*(i*4%9)) * time.Millisecond,
			Status: 200, TraceID: id, CorrelationID: id.String()}
		switch i % 4 {
		case 1:
			e.Status, e.Err = 503, "status 5xx"
		case 2:
			e.Status, e.Err = 0, "timeout: no answer within 2s"
		case 3:
			e.TraceID = signal.TraceID{}
		}
		f.Load.Exemplars = append(f.Load.Exemplars, e)
	}
	return f
}
