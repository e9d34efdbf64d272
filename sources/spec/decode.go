package spec

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Scalar is implemented (on the pointer) by a type that reads itself from a single value, quoted or not. The error is
// shown after the value's path; it should say what is wrong and what would be right. Secrets are not to be repeated.
type Scalar interface {
	UnmarshalScalar(text string) error
}

// Unmarshaler is implemented (on the pointer) by a type that can be written in several shapes. It decodes the part it is
// given with the part's own methods and reports problems to it.
type Unmarshaler interface {
	UnmarshalSpec(part *Document)
}

var (
	durationType    = reflect.TypeFor[time.Duration]()
	documentType    = reflect.TypeFor[*Document]()
	scalarType      = reflect.TypeFor[Scalar]()
	unmarshalerType = reflect.TypeFor[Unmarshaler]()
)

// Decode fills v, a pointer, from the document. Fields that are absent or null keep the value they had, so defaults are
// set beforehand. Everything that does not fit is recorded, and decoding goes on; Err tells. A v that is no pointer, or
// a type that no document can fill, is a mistake of the program and panics.
//
// It fills structs (by the tags `yaml:"name"`, `yaml:"name,required"`, `yaml:",inline"` and `enum:"a,b"`), maps with
// string keys, slices, pointers, strings, booleans, integers, floats, time.Duration in Go's notation, any (as
// map[string]any, []any, string, int64, float64, bool), *Document (the part as it stands), and types that implement
// Scalar or Unmarshaler.
func (d *Document) Decode(v any) {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		panic(fmt.Sprintf("spec: Decode needs a pointer, not %T", v))
	}
	dec := decoder{d}
	dec.value("", d.root, d.at, rv.Elem())
}

type decoder struct{ d *Document }

func (c decoder) fault(at position, path, format string, args ...any) {
	c.d.add(at, path, fmt.Sprintf(format, args...))
}

// value fills one value. at is where it is written.
func (c decoder) value(path string, n *node, at position, v reflect.Value) {
	if n.kind == kindNull {
		if path == "" && v.Kind() == reflect.Struct {
			c.missing(path, at, fieldsOf(v.Type()), nil)
		}
		return
	}
	if v.Type() == documentType {
		v.Set(reflect.ValueOf(c.d.child(path, n, at)))
		return
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		c.value(path, n, at, v.Elem())
		return
	}
	if c.custom(path, n, at, v) {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		c.structure(path, n, at, v)
	case reflect.Map:
		c.mapping(path, n, at, v)
	case reflect.Slice:
		c.list(path, n, at, v)
	case reflect.Interface:
		v.Set(reflect.ValueOf(n.plain()))
	default:
		c.scalar(path, n, at, v)
	}
}

// custom hands the value to a type that reads itself.
func (c decoder) custom(path string, n *node, at position, v reflect.Value) bool {
	switch pt := reflect.PointerTo(v.Type()); {
	case pt.Implements(unmarshalerType):
		v.Addr().Interface().(Unmarshaler).UnmarshalSpec(c.d.child(path, n, at))
		return true
	case pt.Implements(scalarType):
		if n.kind != kindScalar {
			c.fault(at, path, "expected a single value, found %s", n.word())
			return true
		}
		if err := v.Addr().Interface().(Scalar).UnmarshalScalar(n.text); err != nil {
			c.fault(n.at, path, "%s", err)
		}
		return true
	}
	return false
}

func (c decoder) structure(path string, n *node, at position, v reflect.Value) {
	fields := fieldsOf(v.Type())
	if n.kind != kindMap {
		c.fault(at, path, "expected a map with %s, found %s", someOf(names(fields)), n.word())
		return
	}
	given := map[string]bool{}
	for i := range n.entries {
		e := &n.entries[i]
		sub := keyPath(path, e.key)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == e.key })
		if i < 0 {
			c.fault(e.at, sub, "unknown field%s", didYouMean(e.key, names(fields)))
			continue
		}
		f := fields[i]
		given[f.name] = e.value.kind != kindNull
		if len(f.enum) > 0 && e.value.kind == kindScalar && !slices.Contains(f.enum, e.value.text) {
			c.fault(e.value.at, sub, "%s is not one of %s%s", Quote(e.value.text), strings.Join(f.enum, ", "), nearestOnly(e.value.text, f.enum))
			continue
		}
		c.value(sub, e.value, e.place(), v.FieldByIndex(f.index))
	}
	c.missing(path, at, fields, given)
}

// missing reports required fields that are not there, at the place of what should hold them.
func (c decoder) missing(path string, at position, fields []field, given map[string]bool) {
	for _, f := range fields {
		if f.required && !given[f.name] {
			c.fault(at, joinPath(path, f.name), "is required%s", because(f.doc))
		}
	}
}

func (c decoder) mapping(path string, n *node, at position, v reflect.Value) {
	t := v.Type()
	if t.Key().Kind() != reflect.String {
		panic(fmt.Sprintf("spec: a document cannot fill %s: its keys are not strings", t))
	}
	if n.kind != kindMap {
		c.fault(at, path, "expected a map, found %s", n.word())
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMapWithSize(t, len(n.entries)))
	}
	for i := range n.entries {
		e := &n.entries[i]
		value := reflect.New(t.Elem()).Elem()
		c.value(keyPath(path, e.key), e.value, e.place(), value)
		v.SetMapIndex(reflect.ValueOf(e.key).Convert(t.Key()), value)
	}
}

func (c decoder) list(path string, n *node, at position, v reflect.Value) {
	if n.kind != kindList {
		c.fault(at, path, "expected a list, found %s", n.word())
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		c.value(indexPath(path, i), item, item.at, out.Index(i))
	}
	v.Set(out)
}

func (c decoder) scalar(path string, n *node, at position, v reflect.Value) {
	want := wanted(v)
	if n.kind != kindScalar {
		c.fault(at, path, "expected %s, found %s", want, n.word())
		return
	}
	ok := true
	switch {
	case v.Type() == durationType:
		d, err := time.ParseDuration(n.text)
		if err != nil {
			c.fault(n.at, path, "%s", durationFault(n))
			return
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.String:
		v.SetString(n.text)
	case v.Kind() == reflect.Bool:
		var b bool
		b, ok = n.asBool()
		v.SetBool(b)
	case v.CanInt():
		var i int64
		if i, ok = n.asInt(); ok {
			if v.OverflowInt(i) {
				c.fault(n.at, path, "%s is too large", n.word())
				return
			}
			v.SetInt(i)
		}
	case v.CanUint():
		var i int64
		if i, ok = n.asInt(); ok {
			if i < 0 || v.OverflowUint(uint64(i)) {
				c.fault(n.at, path, "%s is outside 0 to %d", n.word(), uint64(math.MaxUint64)>>(64-v.Type().Bits()))
				return
			}
			v.SetUint(uint64(i))
		}
	case v.CanFloat():
		var f float64
		f, ok = n.asFloat()
		v.SetFloat(f)
	default:
		panic(fmt.Sprintf("spec: a document cannot fill %s", v.Type()))
	}
	if !ok {
		c.fault(n.at, path, "expected %s, found %s", want, n.word())
	}
}

func wanted(v reflect.Value) string {
	switch {
	case v.Type() == durationType:
		return "a duration such as 500ms, 5s or 1m30s"
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.CanInt(), v.CanUint():
		return "a whole number"
	case v.CanFloat():
		return "a number"
	}
	return "text"
}

func durationFault(n *node) string {
	if _, number := n.asFloat(); number {
		return fmt.Sprintf("%s has no unit; write %ss, %sms or %sm", Quote(n.text), n.text, n.text, n.text)
	}
	return fmt.Sprintf("%s is not a duration; write it as 500ms, 5s or 1m30s", Quote(n.text))
}

// plain is the node as Go's untyped values.
func (n *node) plain() any {
	switch n.kind {
	case kindMap:
		m := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			m[e.key] = e.value.plain()
		}
		return m
	case kindList:
		l := make([]any, len(n.items))
		for i, item := range n.items {
			l[i] = item.plain()
		}
		return l
	case kindNull:
		return nil
	}
	if b, ok := n.asBool(); ok {
		return b
	}
	if i, ok := n.asInt(); ok {
		return i
	}
	if f, ok := n.asFloat(); ok {
		return f
	}
	return n.text
}

func someOf(list []string) string {
	if len(list) > 6 {
		return strings.Join(list[:6], ", ") + " …"
	}
	return strings.Join(list, ", ")
}

func because(doc string) string {
	if doc == "" {
		return ""
	}
	return ": " + doc
}

func nearestOnly(word string, known []string) string {
	if near, ok := Nearest(word, known); ok {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}
