package load

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Shards says which part of a plan a run is: the zero value is all of it. A plan is split by index, without anybody who
// coordinates: of N parts, part i takes the arrivals i, i+N, i+2N and so on of the schedule and the same of the users, and
// together the parts are exactly the plan.
type Shards struct {
	Index uint64 // from 0
	Of    uint64 // 0 and 1 are the whole
}

// Whole reports whether it is all of the plan.
func (s Shards) Whole() bool { return s.of() == 1 }

// ParseShards reads "3/20": the third of twenty, counted from 1.
func ParseShards(text string) (Shards, error) {
	a, b, ok := strings.Cut(text, "/")
	index, err1 := strconv.ParseUint(strings.TrimSpace(a), 10, 32)
	of, err2 := strconv.ParseUint(strings.TrimSpace(b), 10, 32)
	if !ok || err1 != nil || err2 != nil || index < 1 || index > of {
		return Shards{}, fmt.Errorf("%q is not a part of a run: write it as 3/20, the third of twenty", text)
	}
	return Shards{Index: index - 1, Of: of}, nil
}

// String is the notation that ParseShards reads.
func (s Shards) String() string { return fmt.Sprintf("%d/%d", s.Index+1, s.of()) }

func (s Shards) of() uint64 { return max(s.Of, 1) }

// number is the number in the whole plan of this part's nth iteration.
func (s Shards) number(n uint64) uint64 { return n*s.of() + s.Index }

// users is this part's share of so many users.
func (s Shards) users(n int) int { return (n + int(s.of()) - 1 - int(s.Index)) / int(s.of()) }

// share is this part's share of a limit, at least 1.
func (s Shards) share(n int) int { return max(s.users(n), 1) }

// schedule is this part of a schedule.
func (s Shards) schedule(whole Schedule) Schedule {
	if s.of() == 1 {
		return whole
	}
	return shardSchedule{whole, s}
}

type shardSchedule struct {
	whole  Schedule
	shards Shards
}

func (s shardSchedule) At(n uint64) (time.Duration, bool) { return s.whole.At(s.shards.number(n)) }

// executor is an executor with this part's share of its limits. Rates, users and iterations stay those of the whole plan:
// they are split by index.
func (s Shards) executor(e *Executor) *Executor {
	if s.Whole() || !e.Kind.Open() {
		return e
	}
	own := *e
	own.MaxConnections, own.MaxQueue = s.share(e.MaxConnections), s.share(e.MaxQueue)
	return &own
}

// check says why a plan cannot be split into so many parts.
func (s Shards) check(e *Executor) error {
	if e != nil && e.Kind == SharedIterations && uint64(e.Users) < s.of() {
		return fmt.Errorf("%d users cannot share their iterations over %d parts: a part without a user would leave its iterations undone",
			e.Users, s.of())
	}
	return nil
}

// latestStart is how far ahead a start may lie: beyond that it is a mistake in the date.
const latestStart = 24 * time.Hour

// begin waits for the instant at which a run is to begin and returns it; the zero time is now. Parts of a plan that run on
// several machines begin together this way, as exactly as their clocks agree.
func begin(ctx context.Context, at time.Time) (time.Time, error) {
	now := time.Now()
	if at.IsZero() {
		return now, nil
	}
	wait := at.Sub(now) // by the wall clock: at comes from somewhere else
	switch {
	case wait < 0:
		return now, fmt.Errorf("the start at %s is %s past by this machine's clock: what was due until now could not be sent any more; "+
			"give a later one, and check that the machines' clocks agree", at.UTC().Format(time.RFC3339Nano), (-wait).Round(time.Millisecond))
	case wait > latestStart:
		return now, fmt.Errorf("the start at %s is more than a day ahead by this machine's clock", at.UTC().Format(time.RFC3339Nano))
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return now.Add(wait), nil // with now's monotonic reading: a clock that is set afterwards changes nothing
	case <-ctx.Done():
		return now, fmt.Errorf("wait for the start: %w", context.Cause(ctx))
	}
}
