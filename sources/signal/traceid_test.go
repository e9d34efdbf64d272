package signal_test

import (
	"slices"
	"strings"
	"testing"

	"gameday/sources/signal"
)

const (
	hexID  = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID = "00f067aa0ba902b7"
)

func TestParseTraceContext(t *testing.T) {
	const low = "0000000000000000a3ce929d0e0e4736"
	for _, c := range []struct{ in, trace, span string }{
		{hexID, hexID, ""},
		{" " + strings.ToUpper(hexID) + "\n", hexID, ""},
		{"a3ce929d0e0e4736", low, ""},
		{"11803532876627986230", low, ""},
		{"4bf92f35-77b3-4da6-a3ce-929d0e0e4736", hexID, ""},
		{"{4BF92F35-77B3-4DA6-A3CE-929D0E0E4736}", hexID, ""},
		{"urn:uuid:4bf92f35-77b3-4da6-a3ce-929d0e0e4736", hexID, ""},
		{"00-" + hexID + "-" + spanID + "-01", hexID, spanID},
		{"01-" + hexID + "-" + spanID + "-01-what-comes", hexID, spanID},
		{hexID + "-" + spanID, hexID, spanID},
		{hexID + "-" + spanID + "-1", hexID, spanID},
		{hexID + "-" + spanID + "-d-05e3ac9a4f6e3b90", hexID, spanID},
		{"a3ce929d0e0e4736-" + spanID + "-1", low, spanID},
		{hexID + ":" + spanID + ":0:1", hexID, spanID},
		{"3ce929d0e0e4736:f067aa0ba902b7:0:1", "000000000000000003ce929d0e0e4736", spanID},
		{"1-4bf92f35-77b34da6a3ce929d0e0e4736", hexID, ""},
		{"Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=" + spanID + ";Sampled=1", hexID, spanID},
		{"Self=1-67891234-12456789abcdef012345678;Root=1-4bf92f35-77b34da6a3ce929d0e0e4736", hexID, ""},
		{hexID + "/67667974448284343;o=1", hexID, "00f067aa0ba902b7"},
		{hexID + "/0", hexID, ""},
		{"projects/shop/traces/" + hexID, hexID, ""},
	} {
		id, span, ok := signal.ParseTraceContext(c.in)
		if !ok || id.String() != c.trace || span.String() != c.span {
			t.Errorf("%q: got %s %s %t, want %s %s", c.in, id, span, ok, c.trace, c.span)
		}
	}
	for _, in := range []string{
		"", "12345", "1234567890", "order-4711", "4bf92f3577b34da6a3ce929d0e0e473", hexID + "0",
		strings.Repeat("0", 32), strings.Repeat("0", 20), "00000000-0000-0000-0000-000000000000",
		"18446744073709551616", "+1803532876627986230", "-1803532876627986230",
		"ff-" + hexID + "-" + spanID + "-01", "00-" + hexID + "-" + spanID + "-01-more", "00-" + hexID + "-0000000000000000-01",
		"zz-" + hexID + "-" + spanID + "-01", hexID + "-" + spanID + "-1-05e3ac9a4f6e3b90-x",
		hexID + ":" + spanID + ":0", "1-4bf92f35-77b34da6a3ce929d0e0e473", "Parent=" + spanID + ";Sampled=1",
		"projects/shop/traces/1", "https://shop.example/checkout?id=12", "{" + hexID + "}", "a quick brown fox jumps",
	} {
		if id, span, ok := signal.ParseTraceContext(in); ok || !id.IsZero() || !span.IsZero() {
			t.Errorf("%q was taken for trace %s span %s", in, id, span)
		}
	}
}

func TestParseTraceField(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"dd.trace_id", "42", "0000000000000000000000000000002a"},
		{"dd.trace_id", "1234567890123456", "000000000000000000" + "0462d53c8abac0"}, // 16 digits, and still a decimal
		{"DD.trace_id", hexID, hexID},
		{"trace_id", "42", ""},
		{"traceparent", "00-" + hexID + "-" + spanID + "-01", hexID},
	} {
		if id, _, _ := signal.ParseTraceField(c.key, c.value); id.String() != c.want {
			t.Errorf("%s=%s: got %s, want %s", c.key, c.value, id, c.want)
		}
	}
	if id, ok := signal.ParseSpanField("dd.span_id", "67667974448284343"); !ok || id.String() != spanID {
		t.Errorf("dd.span_id: got %s", id)
	}
	if id, ok := signal.ParseSpanField("span_id", spanID); !ok || id.String() != spanID {
		t.Errorf("span_id: got %s", id)
	}
}

func TestForms(t *testing.T) {
	id, _ := signal.ParseTraceID(hexID)
	got := strings.Join(id.Forms(), " ")
	want := hexID + " a3ce929d0e0e4736 11803532876627986230 1-4bf92f35-77b34da6a3ce929d0e0e4736 4bf92f35-77b3-4da6-a3ce-929d0e0e4736"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if forms := (signal.TraceID{}).Forms(); forms != nil {
		t.Errorf("the zero ID has forms: %v", forms)
	}
	upper := signal.TraceID{1}
	if upper.In(signal.FormDatadog) != "" || upper.In(signal.FormHex64) != "" || len(upper.Forms()) != 3 {
		t.Errorf("an ID without a lower half has forms of one: %v", upper.Forms())
	}
	small := signal.TraceID{0: 0x4f, 15: 1}
	if got := small.Forms(); small.In(signal.FormDatadog) != "1" || len(got) != 4 || slices.Contains(got, "1") {
		t.Errorf("a short decimal would be found in every text: %v", got)
	}
}

func TestSame(t *testing.T) {
	full, _ := signal.ParseTraceID(hexID)
	short, _ := signal.ParseTraceID("a3ce929d0e0e4736")
	other, _ := signal.ParseTraceID("5bf92f3577b34da6a3ce929d0e0e4736")
	if !full.Same(full) || !full.Same(short) || !short.Same(full) {
		t.Error("a short ID is the lower half of a long one")
	}
	if full.Same(other) || (signal.TraceID{}).Same(signal.TraceID{}) || (signal.TraceID{}).Same(full) || full.Same(signal.TraceID{}) {
		t.Error("two long IDs differ, and none is the same as nothing")
	}
}

// FuzzParseTraceContext: nothing panics, and what was read comes back from each of its forms, as far as that form goes.
func FuzzParseTraceContext(f *testing.F) {
	for _, s := range []string{hexID, "11803532876627986230", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "00-" + hexID + "-" + spanID + "-01",
		hexID + "-" + spanID + "-1", hexID + ":" + spanID + ":0:1", "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=" + spanID,
		hexID + "/1;o=1", "projects/p/traces/" + hexID, "{}", "-", ":::", "urn:uuid:", "1-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, span, ok := signal.ParseTraceContext(s)
		if ok == id.IsZero() {
			t.Fatalf("%q: ok is %t for %q", s, ok, id)
		}
		if !ok && !span.IsZero() {
			t.Fatalf("%q: a span without a trace", s)
		}
		for form, read := range map[signal.TraceForm]func(string) (signal.TraceID, bool){
			signal.FormHex: signal.ParseAnyTraceID, signal.FormHex64: signal.ParseAnyTraceID, signal.FormXRay: signal.ParseAnyTraceID,
			signal.FormUUID: signal.ParseAnyTraceID, signal.FormDatadog: signal.ParseDecimalTraceID, // may be too short to be told by its look
		} {
			text := id.In(form)
			if again, ok := read(text); text != "" && (!ok || !again.Same(id)) {
				t.Fatalf("%q: form %q of %s reads as %s", s, text, id, again)
			}
		}
	})
}
