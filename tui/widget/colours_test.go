package widget_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/themes"
	"gameday/tui/widget"
)

// TestServicesHaveColoursOfTheirOwn while there are eight or fewer, and keep them when more come.
func TestServicesHaveColoursOfTheirOwn(t *testing.T) {
	shop := []string{"cart", "catalog", "checkout", "gateway", "inventory", "orders-db", "orders-db-1", "payment"}
	var c widget.Colours
	given := map[themes.Role]string{}
	for _, name := range shop {
		given[c.Service(name)] = name
	}
	require.Len(t, given, 8)
	count := map[themes.Role]int{}
	for i := range 800 {
		count[c.Service(fmt.Sprint("service ", i))]++
	}
	for r := range themes.Role(8) {
		require.InDelta(t, 100, count[themes.Series0+r], 1, "no colour has more than the others")
	}
	for role, name := range given {
		require.Equal(t, role, c.Service(name))
	}
	require.Equal(t, (*widget.Colours)(nil).Service("gateway"), new(widget.Colours).Service("gateway"), "the first has the one of its name")
	for i := range 10_000 {
		c.Service(fmt.Sprint("endless ", i))
	}
	require.Equal(t, (*widget.Colours)(nil).Service("endless 9999"), c.Service("endless 9999"))
}
