package widget

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlace(t *testing.T) {
	list := []string{"", "a", "", "b", "", "", "c"}
	thing := func(i int) string { return list[i] }
	any := func(string) bool { return true }
	p := &Place[string]{Top: 99}
	require.Equal(t, -1, p.Find(len(list), thing))
	p.Settle(len(list), thing, 3)
	require.Equal(t, Place[string]{At: "a", Top: 4}, *p, "the first thing, and not beyond the end")
	require.True(t, p.Step(len(list), thing, 1, 3, any))
	require.Equal(t, Place[string]{At: "b", Top: 3}, *p, "scrolled no further than needed")
	require.False(t, p.Step(len(list), thing, 1, 3, func(s string) bool { return s == "a" }), "it lies the other way")
	require.Equal(t, "b", p.At)
	require.True(t, p.Step(len(list), thing, 1, 3, any))
	require.Equal(t, Place[string]{At: "c", Top: 4}, *p)
	require.False(t, p.Step(len(list), thing, 1, 3, any))
	p.Scroll(len(list), -100, 3)
	require.Equal(t, Place[string]{At: "c", Top: 0}, *p)
	list = list[:4]
	p.Settle(len(list), thing, 30)
	require.Equal(t, Place[string]{At: "a"}, *p, "what it was on is gone")
	p.Settle(0, thing, 30)
	require.Equal(t, Place[string]{}, *p)
}
