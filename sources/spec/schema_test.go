package spec_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/sources/spec"
)

func (*source) JSONSchema() map[string]any {
	return map[string]any{"oneOf": []any{map[string]any{"type": "string"}, spec.Ref{V: step{}}}}
}

func TestSchema(t *testing.T) {
	out, err := spec.Schema("Plan", plan{})
	require.NoError(t, err)
	var m struct {
		Schema     string `json:"$schema"`
		Title      string
		Required   []string
		Additional *bool `json:"additionalProperties"`
		Properties map[string]map[string]any
		Defs       map[string]struct {
			Properties map[string]map[string]any
			Required   []string
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(out, &m))
	require.Equal(t, "https://json-schema.org/draft/2020-12/schema", m.Schema)
	require.Equal(t, "Plan", m.Title)
	require.Equal(t, []string{"name"}, m.Required)
	require.False(t, *m.Additional)
	require.Equal(t, "what people read", m.Properties["title"]["description"], "an inlined struct's fields are the document's")
	require.Equal(t, []any{"all", "one", "some"}, m.Properties["pick"]["enum"])
	require.Equal(t, "integer", m.Properties["maybe"]["type"])
	require.Equal(t, "array", m.Properties["steps"]["type"])
	require.Equal(t, "#/$defs/step", m.Defs["step"].Properties["sub"]["items"].(map[string]any)["$ref"], "a type may hold itself")
	require.Equal(t, "#/$defs/step", m.Properties["from"]["oneOf"].([]any)[1].(map[string]any)["$ref"])
	require.NotContains(t, m.Properties, "hidden")

	_, err = spec.Schema("x", 3)
	require.EqualError(t, err, "make a JSON schema of int: it is not a struct")
}
