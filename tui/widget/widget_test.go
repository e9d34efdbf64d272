package widget_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"gameday/themes"
	"gameday/tui/widget"
)

func pen(t *testing.T, theme string) widget.Pen {
	t.Helper()
	th, err := themes.ByName(theme)
	require.NoError(t, err)
	return widget.Pen{Theme: th}
}

func TestRowIsCutWithAMark(t *testing.T) {
	p := pen(t, "mono")
	for _, c := range []struct {
		want  string
		width int
		segs  []widget.Seg
	}{
		{"ab   ", 5, []widget.Seg{{Text: "ab"}}},
		{"abcde", 5, []widget.Seg{{Text: "ab"}, {Text: "cde"}}},
		{"abcd…", 5, []widget.Seg{{Text: "ab"}, {Text: "cdef"}}},
		{"abcde", 5, []widget.Seg{{Text: "abcde"}, {Text: "   "}}},  // nothing but blanks is lost
		{"abcd…", 5, []widget.Seg{{Text: "abcde"}, {Text: "   x"}}}, // something is
		{"ab …", 4, []widget.Seg{{Text: "ab家族"}}},                   // a wide character does not fit before the mark
		{"家族", 4, []widget.Seg{{Text: "家族"}}},
		{"…", 1, []widget.Seg{{Text: "家族"}}},
		{"a·b", 3, []widget.Seg{{Text: "a\x1bb"}}},
		{"", 0, []widget.Seg{{Text: "abc"}}},
	} {
		require.Equal(t, c.want, ansi.Strip(p.Row(c.width, c.segs...)))
	}
	p.ASCII = true
	require.Equal(t, "abcd~", p.Row(5, widget.Seg{Text: "abcdef"}))
}

func TestSelectedRowIsPaintedAcross(t *testing.T) {
	p := pen(t, "dark")
	row := p.Line(true, 8, widget.Seg{Role: themes.Failed, Text: "bad"})
	require.Equal(t, 8, ansi.StringWidth(row))
	require.Equal(t, p.Theme.PaintOn(themes.Failed, themes.Selected, "bad")+p.Theme.PaintOn(themes.Selected, themes.Selected, "     "), row)
	require.NotEqual(t, row, p.Line(false, 8, widget.Seg{Role: themes.Failed, Text: "bad"}))
}

func TestAlignmentIsNotUnderlined(t *testing.T) {
	p := pen(t, "mono")
	require.Equal(t, "  "+p.Theme.Paint(themes.Failed, "x y")+"  ", p.Row(7, widget.Seg{Role: themes.Failed, Text: "  x y  "}))
}

// TestRowWidth: whatever the text, a row has its width, by either way terminals count.
func TestRowWidth(t *testing.T) {
	p := pen(t, "dark")
	rng := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("ab \u0301\u200d\u200b家🏳\ufe0f🌈👩🇩🇪ﷺ❤\u0e33\x1b\t…·\u202e")
	for range 1500 {
		segs := make([]widget.Seg, rng.IntN(4))
		for i := range segs {
			var b strings.Builder
			for range rng.IntN(12) {
				b.WriteRune(alphabet[rng.IntN(len(alphabet))])
			}
			segs[i] = widget.Seg{Role: themes.Role(rng.IntN(int(themes.NumRoles))), Text: b.String()}
		}
		width := rng.IntN(20)
		row := p.Line(rng.IntN(2) == 0, width, segs...)
		require.Equal(t, width, ansi.StringWidth(row), "%q of %q", row, segs)
		require.Equal(t, width, ansi.StringWidthWc(row), "%q of %q", row, segs)
	}
}

func FuzzFit(f *testing.F) {
	f.Add("家族 e\u0301 👨‍👩‍👧", 5)
	f.Add("\xff\xfe\x1b[31m", 3)
	p := widget.Pen{}
	f.Fuzz(func(t *testing.T, s string, width int) {
		if width > 200 {
			return
		}
		for _, out := range []string{p.Left(s, width), p.Right(s, width)} {
			require.Equal(t, max(width, 0), widget.Width(out), "%q", out)
		}
		for _, line := range widget.Wrap(s, width) {
			require.LessOrEqual(t, widget.Width(line), max(width, 1))
		}
	})
}

func TestFormats(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ns", 820 * time.Nanosecond: "820 ns", 850 * time.Microsecond: "850 µs", 3420 * time.Microsecond: "3.42 ms", 143 * time.Millisecond: "143 ms",
		999600 * time.Microsecond: "1.00 s", 1240 * time.Millisecond: "1.24 s", 12400 * time.Millisecond: "12.4 s", 59960 * time.Millisecond: "1m00s",
		123 * time.Second: "2m03s", 65 * time.Minute: "1h05m", 100 * time.Hour: "4d04h", -2 * time.Second: "-2.00 s",
	} {
		require.Equal(t, want, widget.Duration(d))
	}
	for v, want := range map[float64]string{0: "0", 0.12: "0.12", 3.4: "3.4", 143: "143", 999.9: "1k", 1234: "1.2k", 12345678: "12.3M", -1500: "-1.5k", 100: "100"} {
		require.Equal(t, want, widget.Number(v))
	}
	require.Equal(t, "–", widget.Number(math.NaN()))
	for v, want := range map[float64]string{0.12: "0.12 %", 1: "1 %", 99.87: "99.87 %", 45.2: "45 %", 0: "0 %", 100: "100 %"} {
		require.Equal(t, want, widget.Percent(v))
	}
	require.Equal(t, "1.5 KiB", widget.Value(1536, "bytes"))
	require.Equal(t, "143 ms", widget.Value(0.143, "s"))
	require.Equal(t, "1.2k req/s", widget.Value(1214, "req/s"))
	require.Equal(t, "00:39", widget.Clock(39*time.Second))
	require.Equal(t, "1:00:00", widget.Clock(time.Hour))
}

func TestBars(t *testing.T) {
	p := pen(t, "mono")
	require.Equal(t, "█████     ", p.Bar(0.5, 10))
	require.Equal(t, "▏         ", p.Bar(0.0001, 10), "something is never nothing")
	require.Equal(t, "██████████", p.Bar(7, 10))
	require.Equal(t, "██░░", p.Progress(0.5, 4))
	require.Equal(t, " ██ ", p.SpanBar(0.25, 0.75, 4))
	require.Equal(t, "▐█▌ ", p.SpanBar(0.125, 0.625, 4))
	require.Equal(t, "▌   ", p.SpanBar(-3, -2, 4), "before the beginning")
	require.Equal(t, "   ▐", p.SpanBar(5, 9, 4), "after the end")
	require.Equal(t, "▁ ▄█", p.Spark([]float64{0, math.NaN(), 5, 10}, 4))
	require.Equal(t, "▁▁", strings.TrimSpace(p.Spark([]float64{99.8, 99.9}, 5)), "a ripple is drawn flat")
	require.Equal(t, []float64{1.5, 3.5}, widget.Squash([]float64{1, 2, 3, 4}, 2))
	p.ASCII = true
	require.Equal(t, "##--", p.Progress(0.5, 4))
	require.Equal(t, "##  ", p.Bar(0.5, 4))
}

func TestTableDropsWhatMattersLeast(t *testing.T) {
	p := pen(t, "mono")
	cols := []widget.Column{{Title: "name", Min: 6}, {Title: "n", Width: 4, Right: true}, {Title: "note", Width: 10, Drop: 1}, {Title: "id", Width: 8, Drop: 2}}
	draw := func(width int) string {
		tab := widget.NewTable(width, cols...)
		return p.Row(width, tab.Segs(p, widget.Seg{Text: "gateway"}, widget.Seg{Text: "12"}, widget.Seg{Text: "hello"}, widget.Seg{Text: "4f2a91c0"})...)
	}
	require.Equal(t, "gateway    12 hello      4f2a91c0", draw(33))
	require.Equal(t, "gateway       12 hello     ", draw(27))
	require.Equal(t, "gateway   12", draw(12))
	require.Equal(t, "gat…", draw(4))
}

func TestListKeepsTheCursorInSight(t *testing.T) {
	var l widget.List
	l.Move(7, 20)
	l.Clamp(20, 5)
	require.Equal(t, widget.List{Cursor: 7, Top: 3}, l)
	l.Move(-5, 20)
	l.Clamp(20, 5)
	require.Equal(t, widget.List{Cursor: 2, Top: 2}, l)
	l.Clamp(2, 5)
	require.Equal(t, widget.List{Cursor: 1, Top: 0}, l)
	l.Clamp(0, 0)
	require.Equal(t, widget.List{}, l)
}

func TestAxis(t *testing.T) {
	require.Equal(t, []float64{0, 50, 100}, widget.Ticks(0, 90, 3, ""))
	require.Equal(t, []float64{-10, 0, 10}, widget.Ticks(-4, 9, 3, ""))
	require.InDelta(t, 0.5, widget.Ceiling(0.41, "s"), 1e-9)
	require.InDelta(t, 1500, widget.Ceiling(1214, "req/s"), 1e-9)
	require.InDelta(t, 40<<20, widget.Ceiling(35<<20, "bytes"), 1)
	for _, v := range []float64{0, -1, math.NaN(), math.Inf(1), 1e-300, 1e300} {
		require.NotPanics(t, func() { widget.Ceiling(v, "s"); widget.Ticks(0, v, 4, "bytes"); widget.Ticks(v, v, 0, "s") })
	}
	from := time.Date(2026, 11, 22, 11, 59, 30, 0, time.UTC)
	at, layout := widget.TimeTicks(from, from.Add(5*time.Minute), 60)
	require.Equal(t, "15:04", layout)
	require.Equal(t, "12:00", at[0].Format(layout))
	require.Len(t, at, 3)
}
