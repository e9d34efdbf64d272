// Package baseline keeps the figures of a load test and judges later ones by them: a run is better, the same or worse than
// its baseline by a statistical test over blocks of time, never by a bare percentage.
//
// A Recorder collects a run as it goes, in bounded memory. Save, Load, List and Latest keep baselines as JSON files in a
// directory of the caller's choice, Compare judges.
package baseline

import (
	"os"
	"runtime"
	"slices"
	"time"

	"gameday/engine/load/histogram"
)

// Version is of the file format. Files of a later one are refused.
const Version = 1

// Head says which run it was.
type Head struct {
	Name    string        `json:"name"` // of the plan
	Started time.Time     `json:"started"`
	Elapsed time.Duration `json:"elapsed"` // of what was measured, in nanoseconds
	Plan    string        `json:"plan"`    // hash of everything in the plan that changes what is sent; compared for equality only
	Gameday string        `json:"gameday"` // version
	Machine Machine       `json:"machine"` // that the load came from
	Note    string        `json:"note,omitempty"`
	Missed  uint64        `json:"missed,omitempty"` // arrivals that were due and never sent
}

// Machine is where a run was made.
type Machine struct {
	Name string `json:"name"`
	OS   string `json:"os"`
	Arch string `json:"arch"`
	CPUs int    `json:"cpus"`
}

// Here is this machine. Its name is empty when the system does not tell it.
func Here() Machine {
	name, _ := os.Hostname() // without one, the rest still says something
	return Machine{Name: name, OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU()}
}

// Baseline is a run as it is kept: for each step, what every block of time has measured. All steps share the blocks.
type Baseline struct {
	Head
	Blocks []Span
	Steps  []Step
}

// Span is a piece of a run, in time since it began.
type Span struct{ From, To time.Duration }

// Step is one step of the plan. It has as many blocks as the Baseline.
type Step struct {
	Name   string // scenario/step, where that is not clear without
	Blocks []Block
}

// Block is what one step measured in one piece of the run.
type Block struct {
	Done    uint64           `json:"done"`             // answered or failed
	Failed  uint64           `json:"failed,omitempty"` // of those
	Latency histogram.Sparse `json:"latency"`          // of Done, from the intended instant
}

func (b *Block) add(o *Block, scratch *histogram.Histogram) {
	b.Done += o.Done
	b.Failed += o.Failed
	if b.Latency.Count() == 0 {
		b.Latency = o.Latency
		return
	}
	scratch.Reset()
	scratch.MergeSparse(b.Latency)
	scratch.MergeSparse(o.Latency)
	b.Latency = scratch.Sparse()
}

// Latency is the whole run's histogram of the step.
func (s *Step) Latency() *histogram.Histogram {
	out := &histogram.Histogram{}
	for i := range s.Blocks {
		out.MergeSparse(s.Blocks[i].Latency)
	}
	return out
}

// Total is all steps as one.
func (b *Baseline) Total() Step {
	out := Step{Name: "total", Blocks: make([]Block, len(b.Blocks))}
	var scratch histogram.Histogram
	for i := range b.Steps {
		for k := range b.Steps[i].Blocks {
			out.Blocks[k].add(&b.Steps[i].Blocks[k], &scratch)
		}
	}
	return out
}

// How finely a run is kept: the more steps, the fewer blocks, so that a file stays in the megabytes.
const (
	mostBlocks  = 512
	leastBlocks = 32
	allBlocks   = 8_192 // over all steps
)

// Recorder collects a run. It is used by one goroutine. Its memory is bounded: when there are too many blocks, neighbours
// are joined and all later ones are twice as long.
type Recorder struct {
	names   []string
	most    int
	length  time.Duration // of a block; 0 until the first one is there
	spans   []Span
	blocks  [][]Block // of each step
	open    bool      // the last block is not as long as it should be yet
	missed  uint64
	scratch histogram.Histogram
}

// NewRecorder records so many steps by their names.
func NewRecorder(steps ...string) *Recorder {
	return &Recorder{
		names: slices.Clone(steps), blocks: make([][]Block, len(steps)),
		most: min(max(allBlocks/max(len(steps), 1), leastBlocks), mostBlocks),
	}
}

// Add records one second, or any other piece that follows the last one, with a Block for each step in the order of their
// names; steps beyond them are left out, and so is a piece that does not end after the last one. Leave out the warm-up.
func (r *Recorder) Add(from, to time.Duration, missed uint64, steps []Block) {
	n := len(r.spans)
	if to <= from || n > 0 && from < r.spans[n-1].To {
		return
	}
	if r.length == 0 {
		r.length = to - from
	}
	r.missed += missed
	if !r.open {
		if n >= r.most {
			r.halve()
		}
		r.spans = append(r.spans, Span{From: from})
		for i := range r.blocks {
			r.blocks[i] = append(r.blocks[i], Block{})
		}
	}
	last := len(r.spans) - 1
	r.spans[last].To = to
	for i := range min(len(r.blocks), len(steps)) {
		r.blocks[i][last].add(&steps[i], &r.scratch)
	}
	// A second that came a little early is still a second.
	r.open = to-r.spans[last].From < r.length-r.length/10
}

// halve joins neighbours.
func (r *Recorder) halve() {
	r.length *= 2
	n := len(r.spans) / 2
	for k := range n {
		r.spans[k] = Span{From: r.spans[2*k].From, To: r.spans[2*k+1].To}
		for i := range r.blocks {
			r.blocks[i][2*k].add(&r.blocks[i][2*k+1], &r.scratch)
			r.blocks[i][k] = r.blocks[i][2*k]
		}
	}
	r.spans = r.spans[:n]
	for i := range r.blocks {
		clear(r.blocks[i][n:])
		r.blocks[i] = r.blocks[i][:n]
	}
}

// Baseline is what was recorded up to now, with h's Missed counted up from the seconds. The Recorder may go on; the
// Baseline does not change.
func (r *Recorder) Baseline(h Head) *Baseline {
	h.Missed = r.missed
	out := &Baseline{Head: h, Blocks: slices.Clone(r.spans)}
	for i, name := range r.names {
		out.Steps = append(out.Steps, Step{Name: name, Blocks: slices.Clone(r.blocks[i])})
	}
	return out
}
