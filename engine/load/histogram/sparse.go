package histogram

import "time"

// Sparse is a frozen histogram that costs eight bytes for each bucket that is not empty. It is not changed once made.
type Sparse struct {
	cells    []cell
	n        uint64
	sum      time.Duration
	min, max time.Duration
}

type cell struct {
	index uint16
	count uint32
}

// Sparse freezes what has been counted. A bucket that was hit more than four thousand million times is split.
func (h *Histogram) Sparse() Sparse {
	s := Sparse{n: h.n, sum: h.sum, min: h.min, max: h.max}
	if h.n == 0 {
		return s
	}
	size := 0
	for _, p := range h.pages {
		if p == nil {
			continue
		}
		for _, c := range p {
			if c > 0 {
				size++
			}
		}
	}
	s.cells = make([]cell, 0, size)
	for pi, p := range h.pages {
		if p == nil {
			continue
		}
		for i, c := range p {
			for ; c > 0; c -= min(c, 1<<32-1) {
				s.cells = append(s.cells, cell{index: uint16(pi<<pageBits + i), count: uint32(min(c, 1<<32-1))})
			}
		}
	}
	return s
}

// Count is how many durations were counted.
func (s Sparse) Count() uint64 { return s.n }

// MergeSparse adds a frozen histogram.
func (h *Histogram) MergeSparse(s Sparse) {
	if s.n == 0 {
		return
	}
	for _, c := range s.cells {
		p := h.pages[c.index>>pageBits]
		if p == nil {
			p = new(page)
			h.pages[c.index>>pageBits] = p
		}
		p[c.index&(pageSize-1)] += uint64(c.count)
	}
	h.fold(s.n, s.sum, s.min, s.max)
}
