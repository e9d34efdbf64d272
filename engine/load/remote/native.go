// Package remote takes the figures of a run to where those of all its parts come together, and reads them back merged.
//
// Each part of a plan writes, every few seconds, what it has measured so far: histograms in Prometheus's native form and
// counters, both since the start, so that the latest sample of a series is all there is to know, a sample that was lost
// costs nothing but resolution in time, and the parts can be added up. Percentiles are never sent: those of parts cannot
// be merged. They go by remote write to Prometheus (or what takes its protocol), or as OTLP metrics.
package remote

import (
	"math"

	"gameday/engine/load/histogram"
)

// Schema is the resolution of the histograms: 2^7 buckets to each doubling, so that a bucket's end is 0.543 % above its
// beginning. A percentile read from them is off by less than Error.
const Schema = 7

// Error is the greatest relative error of a percentile that is read from these histograms: a bucket's breadth, and the
// tenth of a percent to which latencies are kept before; below 100 µs, the 100 ns to which they are kept come on top.
const Error = 0.0055 + 0.001

// native is durations in exponential buckets: bucket i holds what is above 2^((i-1)/128) seconds and up to 2^(i/128).
type native struct {
	count, zero uint64
	sum         float64 // seconds
	buckets     []bucket
}

type bucket struct {
	index int
	count uint64
}

// newNative lays a histogram out in exponential buckets.
func newNative(h *histogram.Histogram) *native {
	out := &native{count: h.Count(), sum: h.Sum().Seconds()}
	h.Each(func(b histogram.Bucket) {
		if b.Low == 0 {
			out.zero += b.Count // below 100 ns, which is as good as nothing
			return
		}
		i := index((b.Low.Seconds() + b.High.Seconds()) / 2)
		if n := len(out.buckets); n > 0 && out.buckets[n-1].index == i {
			out.buckets[n-1].count += b.Count
			return
		}
		out.buckets = append(out.buckets, bucket{i, b.Count})
	})
	return out
}

// index is the bucket of so many seconds.
func index(seconds float64) int {
	return int(math.Ceil(math.Log2(seconds) * (1 << Schema)))
}
