package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/tui"
)

func layoutTest(t *testing.T) (*layoutFile, *[]string) {
	t.Helper()
	var mu sync.Mutex
	var said []string
	return layouts(t.TempDir(), func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, fmt.Sprintf(format, args...))
	}), &said
}

func TestLayoutsAreKeptAndMerged(t *testing.T) {
	f, said := layoutTest(t)
	made, err := f.open()
	require.NoError(t, err)
	require.Empty(t, made, "there is no file at first")
	require.NoError(t, f.keep(tui.Layouts{"logs": {Arrangement: "alone"}}))
	require.NoError(t, f.keep(tui.Layouts{"cockpit": {Sizes: map[string]map[string]float64{"four": {"metrics|traces": 0.3}}}}))
	made, err = f.open()
	require.NoError(t, err)
	require.Equal(t, tui.Layouts{"logs": {Arrangement: "alone"}, "cockpit": {Sizes: map[string]map[string]float64{"four": {"metrics|traces": 0.3}}}}, made)
	require.NoError(t, f.keep(tui.Layouts{"logs": {}}))
	made, err = f.open()
	require.NoError(t, err)
	require.NotContains(t, made, "logs", "what is as it came is not kept")
	require.Empty(t, *said)
	left, err := os.ReadDir(filepath.Dir(f.path))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing beside the file")
	info, err := left[0].Info()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestABrokenFileIsToldOfOnceAndKeptAside(t *testing.T) {
	for name, content := range map[string]string{
		"cut":     `{"version":1,"workspaces":{"logs":`,
		"newer":   `{"version":2,"workspaces":{}}`,
		"large":   `{"version":1,"workspaces":{}}` + strings.Repeat(" ", maxLayouts),
		"nothing": ``,
		"other":   `[1,2,3]`,
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := layoutTest(t)
			require.NoError(t, os.WriteFile(f.path, []byte(content), 0o600))
			cfg := f.remembering(tui.Config{})
			require.Empty(t, cfg.Layouts)
			require.Contains(t, cfg.Notice, "layouts.json.broken")
			aside, err := os.ReadFile(f.path + ".broken")
			require.NoError(t, err)
			require.Equal(t, content, string(aside), "nothing is lost")
			require.Empty(t, f.remembering(tui.Config{}).Notice, "once")
			require.NoError(t, f.keep(tui.Layouts{"logs": {Arrangement: "alone"}}))
		})
	}
}

func TestLayoutsThatCannotBeWritten(t *testing.T) {
	f, said := layoutTest(t)
	f.path = filepath.Join(filepath.Dir(f.path), "gone", "layouts.json")
	require.Error(t, f.keep(tui.Layouts{"logs": {Arrangement: "alone"}}))
	require.Len(t, *said, 1)
}

func TestCockpitsSideBySideKeepBoth(t *testing.T) {
	f, _ := layoutTest(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := f.keep(tui.Layouts{fmt.Sprint(i): {Arrangement: "alone"}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	made, err := f.open()
	require.NoError(t, err)
	require.Len(t, made, 8)
}
