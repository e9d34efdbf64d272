package engine

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/dashboard"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// TestADashboardIsRecordedForWhatItShows: neither where it was on somebody's machine, nor a token in it.
func TestADashboardIsRecordedForWhatItShows(t *testing.T) {
	home := filepath.Join(t.TempDir(), "ada")
	t.Setenv("HOME", home)
	path := filepath.Join(t.TempDir(), "x.gameday")
	grafana, err := os.ReadFile("dashboard/testdata/node.json")
	require.NoError(t, err)
	st, err := store.New(store.Config{})
	require.NoError(t, err)
	cfg := Config{Record: path, Log: t.Logf, Dashboards: []Document{
		{ID: "node", File: filepath.Join(home, "boards", "node.json"), Data: grafana},
		{ID: "own", File: filepath.Join(home, "own.yaml"), Data: []byte(`apiVersion: gameday/v1
kind: Dashboard
metadata: {name: own, title: "of https://joe:hunter22@host/"}
rows:
  - panels:
      - {title: a, type: text, text: "call it with Authorization: Bearer hunter22"}
      - {title: b, type: logs, targets: [{expr: '{app="a"} |= "token=hunter22"'}]}
`)},
		{ID: "broken", File: filepath.Join(home, "broken.yaml"), Data: []byte("kind: Dashboard\nhunter22")}}}
	s := &Session{cfg: cfg, store: st, started: time.Now()}
	require.NoError(t, s.openRecording())
	s.tell(signal.Event{Start: time.Now(), Title: "report kept", Detail: "in " + home + "/reports/1.html"})
	require.NoError(t, s.recorder.Close())

	r, err := OpenReplay(t.Context(), path, nil)
	require.NoError(t, err)
	docs, err := r.settings.boardDocuments()
	require.NoError(t, err)
	require.Len(t, docs, 2)
	var files []string
	for _, d := range docs {
		files = append(files, d.File)
		require.NotContains(t, string(d.Data), "hunter22")
		require.NotContains(t, string(d.Data), home)
	}
	require.Equal(t, []string{"node.json", "own.yaml"}, files)
	was, _, err := dashboard.Read("node.json", "node", grafana)
	require.NoError(t, err)
	require.Equal(t, was, r.boards[0], "a published dashboard is drawn as it was")
	require.Equal(t, `{app="a"} |= "token=<secret>"`, r.boards[1].Rows[0].Panels[1].Targets[0].Expr)
	all := signal.Window{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)}
	require.Equal(t, "in ~/reports/1.html", r.Frame(signal.View{Window: all}).Events[0].Detail)
	require.NoError(t, r.Close())
}
