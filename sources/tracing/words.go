package tracing

import (
	"slices"
	"strings"
)

// Words are those that begin with prefix, sorted, each once, at most limit.
func Words(all []string, prefix string, limit int) []string {
	var out []string
	for _, w := range all {
		if strings.HasPrefix(w, prefix) {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), max(limit, 0))]
}
