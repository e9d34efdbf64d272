package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gameday/sources/logql"
	"gameday/sources/signal"
)

// LogFilter is a filter for log records, understood. The zero value admits everything. It may be shared.
//
//	timeout "card declined"   both are in the body, the service or an attribute's value, in any case
//	-healthz                  not in any of these; - works before every term
//	service=checkout          also source, body, trace, span, and every attribute key; "" is absent or empty
//	http.status!=200  path=~"^/cart"  path!~x  http.status>=500
//	level>=warn level=error   trace, debug, info, warn, error, fatal; unset is none of them
//
// All terms must hold. A text that begins with { or | is LogQL instead, whose selector may be left out:
//
//	{service="payment"} |= "timeout" | json | status >= 500
//	|~ "timeout|refused" | level="error"
type LogFilter struct {
	terms []logTerm
	words []string
	query *logql.Query // nil unless the text was LogQL
}

type logTermKind uint8

const (
	termWord logTermKind = iota
	termLevel
	termService
	termSource
	termBody
	termTrace
	termSpan
	termAttr
)

type logTerm struct {
	kind logTermKind
	not  bool
	word folder
	key  string
	test test
	min  signal.Severity // the level asked for
}

// ParseLogFilter understands a filter's text. The error names every part that is wrong and what is allowed there; the
// filter then holds the other parts.
func ParseLogFilter(text string) (LogFilter, error) {
	if isLogQL(text) {
		q, err := logql.ParseFilter(text)
		if err != nil {
			return LogFilter{}, fmt.Errorf("log filter: %w", err)
		}
		return LogFilter{query: q, words: q.Words()}, nil
	}
	terms, err := split(text)
	errs := []error{err}
	var f LogFilter
	for _, t := range terms {
		lt, err := newLogTerm(t)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if lt.kind == termWord && !lt.not {
			f.words = append(f.words, lt.word.word)
		}
		f.terms = append(f.terms, lt)
	}
	slices.SortStableFunc(f.terms, func(a, b logTerm) int { return cmp.Compare(a.cost(), b.cost()) })
	if err := errors.Join(errs...); err != nil {
		return f, fmt.Errorf("log filter: %w", oneLine(err))
	}
	return f, nil
}

// isLogQL tells the two grammars apart. A query that gives numbers is seen too, so that it is told why it is no filter.
func isLogQL(text string) bool {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "|") && len(text) > 1 {
		return true
	}
	if !strings.Contains(text, "{") || !strings.HasSuffix(text, ")") {
		return false
	}
	q, err := logql.Parse(text)
	return err == nil && q.IsMetric()
}

// admitsAll reports that the filter asks for nothing.
func (f *LogFilter) admitsAll() bool { return len(f.terms) == 0 && f.query == nil }

// Words are the words and phrases the filter looks for, in lower case, for a pane to mark.
func (f LogFilter) Words() []string { return f.words }

func newLogTerm(t term) (logTerm, error) {
	lt := logTerm{not: t.not, key: t.key}
	if t.key == "" {
		lt.word = newFolder(t.value)
		return lt, nil
	}
	switch strings.ToLower(t.key) {
	case "level", "severity":
		return levelTerm(t)
	case "service":
		lt.kind = termService
	case "source":
		lt.kind = termSource
	case "body", "msg", "message":
		lt.kind = termBody
	case "trace", "trace_id":
		lt.kind, t.value = termTrace, strings.ToLower(t.value)
	case "span", "span_id":
		lt.kind, t.value = termSpan, strings.ToLower(t.value)
	default:
		lt.kind = termAttr
	}
	var err error
	lt.test, err = newTest(t)
	return lt, err
}

// cost orders terms by how long it takes to judge a record: what is cheap rules out most before it gets dear.
func (t *logTerm) cost() int {
	switch {
	case t.test.re != nil && t.kind != termService && t.kind != termSource:
		return 4
	case t.kind == termWord:
		return 3
	case t.kind == termAttr || t.kind == termBody:
		return 2
	case t.kind == termLevel:
		return 0
	}
	return 1
}

func levelTerm(t term) (logTerm, error) {
	lt := logTerm{kind: termLevel, not: t.not, test: test{op: t.op}, min: signal.ParseSeverity(t.value)}
	name := strings.ToLower(t.value)
	switch {
	case t.op == "=~" || t.op == "!~":
		return lt, fmt.Errorf("%s: a level is compared with =, !=, >=, >, <= or <", t.raw)
	case lt.min == signal.SeverityUnset && name != "unset" && name != "-":
		return lt, fmt.Errorf("%s: %q is no level; there are trace, debug, info, warn, error, fatal and unset", t.raw, t.value)
	}
	return lt, nil
}

// level judges a severity. Levels are ranges of four numbers; a record without one is below and above nothing.
func (t *logTerm) level(s signal.Severity) bool {
	a, b := rank(s), rank(t.min)
	if t.test.op == "=" || t.test.op == "!=" {
		return compare(t.test.op, a, b)
	}
	return a > 0 && b > 0 && compare(t.test.op, a, b)
}

// rank is 0 for unset, 1 for trace up to 6 for fatal.
func rank(s signal.Severity) int64 {
	if s == signal.SeverityUnset {
		return 0
	}
	return min(int64(s-1)/4+1, 6)
}

// withLevel adds what signal.LogFilter.MinLevel asks for.
func (f LogFilter) withLevel(least signal.Severity) LogFilter {
	if least == signal.SeverityUnset {
		return f
	}
	t := logTerm{kind: termLevel, test: test{op: ">="}, min: least}
	return LogFilter{terms: append([]logTerm{t}, f.terms...), words: f.words, query: f.query}
}

// matcher is a filter bound to one chunk: keys are symbols, and words are looked for once per service.
type matcher struct {
	c     *logChunk
	terms []boundTerm
	query *logql.Matcher // nil unless the filter is LogQL
	rec   signal.Record  // that it looks at
}

type boundTerm struct {
	*logTerm
	key    uint32
	hasKey bool
	memo   []int8 // per symbol, for words and services: 0 not known, 1 matches, -1 does not
	inSyms bool   // a symbol of the chunk has the word, so an attribute may have it that is not in the text
}

func (f *LogFilter) bind(c *logChunk) matcher {
	m := matcher{c: c, terms: make([]boundTerm, len(f.terms))}
	if f.query != nil {
		m.query = f.query.Matcher()
	}
	for i := range f.terms {
		t := boundTerm{logTerm: &f.terms[i]}
		switch t.kind {
		case termAttr:
			t.key, t.hasKey = c.symbol(t.logTerm.key)
		case termWord, termService, termSource:
			t.memo = make([]int8, len(c.syms))
		}
		for sym := 0; t.kind == termWord && sym < len(c.syms) && !t.inSyms; sym++ {
			t.inSyms = t.symbol(c, uint32(sym))
		}
		m.terms[i] = t
	}
	return m
}

// match judges record i.
func (m *matcher) match(i int) bool {
	for k := range m.terms {
		if t := &m.terms[k]; t.ok(m.c, i) == t.not {
			return false
		}
	}
	return m.query == nil || m.matchQuery(i)
}

// matchQuery makes a record's attributes, in a list that is used again, only when what comes before them lets it through.
func (m *matcher) matchQuery(i int) bool {
	r, attrs := &m.c.recs[i], m.rec.Attrs[:0]
	body, text := logText(m.c, i)
	m.rec = signal.Record{Time: time.Unix(0, m.c.times[i]), Severity: r.severity, Service: m.c.syms[r.service], Source: m.c.syms[r.source],
		Body: body, TraceID: m.c.traces[r.trace], SpanID: r.span}
	if !m.query.Early(&m.rec) {
		m.rec.Attrs = attrs
		return false
	}
	for a := (attrReader{rest: text, syms: m.c.syms}); a.next(); {
		attrs = append(attrs, signal.Attr{Key: m.c.syms[a.key], Value: a.val})
	}
	m.rec.Attrs = attrs
	return m.query.Match(&m.rec)
}

func (t *boundTerm) ok(c *logChunk, i int) bool {
	r := &c.recs[i]
	switch t.kind {
	case termWord:
		return t.symbol(c, uint32(r.service)) || t.inText(c, i)
	case termLevel:
		return t.level(r.severity)
	case termService:
		return t.symbol(c, uint32(r.service))
	case termSource:
		return t.symbol(c, uint32(r.source))
	case termBody:
		return t.test.ok(logBody(c, i), true)
	case termTrace:
		return t.test.ok(c.traces[r.trace].String(), r.trace != 0)
	case termSpan:
		return t.test.ok(r.span.String(), !r.span.IsZero())
	}
	if t.hasKey {
		for a := (attrReader{rest: logAttrs(c, i), syms: c.syms}); a.next(); {
			if a.key == t.key {
				return t.test.ok(a.val, true)
			}
		}
	}
	return t.test.ok("", false)
}

// symbol judges an interned word once per chunk.
func (t *boundTerm) symbol(c *logChunk, sym uint32) bool {
	if t.memo[sym] == 0 {
		ok := false
		if t.kind == termWord {
			ok = t.word.in(c.syms[sym])
		} else {
			ok = t.test.ok(c.syms[sym], true)
		}
		t.memo[sym] = -1
		if ok {
			t.memo[sym] = 1
		}
	}
	return t.memo[sym] > 0
}

// inText looks at body and attributes together first: most records do not have the word at all. Values that are symbols
// are not in the text.
func (t *boundTerm) inText(c *logChunk, i int) bool {
	if !t.inSyms && !t.word.in(c.textAt(i)) {
		return false
	}
	body, attrs := logText(c, i)
	if t.word.in(body) {
		return true
	}
	for a := (attrReader{rest: attrs, syms: c.syms}); a.next(); {
		if t.word.in(a.val) {
			return true
		}
	}
	return false
}

// oneLine joins the lines of errors.Join with semicolons, for a prompt has one row.
func oneLine(err error) error { return errors.New(strings.ReplaceAll(err.Error(), "\n", "; ")) }
