package histogram

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// stored is a frozen histogram as JSON. Cells are pairs: how many buckets after the last one that is not empty, and its
// count. Buckets are numbered as HdrHistogram does for 2048 sub-buckets in units of 100 ns; durations are in nanoseconds.
type stored struct {
	Sum   time.Duration `json:"sum"`
	Min   time.Duration `json:"min"`
	Max   time.Duration `json:"max"`
	Cells []uint64      `json:"cells"`
}

// MarshalJSON writes the counts, without loss.
func (s Sparse) MarshalJSON() ([]byte, error) {
	out := stored{Sum: s.sum, Min: s.min, Max: s.max, Cells: make([]uint64, 0, 2*len(s.cells))}
	last := 0
	for i, c := range s.cells {
		if i > 0 && int(c.index) == last { // one bucket, split for its size
			out.Cells[len(out.Cells)-1] += uint64(c.count)
			continue
		}
		out.Cells = append(out.Cells, uint64(int(c.index)-last), uint64(c.count))
		last = int(c.index)
	}
	return json.Marshal(out)
}

// maxCount is more than any load test sends, and leaves room to add thousands of histograms up.
const maxCount = 1 << 48

// UnmarshalJSON reads what MarshalJSON wrote. Anything that could not have been recorded is an error.
func (s *Sparse) UnmarshalJSON(data []byte) error {
	var in stored
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if len(in.Cells)%2 != 0 || len(in.Cells) > 2*pageCount*pageSize {
		return fmt.Errorf("a histogram of %d numbers is none: they come in pairs, one for each bucket", len(in.Cells))
	}
	out := Sparse{sum: in.Sum, min: in.Min, max: in.Max}
	at := uint64(0)
	for i := 0; i < len(in.Cells); i += 2 {
		step, count := in.Cells[i], in.Cells[i+1]
		if step >= pageCount*pageSize || i > 0 && step == 0 || count == 0 || count > maxCount-out.n {
			return fmt.Errorf("the histogram's bucket %d, count %d, cannot be one", step, count)
		}
		if at += step; at >= pageCount*pageSize {
			return fmt.Errorf("the histogram has no bucket %d", at)
		}
		out.n += count
		for ; count > 0; count -= min(count, math.MaxUint32) {
			out.cells = append(out.cells, cell{index: uint16(at), count: uint32(min(count, math.MaxUint32))})
		}
	}
	if out.n == 0 && (in.Min != 0 || in.Max != 0 || in.Sum != 0) || out.n > 0 && !out.plausible() {
		return fmt.Errorf("the histogram's least %v and greatest %v are not those of its buckets", in.Min, in.Max)
	}
	*s = out
	return nil
}

// plausible is whether least and greatest fall into the first and the last bucket.
func (s *Sparse) plausible() bool {
	return s.min >= 0 && s.max >= s.min && index(s.min) == int(s.cells[0].index) && index(s.max) == int(s.cells[len(s.cells)-1].index)
}
