package engine

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"gameday/engine/incident"
	"gameday/sources/signal"
)

const (
	lookAtIncidents = 2 * time.Second
	shownIncidents  = 20
	beforeIncident  = 15 * time.Minute // of the timeline that a post-mortem is told
)

// IncidentAct is what somebody does about an incident.
type IncidentAct struct {
	Do       string // "open", "acknowledge", "escalate", "update", "severity", "resolve"
	ID       string // which; "" with open
	Text     string // title, update or resolution
	Severity int    // with open and severity
	Trace    signal.TraceID
}

// incidents is the book as the screen sees it.
type incidents struct {
	book *incident.Book
	mu   sync.Mutex
	now  []signal.Incident
}

func (s *Session) openIncidents() (err error) {
	policy := incident.DefaultPolicy()
	if s.cfg.Escalation.Levels != nil {
		policy = s.cfg.Escalation
	}
	s.incidents.book, err = incident.Open(incident.Dir(s.cfg.StateDir), policy)
	return err
}

// watchIncidents passes on what nobody acknowledges, and sees what other sessions did, until the session ends.
func (s *Session) watchIncidents() {
	tick := time.NewTicker(lookAtIncidents)
	defer tick.Stop()
	for {
		passed, err := s.incidents.book.Tick(time.Now())
		if err != nil {
			s.cfg.Log("incidents: %v", err)
		}
		for _, inc := range passed {
			s.tellIncident(inc, "")
		}
		s.readIncidents()
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Session) readIncidents() {
	all, err := s.incidents.book.List()
	if err != nil && len(all) == 0 {
		s.cfg.Log("incidents: %v", err)
	}
	s.incidents.mu.Lock()
	defer s.incidents.mu.Unlock()
	s.incidents.now = all[:min(len(all), shownIncidents)]
}

func (l *incidents) get() []signal.Incident {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// Incident does something about an incident, on behalf of somebody, and says in a sentence what was done.
func (s *Session) Incident(act IncidentAct, by string) (string, error) {
	b, now := s.incidents.book, time.Now()
	var inc signal.Incident
	var err error
	switch act.Do {
	case "open":
		inc, err = b.New(act.Text, act.Severity, by, act.Trace, now)
	case "acknowledge":
		inc, err = b.Acknowledge(act.ID, by, now)
	case "escalate":
		inc, err = b.Escalate(act.ID, by, now)
	case "update":
		inc, err = b.Update(act.ID, act.Text, by, now)
	case "severity":
		inc, err = b.SetSeverity(act.ID, act.Severity, by, now)
	case "resolve":
		inc, err = b.Resolve(act.ID, act.Text, by, s.happenings(act.ID, now), now)
	default:
		err = errors.New("an incident is opened, acknowledged, escalated, updated, regraded or resolved")
	}
	if err != nil {
		return "", fmt.Errorf("%s the incident: %w", act.Do, err)
	}
	s.tellIncident(inc, by)
	s.readIncidents()
	last := inc.Entries[len(inc.Entries)-1]
	if act.Do == "resolve" { // whoever reads this wrote the text a moment ago; at 80 columns there is room for what comes next
		return "resolved; post-mortem: gameday incident postmortem " + inc.ID, nil
	}
	return fmt.Sprintf("incident %s: %s", last.Kind, last.Text), nil
}

// tellIncident puts an incident's last entry onto the timeline.
func (s *Session) tellIncident(inc signal.Incident, by string) {
	last := inc.Entries[len(inc.Entries)-1]
	e := signal.Event{Kind: signal.EventIncident, Start: last.At, By: by, Title: fmt.Sprintf("SEV%d %s", inc.Severity, inc.Title), Detail: last.Kind + ": " + last.Text, Target: inc.ID}
	e.Outcome = map[string]signal.Outcome{"opened": signal.Bad, "escalated": signal.Bad, "acknowledged": signal.Warning, "resolved": signal.Good}[last.Kind]
	e.TraceID, _ = signal.ParseTraceID(inc.Trace)
	s.Event(e)
}

// happenings are the timeline around an incident, for its post-mortem.
func (s *Session) happenings(id string, now time.Time) []incident.Happening {
	inc, _, err := s.incidents.book.Read(id)
	if err != nil {
		return nil // resolving it will say so
	}
	w := signal.Window{From: inc.Opened.Add(-beforeIncident), To: now.Add(time.Millisecond)}
	var out []incident.Happening
	for _, e := range s.store.Frame(signal.View{Window: w, Logs: signal.LogFilter{Limit: 1}, Traces: signal.TraceFilter{Limit: 1}}).Events {
		if e.Kind == signal.EventIncident {
			continue // its own entries tell that
		}
		out = append(out, incident.Happening{At: e.Start, Until: e.End, Kind: eventKinds[e.Kind], Title: e.Title, Detail: e.Detail, By: e.By})
	}
	return out
}

// Incident is Session.Incident on behalf of the actor.
func (a Actor) Incident(act IncidentAct) (string, error) { return a.s.Incident(act, a.name) }
