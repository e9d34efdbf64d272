package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos/experiment"
	"gameday/engine/report"
	"gameday/sources/spec"
	"gameday/testdata"
)

func TestTheCatalogIsDescribed(t *testing.T) {
	all := describe(Catalog(), nil)
	require.Len(t, all, len(Catalog()))
	for i, k := range all {
		require.NotEmpty(t, k.Help, k.Kind)
		require.NotEmpty(t, k.Undo, k.Kind)
		require.False(t, k.Tried)
		require.True(t, i == 0 || all[i-1].Kind < k.Kind)
	}
}

func TestAKeptRunIsReadAsMarkdown(t *testing.T) {
	dir := t.TempDir()
	doc := &report.Document{Summary: report.Summary{Name: "x", Title: "It holds", Verdict: "held", Started: time.Now(), Ended: time.Now()}}
	require.NoError(t, report.Keep(dir, doc, time.Now()))
	r := readReport(dir, doc.Summary.ID)
	require.Empty(t, r.Err)
	require.Contains(t, r.Lines[0], "It holds")
	require.NotEmpty(t, readReport(dir, "nothing").Err)
}

// TestEveryPartOfTheShopsExperimentsIsExplained: hypothesis, probes, method, blast radius and abort conditions.
func TestEveryPartOfTheShopsExperimentsIsExplained(t *testing.T) {
	data, err := testdata.Files.ReadFile("experiments/payment-slow.yaml")
	require.NoError(t, err)
	doc, err := spec.Parse("payment-slow.yaml", data)
	require.NoError(t, err)
	help := doc.Explain(experiment.Experiment{})
	for i, l := range lines(data) {
		key, _, ok := strings.Cut(l, ":")
		if ok && !strings.HasPrefix(key, " ") && !strings.HasPrefix(key, "#") {
			require.NotEmpty(t, help[i+1], "line %d: %s", i+1, l)
		}
		if strings.HasPrefix(strings.TrimSpace(l), "- fault:") {
			require.NotEmpty(t, help[i+1], "line %d: %s", i+1, l)
		}
	}
}
