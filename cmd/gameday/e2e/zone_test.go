package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const zones = `apiVersion: gameday/v1
kind: Experiment
metadata: {name: zones}
hypothesis: The gateway answers whatever becomes of the other zones.
steadyState:
  probes: [{name: gateway answers, http: "${gateway}/healthz", expect: "= 200", tolerate: 5s}]
method:
  - sequence:
      - suspend: {message: ready?}
      - {for: 2s, fault: zone.pause, target: {labels: {zone: c}}}
      - {for: 2s, fault: zone.kill, target: {labels: {zone: b}}}
durations: {before: 1s, after: 1s}
`

// A zone of the demo fails as one fault and comes back with one undo; a question without a person takes --yes.
func TestAZoneOfTheDemoFailsAsAWhole(t *testing.T) {
	t.Parallel()
	file := write(t, "zones.yaml", zones)
	got := headless(t, "run", file, "--demo")
	require.Equal(t, 2, got.code, got.stdout)
	require.Contains(t, got.stderr, "--yes")
	got = headless(t, "run", file, "--demo", "--yes")
	require.Zero(t, got.code, got.stdout+got.stderr)
	for _, w := range []string{"will hit    orders-db-2: zone c paused", "⚡ zone c paused undone, touched 3 processes", "⚡ zone b killed"} {
		require.Contains(t, got.stdout, w)
	}
}
