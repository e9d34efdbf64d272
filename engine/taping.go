package engine

import (
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/prometheus/prometheus/model/labels"

	"gameday/engine/record"
	"gameday/sources/signal"
)

// settings is what a replay needs to draw the same charts again. It is kept in the recording's Meta.
type settings struct {
	Panels   []PanelSpec
	Headline HeadlineSpec
}

// openRecording begins to record when the configuration names a file. What cannot be recorded later on, because the disk is
// full, is told on the timeline and stops nothing.
func (s *Session) openRecording() error {
	if s.cfg.Record == "" {
		return nil
	}
	charts, err := cbor.Marshal(settings{s.cfg.Panels, s.cfg.Headline})
	if err != nil {
		return err
	}
	s.recorder, err = record.Create(s.cfg.Record, record.Config{
		Meta: record.Meta{System: s.cfg.Name, Environment: s.cfg.Environment, Program: s.cfg.Version, Started: s.started,
			CorrelationFields: s.cfg.Store.CorrelationFields, Settings: charts},
		State:  s.stateOnceUp,
		Events: s.allEvents,
		Failed: func(err error) {
			s.cfg.Log("recording: %v", err)
			s.store.Event(signal.Event{Kind: signal.EventSource, Outcome: signal.Bad, Start: time.Now(), Title: "recording stopped", Detail: err.Error()})
		},
	})
	return err
}

// stateOnceUp is state for the recorder, which begins before the session is complete.
func (s *Session) stateOnceUp() record.State {
	s.mu.Lock()
	begun := s.begun
	s.mu.Unlock()
	if !begun {
		return record.State{}
	}
	return s.state()
}

func (s *Session) allEvents() []signal.Event {
	w := signal.Window{From: time.Unix(0, 0), To: time.Now().Add(time.Hour)}
	return s.store.Events(w)
}

// tap is who is told the samples that were kept, nil when nothing is recorded.
func (s *Session) tap() func(uint64, labels.Labels, int64, float64, []signal.Exemplar) {
	if s.recorder == nil {
		return nil
	}
	return s.recorder.Sample
}

// tell puts an event onto the timeline, and into the recording as it stands there. It returns its ID.
func (s *Session) tell(e signal.Event) uint64 {
	e.ID = s.store.Event(e)
	if s.recorder != nil && e.ID != 0 {
		s.recorder.Event(e)
	}
	s.exportEvent(e)
	return e.ID
}

// endRecording writes what is left. A recording that failed is no failure of the session: it is told by Recorded.
func (s *Session) endRecording() {
	err := s.recorder.Close()
	if err != nil {
		s.cfg.Log("recording: %v", err)
	}
	s.mu.Lock()
	s.recordErr = err
	s.mu.Unlock()
}

// Recording is what became of Config.Record.
type Recording struct {
	File  string // "" when nothing is recorded
	Bytes int64  // written so far
	Lost  uint64 // signals that are missing because the disk did not keep up
	Err   error  // why it ended early, once the session was closed
}

// Recorded says how the recording is doing.
func (s *Session) Recorded() Recording {
	if s.recorder == nil {
		return Recording{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return Recording{s.cfg.Record, s.recorder.Bytes(), s.recorder.Lost(), s.recordErr}
}
