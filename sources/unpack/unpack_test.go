package unpack_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"gameday/sources/unpack"
)

func packed(t *testing.T, encoding, text string, window int) []byte {
	t.Helper()
	var out bytes.Buffer
	var z io.WriteCloser
	switch encoding {
	case unpack.Gzip:
		z = gzip.NewWriter(&out)
	case unpack.Zstd:
		var err error
		z, err = zstd.NewWriter(&out, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(false))
		require.NoError(t, err)
	default:
		return []byte(text)
	}
	_, err := io.WriteString(z, text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Bytes()
}

func TestWhatIsPackedIsReadAndTheRestRefused(t *testing.T) {
	for _, encoding := range append(strings.Split(unpack.Names, ", "), "", "identity") {
		require.True(t, unpack.Known(encoding), encoding)
		r, closing, err := unpack.Reader(bytes.NewReader(packed(t, encoding, "hello", 1<<20)), encoding)
		require.NoError(t, err, encoding)
		got, err := io.ReadAll(r)
		require.NoError(t, err, encoding)
		require.Equal(t, "hello", string(got))
		closing()
	}
	for _, encoding := range []string{"br", "GZIP", "gzip, zstd"} {
		require.False(t, unpack.Known(encoding), encoding)
		_, _, err := unpack.Reader(strings.NewReader("x"), encoding)
		require.ErrorContains(t, err, encoding)
	}
	_, _, err := unpack.Reader(strings.NewReader("hello"), unpack.Gzip)
	require.Error(t, err)
}

// A sender may not choose how much memory its answer takes.
func TestAWindowThatIsTooLargeIsRefused(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 2<<20) // longer than the window, so that it is written down
	for window, ok := range map[int]bool{8 << 20: true, 16 << 20: false} {
		r, closing, err := unpack.Reader(bytes.NewReader(packed(t, unpack.Zstd, text, window)), unpack.Zstd)
		require.NoError(t, err)
		n, err := io.Copy(io.Discard, r)
		closing()
		if !ok {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err)
		require.EqualValues(t, len(text), n)
	}
}
