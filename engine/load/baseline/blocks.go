package baseline

import (
	"math"
	"time"

	"gameday/engine/load/analysis/rank"
	"gameday/engine/load/histogram"
)

// group is some neighbouring blocks of one step.
type group struct {
	from         time.Duration // since the run began
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
			out = append(out, group{from: sp.From})
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

// values are what f says of each group, without those of which it says nothing.
func values(list []group, f func(*group) float64) (out []float64) {
	for i := range list {
		if v := f(&list[i]); !math.IsNaN(v) {
			out = append(out, v)
		}
	}
	return out
}

// pairs are the differences of the groups that were measured at the same time of both runs.
func pairs(x, y []group, f func(*group) float64) (out []float64) {
	for i, k := 0, 0; i < len(x) && k < len(y); {
		apart := y[k].from - x[i].from
		switch near := x[i].length / 4; {
		case apart > near:
			i++
		case apart < -near:
			k++
		default:
			if d := f(&y[k]) - f(&x[i]); !math.IsNaN(d) {
				out = append(out, d)
			}
			i, k = i+1, k+1
		}
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
