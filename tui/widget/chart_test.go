package widget_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// chart is a panel over 100 seconds whose value is f.
func chart(unit string, f func(i int) float64) widget.ChartData {
	s := signal.Series{Name: "a"}
	for i := range 100 {
		s.Samples = append(s.Samples, signal.Sample{T: t0.Add(time.Duration(i) * time.Second), V: f(i)})
	}
	return widget.ChartData{Panel: signal.Panel{Title: "latency", Unit: unit, Series: []signal.Series{s}},
		Window: signal.Window{From: t0, To: t0.Add(100 * time.Second)}, Picked: -1}
}

func draw(t *testing.T, p widget.Pen, d widget.ChartData, w, h int) []string {
	t.Helper()
	var c widget.Chart
	rows := c.Rows(p, d, w, h)
	require.Len(t, rows, h)
	for i, r := range rows {
		require.Equal(t, w, ansi.StringWidth(r), "row %d", i)
		rows[i] = ansi.Strip(r)
	}
	return rows
}

func TestChartShowsUnitsLimitAndLastValue(t *testing.T) {
	d := chart("s", func(i int) float64 { return 0.1 + float64(i)/1000 })
	d.Panel.Bound = 0.15
	text := strings.Join(draw(t, pen(t, "mono"), d, 60, 10), "\n")
	for _, want := range []string{"latency", "limit 150 ms", "199 ms", "200 ms ┤", "150 ms ┤", "0 s ┤", "12:00", "┄"} {
		require.Contains(t, text, want)
	}
}

// TestChartLeavesGaps: where there is no number there is no line.
func TestChartLeavesGaps(t *testing.T) {
	d := chart("", func(i int) float64 {
		if i >= 40 && i < 60 {
			return math.NaN()
		}
		return 5
	})
	rows := draw(t, pen(t, "mono"), d, 59, 8)
	line := ""
	for _, r := range rows[1:] {
		if strings.ContainsAny(r, "⠁⠉⠒⠤⣀⠂⠄⡀⠈⠐⠠⢀") {
			line = string([]rune(r)[9:])
		}
	}
	require.NotEmpty(t, line, strings.Join(rows, "\n"))
	cells := []rune(line)
	require.Equal(t, 50, len(cells))
	require.NotEqual(t, ' ', cells[10])
	require.Equal(t, "        ", string(cells[21:29]))
	require.NotEqual(t, ' ', cells[40])
}

func TestChartMarksBandsWithAndWithoutColour(t *testing.T) {
	d := chart("", func(int) float64 { return 5 })
	d.Bands = []widget.Band{{From: t0.Add(30 * time.Second), To: t0.Add(70 * time.Second), Label: "payment +800ms"}}
	mono := strings.Join(draw(t, pen(t, "mono"), d, 60, 10), "\n")
	require.Contains(t, mono, "payment +800ms")
	require.Contains(t, mono, "░░░░")
	dark := pen(t, "dark")
	var c widget.Chart
	styled := strings.Join(c.Rows(dark, d, 60, 10), "\n")
	require.Contains(t, styled, dark.Shade(themes.Fault))
	require.Contains(t, ansi.Strip(styled), "payment +800ms")
	require.NotContains(t, styled, "░")
}

func TestChartExemplarsCanBeHit(t *testing.T) {
	d := chart("", func(int) float64 { return 5 })
	d.Exemplars = []signal.Exemplar{{T: t0.Add(50 * time.Second), V: 5}, {T: t0.Add(80 * time.Second), V: 1}, {T: t0.Add(time.Hour), V: 1}}
	d.Picked = 1
	var c widget.Chart
	rows := c.Rows(pen(t, "mono"), d, 60, 10)
	found := map[rune]int{}
	for y, r := range rows {
		for x, g := range []rune(ansi.Strip(r)) {
			if g == '◇' || g == '◆' {
				i, ok := c.At(x, y)
				require.True(t, ok)
				found[g] = i + 1
			}
		}
	}
	require.Equal(t, map[rune]int{'◇': 1, '◆': 2}, found)
	_, ok := c.At(0, 0)
	require.False(t, ok)
}

// TestExemplarsNeverHideTheLine: a handful is drawn, beside the line, of those above the limit; the rest can be picked.
func TestExemplarsNeverHideTheLine(t *testing.T) {
	d := chart("s", func(i int) float64 { return 0.1 + 0.3*float64(i/50) })
	bare := draw(t, pen(t, "mono"), d, 60, 10)
	for i := range 100 {
		d.Exemplars = append(d.Exemplars, signal.Exemplar{T: t0.Add(time.Duration(i) * time.Second), V: 0.1 + 0.3*float64(i/50)})
	}
	d.Panel.Bound = 0.2
	var c widget.Chart
	rows := c.Rows(pen(t, "mono"), d, 60, 10)
	signs := 0
	for y, r := range rows {
		for x, g := range []rune(ansi.Strip(r)) {
			was := []rune(bare[y])[x]
			if g == '◇' {
				signs++
				i, ok := c.At(x, y)
				require.True(t, ok)
				require.Greater(t, d.Exemplars[i].V, d.Panel.Bound)
			}
			if was > 0x2800 && was < 0x2900 {
				require.Equal(t, was, g, "the line at %d,%d", x, y)
			}
		}
	}
	require.Greater(t, signs, 0)
	require.LessOrEqual(t, signs, 7)
	d.Picked = 10
	require.Contains(t, ansi.Strip(strings.Join(c.Rows(pen(t, "mono"), d, 60, 10), "\n")), "◆", "the picked one is shown wherever it is")
}

// TestABandsLabelIsWholeOrNotThere.
func TestABandsLabelIsWholeOrNotThere(t *testing.T) {
	for _, wave := range []float64{0, 1, 3, 9} {
		d := chart("", func(i int) float64 { return 5 + wave*math.Sin(float64(i)) })
		d.Bands = []widget.Band{{From: t0.Add(60 * time.Second), To: t0.Add(80 * time.Second), Label: "payment +800ms"}}
		for width := 26; width < 90; width += 3 {
			text := strings.Join(draw(t, pen(t, "dark"), d, width, 7)[1:], "\n")
			if strings.ContainsAny(text, "pymt") {
				require.Contains(t, text, "payment +800ms", "width %d", width)
			}
		}
	}
}

// TestLegendNamesTheWorstFirst and counts what has no room; never half a name.
func TestLegendNamesTheWorstFirst(t *testing.T) {
	d := chart("s", func(int) float64 { return 0.001 })
	d.Panel.Series[0].Name = "0.5"
	for i, name := range []string{"0.95", "0.999", "orders-replica-1", "orders-replica-2", "checkout"} {
		s := chart("s", func(int) float64 { return float64(i + 1) }).Panel.Series[0]
		s.Name = name
		d.Panel.Series = append(d.Panel.Series, s)
	}
	low := draw(t, pen(t, "mono"), d, 50, 7)
	require.Equal(t, "6 checkout 5.00 s  5 orders-replica-2 4.00 s  +4", strings.TrimSpace(low[6]))
	high := draw(t, pen(t, "mono"), d, 70, 10)
	require.Equal(t, "6 checkout 5.00 s  5 orders-replica-2 4.00 s", strings.TrimSpace(high[8]))
	require.Equal(t, "4 orders-replica-1 3.00 s  3 p99.9 2.00 s  2 p95 1.00 s  +1", strings.TrimSpace(high[9]))
}

// TestAMovingWindowMovesTheLineInWholeSteps: between two steps nothing on the screen changes.
func TestAMovingWindowMovesTheLineInWholeSteps(t *testing.T) {
	d := chart("", func(i int) float64 { return float64(i % 7) })
	pictures := map[string]bool{}
	for i := range 100 {
		from := t0.Add(time.Duration(i) * 100 * time.Millisecond)
		d.Window = signal.Window{From: from, To: from.Add(100 * time.Second)}
		rows := draw(t, pen(t, "mono"), d, 59, 10)
		pictures[strings.Join(rows[1:8], "\n")] = true
	}
	require.LessOrEqual(t, len(pictures), 12, "one for each second of ten")
}

func TestChartSaysWhyItIsEmpty(t *testing.T) {
	d := widget.ChartData{Panel: signal.Panel{Title: "p", Err: "no service reports this metric yet"}, Picked: -1}
	require.Contains(t, strings.Join(draw(t, pen(t, "dark"), d, 40, 6), "\n"), "no service reports this metric yet")
	d.Panel.Err = ""
	require.Contains(t, strings.Join(draw(t, pen(t, "dark"), d, 40, 6), "\n"), "no samples")
}

// TestSeriesAreToldApartWithoutColour: the legend's number stands at the end of the line.
func TestSeriesAreToldApartWithoutColour(t *testing.T) {
	d := chart("", func(int) float64 { return 8 })
	low := chart("", func(int) float64 { return 1 }).Panel.Series[0]
	low.Name = "b"
	d.Panel.Series = append(d.Panel.Series, low)
	rows := draw(t, pen(t, "mono"), d, 60, 12)
	require.Contains(t, rows[len(rows)-1], "1 a 8")
	require.Contains(t, rows[len(rows)-1], "2 b 1")
	ends := ""
	for _, r := range rows[1 : len(rows)-2] {
		ends += strings.TrimSpace(string([]rune(r)[59:]))
	}
	require.Equal(t, "12", ends)
}

func TestChartInASCII(t *testing.T) {
	p := pen(t, "mono")
	p.ASCII = true
	d := chart("s", func(i int) float64 { return float64(i) / 100 })
	d.Panel.Bound = 0.5
	d.Bands = []widget.Band{{From: t0, To: t0.Add(20 * time.Second), Label: "x"}}
	for _, r := range draw(t, p, d, 60, 10) {
		for _, c := range r {
			require.Less(t, c, rune(0x80), "%q", r)
		}
	}
}

// TestChartSurvivesAnything: odd numbers and windows make odd charts, never a panic or a crooked row.
func TestChartSurvivesAnything(t *testing.T) {
	odd := []float64{math.Inf(1), math.Inf(-1), math.NaN(), 1e308, -1e308, 0, 5e-324}
	for n, v := range odd {
		for _, unit := range []string{"s", "%", "bytes", "req/s", ""} {
			d := chart(unit, func(i int) float64 { return map[bool]float64{true: v, false: float64(i)}[i%2 == 0] })
			d.Panel.Bound = odd[(n+1)%len(odd)]
			d.Exemplars = []signal.Exemplar{{T: t0, V: v}}
			d.Bands = []widget.Band{{From: t0.Add(time.Hour), To: t0}, {}}
			d.Mark = t0.Add(3 * time.Second)
			for _, size := range [][2]int{{60, 10}, {24, 4}, {10, 1}, {200, 60}} {
				draw(t, pen(t, "dark"), d, size[0], size[1])
			}
			d.Window = signal.Window{From: t0, To: t0}
			draw(t, pen(t, "dark"), d, 60, 10)
		}
	}
}
