package widget_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/tui/widget"
)

// TestAreaFillsBelowItsValues, as high as they are, in as many rows as there are.
func TestAreaFillsBelowItsValues(t *testing.T) {
	p := widget.Pen{}
	ramp := []float64{1, 2, 3, 4, 5, 6, 7, 8}
	require.Equal(t, []string{"  ⣠⣾", "⣠⣾⣿⣿"}, p.Area(ramp, 4, 2))
	require.Equal(t, []string{p.SparkDots(ramp, 4)}, p.Area(ramp, 4, 1))
	gap := []float64{math.NaN(), 8, math.Inf(1), 8}
	require.Equal(t, []string{"⢸⢸", "⢸⢸"}, p.Area(gap, 2, 2))
	ascii := widget.Pen{ASCII: true}.Area(ramp, 8, 3)
	require.Len(t, ascii, 3)
	require.True(t, strings.HasSuffix(ascii[2], "######"), ascii[2])
	require.True(t, strings.HasPrefix(ascii[0], "     "), ascii[0])
	require.NotContains(t, strings.Join(ascii, ""), "⣿")
	for _, rows := range []int{2, 5} {
		for _, width := range []int{1, 7, 30} {
			for _, row := range p.Area(ramp, width, rows) {
				require.Equal(t, width, widget.Width(row))
			}
		}
	}
}

// TestReplicasCanBeToldApart by their ends; other names keep their beginnings.
func TestReplicasCanBeToldApart(t *testing.T) {
	p := widget.Pen{}
	for s, want := range map[string]string{"orders-db": "orders-db", "orders-db-1": "orde…-db-1", "orders-db-2": "orde…-db-2", "家族家族家族家7": "家族…族家7", "inventory-service": "inventory…", "": ""} {
		got := p.Name(s, 10)
		require.Equal(t, want, got)
		require.LessOrEqual(t, widget.Width(got), 10)
	}
	require.Equal(t, "ord…", p.Name("orders-db-1", 4), "too few cells for two ends")
	require.Empty(t, p.Name("x", 0))
}
