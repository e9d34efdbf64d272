package openapi

import (
	"encoding/json"
	"sort"
	"strings"

	"gameday/engine/load/format"
)

// body fills the request's body in from its examples or its schema.
func (c *converter) body(step *format.Step, op object, at string) (why string) {
	raw, ok := op["requestBody"]
	if !ok {
		return ""
	}
	if c.spent > maxSpent {
		return "the examples of the document before it are too much already"
	}
	body, err := c.resolve(raw)
	if err != nil {
		return err.Error()
	}
	content := dict(body["content"])
	types := ranked(content)
	if len(types) == 0 {
		if required, _ := body["required"].(bool); required {
			return "its body is multipart, binary or not described"
		}
		c.cov.Add("request body", at, format.NotConverted, "multipart, binary or not described; sent without")
		return ""
	}
	mime := types[0]
	media := dict(content[mime])
	v, given := c.example(media)
	if !given {
		size := 0
		v, err = c.made(media["schema"], 0, &size)
		if err != nil {
			return err.Error()
		}
		c.cov.Add("request body without an example", at, format.Approximated, "made from its schema")
	} else {
		c.cov.Add("request body", at, format.Converted, "")
	}
	kind, _, _ := strings.Cut(strings.ToLower(mime), ";")
	switch {
	case strings.HasSuffix(kind, "json"):
		if s, already := v.(string); already && given && json.Valid([]byte(s)) {
			step.Body = format.Literal(s)
			break
		}
		out, err := json.Marshal(v)
		if err != nil {
			return "its body cannot be written as JSON"
		}
		c.spent += len(out)
		step.Body = format.Literal(string(out))
	case kind == "application/x-www-form-urlencoded":
		var fields []string
		for _, name := range keys(dict(v)) {
			fields = append(fields, format.FormEscape(name)+"="+format.FormEscape(show(dict(v)[name])))
		}
		step.Body = format.Literal(strings.Join(fields, "&"))
	default:
		step.Body = format.Literal(show(v))
	}
	if len(step.Body) > maxExample {
		return "its body is longer than 64 KiB"
	}
	step.Headers = format.SetHeader(step.Headers, "Content-Type", format.Literal(mime), at, c.cov)
	return ""
}

// ranked are the media types that a plan can send, JSON first.
func ranked(content object) (out []string) {
	rank := func(mime string) int {
		kind, _, _ := strings.Cut(strings.ToLower(mime), ";")
		switch {
		case kind == "application/json":
			return 0
		case strings.HasSuffix(kind, "json"):
			return 1
		case kind == "application/x-www-form-urlencoded":
			return 2
		case strings.HasPrefix(kind, "text/"):
			return 3
		}
		return 4
	}
	for _, mime := range keys(content) {
		_, hasExample := dict(content[mime])["example"]
		if rank(mime) < 4 || hasExample && !strings.HasPrefix(mime, "multipart/") {
			out = append(out, mime)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return rank(out[i]) < rank(out[j]) })
	return out
}

// made makes an example of a schema: the required properties, or all when none is.
func (c *converter) made(raw any, depth int, size *int) (any, error) {
	if ref := text(dict(raw)["$ref"]); ref != "" {
		if c.open[ref] {
			return nil, nil // a schema that holds itself
		}
		c.open[ref] = true
		defer delete(c.open, ref)
	}
	schema, err := c.resolve(raw)
	if err != nil {
		return nil, err
	}
	if *size++; depth > maxDepth || *size > 2000 {
		return nil, nil
	}
	if v, ok := c.example(schema); ok {
		return v, nil
	}
	for _, key := range []string{"default", "const"} {
		if v, ok := schema[key]; ok {
			return v, nil
		}
	}
	if l := list(schema["enum"]); len(l) > 0 {
		return l[0], nil
	}
	if all := list(schema["allOf"]); len(all) > 0 {
		return c.merged(append(append([]any(nil), all...), without(schema)), depth, size)
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if l := list(schema[key]); len(l) > 0 {
			return c.made(l[0], depth+1, size)
		}
	}
	switch kind(schema) {
	case "object":
		return c.properties(schema, depth, size)
	case "array":
		item, err := c.made(schema["items"], depth+1, size)
		if err != nil || item == nil {
			return []any{}, err
		}
		return []any{item}, nil
	case "integer", "number":
		low, _ := bounds(schema)
		return low, nil
	case "boolean":
		return true, nil
	}
	if v, ok := dated[text(schema["format"])]; ok {
		return v, nil
	}
	if text(schema["format"]) == "uuid" {
		return "00000000-0000-4000-8000-000000000000", nil
	}
	return "text", nil
}

func without(schema object) object {
	out := object{"type": "object"}
	for _, k := range []string{"properties", "required"} {
		if v, ok := schema[k]; ok {
			out[k] = v
		}
	}
	return out
}

func (c *converter) merged(parts []any, depth int, size *int) (any, error) {
	out := object{}
	for _, part := range parts {
		v, err := c.made(part, depth+1, size)
		if err != nil {
			return nil, err
		}
		for k, one := range dict(v) {
			out[k] = one
		}
	}
	return out, nil
}

func (c *converter) properties(schema object, depth int, size *int) (any, error) {
	out := object{}
	props := dict(schema["properties"])
	c.spent += 100 * len(props)
	names := keys(props)
	if required := list(schema["required"]); len(required) > 0 {
		names = nil
		for _, r := range required {
			if _, ok := props[text(r)]; ok {
				names = append(names, text(r))
			}
		}
	}
	for _, name := range names {
		if readOnly, _ := dict(props[name])["readOnly"].(bool); readOnly {
			continue
		}
		v, err := c.made(props[name], depth+1, size)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out[name] = v
		}
	}
	return out, nil
}

// security adds what the first scheme asks for, taken from the environment.
func (c *converter) security(step *format.Step, op object, at string) {
	wanted, ok := op["security"]
	if !ok {
		wanted = c.root["security"]
	}
	options := list(wanted)
	if len(options) == 0 {
		return
	}
	schemes := dict(dict(c.root["components"])["securitySchemes"])
	for _, name := range keys(dict(options[0])) {
		scheme, err := c.resolve(schemes[name])
		if err != nil {
			c.cov.Add("security "+name, at, format.NotConverted, err.Error())
			continue
		}
		env := "${env:" + envName(name) + "}"
		why := "taken from the environment variable " + envName(name)
		switch kind, how := text(scheme["type"]), strings.ToLower(text(scheme["scheme"])); {
		case kind == "apiKey" && text(scheme["in"]) == "header":
			step.Headers = format.SetHeader(step.Headers, text(scheme["name"]), env, at, c.cov)
		case kind == "apiKey" && text(scheme["in"]) == "query":
			sep := "?"
			if strings.Contains(step.Path, "?") {
				sep = "&"
			}
			step.Path += sep + format.Literal(format.FormEscape(text(scheme["name"]))) + "=" + env
		case kind == "http" && how == "bearer", kind == "oauth2", kind == "openIdConnect":
			step.Headers = format.SetHeader(step.Headers, "Authorization", "Bearer "+env, at, c.cov)
		case kind == "http" && how == "basic":
			step.Headers = format.SetHeader(step.Headers, "Authorization", "Basic "+env, at, c.cov)
			why += ", as base64 of user:password"
		default:
			c.cov.Add("security "+name, at, format.NotConverted, "no plan can do "+format.Label(kind+" "+how, "this"))
			continue
		}
		c.cov.Add("security "+name, at, format.Approximated, why)
	}
}

// envName makes the name of an environment variable of a scheme's name.
func envName(name string) string {
	return "API_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}
