package load

import (
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
