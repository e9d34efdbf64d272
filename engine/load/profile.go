package load

import (
	"math"
	"sort"
	"time"
)

// profile is a level (a rate or a number of users) that changes over time in straight pieces.
type profile struct {
	pieces []piece
	dial   dial
}

// piece runs from start for length, its level going straight from one value to another.
type piece struct {
	start, length time.Duration
	from, to      float64
	before        float64 // integral up to start, in level times seconds
}

// forever is the length of the last piece of a load that runs until it is stopped.
const forever = time.Duration(math.MaxInt64)

// newProfile lays an executor's level out: the warm-up at its first level, then its stages or its constant, then its last
// level until the plan's duration is over. A ramp without a duration ends with its stages.
func newProfile(e *Executor, warmup, duration time.Duration) *profile {
	level := e.Rate
	if !e.Kind.Open() {
		level = float64(e.Users)
	}
	p := &profile{}
	first := level
	if warmup > 0 && first == 0 && len(e.Stages) > 0 {
		first = e.Stages[0].To / 10 // warming up with nothing would warm nothing
	}
	p.add(warmup, first, first)
	var staged time.Duration
	for _, st := range e.Stages {
		p.add(st.For, level, st.To)
		level, staged = st.To, staged+st.For
	}
	switch {
	case duration > staged:
		p.add(duration-staged, level, level)
	case len(e.Stages) == 0:
		p.add(forever-warmup, level, level)
	}
	return p
}

func (p *profile) add(length time.Duration, from, to float64) {
	if length <= 0 {
		return
	}
	next := piece{length: length, from: from, to: to}
	if n := len(p.pieces); n > 0 {
		last := p.pieces[n-1]
		next.start = last.start + last.length
		next.before = last.before + last.mass(last.length)
	}
	p.pieces = append(p.pieces, next)
}

// end is when the profile is over.
func (p *profile) end() time.Duration {
	if len(p.pieces) == 0 {
		return 0
	}
	last := p.pieces[len(p.pieces)-1]
	return last.start + last.length
}

// level is the value at t: zero before the beginning and from the end on.
func (p *profile) level(t time.Duration) float64 {
	i := sort.Search(len(p.pieces), func(i int) bool { return p.pieces[i].start > t }) - 1
	if i < 0 || t >= p.end() {
		return 0
	}
	if turned := p.dial.at.Load(); turned != nil {
		return turned.level
	}
	pc := p.pieces[i]
	return pc.from + (pc.to-pc.from)*float64(t-pc.start)/float64(pc.length)
}

// mass is the integral up to t, in level times seconds: how many arrivals a rate has brought.
func (p *profile) mass(t time.Duration) float64 {
	if turned := p.dial.at.Load(); turned != nil {
		return turned.massAt(t)
	}
	i := sort.Search(len(p.pieces), func(i int) bool { return p.pieces[i].start > t }) - 1
	if i < 0 {
		return 0
	}
	pc := p.pieces[i]
	return pc.before + pc.mass(min(t-pc.start, pc.length))
}

// mass is the integral over the first d of the piece.
func (pc piece) mass(d time.Duration) float64 {
	s := d.Seconds()
	slope := (pc.to - pc.from) / pc.length.Seconds()
	return s * (pc.from + slope*s/2)
}

// at is the inverse of mass: the first instant by which the integral has reached m. ok is false when it never does.
func (p *profile) at(m float64) (t time.Duration, ok bool) {
	if turned := p.dial.at.Load(); turned != nil {
		return turned.when(m, p.end())
	}
	// The last piece that begins with less than m behind it; m itself may be where the first one begins.
	i := max(sort.Search(len(p.pieces), func(i int) bool { return p.pieces[i].before >= m })-1, 0)
	for ; i < len(p.pieces); i++ {
		pc := p.pieces[i]
		if d, inside := pc.at(m - pc.before); inside {
			return pc.start + d, true
		}
	}
	return 0, false
}

// at solves from*t + slope/2*t² = m in the form that does not cancel when the slope is small.
func (pc piece) at(m float64) (d time.Duration, ok bool) {
	slope := (pc.to - pc.from) / pc.length.Seconds()
	root := pc.from*pc.from + 2*slope*m
	if root < 0 {
		return 0, false
	}
	seconds := 0.0
	if m > 0 {
		if seconds = 2 * m / (pc.from + math.Sqrt(root)); math.IsNaN(seconds) {
			return 0, false
		}
	} else if pc.from == 0 && pc.to == 0 {
		return 0, false
	}
	// An arrival at the very end of a piece belongs to the next one.
	if ns := seconds * float64(time.Second); ns < float64(pc.length) {
		return time.Duration(ns), true
	}
	return 0, false
}
