package traces_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/tui/pane/traces"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

func TestWordsOfTheTracesAreOffered(t *testing.T) {
	f := sample.Frame()
	words := traces.New(nil).Completion(panetest.Context(t, f, 98, 20))
	list := func(text string) []string { return words(text, len(text)).List }
	require.Equal(t, []string{"service=", "name=", "status=", "duration>", "spans>", "errors>", "trace="}, list(""))
	require.Equal(t, []string{"error"}, list("service=x status=e"))
	require.Contains(t, list("duration>"), "200ms")
	require.Contains(t, list("service="), f.Traces[0].Service)
	require.NotEmpty(t, list("name="))
}
