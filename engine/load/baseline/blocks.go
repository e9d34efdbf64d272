package baseline

import (
	"math"
	"time"

	"gameday/engine/load/analysis/rank"
	"gameday/engine/load/histogram"
)

// group is some neighbouring blocks of one step.
type group struct {
	length       time.Duration
	done, failed uint64
	latency      histogram.Histogram
}

// blockLength is how long blocks are in both runs: never shorter than either has them, so long that an average one holds
// the requests, and so long that there are not too many.
func blockLength(base, now *Baseline, a, b *Step, requests uint64) time.Duration {
	length := time.Duration(0)
	for _, one := range []struct {
		*Baseline
		*Step
	}{{base, a}, {now, b}} {
		n := len(one.Baseline.Blocks)
		if n == 0 {
			continue
		}
		span, done := time.Duration(0), uint64(0)
		for i, s := range one.Baseline.Blocks {
			span += s.To - s.From
			done += one.Step.Blocks[i].Done
		}
		need := max(span/time.Duration(n), span/mostCompared)
		if done > 0 {
			need = max(need, time.Duration(float64(span)*float64(requests)/float64(done)))
		}
		length = max(length, need)
	}
	if length > time.Second { // odd fractions help nobody who reads it
		length = (length + 500*time.Millisecond).Truncate(time.Second)
	}
	return length
}

// regroup joins neighbouring blocks to groups of about the length. What is left at the end and shorter than nine tenths of
// it is not compared. A group never reaches over a gap.
func regroup(spans []Span, s *Step, length time.Duration) []group {
	var out []group
	open := false
	for i, sp := range spans {
		if i > 0 && open && sp.From-spans[i-1].To > length/10 {
			out = out[:len(out)-1]
			open = false
		}
		if !open {
			out = append(out, group{})
			open = true
		}
		g := &out[len(out)-1]
		g.length += sp.To - sp.From
		g.done += s.Blocks[i].Done
		g.failed += s.Blocks[i].Failed
		g.latency.MergeSparse(s.Blocks[i].Latency)
		open = g.length < length-length/10
	}
	if open {
		out = out[:len(out)-1]
	}
	return out
}

// ratio is a share of failures with its standard error.
type ratio struct {
	share, error float64
	none         float64 // what the share may be although nothing failed; 0 when something did
	worth        float64 // independent blocks
}

// ratioOf is the share of failures over all groups, whose error comes from how the groups scatter around it (the ratio
// estimator of Cochran, Sampling Techniques, 3rd edition, 1977, chapter 6) and not from the number of requests: failures
// come in bursts.
func ratioOf(list []group) ratio {
	var failed, done float64
	for i := range list {
		failed += float64(list[i].failed)
		done += float64(list[i].done)
	}
	if done == 0 {
		return ratio{worth: 1}
	}
	out := ratio{share: failed / done}
	if failed == 0 {
		out.none = 3 / done
	}
	away := make([]float64, len(list))
	sum := 0.0
	for i := range list {
		away[i] = float64(list[i].failed) - out.share*float64(list[i].done)
		sum += away[i] * away[i]
	}
	n := float64(len(list))
	wide := rank.Inflation(away)
	out.worth = n / wide
	out.error = math.Sqrt(sum*wide*n/max(n-1, 1)) / done
	return out
}
