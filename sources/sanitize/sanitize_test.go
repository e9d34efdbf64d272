package sanitize

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

func TestLine(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"empty", "", ""},
		{"plain", "GET /cart 200", "GET /cart 200"},
		{"unicode stays", "Grüße 世界 é 🎉 ⚡", "Grüße 世界 é 🎉 ⚡"},
		{"trailing newline", "done\n", "done"},
		{"trailing windows newline", "done\r\n", "done"},
		{"stack trace", "panic\n\tat main.go:1\r\n\tat x.go:2\n", "panic␤ at main.go:1␤ at x.go:2"},
		{"lone return", "50%\r100%", "50%␍100%"},
		{"escape sequence", "\x1b[2J\x1b]0;owned\x07", "␛[2J␛]0;owned␇"},
		{"escape after a broken lead byte", "\xc3\x1b[31m", `\xc3␛[31m`},
		{"delete and nul", "a\x7fb\x00", "a␡b␀"},
		{"c1", "a\u009b31m", "a‹U+009B›31m"},
		{"raw c1 byte", "a\x9b31m", `a\x9b31m`},
		{"bidi", "user \u202egnp.exe\u2069", "user ‹U+202E›gnp.exe‹U+2069›"},
		{"separators", "a\u2028b\u2029c", "a‹U+2028›b‹U+2029›c"},
		{"zero width", "pass\u200bword\ufeff", "pass‹U+200B›word‹U+FEFF›"},
		{"tags", "x\U000e0041", "x‹U+E0041›"},
		{"soft hyphen", "a\u00adb", "a‹U+00AD›b"},
		{"one variation selector", "☀\ufe0f", "☀\ufe0f"},
		{"variation run", "☀\ufe0f\ufe0f", "☀\ufe0f‹U+FE0F›"},
		{"variation smuggling", "a\ufe01\U000e0100", "a‹U+FE01›‹U+E0100›"},
		{"combining", "e\u0301a\u0300\u0301", "e\u0301a\u0300\u0301"},
		{"combining at the start", "\u0301a", "‹U+0301›a"},
		{"zalgo", "z" + strings.Repeat("\u0335", 50) + "o", "z\u0335\u0335\u0335\u0335‹+46 marks›o"},
		{"invalid", "a\xff\xfe\xf0\x9f", `a\xff\xfe\xf0\x9f`},
		{"surrogate bytes", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"no character", "a\uffff\ufdd0", "a‹U+FFFF›‹U+FDD0›"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := Line(c.in, 0)
			require.Equal(t, c.want, got)
			require.Equal(t, got, Line(got, 0), "applying it again changes nothing")
		})
	}
}

func TestLineCuts(t *testing.T) {
	require.Equal(t, "1234567890", Line("1234567890", 10))
	require.Equal(t, "1234567890", Line("1234567890\n", 10))
	require.Equal(t, "1234567…", Line("12345678901", 10))
	require.Equal(t, "世界…", Line("世界世界世界", 10), "no rune is cut in two")
	require.Equal(t, "123456…", Line("123456\u202e", 10), "no mark is cut in two")
	require.Equal(t, "", Line("abc", 2))
	require.Equal(t, "ab", Line("ab", 2))

	huge := strings.Repeat("x\x1b", 32<<20)
	got := Line(huge, 1000)
	require.LessOrEqual(t, len(got), 1000)
	require.True(t, strings.HasSuffix(got, ellipsis))
}

func TestCleanTextIsNotCopied(t *testing.T) {
	for _, s := range []string{"GET /cart 200 in 3ms", "Grüße 世界 é ☀\ufe0f"} {
		require.Zero(t, testing.AllocsPerRun(100, func() { Line(s, 100) }))
	}
}

// requireHarmless holds what every row promises.
func requireHarmless(t *testing.T, s string) {
	t.Helper()
	require.True(t, utf8.ValidString(s), "valid UTF-8: %q", s)
	marks := 0
	for i, r := range s {
		require.False(t, unicode.IsControl(r), "control character in %q", s)
		require.False(t, unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Bidi_Control), "invisible rune in %q", s)
		if unicode.In(r, unicode.Mn, unicode.Me) {
			marks++
			require.Positive(t, i, "a mark at the beginning of %q", s)
		} else {
			marks = 0
		}
		require.LessOrEqual(t, marks, 2*maxMarks+1, "marks in %q", s)
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b[0m\r\n", "\xc3\x1b", "\u202e\u0301\u0301", "☀\ufe0f\u0301\ufe0f",
		strings.Repeat("e\u0301\u0301\u0301\u0301\u0301", 9), "世界\x9b\u009b\U000e0041"} {
		f.Add(s, 0)
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, max int) {
		got := Line(s, max)
		requireHarmless(t, got)
		require.Equal(t, got, Line(got, max), "idempotent")
		if max > 0 {
			require.LessOrEqual(t, len(got), max)
		} else {
			require.LessOrEqual(t, len(got), 10*len(s)+10)
		}
	})
}

func TestBatch(t *testing.T) {
	const evil = "a\x1b\u202e\nb\xff"
	const tame = "a␛‹U+202E›␤b\\xff"
	attrs := func() signal.Attrs { return signal.Attrs{{Key: evil, Value: evil}, {Key: "ok", Value: "ok"}} }
	wantAttrs := signal.Attrs{{Key: tame, Value: tame}, {Key: "ok", Value: "ok"}}
	shared := attrs()
	exemplar := &signal.Exemplar{Labels: attrs()}
	b := signal.Batch{
		Logs: []signal.Record{{Service: evil, Body: evil, Source: evil, Attrs: shared}, {Body: "ok", Attrs: shared}},
		Spans: []signal.Span{{Service: evil, Name: evil, Message: evil, Source: evil, Attrs: attrs(),
			Events: []signal.SpanEvent{{Name: evil, Attrs: attrs()}}}},
		Metrics: []signal.MetricPoint{{Name: evil, Labels: attrs(), Exemplar: exemplar}},
		Events:  []signal.Event{{Title: evil, Detail: evil, Target: evil, Key: evil, Attrs: attrs()}},
	}
	require.Equal(t, 5+2+9+5+6, Batch(&b))
	require.Equal(t, []signal.Record{{Service: tame, Body: tame, Source: tame, Attrs: wantAttrs}, {Body: "ok", Attrs: wantAttrs}}, b.Logs)
	require.Equal(t, []signal.Span{{Service: tame, Name: tame, Message: tame, Source: tame, Attrs: wantAttrs,
		Events: []signal.SpanEvent{{Name: tame, Attrs: wantAttrs}}}}, b.Spans)
	require.Equal(t, []signal.MetricPoint{{Name: tame, Labels: wantAttrs, Exemplar: &signal.Exemplar{Labels: wantAttrs}}}, b.Metrics)
	require.Equal(t, []signal.Event{{Title: tame, Detail: tame, Target: tame, Key: tame, Attrs: wantAttrs}}, b.Events)
	require.Equal(t, evil, shared[0].Value, "a shared list is copied, not written to")
	require.Equal(t, evil, exemplar.Labels[0].Value)
	require.Zero(t, Batch(&b), "a second pass finds nothing")
}

func TestBatchBoundsParts(t *testing.T) {
	var attrs signal.Attrs
	var events []signal.SpanEvent
	for range 500 {
		attrs = append(attrs, signal.Attr{Key: "k", Value: strings.Repeat("v", 2*MaxValue)})
		events = append(events, signal.SpanEvent{Name: "e"})
	}
	b := signal.Batch{
		Logs:  []signal.Record{{Body: strings.Repeat("x", 1<<20), Attrs: attrs}},
		Spans: []signal.Span{{Events: events}},
	}
	require.Equal(t, 1+(500-MaxAttrs)+(MaxAttrs-1)+(500-MaxEvents), Batch(&b))
	require.Len(t, b.Logs[0].Body, MaxBody)
	require.Len(t, b.Logs[0].Attrs, MaxAttrs)
	require.Len(t, b.Logs[0].Attrs[0].Value, MaxValue)
	require.Equal(t, signal.Attr{Key: "…", Value: "437 more attributes"}, b.Logs[0].Attrs[MaxAttrs-1])
	require.Len(t, b.Spans[0].Events, MaxEvents)
	require.Equal(t, "… 373 more events", b.Spans[0].Events[MaxEvents-1].Name)
	require.Zero(t, Batch(&b))
}

func BenchmarkLine(b *testing.B) {
	for name, s := range map[string]string{
		"clean":   strings.Repeat("GET /cart 200 in 3ms ", 10),
		"unicode": strings.Repeat("Grüße an 世界 ", 12),
		"hostile": strings.Repeat("\x1b[31m\u202e\xff ", 20),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			b.ReportAllocs()
			for b.Loop() {
				Line(s, MaxBody)
			}
		})
	}
}
