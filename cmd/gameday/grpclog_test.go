package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/grpclog"
)

func TestErrorsOfGRPCGoIntoTheLog(t *testing.T) {
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	grpclog.Error("what went wrong")
	grpclog.Warning("what might")
	data, err := os.ReadFile(filepath.Join(state, "gameday", logFile))
	require.NoError(t, err)
	require.Contains(t, string(data), "what went wrong")
	require.NotContains(t, string(data), "what might")
}
