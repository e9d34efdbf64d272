package main

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine"
	"gameday/engine/load/k6"
	"gameday/sources/signal"
)

// TestOtherToolsFilesAreOffered by the cockpit: converted, run by k6, or with what is to be done about them.
func TestOtherToolsFilesAreOffered(t *testing.T) {
	formats := "../../testdata/load/formats/"
	var cfg engine.Config
	require.NoError(t, addDocuments(&cfg, nil, []string{formats + "journey.jmx", formats + "scripts.jmx", formats + "shop.har", "/nothere/s.js"}, ""))
	require.Len(t, cfg.LoadPlans, 3)
	require.Equal(t, "journey", cfg.LoadPlans[0].ID)
	require.NoError(t, cfg.LoadPlans[0].Err)
	require.Contains(t, string(cfg.LoadPlans[0].Data), "kind: Load")
	require.ErrorContains(t, cfg.LoadPlans[1].Err, "gameday load convert")
	require.Len(t, cfg.OtherLoads, 1)
	require.Equal(t, "s.js", cfg.OtherLoads[0].ID)

	require.NoError(t, addParts(&cfg, []string{"shop=http://127.0.0.1:9090"}))
	require.Equal(t, "shop in parts", cfg.OtherLoads[1].ID)
	require.ErrorContains(t, addParts(&cfg, []string{"shop"}), "write it as PLAN=URL")
	require.ErrorContains(t, addParts(&cfg, []string{"shop=${env:NOT_SET_HERE}"}), "NOT_SET_HERE")
}

// TestAScriptInTheCockpit is started, seen and stopped; one that k6 cannot read says so in k6's words.
func TestAScriptInTheCockpit(t *testing.T) {
	_, err := scriptLoad("s.js", "/nothere/k6").Start(t.Context(), nil)
	require.ErrorIs(t, err, k6.ErrMissing)
	path := k6Here(t)
	t.Setenv("TARGET", target(t, func(http.ResponseWriter, *http.Request) {}))
	name := filepath.Join(t.TempDir(), "s.js")
	write := func(text string) { require.NoError(t, os.WriteFile(name, []byte(text), 0o600)) }
	write(`import http from 'k6/http';
export const options = { vus: 1, duration: '10m' };
export default function () { http.get(__ENV.TARGET) }`)
	emitted := make(chan struct{}, 1)
	run, err := scriptLoad(name, path).Start(t.Context(), func([]signal.MetricPoint) {
		select {
		case emitted <- struct{}{}:
		default:
		}
	})
	require.NoError(t, err)
	<-emitted
	require.Eventually(t, func() bool { return run.State().Done > 0 }, 60*time.Second, 50*time.Millisecond)
	require.True(t, run.State().Running)
	run.Stop()
	<-run.Done()
	require.NoError(t, run.Err())
	require.False(t, run.State().Running)

	write("this is no script")
	run, err = scriptLoad(name, path).Start(t.Context(), nil)
	require.NoError(t, err)
	<-run.Done()
	require.ErrorContains(t, run.Err(), "before it measured anything")
	require.Contains(t, run.Err().Error(), "s.js")
}
