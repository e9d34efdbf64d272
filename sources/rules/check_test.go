package rules_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"gameday/sources/rules"
)

// group puts rules into a file.
func group(rules string) string {
	return "groups:\n- name: g\n  rules:\n" + rules
}

// files are good and bad rule files: the content, and what is said of a bad one, with its place.
var files = map[string]struct{ text, want string }{
	"empty":                    {"", ""},
	"no groups":                {"groups: []\n", ""},
	"recording":                {group("  - record: a:b\n    expr: sum(x)\n"), ""},
	"recording with labels":    {group("  - record: a\n    expr: x\n    labels: {team: shop}\n"), ""},
	"alerting":                 {group("  - alert: A\n    expr: x > 1\n    for: 5m\n    labels: {severity: page}\n    annotations: {summary: '{{ $labels.service }} is at {{ $value | humanize }}'}\n"), ""},
	"keep firing":              {group("  - alert: A\n    expr: x\n    keep_firing_for: 1m\n"), ""},
	"interval and limit":       {"groups:\n- name: g\n  interval: 30s\n  limit: 10\n  rules:\n  - record: a\n    expr: x\n", ""},
	"two groups":               {"groups:\n- name: a\n- name: b\n", ""},
	"the same rule twice":      {group("  - record: a\n    expr: x\n  - record: a\n    expr: y\n"), ""},
	"an alias":                 {"groups:\n- name: g\n  rules:\n  - &r {record: a, expr: x}\n  - *r\n", ""},
	"a query template":         {group("  - alert: A\n    expr: x\n    annotations: {d: '{{ range query \"up\" }}{{ .Value }}{{ end }}'}\n"), ""},
	"not YAML":                 {"groups: [\n", ":1"},
	"a tab":                    {"groups:\n\t- name: g\n", ":2"},
	"a text":                   {"rules\n", ":1"},
	"unknown field":            {"groups:\n- name: g\n  rule: []\n", ":3: field rule not found"},
	"unknown field of a rule":  {group("  - record: a\n    exp: x\n"), ":5: field exp not found"},
	"a query that is wrong":    {group("  - record: a\n    expr: sum(\n"), `:5:11: group "g", rule 1, "a": could not parse expression`},
	"an unknown function":      {group("  - alert: A\n    expr: rat(x[1m])\n"), "unknown function"},
	"no range":                 {group("  - record: a\n    expr: rate(x)\n"), "expected type range vector"},
	"no expression":            {group("  - record: a\n"), "field 'expr' must be set in rule"},
	"neither record nor alert": {group("  - expr: x\n"), "one of 'record' or 'alert' must be set"},
	"record and alert":         {group("  - record: a\n    alert: A\n    expr: x\n"), "only one of 'record' and 'alert' must be set"},
	"record with for":          {group("  - record: a\n    for: 1m\n    expr: x\n"), "invalid field 'for' in recording rule"},
	"record with annotations":  {group("  - record: a\n    annotations: {a: b}\n    expr: x\n"), "invalid field 'annotations' in recording rule"},
	"record with keep firing":  {group("  - record: a\n    keep_firing_for: 1m\n    expr: x\n"), "invalid field 'keep_firing_for' in recording rule"},
	"a name with a blank":      {group("  - record: a b\n    expr: x\n"), "invalid recording rule name"},
	"a label with a dash":      {group("  - record: a\n    expr: x\n    labels: {a-b: c}\n"), "invalid label name"},
	"the name as a label":      {group("  - alert: A\n    expr: x\n    labels: {__name__: c}\n"), "invalid label name"},
	"a template that is wrong": {group("  - alert: A\n    expr: x\n    annotations: {a: '{{ .Foo'}\n"), "unclosed action"},
	"an unknown variable":      {group("  - alert: A\n    expr: x\n    labels: {a: '{{ $valu }}'}\n"), "undefined variable"},
	"a group without a name":   {"groups:\n- rules: []\n", "Groupname must not be empty"},
	"a group that comes twice": {"groups:\n- name: g\n- name: g\n", `groupname: "g" is repeated`},
	"a wrong duration":         {group("  - alert: A\n    expr: x\n    for: soon\n"), "not a valid duration string"},
	"a duration as a number":   {group("  - alert: A\n    expr: x\n    for: 5x\n"), "duration"},
	"a list of labels":         {group("  - alert: A\n    expr: x\n    labels: [a]\n"), ":6"},
}

// Both read the same files, and must be of one mind about each.
func TestVerdictsAreThoseOfPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian's package prometheus)")
	}
	dir := t.TempDir()
	good := 0
	for name, f := range files {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "_")+".yml")
		require.NoError(t, os.WriteFile(path, []byte(f.text), 0o600))
		out, err := exec.Command(promtool, "check", "rules", "--lint=none", path).CombinedOutput()
		_, faults := rules.Check(path, model.LegacyValidation)
		require.Equal(t, err == nil, len(faults) == 0, "%s: promtool says: %s\nhere: %v", name, out, faults)
		if err == nil {
			good++
		}
	}
	require.Greater(t, good, 8)
	require.Greater(t, len(files)-good, 15)
}

func TestFaultsSayWhere(t *testing.T) {
	dir := t.TempDir()
	for name, f := range files {
		path := filepath.Join(dir, "r.yml")
		require.NoError(t, os.WriteFile(path, []byte(f.text), 0o600))
		s, faults := rules.Check(path, model.LegacyValidation)
		if f.want == "" {
			require.Empty(t, faults, name)
			continue
		}
		require.NotEmpty(t, faults, name)
		require.Zero(t, s.Groups)
		for _, err := range faults {
			require.True(t, strings.HasPrefix(err.Error(), path), "%s: %s", name, err)
			require.NotContains(t, err.Error(), "\n")
		}
		require.ErrorContains(t, faults[0], f.want, name)
	}
	path := filepath.Join(dir, "more.yml")
	require.NoError(t, os.WriteFile(path, []byte(group("  - record: a b\n    expr: x\n  - record: ok\n    expr: sum(\n")), 0o600))
	_, faults := rules.Check(path, model.LegacyValidation)
	require.Len(t, faults, 2, "all at once")
	require.NoError(t, os.WriteFile(path, []byte(group("  - record: a\n    expr: x\n  - alert: A\n    expr: y\n  - record: a\n    expr: z\n")), 0o600))
	s, faults := rules.Check(path, model.UTF8Validation)
	require.Empty(t, faults)
	require.Equal(t, rules.Summary{Groups: 1, Alerting: 1, Recording: 2, Duplicates: []string{"a{}"}}, s)
	_, faults = rules.Check(filepath.Join(dir, "none.yml"), model.UTF8Validation)
	require.ErrorContains(t, faults[0], "no such file")
	_, faults = rules.Check(dir, model.UTF8Validation)
	require.ErrorContains(t, faults[0], "no regular file")
}

func FuzzCheck(f *testing.F) {
	for _, one := range files {
		f.Add(one.text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		path := filepath.Join(dir, "fuzz.yml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, faults := rules.Check(path, model.UTF8Validation)
		for _, err := range faults {
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "\x1b")
		}
	})
}
