package histogram

import "time"

// Bucket is some durations that the histogram does not tell apart: those from Low to High, ends included. High is less
// than a thousandth above Low, or both lie within 100 ns.
type Bucket struct {
	Low, High time.Duration
	Count     uint64
}

// Each calls f with the buckets that are not empty, the shortest durations first. It is how a histogram is written in
// another layout.
func (h *Histogram) Each(f func(Bucket)) {
	for pi, p := range h.pages {
		if p == nil {
			continue
		}
		for i, c := range p {
			if c > 0 {
				at := pi<<pageBits + i
				low := time.Duration(0)
				if at > 0 {
					low = upper(at-1) + unit
				}
				f(Bucket{low, upper(at) + unit - 1, c})
			}
		}
	}
}

// Sum is all recorded durations added up, exactly.
func (h *Histogram) Sum() time.Duration { return h.sum }
