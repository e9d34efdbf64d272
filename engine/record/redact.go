package record

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gameday/sources"
	"gameday/sources/signal"
)

// redactLabels is sources.RedactAttrs for the labels of a series, which tell it from others: a label secret is the name of one, as in
// kube_secret_info, and series that all had the same one would become one. They are what expressions look for, and no path in
// them is written another way.
func redactLabels(list signal.Attrs) signal.Attrs {
	return sources.RedactEach(list, func(a signal.Attr) string { return redact(a.Value) })
}

func redact(s string) string { return sources.RedactText(s) }

// redactor takes out of what gameday itself tells what is nobody's business: secrets, and the home directory of whoever
// recorded, which names him and stands in paths of his machine. It becomes ~.
type redactor struct{ home string }

// newRedactor goes by the home directory; one that is none, or is the root of all paths, is left alone.
func newRedactor(home string) redactor {
	home = strings.TrimRight(home, `/\`)
	if len(home) < 2 || !strings.ContainsAny(home, `/\`) {
		home = ""
	}
	return redactor{home}
}

func (r redactor) text(s string) string { return r.homeless(redact(s)) }

// homeless writes the home directory as ~ where it stands at the beginning of a path.
func (r redactor) homeless(s string) string {
	if r.home == "" || !strings.Contains(s, r.home) {
		return s
	}
	var b strings.Builder
	inPath := func(c byte) bool {
		return c == '-' || c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80
	}
	for rest, before := s, byte(' '); ; {
		i := strings.Index(rest, r.home)
		if i < 0 {
			return b.String() + rest
		}
		if i > 0 {
			before = rest[i-1]
		}
		end := i + len(r.home)
		b.WriteString(rest[:i])
		begins := !inPath(before) && (before != '/' || strings.HasSuffix(rest[:i], "://"))
		if begins && (end == len(rest) || !inPath(rest[end]) || rest[end] == '.' && (end+1 == len(rest) || rest[end+1] == ' ')) {
			b.WriteByte('~')
		} else {
			b.WriteString(r.home)
		}
		rest, before = rest[end:], rest[end-1]
	}
}

// pack is v as CBOR without what is nobody's business. It only takes plain data of package signal.
func (r redactor) pack(v any) []byte { return r.clean(pack(v), v) }

// clean is data, which is v as CBOR, without what is nobody's business. Texts stand in CBOR as they are, so that nothing is taken
// apart that has nothing to hide; v may belong to others and is left as it is.
func (r redactor) clean(data []byte, v any) []byte {
	s := string(data)
	if !sources.MayHoldSecrets(s) && (r.home == "" || !strings.Contains(s, r.home)) {
		return data
	}
	own := reflect.New(reflect.TypeOf(v))
	if unpackMode.Unmarshal(data, own.Interface()) != nil {
		return data // it is no plain data: a test would see it
	}
	eachText(own, r.text)
	return pack(own.Interface())
}

// attrs returns the list, or a copy without what is nobody's business.
func (r redactor) attrs(list signal.Attrs) signal.Attrs {
	return sources.RedactEach(sources.RedactAttrs(list), func(a signal.Attr) string { return r.homeless(a.Value) })
}

// record leaves the words of a log record as they are but for secrets: they are the system's, not gameday's.
func (r redactor) record(rec *signal.Record) {
	rec.Body, rec.Source = redact(rec.Body), r.text(rec.Source)
	rec.Attrs = r.attrs(rec.Attrs)
}

func (r redactor) span(s *signal.Span) {
	s.Message = redact(s.Message)
	s.Attrs = r.attrs(s.Attrs)
	for i := range s.Events {
		if a := r.attrs(s.Events[i].Attrs); len(a) > 0 && &a[0] != &s.Events[i].Attrs[0] {
			s.Events = slices.Clone(s.Events)
			s.Events[i].Attrs = a
		}
	}
}

// event leaves the key, by which one replaces another.
func (r redactor) event(e *signal.Event) {
	e.Title, e.Detail, e.Target = r.text(e.Title), r.text(e.Detail), r.text(e.Target)
	e.Attrs = sources.RedactEach(e.Attrs, func(a signal.Attr) string { return r.text(a.Value) })
}

func (r redactor) meta(m *Meta) { m.System, m.Environment = r.text(m.System), r.text(m.Environment) }

var literal = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|'(?:[^'\\\\]|\\\\.)*'|`[^`]*`")

// Query is an expression of a chart as it may stand in a recording: what it looks for is without the secrets that are taken out of
// labels too, and the expression is as it was.
func Query(expr string) string {
	if !sources.MayHoldSecrets(expr) {
		return expr
	}
	return literal.ReplaceAllStringFunc(expr, func(l string) string {
		quote, inner := l[:1], l[1:len(l)-1]
		out := redact(inner)
		switch {
		case out == inner:
			return l
		case quote != "`" && strings.Contains(inner, `\`): // what is taken out might end between a backslash and what it quotes
			return quote + "<secret>" + quote
		}
		return quote + out + quote
	})
}

// Text is a text without secrets.
func Text(s string) string { return redact(s) }
