package load

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
)

// parts runs every part of a plan against a target of its own and returns what each was asked for.
func parts(t *testing.T, engine Engine, text string, of uint64) (took [][]string, results []Result) {
	t.Helper()
	for i := range of {
		s, res := runShop(t, engine, text, Options{Shards: Shards{Index: i, Of: of}})
		took, results = append(took, s.took()), append(results, res)
	}
	return took, results
}

func flat(lists [][]string) (all []string) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

func TestSharedIterationsAreMadeOnceOverAllParts(t *testing.T) {
	overBoth(t, func(t *testing.T, engine Engine) {
		took, results := parts(t, engine, `
executor: {kind: shared-iterations, users: 7, iterations: 50}
scenarios: [{name: s, steps: [{path: "/i/{{n}}"}]}]
`, 3)
		var want []string
		for n := range 50 {
			want = append(want, fmt.Sprintf("GET /i/%d", n))
		}
		require.ElementsMatch(t, want, flat(took))
		require.Equal(t, "2/3", results[1].Shards.String())
	})
}

func TestEachUserOfAllPartsHasItsIterations(t *testing.T) {
	overBoth(t, func(t *testing.T, engine Engine) {
		took, _ := parts(t, engine, `
executor: {kind: user-iterations, users: 5, iterations: 4}
scenarios: [{name: s, steps: [{path: "/i/{{n}}"}]}]
`, 3)
		require.Len(t, took[0], 8)
		require.Len(t, took[1], 8)
		require.Len(t, took[2], 4)
		seen := map[string]bool{}
		for _, one := range flat(took) {
			require.False(t, seen[one], "%s twice", one)
			seen[one] = true
		}
	})
}

func TestRowsOfUsersOverParts(t *testing.T) {
	overBoth(t, func(t *testing.T, engine Engine) {
		var rows, want []string
		for n := range 6 {
			rows = append(rows, fmt.Sprintf("{who: u%d}", n))
			want = append(want, fmt.Sprintf("GET /u%d", n), fmt.Sprintf("GET /u%d", n))
		}
		text := `
feeds: [{per: user, atEnd: stop, rows: [` + strings.Join(rows, ", ") + `]}]
executor: {kind: user-iterations, users: 6, iterations: 2}
scenarios: [{name: s, steps: [{path: "/{{who}}"}]}]
`
		whole, _ := runShop(t, engine, text, Options{})
		require.ElementsMatch(t, want, whole.took(), "each user its own row, the first one included")
		took, _ := parts(t, engine, text, 4)
		require.ElementsMatch(t, want, flat(took))
	})
}

func TestRowsOfIterationsEndOverParts(t *testing.T) {
	overBoth(t, func(t *testing.T, engine Engine) {
		dir := t.TempDir()
		var b strings.Builder
		b.WriteString("who\n")
		var want []string
		for n := range 25 {
			fmt.Fprintf(&b, "u%d\n", n)
			want = append(want, fmt.Sprintf("GET /u%d", n))
		}
		file := filepath.Join(dir, "who.csv")
		require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o600))
		for _, executor := range []string{"{kind: constant-users, users: 6}", "{kind: constant-rate, rate: 200}"} {
			took, _ := parts(t, engine, `
duration: 2s
timeout: 1s
feeds: [{atEnd: stop, file: `+file+`}]
executor: `+executor+`
scenarios: [{name: s, steps: [{path: "/{{who}}"}]}]
`, 3)
			require.ElementsMatch(t, want, flat(took), "every row once, by %s", executor)
		}
	})
}

func TestLimitsAreShared(t *testing.T) {
	p := plan(t, `
duration: 1s
executor: {kind: constant-rate, rate: 100, maxConnections: 10, maxQueue: 101}
scenarios: [{name: s, steps: [{path: /}]}]
`)
	connections, queue := 0, 0
	for i := range uint64(4) {
		c, err := compile(p, &Options{protocol: constant(0), Shards: Shards{Index: i, Of: 4}})
		require.NoError(t, err)
		connections += c.groups[0].executor.MaxConnections
		queue += c.groups[0].executor.MaxQueue
		require.InDelta(t, 100, c.groups[0].executor.Rate, 0, "the schedule is split, not the rate")
	}
	require.Equal(t, 10, connections)
	require.Equal(t, 101, queue)
	c, err := compile(p, &Options{protocol: constant(0), Shards: Shards{Index: 19, Of: 20}})
	require.NoError(t, err)
	require.Equal(t, 1, c.groups[0].executor.MaxConnections, "never none")
	require.Equal(t, 10, p.Executor.MaxConnections, "the plan itself stays as it is")

	_, err = compile(plan(t, `
executor: {kind: shared-iterations, users: 3, iterations: 50}
scenarios: [{name: s, steps: [{path: /}]}]
`), &Options{protocol: constant(0), Shards: Shards{Of: 4}})
	require.ErrorContains(t, err, "3 users cannot share their iterations over 4 parts")
}

func TestAPartShowsItsShareOfTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := Start(t.Context(), plan(t, `
duration: 10s
executor: {kind: constant-rate, rate: 100}
scenarios: [{name: s, steps: [{path: /}]}]
`), Options{protocol: constant(time.Millisecond), Shards: Shards{Index: 1, Of: 4}})
		require.NoError(t, err)
		time.Sleep(5 * time.Second)
		require.InDelta(t, 25, r.State().Target, 1e-9)
		require.Equal(t, uint64(250), r.Wait().Sent)
	})
}

func TestStartsAtAnInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan(t, `
duration: 1s
executor: {kind: constant-users, users: 1}
scenarios: [{name: s, steps: [{path: /}]}]
`)
		at := time.Now().Add(30 * time.Second).UTC().Round(0)
		r, err := Start(t.Context(), p, Options{protocol: constant(100 * time.Millisecond), At: at})
		require.NoError(t, err)
		require.True(t, time.Now().Equal(at))
		res := r.Wait()
		require.True(t, res.Started.Equal(at), res.Started)
		require.InDelta(t, 10, res.Total.Done, 1)

		_, err = Start(t.Context(), p, Options{protocol: constant(0), At: time.Now().Add(-1500 * time.Millisecond)})
		require.ErrorContains(t, err, "1.5s past")
		_, err = Start(t.Context(), p, Options{protocol: constant(0), At: time.Now().Add(25 * time.Hour)})
		require.ErrorContains(t, err, "more than a day ahead")

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = Start(ctx, p, Options{protocol: constant(0), At: time.Now().Add(time.Minute)})
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestSnapshotsGrowToTheResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		r := start(t, plan(t, `
warmup: 2s
duration: 8s
executor: {kind: constant-rate, rate: 10}
scenarios: [{name: s, steps: [{name: a, path: /}]}]
`), &fake{serve: func(time.Duration, *protocol.Call) (time.Duration, int, protocol.Kind) {
			if n++; n%4 == 0 {
				return time.Millisecond, 503, protocol.Status5xx
			}
			return time.Millisecond, 200, protocol.OK
		}})
		time.Sleep(2*time.Second - time.Millisecond)
		s := r.Snapshot()
		require.Zero(t, s.Steps[0].Done, "warming up")
		require.Zero(t, s.Measured)
		time.Sleep(4 * time.Second)
		s = r.Snapshot()
		require.Equal(t, uint64(40), s.Steps[0].Done)
		require.Equal(t, map[string]uint64{"2xx": 30, "5xx": 10}, s.Steps[0].Classes)
		require.False(t, s.Finished)
		res := r.Wait()
		s = r.Snapshot()
		require.True(t, s.Finished)
		require.Equal(t, res.Measured, s.Measured)
		require.Equal(t, res.Total.Done, s.Steps[0].Done)
		require.Equal(t, res.Total.Failed, s.Steps[0].Kinds[protocol.Status5xx])
		require.Equal(t, res.Total.Response.Sum(), s.Steps[0].Response.Sum())
	})
}
