package report

import (
	"reflect"
	"strings"
	"time"

	"gameday/sources"
	"gameday/sources/sanitize"
)

// maxText is the longest text of one line in a report, in bytes.
const maxText = 2000

// harmless returns a copy of the document in which every text is one line without control characters, secrets taken
// out. The experiment's own text keeps its lines.
func harmless(d *Document) *Document {
	out := *d
	out.File.Text = "" // has lines; done below
	text := d.File.Text
	out = clean(reflect.ValueOf(out)).Interface().(Document)
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, l := range lines {
		lines[i] = line(l)
	}
	out.File.Text = strings.Join(lines, "\n")
	return &out
}

func line(s string) string { return sanitize.Line(sources.Redact(s), maxText) }

var instant = reflect.TypeFor[time.Time]()

// clean copies a value of the document with all its texts made harmless. The document holds structs, lists, pointers,
// maps of texts and plain values.
func clean(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch {
	case v.Kind() == reflect.String:
		out.SetString(line(v.String()))
	case v.Kind() == reflect.Struct && v.Type() != instant:
		for i := range v.NumField() {
			out.Field(i).Set(clean(v.Field(i)))
		}
	case v.Kind() == reflect.Slice && !v.IsNil():
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(clean(v.Index(i)))
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(clean(v.Elem()))
	case v.Kind() == reflect.Map && !v.IsNil():
		out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for it := v.MapRange(); it.Next(); {
			out.SetMapIndex(clean(it.Key()), clean(it.Value()))
		}
	default:
		out.Set(v)
	}
	return out
}
