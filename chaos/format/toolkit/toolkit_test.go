package toolkit

import (
	"flag"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/chaos/format"
	"gameday/chaos/format/golden"
	"gameday/chaos/probe"
	"gameday/sources/signal"
)

var update = flag.Bool("update", false, "keep what comes out")

func TestFiles(t *testing.T) { golden.Files(t, "toolkit", Convert, *update) }

func FuzzToolkit(f *testing.F) { golden.Fuzz(f, "toolkit", Convert) }

// anAction makes a file one that can be run.
const anAction = `{"type": "action", "name": "a", "provider": {"type": "process", "path": "true"}}`

// What the toolkit's documentation says of a JSON path: expect, alone or in a list, is compared with all values that are
// found, in their order; count with their number; without either there must be one at least.
func TestJSONPathTolerances(t *testing.T) {
	const body = `{"n": 3, "up": true, "name": "a b", "none": null, "foo": [{"baz": "hello"}, {"baz": "bonjour"}], "many": [1, 1]}`
	for tolerance, met := range map[string]bool{
		`"path": "$.foo[*].baz"`:                                            true,
		`"path": "$.foo[*].bar"`:                                            false,
		`"path": "$.foo[*].baz", "count": 2`:                                true,
		`"path": "$.foo[*].baz", "count": 3`:                                false,
		`"path": "$.foo[*].bar", "count": 0`:                                true,
		`"path": "$.foo[*].baz", "expect": ["hello", "bonjour"]`:            true,
		`"path": "$.foo[*].baz", "expect": ["hello", "bonjour"], "count":9`: true, // expect decides
		`"path": "$.foo[*].baz", "expect": ["bonjour", "hello"]`:            false,
		`"path": "$.foo[*].baz", "expect": ["hello"]`:                       false,
		`"path": "$.foo[*].baz", "expect": []`:                              false,
		`"path": "$.foo[*].bar", "expect": []`:                              true,
		`"path": "$.foo[0].baz", "expect": "hello"`:                         true,
		`"path": "$.foo[0].baz", "expect": ["hello"]`:                       true,
		`"path": "$.foo[0].baz", "expect": "bonjour"`:                       false,
		`"path": "$.foo[0]", "expect": {"baz": "hello"}`:                    true,
		`"path": "$.many[*]", "expect": 1`:                                  false, // two of them
		`"path": "$.many", "expect": [[1, 1]]`:                              true,
		`"path": "$.many[*]", "expect": [1, 1.0]`:                           true,
		`"path": "$.n", "expect": 3`:                                        true,
		`"path": "$.n", "expect": 4`:                                        false,
		`"path": "$.up", "expect": true`:                                    true,
		`"path": "$.up", "expect": [false]`:                                 false,
		`"path": "$.name", "expect": "a b"`:                                 true,
		`"path": "$.none", "expect": [null]`:                                true,
		`"path": "$.n", "expect": [null]`:                                   false,
	} {
		t.Run(tolerance, func(t *testing.T) {
			text := `{"title": "x", "steady-state-hypothesis": {"title": "h", "probes": [{"type": "probe", "name": "p", "tolerance": {"type": "jsonpath", "target": "body", ` +
				tolerance + `}, "provider": {"type": "http", "url": "http://127.0.0.1:1/"}}]}, "method": [` + anAction + `]}`
			docs, err := format.Read("x.json", []byte(text))
			require.NoError(t, err)
			res, err := Convert(docs, format.Options{})
			require.NoError(t, err)
			require.Len(t, res.Experiment.SteadyState.Probes, 1)
			expect := res.Experiment.SteadyState.Probes[0].Expect
			want := signal.CheckFailed
			if met {
				want = signal.CheckPassed
			}
			require.Equal(t, want, expect.Judge(probe.Reading{Raw: body, Known: true, Value: math.NaN()}), expect.String())
		})
	}
}
