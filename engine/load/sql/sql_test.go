package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/engine/load/protocol"
	"gameday/engine/load/servertest"
	"gameday/engine/load/template"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what must happen, on however slow a machine.
const patience = 30 * time.Second

// bench is a protocol with steps, and one worker.
type bench struct {
	t      *testing.T
	proto  *Protocol
	client protocol.Client
	values template.Values
}

func step(name string) protocol.Step {
	names := func(name string) (int, bool) { return 0, name == "id" }
	return protocol.Step{Name: name, Timeout: patience, Names: names}
}

// newBench prepares the works, whose handles are their indexes.
func newBench(t *testing.T, ctx context.Context, target string, keep int, works ...*Work) *bench {
	t.Helper()
	p, err := New(target, protocol.Options{})
	require.NoError(t, err)
	for i, w := range works {
		s := step(fmt.Sprintf("step %d", i))
		s.Keep = keep
		handle, err := p.Prepare(s, w)
		require.NoError(t, err)
		require.Equal(t, i, handle)
	}
	b := &bench{t: t, proto: p, client: p.NewClient(ctx, time.Now())}
	t.Cleanup(b.client.Close)
	b.values = template.Values{Plan: rand.New(rand.NewPCG(1, 2)), Fresh: rand.New(rand.NewPCG(3, 4)), Slots: [][]byte{[]byte("7")}}
	return b
}

func (b *bench) do(step int) protocol.Outcome {
	var out protocol.Outcome
	call := protocol.Call{Values: b.values, Request: step, Trace: signal.TraceID{1, 2}, Span: signal.SpanID{3}, Sampled: true}
	b.client.Do(&call, &out)
	b.values.N++
	require.GreaterOrEqual(b.t, out.Done, out.Start)
	if out.Err != nil {
		require.NotContains(b.t, out.Err.Error(), servertest.Password)
	}
	return out
}

// must do a step that succeeds.
func (b *bench) must(step int) protocol.Outcome {
	b.t.Helper()
	out := b.do(step)
	require.NoError(b.t, out.Err)
	require.Equal(b.t, protocol.OK, out.Kind)
	return out
}

func exec(text string, args ...string) *Work {
	w := &Work{Statement: Statement{Exec: text}}
	for _, a := range args {
		w.Args = append(w.Args, Arg{Value: a})
	}
	return w
}

func query(text string, args ...string) *Work {
	w := exec("", args...)
	w.Query = text
	return w
}

// database is a kind of server with the way it writes parameters.
type database struct {
	name  string
	start func(*testing.T) string
	slow  string // a statement that takes longer than any test
}

func databases() []database {
	return []database{
		{"postgres", func(t *testing.T) string { return servertest.Postgres(t) }, "SELECT pg_sleep(100)"},
		{"mysql", func(t *testing.T) string { return servertest.MySQL(t) }, "SELECT SLEEP(100)"},
		{"sqlite", func(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "a.db") },
			"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x < 4000000000) SELECT count(*) FROM c"},
	}
}

// params writes ? as the database wants it.
func (d *database) params(text string) string {
	for i := 1; d.name == "postgres" && strings.Contains(text, "?"); i++ {
		text = strings.Replace(text, "?", fmt.Sprintf("$%d", i), 1)
	}
	return text
}

func TestDatabases(t *testing.T) {
	for _, d := range databases() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			target := d.start(t)
			setup := newBench(t, t.Context(), target, 0, exec("CREATE TABLE item (id INTEGER PRIMARY KEY, name VARCHAR(200), price REAL)"))
			setup.must(0)
			t.Run("statements", func(t *testing.T) { statements(t, &d, target) })
			t.Run("arguments stay arguments", func(t *testing.T) { hostileArguments(t, &d, target) })
			t.Run("transactions", func(t *testing.T) { transactions(t, &d, target) })
			t.Run("failures", func(t *testing.T) { failures(t, &d, target) })
			t.Run("timeouts and ends", func(t *testing.T) { timeouts(t, &d, target) })
			t.Run("trace", func(t *testing.T) { traced(t, &d, target) })
		})
	}
}

func statements(t *testing.T, d *database, target string) {
	all := query("SELECT id, name, price FROM item ORDER BY id")
	all.Rows = &Count{Min: 2, Max: 2}
	b := newBench(t, t.Context(), target, 500,
		exec(d.params("INSERT INTO item VALUES (?, ?, ?)"), "{{n}}", "item {{text 5}}", "1.5"),
		query(d.params("SELECT name FROM item WHERE id = ?"), "{{n}}"),
		all,
		exec(d.params("UPDATE item SET name = ? WHERE id >= ?"), "new", "0"),
		exec("DELETE FROM item"))
	out := b.must(0)
	require.False(t, out.Reused)
	require.Positive(t, out.Phases.Connect)
	require.Equal(t, 1.0, out.Extra[extraAffected])
	if d.name != "sqlite" {
		require.Equal(t, uint32(1), out.Dials)
	}
	b.values.N = 0
	out = b.must(1)
	require.True(t, out.Reused)
	require.Zero(t, out.Dials)
	require.Equal(t, 1.0, out.Extra[extraRows])
	require.Equal(t, int64(len("item 12345")), out.Received)
	require.Regexp(t, `^\[\{"name":"item [0-9A-Za-z]{5}"\}\]$`, string(out.Body))
	b.must(0)
	out = b.must(2)
	require.Equal(t, 2.0, out.Extra[extraRows])
	var kept []struct {
		ID    int
		Price float64
	}
	require.NoError(t, json.Unmarshal(out.Body, &kept), string(out.Body))
	require.Len(t, kept, 2)
	require.Equal(t, 1.5, kept[1].Price)
	require.Equal(t, 2.0, b.must(3).Extra[extraAffected])
	require.Equal(t, 2.0, b.must(4).Extra[extraAffected])
	out = b.do(2)
	require.Equal(t, protocol.CheckFailed, out.Kind)
	require.EqualError(t, out.Err, "0 rows, expected 2")
	require.Equal(t, "[]", string(out.Body))
	require.True(t, b.must(4).Reused, "a check that fails is no reason to reconnect")
}

func hostileArguments(t *testing.T, d *database, target string) {
	nasty := `x'); DROP TABLE item; -- \ " $1 ? /* 世`
	for _, unprepared := range []bool{false, true} {
		insert := exec(d.params("INSERT INTO item VALUES (?, ?, ?)"), "1", "{{id}}", "")
		insert.Args[2].Null = true
		insert.Args[0].Type = "int"
		insert.Unprepared = unprepared
		find := query(d.params("SELECT name, price FROM item WHERE id = ?"), "1")
		find.Unprepared = unprepared
		b := newBench(t, t.Context(), target, 500, insert, find, exec("DELETE FROM item"))
		b.values.Slots = [][]byte{[]byte(nasty)}
		b.must(0)
		var got []map[string]any
		require.NoError(t, json.Unmarshal(b.must(1).Body, &got))
		require.Equal(t, []map[string]any{{"name": nasty, "price": nil}}, got)
		b.must(2)
	}
}

func transactions(t *testing.T, d *database, target string) {
	one := &Count{Min: 1, Max: 1}
	insert := exec(d.params("INSERT INTO item VALUES (?, 'a', 1)"), "{{n}}").Statement
	insert.Rows = one
	missing := exec("UPDATE item SET name = 'b' WHERE id = -1").Statement
	missing.Rows = one
	committed := &Work{Transaction: []Statement{insert, query("SELECT id FROM item").Statement}, Isolation: "serializable"}
	undone := &Work{Transaction: []Statement{insert}, Rollback: true}
	failed := &Work{Transaction: []Statement{insert, missing}}
	broken := &Work{Transaction: []Statement{insert, insert}}
	count := query("SELECT id FROM item")
	b := newBench(t, t.Context(), target, 0, committed, undone, failed, broken, count, exec("DELETE FROM item"))
	out := b.must(0)
	require.Equal(t, 1.0, out.Extra[extraAffected])
	require.Equal(t, 1.0, out.Extra[extraRows])
	b.must(1)
	out = b.do(2)
	require.Equal(t, protocol.CheckFailed, out.Kind)
	require.EqualError(t, out.Err, "statement 2: 0 rows, expected 1")
	out = b.do(3)
	require.Equal(t, protocol.Status4xx, out.Kind, "%v", out.Err)
	require.Regexp(t, "^SQLSTATE 23", out.Err)
	require.True(t, out.Reused)
	out = b.must(4)
	require.Equal(t, 1.0, out.Extra[extraRows], "only the first was committed")
	require.True(t, out.Reused, "what failed was rolled back, and the connection kept")
	b.must(5)
}

func failures(t *testing.T, d *database, target string) {
	badArg := query(d.params("SELECT id FROM item WHERE id = ?"), "{{id}}")
	badArg.Args[0].Type = "int"
	b := newBench(t, t.Context(), target, 0,
		query("SELECT nonsense FROM item"), query("SELECT * FROM missing"), query(d.params("SELECT id FROM item WHERE id = ?")),
		badArg, query("SELECT id FROM item"))
	b.values.Slots = [][]byte{[]byte("not a number")}
	for i := range 2 {
		out := b.do(i)
		require.Equal(t, protocol.Status4xx, out.Kind, "%v", out.Err)
		require.Regexp(t, "^SQLSTATE 42", out.Err)
	}
	out := b.do(2)
	require.Equal(t, protocol.Unsendable, out.Kind, "%v", out.Err)
	out = b.do(3)
	require.Equal(t, protocol.Unsendable, out.Kind)
	require.EqualError(t, out.Err, "statement 1: args[0]: the value is no int: give it another type, or none")
	require.True(t, b.must(4).Reused)
	if d.name == "sqlite" {
		return
	}
	u, err := url.Parse(target)
	require.NoError(t, err)
	u.User = url.UserPassword("gameday", "wrong-"+servertest.Password)
	out = newBench(t, t.Context(), u.String(), 0, query("SELECT 1")).do(0)
	require.Equal(t, protocol.Status4xx, out.Kind, "%v", out.Err)
	require.Regexp(t, "^SQLSTATE 28", out.Err)
}

func timeouts(t *testing.T, d *database, target string) {
	p, err := New(target, protocol.Options{})
	require.NoError(t, err)
	short := step("slow")
	short.Timeout = 100 * time.Millisecond
	_, err = p.Prepare(short, query(d.slow))
	require.NoError(t, err)
	_, err = p.Prepare(step("endless"), query(d.slow))
	require.NoError(t, err)
	_, err = p.Prepare(step("quick"), query("SELECT 1"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b := &bench{t: t, proto: p, client: p.NewClient(ctx, time.Now())}
	defer b.client.Close()
	b.must(2)
	out := b.do(0)
	require.Equal(t, protocol.Timeout, out.Kind, "%v", out.Err)
	require.Less(t, out.Done-out.Start, patience)
	b.must(2)
	time.AfterFunc(50*time.Millisecond, cancel)
	out = b.do(1)
	require.Equal(t, protocol.Interrupted, out.Kind)
	require.Less(t, out.Done-out.Start, patience)
	require.Equal(t, protocol.Interrupted, b.do(2).Kind)
}

func traced(t *testing.T, d *database, target string) {
	text := map[string]string{
		"postgres": "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid() AND 1 = ?",
		"mysql":    "SELECT info FROM information_schema.processlist WHERE id = CONNECTION_ID() AND 1 = ?",
	}[d.name]
	if text == "" {
		text = "SELECT id FROM item WHERE 1 = ?"
	}
	w := query(d.params(text), "1")
	w.Trace = "comment"
	b := newBench(t, t.Context(), target, 4000, w)
	out := b.must(0)
	if d.name == "sqlite" {
		return
	}
	require.Contains(t, string(out.Body), "/*correlation_id='01020000000000000000000000000000',"+
		"traceparent='00-01020000000000000000000000000000-0300000000000000-01'*/")
}

func TestTwoWorkersHaveTwoConnections(t *testing.T) {
	target := servertest.Postgres(t)
	works := []*Work{query("SELECT pg_backend_pid()"), query("SELECT pg_terminate_backend($1)", "{{id}}")}
	a, b := newBench(t, t.Context(), target, 100, works...), newBench(t, t.Context(), target, 100, works...)
	first, second := string(a.must(0).Body), string(b.must(0).Body)
	require.NotEqual(t, first, second)
	require.Equal(t, first, string(a.must(0).Body))
	// A connection that the server ends while nobody asks is found out with the next request, and replaced.
	b.values.Slots = [][]byte{[]byte(strings.Trim(first, `[]{}":_abcdefghijklmnopqrstuvwxyz`))}
	b.must(1)
	out := a.do(0)
	if out.Kind != protocol.OK { // its end came before what it was asked
		require.Equal(t, protocol.Closed, out.Kind, "%v", out.Err)
		out = a.must(0)
	}
	require.NotEqual(t, first, string(out.Body))
}

func TestConfigIsStrict(t *testing.T) {
	doc, err := spec.Parse("", []byte("query: SELECT $1\nargs: [5, {value: '{{n}}', type: int, null: true}]\nrows: '>= 1'\n"))
	require.NoError(t, err)
	var w Work
	doc.Decode(&w)
	w.Validate(doc.Reportf)
	require.NoError(t, doc.Err())
	require.Equal(t, []Arg{{Value: "5"}, {Value: "{{n}}", Type: "int", Null: true}}, w.Args)
	require.Equal(t, "at least 1", w.Rows.String())
	_, err = spec.Schema("work", &w)
	require.NoError(t, err)

	for text, want := range map[string]string{
		"{}":                                             "give a query",
		"query: SELECT 1\nexec: x":                       "not both",
		"query: SELECT {{n}}":                            "must not hold {{values}}",
		"query: SELECT 1\nisolation: sloppy":             "is not one of",
		"query: SELECT 1\nrollback: true":                "only counts in a transaction",
		"query: SELECT 1\nargs: ['{{random}}']":          "takes two whole numbers",
		"query: SELECT 1\nargs: [{value: a, type: int}]": "is no int",
		"query: SELECT 1\nrows: many":                    "is not a number of rows",
		"query: SELECT 1\nrows: '< 0'":                   "is not a number of rows",
		"query: a\ntransaction: [{query: b}]":            "stands beside",
		"transaction: [{query: a, exec: b}]":             "not both",
		"transaction: [{query: a}]\nrows: 1":             "belongs to a statement",
	} {
		doc, err := spec.Parse("", []byte(text))
		require.NoError(t, err)
		var w Work
		doc.Decode(&w)
		w.Validate(doc.Reportf)
		require.ErrorContains(t, doc.Err(), want, text)
	}
}

func TestCounts(t *testing.T) {
	for text, want := range map[string][2][]int64{
		"1":    {{1}, {0, 2}},
		"= 1":  {{1}, {0, 2}},
		"!= 0": {{1, 5}, {0}},
		">=2":  {{2, 9}, {1}},
		"> 2":  {{3}, {2}},
		"<= 2": {{0, 2}, {3}},
		"< 2":  {{0, 1}, {2}},
		"2..4": {{2, 4}, {1, 5}},
	} {
		var c Count
		require.NoError(t, c.UnmarshalScalar(text))
		for _, n := range want[0] {
			require.True(t, c.Has(n), "%s: %d", text, n)
		}
		for _, n := range want[1] {
			require.False(t, c.Has(n), "%s: %d", text, n)
		}
	}
	require.Error(t, new(Count).UnmarshalScalar(""))
	require.Error(t, new(Count).UnmarshalScalar("5..1"))
}

func TestTargetsNeverShowAPassword(t *testing.T) {
	for target, want := range map[string]string{
		"http://a:hunter2@b/":                              "must start with postgres://",
		"postgres://a:hunter2@/x":                          "has no host",
		"postgres://a:hunter2@h:99999/x":                   "",
		"postgres://a:hunter2@h/x?sslmode=sometimes":       "",
		"postgres://a:hunter2@h:port/x":                    "",
		"mysql://a:hunter2@/x":                             "has no host",
		"mysql://a:hunter2@h/x?parseTime=hunter2":          "",
		"mysql://a:hunter2@h/x?tls=hunter2":                "",
		"postgres://h/x?password=hunter2&sslmode=nonsense": "",
		"postgres://a:hunter2@h/%zz":                       "",
		"sqlite://":                                        "names no file",
	} {
		_, err := New(target, protocol.Options{})
		require.ErrorContains(t, err, want, target)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
