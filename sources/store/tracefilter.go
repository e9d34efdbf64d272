package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// TraceFilter is a filter for traces, understood. The zero value admits everything. It may be shared.
//
//	checkout "POST /cart"       both are in the name of the trace or of one of its services, in any case
//	-healthz                    not in any of these; - works before every term
//	service=payment             one of its services (the first eight are known); != is none of them; =~ and !~ too
//	name="POST /cart" name=~^GET
//	status=error status=ok      error: at least one span failed
//	duration>200ms duration<1s  with a unit; also >= and <=
//	spans>10 errors>=2 trace=4f2a91c0  (the ID or how it begins)
//
// All terms must hold.
type TraceFilter struct {
	terms []traceTerm
	words []string
}

type traceTermKind uint8

const (
	traceWord traceTermKind = iota
	traceService
	traceName
	traceStatus
	traceDuration
	traceSpans
	traceErrors
	traceID
)

type traceTerm struct {
	kind   traceTermKind
	not    bool
	word   folder
	test   test
	number int64
	text   string
}

// ParseTraceFilter understands a filter's text. The error names every part that is wrong and what is allowed there; the
// filter then holds the other parts.
func ParseTraceFilter(text string) (TraceFilter, error) {
	terms, err := split(text)
	errs := []error{err}
	var f TraceFilter
	for _, t := range terms {
		tt, err := newTraceTerm(t)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if tt.kind == traceWord && !tt.not {
			f.words = append(f.words, tt.word.word)
		}
		f.terms = append(f.terms, tt)
	}
	if err := errors.Join(errs...); err != nil {
		return f, fmt.Errorf("trace filter: %w", oneLine(err))
	}
	return f, nil
}

// Words are the words and phrases the filter looks for, in lower case, for a pane to mark.
func (f TraceFilter) Words() []string { return f.words }

func newTraceTerm(t term) (traceTerm, error) {
	tt := traceTerm{not: t.not}
	if t.key == "" {
		tt.word = newFolder(t.value)
		return tt, nil
	}
	var err error
	switch strings.ToLower(t.key) {
	case "service":
		tt.kind = traceService
		tt.test, err = textTest(t)
		if tt.test.op == "!=" || tt.test.op == "!~" { // none of its services, not one that differs
			tt.not = !tt.not
			tt.test.op = strings.Replace(tt.test.op, "!=", "=", 1)
			tt.test.op = strings.Replace(tt.test.op, "!~", "=~", 1)
		}
	case "name", "operation":
		tt.kind = traceName
		tt.test, err = textTest(t)
	case "status":
		return statusTerm(t, tt)
	case "duration":
		tt.kind, tt.test.op = traceDuration, t.op
		var d time.Duration
		if d, err = time.ParseDuration(t.value); err != nil || t.op == "=~" || t.op == "!~" {
			err = fmt.Errorf("%s: compare duration with >, >=, <, <=, = or != and a number with its unit, as in duration>200ms", t.raw)
		}
		tt.number = int64(d)
	case "spans", "errors":
		tt.kind, tt.test.op = traceSpans, t.op
		if strings.EqualFold(t.key, "errors") {
			tt.kind = traceErrors
		}
		if tt.number, err = strconv.ParseInt(t.value, 10, 64); err != nil || t.op == "=~" || t.op == "!~" {
			err = fmt.Errorf("%s: compare %s with >, >=, <, <=, = or != and a whole number", t.raw, t.key)
		}
	case "trace", "trace_id":
		tt.kind, tt.text = traceID, strings.ToLower(t.value)
		if t.op != "=" && t.op != "!=" {
			err = fmt.Errorf("%s: compare trace with = or !=", t.raw)
		}
		tt.not = tt.not != (t.op == "!=")
	default:
		err = fmt.Errorf("%s: %q cannot be asked of a trace; there are service, name, status, duration, spans, errors and trace", t.raw, t.key)
	}
	return tt, err
}

// textTest is a test for text only.
func textTest(t term) (test, error) {
	switch t.op {
	case "=", "!=", "=~", "!~":
		return newTest(t)
	}
	return test{}, fmt.Errorf("%s: compare %s with =, !=, =~ or !~", t.raw, t.key)
}

func statusTerm(t term, tt traceTerm) (traceTerm, error) {
	tt.kind = traceStatus
	if t.op != "=" && t.op != "!=" {
		return tt, fmt.Errorf("%s: compare status with = or !=", t.raw)
	}
	tt.not = tt.not != (t.op == "!=")
	switch strings.ToLower(t.value) {
	case "error", "failed":
		tt.number = 1
	case "ok":
	default:
		return tt, fmt.Errorf("%s: %q is no status; there are error and ok", t.raw, t.value)
	}
	return tt, nil
}

// traceMatcher is a filter bound to one block: a word is compared with each of the block's words at most once.
type traceMatcher struct {
	b     *traceBlock
	terms []traceTerm
	memo  [][]int8 // per term and symbol: 0 not known, 1 matches, -1 does not
}

func (f *TraceFilter) bind(b *traceBlock) traceMatcher {
	m := traceMatcher{b: b, terms: f.terms, memo: make([][]int8, len(f.terms))}
	for i := range f.terms {
		if f.terms[i].kind <= traceName {
			m.memo[i] = make([]int8, len(b.syms))
		}
	}
	return m
}

// onlyFailed reports whether nothing but a trace with an error can match.
func (f *TraceFilter) onlyFailed() bool {
	for i := range f.terms {
		if t := &f.terms[i]; t.kind == traceStatus && (t.number == 1) != t.not {
			return true
		}
	}
	return false
}

// possible is false when the block's words and bounds rule out that one of its traces matches.
func (m *traceMatcher) possible() bool {
	for i := range m.terms {
		t := &m.terms[i]
		switch {
		case t.not:
		case t.kind <= traceName:
			any := false
			for sym := 0; sym < len(m.b.syms) && !any; sym++ {
				any = m.symbol(i, uint16(sym))
			}
			if !any {
				return false
			}
		case t.kind == traceDuration && (t.test.op == ">" || t.test.op == ">="):
			if !compare(t.test.op, m.b.maxTook, t.number) {
				return false
			}
		}
	}
	return true
}

func (m *traceMatcher) match(e *traceEntry) bool {
	for i := range m.terms {
		if m.ok(i, e) == m.terms[i].not {
			return false
		}
	}
	return true
}

func (m *traceMatcher) ok(i int, e *traceEntry) bool {
	t := &m.terms[i]
	switch t.kind {
	case traceWord:
		return m.symbol(i, e.name) || m.service(i, e)
	case traceService:
		return m.service(i, e)
	case traceName:
		return m.symbol(i, e.name)
	case traceStatus:
		return (e.errors > 0) == (t.number == 1)
	case traceDuration:
		return compare(t.test.op, e.took(), t.number)
	case traceSpans:
		return compare(t.test.op, int64(e.spans), t.number)
	case traceErrors:
		return compare(t.test.op, int64(e.errors), t.number)
	}
	return strings.HasPrefix(e.id.String(), t.text)
}

// service judges the services of a trace; the one that names the trace is always among them.
func (m *traceMatcher) service(i int, e *traceEntry) bool {
	if m.symbol(i, e.service) {
		return true
	}
	for k := range int(e.nservices) {
		if m.symbol(i, e.services[k]) {
			return true
		}
	}
	return false
}

func (m *traceMatcher) symbol(i int, sym uint16) bool {
	memo := m.memo[i]
	if memo[sym] == 0 {
		t, ok := &m.terms[i], false
		if t.kind == traceWord {
			ok = t.word.in(m.b.syms[sym])
		} else {
			ok = t.test.ok(m.b.syms[sym], true)
		}
		memo[sym] = -1
		if ok {
			memo[sym] = 1
		}
	}
	return memo[sym] > 0
}
