package dashboard

import (
	"context"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/driver"
	"gameday/sources/signal"
)

// three answers everything with three series of a few points.
type three struct{ Asker }

func (three) Metrics(string) (driver.Metrics, error) { return threeDB{}, nil }

type threeDB struct{}

func (threeDB) Range(_ context.Context, _ string, w signal.Window, step time.Duration) (out []signal.Series, err error) {
	for i, name := range []string{"cart", "checkout", "payment-exporter"} {
		s := signal.Series{Name: name, Labels: signal.Attrs{{Key: "job", Value: name}, {Key: "instance", Value: fmt.Sprint(i)}}}
		for at := w.From; !at.After(w.To); at = at.Add(step) {
			v := float64(i + 1)
			if i == 1 && at.Equal(w.From) {
				v = math.NaN()
			}
			s.Samples = append(s.Samples, signal.Sample{T: at, V: v})
		}
		out = append(out, s)
	}
	return out, nil
}

func (d threeDB) Instant(ctx context.Context, q string, at time.Time) ([]signal.Series, error) {
	return d.Range(ctx, q, signal.Window{From: at.Add(-time.Second), To: at}, time.Second)
}

func (threeDB) Exemplars(context.Context, string, signal.Window) ([]signal.Exemplar, error) {
	return nil, nil
}

var shapeSpan = Span{From: time.Unix(100, 0), To: time.Unix(103, 0), Step: time.Second, Scrape: time.Second}

func readShaped(t *testing.T) *Dashboard {
	t.Helper()
	data, err := os.ReadFile("testdata/shaped.json")
	require.NoError(t, err)
	d, cover, err := FromGrafana("shaped.json", "shaped", data)
	require.NoError(t, err)
	table := cover.String()
	for _, want := range []string{"row repeated for each value", "copy of a row that repeats", "stacking", "value mappings", "transformation renameByRegex",
		"transformation organize", "there is no variable \"nobody\"", "not heeded: mappings", "series are not found by byValue", "they change colours and lines", "transformation filterByValue"} {
		require.Contains(t, table, want)
	}
	again, err := Parse("again.yaml", d.YAML())
	require.NoError(t, err, "%s", d.YAML())
	require.Equal(t, d, again, "what is written is read back")
	return again
}

func titled(t *testing.T, d *Dashboard, title string) *Panel {
	t.Helper()
	for _, p := range d.Panels() {
		if p.Title == title {
			return p
		}
	}
	require.Fail(t, "no panel "+title)
	return nil
}

func TestRowsAndPanelsRepeat(t *testing.T) {
	d := readShaped(t)
	vars := []signal.BoardVar{{Name: "job", Chosen: []string{All}, Options: []signal.BoardOption{{Text: "All", Value: All}, {Text: "cart", Value: "cart"}, {Text: "Checkout", Value: "checkout"}}}}
	values := Values{"job": {Values: []string{"cart", "checkout"}, Texts: []string{"cart", "Checkout"}, Many: true}}
	var got []string
	for _, l := range d.Lay(vars, values) {
		b := l.Panel.Bare(0, l.Values, shapeSpan)
		row := ""
		if l.NewRow {
			row = "[" + ExpandText(l.Row, l.Values, shapeSpan) + "] "
		}
		got = append(got, row+b.Title+" "+b.Query)
	}
	require.Equal(t, []string{`[of cart] lines up{job="cart"}`, `[of Checkout] lines up{job="checkout"}`, `[rest] cart is up{job="cart"}`, `Checkout is up{job="checkout"}`,
		"all up", "old up", "only up", "share up", "lost up"}, got)
	require.Len(t, d.Lay(nil, nil), 7, "before its values are known nothing repeats")

	many := vars[0]
	many.Chosen, many.Options = nil, nil
	for i := range maxRepeats + 5 {
		many.Chosen = append(many.Chosen, fmt.Sprint("s", i))
	}
	laid := d.Lay([]signal.BoardVar{many}, values)
	more := laid[maxRepeats].Panel.Bare(0, values, shapeSpan)
	require.Equal(t, "5 more", more.Title)
	require.Contains(t, more.Text, "choose fewer")
	require.LessOrEqual(t, len(laid), maxPanels)
}

func TestLinesStandOnOneAnother(t *testing.T) {
	d := readShaped(t)
	b := titled(t, d, "lines").Evaluate(t.Context(), three{}, 0, Values{}, shapeSpan)
	require.True(t, b.Stacked)
	require.Equal(t, []string{"the $cart", "payment!"}, []string{b.Series[0].Name, b.Series[1].Name}, "renamed, and what is hidden is left out")
	require.Equal(t, []float64{1, 3}, b.Values, "figures are their own")
	require.Equal(t, 4.0, b.Series[1].Samples[3].V)
	require.Equal(t, signal.BoardFormat{Unit: "bytes"}, b.Formats[0])
	require.Empty(t, b.Formats[1].Unit)

	share := titled(t, d, "share").Evaluate(t.Context(), three{}, 0, Values{}, shapeSpan)
	require.Equal(t, "percent", share.Unit)
	require.InDelta(t, 100, share.Series[2].Samples[3].V, 1e-9)
	require.InDelta(t, 25, share.Series[1].Samples[0].V, 1e-9, "no value is nothing")
	require.InDeltaSlice(t, []float64{100.0 / 6, 200.0 / 6, 50}, share.Values, 1e-9)
}

func TestWordsForValues(t *testing.T) {
	d := readShaped(t)
	b := titled(t, d, "$job is").Bare(0, Values{}, shapeSpan)
	text := func(v float64) string {
		if m := b.Mapping(v); m != nil {
			return m.Text
		}
		return ""
	}
	require.Equal(t, []string{"UP", "DOWN", "two", "gone", ""}, []string{text(1), text(0), text(2.5), text(math.NaN()), text(7)})
	require.Equal(t, signal.Good, b.Level(1))
	require.Equal(t, signal.Bad, b.Level(0))
	old := titled(t, d, "old").Bare(0, Values{}, shapeSpan)
	require.Equal(t, "three", old.Mapping(3).Text)
	require.Equal(t, "N/A", old.Mapping(math.NaN()).Text)
}

func TestColumnsAndFilters(t *testing.T) {
	d := readShaped(t)
	b := titled(t, d, "all").Bare(0, Values{}, shapeSpan)
	require.Equal(t, []signal.BoardColumn{{Name: "instance", Hidden: true}, {Name: "Value", Title: "Up"}, {Name: "job", Title: "Service"}}, b.Columns)
	only := titled(t, d, "only").Evaluate(t.Context(), three{}, 0, Values{}, shapeSpan)
	require.Len(t, only.Series, 1)
	require.Equal(t, "cart", only.Series[0].Name)
	require.Len(t, only.Values, 1)
}

func TestFaultsInTheShapeAreReported(t *testing.T) {
	_, err := Parse("x.yaml", []byte(`apiVersion: gameday/v1
kind: Dashboard
metadata: {name: x}
rows:
- panels:
  - type: stat
    stack: normal
    mappings: [{text: nothing}]
    overrides: [{series: "(", decimals: 11}]
    targets: [{expr: up}]
`))
	for _, want := range []string{"stack", "mappings[0]", "overrides[0].series", "overrides[0].decimals"} {
		require.ErrorContains(t, err, want)
	}
}

// TestWhatIsLostTakesItsShapeAlong: a panel that cannot be drawn, and a variable that is not asked for, are written so that they are read back.
func TestWhatIsLostTakesItsShapeAlong(t *testing.T) {
	d, _, err := FromGrafana("x.json", "x", []byte(`{"title":"x","schemaVersion":39,"templating":{"list":[{"name":"v","type":"custom","query":"a,b","regex":"/(("}]},
"panels":[{"type":"timeseries","title":"sql","fieldConfig":{"defaults":{"custom":{"stacking":{"mode":"normal"}}}},"targets":[{"rawSql":"select 1"}]}]}`))
	require.NoError(t, err)
	again, err := Parse("again.yaml", d.YAML())
	require.NoError(t, err, "%s", d.YAML())
	require.Equal(t, d, again)
}
