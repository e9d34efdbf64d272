package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRulesCheck(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yml"), filepath.Join(dir, "bad.yml")
	require.NoError(t, os.WriteFile(good, []byte("groups:\n- name: g\n  rules:\n  - {record: a, expr: x}\n  - {record: a, expr: y}\n  - {alert: A, expr: x > 1}\n"), 0o600))
	require.NoError(t, os.WriteFile(bad, []byte("groups:\n- name: g\n  rules:\n  - {record: a, expr: sum( }\n  - {alert: A}\n"), 0o600))
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitHeld, start([]string{"rules", "check", good}, &stdout, &stderr), stderr.String())
	require.Equal(t, good+": 1 alerting and 2 recording rules in 1 groups are well-formed\n"+good+": warning: a{} is there more than once; what it gives may flicker\n", stdout.String())
	stdout.Reset()
	require.Equal(t, exitCannotRun, start([]string{"rules", "check", bad, good}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "well-formed", "the others are checked all the same")
	require.Contains(t, stderr.String(), bad+`:4:23: group "g", rule 1, "a": could not parse expression`)
	require.Contains(t, stderr.String(), bad+`: group "g", rule 2, "A": field 'expr' must be set in rule`, "all faults at once")
}
