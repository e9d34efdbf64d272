package spec

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// fault is a problem found while the tree is built.
type fault struct {
	at      position
	path    string
	message string
}

// parseTree turns text into a tree, or says what is wrong with it.
func parseTree(data []byte) (root *node, faults []fault) {
	if len(data) > maxBytes {
		return nil, []fault{{position{1, 1}, "", fmt.Sprintf("the document has %d bytes, more than the %d MiB allowed", len(data), maxBytes>>20)}}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if f, bad := badText(data); bad {
		return nil, []fault{f}
	}
	if f, bad := tooMany(data); bad {
		return nil, []fault{f}
	}
	file, f := parseYAML(string(data))
	if f != nil {
		return nil, []fault{*f}
	}
	body, f := onlyDocument(file)
	if f != nil {
		return nil, []fault{*f}
	}
	b := builder{anchors: map[string]*node{}}
	root = b.build("", body)
	if len(b.faults) == 0 && root.size > maxNodes {
		b.fault(root.at, "", "the aliases unfold to %d values, more than the %d allowed", root.size, maxNodes)
	}
	return root, b.faults
}

// badText finds what may not stand in a YAML file at all: broken UTF-8 and control characters.
func badText(data []byte) (fault, bool) {
	line, col := 1, 1
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return fault{position{line, col}, "", fmt.Sprintf("byte 0x%02x is not UTF-8 text", data[i])}, true
		case r == '\n':
			line, col = line+1, 0
		case r < ' ' && r != '\t' && r != '\r', r == 0x7f:
			return fault{position{line, col}, "", fmt.Sprintf("control character 0x%02x is not allowed", r)}, true
		}
		i += n
		col++
	}
	return fault{}, false
}

// tooMany refuses text that would make the lexer, which cannot be stopped half-way, fill the memory with tokens.
func tooMany(data []byte) (fault, bool) {
	line, marks := 1, 0
	for _, c := range data {
		switch c {
		case '[', ']', '{', '}', ',', ':', '\n':
			marks++
		}
		if c == '\n' {
			line++
		}
		if marks > maxMarks {
			return fault{position{line, 1}, "", fmt.Sprintf("the document has more than %d lines, commas, colons and brackets", maxMarks)}, true
		}
	}
	return fault{}, false
}

// parseYAML guards the YAML library: what would make it slow is refused before it starts, and a panic of its becomes a
// message.
func parseYAML(text string) (file *ast.File, bad *fault) {
	at := position{1, 1}
	defer func() {
		if r := recover(); r != nil {
			file, bad = nil, &fault{at, "", "the YAML could not be read"}
		}
	}()
	tokens := lexer.Tokenize(text)
	if len(tokens) > maxTokens {
		return nil, &fault{tokenAt(tokens[maxTokens]), "", fmt.Sprintf("the document has more than %d words and signs", maxTokens)}
	}
	if tk := tooDeep(tokens); tk != nil {
		return nil, &fault{tokenAt(tk), "", fmt.Sprintf("maps and lists are nested more than %d deep", maxDepth)}
	}
	// Keys that come twice are found by the builder, all of them.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file, nil
	}
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		return nil, &fault{at, "", printable(err.Error())}
	}
	if tk := syntax.GetToken(); tk != nil {
		at = tokenAt(tk)
	}
	return nil, &fault{at, "", explain(syntax.GetMessage())}
}

// explain puts the library's message into words that say what to do, where a person is likely to make the mistake.
func explain(message string) string {
	switch {
	case strings.HasPrefix(message, "invalid header option"):
		return `a value that begins with > or | must be in quotes: "> 99%"`
	case strings.HasPrefix(message, "mapping value is not allowed"):
		return `a value that contains ": " must be in quotes`
	case strings.HasPrefix(message, "tab character"), strings.Contains(message, `character '	'`):
		return "indent with spaces, not with tabs"
	}
	return "not valid YAML: " + printable(message)
}

// tooDeep returns the token at which nesting passes the bound, from the tokens alone.
func tooDeep(tokens token.Tokens) *token.Token {
	flow := 0
	var columns []int // of the block maps and lists that are open
	for i, tk := range tokens {
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(0, flow-1)
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType, token.AnchorType, token.TagType:
			if flow > 0 { // columns mean nothing there: JSON may be all on one line
				continue
			}
			col := tk.Position.Column
			if tk.Type == token.MappingValueType && i > 0 {
				col = tokens[i-1].Position.Column
			}
			for len(columns) > 0 && columns[len(columns)-1] >= col {
				columns = columns[:len(columns)-1]
			}
			columns = append(columns, col)
		}
		if flow+len(columns) > maxDepth {
			return tk
		}
	}
	return nil
}

// onlyDocument returns the body of the one document in the file.
func onlyDocument(file *ast.File) (ast.Node, *fault) {
	var body ast.Node
	for _, doc := range file.Docs {
		switch doc.Body.(type) {
		case nil, *ast.DirectiveNode, *ast.CommentGroupNode:
			continue
		}
		if body != nil {
			return nil, &fault{nodeAt(doc.Body), "", "a second document begins here; a file holds one"}
		}
		body = doc.Body
	}
	if body == nil {
		return nil, &fault{position{1, 1}, "", emptyFile}
	}
	return body, nil
}

// builder turns the library's tree into ours.
type builder struct {
	anchors map[string]*node
	faults  []fault
}

func (b *builder) fault(at position, path, format string, args ...any) {
	b.faults = append(b.faults, fault{at, path, fmt.Sprintf(format, args...)})
}

func (b *builder) build(path string, n ast.Node) *node {
	out := &node{size: 1, at: nodeAt(n)}
	switch v := n.(type) {
	case nil, *ast.NullNode:
	case *ast.MappingNode:
		out.kind = kindMap
		b.buildMap(path, out, v)
	case *ast.SequenceNode:
		out.kind = kindList
		for i, item := range v.Values {
			child := b.build(indexPath(path, i), item)
			out.items = append(out.items, child)
			out.grow(child.size)
		}
	case *ast.LiteralNode:
		out.kind, out.quoted = kindScalar, true
		if v.Value != nil {
			out.text = v.Value.Value
		}
	case *ast.AnchorNode:
		out = b.build(path, v.Value)
		b.anchors[nodeText(v.Name)] = out
	case *ast.AliasNode:
		name := nodeText(v.Value)
		target, ok := b.anchors[name]
		if !ok {
			b.fault(out.at, path, "alias *%s has no anchor &%s before it; a value that begins with * must be in quotes", printable(name), printable(name))
			return out
		}
		return target
	case *ast.TagNode:
		b.fault(out.at, path, "tags are not understood; a value that begins with ! must be in quotes")
	case ast.ScalarNode:
		b.buildScalar(out, v)
	default:
		b.fault(out.at, path, "this kind of YAML (%s) is not understood here", n.Type())
	}
	return out
}

func (b *builder) buildScalar(out *node, v ast.ScalarNode) {
	tk := v.GetToken()
	out.kind, out.text = kindScalar, tk.Value
	out.quoted = tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType
	if !out.quoted && isNull(out.text) {
		out.kind = kindNull
	}
}

func (b *builder) buildMap(path string, out *node, m *ast.MappingNode) {
	if len(m.Values) > 0 { // the library points at the colon
		out.at = nodeAt(m.Values[0].Key)
	}
	index := map[string]int{}
	var merged []*node
	for _, mv := range m.Values {
		at := nodeAt(mv.Key)
		if mv.Key.IsMergeKey() {
			merged = append(merged, b.merge(path, at, mv.Value)...)
			continue
		}
		key, ok := keyText(mv.Key)
		if !ok {
			b.fault(at, path, "a key must be one plain word")
			continue
		}
		child := b.build(keyPath(path, key), mv.Value)
		if i, twice := index[key]; twice {
			b.fault(at, keyPath(path, key), "the key comes twice, first on line %d", out.entries[i].at.line)
			continue
		}
		index[key] = len(out.entries)
		out.entries = append(out.entries, entry{key, at, child})
		out.grow(child.size)
	}
	for _, from := range merged {
		for _, e := range from.entries {
			if _, own := index[e.key]; own {
				continue
			}
			index[e.key] = len(out.entries)
			out.entries = append(out.entries, e)
			out.grow(e.value.size)
		}
		if out.size > maxNodes { // a chain of merges would copy without end
			return
		}
	}
}

// merge resolves the value of a << key: a map or a list of maps.
func (b *builder) merge(path string, at position, value ast.Node) []*node {
	from := b.build(keyPath(path, "<<"), value)
	switch from.kind {
	case kindMap:
		return []*node{from}
	case kindList:
		for _, item := range from.items {
			if item.kind != kindMap {
				b.fault(at, path, "<< takes maps only")
				return nil
			}
		}
		return from.items
	}
	b.fault(at, path, "<< takes a map")
	return nil
}

// grow adds to the unfolded size without overflow.
func (n *node) grow(by int) { n.size = min(n.size+by, 1<<40) }

func keyText(k ast.MapKeyNode) (string, bool) {
	switch k.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return k.GetToken().Value, true
	}
	return "", false
}

func nodeText(n ast.Node) string {
	if n == nil || n.GetToken() == nil {
		return ""
	}
	return n.GetToken().Value
}

func nodeAt(n ast.Node) position {
	if n == nil || n.GetToken() == nil {
		return position{1, 1}
	}
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		return nodeAt(m.Values[0].Key)
	}
	return tokenAt(n.GetToken())
}

func tokenAt(tk *token.Token) position {
	if tk == nil || tk.Position == nil {
		return position{1, 1}
	}
	return position{max(1, tk.Position.Line), max(1, tk.Position.Column)}
}
