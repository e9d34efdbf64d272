package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos/experiment"
	"gameday/chaos/probe"
)

func TestAbortConditionsReadAsSentences(t *testing.T) {
	errors95, err := probe.ParseExpect("> 95%")
	require.NoError(t, err)
	for want, a := range map[string]experiment.AbortCondition{
		"hardly a request succeeds: errors > 95% for 5s": {Name: "hardly a request succeeds", Measure: probe.Measure{Load: &probe.Load{Stat: "errors"}}, When: errors95, For: 5 * time.Second},
		"p95 fails":        {Probe: "p95"},
		"p95 fails for 3s": {Probe: "p95", For: 3 * time.Second},
		"share: > 95%":     {Probe: "share", When: errors95},
	} {
		require.Equal(t, want, abortWhen(a))
	}
}
