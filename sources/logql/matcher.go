package logql

import "gameday/sources/signal"

// Matcher runs a query over one record after the other. It is for one goroutine.
type Matcher struct {
	q    *Query
	b    labels
	memo []verdict // per matcher of the selector: what it said last; services come in runs
}

type verdict struct {
	value string
	ok    bool
}

// Matcher makes one. The query must not be a metric query.
func (q *Query) Matcher() *Matcher { return &Matcher{q: q, memo: make([]verdict, len(q.selector))} }

// Early judges by what a record has without its attributes, which are dear to make: what it leaves out does not match.
func (m *Matcher) Early(r *signal.Record) bool {
	for i := range m.q.selector {
		if ok, known := m.early(i, r); known && !ok {
			return false
		}
	}
	for _, s := range m.q.stages[:m.q.lead] {
		if !s.(*lineFilter).match(r.Body) {
			return false
		}
	}
	return true
}

// early judges by what a record has without its attributes; known is false when they are needed.
func (m *Matcher) early(i int, r *signal.Record) (ok, known bool) {
	by := &m.q.selector[i]
	if by.label.field == fieldNone {
		return false, false
	}
	if by.label.field == fieldTrace && !by.trace.IsZero() && !r.TraceID.IsZero() {
		return (r.TraceID == by.trace) == (by.op == "="), true
	}
	v := fieldOf(r, by.label.field)
	if v == "" {
		return false, false
	}
	if last := &m.memo[i]; last.value != v {
		*last = verdict{v, by.judge(v)}
	}
	return m.memo[i].ok, true
}

// Match judges a record that Early has let through.
func (m *Matcher) Match(r *signal.Record) bool {
	m.b.reset(r)
	_, ok := m.rest(r.Body)
	return ok
}

// Process runs the whole query on a record: what line it has then, and whether it stays.
func (m *Matcher) Process(r *signal.Record) (line string, ok bool) {
	m.b.reset(r)
	if !m.Early(r) {
		return r.Body, false
	}
	return m.rest(r.Body)
}

// Labels are those of the record that was processed last, sorted by name. Its trace and its span are not among them.
func (m *Matcher) Labels() signal.Attrs { return m.b.all() }

// Error is the mark that a stage gave the record that was processed last, such as JSONParserErr; "" when none did.
func (m *Matcher) Error() string { return m.b.err }

func (m *Matcher) rest(line string) (string, bool) {
	for i := range m.q.selector {
		if !m.q.selector[i].match(&m.b) {
			return line, false
		}
	}
	for _, s := range m.q.stages[m.q.lead:] {
		var ok bool
		if line, ok = s.run(&m.b, line); !ok {
			return line, false
		}
	}
	return line, true
}

// Fields reads what lines say in JSON, with members within others joined by _, or in logfmt. The zero value is ready; it is for
// one goroutine.
type Fields struct {
	b   labels
	rec signal.Record
}

// Read calls found with each of the line's fields until it returns false. Lines that are neither have none.
func (f *Fields) Read(line string, found func(name, value string) bool) {
	f.b.reset(&f.rec)
	if r := (jsonReader{s: line, b: &f.b}); r.line() != nil {
		f.b.reset(&f.rec)
		(&logfmtStage{}).run(&f.b, line)
	}
	for _, p := range f.b.made {
		if !found(p.name, p.value) {
			return
		}
	}
}

// Split takes a query apart into its selector and what follows it. It knows so much of the language only, so that queries
// that another system evaluates can be extended too. The error is a *SyntaxError.
func Split(text string) (selector, rest string, err error) {
	l := lexer{text: text}
	for {
		t, err := l.next()
		switch {
		case err != nil:
			return "", "", err
		case t.kind == tokEnd:
			return "", "", l.fault(t.pos, "the query has no selector", fitsMatcher+" within { and }")
		case t.pos == 0 && !(t.kind == tokSign && t.text == "{"):
			return "", "", l.fault(0, "the query begins with no selector", `{service_name="payment"}`)
		case t.kind == tokSign && t.text == "}":
			return text[:l.pos], text[l.pos:], nil
		}
	}
}
