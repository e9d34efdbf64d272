package schedule

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"gameday/chaos/hours"
)

// Run is one coming run.
type Run struct {
	At         time.Time
	Entry      string
	Experiment string // its file
}

// horizon is how far ahead a next run is looked for: what does not come within it is told as never.
const horizon = 400 * 24 * time.Hour

// maxRuns bounds one answer of Runs.
const maxRuns = 10_000

// Next is the first run after an instant; ok is false when none comes within 400 days.
func (s *Schedule) Next(after time.Time) (run Run, ok bool) {
	for i := range s.Entries {
		s.Entries[i].each(s, after, after.Add(horizon), func(r Run) bool {
			if !ok || before(r, run) {
				run, ok = r, true
			}
			return false
		})
	}
	return run, ok
}

// Runs are the runs after from and not after to, in their order; at most 10000 of each entry.
func (s *Schedule) Runs(from, to time.Time) []Run {
	var out []Run
	for i := range s.Entries {
		n := 0
		s.Entries[i].each(s, from, to, func(r Run) bool {
			out = append(out, r)
			n++
			return n < maxRuns
		})
	}
	slices.SortFunc(out, func(a, b Run) int {
		switch {
		case before(a, b):
			return -1
		case before(b, a):
			return 1
		}
		return 0
	})
	return out
}

func before(a, b Run) bool {
	if !a.At.Equal(b.At) {
		return a.At.Before(b.At)
	}
	return strings.Compare(a.Entry, b.Entry) < 0
}

// each tells the runs of an entry after from and not after to, in their order, until take says no.
func (e *Entry) each(s *Schedule, from, to time.Time, take func(Run) bool) {
	if e.Random != nil {
		e.random(s, from, to, take)
		return
	}
	rule, err := e.cron()
	if err != nil {
		return // Parse has reported it
	}
	loc, err := (hours.Hours{Zone: e.Zone}).Location()
	if err != nil {
		return
	}
	for at := rule.Next(from.In(loc)); !at.IsZero() && !at.After(to); at = rule.Next(at) {
		if again(at) {
			continue
		}
		rnd := e.dice(s, fmt.Sprint(at.Unix()))
		if r, ok := e.decide(s, at, rnd); ok && !take(r) {
			return
		}
	}
}

// again reports whether the clock was put back and showed the same time before: such a time counts once.
func again(t time.Time) bool {
	for _, shift := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour} {
		if t.Add(-shift).Format(time.DateTime) == t.Format(time.DateTime) {
			return true
		}
	}
	return false
}

// random goes through the windows day by day. All of a window's times are drawn from the window's own dice.
func (e *Entry) random(s *Schedule, from, to time.Time, take func(Run) bool) {
	loc, err := e.Random.Location()
	if err != nil {
		return
	}
	day := from.In(loc)
	// A window that goes over midnight began on the day before.
	for day = noon(day, -1); ; day = noon(day, 1) {
		begin, end, ok := e.Random.Window(day)
		if !ok {
			if day.After(to) {
				return
			}
			continue
		}
		if begin.After(to) {
			return
		}
		rnd := e.dice(s, begin.Format("2006-01-02"))
		var runs []Run
		for range max(1, e.Random.Times) {
			at := begin.Add(time.Duration(rnd.Int64N(int64(end.Sub(begin))))).Truncate(time.Second)
			if r, ok := e.decide(s, at, rnd); ok && at.After(from) && !at.After(to) {
				runs = append(runs, r)
			}
		}
		slices.SortFunc(runs, func(a, b Run) int { return a.At.Compare(b.At) })
		for _, r := range runs {
			if !take(r) {
				return
			}
		}
	}
}

// noon is the middle of a day near t: adding days to it never slips over a change of the clock.
func noon(t time.Time, days int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+days, 12, 0, 0, 0, t.Location())
}

// decide throws the dice for one time: whether it is used, and for what. It draws the same number of times in any case.
func (e *Entry) decide(s *Schedule, at time.Time, rnd *rand.Rand) (Run, bool) {
	chance, which := 100*rnd.Float64(), rnd.IntN(len(e.OneOf))
	if e.Probability > 0 && chance >= float64(e.Probability) {
		return Run{}, false
	}
	if open, _ := s.Hours.Open(at); !open {
		return Run{}, false
	}
	return Run{At: at, Entry: e.Name, Experiment: e.OneOf[which]}, true
}

// dice are random, and the same whenever the same is asked.
func (e *Entry) dice(s *Schedule, when string) *rand.Rand {
	return rand.New(rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d\x00%s\x00%s", s.Seed, e.Name, when))))
}
