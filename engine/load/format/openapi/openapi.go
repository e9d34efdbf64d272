// Package openapi turns an OpenAPI 3 document, JSON or YAML, into a load plan: one request for every operation, picked at
// equal weight. References that lead out of the document are never followed.
package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/format"
	"gameday/sources/spec"
)

const (
	maxOperations = 2_000
	maxRefs       = 32 // references that lead to references
	maxDepth      = 12 // of an example made from a schema
	maxExample    = 64 << 10
	maxSpent      = 64 << 20
)

// Options are what a document does not say.
type Options struct {
	Target string // instead of the document's first server
}

type object = map[string]any

// converter is one document on its way.
type converter struct {
	root  object
	cov   *format.Coverage
	spent int             // work that examples have cost, roughly in bytes
	base  string          // path of the server
	open  map[string]bool // references of the schemas an example is being made of
}

// Convert reads a document. The error says why nothing can be made of it.
func Convert(data []byte, o Options) (*format.Result, error) {
	root, err := parse(data)
	if err != nil {
		return nil, err
	}
	version, _ := root["openapi"].(string)
	if f, ok := root["openapi"].(float64); ok { // openapi: 3.0 without quotes
		version = fmt.Sprint(f)
	}
	if !strings.HasPrefix(version, "3") {
		if _, old := root["swagger"]; old {
			return nil, errors.New("this is Swagger 2; convert it to OpenAPI 3 first")
		}
		return nil, errors.New("not an OpenAPI 3 document: it has no openapi: 3.x")
	}
	c := &converter{root: root, cov: &format.Coverage{}, open: map[string]bool{}}
	title, _ := dict(root["info"])["title"].(string)
	d := &format.Draft{
		From: "an OpenAPI document", Name: "openapi", Title: format.Label(title, ""), Duration: time.Minute, Timeout: 10 * time.Second,
		Executor: &load.Executor{Kind: load.ConstantRate, Rate: 5},
	}
	c.cov.Add("executor", "paths", format.Approximated, "a document says nothing about how much: 5 requests a second for one minute")
	d.Target = c.server()
	if o.Target != "" {
		d.Target = o.Target
	}
	sc := format.Scenario{Name: "operations", Mix: true}
	paths := dict(root["paths"])
	for _, path := range keys(paths) {
		item, err := c.resolve(paths[path])
		if err != nil {
			c.cov.Add("path item", path, format.NotConverted, err.Error())
			continue
		}
		sc.Steps = append(sc.Steps, c.operations(path, item)...)
	}
	for _, part := range []string{"webhooks"} {
		for _, name := range keys(dict(root[part])) {
			c.cov.Add("webhook", name, format.NotConverted, "is a call of the server, not to it")
		}
	}
	if len(sc.Steps) > maxOperations {
		for range sc.Steps[maxOperations:] {
			c.cov.Add("operation", "paths", format.NotConverted, fmt.Sprintf("only the first %d are", maxOperations))
		}
		sc.Steps = sc.Steps[:maxOperations]
	}
	if len(sc.Steps) > 0 {
		d.Scenarios = []format.Scenario{sc}
	}
	return format.Finish(d, c.cov)
}

// parse reads JSON or YAML into plain values.
func parse(data []byte) (root object, err error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		if err := json.Unmarshal(data, &root); err != nil {
			return nil, fmt.Errorf("not an OpenAPI document: %w", err)
		}
		return root, nil
	}
	doc, err := spec.Parse("", data)
	if err != nil {
		return nil, fmt.Errorf("not an OpenAPI document: %w", err)
	}
	var v any
	doc.Decode(&v)
	if err := doc.Err(); err != nil {
		return nil, fmt.Errorf("not an OpenAPI document: %w", err)
	}
	root, ok := v.(object)
	if !ok {
		return nil, errors.New("not an OpenAPI document: it is no map")
	}
	return root, nil
}

func dict(v any) object {
	m, _ := v.(object)
	return m
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func keys(m object) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// resolve follows references within the document.
func (c *converter) resolve(v any) (object, error) {
	for range maxRefs {
		m := dict(v)
		ref, ok := m["$ref"].(string)
		if !ok {
			return m, nil
		}
		pointer, local := strings.CutPrefix(ref, "#/")
		if !local {
			return nil, fmt.Errorf("the reference %s leads out of the document", format.Label(ref, `""`))
		}
		v = c.root
		for _, part := range strings.Split(pointer, "/") {
			part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
			next, found := dict(v)[part]
			if !found {
				return nil, fmt.Errorf("the reference %s leads nowhere", format.Label(ref, `""`))
			}
			v = next
		}
	}
	return nil, errors.New("references lead in a circle")
}

// server is the first server's origin; its path is put in front of every other.
func (c *converter) server() string {
	servers := list(c.root["servers"])
	if len(servers) > 1 {
		c.cov.Add("servers", "servers[1]", format.Skipped, "a plan has one target: the first server")
	}
	raw := ""
	if len(servers) > 0 {
		first := dict(servers[0])
		raw = text(first["url"])
		vars := dict(first["variables"])
		for _, name := range keys(vars) {
			raw = strings.ReplaceAll(raw, "{"+name+"}", fmt.Sprint(dict(vars[name])["default"]))
		}
	}
	origin, path, err := format.Address(raw)
	if err != nil {
		origin = "http://localhost:8080"
		c.cov.Add("servers", "servers", format.Approximated, "no absolute address of a server: the target is "+origin+"; give --target")
		path = "/"
		if strings.HasPrefix(raw, "/") {
			path = format.Literal(format.Path(raw))
		}
	} else {
		c.cov.Add("servers", "servers[0]", format.Converted, "")
	}
	path, _, _ = strings.Cut(path, "?")
	c.base = strings.TrimSuffix(path, "/")
	return origin
}

var verbs = []string{"get", "head", "post", "put", "patch", "delete", "options", "trace"}

func (c *converter) operations(path string, item object) (out []format.Step) {
	for _, verb := range verbs {
		raw, ok := item[verb]
		if !ok {
			continue
		}
		op := dict(raw)
		at := strings.ToUpper(verb) + " " + path
		name := text(op["operationId"])
		step := format.Step{Name: format.Label(name, at), Method: strings.ToUpper(verb)}
		if why := c.fill(&step, path, item, op, at); why != "" {
			c.cov.Add("operation", at, format.NotConverted, why)
			continue
		}
		c.cov.Add("operation", at, format.Converted, "")
		out = append(out, step)
	}
	return out
}

// fill completes a step; why says what makes that impossible.
func (c *converter) fill(step *format.Step, path string, item, op object, at string) (why string) {
	params, why := c.parameters(item, op)
	if why != "" {
		return why
	}
	var query []string
	for _, p := range params {
		required, _ := p["required"].(bool)
		name, in := text(p["name"]), text(p["in"])
		if in != "path" && !required {
			c.cov.Add("optional parameter", at+" "+name, format.Skipped, "only what is required is sent")
			continue
		}
		value := c.value(p, at+" "+name)
		switch in {
		case "path":
			path = strings.ReplaceAll(path, "{"+name+"}", "\x00"+value.segment()+"\x01")
		case "query":
			query = append(query, format.Literal(format.FormEscape(name))+"="+value.query())
		case "header":
			step.Headers = format.SetHeader(step.Headers, name, value.plain(), at, c.cov)
		default:
			c.cov.Add("parameter in "+format.Label(in, "?"), at+" "+name, format.NotConverted, "cookies are not kept")
		}
	}
	step.Path = c.base + assemble(path)
	if len(query) > 0 {
		step.Path += "?" + strings.Join(query, "&")
	}
	if strings.Contains(step.Path, "{") && leftOver(path) {
		return "the path has a parameter that is not described"
	}
	c.security(step, op, at)
	if why := c.body(step, op, at); why != "" {
		return why
	}
	step.Status = expected(dict(op["responses"]))
	return ""
}

// assemble escapes what stands between the values that were filled in.
func assemble(path string) string {
	var b strings.Builder
	for path != "" {
		before, rest, found := strings.Cut(path, "\x00")
		b.WriteString(format.Literal(format.Encode(before)))
		if !found {
			break
		}
		value, after, _ := strings.Cut(rest, "\x01")
		b.WriteString(value)
		path = after
	}
	if s := b.String(); strings.HasPrefix(s, "/") {
		return s
	}
	return "/" + b.String()
}

// leftOver reports whether a {parameter} was not filled in.
func leftOver(path string) bool {
	for path != "" {
		before, rest, _ := strings.Cut(path, "\x00")
		if strings.ContainsAny(before, "{}") {
			return true
		}
		_, path, _ = strings.Cut(rest, "\x01")
	}
	return false
}

// parameters are those of the path and of the operation; the operation's win.
func (c *converter) parameters(item, op object) (out []object, why string) {
	index := map[string]int{}
	for _, raw := range append(append([]any(nil), list(item["parameters"])...), list(op["parameters"])...) {
		p, err := c.resolve(raw)
		if err != nil {
			return nil, err.Error()
		}
		key := text(p["in"]) + " " + text(p["name"])
		if i, ok := index[key]; ok {
			out[i] = p
			continue
		}
		index[key] = len(out)
		out = append(out, p)
	}
	return out, ""
}

// expected are the statuses that the document calls good.
func expected(responses object) (out []string) {
	for _, code := range keys(responses) {
		switch {
		case len(code) != 3 || code[0] != '2' && code[0] != '3':
		case strings.EqualFold(code[1:], "xx"):
			out = append(out, strings.ToLower(code))
		case strings.Trim(code, "0123456789") == "":
			out = append(out, code)
		}
	}
	return out
}
