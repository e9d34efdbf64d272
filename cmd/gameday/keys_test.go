package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysOfAPreset(t *testing.T) {
	var plain, vim strings.Builder
	require.NoError(t, keysCmd{Preset: "default"}.Run(&plain))
	require.NoError(t, keysCmd{Preset: "vim"}.Run(&vim))
	require.Contains(t, plain.String(), "  l  ")
	require.Contains(t, vim.String(), "  L  ")
	require.ErrorContains(t, keysCmd{Preset: "nano"}.Run(&vim), `"nano" is no set of keys`)
}
