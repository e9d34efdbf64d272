package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/sources/spec"
)

// Every whole plan in the manual is one that the program takes.
func TestDocs(t *testing.T) {
	pages, err := filepath.Glob("../../docs/load*.md")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	plans := 0
	for _, page := range pages {
		data, err := os.ReadFile(page)
		require.NoError(t, err)
		for i, block := range strings.Split(string(data), "```yaml\n")[1:] {
			text, _, closed := strings.Cut(block, "```")
			require.True(t, closed, "%s: block %d is not closed", page, i)
			if !strings.Contains(text, "kind: Load") {
				continue
			}
			plans++
			doc, err := spec.Parse(page, []byte(text))
			require.NoError(t, err, "%s: block %d", page, i)
			_, err = ParsePlan(doc)
			require.NoError(t, err, "%s: block %d", page, i)
		}
	}
	require.Greater(t, plans, 2)
}
