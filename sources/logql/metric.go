package logql

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// metricNode is a part of a metric query.
type metricNode interface{ metric() }

// rangeCount counts lines or bytes over a time.
type rangeCount struct {
	function string
	query    *Query
	over     time.Duration
	offset   time.Duration
}

// aggregate joins series.
type aggregate struct {
	op      string
	k       int // of topk and bottomk
	of      metricNode
	grouped bool
	without bool
	by      []label
}

// arithmetic is an operation of which one side is a number, or both.
type arithmetic struct {
	op          string
	left, right metricNode
	bool        bool // a comparison that gives 0 and 1
}

type number float64

func (*rangeCount) metric() {}
func (*aggregate) metric()  {}
func (*arithmetic) metric() {}
func (number) metric()      {}

var (
	rangeFunctions = []string{"rate", "count_over_time", "bytes_rate", "bytes_over_time"}
	aggregations   = []string{"sum", "min", "max", "avg", "count", "topk", "bottomk"}
)

const fitsMetric = "rate, count_over_time, bytes_rate, bytes_over_time, sum, min, max, avg, count, topk, bottomk, or a number"

// binding is how close an operator binds; 0 is no operator.
func (p *parser) binding() int {
	if p.tok.kind != tokSign {
		return 0
	}
	switch p.tok.text {
	case "==", "!=", ">", ">=", "<", "<=":
		return 1
	case "+", "-":
		return 2
	case "*", "/", "%":
		return 3
	case "^":
		return 4
	}
	return 0
}

// metricExpr reads what binds closer than least.
func (p *parser) metricExpr(least int) (metricNode, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fault(p.tok.pos, "the query is nested too deep", "")
	}
	defer func() { p.depth-- }()
	left, err := p.metricTerm()
	for err == nil && p.binding() > least {
		at, op, close := p.tok.pos, p.tok.text, p.binding()
		if err = p.advance(); err != nil {
			break
		}
		n := &arithmetic{op: op, left: left}
		if close == 1 && p.word("bool") {
			n.bool = true
			if err = p.advance(); err != nil {
				break
			}
		}
		if op == "^" {
			close-- // 2^3^2 is 2^(3^2)
		}
		if n.right, err = p.metricExpr(close); err != nil {
			break
		}
		_, a := n.left.(number)
		_, b := n.right.(number)
		switch {
		case !a && !b:
			err = p.fault(at, "one side of "+op+" has to be a number here", "a number")
		case a && b:
			left = number(operate(op, float64(n.left.(number)), float64(n.right.(number))))
		default:
			left = n
		}
	}
	return left, err
}

func (p *parser) metricTerm() (metricNode, error) {
	at := p.tok.pos
	switch {
	case p.is("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		n, err := p.metricExpr(0)
		if err != nil {
			return nil, err
		}
		return n, p.expect(")")
	case p.is("-"), p.tok.kind == tokNumber:
		sign := 1.0
		if p.is("-") {
			sign = -1
			if err := p.advance(); err != nil {
				return nil, err
			}
		}
		text, err := p.take(tokNumber, "a number")
		if err != nil {
			return nil, err
		}
		v, perr := strconv.ParseFloat(text, 64)
		if perr != nil {
			return nil, p.fault(at, shorten(text)+" is no number", "a number")
		}
		return number(sign * v), nil
	case p.tok.kind == tokName && slices.Contains(rangeFunctions, p.tok.text):
		return p.rangeCount()
	case p.tok.kind == tokName && slices.Contains(aggregations, p.tok.text):
		return p.aggregate()
	case p.tok.kind == tokEnd:
		return nil, p.fail(fitsQuery)
	case p.tok.kind == tokName:
		return nil, p.fault(at, shorten(p.tok.text)+" is no function that is understood here", fitsMetric)
	}
	return nil, p.fail(fitsQuery)
}

func (p *parser) rangeCount() (metricNode, error) {
	n := &rangeCount{function: p.tok.text, query: &Query{}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if err := p.logQuery(n.query, &n.over); err != nil {
		return nil, err
	}
	if n.over == 0 {
		return nil, p.fail("how far back it counts, such as [5m]")
	}
	if p.word("offset") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		var err error
		if n.offset, err = p.duration(); err != nil {
			return nil, err
		}
	}
	return n, p.expect(")")
}

func (p *parser) aggregate() (metricNode, error) {
	n := &aggregate{op: p.tok.text}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if err := p.grouping(n); err != nil {
		return nil, err
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if n.op == "topk" || n.op == "bottomk" {
		at := p.tok.pos
		text, err := p.take(tokNumber, "how many, such as topk(3, ...)")
		if err != nil {
			return nil, err
		}
		if n.k, err = strconv.Atoi(text); err != nil || n.k < 1 {
			return nil, p.fault(at, shorten(text)+" is no whole number above 0", "how many, such as topk(3, ...)")
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
	}
	var err error
	if n.of, err = p.metricExpr(0); err != nil {
		return nil, err
	}
	if _, ok := n.of.(number); ok {
		return nil, p.fault(p.tok.pos, n.op+" needs series, not a number", fitsMetric)
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	return n, p.grouping(n)
}

// grouping reads by (a, b) or without (a), before or after what it groups.
func (p *parser) grouping(n *aggregate) error {
	if n.grouped || !p.word("by") && !p.word("without") {
		return nil
	}
	n.grouped, n.without = true, p.word("without")
	if err := p.advance(); err != nil {
		return err
	}
	if err := p.expect("("); err != nil {
		return err
	}
	for !p.is(")") {
		name, err := p.take(tokName, "a label")
		if err != nil {
			return err
		}
		if n.by = append(n.by, newLabel(name)); len(n.by) > maxStages {
			return p.fault(p.tok.pos, "there are more labels than are grouped by", "")
		}
		if p.is(",") {
			if err := p.advance(); err != nil {
				return err
			}
		} else if !p.is(")") {
			return p.fail("a comma or )")
		}
	}
	return p.advance()
}

// MarkedError is a line that a stage of a metric query could not read, so that the figures would be wrong.
type MarkedError struct{ Mark, Details string }

// Error says how to leave such lines out.
func (e *MarkedError) Error() string {
	return fmt.Sprintf("logql: a line could not be read (%s: %s): add | %s=\"\" behind the parser to leave such lines out", e.Mark, e.Details, errorLabel)
}
