package pane

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/sources/signal"
	"gameday/themes"
)

// WalkMsg is the wish to go on from what is under the cursor to what it is joined to. Of several steps the operator picks one.
type WalkMsg struct {
	From  string // what is left: "a log line of checkout"
	Steps []Step
}

// Step is one way to go on.
type Step struct {
	Kind  string // "trace", "field", "fault", "experiment", "time"
	Title string
	Hint  string
	Why   string // where the key that joins the two was found, in a sentence
	Role  themes.Role
	Msg   tea.Msg
}

// EventMsg is the wish to see one entry of the timeline: time stands still at it, and the list of events has its cursor on it.
type EventMsg struct {
	ID uint64
	At time.Time
}

// DuringMsg is the wish to see the traces of a stretch of time, and nothing else.
type DuringMsg struct {
	Window signal.Window
	What   string // what went on then
}

// SilenceMsg is the wish to keep an alert quiet, or to end a silence.
type SilenceMsg struct {
	Title string       // of the alert; "" when the cursor stands on none
	Match signal.Attrs // its labels
}

const (
	maxFieldSteps   = 20 // a trace of thousands of spans may carry as many orders
	maxExampleSteps = 8
	instant         = 10 * time.Second // what belongs to the time of an event that does not last
)

// Steps are ways to go on, each once.
type Steps struct {
	frame *signal.Frame
	list  []Step
	seen  map[string]int // by where it goes, the step
	count map[string]int
	n     int // fields
}

// NewSteps begins with none. f may be nil: then nothing is known that joins.
func NewSteps(f *signal.Frame) *Steps {
	if f == nil {
		f = &signal.Frame{}
	}
	return &Steps{frame: f, seen: map[string]int{}, count: map[string]int{}}
}

// Trace adds the way to a trace; why says where its ID was found.
func (s *Steps) Trace(id signal.TraceID, title, why string) {
	key := "trace " + id.String()
	if _, twice := s.seen[key]; id.IsZero() || twice {
		return
	}
	s.seen[key] = len(s.list)
	s.list = append(s.list, Step{Kind: "trace", Title: title, Hint: id.Short(), Why: why, Role: themes.Muted, Msg: OpenTraceMsg{ID: id}})
}

// Fields adds a way to everything with the value of each attribute that joins signals; where says what carries them.
func (s *Steps) Fields(attrs signal.Attrs, where string) {
	found := attrs.Get("joined_by") // what was read out of a text says so
	for _, a := range attrs {
		if a.Value == "" || !slices.Contains(s.frame.Fields, strings.ToLower(a.Key)) {
			continue
		}
		key := a.Key + "=" + a.Value
		s.count[key]++
		if i, twice := s.seen[key]; twice {
			s.list[i].Hint = fmt.Sprintf("carried %d times", s.count[key])
			continue
		}
		if s.n == maxFieldSteps {
			continue
		}
		s.n++
		s.seen[key] = len(s.list)
		why := "attribute " + a.Key + " of " + where
		if strings.Contains(found, a.Key) {
			why = "read out of " + where + ": " + found
		}
		s.list = append(s.list, Step{Kind: "field", Title: "everything with " + a.Key + " " + a.Value, Why: why, Role: themes.Focus, Msg: FocusMsg{ID: signal.CorrelationID(a.Value)}})
	}
}

// Faults adds the ways to the faults and experiments among the events that were going on between two instants.
func (s *Steps) Faults(events []signal.Event, from, to time.Time) {
	for _, e := range events {
		end, kind := e.End, "fault"
		if e.Kind == signal.EventExperiment {
			kind = "experiment"
		}
		lasts := e.Open || end.After(e.Start)
		if e.Kind != signal.EventFault && e.Kind != signal.EventExperiment || !lasts || e.Start.After(to) || !e.Open && end.Before(from) {
			continue
		}
		why := "in force since " + e.Start.Local().Format(time.TimeOnly)
		if !e.Open {
			why = "in force from " + e.Start.Local().Format(time.TimeOnly) + " to " + end.Local().Format(time.TimeOnly)
		}
		if d := from.Sub(e.Start); d > 0 {
			why += ", " + d.Round(time.Second).String() + " before this"
		}
		s.list = append(s.list, Step{Kind: kind, Title: strings.Join(strings.Fields(e.Title), " "), Hint: e.Target, Why: why, Role: themes.Fault, Msg: EventMsg{ID: e.ID, At: e.Start}})
	}
}

// Examples adds ways to traces that ran while an event went on, the failed and the slowest first, and one to all of them.
func (s *Steps) Examples(e *signal.Event) {
	w := signal.Window{From: e.Start, To: e.Start.Add(instant)}
	if e.End.After(e.Start) {
		w.To = e.End
	}
	if e.Open {
		w.To = s.frame.Window.To
	}
	var ran []signal.TraceSummary
	for _, t := range s.frame.Traces {
		if t.Start.Before(w.To) && !t.Start.Add(t.Duration).Before(w.From) {
			ran = append(ran, t)
		}
	}
	slices.SortStableFunc(ran, func(a, b signal.TraceSummary) int {
		return cmp.Or(cmp.Compare(min(b.Errors, 1), min(a.Errors, 1)), cmp.Compare(b.Duration, a.Duration))
	})
	for _, t := range ran[:min(len(ran), maxExampleSteps)] {
		how := t.Duration.Round(time.Millisecond).String()
		if t.Errors > 0 {
			how += ", failed"
		}
		s.Trace(t.ID, strings.Join(strings.Fields(t.Service+" "+t.Name), " ")+" · "+how, "ran while it went on")
	}
	title := strings.Join(strings.Fields(e.Title), " ")
	s.list = append(s.list, Step{Kind: "time", Title: "every trace of its time", Role: themes.Muted, Msg: DuringMsg{Window: w, What: title},
		Hint: w.Length().Round(time.Second).String(), Why: "from " + w.From.Local().Format(time.TimeOnly) + " to " + w.To.Local().Format(time.TimeOnly)})
}

// Len is how many ways there are.
func (s *Steps) Len() int { return len(s.list) }

// Wish is the wish to take one of the steps; where there is none, to say so.
func (s *Steps) Wish(from string) tea.Cmd {
	if len(s.list) == 0 {
		return Wish(StatusMsg{Text: from + " is joined to nothing: it has no trace ID and none of the fields " + strings.Join(s.frame.Fields, ", "), Role: themes.Warning})
	}
	return Wish(WalkMsg{From: from, Steps: s.list})
}
