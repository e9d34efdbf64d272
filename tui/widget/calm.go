package widget

import (
	"time"

	"gameday/sources/signal"
)

// Calm decides which of the frames, ten a second, a list is drawn from: one that changes faster than it can be read is as
// good as none, and costs a slow link most of its bytes. The zero value takes the first frame it is asked about.
type Calm struct {
	frame *signal.Frame
	taken time.Time
	focus signal.CorrelationID
	hurry int
}

// Live reports whether the frame shows the present; one of the past does not change by itself.
func Live(f *signal.Frame) bool { return f.Now.Sub(f.Window.To) < 500*time.Millisecond }

// Hurry has the next frames taken whenever they come: the operator asked for something else, and one frame that was under
// way when he did may be the old one still.
func (c *Calm) Hurry() { c.hurry, c.taken = 3, time.Time{} }

// Take reports whether the list is to be drawn from this frame, which is at most once in the given time while live.
func (c *Calm) Take(f *signal.Frame, every time.Duration) bool {
	if f == nil || f == c.frame && !c.taken.IsZero() {
		return false
	}
	since := f.Now.Sub(c.taken)
	if c.frame != nil && c.hurry == 0 && f.Focus == c.focus && Live(f) && since > 0 && since < every {
		return false
	}
	if f != c.frame {
		c.hurry = max(c.hurry-1, 0)
	}
	c.frame, c.taken, c.focus = f, f.Now, f.Focus
	return true
}
