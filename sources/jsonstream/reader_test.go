package jsonstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// tree reads whatever comes as encoding/json has it.
func tree(r *Reader) (any, error) {
	kind, err := r.Kind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case '{':
		out := map[string]any{}
		err := r.Object(func(key string) error {
			v, err := tree(r)
			out[key] = v
			return err
		})
		return out, err
	case '[':
		out := []any{}
		err := r.Array(func() error {
			v, err := tree(r)
			out = append(out, v)
			return err
		})
		return out, err
	case '"':
		return r.Text()
	case '0':
		return r.Float()
	case 't':
		return r.Bool()
	default:
		return nil, r.Skip()
	}
}

var documents = []string{
	`{}`, `[]`, `null`, `true`, `false`, `0`, `-0`, `-1.5e+3`, `""`, `"a\"b\\\/\b\f\n\r\té😀"`, `"\ud83d\ude00"`, `"\ud83d"`,
	` { "a" : [ 1 , 2.5 , "x" , null , { "b" : { } } , [ ] ] , "c" : true } `,
	`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1435781430.781,"1"],[1435781445.781,"NaN"]]}]}}`,
	`01`, `1.`, `.5`, `-`, `1e`, `+1`, `tru`, `nul`, `{`, `[`, `[1`, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `"a`, `"\x"`, `"\u12g4"`,
	"\"a\x01b\"", `<html>`, ``, ` `, `[1 2]`, `{"a":1 "b":2}`, `}`, `1 2`,
}

// same reports whether this package and encoding/json think alike of a document.
func same(t *testing.T, doc []byte, oneByte bool) {
	var want any
	wantErr := json.Unmarshal(doc, &want)
	src := func() io.Reader {
		if oneByte {
			return iotest.OneByteReader(bytes.NewReader(doc))
		}
		return bytes.NewReader(doc)
	}
	for _, read := range []func(r *Reader) (any, error){
		tree,
		func(r *Reader) (any, error) {
			var v any
			err := r.Decode(&v)
			return v, err
		},
	} {
		r := NewReader(src(), Limits{Depth: 1000})
		got, err := read(r)
		if err == nil {
			err = r.End()
		}
		if wantErr != nil {
			require.Error(t, err, "%s", doc)
			continue
		}
		require.NoError(t, err, "%q", doc)
		require.Equal(t, want, got, "%q", doc)
	}
	r := NewReader(src(), Limits{Depth: 1000})
	err := r.Skip()
	if err == nil {
		err = r.End()
	}
	require.Equal(t, wantErr == nil, err == nil, "%q: %v, but %v", doc, wantErr, err)
}

func TestReadsWhatEncodingJSONReads(t *testing.T) {
	for _, doc := range documents {
		same(t, []byte(doc), false)
		same(t, []byte(doc), true)
	}
	big := `{"list":[` + strings.Repeat(`{"name":"näme","v":[1,2,"3"]},`, 2_000) + `null]}`
	same(t, []byte(big), false)
}

func FuzzReader(f *testing.F) {
	for _, doc := range documents {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if len(doc) > 4096 || bytes.ContainsAny(doc, "eE") { // numbers beyond float64 are errors there and infinite here
			return
		}
		var v any
		if err := json.Unmarshal(doc, &v); err != nil && strings.Contains(err.Error(), "number") {
			return // digits by the hundred
		}
		same(t, doc, false)
		same(t, doc, true)
	})
}

func TestLongTextsAreCut(t *testing.T) {
	doc := `["` + strings.Repeat("ä", 100) + `","` + strings.Repeat(`\u00e4`, 100) + `","short"]`
	r := NewReader(strings.NewReader(doc), Limits{Text: 25})
	var got []string
	require.NoError(t, r.Array(func() error {
		s, err := r.Text()
		got = append(got, s)
		return err
	}))
	require.Equal(t, []string{strings.Repeat("ä", 12), strings.Repeat("ä", 4), "short"}, got)
	require.True(t, r.Cut())

	var list []string
	r = NewReader(strings.NewReader(doc), Limits{Text: 25})
	require.NoError(t, r.Decode(&list))
	require.Equal(t, got, list)
}

func TestAPartThatIsTooLargeIsPassedOver(t *testing.T) {
	doc := `[{"a":1},{"list":[` + strings.Repeat("1,", 1000) + `1]},{"a":2}]`
	r := NewReader(strings.NewReader(doc), Limits{Value: 100})
	var got []int
	tooLarge := 0
	require.NoError(t, r.Array(func() error {
		var one struct{ A int }
		err := r.Decode(&one)
		if errors.Is(err, ErrTooLarge) {
			tooLarge++
			return nil
		}
		got = append(got, one.A)
		return err
	}))
	require.Equal(t, []int{1, 2}, got)
	require.Equal(t, 1, tooLarge)
}

func TestErrorsSayWhereAndWhat(t *testing.T) {
	for doc, want := range map[string]string{
		`<!DOCTYPE html>`:                   "expected a map, found what looks like HTML at byte 0",
		`{"a" 1}`:                           "expected a colon, found a number at byte 5",
		`[1]`:                               "expected a map, found a list at byte 0",
		`{"a":` + strings.Repeat("[", 100):  "nested deeper than 64",
		`{"a":` + strings.Repeat("1", 2000): "more than 1024 digits",
		`{"a`:                               "unexpected EOF",
	} {
		r := NewReader(strings.NewReader(doc), Limits{})
		err := r.Object(func(string) error { return r.Skip() })
		require.ErrorContains(t, err, want, doc)
	}
	r := NewReader(strings.NewReader(strings.Repeat(`{"a":[`, 1000)), Limits{})
	_, err := tree(r)
	require.ErrorContains(t, err, "nested deeper than 64")

	failed := errors.New("the line broke")
	r = NewReader(io.MultiReader(strings.NewReader(`[1,2,`), iotest.ErrReader(failed)), Limits{})
	n := 0
	err = r.Array(func() error {
		if _, err := r.Float(); err != nil {
			return err
		}
		n++
		return nil
	})
	require.ErrorIs(t, err, failed)
	require.Equal(t, 2, n, "what came before is good")
}

func TestNumbersInTexts(t *testing.T) {
	r := NewReader(strings.NewReader(`["NaN","+Inf","-Inf","1.5",2e400,"x"]`), Limits{})
	var got []float64
	err := r.Array(func() error {
		f, err := r.Float()
		got = append(got, f)
		return err
	})
	require.ErrorContains(t, err, `expected a number, found "x" at byte 33`)
	require.True(t, math.IsNaN(got[0]))
	require.Equal(t, []float64{math.Inf(1), math.Inf(-1), 1.5, math.Inf(1)}, got[1:5])

	r = NewReader(strings.NewReader(`["a",1.50,true,null,{}]`), Limits{})
	var texts []string
	err = r.Array(func() error {
		s, err := r.Scalar()
		texts = append(texts, s)
		return err
	})
	require.ErrorContains(t, err, "expected a single value, found a map")
	require.Equal(t, []string{"a", "1.50", "true", ""}, texts[:4])
}

// endless is a text that goes on for so many bytes.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := range n {
		p[i] = 'x'
	}
	e.left -= n
	return n, nil
}

func TestAnImmenseTextCostsWhatAShortOneDoes(t *testing.T) {
	per := testing.AllocsPerRun(1, func() {
		src := io.MultiReader(strings.NewReader(`{"line":"`), &endless{left: 8 << 20}, strings.NewReader(`"}`))
		var v struct{ Line string }
		r := NewReader(src, Limits{Text: 1 << 10})
		require.NoError(t, r.Decode(&v))
		require.Len(t, v.Line, 1<<10)
	})
	require.Less(t, per, 100.0)
}

func BenchmarkRangeAnswer(b *testing.B) {
	doc := []byte(`{"data":{"result":[` + strings.TrimSuffix(strings.Repeat(`{"metric":{"a":"b"},"values":[`+strings.TrimSuffix(strings.Repeat(`[1435781430.781,"1.25"],`, 300), ",")+`]},`, 100), ",") + `]}}`)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(bytes.NewReader(doc), Limits{})
		if err := r.Skip(); err != nil {
			b.Fatal(err)
		}
	}
}
