package spec

import "strconv"

type kind uint8

const (
	kindNull kind = iota
	kindScalar
	kindMap
	kindList
)

// position counts lines and columns from 1.
type position struct{ line, col int }

// node is one value of a document. Nodes are shared where an alias was used, so they form a graph without cycles whose
// unfolded size is bounded.
type node struct {
	kind    kind
	at      position
	text    string // kindScalar: the value as written, quotes and escapes resolved
	quoted  bool   // kindScalar: written in quotes or as a block, so it is text whatever it looks like
	entries []entry
	items   []*node
	size    int // nodes when unfolded, itself included
}

type entry struct {
	key   string
	at    position // of the key
	value *node
}

// place is where a problem of the entry is pointed out: a single value at the value, anything else at its key.
func (e *entry) place() position {
	if e.value.kind == kindScalar {
		return e.value.at
	}
	return e.at
}

// word names what the node is, for messages.
func (n *node) word() string {
	switch n.kind {
	case kindMap:
		return "a map"
	case kindList:
		return "a list"
	case kindNull:
		return "nothing"
	}
	return Quote(n.text)
}

// isNull, asBool and the like read a plain (unquoted) value by the rules of YAML 1.2's core schema.
func isNull(plain string) bool {
	switch plain {
	case "", "~", "null", "Null", "NULL":
		return true
	}
	return false
}

func (n *node) asBool() (v, ok bool) {
	if n.quoted {
		return false, false
	}
	switch n.text {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

func (n *node) asInt() (v int64, ok bool) {
	if n.quoted {
		return 0, false
	}
	if v, err := strconv.ParseInt(n.text, 10, 64); err == nil {
		return v, true
	}
	if len(n.text) > 2 && n.text[0] == '0' && (n.text[1] == 'x' || n.text[1] == 'o') {
		v, err := strconv.ParseInt(n.text, 0, 64)
		return v, err == nil
	}
	return 0, false
}

func (n *node) asFloat() (v float64, ok bool) {
	if n.quoted || n.text == "" {
		return 0, false
	}
	for i := 0; i < len(n.text); i++ { // no "inf", "nan", hexadecimal or underscores
		if c := n.text[i]; (c < '0' || c > '9') && c != '.' && c != '+' && c != '-' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(n.text, 64)
	return v, err == nil
}
