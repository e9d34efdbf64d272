package signal

import "time"

// SLO is one objective as it stands now.
type SLO struct {
	Name    string
	Title   string
	Service string
	Target  float64 // the share of events that must be good, 0 to 1
	Good    float64 // the share that was, over Covered; NaN when not known
	Window  time.Duration
	Covered time.Duration // how much of the window was measured
	Budget  float64       // the share of the window's error budget that is left; below 0 when more was spent; NaN when not known
	Burns   []BurnRate
	Err     string // why it is not known
}

// Firing is the worst alert that fires: 0 none, 1 a ticket, 2 a page.
func (s *SLO) Firing() int {
	worst := 0
	for _, b := range s.Burns {
		switch {
		case b.Firing && b.Page:
			worst = 2
		case b.Firing:
			worst = max(worst, 1)
		}
	}
	return worst
}

// BurnRate is one rule of an objective's alerts: it fires while the budget burns faster than Rate over both windows. A rate
// of 1 just spends the budget within the objective's window.
type BurnRate struct {
	Rate              float64
	Long, Short       time.Duration
	NowLong, NowShort float64 // NaN when not known
	Page              bool    // somebody is needed now; else within days
	Firing            bool
}

// Scorecard grades how well promises are kept, and how well that was tried.
type Scorecard struct {
	Grade  string  // "A" to "F", "-" when nothing is known
	Points float64 // of 100; NaN when nothing is known
	Parts  []ScorePart
}

// ScorePart is one part of a scorecard.
type ScorePart struct {
	Name   string
	Weight float64 // points it can bring
	Share  float64 // of them; NaN when not known, and then it does not count
	Says   string
}

// Incident is one incident as it stands now.
type Incident struct {
	ID           string          `json:"id"`
	Title        string          `json:"title"`
	Severity     int             `json:"severity"` // 1, the worst, to 4
	Opened       time.Time       `json:"opened"`
	Acknowledged time.Time       `json:"acknowledged,omitzero"`
	Resolved     time.Time       `json:"resolved,omitzero"`
	Level        int             `json:"level"`               // how often it was passed on
	LevelName    string          `json:"-" cbor:"level_name"` // who is told now
	Told         time.Time       `json:"told,omitzero"`
	EscalatesAt  time.Time       `json:"-" cbor:"escalates_at,omitzero"` // when the next is told; zero: never by itself
	Trace        string          `json:"trace,omitempty"`                // a request that shows it, in hex
	Entries      []IncidentEntry `json:"entries"`
}

// Status is the word for it.
func (i *Incident) Status() string {
	switch {
	case !i.Resolved.IsZero():
		return "resolved"
	case !i.Acknowledged.IsZero():
		return "acknowledged"
	}
	return "open"
}

// IncidentEntry is one thing that was done about an incident.
type IncidentEntry struct {
	At   time.Time `json:"at"`
	By   string    `json:"by,omitempty"` // "" is gameday itself, or who sits at the only keyboard
	Kind string    `json:"kind"`         // "opened", "acknowledged", "escalated", "update", "severity", "resolved"
	Text string    `json:"text"`
}
