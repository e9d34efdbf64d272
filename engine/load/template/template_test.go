package template

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func rng(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

func TestValues(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", `^$`},
		{"/plain", `^/plain$`},
		{"/{{n}}/x", `^/42/x$`},
		{"{{ random 7 7 }}", `^7$`},
		{"{{random -5 5}}", `^-?[0-5]$`},
		{"{{random -9223372036854775808 9223372036854775806}}", `^-?\d+$`},
		{"{{pick a b}}{{pick c}}", `^[ab]c$`},
		{"a{b}}c", `^a\{b\}\}c$`},
		{"{{uuid}}", `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`},
	} {
		c, err := Compile(tc.text, nil)
		require.NoError(t, err, tc.text)
		for seed := range uint64(20) {
			require.Regexp(t, regexp.MustCompile(tc.want), string(c.Append(nil, &Values{N: 42, Plan: rng(seed), Fresh: rng(seed + 1)})))
		}
	}
}

func TestBadValuesSayWhatIsRight(t *testing.T) {
	for text, want := range map[string]string{
		"{{}}":              "is empty",
		"{{n":               "not closed",
		"{{n 1}}":           "takes no arguments",
		"{{random 1}}":      "two whole numbers",
		"{{random 5 1}}":    "lower one first",
		"{{random a b}}":    "lower one first",
		"{{pick}}":          "at least one word",
		"{{exec rm -rf /}}": "unknown value {{exec}}: use one of n, user, uuid, random, text, pick, time",
		"{{\x1b[31m}}":      `unknown value {{\x1b[31m}}`,
		"{{random -9223372036854775808 9223372036854775807}}": "lower one first",
	} {
		_, err := Compile(text, nil)
		require.ErrorContains(t, err, want, text)
	}
}

func TestSeedRepeatsWhatIsAskedAndNeverWhatMustBeUnique(t *testing.T) {
	c, err := Compile("{{random 1 1000000}} {{pick a b c d e f}}|{{uuid}}", nil)
	require.NoError(t, err)
	render := func(plan, fresh uint64) (string, string) {
		a, b, _ := strings.Cut(string(c.Append(nil, &Values{N: 1, Plan: rng(plan), Fresh: rng(fresh)})), "|")
		return a, b
	}
	a1, u1 := render(1, 1)
	a2, u2 := render(1, 2)
	a3, _ := render(2, 1)
	require.Equal(t, a1, a2)
	require.NotEqual(t, u1, u2)
	require.NotEqual(t, a1, a3)
}

func TestAppendDoesNotAllocate(t *testing.T) {
	c, err := Compile("/p/{{random 1 100}}/{{uuid}}/{{n}}/{{pick a b}}", nil)
	require.NoError(t, err)
	require.False(t, c.Static())
	dst, a, b := make([]byte, 0, 256), rng(1), rng(2)
	require.Zero(t, testing.AllocsPerRun(100, func() { dst = c.Append(dst[:0], &Values{N: 7, Plan: a, Fresh: b}) }))
}

func TestExpand(t *testing.T) {
	lookup := func(name string) (string, bool) {
		v, ok := map[string]string{"gateway": "http://h:1", "empty": ""}[name]
		return v, ok
	}
	for text, want := range map[string]string{
		"${gateway}/x${empty}y": "http://h:1/xy",
		"$${gateway} costs $5":  "${gateway} costs $5",
		"plain":                 "plain",
	} {
		got, err := Expand(text, lookup)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := Expand("a ${nope} b", lookup)
	require.ErrorContains(t, err, "variable ${nope} is not set")
	_, err = Expand("a ${nope", lookup)
	require.ErrorContains(t, err, "not closed")
}

func FuzzCompile(f *testing.F) {
	f.Add("/p/{{random 1 100}}/{{uuid}}/${x}")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Compile(text, nil)
		if err != nil {
			return
		}
		got := string(c.Append(nil, &Values{N: 3, Plan: rng(1), Fresh: rng(2)}))
		if c.Static() && got != text {
			t.Fatalf("static text changed: %q became %q", text, got)
		}
	})
}
