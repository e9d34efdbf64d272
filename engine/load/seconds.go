package load

import "gameday/sources/signal"

// Seconds are the latest seconds of a run, at most signal.LoadSecondsKept. Those who were handed a list keep it as it was
// while more are added. The zero value is empty; it belongs to one goroutine.
type Seconds struct{ list []signal.LoadSecond }

// Add puts the next second at the end.
func (s *Seconds) Add(one signal.LoadSecond) {
	const kept = signal.LoadSecondsKept
	if len(s.list) == cap(s.list) && len(s.list) >= kept {
		// Those who hold the old list keep it as it is.
		s.list = append(make([]signal.LoadSecond, 0, 2*kept), s.list[len(s.list)-kept+1:]...)
	}
	s.list = append(s.list, one)
}

// Latest are those that are kept, the oldest first. The list is not changed any more.
func (s *Seconds) Latest() []signal.LoadSecond {
	n := len(s.list)
	return s.list[max(n-signal.LoadSecondsKept, 0):n:n]
}
