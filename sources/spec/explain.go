package spec

import (
	"reflect"
)

// Explain tells for each line of a document, by its number from 1, what the part that begins there is, in the words of the
// doc tags of v's type. Parts that a type reads by itself have the sentence of their field alone.
func (d *Document) Explain(v any) map[int]string {
	out := map[int]string{}
	explainPart(d.root, reflect.TypeOf(v), out)
	return out
}

func explainPart(n *node, t reflect.Type, out map[int]string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if pt := reflect.PointerTo(t); pt.Implements(unmarshalerType) || pt.Implements(scalarType) {
		return
	}
	switch {
	case t.Kind() == reflect.Slice && n.kind == kindList:
		for _, item := range n.items {
			explainPart(item, t.Elem(), out)
		}
	case t.Kind() == reflect.Struct && n.kind == kindMap:
		fields := fieldsOf(t)
		for i := range n.entries {
			e := &n.entries[i]
			for _, f := range fields {
				if f.name != e.key {
					continue
				}
				if f.doc != "" && out[e.at.line] == "" {
					out[e.at.line] = f.doc
				}
				explainPart(e.value, t.FieldByIndex(f.index).Type, out)
			}
		}
	}
}
