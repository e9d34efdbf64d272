package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"gameday/sources/spec"
)

// The bounds of a file. Those of YAML are in package spec: no alias unfolds beyond them.
const (
	maxBytes = 4 << 20
	maxDocs  = 100
	maxDepth = 64
	maxNodes = 100_000
)

// Node is one value of a file. It knows whether somebody asked for it, so that what nobody asks for can be told. A value
// that is not there is a Node as well, on which everything is empty.
type Node struct {
	Path string

	scalar bool
	raw    any    // of a scalar: text, boolean or number
	text   string // of a scalar
	keys   []string
	kids   map[string]*Node // of a map
	items  []*Node
	list   bool
	used   bool
}

// Read reads a file: JSON, or YAML with one document or several, separated by ---.
func Read(name string, data []byte) ([]*Node, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%s: %d bytes are more than the %d MiB that are read", name, len(data), maxBytes>>20)
	}
	left := maxNodes
	if begin := bytes.TrimLeft(data, " \t\r\n"); bytes.HasPrefix(begin, []byte("{")) {
		if v, err := readJSON(data); err == nil {
			n, err := build("", v, 0, &left)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			return []*Node{n}, nil
		} // a flow map of YAML may begin like that as well; its parser says what is wrong
	}
	var out []*Node
	for i, part := range documents(data) {
		if i == maxDocs {
			return nil, fmt.Errorf("%s: it has more than %d documents", name, maxDocs)
		}
		doc, err := spec.Parse(name, part)
		if err != nil {
			return nil, err
		}
		var v any
		doc.Decode(&v)
		if err := doc.Err(); err != nil {
			return nil, err
		}
		n, err := build("", v, 0, &left)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, n)
	}
	if len(out) > 1 { // paths tell them apart
		for i, n := range out {
			n.prefix(fmt.Sprintf("document %d: ", i+1))
		}
	}
	return out, nil
}

// documents splits a stream of YAML documents. Lines are kept where they are, so that problems name the right one.
func documents(data []byte) [][]byte {
	var out [][]byte
	var part bytes.Buffer
	line, full := 0, false
	end := func() {
		if full {
			out = append(out, bytes.Clone(part.Bytes()))
		}
		part.Reset()
		for range line { // what came before
			part.WriteByte('\n')
		}
		full = false
	}
	for l := range bytes.Lines(data) {
		line++
		if s := strings.TrimRight(string(l), " \t\r\n"); s == "---" || strings.HasPrefix(s, "--- #") {
			end()
			continue
		}
		if s := bytes.TrimSpace(l); len(s) > 0 && s[0] != '#' {
			full = true
		}
		part.Write(l)
	}
	end()
	return out
}

func readJSON(data []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

func build(path string, v any, deep int, left *int) (*Node, error) {
	n := &Node{Path: path}
	if *left--; *left < 0 {
		return nil, fmt.Errorf("it has more than %d values", maxNodes)
	}
	if deep > maxDepth {
		return nil, fmt.Errorf("maps and lists are nested more than %d deep", maxDepth)
	}
	switch v := v.(type) {
	case map[string]any:
		n.kids = map[string]*Node{}
		for k := range v {
			n.keys = append(n.keys, k)
		}
		slices.Sort(n.keys)
		for _, k := range n.keys {
			kid, err := build(keyPath(path, k), v[k], deep+1, left)
			if err != nil {
				return nil, err
			}
			n.kids[k] = kid
		}
	case []any:
		n.list = true
		for i, item := range v {
			kid, err := build(fmt.Sprintf("%s[%d]", path, i), item, deep+1, left)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, kid)
		}
	case nil:
	case float64:
		n.scalar, n.raw, n.text = true, v, strconv.FormatFloat(v, 'f', -1, 64)
	default:
		n.scalar, n.raw, n.text = true, v, fmt.Sprint(v)
	}
	return n, nil
}

func keyPath(path, key string) string {
	key = spec.Line(key, 60)
	if strings.ContainsAny(key, ". /[]") {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func (n *Node) prefix(s string) {
	n.Path = s + n.Path
	for _, k := range n.kids {
		k.prefix(s)
	}
	for _, k := range n.items {
		k.prefix(s)
	}
}

// Get is the value of a key, and notes that it was asked for.
func (n *Node) Get(key string) *Node {
	if k, ok := n.kids[key]; ok {
		k.used = true
		return k
	}
	return &Node{Path: keyPath(n.Path, key)}
}

// peek looks at a text without asking for it.
func (n *Node) peek(key string) string {
	if k, ok := n.kids[key]; ok {
		return k.text
	}
	return ""
}

// Has reports whether a key is there and is not null. It does not count as asking for it.
func (n *Node) Has(key string) bool {
	k, ok := n.kids[key]
	return ok && k.Exists()
}

// Exists reports whether there is a value.
func (n *Node) Exists() bool { return n.scalar || n.list || n.kids != nil }

// IsMap reports whether it is a map.
func (n *Node) IsMap() bool { return n.kids != nil }

// IsList reports whether it is a list.
func (n *Node) IsList() bool { return n.list }

// IsText reports whether it is a single value.
func (n *Node) IsText() bool { return n.scalar }

// Keys are the keys of a map, sorted.
func (n *Node) Keys() []string { return n.keys }

// Items are the values of a list.
func (n *Node) Items() []*Node { return n.items }

// Text is a single value as text, "" when there is none.
func (n *Node) Text() string { return n.text }

// Of is the text of a key.
func (n *Node) Of(key string) string { return n.Get(key).text }

// Number reads a single value as a finite number, quoted or not.
func (n *Node) Number() (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(n.text), 64)
	if !n.scalar || err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}

// ParseNumber reads a finite number.
func ParseNumber(s string) (float64, bool) { return (&Node{scalar: true, text: s}).Number() }

// Objects are the objects of Kubernetes in documents, those in lists too.
func Objects(docs []*Node) (out []*Node) {
	for _, d := range docs {
		if d.peek("kind") != "List" || !d.Get("items").IsList() {
			out = append(out, d)
			continue
		}
		for _, i := range d.Get("items").Items() {
			if i.peek("kind") != "List" {
				out = append(out, i)
			}
		}
	}
	return out
}

// Texts are the single values of a list, or the one that is written in place of a list.
func (n *Node) Texts() []string {
	if n.scalar {
		return []string{n.text}
	}
	var out []string
	for _, i := range n.items {
		if i.scalar {
			out = append(out, i.text)
		}
	}
	return out
}

// Pairs are the single values of a map. What is no single value stays unasked for.
func (n *Node) Pairs() map[string]string {
	out := map[string]string{}
	for _, k := range n.keys {
		if n.kids[k].scalar {
			out[k] = n.Of(k)
		}
	}
	return out
}

// Plain is the value as Go's untyped values, all of it asked for.
func (n *Node) Plain() any {
	n.used = true
	switch {
	case n.kids != nil:
		m := Map{}
		for _, k := range n.keys {
			m = append(m, Field{k, n.Get(k).Plain()})
		}
		return m
	case n.list:
		l := []any{}
		for _, i := range n.items {
			l = append(l, i.Plain())
		}
		return l
	case n.scalar:
		if s, ok := n.raw.(string); ok {
			return s
		}
		return Raw(n.text)
	}
	return nil
}

// Raw is a number or a boolean as it was written.
type Raw string

// Bool reports whether the value is true or false, not a text that says so.
func (n *Node) Bool() bool {
	_, ok := n.raw.(bool)
	return ok
}

// Quoted reports whether the value is a text, whatever it looks like.
func (n *Node) Quoted() bool {
	_, ok := n.raw.(string)
	return ok
}

// Skip notes keys that need no conversion, and why.
func (n *Node) Skip(c *Coverage, why string, keys ...string) {
	for _, k := range keys {
		if n.Has(k) {
			n.Get(k).Plain()
			c.Add(k, n.Get(k).Path, Skipped, why)
		}
	}
}

// Lost notes keys that say something that cannot be converted, and why.
func (n *Node) Lost(c *Coverage, why string, keys ...string) {
	for _, k := range keys {
		if n.Has(k) {
			n.Get(k).Plain()
			c.Add(k, n.Get(k).Path, NotConverted, why)
		}
	}
}

// Rest reports everything below the node that nobody asked for.
func (n *Node) Rest(c *Coverage) {
	for _, k := range n.keys {
		kid := n.kids[k]
		switch {
		case !kid.used && kid.Exists():
			c.Add("field "+k, kid.Path, NotConverted, "is not understood")
		case kid.used:
			kid.Rest(c)
		}
	}
	for _, i := range n.items {
		i.Rest(c)
	}
}
