// Package logql is LogQL, Loki's query language, over the records that gameday holds: a parser and an evaluator of the part
// of it that people type. It is written from the language's documentation, and holds nothing of Loki's.
//
// Understood are
//
//	{service="payment", env=~"prod|live"}            = != =~ !~; {} admits everything
//	|= "a" or "b"   != "a"   |~ "re"   !~ "re"       filters of the line
//	|> "took <_> ms"   !> "took <_> ms"              the same by pattern: the whole line, <_> is any text
//	| json   | json code="error.code"   | logfmt   | logfmt --strict a, b="c"   | regexp "(?P<a>..)"
//	| status >= 500 and (took > 1.5s or size > 10MB), path =~ "/cart.*"
//	| line_format "{{.a}}"   | label_format a=b, c="{{.d}}"   | drop a, b="x"   | keep a   | decolorize
//	rate, count_over_time, bytes_rate, bytes_over_time of a query [5m], offset; sum, min, max, avg, count by and without;
//	topk, bottomk; arithmetic and comparison with a number
//
// A record's labels are its attributes, and beside them service (also service_name), level (also severity, detected_level),
// source, trace_id and span_id. Names are compared as Loki writes them: http_status_code finds the attribute
// http.status_code, and both can be typed.
//
// A parsed query may be shared; a Matcher is for one goroutine.
package logql

import (
	"fmt"
	"strings"
)

// The bounds of a query's text.
const (
	maxText   = 8 << 10 // bytes
	maxStages = 64
	maxDepth  = 32 // of parentheses
)

// Query is a query that was understood.
type Query struct {
	text     string
	selector []matcher
	stages   []stage
	lead     int // so many of the stages are filters of the line as it came
	metric   metricNode
}

// Parse understands a query. The error is a *SyntaxError.
func Parse(text string) (*Query, error) {
	p := &parser{lexer: lexer{text: text}}
	q := &Query{text: text}
	err := p.parse(q)
	if err != nil {
		return nil, err
	}
	return q, nil
}

// ParseFilter understands a query that chooses records. It may leave the selector out: `|= "x" | json`. A metric query is an
// error.
func ParseFilter(text string) (*Query, error) {
	if t := strings.TrimLeft(text, " \t\r\n"); strings.HasPrefix(t, "|") || strings.HasPrefix(t, "!") {
		text = "{} " + text
	}
	q, err := Parse(text)
	if err == nil && q.metric != nil {
		return nil, &SyntaxError{Text: text, Problem: "this query gives numbers, and a filter chooses records", Fits: `{service="payment"} |= "timeout"`}
	}
	return q, err
}

// IsMetric reports that the query gives numbers (Eval), not records (Matcher).
func (q *Query) IsMetric() bool { return q.metric != nil }

// String is the text it was parsed from.
func (q *Query) String() string { return q.text }

// Words are the texts that the filters of the line look for, in lower case, for a pane to mark.
func (q *Query) Words() []string {
	var out []string
	for _, s := range q.stages {
		if f, ok := s.(*lineFilter); ok && !f.not {
			for _, t := range f.tests {
				if t.re == nil && t.literal != "" && strings.TrimSpace(t.literal) != "" {
					out = append(out, strings.ToLower(t.literal))
				}
			}
		}
	}
	return out
}

// SyntaxError says what of a query was not understood, where, and what would fit there.
type SyntaxError struct {
	Text    string
	Pos     int // in bytes, from 0
	Problem string
	Fits    string // what could stand there; "" when nothing can be said
}

// Error is one line.
func (e *SyntaxError) Error() string {
	s := fmt.Sprintf("logql: column %d: %s", len([]rune(e.Text[:min(e.Pos, len(e.Text))]))+1, e.Problem)
	if e.Fits != "" {
		s += "; what fits: " + e.Fits
	}
	return strings.ReplaceAll(s, "\n", " ")
}
