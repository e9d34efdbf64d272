// Package experiment reads and runs experiments: the claim that a system's steady state holds while faults are in force.
//
// An experiment is a YAML document (apiVersion gameday/v1, kind Experiment). Parse reports everything that is wrong with
// it at once, with line numbers and the nearest known word. A Runner takes it through its phases: load, before, during,
// rollback, after; it injects through a Controller, measures through a probe.Observer, and whatever happens, every fault
// it injected is undone before it returns.
package experiment

import (
	"time"

	"gameday/chaos"
	"gameday/chaos/hours"
	"gameday/chaos/probe"
	"gameday/sources/spec"
)

// The document's version and kind.
const (
	APIVersion = "gameday/v1"
	Kind       = "Experiment"
)

// Experiment is a document of kind Experiment.
type Experiment struct {
	APIVersion  string           `yaml:"apiVersion,required" enum:"gameday/v1" doc:"gameday/v1"`
	Kind        string           `yaml:"kind,required" enum:"Experiment" doc:"Experiment"`
	Metadata    Metadata         `yaml:"metadata,required" doc:"what the experiment is called"`
	Hypothesis  string           `yaml:"hypothesis,required" doc:"the claim that is tested, in one sentence"`
	SteadyState SteadyState      `yaml:"steadyState,required" doc:"what is true of the system when all is well; checked before, throughout and after"`
	Load        *LoadRef         `yaml:"load" doc:"the load under which the experiment runs: {file: plan.yaml}, or a load plan written in place"`
	Method      []Step           `yaml:"method,required" doc:"the faults and when they are in force; they may overlap"`
	BlastRadius BlastRadius      `yaml:"blastRadius" doc:"the limit on what may be hit"`
	Abort       []AbortCondition `yaml:"abort" doc:"when to undo everything at once and stop"`
	Durations   Durations        `yaml:"durations" doc:"how long the phases around the method last"`
	Seed        uint64           `yaml:"seed" doc:"of the method's random choices; the same seed, the same choices"`

	file   string
	source []byte // the document as it was read
}

// Metadata names an experiment.
type Metadata struct {
	Name        string            `yaml:"name,required" doc:"a short word for commands and file names: letters, digits and -"`
	Title       string            `yaml:"title" doc:"what people read in lists; the name when not given"`
	Description string            `yaml:"description" doc:"why the experiment is worth running"`
	Labels      map[string]string `yaml:"labels" doc:"free words to sort experiments by"`
}

// SteadyState holds the probes.
type SteadyState struct {
	Probes []probe.Config `yaml:"probes,required" doc:"the conditions, each measured all the time"`
}

// BlastRadius limits what may be hit.
type BlastRadius struct {
	MaxTargets   int      `yaml:"maxTargets" doc:"most targets hit at the same time; no limit when not given"`
	Percent      Percent  `yaml:"percent" doc:"largest share of all targets of a kind, such as 25%"`
	Environments []string `yaml:"environments" doc:"where the experiment may run, such as demo or staging; anywhere when not given"`
	Protected    []string `yaml:"protected" doc:"targets and services that are never hit"`
	// Hours are checked when the run begins: all of it must lie within them.
	Hours hours.Hours `yaml:"hours" doc:"when the experiment may run, such as {days: [mon-fri], from: 09:00, to: 16:00, zone: Europe/Berlin}; at any time when not given"`
}

// Limit is the blast radius as package chaos knows it.
func (b BlastRadius) Limit() chaos.BlastRadius {
	return chaos.BlastRadius{MaxTargets: b.MaxTargets, Percent: float64(b.Percent), Environments: b.Environments, Protected: b.Protected}
}

// AbortCondition ends an experiment early: either a probe of the steady state fails, or a measurement meets When.
type AbortCondition struct {
	Name          string `yaml:"name" doc:"what it is called when it fires"`
	Probe         string `yaml:"probe" doc:"the name of a probe of the steady state, instead of a measurement of its own"`
	probe.Measure `yaml:",inline"`
	When          probe.Expect  `yaml:"when" doc:"it fires when a reading meets this, such as \"> 50%\"; with a probe: when that fails, if not given"`
	For           time.Duration `yaml:"for" doc:"how long this must last before it fires; at once when not given"`
	Interval      time.Duration `yaml:"interval" doc:"time between two readings of a measurement of its own; 1s when not given"`
	Timeout       time.Duration `yaml:"timeout" doc:"the longest that such a reading may take; 2s when not given"`
}

// Durations are the lengths of the phases. The method's own length is that of its steps.
type Durations struct {
	Warmup time.Duration `yaml:"warmup" doc:"the load runs and nothing is judged; 5s when not given and there is load"`
	Before time.Duration `yaml:"before" doc:"the steady state must hold before anything is touched; 10s when not given"`
	During time.Duration `yaml:"during" doc:"length of the method when it is to be longer than its steps"`
	After  time.Duration `yaml:"after" doc:"the steady state must be back at the end of it; 30s when not given"`
}

// LoadRef is the load of an experiment: a file, or a plan written in place. Exactly one is set. Package experiment hands
// it on without knowing what a load plan is.
type LoadRef struct {
	File   string         // resolved against the experiment's own folder
	Inline *spec.Document // the plan, with the experiment's line numbers
}

// UnmarshalSpec reads {file: …}, or takes the part as a plan.
func (l *LoadRef) UnmarshalSpec(part *spec.Document) {
	if !part.Has("file") {
		l.Inline = part
		return
	}
	var byFile struct {
		File string `yaml:"file,required"`
	}
	part.Decode(&byFile)
	l.File = byFile.File
}

// JSONSchema admits both forms.
func (*LoadRef) JSONSchema() map[string]any {
	return map[string]any{"anyOf": []any{
		map[string]any{"type": "object", "required": []any{"file"}, "additionalProperties": false,
			"properties": map[string]any{"file": map[string]any{"type": "string", "description": "a load plan, found from the experiment's folder"}}},
		map[string]any{"type": "object", "required": []any{"scenarios"}},
	}}
}

// File is the file the experiment was read from.
func (e *Experiment) File() string { return e.file }

// Title is what people read.
func (e *Experiment) Title() string {
	if e.Metadata.Title != "" {
		return e.Metadata.Title
	}
	return e.Metadata.Name
}
