package size

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSizesAreReadAndWritten(t *testing.T) {
	for in, want := range map[string]uint64{"64MiB": 64 << 20, "1.5GB": 1.5e9, "4096B": 4096, "12": 12, " 2 kB ": 2000, "0": 0} {
		n, err := Parse(in)
		require.NoError(t, err, in)
		require.Equal(t, want, n, in)
	}
	for _, bad := range []string{"", "MiB", "-1B", "1e40GB", "NaN", "5 XB", "Inf"} {
		_, err := Parse(bad)
		require.ErrorContains(t, err, "not a size", bad)
	}
	require.Equal(t, "64MiB", String(64<<20))
	require.Equal(t, "1.397GiB", String(1.5e9))
	require.Equal(t, "12B", String(12))
}
