// Package sql loads a database: PostgreSQL, MySQL (MariaDB too) and SQLite, through database/sql and the drivers that
// applications use. Each worker has one connection of its own, as a user of a pool of that size would, with the
// statements prepared once; what changes from request to request is only ever sent as an argument, never pasted into a
// statement's text.
package sql

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"gameday/engine/load/payload"
	"gameday/engine/load/template"
	"gameday/sources/spec"
)

// The bounds of one step. A protocol's message cannot hold more arguments.
const (
	maxArgs       = 65_535
	maxStatements = 1000
)

// Work is one step: a statement, or several in one transaction.
type Work struct {
	Statement   `yaml:",inline"`
	Transaction []Statement `yaml:"transaction" doc:"Statements made in this order in one transaction, instead of query or exec."`
	Isolation   string      `yaml:"isolation" enum:"read-uncommitted,read-committed,repeatable-read,serializable" doc:"Of the transaction. Default: the server's."`
	ReadOnly    bool        `yaml:"readOnly" doc:"The transaction only reads."`
	Rollback    bool        `yaml:"rollback" doc:"The transaction ends in ROLLBACK, so that nothing is changed."`
	Trace       string      `yaml:"trace" enum:"off,comment" doc:"comment adds traceparent to each statement as a comment (sqlcommenter); it is then not prepared, as every text differs. Default off."`
	Unprepared  bool        `yaml:"unprepared" doc:"Statements are not prepared on the connection, as behind a pooler that hands out connections by transaction."`
}

// Statement is one statement with its arguments.
type Statement struct {
	Query string `yaml:"query" doc:"A statement that returns rows. Arguments are $1, $2 in PostgreSQL, ? in MySQL and SQLite."`
	Exec  string `yaml:"exec" doc:"A statement that returns no rows."`
	Args  []Arg  `yaml:"args" doc:"Values of the statement's parameters; may hold {{values}}."`
	Rows  *Count `yaml:"rows" doc:"Rows expected, returned by query or affected by exec: 1, \">= 1\", \"!= 0\", \"1..10\"."`
}

// Arg is the value of one parameter.
type Arg struct {
	Value string `yaml:"value,required" doc:"The value; may hold {{values}}."`
	Type  string `yaml:"type" enum:"text,int,float,bool,bytes" doc:"What it is sent as. Default text, which servers convert as the statement needs."`
	Null  bool   `yaml:"null" doc:"An empty value is sent as NULL."`
}

// UnmarshalSpec reads the value alone, or a map with value, type and null.
func (a *Arg) UnmarshalSpec(part *spec.Document) {
	if text, ok := part.Scalar(); ok {
		a.Value = text
		return
	}
	type whole Arg // without this method
	part.Decode((*whole)(a))
}

// JSONSchema says what UnmarshalSpec accepts.
func (*Arg) JSONSchema() map[string]any {
	type whole Arg
	return map[string]any{"anyOf": []any{
		map[string]any{"type": []string{"string", "number", "boolean"}}, spec.Ref{V: whole{}},
	}}
}

// Count is a number of rows that is expected: those from Min to Max, or all but those when Not is set.
type Count struct {
	Min, Max int64
	Not      bool
}

// UnmarshalScalar reads "3", "= 3", "!= 3", "< 3", "<= 3", "> 3", ">= 3" or "3..5".
func (c *Count) UnmarshalScalar(text string) error {
	fault := fmt.Errorf("%s is not a number of rows; write 1, \">= 1\", \"!= 0\" or \"1..10\"", spec.Quote(text))
	rest := strings.TrimSpace(text)
	number := func(s string) (int64, bool) {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		return n, err == nil && n >= 0 && n < math.MaxInt64
	}
	if low, high, ok := strings.Cut(rest, ".."); ok {
		from, ok1 := number(low)
		to, ok2 := number(high)
		if !ok1 || !ok2 || from > to {
			return fault
		}
		*c = Count{Min: from, Max: to}
		return nil
	}
	operator := rest[:len(rest)-len(strings.TrimLeft(rest, "<>=!"))]
	n, ok := number(rest[len(operator):])
	if !ok {
		return fault
	}
	switch operator {
	case "", "=", "==":
		*c = Count{Min: n, Max: n}
	case "!=":
		*c = Count{Min: n, Max: n, Not: true}
	case ">=":
		*c = Count{Min: n, Max: math.MaxInt64}
	case ">":
		*c = Count{Min: n + 1, Max: math.MaxInt64}
	case "<=":
		*c = Count{Max: n}
	case "<":
		if n == 0 {
			return fault
		}
		*c = Count{Max: n - 1}
	default:
		return fault
	}
	return nil
}

// Has reports whether n rows are as expected.
func (c *Count) Has(n int64) bool { return c == nil || (n >= c.Min && n <= c.Max) != c.Not }

// String is the expectation in words, as in "expected at least 1".
func (c *Count) String() string {
	switch {
	case c.Not:
		return fmt.Sprintf("other than %d", c.Min)
	case c.Min == c.Max:
		return strconv.FormatInt(c.Min, 10)
	case c.Max == math.MaxInt64:
		return fmt.Sprintf("at least %d", c.Min)
	case c.Min == 0:
		return fmt.Sprintf("at most %d", c.Max)
	}
	return fmt.Sprintf("%d to %d", c.Min, c.Max)
}

// Validate reports what is wrong with the step and can be said without the database.
func (w *Work) Validate(report func(path, format string, args ...any)) {
	single := w.Query != "" || w.Exec != ""
	switch {
	case single && len(w.Transaction) > 0:
		report("transaction", "stands beside query or exec: put all statements into it, or leave it out")
	case len(w.Transaction) > maxStatements:
		report("transaction", "%d statements are more than the %d a transaction may have", len(w.Transaction), maxStatements)
	case len(w.Transaction) == 0:
		w.validate("", report)
	}
	if len(w.Transaction) == 0 {
		for name, set := range map[string]bool{"isolation": w.Isolation != "", "readOnly": w.ReadOnly, "rollback": w.Rollback} {
			if set {
				report(name, "only counts in a transaction")
			}
		}
	}
	if !single && len(w.Transaction) > 0 {
		if len(w.Args) > 0 {
			report("args", "belong to a statement: put them into the transaction's")
		}
		if w.Rows != nil {
			report("rows", "belongs to a statement: put it into the transaction's")
		}
	}
	for i := range w.Transaction {
		w.Transaction[i].validate(fmt.Sprintf("transaction[%d].", i), report)
	}
}

func (s *Statement) validate(at string, report func(path, format string, args ...any)) {
	switch {
	case s.Query != "" && s.Exec != "":
		report(at+"exec", "a statement is a query (returns rows) or an exec (returns none), not both")
	case s.Query == "" && s.Exec == "":
		report(strings.TrimSuffix(at, "."), "give a query (a statement that returns rows) or an exec (one that returns none)")
	case strings.Contains(s.text(), "{{"):
		name := "query"
		if s.Exec != "" {
			name = "exec"
		}
		report(at+name, "must not hold {{values}}: write a parameter ($1 in PostgreSQL, ? elsewhere) and give its value in args")
	}
	if len(s.Args) > maxArgs {
		report(at+"args", "%d are more than the %d a statement may have", len(s.Args), maxArgs)
	}
	for i := range s.Args {
		if _, err := s.Args[i].compile(payload.AnyName); err != nil {
			report(fmt.Sprintf("%sargs[%d]", at, i), "%v", err)
		}
	}
}

func (s *Statement) text() string { return s.Query + s.Exec }

// arg is a parameter's value, ready to be made.
type arg struct {
	text *template.Template
	kind string
	null bool
	same any // of a text that never changes
}

func (a *Arg) compile(names template.Names) (arg, error) {
	t, err := template.Compile(a.Value, names)
	if err != nil {
		return arg{}, err
	}
	out := arg{text: t, kind: a.Type, null: a.Null}
	if t.Static() {
		if out.same, err = out.convert(a.Value); err != nil {
			return arg{}, err
		}
	}
	return out, nil
}

// value is the parameter of one request. scratch is used on the way and handed back.
func (a *arg) value(v *template.Values, scratch []byte) (any, []byte, error) {
	if a.text.Static() {
		return a.same, scratch, nil
	}
	scratch = a.text.Append(scratch[:0], v)
	made, err := a.convert(string(scratch))
	return made, scratch, err
}

// convert makes what the drivers take. Its errors do not hold the value, which may be a secret.
func (a *arg) convert(text string) (any, error) {
	if text == "" && a.null {
		return nil, nil
	}
	var made any
	var err error
	switch a.kind {
	case "int":
		made, err = strconv.ParseInt(text, 10, 64)
	case "float":
		made, err = strconv.ParseFloat(text, 64)
	case "bool":
		made, err = strconv.ParseBool(text)
	case "bytes":
		made = []byte(text)
	default:
		made = text
	}
	if err != nil {
		return nil, fmt.Errorf("the value is no %s: give it another type, or none", a.kind)
	}
	return made, nil
}
