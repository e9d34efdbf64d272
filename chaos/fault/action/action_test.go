package action_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/chaos"
	"gameday/chaos/fault/action"
	"gameday/chaos/journal"
	"gameday/sources/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var localhost = chaos.Target{Kind: chaos.TargetHost, Name: "localhost"}

func controller(t *testing.T) (*chaos.Controller, *journal.Journal) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "journals")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	j, err := journal.Create(dir, "test")
	require.NoError(t, err)
	c, err := chaos.NewController(chaos.Config{Journal: j, Faults: []chaos.Fault{action.NewDo(), action.NewWithUndo()},
		Inventory: chaos.InventoryFunc(func(context.Context) ([]chaos.Target, error) { return []chaos.Target{localhost}, nil })})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.WithoutCancel(t.Context()))) })
	return c, j
}

func plan(t *testing.T, c *chaos.Controller, kind string, args chaos.Args) *chaos.Planned {
	t.Helper()
	p, err := c.Plan(t.Context(), chaos.Request{Kind: kind, Select: chaos.Selector{Name: "localhost"}, Args: args, For: time.Minute})
	require.NoError(t, err)
	return p
}

type m = map[string]any

// What is done is undone, and the journal knows how from before it was done, without the secret in it.
func TestDoneAndUndone(t *testing.T) {
	t.Setenv("ACTION_TEST_TOKEN", "s3cret")
	var mu sync.Mutex
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
	}))
	defer srv.Close()
	c, j := controller(t)
	file := filepath.Join(t.TempDir(), "flag")
	p := plan(t, c, "action.with-undo", chaos.Args{
		"do": []any{m{"name": "flag", "run": []any{"touch", file}},
			m{"http": m{"url": srv.URL + "/do", "method": "POST", "headers": m{"Authorization": "Bearer ${env:ACTION_TEST_TOKEN}"}}}},
		"undo": []any{m{"run": []any{"false"}, "mayFail": true}, m{"run": []any{"rm", "-f", file}}, m{"http": m{"url": srv.URL + "/undo"}}},
	})
	require.Contains(t, p.Description.Undo, "rm -f "+file)
	require.NoFileExists(t, file, "planning touches nothing")
	id, err := c.Inject(t.Context(), p)
	require.NoError(t, err)
	require.FileExists(t, file)
	data, err := os.ReadFile(j.Path())
	require.NoError(t, err)
	require.Contains(t, string(data), "rm")
	require.NotContains(t, string(data), "s3cret")
	require.NoError(t, c.Undo(t.Context(), id))
	require.NoFileExists(t, file)
	require.Equal(t, []string{"POST /do Bearer s3cret", "GET /undo "}, asked)
	require.Equal(t, signal.FaultUndone, c.States()[0].Phase)
	require.EqualValues(t, 2, c.States()[0].Touched)
}

// A session that died is undone from its journal alone.
func TestRestoreFromTheJournal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flag")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	f := action.NewWithUndo()
	change, err := f.Plan(t.Context(), []chaos.Target{localhost}, chaos.Args{"undo": []any{m{"run": []any{"false"}}, m{"run": []any{"rm", file}}}})
	require.NoError(t, err)
	var undo json.RawMessage
	require.NoError(t, json.Unmarshal(change.Undo(), &undo))
	require.ErrorContains(t, f.Restore(t.Context(), undo), "false ended with 1, expected = 0")
	require.NoFileExists(t, file, "one that fails does not spare the others")
}

func TestWhatGoesWrong(t *testing.T) {
	c, _ := controller(t)
	for _, tc := range []struct {
		args chaos.Args
		want string
	}{
		{chaos.Args{}, "is required"},
		{chaos.Args{"do": "ls"}, "not a list"},
		{chaos.Args{"do": []any{}}, "is empty"},
		{chaos.Args{"do": []any{m{"rum": "x"}}}, "rum: unknown field"},
		{chaos.Args{"do": []any{m{"name": "x"}}}, "needs run"},
		{chaos.Args{"do": []any{m{"run": []any{"x"}, "http": m{"url": "http://x"}}}}, "give one of them"},
		{chaos.Args{"do": []any{m{"run": []any{"x", "${gateway}"}}}}, "is not known"},
		{chaos.Args{"do": []any{m{"run": []any{"x"}, "timeout": "1h"}}}, "outside 0s to 10m"},
	} {
		_, errs := chaos.CheckArgs(action.NewDo().Params(), tc.args)
		require.NotEmpty(t, errs, tc.args)
		require.ErrorContains(t, errs[0], tc.want)
	}
	for _, tc := range []struct{ run, want string }{
		{"exit 3", "ended with 3, expected = 0"},
		{"sleep 30", "did not end within 200ms"},
		{"echo ${ACTION_TEST_NONE?unset}", "ended with"},
	} {
		begin := time.Now()
		_, err := c.Inject(t.Context(), plan(t, c, "action.do", chaos.Args{"do": []any{m{"name": "step", "shell": tc.run, "timeout": "200ms"}}}))
		require.ErrorContains(t, err, tc.want)
		require.Less(t, time.Since(begin), 20*time.Second)
	}
	_, err := c.Inject(t.Context(), plan(t, c, "action.do", chaos.Args{"do": []any{m{"run": []any{"echo", "${env:ACTION_TEST_NONE}"}}}}))
	require.ErrorContains(t, err, "ACTION_TEST_NONE is not set")
}

// A long activity is waited for longer than a fault of gameday's own.
func TestPatience(t *testing.T) {
	f := action.NewWithUndo()
	change, err := f.Plan(t.Context(), nil, chaos.Args{"do": []any{m{"run": []any{"x"}, "timeout": "2m"}}, "undo": []any{m{"run": []any{"x"}}}})
	require.NoError(t, err)
	apply, revert := f.Patience(change.Undo())
	require.Equal(t, 121*time.Second, apply)
	require.Equal(t, 6*time.Second, revert)
	require.False(t, strings.Contains(string(change.Undo()), "null"))
}
