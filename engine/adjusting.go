package engine

import (
	"errors"
	"fmt"

	"gameday/engine/load"
	"gameday/sources/signal"
)

// AdjustLoad changes the rate or the users of the load that runs. What was done is told, and is on the timeline; the error
// says why nothing could be.
func (s *Session) AdjustLoad(a load.Adjustment) (string, error) { return s.adjustLoad(a, "") }

func (s *Session) adjustLoad(a load.Adjustment, by string) (string, error) {
	s.mu.Lock()
	l := s.load
	s.mu.Unlock()
	if l == nil {
		return "", errors.New("no load runs")
	}
	select {
	case <-l.Done():
		return "", errors.New("the load has ended")
	default:
	}
	if l.run == nil {
		return "", fmt.Errorf("%s: it is not made here, and cannot be changed from here", l.State().Name)
	}
	said, err := l.run.Adjust(a)
	if err != nil {
		return "", fmt.Errorf("%s: %w", l.run.State().Name, err)
	}
	title := "load changed"
	switch {
	case a.Resume:
		title = "load goes on"
	case a.Factor == 0 && a.Rate == 0:
		title = "load held"
	}
	s.Event(signal.Event{Kind: signal.EventLoad, Title: title, Detail: said, By: by})
	return said, nil
}
