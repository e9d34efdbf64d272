package engine

import (
	"slices"
	"sync"
	"time"

	"gameday/engine/tracediff"
	"gameday/engine/why"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// compareEvery is how often two traces are compared anew: spans may still come.
const compareEvery = 2 * time.Second

// maxCompared is how many comparisons are kept: several viewers may each look at another.
const maxCompared = 16

// comparer keeps the last comparisons, so that viewers who compare different traces do not make each other's anew with every frame. Safe
// for concurrent use.
type comparer struct {
	every time.Duration // 0: each frame gets one of its own

	mu   sync.Mutex
	kept []compared // the one that was asked for last comes last
}

// compared is a comparison as it was at an instant.
type compared struct {
	c  *signal.Comparison
	at time.Time
}

// fill puts the comparison into a frame, if the view asks for one. events tells the timeline of a stretch of time; now is the end
// of what is known.
func (c *comparer) fill(f *signal.Frame, v signal.View, st *store.Store, events func(signal.Window) []signal.Event, now time.Time) {
	if v.Compare.B.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var one compared
	if i := slices.IndexFunc(c.kept, func(k compared) bool { return k.c.Ask == v.Compare }); i >= 0 {
		one = c.kept[i]
		c.kept = slices.Delete(c.kept, i, i+1)
	}
	if one.c == nil || now.Sub(one.at).Abs() >= c.every {
		var q why.Question
		if v.Compare.Typical {
			at := now
			if b := st.Trace(v.Compare.B); b != nil {
				at = b.Start
			}
			ask := signal.WhyAsk{Window: signal.Window{From: at.Add(-f.Window.Length()), To: at}, At: at}
			q = why.Choose(events(why.Reach(ask)), ask, now)
		}
		one = compared{tracediff.Compare(st, v.Compare, q), now}
	}
	f.Compare = one.c
	if c.every == 0 {
		return
	}
	if len(c.kept) >= maxCompared {
		c.kept = slices.Delete(c.kept, 0, 1)
	}
	c.kept = append(c.kept, one)
}
