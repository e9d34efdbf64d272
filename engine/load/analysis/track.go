package analysis

import (
	"slices"
	"time"

	"gameday/engine/load/histogram"
)

// mostTracked is how many seconds a Track keeps, about half an hour or some megabytes.
const mostTracked = 2048

// Track keeps a run's seconds in bounded memory: when there are too many, neighbours are joined, and all later ones are
// gathered until they are as long. The zero value is ready; it is used by one goroutine.
type Track struct {
	seconds []Second
	length  time.Duration
	open    bool // the last one is not as long as it should be yet
	scratch histogram.Histogram
}

// Add appends a second. One that does not follow the last is left out.
func (t *Track) Add(s Second) {
	n := len(t.seconds)
	if s.To <= s.From || n > 0 && s.From < t.seconds[n-1].To {
		return
	}
	if t.length == 0 {
		t.length = s.To - s.From
	}
	switch {
	case t.open:
		t.seconds[n-1] = t.join(&t.seconds[n-1], &s)
	case n == mostTracked:
		for i := range n / 2 {
			t.seconds[i] = t.join(&t.seconds[2*i], &t.seconds[2*i+1])
		}
		clear(t.seconds[n/2:])
		t.seconds = append(t.seconds[:n/2], s)
		t.length *= 2
	default:
		t.seconds = append(t.seconds, s)
	}
	last := &t.seconds[len(t.seconds)-1]
	t.open = last.To-last.From < t.length-t.length/10
}

// join is two seconds as one: what was counted is added up, what was at work is the mean over the time.
func (t *Track) join(a, b *Second) Second {
	la, lb := (a.To - a.From).Seconds(), (b.To - b.From).Seconds()
	mean := func(x, y float64) float64 {
		if x == y {
			return x // not almost: a level of users is told by equal numbers
		}
		return (x*la + y*lb) / (la + lb)
	}
	t.scratch.Reset()
	t.scratch.MergeSparse(a.Latency)
	t.scratch.MergeSparse(b.Latency)
	return Second{
		From: a.From, To: b.To, Planned: mean(a.Planned, b.Planned), Users: mean(a.Users, b.Users),
		Done: a.Done + b.Done, Failed: a.Failed + b.Failed, Missed: a.Missed + b.Missed, Latency: t.scratch.Sparse(),
	}
}

// Seconds are those kept so far; later calls of Add do not change them.
func (t *Track) Seconds() []Second { return slices.Clone(t.seconds) }
