package signal

import (
	"math"
	"sort"
	"time"
)

// LoadSecondsKept is how many seconds of a load run a frame holds at most.
const LoadSecondsKept = 1800

// LoadSecond is about one second of a load run; it is as long as it was.
type LoadSecond struct {
	From, To                time.Time
	Target                  float64 // requests per second that an open model intended; 0 in a closed one
	Done, Failed, Missed    uint64
	Users, InFlight         int // when it ended
	P50, P90, P95, P99, Max time.Duration
	Errors                  []ErrorCount
	Heat                    LatencyCounts
}

// Rate is answers per second.
func (s *LoadSecond) Rate() float64 { return s.per(s.Done) }

// MissedRate is how many arrivals a second were due and not sent.
func (s *LoadSecond) MissedRate() float64 { return s.per(s.Missed) }

func (s *LoadSecond) per(n uint64) float64 {
	if span := s.To.Sub(s.From).Seconds(); span > 0 {
		return float64(n) / span
	}
	return 0
}

// LatencyCounts is a coarse histogram: Counts[i] requests fell into the bucket First+i.
type LatencyCounts struct {
	First  int
	Counts []uint32
}

// The buckets of LatencyCounts: twenty a decade from 10 µs to 100 s. What lies outside counts into the first or the last.
const (
	LatencyBuckets   = 140
	bucketsPerDecade = 20
	leastLatency     = float64(10 * time.Microsecond)
)

var latencyBounds = func() (out [LatencyBuckets]time.Duration) {
	for i := range out {
		out[i] = time.Duration(leastLatency * math.Pow(10, float64(i+1)/bucketsPerDecade))
	}
	return out
}()

// LatencyBound is the upper end of a bucket; the lower one is that of the bucket before.
func LatencyBound(bucket int) time.Duration {
	return latencyBounds[min(max(bucket, 0), LatencyBuckets-1)]
}

// LatencyBucket is the bucket that a latency falls into.
func LatencyBucket(d time.Duration) int {
	return min(sort.Search(LatencyBuckets, func(i int) bool { return latencyBounds[i] >= d }), LatencyBuckets-1)
}

// LatencyShare says that the share of all requests, 0 to 1, took no longer than that.
type LatencyShare struct {
	Share   float64
	Latency time.Duration
}

// LoadPhases are the parts of a request's time, each the mean of all requests. The first three are zero on a connection
// that was kept.
type LoadPhases struct {
	Resolve, Connect, TLS, Write, Wait, Read time.Duration
}

// Sum is the phases together.
func (p LoadPhases) Sum() time.Duration {
	return p.Resolve + p.Connect + p.TLS + p.Write + p.Wait + p.Read
}

// LoadThreshold is one condition that a load run is judged by. Too few requests are CheckUnknown, never passed.
type LoadThreshold struct {
	Name    string // "p95 of checkout"
	Expect  string // "< 200ms"
	Value   string // with its unit; "" before the first
	Check   Check
	Why     string  // of what is not passed
	TraceID TraceID // a request behind it
}

// LoadExtra is a figure that only one protocol has.
type LoadExtra struct {
	Name  string
	Unit  string // "" for a count, "s", "B"
	Value float64
}
