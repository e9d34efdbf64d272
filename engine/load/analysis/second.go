package analysis

import (
	"math"
	"time"

	"gameday/engine/load/histogram"
)

// Second is what some interval of a run has measured: a second as the load engine collects it, or longer. It is about all
// steps together or about one; that is the caller's choice.
type Second struct {
	From, To time.Duration    // since the run began
	Planned  float64          // arrivals per second that an open plan intended; 0 in a closed one
	Users    float64          // virtual users at work; 0 in an open plan
	Done     uint64           // answered or failed
	Failed   uint64           // of those, failed
	Missed   uint64           // arrivals that were due and never sent
	Latency  histogram.Sparse // of Done, from the intended instant
}

// window is some seconds added up.
type window struct {
	from, to             time.Duration
	due, userTime        float64 // arrivals planned; users times seconds
	done, failed, missed uint64
	latency              histogram.Histogram
}

func (w *window) add(s *Second) {
	if w.to == 0 {
		w.from = s.From
	}
	w.to = max(w.to, s.To)
	length := max(s.To-s.From, 0).Seconds()
	w.due += s.Planned * length
	w.userTime += s.Users * length
	w.done += s.Done
	w.failed += min(s.Failed, s.Done)
	w.missed += s.Missed
	w.latency.MergeSparse(s.Latency)
}

func (w *window) length() time.Duration { return w.to - w.from }

func (w *window) over(n float64) float64 {
	if w.length() <= 0 {
		return 0
	}
	return n / w.length().Seconds()
}

func (w *window) rate() float64    { return w.over(float64(w.done)) }
func (w *window) planned() float64 { return w.over(w.due) }
func (w *window) users() float64   { return w.over(w.userTime) }

// errors is the share of failed requests; 0 without requests.
func (w *window) errors() float64 {
	if w.done == 0 {
		return 0
	}
	return float64(w.failed) / float64(w.done)
}

// quantile is in seconds; NaN without requests.
func (w *window) quantile(q float64) float64 {
	if w.latency.Count() == 0 {
		return math.NaN()
	}
	return w.latency.Quantile(q).Seconds()
}

// windows joins neighbouring seconds until each window is as long and, unless four times that long, has as many requests
// as it should. The rest at the end goes to the last one. Seconds that go back in time are left out.
func windows(seconds []Second, length time.Duration, requests uint64) []*window {
	var out []*window
	var w *window
	last := time.Duration(-1)
	for i := range seconds {
		s := &seconds[i]
		if s.To <= s.From || s.From < last {
			continue
		}
		last = s.To
		if w == nil {
			w = &window{}
			out = append(out, w)
		}
		w.add(s)
		if l := w.length(); l >= length && (w.done >= requests || l >= 4*length) {
			w = nil
		}
	}
	if n := len(out); w != nil && n > 1 && w.length() < length {
		out[n-2].join(w)
		out = out[:n-1]
	}
	return out
}

func (w *window) join(o *window) {
	w.to = max(w.to, o.to)
	w.due += o.due
	w.userTime += o.userTime
	w.done += o.done
	w.failed += o.failed
	w.missed += o.missed
	w.latency.Merge(&o.latency)
}

// together adds up some windows.
func together(list []*window) *window {
	out := &window{}
	for i, w := range list {
		if i == 0 {
			out.from = w.from
		}
		out.join(w)
	}
	return out
}

// surely is the share that the true one lies above with 97.5 % confidence, given failed of n: the lower bound of Wilson's
// interval (Wilson, Probable inference, the law of succession, and statistical inference, JASA 22, 1927).
func surely(failed, n uint64) float64 {
	if n == 0 {
		return 0
	}
	const z = 1.959964
	p, m := float64(failed)/float64(n), float64(n)
	mid := p + z*z/(2*m)
	wide := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max((mid-wide)/(1+z*z/m), 0)
}
