package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/prometheus/model/labels"

	"gameday/engine/dashboard"
	"gameday/engine/record"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// settings is what a replay needs to draw the same charts again. It is kept in the recording's Meta.
type settings struct {
	Panels   []PanelSpec
	Headline HeadlineSpec
	// Metrics is who answered by default, "" for the session's own memory; Sources are all that answered.
	Metrics string
	Sources []string
	Every   time.Duration // between two measurements
	// Dashboards are the session's own, as zstd of CBOR of []boardFile.
	Dashboards []byte
}

// boardFile is a dashboard: what is drawn of it, as a document of gameday's own. File is the base name of the one it was read from:
// the rest of a path tells of somebody's machine.
type boardFile struct {
	File, ID string
	Data     []byte
}

// The bounds of the dashboards in a recording, packed and unpacked.
const (
	maxBoardsPacked = 900 << 10 // the recording's Meta has room for 1 MB
	maxBoards       = 32 << 20
)

// settings are those of the session. Dashboards that are too large for a recording are named.
func (s *Session) settings() (out settings, left string, err error) {
	out = settings{Panels: recordedPanels(s.cfg.Panels), Headline: s.cfg.Headline, Metrics: s.cfg.Metrics, Sources: metricSources(s.cfg), Every: s.scrapeEvery()}
	var files []boardFile
	for _, d := range s.cfg.Dashboards {
		if b, _, err := dashboard.Read(d.File, d.ID, d.Data); err == nil { // the session has told of one that cannot be read
			files = append(files, boardFile{filepath.Base(d.File), d.ID, recordedBoard(*b).YAML()})
		}
	}
	if len(files) == 0 {
		return out, "", nil
	}
	data, err := cbor.Marshal(files)
	if err != nil {
		return out, "", err
	}
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return out, "", err
	}
	defer func() { _ = zip.Close() }() // it writes to memory
	if out.Dashboards = zip.EncodeAll(data, nil); len(out.Dashboards) > maxBoardsPacked || len(data) > maxBoards {
		out.Dashboards = nil
		return out, fmt.Sprintf("the %d dashboards are too large for the recording: a replay shows the cockpit's own charts", len(files)), nil
	}
	return out, "", nil
}

// recordedPanels are the panels without secrets.
func recordedPanels(list []PanelSpec) []PanelSpec {
	list = slices.Clone(list)
	for i := range list {
		p := &list[i]
		p.Title, p.Query = record.Text(p.Title), record.Query(p.Query)
	}
	return list
}

// recordedBoard is a dashboard without secrets.
func recordedBoard(d dashboard.Dashboard) *dashboard.Dashboard {
	m := &d.Metadata
	m.Title, m.Description = record.Text(m.Title), record.Text(m.Description)
	d.Variables = slices.Clone(d.Variables)
	for i := range d.Variables {
		d.Variables[i].Query = record.Query(d.Variables[i].Query)
	}
	d.Rows = slices.Clone(d.Rows)
	for i := range d.Rows {
		r := &d.Rows[i]
		r.Title, r.Panels = record.Text(r.Title), slices.Clone(r.Panels)
		for j := range r.Panels {
			p := &r.Panels[j]
			p.Title, p.Text, p.Targets = record.Text(p.Title), record.Text(p.Text), slices.Clone(p.Targets)
			for k := range p.Targets {
				p.Targets[k].Expr = record.Query(p.Targets[k].Expr)
			}
		}
	}
	return &d
}

// boardDocuments are the dashboards of a recording.
func (s settings) boardDocuments() (out []Document, err error) {
	if len(s.Dashboards) == 0 {
		return nil, nil
	}
	zip, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBoards))
	if err != nil {
		return nil, err
	}
	defer zip.Close()
	data, err := zip.DecodeAll(s.Dashboards, nil)
	if err != nil {
		return nil, err
	}
	var files []boardFile
	if err := cbor.Unmarshal(data, &files); err != nil {
		return nil, err
	}
	for _, f := range files {
		out = append(out, Document{File: sanitize.Line(f.File, sanitize.MaxValue), ID: sanitize.Line(f.ID, sanitize.MaxName), Data: f.Data})
	}
	return out, nil
}

// openRecording begins to record when the configuration names a file. What cannot be recorded later on, because the disk is
// full, is told on the timeline and stops nothing.
func (s *Session) openRecording() error {
	if s.cfg.Record == "" {
		return nil
	}
	set, left, err := s.settings()
	if err != nil {
		return err
	}
	charts, err := cbor.Marshal(set)
	if err != nil {
		return err
	}
	if left != "" {
		s.cfg.Log("recording: %s", left)
		s.store.Event(signal.Event{Kind: signal.EventSource, Outcome: signal.Warning, Start: time.Now(), Title: "recorded without dashboards", Detail: left})
	}
	home, _ := os.UserHomeDir() // who has none has no path in it
	s.recorder, err = record.Create(s.cfg.Record, record.Config{Home: home,
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
