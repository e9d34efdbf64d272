package logql

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"gameday/sources/signal"
)

// Field is what of a record a label's name stands for beside its attributes.
type field uint8

const (
	fieldNone field = iota
	fieldService
	fieldLevel
	fieldSource
	fieldTrace
	fieldSpan
)

// label is a name that was looked up once.
type label struct {
	name  string
	field field
	error bool // __error__ or __error_details__
}

const (
	errorLabel   = "__error__"
	detailsLabel = "__error_details__"
)

func newLabel(name string) label {
	l := label{name: name, error: name == errorLabel || name == detailsLabel}
	switch name {
	case "service", "service_name", "service.name":
		l.field = fieldService
	case "level", "severity", "detected_level":
		l.field = fieldLevel
	case "source":
		l.field = fieldSource
	case "trace_id", "traceID", "traceid":
		l.field = fieldTrace
	case "span_id", "spanID", "spanid":
		l.field = fieldSpan
	}
	return l
}

// levels are the words that a severity is, as Loki's detected_level has them.
var levels = [...]string{"", "trace", "debug", "info", "warn", "error", "fatal"}

func levelOf(s signal.Severity) string {
	if s == signal.SeverityUnset {
		return ""
	}
	return levels[min(int(s-1)/4+1, len(levels)-1)]
}

// sameName compares an attribute's key with a name as Loki writes it: what is no letter, digit or _ is _ there.
func sameName(key, name string) bool {
	if key == name {
		return true
	}
	j := 0
	if key != "" && digit(key[0]) && name != "" && name[0] == '_' {
		j = 1
	}
	for i := 0; i < len(key); i, j = i+1, j+1 {
		if j == len(name) || key[i] != name[j] && (name[j] != '_' || nameByte(key[i])) {
			return false
		}
		if key[i] >= utf8.RuneSelf { // one _ for a whole character
			for i+1 < len(key) && !utf8.RuneStart(key[i+1]) {
				i++
			}
		}
	}
	return j == len(name)
}

// plainName writes a key as Loki does.
func plainName(key string) string {
	clean := key != "" && !digit(key[0])
	for i := 0; i < len(key) && clean; i++ {
		clean = nameByte(key[i])
	}
	if clean {
		return key
	}
	b := make([]byte, 0, len(key)+1)
	return string(appendName(b, key))
}

func appendName(b []byte, key string) []byte {
	if len(b) == 0 && key != "" && digit(key[0]) {
		b = append(b, '_')
	}
	for i := 0; i < len(key); i++ {
		switch c := key[i]; {
		case nameByte(c):
			b = append(b, c)
		case utf8.RuneStart(c): // one for a whole character
			b = append(b, '_')
		}
	}
	return b
}

// pair is a label that a stage has made.
type pair struct {
	name, value string
	set         bool // by label_format: it stands before the record's own
}

// labels are those of one record on its way through the stages.
type labels struct {
	rec     *signal.Record
	made    []pair
	gone    []string // names that drop, keep or label_format took away
	kept    []string // names that keep left; nil for all
	keeps   bool
	err     string
	details string
	names   map[string]string // of extracted labels, made once
	scratch []byte
}

func (b *labels) reset(r *signal.Record) {
	b.rec, b.made, b.gone, b.kept, b.keeps, b.err, b.details = r, b.made[:0], b.gone[:0], b.kept[:0], false, "", ""
}

// fail marks the record; the first stage that went wrong counts.
func (b *labels) fail(kind, details string) {
	if b.err == "" {
		b.err, b.details = kind, details
	}
}

// get is the value of a label; ok is false when there is none.
func (b *labels) get(l label) (value string, ok bool) {
	if l.error {
		if l.name == errorLabel {
			return b.err, b.err != ""
		}
		return b.details, b.details != ""
	}
	for i := range b.made {
		if b.made[i].name == l.name || len(b.made[i].name) == len(l.name) && sameName(l.name, b.made[i].name) {
			return b.made[i].value, true
		}
	}
	if b.hidden(l.name) {
		return "", false
	}
	if v := fieldOf(b.rec, l.field); v != "" {
		return v, true
	}
	for i := range b.rec.Attrs {
		if a := &b.rec.Attrs[i]; sameName(a.Key, l.name) {
			return a.Value, true
		}
	}
	return "", false
}

// hidden reports that a label of the record itself is not to be seen any more.
func (b *labels) hidden(name string) bool {
	if slices.Contains(b.gone, name) {
		return true
	}
	return b.keeps && !slices.Contains(b.kept, name)
}

func fieldOf(r *signal.Record, f field) string {
	switch f {
	case fieldService:
		return r.Service
	case fieldLevel:
		return levelOf(r.Severity)
	case fieldSource:
		return r.Source
	case fieldTrace:
		return r.TraceID.String()
	case fieldSpan:
		return r.SpanID.String()
	}
	return ""
}

// extracted adds what a parser found. A label that the record has already gets another name, as in Loki; the fields that
// gameday itself gave a record, such as its level, stand back.
func (b *labels) extracted(name, value string) {
	if name == "" {
		return
	}
	for i := range b.rec.Attrs {
		if sameName(b.rec.Attrs[i].Key, name) && !b.hidden(name) {
			name = b.intern(append(append(b.scratch[:0], name...), "_extracted"...))
			break
		}
	}
	for i := range b.made {
		if b.made[i].name == name {
			return // the first counts
		}
	}
	if len(b.made) < maxMade {
		b.made = append(b.made, pair{name: name, value: value})
	}
}

// set gives a label a value, whoever had it before.
func (b *labels) set(name, value string) {
	for i := range b.made {
		if b.made[i].name == name {
			b.made[i].value = value
			return
		}
	}
	if len(b.made) < maxMade {
		b.made = append(b.made, pair{name: name, value: value, set: true})
	}
}

// remove takes a label away.
func (b *labels) remove(name string) {
	b.made = slices.DeleteFunc(b.made, func(p pair) bool { return p.name == name })
	if !slices.Contains(b.gone, name) {
		b.gone = append(b.gone, name)
	}
}

const (
	maxMade  = 256 // labels that the stages may make of one line
	maxNames = 4096
)

// intern is a name as a string that is made once.
func (b *labels) intern(name []byte) string {
	if s, ok := b.names[string(name)]; ok {
		return s
	}
	s := string(name)
	if b.names == nil {
		b.names = make(map[string]string)
	}
	if len(b.names) < maxNames {
		b.names[s] = s
	}
	return s
}

// all are the labels as they stand, sorted, without the trace and the span, which every record has its own of.
func (b *labels) all() signal.Attrs {
	out := make(signal.Attrs, 0, len(b.rec.Attrs)+len(b.made)+3)
	add := func(name, value string) {
		if value == "" || b.hidden(name) || slices.ContainsFunc(out, func(a signal.Attr) bool { return a.Key == name }) {
			return
		}
		out = append(out, signal.Attr{Key: name, Value: value})
	}
	for _, p := range b.made {
		if p.value != "" {
			out = append(out, signal.Attr{Key: p.name, Value: p.value})
		}
	}
	add("service", b.rec.Service)
	add("level", levelOf(b.rec.Severity))
	add("source", b.rec.Source)
	for i := range b.rec.Attrs {
		add(plainName(b.rec.Attrs[i].Key), b.rec.Attrs[i].Value)
	}
	if b.err != "" {
		out = append(out, signal.Attr{Key: errorLabel, Value: b.err}, signal.Attr{Key: detailsLabel, Value: b.details})
	}
	slices.SortFunc(out, func(x, y signal.Attr) int { return strings.Compare(x.Key, y.Key) })
	return out
}

// matcher compares a label with a text. A label that is not there is like an empty one.
type matcher struct {
	label label
	op    string
	value string
	level string // the level that value is a word for, when the label is one
	trace signal.TraceID
	re    *regexp.Regexp
}

func newMatcher(name, op, value string) (matcher, error) {
	m := matcher{label: newLabel(name), op: op, value: value}
	if op == "=~" || op == "!~" {
		re, err := regexp.Compile("^(?s:" + value + ")$")
		m.re = re
		return m, err
	}
	switch m.label.field {
	case fieldLevel:
		m.level = levelOf(signal.ParseSeverity(value))
	case fieldTrace:
		m.trace, _ = signal.ParseTraceID(value) // not one: compared as a text
	}
	return m, nil
}

// match judges the record's label.
func (m *matcher) match(b *labels) bool {
	value, _ := b.get(m.label)
	return m.judge(value)
}

func (m *matcher) judge(value string) bool {
	switch m.op {
	case "=":
		return m.equal(value)
	case "!=":
		return !m.equal(value)
	case "=~":
		return m.re.MatchString(value)
	}
	return !m.re.MatchString(value)
}

func (m *matcher) equal(value string) bool {
	return value == m.value || m.level != "" && value == m.level || !m.trace.IsZero() && isTrace(value, m.trace)
}

// isTrace compares hex digits in any case with an ID, without writing it out.
func isTrace(value string, id signal.TraceID) bool {
	var got signal.TraceID
	if len(value) != 2*len(got) {
		return false
	}
	_, err := hex.Decode(got[:], []byte(value))
	return err == nil && got == id
}
