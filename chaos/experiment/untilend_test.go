package experiment_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/chaos/experiment"
)

// A fault that lasts until the end of the method is undone with the rollback, however long the other steps take.
func TestUntilEnd(t *testing.T) {
	w, res := runLog(t, `
  - sequence:
      - {untilEnd: true, fault: network.partition, target: {service: cart}, title: whole}
      - {wait: 3s}
      - `+cutAs("one")+`
`, nil, nil)
	require.Equal(t, []string{"0s load plan.yaml", "9.25s inject whole", "12.25s inject one", "14.25s undo one"}, w.log[:4], res.State.Reason)
	require.Contains(t, w.log, "14.25s undo whole")

	for steps, want := range map[string]string{
		`[{for: 1s, untilEnd: true, fault: network.partition, target: {service: cart}}]`:                        "give one of them",
		`[{untilEnd: true, fault: process.kill, target: {service: cart}}]`:                                      "is never undone",
		`[{sequence: [{untilEnd: true, wait: 1s}, {for: 1s, fault: network.partition, target: {service: x}}]}]`: "is for faults",
	} {
		_, err := experiment.Parse("x.yaml", []byte(method(" "+steps+"\n")), experiment.ParseConfig{Faults: catalog})
		require.ErrorContains(t, err, want, steps)
	}
}
