package pane_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/tui/pane"
)

func TestWordsGoOnFromWhatWasTyped(t *testing.T) {
	v := pane.Vocabulary{Names: []string{"service=", "status=", "level>=", "http.route="}, Values: func(name string) []string {
		return map[string][]string{"service": {"checkout", "cart", "orders db", `a"b`}, "level": {"info", "warn"}}[name]
	}}
	for text, want := range map[string][]string{
		"":                         {"service=", "status=", "level>=", "http.route="},
		"s":                        {"service=", "status="},
		"SER":                      {"service="},
		"-s":                       {"service=", "status="},
		"service=c":                {"checkout", "cart"},
		"service!=ca":              {"cart"},
		"service=":                 {"checkout", "cart", `"orders db"`},
		"service=~\"o":             {`"orders db"`},
		"service=cart level>=":     {"info", "warn"},
		`"a phrase with = in it" `: {"service=", "status=", "level>=", "http.route="},
		`"a phrase s`:              nil,
		"service=checkout":         nil,
		"color=":                   nil,
		"word":                     nil,
	} {
		w := v.Complete(text, len(text))
		require.Equal(t, want, w.List, text)
		require.Equal(t, text, w.Typed)
	}
	require.Equal(t, 1, v.Complete("-s", 2).From, "what is left out stays so")
	require.Equal(t, 8, v.Complete("service=ca and more", 10).From, "in the middle of a text")
	v.Quoted = true
	w := v.Complete(`{service="ca`, 12)
	require.Equal(t, []string{`"cart"`}, w.List)
	require.Equal(t, 9, w.From, "the quote that was typed is taken over")
	require.Equal(t, []string{"status="}, v.Complete(`{service="cart", st`, 19).List)
}
