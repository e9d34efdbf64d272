// Package journal is the write-ahead record of what must be undone.
//
// Each session writes one append-only file. A fault's INTENT, with its undo as data, is on disk before the first effect;
// ARMED says that it is in force, UNDONE that it was taken back and that this was measured. An INTENT without ARMED
// counts as armed: the writer may have died in between. The file is locked by whoever is in charge of it, first the
// session, after its death the keeper or a recovery, so that a lock that can be had means that the owner is gone.
//
// What is short at the end is a torn write: it is kept in a side file and cut off. What is wrong anywhere is damage: it
// is refused loudly, because a fault that can no longer be read may still be in force.
package journal

import (
	"encoding/json"
	"time"

	"gameday/chaos/proc"
)

// Type says what a record states.
type Type string

// The types of record.
const (
	Open   Type = "open"   // first record: whose journal this is
	Intent Type = "intent" // about to touch something; the undo is in it
	Armed  Type = "armed"  // in force
	Undone Type = "undone" // nothing of it is left; Outcome says how that is known
	Failed Type = "failed" // an undo was given up; Remedy is what remains to be done
	Closed Type = "closed" // the session ended with nothing left to undo
)

// How a fault ended, in an Undone record.
const (
	Verified     = "verified"     // measured: nothing is left
	Irreversible = "irreversible" // there is nothing to undo, such as a kill
	NotApplied   = "not applied"  // applying failed; measured: nothing is left
)

// Owner is the session that wrote a journal.
type Owner struct {
	Session string  `json:"session"`
	Process proc.ID `json:"process"`
	Host    string  `json:"host,omitempty"`
	User    string  `json:"user,omitempty"`
	Command string  `json:"command,omitempty"`
}

// Fault is what has to be known to undo a fault without asking anyone: it is never resolved again.
type Fault struct {
	ID         string          `json:"id"` // unique within the session
	Kind       string          `json:"kind"`
	Title      string          `json:"title,omitempty"`
	Targets    []string        `json:"targets,omitempty"`
	Actions    []string        `json:"actions,omitempty"`
	UndoText   string          `json:"undo_text,omitempty"`
	Undo       json.RawMessage `json:"undo,omitempty"`
	Until      time.Time       `json:"until,omitzero"` // when it would be undone by itself
	Reversible bool            `json:"reversible"`
}

// Record is one entry of the file.
type Record struct {
	Seq     uint64    `json:"seq"` // 0, 1, 2, … without a gap
	Type    Type      `json:"type"`
	At      time.Time `json:"at"`
	Owner   *Owner    `json:"owner,omitempty"` // Open only
	Fault   *Fault    `json:"fault,omitempty"` // Intent only
	ID      string    `json:"id,omitempty"`    // which fault, for all but Open, Intent and Closed
	Outcome string    `json:"outcome,omitempty"`
	By      string    `json:"by,omitempty"` // who undid it: "session", "keeper", "recover"
	Err     string    `json:"err,omitempty"`
	Remedy  string    `json:"remedy,omitempty"`
}

// Entry is one fault with everything the journal says about it.
type Entry struct {
	Fault    Fault
	Injected time.Time // when the intent was written
	Armed    bool      // an ARMED record exists; without one the fault still counts as in force
	Undone   bool
	UndoneAt time.Time
	Outcome  string
	By       string
	Err      string // why the last undo was given up
	Remedy   string
}

// Contents is what a journal says, folded.
type Contents struct {
	Path    string
	Owner   Owner
	Opened  time.Time
	Entries []*Entry // by the order of their intents
	Closed  bool
	Torn    int64 // bytes at the end that were never written through; 0 when there are none

	next  uint64 // sequence number of the next record
	valid int64  // bytes of the file that are whole records
}

// Pending lists the faults that may still be in force, oldest first.
func (c *Contents) Pending() []*Entry {
	var out []*Entry
	for _, e := range c.Entries {
		if !e.Undone {
			out = append(out, e)
		}
	}
	return out
}

// entry finds a fault by ID. An ID is used once; if a hostile file repeats one, the last counts.
func (c *Contents) entry(id string) *Entry {
	for i := len(c.Entries) - 1; i >= 0; i-- {
		if c.Entries[i].Fault.ID == id {
			return c.Entries[i]
		}
	}
	return nil
}

// fold adds one record. It reports what makes the record impossible at this place, or "".
func (c *Contents) fold(r *Record) string {
	if r.Seq != c.next {
		return "a record is missing or out of order"
	}
	c.next++
	if (r.Type == Open) != (r.Seq == 0) {
		return "the first record must say whose journal this is, and only the first"
	}
	switch r.Type {
	case Open:
		if r.Owner == nil {
			return "the journal does not say whose it is"
		}
		c.Owner, c.Opened = *r.Owner, r.At
		return ""
	case Closed:
		c.Closed = true
		return ""
	case Intent:
		if r.Fault == nil || r.Fault.ID == "" {
			return "an intent without a fault"
		}
		c.Closed = false
		c.Entries = append(c.Entries, &Entry{Fault: *r.Fault, Injected: r.At})
		return ""
	}
	e := c.entry(r.ID)
	if e == nil {
		return "a record about a fault that has no intent"
	}
	switch r.Type {
	case Armed:
		e.Armed = true
	case Undone:
		e.Undone, e.UndoneAt, e.Outcome, e.By, e.Err, e.Remedy = true, r.At, r.Outcome, r.By, "", ""
	case Failed:
		e.Err, e.Remedy, e.By = r.Err, r.Remedy, r.By
	default:
		return "a record of an unknown type: it was written by a newer gameday"
	}
	return ""
}
