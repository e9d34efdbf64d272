package logql

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

var comparisons = []string{"=", "==", "!=", "=~", "!~", ">", ">=", "<", "<="}

// condition keeps or leaves out by labels.
type condition interface {
	holds(b *labels) bool
}

// where is the stage of a condition.
type where struct{ condition }

func (w where) run(b *labels, line string) (string, bool) { return line, w.holds(b) }

type both struct{ a, b condition }

// holds asks both sides always: a comparison that cannot be made marks the record.
func (c both) holds(b *labels) bool {
	left, right := c.a.holds(b), c.b.holds(b)
	return left && right
}

type either struct{ a, b condition }

func (c either) holds(b *labels) bool {
	left, right := c.a.holds(b), c.b.holds(b)
	return left || right
}

type textCondition struct{ matcher }

func (c *textCondition) holds(b *labels) bool { return c.match(b) }

// measure compares a label that is a number, a duration or a number of bytes.
type measure struct {
	label label
	op    string
	value float64
	read  func(string) (float64, error)
}

// holds leaves a record without the label out. One whose label is no such measure is marked and kept, and so is one that is
// marked already: Loki does not lose what it could not judge.
func (c *measure) holds(b *labels) bool {
	if b.err != "" {
		return true
	}
	text, ok := b.get(c.label)
	if !ok {
		return false
	}
	v, err := c.read(text)
	if err != nil {
		b.fail("LabelFilterErr", err.Error())
		return true
	}
	switch c.op {
	case "=", "==":
		return v == c.value
	case "!=":
		return v != c.value
	case ">":
		return v > c.value
	case ">=":
		return v >= c.value
	case "<":
		return v < c.value
	}
	return v <= c.value
}

func readNumber(s string) (float64, error) { return strconv.ParseFloat(s, 64) }

func readDuration(s string) (float64, error) {
	d, err := time.ParseDuration(s)
	return float64(d), err
}

func readBytes(s string) (float64, error) {
	n, err := humanize.ParseBytes(s)
	return float64(n), err
}

// conditions reads a or b, with "and", a comma or nothing binding closer than "or".
func (p *parser) conditions() (stage, error) {
	c, err := p.orConditions(nil)
	return where{c}, err
}

// conditionsAfter is conditions whose first name was read.
func (p *parser) conditionsAfter(name string) (stage, error) {
	first, err := p.comparison(name)
	if err != nil {
		return nil, err
	}
	c, err := p.orConditions(first)
	return where{c}, err
}

func (p *parser) orConditions(first condition) (condition, error) {
	left, err := p.andConditions(first)
	for err == nil && p.word("or") {
		if err = p.advance(); err != nil {
			break
		}
		var right condition
		if right, err = p.andConditions(nil); err == nil {
			left = either{left, right}
		}
	}
	return left, err
}

func (p *parser) andConditions(first condition) (condition, error) {
	var err error
	if first == nil {
		if first, err = p.oneCondition(); err != nil {
			return nil, err
		}
	}
	for n := 0; ; n++ {
		switch {
		case p.word("and") || p.is(","):
			if err := p.advance(); err != nil {
				return nil, err
			}
		case p.tok.kind == tokName && !p.word("or") && !p.word("offset") || p.is("("):
		default:
			return first, nil
		}
		if n > maxStages {
			return nil, p.fault(p.tok.pos, "there are more conditions than are judged", "")
		}
		next, err := p.oneCondition()
		if err != nil {
			return nil, err
		}
		first = both{first, next}
	}
}

func (p *parser) oneCondition() (condition, error) {
	if p.is("(") {
		if p.depth++; p.depth > maxDepth {
			return nil, p.fault(p.tok.pos, "the parentheses are nested too deep", "")
		}
		defer func() { p.depth-- }()
		if err := p.advance(); err != nil {
			return nil, err
		}
		c, err := p.orConditions(nil)
		if err != nil {
			return nil, err
		}
		return c, p.expect(")")
	}
	name, err := p.take(tokName, "a condition such as status >= 500")
	if err != nil {
		return nil, err
	}
	return p.comparison(name)
}

// comparison reads an operator and a value.
func (p *parser) comparison(name string) (condition, error) {
	op := p.tok
	if op.kind != tokSign || !slices.Contains(comparisons, op.text) {
		return nil, p.fail("an operator: = != =~ !~ == > >= < <=")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == tokString {
		if slices.Contains([]string{"==", ">", ">=", "<", "<="}, op.text) {
			return nil, p.fault(p.tok.pos, op.text+" compares no text", "= != =~ !~ for a text; a number, a duration or bytes without quotes")
		}
		m, err := newMatcher(name, op.text, p.tok.text)
		if err != nil {
			return nil, p.fault(p.tok.pos, "this is no regular expression: "+reason(err), "")
		}
		return &textCondition{m}, p.advance()
	}
	if op.text == "=~" || op.text == "!~" {
		return nil, p.fail("an expression in quotes")
	}
	sign := ""
	if p.is("-") {
		sign = "-"
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	at := p.tok.pos
	text, err := p.take(tokNumber, `a "text", a number, a duration such as 250ms, or bytes such as 5MB`)
	if err != nil {
		return nil, err
	}
	c := newMeasure(name, op.text, sign+text)
	if c == nil {
		return nil, p.fault(at, shorten(text)+" is no number, no duration and no number of bytes", "500, 250ms or 5MB")
	}
	return c, nil
}

func newMeasure(name, op, text string) condition {
	c := &measure{label: newLabel(name), op: op}
	var err error
	if c.value, err = readNumber(text); err == nil && !strings.ContainsAny(text, "xXpP_") {
		c.read = readNumber
		return c
	}
	if d, ok := parseDuration(text); ok {
		c.value, c.read = float64(d), readDuration
		return c
	}
	if c.value, err = readBytes(text); err == nil {
		c.read = readBytes
		return c
	}
	return nil
}
