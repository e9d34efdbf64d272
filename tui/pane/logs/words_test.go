package logs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
	"gameday/tui/pane/logs"
	"gameday/tui/widget/panetest"
)

// TestWordsOfTheLinesAreOffered, in both notations, and stay while the filter that is typed leaves no line.
func TestWordsOfTheLinesAreOffered(t *testing.T) {
	l := lines(0, 6)
	for i := range l {
		l[i].Service = []string{"checkout", "checkout", "cart"}[i%3]
		l[i].Attrs = signal.Attrs{{Key: "order", Value: "o-1"}, {Key: "joined_by", Value: "hex"}}
	}
	ctx := panetest.Context(t, with(l), 98, 10)
	ctx.Frame.Processes = []signal.Process{{Name: "payment"}}
	words := logs.New(nil, nil).Completion(ctx)
	ctx.Frame.Logs = nil
	list := func(text string) []string { return words(text, len(text)).List }
	require.Equal(t, []string{"service=", "level>=", "source=", "body=", "order="}, list(""))
	require.Equal(t, []string{"checkout", "cart", "payment"}, list("service="))
	require.Equal(t, []string{"warn"}, list("level>=w"))
	require.Equal(t, []string{"o-1"}, list("service=cart order="))
	require.Equal(t, []string{`"cart"`}, list(`{service="ca`))
	require.Equal(t, []string{"service=", "level=", "source=", "order="}, list("{"))
	require.Equal(t, []string{"json"}, list(`{service="cart"} | j`))
}
