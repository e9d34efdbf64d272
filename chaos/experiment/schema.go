package experiment

import (
	"encoding/json"
	"fmt"

	"gameday/chaos"
	"gameday/sources/spec"
)

// Schema is the JSON Schema of experiments for editors, with the catalog's faults and their arguments.
func Schema(faults []chaos.Fault) ([]byte, error) {
	raw, err := spec.Schema("gameday experiment", Experiment{})
	if err != nil {
		return nil, err
	}
	var schema map[string]any
	if err := json.Unmarshal(raw, &schema); err != nil {
		return nil, fmt.Errorf("make the experiments' JSON schema: %w", err)
	}
	step, ok := dig(schema, "$defs", "Step")
	if !ok {
		return nil, fmt.Errorf("make the experiments' JSON schema: it has no Step")
	}
	if fault, ok := dig(step, "properties", "fault"); ok && len(faults) > 0 {
		delete(fault, "type")
		fault["enum"] = kinds(faults)
	}
	rules := []any{map[string]any{"if": map[string]any{"required": []string{"fault"}}, "then": map[string]any{"required": []string{"target"}}}}
	for _, f := range faults {
		rules = append(rules, map[string]any{
			"if":   map[string]any{"properties": map[string]any{"fault": map[string]any{"const": f.Kind()}}, "required": []string{"fault"}},
			"then": thenSchema(f),
		})
	}
	step["allOf"] = rules
	out, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("make the experiments' JSON schema: %w", err)
	}
	return append(out, '\n'), nil
}

func dig(m map[string]any, keys ...string) (map[string]any, bool) {
	for _, k := range keys {
		next, ok := m[k].(map[string]any)
		if !ok {
			return nil, false
		}
		m = next
	}
	return m, true
}

// thenSchema is what a step must look like when it has the fault.
func thenSchema(f chaos.Fault) map[string]any {
	properties := map[string]any{}
	var required []string
	for _, p := range f.Params() {
		properties[p.Name] = paramSchema(p)
		if p.Required {
			required = append(required, p.Name)
		}
	}
	args := map[string]any{"type": "object", "properties": properties, "additionalProperties": false, "description": f.Help()}
	then := map[string]any{"properties": map[string]any{"args": args}}
	var stepRequires []string
	if len(required) > 0 {
		args["required"] = required
		stepRequires = append(stepRequires, "args")
	}
	if f.Reversible() {
		then["oneOf"] = []any{map[string]any{"required": []string{"for"}}, map[string]any{"required": []string{"untilEnd"}}}
	}
	if len(stepRequires) > 0 {
		then["required"] = stepRequires
	}
	return then
}

func paramSchema(p chaos.Param) map[string]any {
	s := map[string]any{"description": p.Help}
	switch p.Type {
	case "int":
		s["type"] = "integer"
	case "bool":
		s["type"] = "boolean"
	case "list":
		s["type"] = "array"
	case "duration":
		s["type"] = "string"
	case "percent":
		s["type"] = []string{"string", "number"}
	default:
		s["type"] = []string{"string", "number"}
	}
	if len(p.OneOf) > 0 {
		s["enum"] = p.OneOf
		delete(s, "type")
	}
	if p.Type == "int" && (p.Min != 0 || p.Max != 0) {
		s["minimum"], s["maximum"] = p.Min, p.Max
	}
	if p.Default != nil {
		s["default"] = fmt.Sprint(p.Default)
	}
	return s
}
