package atomicfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/engine/atomicfile"
)

func TestAFileIsReplacedWholeAndNothingIsLeftBeside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	for _, text := range []string{"one", "a longer one", ""} {
		require.NoError(t, atomicfile.Write(path, []byte(text), 0o600))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(got))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	full := filepath.Join(dir, "full") // a directory with something in it, which no file can replace
	require.NoError(t, os.MkdirAll(filepath.Join(full, "kept"), 0o700))
	require.Error(t, atomicfile.Write(full, []byte("x"), 0o644))
	require.DirExists(t, filepath.Join(full, "kept"))
	require.Error(t, atomicfile.Write(filepath.Join(dir, "nowhere", "b"), nil, 0o644))
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
