package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// culprits are what each of the shop's experiments harms.
var culprits = map[string]string{
	"catalog-pause": "catalog", "inventory-partition": "inventory", "payment-errors": "payment", "payment-slow": "payment",
	"replica-kill": "", // drawn at random: the report tells which
}

// For each of the shop's experiments the service that is really harmed stands in the first three rows of what changed,
// though no row knows of the fault: they come from the requests alone.
func TestWhyFindsTheCulpritOfEveryExperiment(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every experiment of the shop: minutes")
	}
	files, err := filepath.Glob(filepath.Join(repository(t), "testdata", "experiments", "*.yaml"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 5)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			culprit, known := culprits[name]
			require.True(t, known, "say here what the experiment harms")
			state := t.TempDir()
			got := headlessIn(t, state, "run", shortened(t, file), "--demo")
			docs := kept(t, state)
			require.Len(t, docs, 1, got.stdout+got.stderr)
			if culprit == "" {
				culprit = docs[0]["faults"].([]any)[0].(map[string]any)["targets"].([]any)[0].(string)
			}
			why, _ := docs[0]["why"].(map[string]any)
			require.NotNil(t, why, got.stdout)
			rows, _ := why["rows"].([]any)
			require.NotEmpty(t, rows, "%v", why)
			first := rows[:min(3, len(rows))]
			require.True(t, slices.ContainsFunc(first, func(r any) bool {
				row := r.(map[string]any)
				kind, peer := row["kind"], row["peer"]
				return (kind == "fails" || kind == "slow") && (peer == culprit || peer == nil && row["service"] == culprit)
			}), "%s is not among %v", culprit, first)
			best := rows[0].(map[string]any)
			require.Less(t, best["p"], 0.05)
			require.NotEmpty(t, best["traceId"])
			page := headlessIn(t, state, "report", "last", "--format", "md")
			require.Contains(t, page.stdout, "## What changed")
		})
	}
}

// The parts of an experiment's file that say how long it takes.
var (
	faultFor  = regexp.MustCompile(`(?m)^(  - at: 0s\n    for: )\d+s$`)
	durations = regexp.MustCompile(`(?m)^durations: \{.*\}$`)
)

// shortened is the experiment with less time: what changed has to be found in fewer requests.
func shortened(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Len(t, faultFor.FindAll(data, -1), 1, file)
	require.Len(t, durations.FindAll(data, -1), 1, file)
	data = faultFor.ReplaceAll(data, []byte("${1}8s"))
	data = durations.ReplaceAll(data, []byte("durations: {warmup: 3s, before: 6s, after: 5s}"))
	short := filepath.Join(t.TempDir(), filepath.Base(file))
	require.NoError(t, os.WriteFile(short, data, 0o600))
	return short
}
