package spec

import (
	"reflect"
	"strings"
)

// field is one struct field that a document can fill.
type field struct {
	name     string
	index    []int
	required bool
	enum     []string
	doc      string
}

// fieldsOf reads the tags of a struct type: `yaml:"name"`, `yaml:"name,required"`, `yaml:",inline"` for an embedded
// struct, `enum:"a,b"` and `doc:"one sentence"`. A field without a yaml tag is not part of the document.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, tagged := sf.Tag.Lookup("yaml")
		if !tagged || tag == "-" || !sf.IsExported() && !sf.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if options == "inline" {
			for _, f := range fieldsOf(sf.Type) {
				f.index = append([]int{i}, f.index...)
				out = append(out, f)
			}
			continue
		}
		f := field{name: name, index: []int{i}, required: options == "required", doc: sf.Tag.Get("doc")}
		if e := sf.Tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, ",")
		}
		out = append(out, f)
	}
	return out
}

func names(fields []field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.name
	}
	return out
}
