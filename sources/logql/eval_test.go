package logql

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

func at(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }

// figures writes series as text: labels and the values of each step, - for none.
func figures(series []signal.Series, from time.Time, step time.Duration, n int) string {
	var out []string
	for _, s := range series {
		cells := slices.Repeat([]string{"-"}, n)
		for _, p := range s.Samples {
			if !math.IsNaN(p.V) {
				cells[int(p.T.Sub(from)/step)] = fmt.Sprint(p.V)
			}
		}
		out = append(out, s.Labels.String()+" "+strings.Join(cells, " "))
	}
	return strings.Join(out, "\n")
}

func TestMetricQueries(t *testing.T) {
	var records []*signal.Record
	add := func(s float64, service, body string) {
		records = append(records, &signal.Record{Time: at(s), Service: service, Body: body, TraceID: signal.TraceID{byte(len(records) + 1)}})
	}
	add(0, "cart", "aa")
	add(10, "cart", `code=1 bbb`)
	add(10, "pay", "c")
	add(20, "pay", "dddd")
	add(21, "pay", "code=2")
	add(60, "cart", "late")
	slices.Reverse(records) // their order does not matter
	for text, want := range map[string]string{
		`count_over_time({}[10s])`:                                       "{service=\"cart\"} 1 1 - - - - 1\n{service=\"pay\"} - 1 1 1 - - -",
		`rate({service="pay"}[20s])`:                                     `{service="pay"} - 0.05 0.1 0.1 0.05 - -`,
		`bytes_over_time({service="cart"}[10s])`:                         `{service="cart"} 2 10 - - - - 4`,
		`bytes_rate({service="cart"}[10s])`:                              `{service="cart"} 0.2 1 - - - - 0.4`,
		`sum(count_over_time({}[10s]))`:                                  `{} 1 2 1 1 - - 1`,
		`sum by (service) (count_over_time({} |= "c" [1m]))`:             "{service=\"cart\"} - 1 1 1 1 1 1\n{service=\"pay\"} - 1 1 2 2 2 2",
		`sum(count_over_time({}[10s])) by (service, nope)`:               "{service=\"cart\"} 1 1 - - - - 1\n{service=\"pay\"} - 1 1 1 - - -",
		`sum without (service) (count_over_time({}[10s]))`:               `{} 1 2 1 1 - - 1`,
		`count(count_over_time({}[10s]))`:                                `{} 1 2 1 1 - - 1`,
		`max(count_over_time({}[20s]))`:                                  `{} 1 2 2 2 1 - 1`,
		`min by (x) (count_over_time({}[20s]))`:                          `{} 1 1 1 2 1 - 1`,
		`avg(count_over_time({}[20s]))`:                                  `{} 1 1.5 1.5 2 1 - 1`,
		`topk(1, count_over_time({}[1m]))`:                               "{service=\"cart\"} 1 2 2 - - - -\n{service=\"pay\"} - - - 3 3 3 3",
		`bottomk(1, count_over_time({}[10s]))`:                           "{service=\"cart\"} 1 1 - - - - 1\n{service=\"pay\"} - - 1 1 - - -",
		`count_over_time({}[10s] offset 10s)`:                            "{service=\"cart\"} - 1 1 - - - -\n{service=\"pay\"} - - 1 1 1 - -",
		`sum(count_over_time({}[10s])) * 2 + 1`:                          `{} 3 5 3 3 - - 3`,
		`10 - sum(count_over_time({}[10s]))`:                             `{} 9 8 9 9 - - 9`,
		`sum(count_over_time({}[10s])) > 1`:                              `{} - 2 - - - - -`,
		`sum(count_over_time({}[10s])) > bool 1`:                         `{} 0 1 0 0 - - 0`,
		`sum(count_over_time({}[10s])) ^ 2 ^ 1 % (7 - 4)`:                `{} 1 1 1 1 - - 1`,
		`sum by (code) (count_over_time({} | logfmt | code != "" [1m]))`: "{code=\"1\"} - 1 1 1 1 1 1\n{code=\"2\"} - - - 1 1 1 1",
		`sum by (trace_id) (count_over_time({} |= "late" [1m]))`:         `{trace_id="06000000000000000000000000000000"} - - - - - - 1`,
		`count_over_time({service="nope"}[1m])`:                          ``,
		`count_over_time({service="pay"}[10s] |= "d")`:                   `{service="pay"} - - 1 1 - - -`,
	} {
		q, err := Parse(text)
		require.NoError(t, err, text)
		require.True(t, q.IsMetric())
		got, err := q.Eval(slices.Values(records), signal.Window{From: t0, To: at(60)}, 10*time.Second)
		require.NoError(t, err, text)
		require.Equal(t, want, figures(got, t0, 10*time.Second, 7), text)
	}
}

func TestWhatCannotBeEvaluated(t *testing.T) {
	eval := func(text string, w signal.Window, step time.Duration, records ...*signal.Record) error {
		q, err := Parse(text)
		require.NoError(t, err, text)
		_, err = q.Eval(slices.Values(records), w, step)
		return err
	}
	w := signal.Window{From: t0, To: at(60)}
	require.ErrorContains(t, eval(`{}`, w, time.Second), "count_over_time")
	require.ErrorContains(t, eval(`rate({}[1m])`, signal.Window{From: at(60), To: t0}, time.Second), "before it begins")
	require.ErrorContains(t, eval(`rate({}[1m])`, w, time.Millisecond), "more than 11000 steps")
	require.ErrorContains(t, eval(`rate({} | json [1m])`, w, time.Second, rec("no json")), `__error__=""`)
	require.NoError(t, eval(`rate({} | json | __error__="" [1m])`, w, time.Second, rec("no json")))
	var many []*signal.Record
	for i := range maxSeries + 1 {
		many = append(many, rec("x", "id", fmt.Sprint(i)))
	}
	require.ErrorContains(t, eval(`rate({}[1m])`, w, time.Minute, many...), "sum by (service)")
	require.NoError(t, eval(`sum by (service) (rate({}[1m]))`, w, time.Minute, many...))
}

// Parsing and running never panics or hangs, and what was parsed once parses again.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{`{service="payment", a!~"b.*"} |= "x" or "y" | json | status >= 500 and (a="b" or c > 5ms), d < 1MB`,
		`sum by (a) (rate({} | logfmt --strict a, b="c" [5m] offset 1m)) * 2 > bool 1`, `topk(2, bytes_rate({}[1m] | json a="b[0].c"))`,
		"{} | regexp `(?P<x>.)` | line_format `{{.x | replace \"a\" \"b\"}}` | label_format a=b, c=\"{{.d}}\" | drop a, b=\"c\" | keep x", `{} # c`, `{`, `"`} {
		f.Add(s, `{"status":502,"a":{"b":[1,{"c":"d"}]},"took":"5ms"} a=b c="d\"" x`)
	}
	f.Fuzz(func(t *testing.T, text, body string) {
		q, err := Parse(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n") {
				t.Fatalf("more than one line: %q", err)
			}
			return
		}
		if _, err := Parse(q.String()); err != nil {
			t.Fatalf("%q parses only once: %v", text, err)
		}
		r := rec(body, "a.b", body, "a", "1")
		if q.IsMetric() {
			_, _ = q.Eval(slices.Values([]*signal.Record{r, r}), signal.Window{From: t0, To: at(5)}, time.Second) // an error is as good as an answer
			return
		}
		m := q.Matcher()
		line, ok := m.Process(r)
		m.Labels()
		again, same := m.Process(r)
		if line != again || ok != same {
			t.Fatalf("%q keeps something of the record before", text)
		}
		if early := m.Early(r) && m.Match(r); early != ok {
			t.Fatalf("%q: early and late say %v, the whole says %v", text, early, ok)
		}
	})
}
