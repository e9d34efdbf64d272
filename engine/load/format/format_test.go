package format_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/engine/load"
	"gameday/engine/load/format"
	"gameday/engine/load/template"
	"gameday/sources/spec"
)

// Whatever stood in a file must reach the wire as it stood there.
func TestLiteralSurvivesThePlan(t *testing.T) {
	for _, text := range []string{
		"plain", "{{", "{{{", "{{{{}}}}", "${x}", "$${x}", "$$${", "{{n}}", "{{pick a}} ${env:HOME}", "a: b # c", "'\"\\", "\n\t\x01", "ü€😀", "", "yes", "007", "\u0085\u2028",
	} {
		d := &format.Draft{Target: "http://h", Name: "n", Executor: &load.Executor{Kind: load.ConstantUsers, Users: 1},
			Scenarios: []format.Scenario{{Name: "s", Steps: []format.Step{{Method: "POST", Path: "/", Body: format.Literal(text)}}}}}
		res, err := format.Finish(d, &format.Coverage{})
		require.NoError(t, err, "%q", text)
		filled, err := template.Expand(res.Plan.Scenarios[0].Steps[0].Body, func(string) (string, bool) { return "", false })
		require.NoError(t, err, "%q", text)
		compiled, err := template.Compile(filled, nil)
		require.NoError(t, err, "%q", text)
		require.Equal(t, text, string(compiled.Append(nil, &template.Values{N: 0, Plan: rng(), Fresh: rng()})), "%q", text)
	}
}

func FuzzLiteral(f *testing.F) {
	f.Add("{{{${")
	f.Fuzz(func(t *testing.T, text string) {
		filled, err := template.Expand(format.Literal(text), func(string) (string, bool) { return "", false })
		require.NoError(t, err)
		compiled, err := template.Compile(filled, nil)
		require.NoError(t, err)
		require.Equal(t, text, string(compiled.Append(nil, &template.Values{N: 0, Plan: rng(), Fresh: rng()})))
	})
}

func TestCoverageCountsAndSorts(t *testing.T) {
	c := &format.Coverage{}
	c.Add("script", "plan/a", format.NotConverted, "scripts are not run")
	c.Add("request", "plan/b", format.Converted, "")
	c.Add("script", "plan/c", format.NotConverted, "scripts are not run")
	c.Add("evil\x1b[31m", "plan\x1b]0;x\a", format.Skipped, "a\nb")
	table := c.String()
	require.Regexp(t, `(?s)request .*script +not converted +2  plan/a: scripts are not run`, table)
	require.Contains(t, table, "1 converted, 0 approximated, 2 not converted, 1 skipped")
	require.NotContains(t, table, "\x1b")
	for range 2_000 {
		c.Add(strings.Repeat("x", 1+len(c.Items())), "p", format.NotConverted, "")
	}
	require.Equal(t, 2_002, c.Count(format.NotConverted), "rows that are not shown count")
}

func TestNothingToRunIsAnError(t *testing.T) {
	c := &format.Coverage{}
	c.Add("script", "plan/a", format.NotConverted, "scripts are not run")
	_, err := format.Finish(&format.Draft{Target: "http://h"}, c)
	require.ErrorContains(t, err, "scripts are not run", "the table says why")
}

func TestSecretsBecomeTheEnvironments(t *testing.T) {
	c := &format.Coverage{}
	list := format.SetHeader(nil, "Authorization", "Bearer topsecret", "x", c)
	require.Equal(t, []format.Pair{{Name: "Authorization", Value: "${env:LOAD_AUTHORIZATION}"}}, list)
	require.NotContains(t, c.String(), "topsecret")
	list = format.SetHeader(list, "traceparent", "00-1", "x", c)
	list = format.SetHeader(list, "bad name", "1", "x", c)
	require.Len(t, list, 1)
	require.Equal(t, 1, c.Count(format.NotConverted))
}

func TestYAMLIsWhatParsePlanReads(t *testing.T) {
	d := &format.Draft{
		From: "x\ny", Name: "a: b", Title: "t", Target: "http://h", Vars: []format.Pair{{Name: "on", Value: "true"}},
		Scenarios: []format.Scenario{
			{Name: "s", Mix: true, Executor: &load.Executor{Kind: load.RampingRate, Rate: 2.5, Spacing: "poisson", MaxConnections: 3, Stages: []load.Stage{{To: 5}, {To: 0.25, For: 1500_000_000}}},
				Steps: []format.Step{{Name: "a", Path: "/a", Weight: 2, Status: []string{"2xx", "304"}}, {Name: "a", Path: "/b", Think: load.ThinkTime{Mean: 5, Deviation: 1}}}},
			{Name: "s", Weight: 2, Executor: &load.Executor{Kind: load.ConstantUsers, Users: 2}, Steps: []format.Step{{Path: "/"}}},
		},
	}
	res, err := format.Finish(d, &format.Coverage{})
	require.NoError(t, err)
	p := res.Plan
	require.Equal(t, "a: b", p.Metadata.Name)
	require.Equal(t, map[string]string{"on": "true"}, p.Vars)
	require.Equal(t, []load.Stage{{To: 5}, {To: 0.25, For: 1500_000_000}}, p.Scenarios[0].Executor.Stages)
	require.Equal(t, "a #2", p.Scenarios[0].Mix[1].Name)
	require.Equal(t, "s #2", p.Scenarios[1].Name)
	require.True(t, p.Scenarios[0].Mix[0].Check.Status.Has(304))
	again, err := spec.Parse("", res.YAML)
	require.NoError(t, err)
	_, err = load.ParsePlan(again)
	require.NoError(t, err)
}
