package load

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Fingerprint is a hash over everything in the plan that changes what is sent, and how much of it when: two runs with the
// same one have asked for the same. What it is called, how long it is measured, how long it waits and what it is judged by
// make no difference, nor does the address of the target, or a variable that stands only in that: a new build mostly has
// another one. Files that the plan names count by their names. Of a plan in parts, each is something else than the whole.
func (p *Plan) Fingerprint(o *Options) string {
	h := sha256.New()
	var text strings.Builder
	copied := *p
	copied.Vars, copied.Seed = nil, cmp.Or(o.Seed, p.Seed)
	fingerprint(io.MultiWriter(h, &text), reflect.ValueOf(copied))
	fingerprint(h, reflect.ValueOf(p.sentVars(o, text.String())))
	if of := o.Shards.of(); of > 1 {
		fmt.Fprintf(h, "one of %d", of)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// sentVars are the variables that stand in what is sent, with their values, without those that are part of an address too.
func (p *Plan) sentVars(o *Options, text string) map[string]string {
	targets := []string{p.Target}
	for i := range p.Scenarios {
		targets = append(targets, p.Scenarios[i].Target)
	}
	p.eachStep(func(_ *Scenario, _ string, s *Step) { targets = append(targets, s.Target) })
	out := map[string]string{}
	for _, vars := range []map[string]string{p.Vars, o.Vars} {
		for name, value := range vars {
			stands := "${" + name + "}"
			if strings.Contains(text, stands) && !slices.ContainsFunc(targets, func(t string) bool { return strings.Contains(t, stands) }) {
				out[name] = value
			}
		}
	}
	return out
}

// unsent are the fields that change nothing of what is sent.
var unsent = map[reflect.Type][]string{
	reflect.TypeFor[Plan]():     {"APIVersion", "Kind", "Metadata", "Target", "Warmup", "Duration", "KeepBody", "Timeout", "Test", "Thresholds", "folder"},
	reflect.TypeFor[Scenario](): {"Target"},
	reflect.TypeFor[Step]():     {"Target", "Check", "Timeout"},
}

// fingerprint writes what a value holds, without the fields that are unsent and those that are zero, so that a field that
// a later version adds changes nothing.
func fingerprint(w io.Writer, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			fingerprint(w, v.Elem())
		}
	case reflect.Struct:
		fmt.Fprint(w, "{")
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if slices.Contains(unsent[v.Type()], name) || v.Field(i).IsZero() {
				continue
			}
			fmt.Fprintf(w, "%s:", name)
			fingerprint(w, v.Field(i))
		}
		fmt.Fprint(w, "}")
	case reflect.Slice, reflect.Array:
		fmt.Fprintf(w, "[%d:", v.Len())
		for i := range v.Len() {
			fingerprint(w, v.Index(i))
		}
		fmt.Fprint(w, "]")
	case reflect.Map:
		values := map[string]reflect.Value{}
		for each := v.MapRange(); each.Next(); {
			values[each.Key().String()] = each.Value()
		}
		fmt.Fprintf(w, "(%d:", len(values))
		for _, key := range slices.Sorted(maps.Keys(values)) {
			fmt.Fprintf(w, "%q=", key)
			fingerprint(w, values[key])
		}
		fmt.Fprint(w, ")")
	case reflect.String:
		fmt.Fprintf(w, "%q,", v.String())
	default: // numbers and booleans: a plan has nothing else
		fmt.Fprintf(w, "%v,", v)
	}
}
