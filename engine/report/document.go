// Package report keeps runs of experiments and tells about them: one JSON document a run, in the state directory, from
// which HTML, Markdown and JUnit are made, and which is compared with others.
//
// The document is data: whoever reads one may have got it from anywhere, so every text in it is made harmless before it
// is shown, and every renderer escapes for its own format.
package report

import (
	"encoding/json"
	"math"
	"time"
)

// Version is the version of the document that this package writes, and the newest it reads.
const Version = 1

// Document is one run. Times are instants; durations are in seconds.
type Document struct {
	Version int     `json:"version"`
	Summary Summary `json:"summary"` // stands first in the file, so that a list of runs need not read the rest

	Hypothesis  string            `json:"hypothesis"`
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Program     Program           `json:"program"`
	File        File              `json:"file"`
	Planned     Seconds           `json:"plannedSeconds"` // how long the run was to take
	Phases      []Phase           `json:"phases"`
	Probes      []Probe           `json:"probes"`
	Faults      []Fault           `json:"faults"`
	Blast       Blast             `json:"blastRadius"`
	Remains     []string          `json:"remains,omitempty"` // what could not be undone, with the commands that remain
	Load        *Load             `json:"load,omitempty"`
	Switches    []Switch          `json:"switches,omitempty"` // of the system, at the start
	Events      []Event           `json:"timeline"`
	Panels      []Panel           `json:"panels,omitempty"`
	Traces      []Trace           `json:"traces,omitempty"`
	Why         *Why              `json:"why,omitempty"`     // what the bad requests had in common; absent when no fault was injected
	Omitted     []string          `json:"omitted,omitempty"` // what there was more of than a report holds, in words
	Failure     string            `json:"failure,omitempty"` // where gameday itself failed, if it did
}

// Summary is what a list of runs shows.
type Summary struct {
	ID          string    `json:"id"` // "20260601T101500.250Z-payment-slow": the file's name without its extension
	Name        string    `json:"name"`
	Title       string    `json:"title"`
	System      string    `json:"system"`
	Environment string    `json:"environment"`
	Started     time.Time `json:"started"`
	Ended       time.Time `json:"ended"`
	Verdict     string    `json:"verdict"` // the words of signal.Verdict
	Reason      string    `json:"reason"`
	ExitCode    int       `json:"exitCode"`
	Detected    *Seconds  `json:"secondsToDetect"`  // null: no probe failed while a fault was in force
	Recovered   *Seconds  `json:"secondsToRecover"` // null: the steady state did not return, or it was not watched
}

// Program says what made the run.
type Program struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	Session string `json:"session"` // names the journal of the faults
}

// File is the experiment as it was run. Values of headers and what looks like a secret are taken out of the text; the
// hash is of the bytes as they were.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Text   string `json:"text"`
}

// Phase is a stage of the run: load, before, during, rollback, after.
type Phase struct {
	Name string    `json:"name"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Probe is one condition of the steady state with all that was read of it.
type Probe struct {
	Name     string         `json:"name"`
	Expect   string         `json:"expect"`
	Lo       Number         `json:"lo"` // the bounds of what is expected; null where they are open
	Hi       Number         `json:"hi"`
	Unit     string         `json:"unit"` // "s", "share", "/s", "bytes", "text" or ""
	Before   Stats          `json:"before"`
	During   Stats          `json:"during"`
	After    Stats          `json:"after"`
	TraceID  string         `json:"traceId,omitempty"`          // a request behind the failure
	Err      string         `json:"error,omitempty"`            // why the last reading is unknown
	Mode     string         `json:"mode,omitempty"`             // before, after, edge, continuous, on-fault: phases that are not judged stay pending
	Recovery *Seconds       `json:"secondsToRecover,omitempty"` // from the undo to the first good reading; absent: it was not bad, or has not returned
	Readings []ProbeReading `json:"readings"`
}

// Stats is one probe in one phase. Readings count as they did for the verdict: in before and after when all that they
// look back on lies in the phase, during also when they were bad and taken in it.
type Stats struct {
	Check    string `json:"check"` // pending, passed, failed, unknown, error: as judged, with what the probe tolerates
	Readings int    `json:"readings"`
	Failed   int    `json:"failed"`
	Unknown  int    `json:"unknown"`
	Typical  Figure `json:"typical"` // the median
	Worst    Figure `json:"worst"`   // nearest to, or farthest beyond, the bound
}

// Figure is a number and how it is written. The text is "" when there is none; a word has a text and no number.
type Figure struct {
	Value Number `json:"value"`
	Text  string `json:"text"`
}

// ProbeReading is one measurement.
type ProbeReading struct {
	From    time.Time `json:"from"` // how far it looks back
	At      time.Time `json:"at"`
	Value   Number    `json:"value"`
	Text    string    `json:"text"`
	Check   string    `json:"check"`
	TraceID string    `json:"traceId,omitempty"`
}

// Fault is one step of the method: what was planned, what it touched, how it was undone.
type Fault struct {
	Title      string    `json:"title"`
	Kind       string    `json:"kind"`
	Targets    []string  `json:"targets"`
	Of         int       `json:"of"` // targets of that kind there are
	TargetKind string    `json:"targetKind"`
	Actions    []string  `json:"actions,omitempty"` // what was to be done, call by call
	Undo       string    `json:"undo"`              // how it is taken back
	Reversible bool      `json:"reversible"`
	At         Seconds   `json:"plannedAtSeconds"` // from the beginning of the method
	For        Seconds   `json:"plannedForSeconds"`
	State      string    `json:"state"` // "not injected", or the words of signal.FaultPhase
	Injected   time.Time `json:"injected,omitzero"`
	Undone     time.Time `json:"undone,omitzero"` // and verified
	Touched    uint64    `json:"touched"`
	Unit       string    `json:"unit,omitempty"`
	Err        string    `json:"error,omitempty"`
	Remedy     string    `json:"remedy,omitempty"`
}

// Over is when the fault ended: undone, or the end of the run.
func (f Fault) over(end time.Time) time.Time {
	if f.Undone.IsZero() {
		return end
	}
	return f.Undone
}

// Blast is the limit that the experiment set on what may be hit.
type Blast struct {
	MaxTargets   int      `json:"maxTargets,omitempty"`
	Percent      float64  `json:"percent,omitempty"`
	Environments []string `json:"environments,omitempty"`
	Protected    []string `json:"protected,omitempty"`
}

// Load is the load that the experiment brought, over the whole of its run.
type Load struct {
	Plan   string       `json:"plan"` // in words
	Sent   uint64       `json:"sent"`
	Missed uint64       `json:"missed"` // due and not sent: the generator was saturated
	Total  LoadStep     `json:"total"`
	Steps  []LoadStep   `json:"steps,omitempty"`
	Errors []ErrorCount `json:"errors,omitempty"`
}

// ErrorCount is one kind of failure and how often it came.
type ErrorCount struct {
	Kind  string `json:"kind"`
	Count uint64 `json:"count"`
}

// LoadStep is the answers to one step of the load's scenarios, or to all. Latency counts from the instant a request
// was due.
type LoadStep struct {
	Name   string  `json:"name,omitempty"`
	Done   uint64  `json:"done"`
	Failed uint64  `json:"failed"`
	Rate   float64 `json:"perSecond"`
	P50    Seconds `json:"p50Seconds"`
	P95    Seconds `json:"p95Seconds"`
	P99    Seconds `json:"p99Seconds"`
	Max    Seconds `json:"maxSeconds"`
}

// Switch is something of the system that can be turned, such as a resilience pattern.
type Switch struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
}

// Event is one entry of the timeline.
type Event struct {
	Start   time.Time `json:"start"`
	End     time.Time `json:"end,omitzero"`
	Kind    string    `json:"kind"`
	Outcome string    `json:"outcome"` // "", good, warning, bad
	Title   string    `json:"title"`
	Detail  string    `json:"detail,omitempty"`
	TraceID string    `json:"traceId,omitempty"`
}

// Panel is one chart of the cockpit over the time of the run.
type Panel struct {
	Title  string   `json:"title"`
	Query  string   `json:"query"`
	Unit   string   `json:"unit,omitempty"` // "s", "req/s", "%", "bytes", ""
	Bound  float64  `json:"bound,omitempty"`
	Series []Series `json:"series,omitempty"`
	Err    string   `json:"error,omitempty"` // why it is empty
}

// Series is one line of a chart.
type Series struct {
	Name   string  `json:"name"`
	Points []Point `json:"points"`
}

// Point is [Unix seconds, value]; a null value is a gap.
type Point [2]Number

// Trace is a request behind a failed probe.
type Trace struct {
	ID      string    `json:"id"`
	Probe   string    `json:"probe"` // whose failure it stands for
	Service string    `json:"service"`
	Name    string    `json:"name"`
	Start   time.Time `json:"start"`
	Took    Seconds   `json:"seconds"`
	Errors  int       `json:"errors"`
	Spans   []Span    `json:"spans"`
	Logs    []Log     `json:"logs,omitempty"`
	Cut     int       `json:"cut,omitempty"` // spans and records that were left out
}

// Span is one operation of a trace, in the order of the waterfall.
type Span struct {
	ID      string  `json:"id"`
	Depth   int     `json:"depth"`
	Service string  `json:"service"`
	Name    string  `json:"name"`
	Offset  Seconds `json:"offsetSeconds"` // from the start of the trace
	Took    Seconds `json:"seconds"`
	Failed  bool    `json:"failed,omitempty"`
	Message string  `json:"message,omitempty"`
}

// Log is one record of a trace.
type Log struct {
	Time    time.Time `json:"time"`
	Level   string    `json:"level"`
	Service string    `json:"service"`
	Body    string    `json:"body"`
}

// Seconds is a duration as a document has it.
type Seconds float64

// SecondsOf converts a duration.
func SecondsOf(d time.Duration) Seconds { return Seconds(d.Seconds()) }

// Duration converts back. What no duration can hold is the longest one.
func (s Seconds) Duration() time.Duration {
	ns := float64(s) * 1e9
	switch {
	case math.IsNaN(ns):
		return 0
	case ns >= math.MaxInt64:
		return math.MaxInt64
	case ns <= math.MinInt64:
		return math.MinInt64
	}
	return time.Duration(math.Round(ns))
}

// Number is a number that may be missing or have no end: NaN and the infinities are null in JSON, and null is NaN.
type Number float64

// Known reports whether there is a number.
func (n Number) Known() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON writes null for what JSON has no number for.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads null as NaN.
func (n *Number) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(data, (*float64)(n))
}
