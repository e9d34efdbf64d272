package protocol

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTraceparent(t *testing.T) {
	c := &Call{Sampled: true}
	c.Trace[0], c.Trace[15], c.Span[7] = 0xab, 1, 2
	require.Equal(t, "x00-ab000000000000000000000000000001-0000000000000002-01", string(c.AppendTraceparent([]byte("x"))))
	c.Sampled = false
	place := []byte("[55 bytes.............................................]!")
	c.AppendTraceparent(place[:0])
	require.Equal(t, "00-ab000000000000000000000000000001-0000000000000002-00!", string(place))
	require.Len(t, place, TraceparentLength+1)
	require.Equal(t, "ab000000000000000000000000000001", string(c.AppendCorrelationID(nil)))
	require.Len(t, c.AppendCorrelationID(nil), CorrelationLength)
	require.Zero(t, testing.AllocsPerRun(100, func() { c.AppendTraceparent(place[:0]) }))
}
