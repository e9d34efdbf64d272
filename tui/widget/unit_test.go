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

func TestGrafanasUnits(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit string
		want string
	}{
		{0.143, "s", "143 ms"}, {2, "m", "2m00s"}, {36, "h", "36h00m"}, {1500, "ns", "1 µs"}, {1536, "bytes", "1.5 KiB"}, {1500, "decbytes", "1.5 kB"},
		{2048, "kbytes", "2 MiB"}, {1.2e6, "bps", "1.2 Mb/s"}, {1.2e6, "Bps", "1.2 MB/s"}, {4096, "binBps", "4 KiB/s"}, {12, "percent", "12 %"},
		{0.0234, "percentunit", "2.3 %"}, {39.7, "reqps", "39.7 req/s"}, {1200, "short", "1.2k"}, {3, "none", "3"}, {1, "bool_yes_no", "yes"}, {0, "bool", "false"},
		{255, "hex0x", "0xff"}, {1.8e12, "dateTimeAsIso", "2027-01-15 08:00:00"}, {7, "suffix:widgets", "7 widgets"}, {7, "prefix:#", "#7"}, {21, "celsius", "21 °C"}, {5, "odd", "5 odd"},
		{math.NaN(), "decbytes", "–"},
	} {
		require.Equal(t, c.want, widget.Value(c.v, c.unit), "%v %s", c.v, c.unit)
	}
	require.Equal(t, "2.346 %", widget.Decimals(0.023456, "percentunit", 3))
	require.Equal(t, "3.10", widget.Decimals(3.1, "short", 2))
}

func theme(t *testing.T) *themes.Theme {
	t.Helper()
	th, err := themes.ByName("mono")
	require.NoError(t, err)
	return th
}

func TestALogarithmicAxisShowsEveryDecade(t *testing.T) {
	to := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := signal.Window{From: to.Add(-time.Minute), To: to}
	var s signal.Series
	for i := range 61 {
		s.Samples = append(s.Samples, signal.Sample{T: w.From.Add(time.Duration(i) * time.Second), V: math.Pow(10, float64(i%5))})
	}
	p := widget.Pen{Theme: theme(t)}
	c := &widget.Chart{}
	text := ansi.Strip(strings.Join(c.Rows(p, widget.ChartData{Panel: signal.Panel{Series: []signal.Series{s}}, Window: w, Picked: -1, Log: true}, 80, 20), "\n"))
	for _, tick := range []string{" 10k ┤", " 1k ┤", "100 ┤", " 10 ┤", "  1 ┤"} {
		require.Contains(t, text, tick)
	}
	s.Samples = []signal.Sample{{T: w.From, V: 0}, {T: w.To, V: -1}}
	require.NotPanics(t, func() {
		c.Rows(p, widget.ChartData{Panel: signal.Panel{Series: []signal.Series{s}}, Window: w, Picked: -1, Log: true}, 80, 20)
	}, "nothing lies above zero: the axis is linear")
}

func TestBucketsThatHoldNothingAreLeftOut(t *testing.T) {
	to := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := signal.Window{From: to.Add(-time.Minute), To: to}
	var all []signal.Series
	for i, le := range []string{"0.1", "0.2", "0.4", "0.8", "1.6", "+Inf"} {
		v := 0.0
		if i == 2 {
			v = 5
		}
		all = append(all, signal.Series{Labels: signal.Attrs{{Key: "le", Value: le}}, Samples: []signal.Sample{{T: w.From, V: v}, {T: w.To, V: v}}})
	}
	text := strings.Join(widget.Pen{Theme: theme(t)}.Buckets("", all, "s", w, 60, 10), "\n")
	require.Contains(t, text, "400 ms")
	require.Contains(t, text, "800 ms", "and one beside it on each side")
	require.NotContains(t, text, "1.60 s")
	require.NotContains(t, text, "more")
}
