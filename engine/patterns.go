package engine

import (
	"sync"
	"time"

	"gameday/sources/pattern"
	"gameday/sources/signal"
)

// Bounds of the patterns in a frame.
const (
	shownPatterns = 300
	sparkPoints   = 24
	patternsEvery = 500 * time.Millisecond // a picture of all of them is not made more often
)

// patterns groups the log records that come in. It is safe for concurrent use: sources add, frames read.
type patterns struct {
	every time.Duration // 0: each frame gets a picture of its own

	mu     sync.Mutex
	parser *pattern.Parser
	made   time.Time
	from   signal.View // what the picture was made for
	since  time.Time
	rows   []signal.LogPattern
}

func newPatterns(c pattern.Config, every time.Duration) *patterns {
	return &patterns{parser: pattern.New(c), every: every}
}

// most is how many records are added under one lock, so that a frame does not wait for a whole batch.
const most = 256

func (p *patterns) add(logs []signal.Record) {
	for len(logs) > 0 {
		n := min(len(logs), most)
		p.mu.Lock()
		for i := range logs[:n] {
			p.parser.Add(&logs[i])
		}
		p.mu.Unlock()
		logs = logs[n:]
	}
}

// fill puts the patterns into a frame whose experiment and faults are set, if the view asks for them.
func (p *patterns) fill(f *signal.Frame, v signal.View) {
	if !v.Patterns {
		return
	}
	f.PatternsSince = troubleBegan(f, f.Window.To)
	ask := signal.View{Live: v.Live, Window: v.Window}
	if v.Live {
		ask.Window = signal.Window{To: time.Time{}.Add(v.Window.Length())}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.every == 0 || ask != p.from || !p.since.Equal(f.PatternsSince) || time.Since(p.made) >= p.every {
		p.rows = p.parser.Patterns(f.Window, f.PatternsSince, shownPatterns, sparkPoints)
		p.from, p.since, p.made = ask, f.PatternsSince, time.Now()
	}
	f.Patterns = p.rows
}

// troubleBegan is when the fault or the experiment began that patterns are new since: the earliest fault in force; else the
// first of the experiment's; else the experiment's start; else the last fault there was. What began after the instant that
// is looked at had not begun yet. Zero: nothing of that had been.
func troubleBegan(f *signal.Frame, at time.Time) time.Time {
	var active, first, last, run time.Time
	if f.Experiment != nil && !f.Experiment.Started.After(at) {
		run = f.Experiment.Started
	}
	earlier := func(t *time.Time, at time.Time) {
		if t.IsZero() || at.Before(*t) {
			*t = at
		}
	}
	for _, x := range f.Faults {
		if x.Injected.IsZero() || x.Injected.After(at) {
			continue
		}
		if x.Phase.Active() {
			earlier(&active, x.Injected)
		}
		if !run.IsZero() && !x.Injected.Before(run) {
			earlier(&first, x.Injected)
		}
		if x.Injected.After(last) {
			last = x.Injected
		}
	}
	for _, t := range []time.Time{active, first, run} {
		if !t.IsZero() {
			return t
		}
	}
	return last
}
