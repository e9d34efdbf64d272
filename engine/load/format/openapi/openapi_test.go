package openapi

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/engine/load"
	"gameday/engine/load/format"
)

const fixture = "../../../../testdata/load/formats/shop-openapi.yaml"

func TestDocument(t *testing.T) {
	data, err := os.ReadFile(fixture)
	require.NoError(t, err)
	res, err := Convert(data, Options{})
	require.NoError(t, err)
	require.Equal(t, "https://eu.shop.example.com", res.Plan.Target)
	steps := map[string]load.Step{}
	for _, st := range res.Plan.Scenarios[0].Mix {
		steps[st.Name] = st
	}
	require.Len(t, steps, 5)
	require.Equal(t, "/v2/products?limit={{random 10 50}}&kind={{pick shoes hats}}", steps["listProducts"].Path)
	require.Equal(t, "/v2/orders/{{uuid}}/lines/first%20line", steps["getLine"].Path)
	require.Equal(t, "Bearer ${env:API_TOKEN}", steps["listProducts"].Headers["Authorization"])
	require.NotContains(t, steps["deleteProduct"].Headers, "Authorization", "security: [] switches it off")
	body := steps["POST /products"].Body
	require.Equal(t, `{"name":"Boots {{pick {{}}x}}","price":5,"tags":["text"]}`, body, "required only, nothing read-only, no circle, braces escaped")
	require.Equal(t, 3, res.Coverage.Count(format.NotConverted))
	for _, want := range []string{"leads out of the document", "not described", "binary"} {
		require.Contains(t, res.Coverage.String(), want)
	}
}

func TestJSONAndYAMLAreTheSame(t *testing.T) {
	data, err := os.ReadFile(fixture)
	require.NoError(t, err)
	root, err := parse(data)
	require.NoError(t, err)
	asJSON, err := json.Marshal(root)
	require.NoError(t, err)
	one, err := Convert(data, Options{})
	require.NoError(t, err)
	two, err := Convert(asJSON, Options{})
	require.NoError(t, err)
	require.Equal(t, string(one.YAML), string(two.YAML))
}

func TestHostileDocuments(t *testing.T) {
	for name, text := range map[string]string{
		"empty":      "",
		"list":       "- a",
		"swagger 2":  "swagger: '2.0'",
		"no version": "paths: {}",
		"circle":     `{"openapi":"3.1.0","paths":{"/a":{"$ref":"#/paths/~1a"}}}`,
		"nothing":    `{"openapi":"3.1.0","paths":{"/a":{"get":{"parameters":[{"$ref":"http://evil/x"}]}}}}`,
	} {
		_, err := Convert([]byte(text), Options{})
		require.Error(t, err, name)
	}
	// A schema that unfolds to billions is cut.
	var b strings.Builder
	b.WriteString(`{"openapi":"3.1.0","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/S0"}}}},"responses":{}}}},"components":{"schemas":{`)
	for i := range 11 {
		b.WriteString(`"S` + string(rune('0'+i)) + `":{"properties":{`)
		for j := range 10 {
			b.WriteString(`"p` + string(rune('0'+j)) + `":{"$ref":"#/components/schemas/S` + string(rune('1'+i)) + `"},`)
		}
		b.WriteString(`"x":{"type":"string"}}},`)
	}
	b.WriteString(`"T":{}}}}`)
	_, _ = Convert([]byte(b.String()), Options{}) // it returns: that is the test
}

func FuzzOpenAPI(f *testing.F) {
	data, err := os.ReadFile(fixture)
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{"openapi":"3.0.0","paths":{"/{a}":{"get":{"parameters":[{"name":"a","in":"path","schema":{"enum":["{{"]}}]}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if res, err := Convert(data, Options{}); err == nil {
			require.NotNil(t, res.Plan)
		}
	})
}
