package load

import (
	"fmt"
	"sort"

	"gameday/engine/load/template"
)

// programmer writes a scenario's program.
type programmer struct {
	*compiler
	from *Scenario
	out  *scenario
}

func (p *programmer) scenario() error {
	var average float64
	var err error
	if len(p.from.Mix) > 0 {
		average, err = p.random(p.from.Mix)
	} else {
		average, err = p.list(p.from.Steps)
	}
	if err != nil {
		return err
	}
	p.out.average = average
	p.out.single = average <= 1 && p.requests() > 0 && !p.repeats()
	return nil
}

// requests is how many requests the program holds.
func (p *programmer) requests() (n int) {
	for i := range p.out.program {
		if p.out.program[i].kind == opRequest {
			n++
		}
	}
	return n
}

// repeats reports whether a path through the program can make more than one request.
func (p *programmer) repeats() bool {
	for i := range p.out.program {
		switch p.out.program[i].kind {
		case opRequest, opPause, opPick, opJump:
		default:
			return true
		}
	}
	return len(p.from.Mix) == 0 && p.requests() > 1
}

func (p *programmer) add(o op) int {
	p.out.program = append(p.out.program, o)
	return len(p.out.program) - 1
}

func (p *programmer) here() int { return len(p.out.program) }

func (p *programmer) counter() int { p.counters++; return p.counters - 1 }

// list writes steps that are made one after the other, and returns how many requests that is on average.
func (p *programmer) list(steps []Step) (average float64, err error) {
	for i := range steps {
		n, err := p.step(&steps[i])
		if err != nil {
			if steps[i].Name != "" {
				err = fmt.Errorf("step %q: %w", steps[i].Name, err)
			}
			return 0, err
		}
		average += n
	}
	return average, nil
}

func (p *programmer) step(s *Step) (average float64, err error) {
	switch {
	case len(s.Set) > 0:
		return 0, p.set(s)
	case s.Pause != nil:
		p.add(op{kind: opPause, think: *s.Pause})
		return 0, nil
	case s.Group != nil:
		return p.group(s.Group)
	case s.Repeat != nil:
		return p.repeat(s.Repeat)
	case s.If != nil:
		return p.branch(s.If)
	case s.While != nil:
		return p.while(s.While)
	case len(s.Once) > 0:
		at := p.add(op{kind: opOnce})
		_, err := p.list(s.Once)
		p.out.program[at].to = p.here()
		return 0, err
	case len(s.Random) > 0:
		return p.random(s.Random)
	case s.Share != nil:
		at := p.add(op{kind: opShare, share: float64(s.Share.Of)})
		average, err = p.list(s.Share.Steps)
		p.out.program[at].to = p.here()
		return average * float64(s.Share.Of), err
	case len(s.Turns) > 0:
		return p.turns(s.Turns)
	case len(s.Shuffle) > 0:
		return p.shuffle(s.Shuffle)
	}
	made, err := p.compiler.step(p.from, s)
	if err != nil {
		return 0, err
	}
	p.add(op{kind: opRequest, step: made})
	think := p.from.ThinkTime
	if s.ThinkTime != nil {
		think = *s.ThinkTime
	}
	if think != (ThinkTime{}) {
		p.add(op{kind: opPause, think: think})
	}
	return 1, nil
}

func (p *programmer) set(s *Step) error {
	names := make([]string, 0, len(s.Set))
	for name := range s.Set {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		text, err := template.Expand(s.Set[name], p.lookup)
		if err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
		t, err := template.Compile(text, p.slot)
		if err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
		p.add(op{kind: opSet, slot: p.names[name], text: t})
	}
	return nil
}

func (p *programmer) group(g *Group) (float64, error) {
	clock := p.clocks
	p.clocks++
	made := &step{index: len(p.steps), scenario: p.from.Name, name: g.Name, group: true}
	p.steps = append(p.steps, made)
	p.add(op{kind: opBegin, slot: clock, step: made})
	average, err := p.list(g.Steps)
	if err != nil {
		return 0, err
	}
	p.add(op{kind: opEnd, slot: clock})
	return average, nil
}

func (p *programmer) repeat(r *Repeat) (float64, error) {
	counter := p.counter()
	p.add(op{kind: opZero, slot: counter})
	top := p.add(op{kind: opTimes, slot: counter, limit: r.Times})
	average, err := p.list(r.Steps)
	p.add(op{kind: opJump, to: top})
	p.out.program[top].to = p.here()
	return average * float64(r.Times), err
}

func (p *programmer) branch(b *Branch) (float64, error) {
	cond, err := p.condition(&b.Condition)
	if err != nil {
		return 0, fmt.Errorf("if: %w", err)
	}
	unless := p.add(op{kind: opUnless, cond: cond})
	then, err := p.list(b.Steps)
	if err != nil {
		return 0, err
	}
	skip := p.add(op{kind: opJump})
	p.out.program[unless].to = p.here()
	otherwise, err := p.list(b.Else)
	p.out.program[skip].to = p.here()
	return (then + otherwise) / 2, err
}

// while writes a loop; it counts as being gone through once, since nobody knows.
func (p *programmer) while(w *While) (float64, error) {
	cond, err := p.condition(&w.Condition)
	if err != nil {
		return 0, fmt.Errorf("while: %w", err)
	}
	counter := p.counter()
	p.add(op{kind: opZero, slot: counter})
	top := p.add(op{kind: opTimes, slot: counter, limit: w.Max})
	unless := p.add(op{kind: opUnless, cond: cond})
	average, err := p.list(w.Steps)
	p.add(op{kind: opJump, to: top})
	p.out.program[top].to, p.out.program[unless].to = p.here(), p.here()
	return average, err
}

func (p *programmer) condition(c *Condition) (*condition, error) {
	expanded := *c
	var err error
	if expanded.Value, err = template.Expand(c.Value, p.lookup); err != nil {
		return nil, err
	}
	return expanded.compile(p.slot)
}

// random writes steps of which one is made.
func (p *programmer) random(steps []Step) (float64, error) {
	weights, total, average := make([]float64, len(steps)), 0.0, 0.0
	for i := range steps {
		weights[i] = steps[i].Weight
		total += weights[i]
	}
	pick := p.add(op{kind: opPick, weights: newPicker(weights)})
	var ends, targets []int
	for i := range steps {
		targets = append(targets, p.here())
		n, err := p.list(steps[i : i+1])
		if err != nil {
			return 0, err
		}
		average += n * weights[i] / total
		ends = append(ends, p.add(op{kind: opJump}))
	}
	for _, at := range ends {
		p.out.program[at].to = p.here()
	}
	p.out.program[pick].targets = targets
	return average, nil
}
