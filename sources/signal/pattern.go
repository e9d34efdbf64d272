package signal

import "time"

// LevelRanks is how many levels there are with the one of records that carry none: unset, trace, debug, info, warn, error,
// fatal.
const LevelRanks = 7

// LevelRank is the place of a severity among them: 0 unset, 1 trace, up to 6 fatal.
func LevelRank(s Severity) int {
	if s == SeverityUnset {
		return 0
	}
	return min(int(s-1)/4+1, LevelRanks-1)
}

// LogPattern is a group of log records that one statement of one service wrote, as far as can be told from their texts.
type LogPattern struct {
	ID      uint64 // stays the same while gameday runs
	Service string
	Text    string             // "order <num> written in <dur>"; <*> is a word that differs
	Count   uint64             // records in the window, counted in steps of a few seconds
	Total   uint64             // since the pattern was first seen
	Levels  [LevelRanks]uint64 // of Total
	Spark   []float64          // records over the window, oldest first; shared and never changed
	First   time.Time
	Last    time.Time
	New     bool   // first seen after the fault or the experiment began
	Example Record // one of the newest; its text may be cut, and it has no Seq
	Filter  string // the log filter that finds its records
}

// SuchAs is the newest record in a window that a filter finds.
type SuchAs struct {
	Filter string // what the view asked for
	Record Record
	Found  bool // false: none is held of this window, or time ran out before one was found
}

// Around asks for the records beside one: those of the same service and source that came before and after it, whatever the
// filter. The zero value asks for none.
type Around struct {
	Seq             uint64 // the record's
	Service, Source string
}
