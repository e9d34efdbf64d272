package experiment

import (
	"time"

	"gameday/chaos"
	"gameday/chaos/probe"
	"gameday/sources/spec"
)

// Step is one part of the method: exactly one of a fault, a wait, a question to the operator, or a group of steps. The
// steps of the method itself, and those of a parallel group, begin together, each at its At; those of a sequence one
// after another.
type Step struct {
	At       time.Duration  `yaml:"at" doc:"when it begins, from the beginning of the method or of the parallel group it is in; 0s when not given"`
	For      time.Duration  `yaml:"for" doc:"how long a fault is in force before it is undone; for a kill: how long the method watches"`
	UntilEnd bool           `yaml:"untilEnd" doc:"instead of for: the fault stays in force until the method has ended, and is undone together with all that is left"`
	Fault    string         `yaml:"fault" doc:"the kind of fault"`
	Target   Target         `yaml:"target" doc:"what the fault hits"`
	Args     map[string]any `yaml:"args" doc:"the fault's own arguments"`
	Title    string         `yaml:"title" doc:"a few words for the timeline, such as \"payment +800ms\""`
	When     *Condition     `yaml:"when" doc:"the step is taken only when this is met, and skipped otherwise"`
	Wait     time.Duration  `yaml:"wait" doc:"in a sequence: nothing is done for so long"`
	Suspend  *Suspend       `yaml:"suspend" doc:"the method waits for an operator's go-ahead"`
	Sequence []Step         `yaml:"sequence" doc:"steps that are taken one after another"`
	Parallel []Step         `yaml:"parallel" doc:"steps that are taken together"`
	Repeat   *Repeat        `yaml:"repeat" doc:"steps that are taken several times"`
	Choose   []Step         `yaml:"choose" doc:"steps of which one is taken, at random by the experiment's seed"`
}

// Repeat takes steps several times, one after another.
type Repeat struct {
	Times int           `yaml:"times,required" doc:"how often"`
	Pause time.Duration `yaml:"pause" doc:"time between two rounds"`
	Steps []Step        `yaml:"steps,required" doc:"what is repeated, one step after another; each round selects its targets anew"`
}

// Suspend asks for a go-ahead. It may be written as the message alone.
type Suspend struct {
	Message string        `yaml:"message,required" doc:"what the operator should look at before going on"`
	Timeout time.Duration `yaml:"timeout" doc:"after so long without an answer everything is undone and the run is aborted; 30m when not given"`
}

// DefaultSuspend is how long a go-ahead is waited for.
const DefaultSuspend = 30 * time.Minute

type longSuspend Suspend

// UnmarshalSpec reads the message or the map.
func (s *Suspend) UnmarshalSpec(part *spec.Document) {
	if text, ok := part.Scalar(); ok {
		s.Message = text
		return
	}
	part.Decode((*longSuspend)(s))
}

// JSONSchema admits both forms.
func (*Suspend) JSONSchema() map[string]any {
	return map[string]any{"oneOf": []any{map[string]any{"type": "string"}, spec.Ref{V: longSuspend{}}}}
}

func (s *Suspend) timeout() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return DefaultSuspend
}

// Condition is what must be true for a step to be taken: how a probe stands, how much a fault has touched, or both.
type Condition struct {
	Probe   string        `yaml:"probe" doc:"the name of a probe of the steady state"`
	Is      string        `yaml:"is" enum:"passed,failed,unknown,error" doc:"how the probe's last reading must have been judged; passed when not given"`
	Fault   string        `yaml:"fault" doc:"the title of a fault of the method"`
	Touched probe.Expect  `yaml:"touched" doc:"how much that fault must have acted on, such as \"> 100\"; \"> 0\" when not given"`
	Within  time.Duration `yaml:"within" doc:"how long to wait for it; looked at once when not given"`
}

// String is the condition as a sentence.
func (c *Condition) String() string {
	s := ""
	if c.Probe != "" {
		s = c.Probe + " is " + orElse(c.Is, "passed")
	}
	if c.Fault != "" {
		if s != "" {
			s += " and "
		}
		s += c.Fault + " has touched " + orElse(c.Touched.String(), "> 0")
	}
	if c.Within > 0 {
		s += " within " + c.Within.String()
	}
	return s
}

// Target selects what a fault hits: everything that matches all of what is given.
type Target struct {
	Service string            `yaml:"service" doc:"a service by name; for a link: where it leads to"`
	From    string            `yaml:"from" doc:"for a link: the service it comes from"`
	To      string            `yaml:"to" doc:"for a link: the service it leads to"`
	Name    string            `yaml:"name" doc:"one target by its full name; * is everything"`
	Labels  map[string]string `yaml:"labels" doc:"labels such as role or zone"`
	Pick    string            `yaml:"pick" doc:"which of those that match: all, one, a number such as 2, a share such as 50%"`
}

// Selector is the target as package chaos knows it.
func (t Target) Selector() chaos.Selector {
	return chaos.Selector{Service: t.Service, From: t.From, To: t.To, Name: t.Name, Labels: t.Labels, Pick: t.Pick}
}

// kinds are what the step is; exactly one is right.
func (s *Step) kinds() []string {
	var set []string
	for _, k := range []struct {
		name string
		on   bool
	}{{"fault", s.Fault != ""}, {"wait", s.Wait != 0}, {"suspend", s.Suspend != nil}, {"sequence", s.Sequence != nil},
		{"parallel", s.Parallel != nil}, {"repeat", s.Repeat != nil}, {"choose", s.Choose != nil}} {
		if k.on {
			set = append(set, k.name)
		}
	}
	return set
}
