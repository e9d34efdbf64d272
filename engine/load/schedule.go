package load

import (
	"math/rand/v2"
	"time"
)

// Schedule says when the nth iteration (counted from 0) is due, from the beginning of the run. Latency counts from that
// instant, never from the send. ok is false when the schedule is over before n. At never goes back: a later n is due no
// earlier. The answer depends on n alone, so that N generators can share one schedule by taking n, n+N, n+2N and so on;
// a Schedule itself is used by one goroutine.
type Schedule interface {
	At(n uint64) (due time.Duration, ok bool)
}

// newSchedule makes the schedule of an open executor.
func newSchedule(e *Executor, p *profile, seed uint64) Schedule {
	if e.Spacing == "poisson" {
		return &poissonSchedule{profile: p, seed: seed}
	}
	return evenSchedule{p}
}

// evenSchedule has the nth arrival when the integral of the rate reaches n.
type evenSchedule struct{ profile *profile }

func (s evenSchedule) At(n uint64) (time.Duration, bool) { return s.profile.at(float64(n)) }

// poissonSchedule is a Poisson process with the profile as its rate: a process of rate one, drawn from the seed, whose
// time is stretched by the inverse of the profile's integral. Going back starts over, which is slow but right.
type poissonSchedule struct {
	profile *profile
	seed    uint64
	rng     *rand.Rand
	next    uint64 // the arrival whose mass is mass
	mass    float64
}

func (s *poissonSchedule) At(n uint64) (time.Duration, bool) {
	if s.rng == nil || n < s.next {
		s.rng = rand.New(rand.NewPCG(s.seed, poissonStream))
		s.next, s.mass = 0, s.rng.ExpFloat64()
	}
	for s.next < n {
		s.mass += s.rng.ExpFloat64()
		s.next++
	}
	return s.profile.at(s.mass)
}

// Streams keep the random numbers of one seed apart by what they are for.
const (
	poissonStream   = 0x706f6973736f6e
	iterationStream = 0x697465726174
)
