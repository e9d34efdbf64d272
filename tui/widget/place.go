package widget

// Place is where a reader is in a list of lines, of which some stand for things and others do not: on a thing, not on a
// line, so that it stays there when lines come and go above it. The zero R is no thing. The methods are given how many
// lines there are and what the nth stands for.
type Place[R comparable] struct {
	At  R   // what the cursor is on
	Top int // first line on screen
}

// Find is the line of the thing that the cursor is on, -1 when it has none.
func (p *Place[R]) Find(lines int, thing func(i int) R) int {
	var none R
	for i := 0; i < lines && p.At != none; i++ {
		if thing(i) == p.At {
			return i
		}
	}
	return -1
}

// Settle puts the cursor onto something that exists, the first thing when what it was on is gone, and keeps the list from
// being scrolled beyond its end.
func (p *Place[R]) Settle(lines int, thing func(i int) R, height int) {
	var none R
	if p.Find(lines, thing) < 0 {
		p.At = none
		for i := 0; i < lines && p.At == none; i++ {
			p.At = thing(i)
		}
	}
	p.Scroll(lines, 0, height)
}

// Step goes to the next thing that is wanted, or the one before; false is that there is none.
func (p *Place[R]) Step(lines int, thing func(i int) R, by, height int, wanted func(R) bool) bool {
	var none R
	for i := p.Find(lines, thing) + by; i >= 0 && i < lines; i += by {
		if t := thing(i); t != none && wanted(t) {
			p.At = t
			p.Show(i, height)
			return true
		}
	}
	return false
}

// Show scrolls as little as it takes to have a line on the screen; there is none below 0.
func (p *Place[R]) Show(line, height int) {
	switch {
	case line < 0:
	case line < p.Top:
		p.Top = line
	case line >= p.Top+height:
		p.Top = line - height + 1
	}
}

// Scroll moves the list, and the cursor not.
func (p *Place[R]) Scroll(lines, by, height int) {
	p.Top = max(min(p.Top+by, lines-height), 0)
}
