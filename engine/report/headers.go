package report

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// withheld stands for the value of a header.
const withheld = "withheld"

// WithoutHeaders returns the text of an experiment or a load plan with the values of its headers withheld, and everything
// else as it was written. A text that cannot be taken apart is left out as a whole.
func WithoutHeaders(text string) string {
	const cannot = "# the text is left out: it could not be told where its headers stand\n"
	tokens := lexer.Tokenize(text)
	var whole strings.Builder
	for _, t := range tokens {
		whole.WriteString(t.Origin)
	}
	if strings.TrimSpace(whole.String()) != strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")) {
		return cannot
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return cannot
	}
	for _, doc := range file.Docs {
		ast.Walk(headers{}, doc)
	}
	var out strings.Builder
	for _, t := range tokens {
		out.WriteString(t.Origin)
	}
	if strings.HasSuffix(text, "\n") && !strings.HasSuffix(out.String(), "\n") { // the last one belongs to no token
		out.WriteByte('\n')
	}
	return out.String()
}

// headers finds the mappings that hold headers.
type headers struct{}

func (h headers) Visit(n ast.Node) ast.Visitor {
	if v, ok := n.(*ast.MappingValueNode); ok && strings.EqualFold(strings.Trim(v.Key.String(), `"'`), "headers") {
		ast.Walk(values{}, v.Value)
	}
	return h
}

// values withholds every value below a node, and leaves the keys.
type values struct{}

func (w values) Visit(n ast.Node) ast.Visitor {
	switch v := n.(type) {
	case *ast.MappingValueNode:
		ast.Walk(w, v.Value)
		return nil
	case *ast.LiteralNode:
		hide(v.Value.GetToken())
		return nil
	case *ast.MappingNode, *ast.SequenceNode, *ast.AnchorNode, *ast.TagNode, *ast.AliasNode, *ast.CommentGroupNode, *ast.CommentNode:
		return w
	case ast.ScalarNode:
		hide(v.GetToken())
	}
	return w
}

// hide replaces what a token was written as and keeps the white space around it.
func hide(t *token.Token) {
	body := strings.TrimSpace(t.Origin)
	if body == "" {
		return
	}
	head, tail, _ := strings.Cut(t.Origin, body)
	t.Origin = head + withheld + tail
}
