package payload

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/template"
)

func TestBodies(t *testing.T) {
	v := &template.Values{N: 7, Plan: rand.New(rand.NewPCG(1, 1)), Slots: [][]byte{[]byte("ada")}}
	names := func(name string) (int, bool) { return 0, name == "user_name" }
	for text, want := range map[string]string{
		"":                             "",
		"plain":                        "plain",
		"n={{n}} {{user_name}}\r\n":    "n=7 ada\r\n",
		"hex: 48 65 6C 6c6F":           "Hello",
		"base64:SGVs bG8=":             "Hello",
		"text:hex:48":                  "hex:48",
		"hexagon: {{n}}":               "hexagon: 7",
		"{\"hex\":\"a\", \"n\":{{n}}}": "{\"hex\":\"a\", \"n\":7}",
	} {
		b, err := Compile(text, names)
		require.NoError(t, err, text)
		require.Equal(t, "<"+want, string(b.Append([]byte("<"), v)), text)
	}
	for text, want := range map[string]string{
		"hex:4":        "hex: wants pairs",
		"hex:zz":       "hex: wants pairs",
		"base64:a":     "base64: wants standard",
		"{{nonsense}}": "nonsense",
	} {
		_, err := Compile(text, names)
		require.ErrorContains(t, err, want, text)
	}
}

func TestExpectations(t *testing.T) {
	for _, c := range []struct {
		expect       Expect
		answer, sent string
		err          error
	}{
		{Expect{}, "anything", "x", nil},
		{Expect{Exact: "PONG"}, "PONG", "x", nil},
		{Expect{Exact: "hex:504f4e47"}, "PONG", "x", nil},
		{Expect{Exact: "PONG"}, "PONG ", "x", errNotExact},
		{Expect{Contains: "ON"}, "PONG", "x", nil},
		{Expect{Contains: "on"}, "PONG", "x", errNotIn},
		{Expect{Regex: "^P.+G$"}, "PONG", "x", nil},
		{Expect{Regex: "^O"}, "PONG", "x", errNotMatched},
		{Expect{Contains: "O", Regex: "^O"}, "PONG", "x", errNotMatched},
		{Expect{Echo: true}, "x", "x", nil},
		{Expect{Echo: true}, "y", "x", errNoEcho},
	} {
		check, err := c.expect.Compile()
		require.NoError(t, err)
		require.Equal(t, c.err, check.Err([]byte(c.answer), []byte(c.sent)), "%+v", c)
	}
}

func TestWrongExpectationsAreReported(t *testing.T) {
	var got []string
	report := func(path, format string, args ...any) { got = append(got, path+": "+fmt.Sprintf(format, args...)) }
	e := Expect{Exact: "hex:4", Contains: "base64:%", Regex: "(", Echo: true}
	e.Validate("expect", report)
	require.Len(t, got, 4)
	for _, broken := range []Expect{{Exact: "hex:4"}, {Contains: "hex:4"}, {Regex: "("}} {
		_, err := broken.Compile()
		require.Error(t, err)
	}
}
