package jmx

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The bounds of a document.
const (
	maxNodes = 300_000
	maxDepth = 128
)

// node is one XML element.
type node struct {
	name  string
	attrs map[string]string
	text  string
	kids  []*node
	chars []byte // text while it is being read
}

// parse reads XML into a tree. Document types, and with them entities of any kind, are refused: JMeter writes none.
func parse(data []byte) (*node, error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = charset
	root := &node{}
	open := []*node{root}
	count := 0
	for {
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("not a JMeter plan: %w", err)
		}
		top := open[len(open)-1]
		switch t := tok.(type) {
		case xml.Directive:
			return nil, errors.New("a document type (<!DOCTYPE, <!ENTITY) is refused: JMeter writes none, and entities can read files and fill memory")
		case xml.StartElement:
			if count++; count > maxNodes {
				return nil, fmt.Errorf("the plan has more than %d elements", maxNodes)
			}
			if len(open) > maxDepth {
				return nil, fmt.Errorf("the plan is nested deeper than %d", maxDepth)
			}
			n := &node{name: t.Name.Local, attrs: map[string]string{}}
			for _, a := range t.Attr {
				n.attrs[a.Name.Local] = a.Value
			}
			top.kids = append(top.kids, n)
			open = append(open, n)
		case xml.EndElement:
			if len(open) == 1 || top.name != t.Name.Local {
				return nil, fmt.Errorf("not a JMeter plan: </%s> closes nothing", clip(t.Name.Local))
			}
			top.text, top.chars = string(top.chars), nil
			open = open[:len(open)-1]
		case xml.CharData:
			if len(top.kids) == 0 {
				top.chars = append(top.chars, t...)
			}
		}
	}
	if len(open) > 1 {
		return nil, fmt.Errorf("not a JMeter plan: <%s> is not closed; the file was cut off", clip(open[len(open)-1].name))
	}
	if len(root.kids) == 0 || root.kids[0].name != "jmeterTestPlan" {
		return nil, errors.New("not a JMeter plan: it does not begin with <jmeterTestPlan>")
	}
	return root.kids[0], nil
}

// charset reads the encodings that JMeter plans have been seen in.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "us-ascii", "ascii":
		return in, nil
	case "iso-8859-1", "latin1", "windows-1252":
		data, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		var b strings.Builder
		for _, c := range data {
			b.WriteRune(rune(c))
		}
		return strings.NewReader(b.String()), nil
	}
	return nil, fmt.Errorf("the encoding %q is not read; save the plan as UTF-8", clip(label))
}

func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// element is a test element with what stands below it in the plan's tree.
type element struct {
	*node
	below []element
}

// elements pairs each element of a hashTree with the hashTree that follows it.
func (n *node) elements() (out []element) {
	for _, kid := range n.kids {
		if kid.name != "hashTree" {
			out = append(out, element{node: kid})
		} else if len(out) > 0 {
			out[len(out)-1].below = append(out[len(out)-1].below, kid.elements()...)
		}
	}
	return out
}

// kind is the element's class without its package.
func (n *node) kind() string {
	return n.name[strings.LastIndexByte(n.name, '.')+1:]
}

func (n *node) enabled() bool { return n.attrs["enabled"] != "false" }

func (n *node) title() string {
	if t := strings.TrimSpace(n.attrs["testname"]); t != "" {
		return t
	}
	return n.kind()
}

// find is the property of that name: stringProp and its like, or those that hold their name in an element.
func (n *node) find(name string) *node {
	for _, kid := range n.kids {
		if kid.attrs["name"] == name {
			return kid
		}
		if len(kid.kids) >= 2 && kid.kids[0].name == "name" && kid.kids[0].text == name {
			return kid.kids[1]
		}
	}
	return nil
}

func (n *node) prop(name string) string {
	if p := n.find(name); p != nil {
		return p.text
	}
	return ""
}

func (n *node) flag(name string) bool {
	return strings.EqualFold(strings.TrimSpace(n.prop(name)), "true")
}

// collection are the entries of a collectionProp.
func (n *node) collection(name string) []*node {
	if p := n.find(name); p != nil {
		return p.kids
	}
	return nil
}

// rows are the texts of a collection of collections.
func (n *node) rows(name string) (out [][]string) {
	for _, row := range n.collection(name) {
		var cells []string
		for _, cell := range row.kids {
			cells = append(cells, cell.text)
		}
		out = append(out, cells)
	}
	return out
}
