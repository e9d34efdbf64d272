package dashboard

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

const moreJSON = `{"title":"more","schemaVersion":39,"panels":[
 {"type":"gauge","title":"of 50 to 250","gridPos":{"y":1},"targets":[{"expr":"up"}],"fieldConfig":{"defaults":{"min":50,"max":250,
  "thresholds":{"mode":"percentage","steps":[{"color":"green","value":null},{"color":"orange","value":70},{"color":"red","value":90}]}}}},
 {"type":"gauge","title":"of percents","gridPos":{"y":2},"targets":[{"expr":"up"}],"fieldConfig":{"defaults":{"unit":"percentunit",
  "thresholds":{"mode":"percentage","steps":[{"color":"green","value":null},{"color":"red","value":80}]}}}},
 {"type":"stat","title":"of what comes","gridPos":{"y":3},"targets":[{"expr":"up"}],"fieldConfig":{"defaults":{
  "thresholds":{"mode":"percentage","steps":[{"color":"green","value":null},{"color":"red","value":80}]}}}},
 {"type":"stat","title":"by expression","gridPos":{"y":4},"targets":[{"expr":"up"}],"fieldConfig":{"defaults":{"mappings":[
  {"type":"regex","options":{"pattern":"/^5(\\d\\d)$/","result":{"text":"broken $1 for US$","color":"red"}}},
  {"type":"regex","options":{"pattern":"2..","result":{"color":"green"}}},
  {"type":"regex","options":{"pattern":"/(?=x)/","result":{"text":"never"}}},
  {"type":"regex","options":{"pattern":"/\\.5/","result":{"text":"½"}}}]}}},
 {"type":"timeseries","title":"by query","gridPos":{"y":5},"targets":[{"refId":"A","expr":"up"},{"refId":"C","expr":"hidden","hide":true},{"refId":"B","expr":"up"}],
  "fieldConfig":{"defaults":{},"overrides":[
   {"matcher":{"id":"byType","options":"number"},"properties":[{"id":"unit","value":"s"}]},
   {"matcher":{"id":"byType","options":"time"},"properties":[{"id":"unit","value":"dateTimeAsIso"}]},
   {"matcher":{"id":"byFrameRefID","options":"B"},"properties":[{"id":"unit","value":"bytes"}]},
   {"matcher":{"id":"byFrameRefID","options":"C"},"properties":[{"id":"unit","value":"bits"}]},
   {"matcher":{"id":"byNames","options":{"mode":"exclude","names":["cart","checkout"]}},"properties":[{"id":"custom.hideFrom","value":{"viz":true}}]}]}}
]}`

// TestWhatGrafanaJudgesByIsConverted: percentages of a range, expressions for values, and overrides by type, query and names.
func TestWhatGrafanaJudgesByIsConverted(t *testing.T) {
	d, cover, err := FromGrafana("more.json", "more", []byte(moreJSON))
	require.NoError(t, err)
	table := cover.String()
	for _, want := range []string{"counted from 0 to 1", "give the panel min and max", "the expression /(?=x)/ is none of Go's", "no series is of the type time", "series are not found by byFrameRefID"} {
		require.Contains(t, table, want)
	}
	again, err := Parse("again.yaml", d.YAML())
	require.NoError(t, err, "%s", d.YAML())
	require.Equal(t, d, again, "what is written is read back")

	levels := func(title string, values ...float64) (out []signal.Outcome) {
		b := titled(t, again, title).Evaluate(t.Context(), three{}, 0, nil, shapeSpan)
		for _, v := range values {
			out = append(out, b.Level(v))
		}
		return out
	}
	require.Equal(t, []signal.Outcome{signal.Good, signal.Warning, signal.Warning, signal.Bad}, levels("of 50 to 250", 189, 190, 229, 230))
	require.Equal(t, []signal.Outcome{signal.Good, signal.Bad}, levels("of percents", 0.79, 0.8))
	require.Empty(t, titled(t, again, "of what comes").Thresholds)

	b := titled(t, again, "by expression").Evaluate(t.Context(), three{}, 0, nil, shapeSpan)
	require.Equal(t, "broken 03 for US$", b.Mapping(503).Text)
	require.Equal(t, signal.Bad, b.Level(503))
	require.Equal(t, signal.Good, b.Level(204))
	require.Empty(t, b.Mapping(204).Text, "the value, judged")
	require.Nil(t, b.Mapping(2040), "without slashes an expression is of the whole value")
	require.Equal(t, "7½", b.Mapping(7.5).Text)
	require.Nil(t, b.Mapping(math.NaN()))

	lines := titled(t, again, "by query").Evaluate(t.Context(), three{}, 0, nil, shapeSpan)
	var got []string
	for i, s := range lines.Series {
		got = append(got, s.Name+" "+lines.Formats[i].Unit)
	}
	require.Equal(t, []string{"cart s", "checkout s", "cart bytes", "checkout bytes"}, got)

	_, err = Parse("x.yaml", []byte(`apiVersion: gameday/v1
kind: Dashboard
metadata: {name: x}
rows: [{panels: [{targets: [{expr: up}], overrides: [{unit: s}, {query: 2, unit: s}], mappings: [{match: "(", text: x}]}]}]
`))
	for _, want := range []string{"says of no series what to change", "there is no query 2: the panel has 1", "mappings[0].match"} {
		require.ErrorContains(t, err, want)
	}
}
