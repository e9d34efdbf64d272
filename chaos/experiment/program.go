package experiment

import (
	"fmt"
	"math/rand/v2"
	"time"

	"gameday/chaos"
)

// maxSteps bounds what repeats unfold to.
const maxSteps = 500

// FaultStep is one injection of the method, after repeats have been unfolded and choices made.
type FaultStep struct {
	Step
	Path        string        // "method[0].sequence[1]": where it stands in the file
	Start, End  time.Duration // planned, from the beginning of the method; questions and conditions take no time here
	Conditional bool          // it may be skipped
}

type nodeKind uint8

const (
	faultNode nodeKind = iota
	waitNode
	suspendNode
	sequenceNode
	parallelNode
)

// node is one step of the program: the method with repeats unfolded and choices made.
type node struct {
	kind  nodeKind
	step  *Step
	path  string
	at    time.Duration // from the beginning of the group it is in
	fault int           // faultNode: its index among the faults
	pause time.Duration // waitNode
	kids  []*node
}

// program is what is run.
type program struct {
	root   *node
	faults []FaultStep
	length time.Duration
	timed  bool // nothing but faults at their times: what lasts to the end is undone together
	tooBig bool
}

// program works out what is run. It is the same whenever it is asked for.
func (e *Experiment) program() *program {
	b := builder{rnd: rand.New(rand.NewPCG(e.Seed, 0x6761_6d65_6461_79)), p: &program{timed: true}}
	b.p.root = b.group(parallelNode, e.Method, "method", false)
	b.p.length = b.lay(b.p.root, 0)
	return b.p
}

type builder struct {
	rnd   *rand.Rand
	p     *program
	count int
}

// full notes when the program grows beyond all measure; then it is cut.
func (b *builder) full() bool {
	b.count++
	if b.count > maxSteps {
		b.p.tooBig = true
	}
	return b.p.tooBig
}

func (b *builder) group(kind nodeKind, steps []Step, path string, conditional bool) *node {
	n := &node{kind: kind}
	for i := range steps {
		if b.full() {
			break
		}
		n.kids = append(n.kids, b.step(&steps[i], fmt.Sprintf("%s[%d]", path, i), conditional))
	}
	return n
}

func (b *builder) step(s *Step, path string, conditional bool) *node {
	conditional = conditional || s.When != nil
	n := &node{}
	switch {
	case s.Fault != "":
		n.kind, n.fault = faultNode, len(b.p.faults)
		b.p.faults = append(b.p.faults, FaultStep{Step: *s, Path: path, Conditional: conditional})
	case s.Suspend != nil:
		n.kind = suspendNode
	case s.Sequence != nil:
		n = b.group(sequenceNode, s.Sequence, path+".sequence", conditional)
	case s.Parallel != nil:
		n = b.group(parallelNode, s.Parallel, path+".parallel", conditional)
	case s.Repeat != nil:
		n = b.repeat(s.Repeat, path+".repeat", conditional)
	case len(s.Choose) > 0:
		n.kind = sequenceNode
		i := b.rnd.IntN(len(s.Choose))
		if !b.full() {
			n.kids = []*node{b.step(&s.Choose[i], fmt.Sprintf("%s.choose[%d]", path, i), conditional)}
		}
	default:
		n.kind, n.pause = waitNode, s.Wait
	}
	b.p.timed = b.p.timed && (n.kind == faultNode || n.kind == parallelNode) && s.When == nil
	n.step, n.path, n.at = s, path, s.At
	return n
}

func (b *builder) repeat(r *Repeat, path string, conditional bool) *node {
	n := &node{kind: sequenceNode}
	for i := range r.Times {
		if b.full() {
			break
		}
		if i > 0 && r.Pause > 0 {
			n.kids = append(n.kids, &node{kind: waitNode, step: &Step{}, path: path, pause: r.Pause})
		}
		round := b.group(sequenceNode, r.Steps, path+".steps", conditional)
		round.step, round.path = &Step{}, path
		n.kids = append(n.kids, round)
	}
	return n
}

// lay says when each fault is planned to begin and to end, and returns how long the node takes from start.
func (b *builder) lay(n *node, start time.Duration) (length time.Duration) {
	start += n.at
	switch n.kind {
	case faultNode:
		f := &b.p.faults[n.fault]
		f.Start, f.End = start, start+f.For // until the end: whenever that is
		length = f.For
	case waitNode:
		length = n.pause
	case sequenceNode:
		for _, k := range n.kids {
			length += b.lay(k, start+length)
		}
	case parallelNode:
		for _, k := range n.kids {
			length = max(length, b.lay(k, start))
		}
	}
	return n.at + length
}

// Faults are the injections of the method in the order in which they are planned for: repeats unfolded, choices made.
func (e *Experiment) Faults() []FaultStep { return e.program().faults }

// Suspends are the questions to an operator that the method may ask.
func (e *Experiment) Suspends() []Suspend {
	var out []Suspend
	var walk func(*node)
	walk = func(n *node) {
		if n.kind == suspendNode {
			out = append(out, *n.step.Suspend)
		}
		for _, k := range n.kids {
			walk(k)
		}
	}
	walk(e.program().root)
	return out
}

// During is the planned length of the method: until its last step ends, or longer when the file says so. Questions to an
// operator and conditions that are waited for make it longer.
func (e *Experiment) During() time.Duration { return max(e.Durations.During, e.program().length) }

// Total is the planned length of the whole experiment, without the time that undoing takes.
func (e *Experiment) Total() time.Duration {
	return e.Durations.Warmup + e.Durations.Before + e.During() + e.Durations.After
}

// Requests are the method's faults as the controller is asked for them, in the order of Faults.
func (e *Experiment) Requests() []chaos.Request {
	faults := e.Faults()
	out := make([]chaos.Request, len(faults))
	for i, s := range faults {
		lasts := s.For
		if s.UntilEnd {
			lasts = maxDuration
		}
		out[i] = chaos.Request{Kind: s.Fault, Select: s.Target.Selector(), Args: chaos.Args(s.Args), For: lasts, Title: s.Title, Blast: e.BlastRadius.Limit()}
	}
	return out
}
