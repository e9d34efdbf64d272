package load

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/sources/spec"
)

func TestTurnsShuffleAndWhatIsKept(t *testing.T) {
	overBoth(t, func(t *testing.T, engine Engine) {
		s, res := runShop(t, engine, `
executor: {kind: user-iterations, users: 1, iterations: 6}
scenarios:
  - name: s
    steps:
      - once:
          - {path: "/login?u=ann", extract: [{name: token, header: X-Token}]}
          - {set: {state: "new{{lastok}}"}}
      - turns: [{path: "/a"}, {path: "/b"}, {pause: 1ms}]
      - shuffle: [{path: "/x"}, {path: "/y"}, {path: "/z"}]
      - {path: "/end?{{token}}&{{state}}&{{count 5 10 25}}&{{lastok}}"}
      - {set: {state: used}}
      - {path: /fail}
`, Options{})
		require.Equal(t, uint64(6), res.Total.Failed, "%+v", res.Errors)
		var turns, ends []string
		orders := map[string]bool{}
		var order []string
		for _, line := range s.took() {
			line = strings.TrimPrefix(line, "GET ")
			switch {
			case line == "/a" || line == "/b":
				turns = append(turns, line)
			case len(line) == 2:
				order = append(order, line)
			case strings.HasPrefix(line, "/end"):
				ends = append(ends, line)
				require.Len(t, order, 3)
				orders[strings.Join(order, "")] = true
				slices.Sort(order)
				require.Equal(t, []string{"/x", "/y", "/z"}, order, "all of them")
				order = nil
			}
		}
		require.Equal(t, []string{"/a", "/b", "/a", "/b"}, turns)
		require.Greater(t, len(orders), 1, "six times the same order")
		require.Equal(t, []string{"/end?t-ann&newtrue&5&true", "/end?t-ann&used&15&true", "/end?t-ann&used&25&true",
			"/end?t-ann&used&5&true", "/end?t-ann&used&15&true", "/end?t-ann&used&25&true"}, ends)
	})
}

func TestShuffleIsBounded(t *testing.T) {
	doc, err := spec.Parse("", []byte("target: http://h\nexecutor: {kind: constant-users, users: 1}\nscenarios:\n  - name: s\n    steps:\n      - shuffle:\n"+
		strings.Repeat("          - pause: 1s\n", 63)))
	require.NoError(t, err)
	_, err = ParsePlan(doc)
	require.ErrorContains(t, err, "63 steps are more than the 62")
}
