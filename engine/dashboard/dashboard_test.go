package dashboard_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/dashboard"
	"gameday/sources/driver"
	"gameday/sources/metrics"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

func read(t testing.TB, file string) (*dashboard.Dashboard, *spec.Coverage) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	d, cover, err := dashboard.Read(file, "name", data)
	require.NoError(t, err)
	return d, cover
}

func find(t testing.TB, d *dashboard.Dashboard, title string) *dashboard.Panel {
	t.Helper()
	for _, p := range d.Panels() {
		if p.Title == title {
			return p
		}
	}
	require.Failf(t, "no such panel", "%s", title)
	return nil
}

// TestWhatIsImportedIsReadBack: whatever becomes of Grafana's JSON is a document of gameday's own that says the same.
func TestWhatIsImportedIsReadBack(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	require.Len(t, files, 4)
	for _, file := range files {
		d, _ := read(t, file)
		again, err := dashboard.Parse("again.yaml", d.YAML())
		require.NoError(t, err, "%s\n%s", file, d.YAML())
		require.Equal(t, d, again, file)
	}
}

func TestADashboardOfToday(t *testing.T) {
	d, cover := read(t, "testdata/red.json")
	require.Equal(t, "red-by-service", d.Metadata.Name)
	require.Equal(t, []string{"Overview", "Details"}, []string{d.Rows[0].Title, d.Rows[1].Title})
	require.Equal(t, "Errors", d.Rows[0].Panels[0].Title, "panels come by their place, not by the file's order")
	p := find(t, d, "Rate of $service")
	require.Equal(t, "timeseries", p.Type)
	require.Equal(t, "reqps", p.Unit)
	require.True(t, p.Log)
	require.Len(t, p.Targets, 1, "hidden queries are not asked")
	require.Equal(t, "$datasource", p.Targets[0].Source)
	require.Len(t, p.Thresholds, 2)
	e := find(t, d, "Errors")
	require.Equal(t, "mean", e.Reduce)
	require.Equal(t, 2, *e.Decimals)
	require.Equal(t, []string{"good", "warning", "bad"}, []string{e.Thresholds[0].Level, e.Thresholds[1].Level, e.Thresholds[2].Level})
	require.Empty(t, e.Targets[0].Source, "an input is the session's own source")
	require.Equal(t, "nodeGraph", find(t, d, "Map").Foreign)
	require.Equal(t, "unknown", find(t, d, "SQL").Type)
	table := cover.String()
	for _, want := range []string{"nodeGraph panel", "a query is for mysql", "transformations", "overrides for single series", "stacking", "adhoc variable", "annotation query"} {
		require.Contains(t, table, want)
	}
	require.Equal(t, 1, strings.Count(table, "annotation query"), "Grafana's own is none")
}

func TestADashboardOfOldTimes(t *testing.T) {
	d, cover := read(t, "testdata/go-processes.json")
	p := find(t, d, "memory")
	require.Equal(t, "bytes", p.Unit)
	require.True(t, p.Log)
	require.InDelta(t, 0, *p.Min, 0)
	require.Equal(t, 12, p.Width, "half of twelve spans")
	require.Equal(t, "bad", p.Thresholds[0].Level)
	s := find(t, d, "fds")
	require.Equal(t, "stat", s.Type)
	require.Equal(t, []string{"good", "warning", "bad"}, []string{s.Thresholds[0].Level, s.Thresholds[1].Level, s.Thresholds[2].Level})
	g := find(t, d, "busy")
	require.Equal(t, "gauge", g.Type)
	require.Equal(t, "mean", g.Reduce)
	require.InDelta(t, 100, *g.Max, 0)
	require.Empty(t, d.Rows[1].Title)
	require.Contains(t, cover.String(), "row repeated for each value")
	require.Contains(t, cover.String(), "alertlist panel")
}

func TestALargeDashboard(t *testing.T) {
	d, cover := read(t, "testdata/node.json")
	require.Len(t, d.Panels(), 3+48)
	require.Zero(t, cover.Count(spec.NotConverted))
}

func TestFaultsInADocumentAreReportedAtOnce(t *testing.T) {
	_, err := dashboard.Parse("d.yaml", []byte(`apiVersion: gameday/v1
kind: Dashboard
metadata: {name: x}
variables:
- {name: 1a, type: custom, values: [a]}
- {name: a, type: query, query: "label_values($b)", regex: "("}
- {name: b, type: query, query: "label_values(up, $a)"}
rows:
- panels:
  - {type: pie, targets: [{expr: up}]}
  - {title: empty, width: 25}
`))
	for _, want := range []string{"1a", "regular expression", "stands in itself", "pie", "no query", "25"} {
		require.ErrorContains(t, err, want)
	}
}

func TestTheSchemaIsWellFormed(t *testing.T) {
	out, err := dashboard.Schema()
	require.NoError(t, err)
	require.Contains(t, string(out), `"legend"`)
}

func span() dashboard.Span {
	to := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return dashboard.Span{From: to.Add(-time.Hour), To: to, Step: 15 * time.Second, Scrape: 15 * time.Second}
}

func TestExpand(t *testing.T) {
	values := dashboard.Values{
		"one":  {Values: []string{`a.b"c`}, Texts: []string{"One"}},
		"re":   {Values: []string{"a.b"}, Texts: []string{"a.b"}, Many: true},
		"many": {Values: []string{"x+y", "z"}, Texts: []string{"X", "Z"}, Many: true},
		"all":  {Values: []string{".*"}, Texts: []string{"All"}, Many: true, Raw: true},
	}
	for text, want := range map[string]string{
		`up{a="$one"}`:                        `up{a="a.b\"c"}`,
		`up{a=~"$re"}`:                        `up{a=~"a\\.b"}`,
		`up{a=~"${many}"}`:                    `up{a=~"(x\\+y|z)"}`,
		`up{a=~"[[all]]"}`:                    `up{a=~".*"}`,
		`${many:regex} ${many:pipe}`:          `(x\+y|z) x+y|z`,
		`${many:csv} ${many:raw}`:             `x+y,z x+y,z`,
		`${many:json} ${many:glob}`:           `["x+y","z"] {x+y,z}`,
		`${many:distributed}`:                 `x+y,many=z`,
		`${many:text} ${all:text}`:            `X + Z All`,
		`${many:singlequote}`:                 `'x+y','z'`,
		`${many:doublequote}`:                 `"x+y","z"`,
		`${many:queryparam}`:                  `var-many=x%2By&var-many=z`,
		`${many:lucene}`:                      `("x+y" OR "z")`,
		`${many:percentencode}`:               `x+y%2Cz`,
		`${many:join:;}`:                      `x+y;z`,
		`[[many:pipe]]`:                       `x+y|z`,
		`rate(x[$__rate_interval])`:           `rate(x[1m])`,
		`rate(x[$__interval])`:                `rate(x[15s])`,
		`[${__range}] [$__range_s]`:           `[1h] [3600]`,
		`$__interval_ms`:                      `15000`,
		`${__from:date}`:                      `2026-03-01T11:00:00.000Z`,
		`$unknown ${unknown:csv} $ [[x y`:     `$unknown ${unknown:csv} $ [[x y`,
		`label_replace(a, "b", "$1", "", "")`: `label_replace(a, "b", "$1", "", "")`,
	} {
		require.Equal(t, want, dashboard.Expand(text, values, span()), text)
	}
}

// memory answers from an embedded database.
type memory struct{ db *metrics.DB }

func (m memory) Metrics(string) (driver.Metrics, error) { return m.db, nil }
func (m memory) Words(ctx context.Context, _ string, kind driver.WordKind, of, prefix string, limit int) ([]string, error) {
	return m.db.Complete(ctx, kind, of, prefix, limit)
}
func (m memory) Logs(_ context.Context, query string, w signal.Window, _ int) ([]signal.Record, error) {
	return []signal.Record{{Time: w.To, Body: query}}, nil
}
func (m memory) Describe(_ context.Context, _, metric string) string { return metric + ": counter" }
func (m memory) Sources() []string                                   { return []string{"prod", "test"} }

func filled(t testing.TB, to time.Time) memory {
	t.Helper()
	db, err := metrics.Open(metrics.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	var points []signal.MetricPoint
	add := func(at time.Time, v float64, name string, kv ...string) {
		p := signal.MetricPoint{Name: name, T: at, V: v}
		for i := 0; i < len(kv); i += 2 {
			p.Labels = append(p.Labels, signal.Attr{Key: kv[i], Value: kv[i+1]})
		}
		points = append(points, p)
	}
	for i := range 61 {
		at := to.Add(time.Duration(i-60) * time.Second)
		for n, svc := range []string{"cart", "pay.eu"} {
			add(at, float64(i*(n+1)), "http_requests_total", "ns", "prod", "service", svc)
			add(at, float64(2*i), "latency_bucket", "le", "0.1", "service", svc)
			add(at, float64(5*i), "latency_bucket", "le", "+Inf", "service", svc)
		}
		add(at, 1, "http_requests_total", "ns", "test", "service", "lab")
	}
	require.NoError(t, db.Append(t.Context(), points))
	return memory{db}
}

const live = `apiVersion: gameday/v1
kind: Dashboard
metadata: {name: x, title: X}
variables:
- {name: service, type: query, query: 'label_values(http_requests_total{ns="$ns"}, service)', multi: true, includeAll: true, sort: desc}
- {name: ns, type: query, query: label_values(ns), default: [prod]}
- {name: names, type: query, query: metrics(_total$)}
- {name: result, type: query, query: 'query_result(count(http_requests_total{ns="$ns"}))', regex: '/.* (\d+) \d+/'}
- {name: ds, type: datasource, regex: ^p}
rows:
- panels:
  - {title: rate of $service, targets: [{expr: 'sum by (service) (rate(http_requests_total{service=~"$service"}[10s]))', legend: "{{service}} in $ns"}]}
  - {title: heat, type: heatmap, targets: [{expr: 'sum by (le) (increase(latency_bucket[10s]))'}]}
  - {title: table, type: table, targets: [{expr: 'http_requests_total{ns="$ns"}'}]}
  - {title: logs, type: logs, targets: [{expr: '{service=~"$service"}'}]}
  - {title: bad, targets: [{expr: 'sum(('}]}
`

func TestVariablesFollowEachOther(t *testing.T) {
	to := time.Now().Truncate(time.Second)
	ask := filled(t, to)
	d, err := dashboard.Parse("x.yaml", []byte(live))
	require.NoError(t, err)
	s := dashboard.Span{From: to.Add(-30 * time.Second), To: to, Step: time.Second, Scrape: time.Second}
	vars, values := d.Resolve(t.Context(), ask, nil, s)
	for _, v := range vars {
		require.Empty(t, v.Err, v.Name)
	}
	require.Equal(t, []signal.BoardOption{{Text: "pay.eu", Value: "pay.eu"}, {Text: "cart", Value: "cart"}}, vars[0].Options)
	require.Equal(t, []string{dashboard.All}, vars[0].Chosen)
	require.Equal(t, []string{"pay.eu", "cart"}, values["service"].Values)
	require.Equal(t, []string{"http_requests_total"}, values["names"].Values)
	require.Equal(t, []string{"2"}, values["result"].Values)
	require.Equal(t, []string{"prod"}, values["ds"].Values)
	vars, _ = d.Resolve(t.Context(), ask, map[string][]string{"ns": {"test"}, "service": {"cart"}}, s)
	require.Equal(t, []signal.BoardOption{{Text: "lab", Value: "lab"}}, vars[0].Options, "the other one was chosen before")
	require.Equal(t, []string{dashboard.All}, vars[0].Chosen, "what cannot be chosen any more is not")
}

func TestPanelsAreEvaluated(t *testing.T) {
	to := time.Now().Truncate(time.Second)
	ask := filled(t, to)
	d, err := dashboard.Parse("x.yaml", []byte(live))
	require.NoError(t, err)
	s := dashboard.Span{From: to.Add(-30 * time.Second), To: to, Step: time.Second, Scrape: time.Second}
	_, values := d.Resolve(t.Context(), ask, map[string][]string{"service": {"pay.eu"}}, s)
	all := d.Panels()
	p := all[0].Evaluate(t.Context(), ask, 0, values, s)
	require.Equal(t, "rate of pay.eu", p.Title)
	require.Len(t, p.Series, 1)
	require.Equal(t, "pay.eu in prod", p.Series[0].Name)
	require.InDelta(t, 2, p.Values[0], 0.01)
	heat := all[1].Evaluate(t.Context(), ask, 1, values, s)
	require.Equal(t, []string{"0.1", "+Inf"}, []string{heat.Series[0].Name, heat.Series[1].Name})
	require.InDelta(t, 60, heat.Values[1], 0.01, "what fell in between, not what is below")
	table := all[2].Evaluate(t.Context(), ask, 2, values, s)
	require.Len(t, table.Values, 2)
	logs := all[3].Evaluate(t.Context(), ask, 3, values, s)
	require.Equal(t, `{service=~"pay\\.eu"}`, logs.Records[0].Body)
	bad := all[4].Evaluate(t.Context(), ask, 4, values, s)
	require.Contains(t, bad.Err, "sum((")
}

func TestComplete(t *testing.T) {
	ask := filled(t, time.Now())
	for text, want := range map[string][]string{
		"http_":                                     {"http_requests_total"},
		"sum(rate(lat":                              {"latency_bucket"},
		"http_requests_total{s":                     {"service"},
		`http_requests_total{ns="prod", s`:          {"service"},
		`http_requests_total{ns="p`:                 {"prod"},
		`http_requests_total{le="`:                  nil, // a label of another metric
		`latency_bucket{le="`:                       {"+Inf", "0.1"},
		`sum by (serv`:                              {"service"},
		`rate(http_requests_total[5m]) / up{ns=~"t`: nil, // a value of another metric
		`rate({ns=~"t`:                              {"test"},
		`histogram_q`:                               {"histogram_quantile"},
		`rate(x[5`:                                  nil,
		`label_replace(x, "ht`:                      nil,
	} {
		w, err := dashboard.Complete(t.Context(), ask, "", text)
		require.NoError(t, err)
		require.Equal(t, want, w.List, text)
		require.Equal(t, strings.Contains(text, "http_requests_total{"), w.Says == "http_requests_total: counter", "%s: %s", text, w.Says)
		if want != nil {
			require.True(t, strings.HasPrefix(want[0], text[w.From:]), text)
		}
	}
}

// FuzzRead: whatever a file holds, it is read or refused, and what is read of Grafana's is a document that can be read again.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(f, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte(live))
	f.Add([]byte(`{"title":"\u0007","panels":[{"type":"stat","targets":[{"expr":"a\n\tb"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, _, err := dashboard.Read("f", "f", data)
		if err != nil {
			return
		}
		again, err := dashboard.Parse("again", d.YAML())
		require.NoError(t, err, "%s", d.YAML())
		require.Equal(t, d.YAML(), again.YAML())
	})
}

func FuzzExpandAndComplete(f *testing.F) {
	f.Add(`sum by (x) (rate(a{b=~"$c", d="${e:regex}"}[$__interval]))`)
	f.Fuzz(func(t *testing.T, text string) {
		dashboard.Expand(text, dashboard.Values{"c": {Values: []string{"x"}}}, span())
		w, err := dashboard.Complete(t.Context(), none{}, "", text)
		require.NoError(t, err)
		require.LessOrEqual(t, w.From, len(text))
	})
}

type none struct{ memory }

func (none) Words(context.Context, string, driver.WordKind, string, string, int) ([]string, error) {
	return nil, nil
}
