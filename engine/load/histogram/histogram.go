// Package histogram counts latencies to three significant digits in the bucket layout of HdrHistogram.
//
// It exists beside github.com/HdrHistogram/hdrhistogram-go for two things the load engine needs of it every second:
// memory by what was really seen (pages of counts made on first touch, so that ten thousand users or a hundred steps
// cost kilobytes), and snapshots as sparse lists of counts. Layout and quantiles are the library's, its tests compare
// the two, and HDR hands a finished histogram over to it.
package histogram

import (
	"math/bits"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	unit      = 100 * time.Nanosecond // the finest difference that is kept
	pageBits  = 10
	pageSize  = 1 << pageBits
	pageCount = 24
	highest   = int64(1)<<(pageBits+pageCount-1) - 1 // in units: about 14 minutes; anything longer is counted as this
)

type page [pageSize]uint64

// Histogram counts durations from 100 ns to 14 minutes; longer ones count as the longest. The zero value is empty and
// ready. It is not safe for concurrent use. Record allocates only when a range of values is seen for the first time.
type Histogram struct {
	pages [pageCount]*page
	n     uint64
	sum   time.Duration
	min   time.Duration
	max   time.Duration
}

// index is HdrHistogram's flat index for two thousand and forty-eight sub-buckets.
func index(d time.Duration) int {
	v := uint64(d / unit)
	if v > uint64(highest) {
		v = uint64(highest)
	}
	shift := max(bits.Len64(v)-(pageBits+1), 0)
	return shift<<pageBits + int(v>>shift)
}

// upper is the longest duration that falls on the index.
func upper(i int) time.Duration {
	shift := max(i>>pageBits-1, 0)
	sub := i - shift<<pageBits
	return time.Duration((sub+1)<<shift-1) * unit
}

// Record counts one duration. A negative one counts as zero.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	h.add(index(d), 1)
	if h.n == 1 || d < h.min {
		h.min = d
	}
	h.max = max(h.max, d)
	h.sum += d
}

// RecordN counts a duration n times. A negative one counts as zero.
func (h *Histogram) RecordN(d time.Duration, n uint64) {
	if n == 0 {
		return
	}
	d = max(d, 0)
	if h.n == 0 || d < h.min {
		h.min = d
	}
	h.add(index(d), n)
	h.max = max(h.max, d)
	h.sum += d * time.Duration(n)
}

func (h *Histogram) add(i int, n uint64) {
	p := h.pages[i>>pageBits]
	if p == nil {
		p = new(page)
		h.pages[i>>pageBits] = p
	}
	p[i&(pageSize-1)] += n
	h.n += n
}

// Count is how many durations were recorded.
func (h *Histogram) Count() uint64 { return h.n }

// Max is the longest duration recorded, exactly; zero when there is none.
func (h *Histogram) Max() time.Duration { return h.max }

// Min is the shortest duration recorded, exactly; zero when there is none.
func (h *Histogram) Min() time.Duration { return h.min }

// Mean is the exact mean; zero when there is none.
func (h *Histogram) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return h.sum / time.Duration(h.n)
}

// Quantile is the duration that at least the share q (0 to 1) of all recorded ones did not exceed, to three significant
// digits and never above Max; zero when nothing was recorded.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	q = min(max(q, 0), 1)
	want := max(uint64(q*float64(h.n)+0.5), 1)
	var seen uint64
	for pi, p := range h.pages {
		if p == nil {
			continue
		}
		for i, c := range p {
			if seen += c; c > 0 && seen >= want {
				return min(upper(pi<<pageBits+i), h.max)
			}
		}
	}
	return h.max
}

// Share is the part of all recorded durations that were no longer than d, to three significant digits; 0 when nothing
// was recorded.
func (h *Histogram) Share(d time.Duration) float64 {
	if h.n == 0 || d < 0 {
		return 0
	}
	last := index(d)
	var seen uint64
	for pi, p := range h.pages {
		for i := 0; p != nil && i < pageSize && pi<<pageBits+i <= last; i++ {
			seen += p[i]
		}
	}
	return float64(seen) / float64(h.n)
}

// Merge adds everything that from has counted.
func (h *Histogram) Merge(from *Histogram) {
	if from.n == 0 {
		return
	}
	for pi, p := range from.pages {
		if p == nil {
			continue
		}
		if h.pages[pi] == nil {
			h.pages[pi] = new(page)
		}
		for i, c := range p {
			h.pages[pi][i] += c
		}
	}
	h.fold(from.n, from.sum, from.min, from.max)
}

func (h *Histogram) fold(n uint64, sum, low, high time.Duration) {
	if h.n == 0 || low < h.min {
		h.min = low
	}
	h.max = max(h.max, high)
	h.n += n
	h.sum += sum
}

// Reset empties the histogram and keeps its memory.
func (h *Histogram) Reset() {
	for _, p := range h.pages {
		if p != nil {
			clear(p[:])
		}
	}
	h.n, h.sum, h.min, h.max = 0, 0, 0, 0
}

// HDR copies the counts into a histogram of github.com/HdrHistogram/hdrhistogram-go, in units of 100 ns, for writing and
// merging in that library's formats.
func (h *Histogram) HDR() *hdrhistogram.Histogram {
	out := hdrhistogram.New(1, highest, 3)
	for pi, p := range h.pages {
		if p == nil {
			continue
		}
		for i, c := range p {
			if c > 0 {
				// The value is below highest by construction, which is the only thing RecordValues refuses.
				_ = out.RecordValues(int64(upper(pi<<pageBits+i)/unit), int64(c))
			}
		}
	}
	return out
}
