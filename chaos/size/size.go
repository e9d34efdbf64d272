// Package size reads and writes amounts of bytes as people write them in experiments.
package size

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

var units = []struct {
	name  string
	bytes float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}}

// Parse reads "64MiB", "1.5GB", "4096B" or a bare number of bytes.
func Parse(s string) (uint64, error) {
	text, factor := strings.TrimSpace(s), 1.0
	for _, u := range units {
		if n, ok := strings.CutSuffix(text, u.name); ok {
			text, factor = strings.TrimSpace(n), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || n < 0 || n*factor > 1<<62 {
		return 0, fmt.Errorf("%q is not a size; write it with its unit, such as 64MiB or 1.5GB", s)
	}
	return uint64(n * factor), nil
}

// String writes bytes with the largest binary unit in which they are at least one, with four figures.
func String(n uint64) string {
	for i := 3; i >= 0; i-- {
		if f := float64(n) / units[i].bytes; f >= 1 {
			return strconv.FormatFloat(f, 'g', 4, 64) + units[i].name
		}
	}
	return strconv.FormatUint(n, 10) + "B"
}
