package load

import (
	"math/bits"
	"math/rand/v2"
)

// maxShuffled is how many steps a shuffle may have: those that were made are bits of a counter.
const maxShuffled = 62

// turns writes steps of which a user makes the next one each time. Its counter is never set back, so that the turns go on
// over the iterations.
func (p *programmer) turns(steps []Step) (float64, error) {
	turn := p.add(op{kind: opTurn, slot: p.counter()})
	average, ends, err := p.targets(turn, steps)
	for _, at := range ends {
		p.out.program[at].to = p.here()
	}
	return average / float64(len(steps)), err
}

// shuffle writes steps that are all made, in an order that is drawn.
func (p *programmer) shuffle(steps []Step) (float64, error) {
	counter := p.counter()
	p.add(op{kind: opZero, slot: counter})
	deal := p.add(op{kind: opDeal, slot: counter})
	average, ends, err := p.targets(deal, steps)
	for _, at := range ends {
		p.out.program[at].to = deal
	}
	p.out.program[deal].to = p.here()
	return average, err
}

// targets writes each step as a target of the instruction at an index, and returns where their jumps to what follows are.
func (p *programmer) targets(at int, steps []Step) (average float64, ends []int, err error) {
	var targets []int
	for i := range steps {
		targets = append(targets, p.here())
		n, err := p.list(steps[i : i+1])
		if err != nil {
			return 0, nil, err
		}
		average += n
		ends = append(ends, p.add(op{kind: opJump}))
	}
	p.out.program[at].targets = targets
	return average, ends, nil
}

// deal draws one of the targets that are left, and notes it in the bits.
func (o *op) deal(rng *rand.Rand, made *int) int {
	left := len(o.targets) - bits.OnesCount64(uint64(*made))
	if left <= 0 {
		return o.to
	}
	nth := int(rng.Uint64N(uint64(left)))
	for i := range o.targets {
		if *made&(1<<i) != 0 {
			continue
		}
		if nth == 0 {
			*made |= 1 << i
			return o.targets[i]
		}
		nth--
	}
	return o.to // not reached: one of those that are left is the nth
}
