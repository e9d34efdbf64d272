package keymap

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePageIsCurrent(t *testing.T) {
	have, err := os.ReadFile("../docs/keys.md")
	require.NoError(t, err)
	var want strings.Builder
	require.NoError(t, Page(&want))
	require.Equal(t, want.String(), string(have), "docs/keys.md is out of date: go run ./cmd/gameday keys --markdown >docs/keys.md")
}

func TestTheTablesSurviveOddKeys(t *testing.T) {
	m, err := New("", Bindings{"note": {"|", "`", "alt+|"}, "mouse": {}})
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, Markdown(&b, []string{"mine"}, []*Map{m}))
	for _, line := range strings.Split(b.String(), "\n") {
		if strings.HasPrefix(line, "|") {
			require.Equal(t, 6, strings.Count(line, "|")-strings.Count(line, `\|`), line)
		}
	}
	require.Contains(t, b.String(), "| unbound |")
}
