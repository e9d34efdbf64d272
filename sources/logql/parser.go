package logql

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"gameday/sources/spec"
)

const (
	fitsMatcher = `a label, an operator (=, !=, =~, !~) and a text in quotes, such as service="payment"`
	fitsStage   = `|= != |~ !~ with a text, or | and json, logfmt, regexp, line_format, label_format, drop, keep, decolorize or a condition such as status >= 500`
	fitsQuery   = `{service="payment"}, or a function such as rate({service="payment"}[1m])`
)

// parser is one token ahead of the lexer.
type parser struct {
	lexer
	tok    token
	depth  int
	stages int
}

func (p *parser) advance() (err error) {
	p.tok, err = p.next()
	return err
}

// fail is an error at the present token.
func (p *parser) fail(fits string) error { return p.fault(p.tok.pos, p.tok.what(), fits) }

func (p *parser) is(sign string) bool { return p.tok.kind == tokSign && p.tok.text == sign }
func (p *parser) word(name string) bool {
	return p.tok.kind == tokName && p.tok.text == name
}

// expect goes over a sign that must stand here.
func (p *parser) expect(sign string) error {
	if !p.is(sign) {
		return p.fail(sign)
	}
	return p.advance()
}

// take returns the text of a token that must be of a kind, and goes on.
func (p *parser) take(k kind, fits string) (string, error) {
	if p.tok.kind != k {
		return "", p.fail(fits)
	}
	text := p.tok.text
	return text, p.advance()
}

func (p *parser) parse(q *Query) error {
	if len(p.text) > maxText {
		return p.fault(0, "the query is longer than is read", "at most 8192 bytes")
	}
	if err := p.advance(); err != nil {
		return err
	}
	if p.is("{") {
		if err := p.logQuery(q, nil); err != nil {
			return err
		}
	} else {
		m, err := p.metricExpr(0)
		if err != nil {
			return err
		}
		if _, ok := m.(number); ok {
			return p.fault(0, "a number alone asks for nothing", fitsQuery)
		}
		q.metric = m
	}
	switch {
	case p.tok.kind == tokEnd:
		return nil
	case q.metric == nil:
		return p.fail(fitsStage)
	}
	return p.fail("the end of the query, or an operator and a number")
}

// logQuery reads a selector and its stages; with a range, [5m] may stand after the selector or at the end.
func (p *parser) logQuery(q *Query, over *time.Duration) error {
	matchers, err := p.selector()
	if err != nil {
		return err
	}
	q.selector = matchers
	ranged := func() error {
		if over == nil || *over != 0 || !p.is("[") {
			return nil
		}
		*over, err = p.bracketed()
		return err
	}
	if err := ranged(); err != nil {
		return err
	}
	for p.tok.kind == tokSign {
		var s stage
		switch {
		case slices.Contains([]string{"|=", "|~", "!=", "!~", "|>", "!>"}, p.tok.text):
			s, err = p.lineFilter()
		case p.is("|"):
			s, err = p.pipe()
		default:
			s = nil
		}
		if err != nil {
			return err
		}
		if s == nil {
			break
		}
		if p.stages++; p.stages > maxStages {
			return p.fault(p.tok.pos, "the query has more stages than are run", "")
		}
		if _, ok := s.(*lineFilter); ok && q.lead == len(q.stages) {
			q.lead++
		}
		q.stages = append(q.stages, s)
	}
	return ranged()
}

// selector reads {a="b", c=~"d"}.
func (p *parser) selector() ([]matcher, error) {
	if err := p.expect("{"); err != nil {
		return nil, err
	}
	var out []matcher
	for !p.is("}") {
		name, err := p.take(tokName, fitsMatcher+", or }")
		if err != nil {
			return nil, err
		}
		m, err := p.matcher(name, fitsMatcher)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
		if len(out) > maxStages {
			return nil, p.fault(p.tok.pos, "the selector has more labels than are compared", "")
		}
		if p.is(",") {
			if err := p.advance(); err != nil {
				return nil, err
			}
		} else if !p.is("}") {
			return nil, p.fail("a comma or }")
		}
	}
	return out, p.advance()
}

// matcher reads an operator and a text; the name was read before.
func (p *parser) matcher(name, fits string) (matcher, error) {
	op := p.tok
	if op.kind != tokSign || !slices.Contains([]string{"=", "!=", "=~", "!~"}, op.text) {
		return matcher{}, p.fail(fits)
	}
	if err := p.advance(); err != nil {
		return matcher{}, err
	}
	at := p.tok.pos
	value, err := p.take(tokString, "a text in quotes")
	if err != nil {
		return matcher{}, err
	}
	m, err := newMatcher(name, op.text, value)
	if err != nil {
		return m, p.fault(at, "this is no regular expression: "+reason(err), "")
	}
	return m, nil
}

// lineFilter reads |= "a" or "b".
func (p *parser) lineFilter() (stage, error) {
	op := p.tok.text
	f := &lineFilter{not: op[0] == '!'}
	for {
		if err := p.advance(); err != nil {
			return nil, err
		}
		at := p.tok.pos
		text, err := p.take(tokString, "a text in quotes")
		if err != nil {
			return nil, err
		}
		t := lineTest{literal: text}
		switch op[1] {
		case '>':
			if t, err = newPatternTest(text); err != nil {
				return nil, p.fault(at, err.Error(), `a pattern such as "took <_> ms"`)
			}
		case '~':
			if t, err = newLineTest(text); err != nil {
				return nil, p.fault(at, "this is no regular expression: "+reason(err), "")
			}
		}
		f.tests = append(f.tests, t)
		if !p.word("or") {
			return f, nil
		}
		if len(f.tests) > maxStages {
			return nil, p.fault(p.tok.pos, "the filter has more texts than are looked for", "")
		}
	}
}

var stageNames = []string{"json", "logfmt", "regexp", "line_format", "label_format", "drop", "keep", "decolorize"}

// notHere are the stages of Loki that are left out.
var notHere = []string{"unwrap", "pattern", "unpack"}

// pipe reads what follows a |.
func (p *parser) pipe() (stage, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	at := p.tok.pos
	if p.is("(") {
		return p.conditions()
	}
	if p.tok.kind != tokName {
		return nil, p.fail(fitsStage)
	}
	name := p.tok.text
	if err := p.advance(); err != nil {
		return nil, err
	}
	if operator := p.tok.kind == tokSign && slices.Contains(comparisons, p.tok.text); operator {
		return p.conditionsAfter(name)
	}
	switch name {
	case "json":
		return p.jsonStage()
	case "logfmt":
		return p.logfmtStage()
	case "regexp":
		return p.regexpStage()
	case "line_format":
		return p.lineFormat()
	case "label_format":
		return p.labelFormat()
	case "drop", "keep":
		return p.dropOrKeep(name == "keep")
	case "decolorize":
		return decolorize{}, nil
	}
	if slices.Contains(notHere, name) {
		return nil, p.fault(at, "the stage "+name+" is not understood here", fitsStage)
	}
	if p.tok.kind == tokEnd || p.is("|") || p.is(")") || p.is("[") {
		fits := fitsStage
		if near, ok := spec.Nearest(name, stageNames); ok {
			fits = near
		}
		return nil, p.fault(at, "there is no stage "+shorten(name), fits)
	}
	return nil, p.fail("an operator for the label " + shorten(name) + ": = != =~ !~ == > >= < <=")
}

// bracketed reads [5m].
func (p *parser) bracketed() (time.Duration, error) {
	if err := p.expect("["); err != nil {
		return 0, err
	}
	d, err := p.duration()
	if err != nil {
		return 0, err
	}
	return d, p.expect("]")
}

func (p *parser) duration() (time.Duration, error) {
	at := p.tok.pos
	text, err := p.take(tokNumber, "a duration such as 5m")
	if err != nil {
		return 0, err
	}
	d, ok := parseDuration(text)
	if !ok || d <= 0 {
		return 0, p.fault(at, shorten(text)+" is no duration", "a duration such as 30s, 5m or 1h")
	}
	return d, nil
}

// parseDuration reads Go's notation, and Prometheus's with its days.
func parseDuration(s string) (time.Duration, bool) {
	if d, err := time.ParseDuration(s); err == nil {
		return d, true
	}
	d, err := model.ParseDuration(s)
	return time.Duration(d), err == nil
}

// reason is the last part of what package regexp says.
func reason(err error) string {
	return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
}
