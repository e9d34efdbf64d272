package engine

import (
	"sync"
	"time"

	"gameday/engine/tracediff"
	"gameday/engine/why"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// compareEvery is how often two traces are compared anew: spans may still come.
const compareEvery = 2 * time.Second

// comparer keeps the last comparison. Safe for concurrent use.
type comparer struct {
	every time.Duration // 0: each frame gets one of its own

	mu   sync.Mutex
	last *signal.Comparison
	at   time.Time
}

// fill puts the comparison into a frame, if the view asks for one. events tells the timeline of a stretch of time; now is the end
// of what is known.
func (c *comparer) fill(f *signal.Frame, v signal.View, st *store.Store, events func(signal.Window) []signal.Event, now time.Time) {
	if v.Compare.B.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil || c.last.Ask != v.Compare || now.Sub(c.at).Abs() >= c.every {
		var q why.Question
		if v.Compare.Typical {
			at := now
			if b := st.Trace(v.Compare.B); b != nil {
				at = b.Start
			}
			ask := signal.WhyAsk{Window: signal.Window{From: at.Add(-f.Window.Length()), To: at}, At: at}
			q = why.Choose(events(why.Reach(ask)), ask, now)
		}
		c.last, c.at = tracediff.Compare(st, v.Compare, q), now
	}
	f.Compare = c.last
}
