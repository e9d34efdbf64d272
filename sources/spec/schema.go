package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
)

// Schemer is implemented (on the pointer) by a Scalar or Unmarshaler that can say what it accepts. Values of type Ref
// within the map, however deep, stand for the schema of their type.
type Schemer interface {
	JSONSchema() map[string]any
}

// Ref stands for the schema of V's type inside what a Schemer returns.
type Ref struct{ V any }

var schemerType = reflect.TypeFor[Schemer]()

// durationPattern is Go's notation for durations.
const durationPattern = `^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))*$`

// Schema is the JSON Schema (draft 2020-12) of what Decode accepts for v, a struct: names from the yaml tags, one
// sentence for each from the doc tags. Editors use it to complete and to check while typing.
func Schema(title string, v any) ([]byte, error) {
	t := reflect.TypeOf(v)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("make a JSON schema of %T: it is not a struct", v)
	}
	g := schemas{defs: map[string]any{}, seen: map[reflect.Type]string{}}
	root := g.object(t)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = title
	if len(g.defs) > 0 {
		root["$defs"] = g.defs
	}
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("make a JSON schema of %T: %w", v, err)
	}
	return append(out, '\n'), nil
}

type schemas struct {
	defs map[string]any
	seen map[reflect.Type]string
}

func (g *schemas) of(t reflect.Type) map[string]any {
	for t.Kind() == reflect.Pointer && t != documentType {
		t = t.Elem()
	}
	pt := reflect.PointerTo(t)
	switch {
	case t == documentType:
		return map[string]any{"type": "object"}
	case pt.Implements(schemerType):
		m := reflect.New(t).Interface().(Schemer).JSONSchema()
		return g.resolve(m).(map[string]any)
	case pt.Implements(unmarshalerType):
		return map[string]any{}
	case pt.Implements(scalarType):
		return map[string]any{"type": []string{"string", "number", "boolean"}}
	case t == durationType:
		return map[string]any{"type": "string", "pattern": durationPattern}
	}
	switch t.Kind() {
	case reflect.Struct:
		return g.ref(t)
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": g.of(t.Elem())}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": g.of(t.Elem())}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": []string{"string", "number", "boolean"}}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	}
	return map[string]any{}
}

// ref puts a struct's schema into $defs once, so that a type may hold itself.
func (g *schemas) ref(t reflect.Type) map[string]any {
	name, ok := g.seen[t]
	if !ok {
		name = t.Name()
		if _, taken := g.defs[name]; taken || name == "" {
			name = fmt.Sprintf("%s%d", name, len(g.defs))
		}
		g.seen[t] = name
		g.defs[name] = nil // taken, while its fields are looked at
		g.defs[name] = g.object(t)
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

func (g *schemas) object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	var required []string
	for _, f := range fieldsOf(t) {
		s := g.of(t.FieldByIndex(f.index).Type)
		if f.enum != nil {
			s = map[string]any{"enum": f.enum}
		}
		if f.doc != "" {
			s = maps.Clone(s)
			s["description"] = f.doc
		}
		properties[f.name] = s
		if f.required {
			required = append(required, f.name)
		}
	}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// resolve replaces every Ref in a hand-written schema.
func (g *schemas) resolve(v any) any {
	switch v := v.(type) {
	case Ref:
		return g.of(reflect.TypeOf(v.V))
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = g.resolve(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = g.resolve(e)
		}
		return out
	}
	return v
}
