package jmx

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/engine/load"
	"gameday/engine/load/format"
)

const corpus = "../../../../testdata/load/formats/"

// site is a target that lets users in and remembers what they asked for.
type site struct {
	mu   sync.Mutex
	seen []string
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)           // what is cut off is not equal
	form, _ := url.ParseQuery(string(body)) // likewise
	s.mu.Lock()
	line := strings.TrimSpace(r.Method + " " + r.URL.RequestURI() + " " + string(body))
	if a := r.Header.Get("Authorization"); a != "" {
		line += " " + a
	}
	if c, err := r.Cookie("sid"); err == nil {
		line += " sid=" + c.Value
	}
	s.seen = append(s.seen, line)
	s.mu.Unlock()
	switch r.URL.Path {
	case "/login":
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s1", Path: "/"})
		w.Header().Set("X-Request", "req-77;x")
		_ = json.NewEncoder(w).Encode(map[string]any{"token": "t-" + form.Get("user"), "items": []map[string]any{{"id": 11}, {"id": 12}}})
	case "/page":
		fmt.Fprint(w, `<html><body><form><input name="csrf" value="c-1"></form><p>left[[mid]]right</p></body></html>`)
	case "/state":
		fmt.Fprint(w, `{"state":"open"}`)
	case "/broken":
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(corpus + name)
	require.NoError(t, err)
	return data
}

func TestAPlanLogsInExtractsLoopsAndAsserts(t *testing.T) {
	for _, engine := range []load.Engine{load.EngineGoroutine, load.EngineAuto} {
		s := &site{}
		srv := httptest.NewServer(s)
		defer srv.Close()
		res, err := Convert(read(t, "journey.jmx"), Options{Target: srv.URL})
		require.NoError(t, err)
		require.Zero(t, res.Coverage.Count(format.NotConverted), res.Coverage)
		res.Plan.In(corpus)
		run, err := load.Start(t.Context(), res.Plan, load.Options{Target: srv.URL, Engine: engine})
		require.NoError(t, err, "%s", res.YAML)
		out := run.Wait()
		s.mu.Lock()
		seen := slices.Clone(s.seen)
		s.mu.Unlock()
		once := []string{
			"POST /login user=ann&pass=p%26w",
			"GET /page?from=req-77 Bearer t-ann sid=s1",
		}
		round := func(user string) []string {
			return []string{
				"GET /item/11?u=" + user + "&note=a+b Bearer t-ann sid=s1",
				"GET /item/11?u=" + user + "&note=a+b Bearer t-ann sid=s1",
				`PUT /cart {"csrf":"c-1","mid":"mid","last":"12"} Bearer t-ann sid=s1`,
				"GET /state Bearer t-ann sid=s1",
				"GET /is-open Bearer t-ann sid=s1",
				"GET /broken Bearer t-ann sid=s1",
				"GET /after-failure Bearer t-ann sid=s1",
			}
		}
		require.Equal(t, slices.Concat(once, round("ann"), round("bob")), seen, "%s", res.YAML)
		require.Equal(t, uint64(len(seen)), out.Total.Done)
		require.Equal(t, uint64(4), out.Total.Failed, "in each round the broken page, and the state that is not closed: %+v", out.Errors)
		groups := 0
		for _, st := range out.Steps {
			if st.Group {
				groups++
				require.Equal(t, "Journey", st.Name)
				require.Equal(t, uint64(2), st.Done)
			}
		}
		require.Equal(t, 1, groups)
	}
}

// Whatever an element of the corpus is, it is in the table, and the plan is one that runs.
func TestCorpus(t *testing.T) {
	for name, want := range map[string][]string{
		"controllers.jmx": {"RandomOrderController  converted", "InterleaveControl      converted", "SwitchController       converted", "ForeachController      not converted"},
		"scripts.jmx":     {"JSR223PreProcessor", "scripts are not run", "function __groovy", "JMESPathExtractor", "JMESPath is not understood"},
		"data.jmx":        {"CSVDataSet", "CounterConfig", "UserParameters", "RandomVariableConfig", "function __time"},
		"pace.jmx":        {"ConstantThroughputTimer", "SetupThreadGroup", "nothing runs before"},
	} {
		res, err := Convert(read(t, name), Options{})
		require.NoError(t, err, name)
		table := strings.Join(strings.Fields(res.Coverage.String()), " ")
		for _, w := range want {
			require.Contains(t, table, strings.Join(strings.Fields(w), " "), name)
		}
	}
}

func TestData(t *testing.T) {
	res, err := Convert(read(t, "data.jmx"), Options{})
	require.NoError(t, err)
	p := res.Plan
	require.Len(t, p.Feeds, 2)
	require.Equal(t, []string{"user_", "mail"}, p.Feeds[0].Columns, "{{user}} is a value of its own")
	require.True(t, p.Feeds[0].SkipFirst && p.Feeds[0].Plain)
	require.Equal(t, []any{"tab", "stop"}, []any{p.Feeds[0].Delimiter, p.Feeds[0].AtEnd})
	require.Equal(t, "user", p.Feeds[1].Per)
	require.Equal(t, "green", p.Feeds[1].Rows[1]["colour"])
	sc := p.Scenarios[0]
	require.Equal(t, load.UserIterations, sc.Executor.Kind)
	require.Equal(t, "end-iteration", sc.OnFailure)
	require.Equal(t, map[string]string{"no": "{{count 10 2 20}}", "dice": "D-{{random 1 6}}"}, sc.Steps[1].Set)
	last := sc.Steps[len(sc.Steps)-1]
	require.Equal(t, "/{{user_}}/{{no}}?at={{time}}&c={{url colour}}", last.Path)
	require.Equal(t, "avatar.png", last.Multipart[1].File)
}

func TestConditions(t *testing.T) {
	c := &converter{cov: &format.Coverage{}, draft: &format.Draft{}, vars: map[string]string{"mode": "full"}, live: map[string]string{"x": "x", "n": "n_"}}
	text := func(s string) *string { return &s }
	number := func(v float64) *float64 { return &v }
	for in, want := range map[string]load.Condition{
		`"${x}" == "y"`:                              {Value: "{{x}}", Equals: text("y")},
		`${__jexl3("${x}" == "y",)}`:                 {Value: "{{x}}", Equals: text("y")},
		`${__jexl3("y" != "${x}")}`:                  {Value: "{{x}}", Equals: text("y"), Not: true},
		`${__groovy(vars.get("x") == 'a b')}`:        {Value: "{{x}}", Equals: text("a b")},
		`${__groovy("${x}".contains("err"))}`:        {Value: "{{x}}", Contains: "err"},
		`${__groovy(!"${x}".equals(""))}`:            {Value: "{{x}}", Equals: text(""), Not: true},
		`${n} >= 5`:                                  {Value: "{{n_}}", Below: number(5), Not: true},
		`5 < ${n}`:                                   {Value: "{{n_}}", Above: number(5)},
		`${n} eq 7`:                                  {Value: "{{n_}}", Equals: text("7")},
		`${JMeterThread.last_sample_ok}`:             {Value: "{{lastok}}", Equals: text("true")},
		`!${JMeterThread.last_sample_ok}`:            {Value: "{{lastok}}", Equals: text("true"), Not: true},
		`${__jexl3(${JMeterThread.last_sample_ok})}`: {Value: "{{lastok}}", Equals: text("true")},
		`"${x}" == "${mode}"`:                        {Value: "{{x}}", Equals: text("full")},
		`"${mode}" == "full"`:                        {Value: "${mode}", Equals: text("full")},
		`"${x}" =~ "a|b"`:                            {Value: "{{x}}", Matches: "^(?:a|b)$"},
	} {
		got, ok := c.conditions(in)
		require.True(t, ok, in)
		require.Equal(t, []load.Condition{want}, got, in)
	}
	got, ok := c.conditions(`${__jexl3("${x}" == "a" && ${n} > 3)}`)
	require.True(t, ok)
	require.Len(t, got, 2)
	for _, in := range []string{`${__groovy(new Date() > 5)}`, `"${x}" == "${n}"`, `"${x}"=="a" || "${x}"=="b"`, `${unknown}`, ``, `foo()`, `${x} > abc`, `${__Random(1,2)} == 1`} {
		_, ok := c.conditions(in)
		require.False(t, ok, in)
	}
}

func TestOnlyGroup(t *testing.T) {
	for in, want := range map[string]string{`a(b)(c)`: `a(?:b)(c)`, `\((x)[(]((y))`: `\((?:x)[(]((?:y))`, `(?i)(a)(b)`: `(?i)(?:a)(b)`} {
		require.Equal(t, want, onlyGroup(in, 2))
	}
	require.Equal(t, "(?:a)", onlyGroup("(a)", 0))
}
