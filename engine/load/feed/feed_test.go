package feed

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// from opens a feed whose file holds a text.
func from(c Config, text string) (*Feed, error) {
	return Open(c, 7, func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil })
}

func rows(f *Feed, n int) (out []string) {
	for i := range n {
		row := f.Row(uint64(i))
		if row == nil {
			return append(out, "end")
		}
		var all []string
		for _, v := range row {
			all = append(all, string(v))
		}
		out = append(out, strings.Join(all, "|"))
	}
	return out
}

func TestFilesAreRead(t *testing.T) {
	for name, tc := range map[string]struct {
		config  Config
		text    string
		columns []string
		rows    []string
	}{
		"csv":            {Config{File: "a.csv"}, "\ufeffid, name\n1,\"a,\nb\"\n2,c\n", []string{"id", "name"}, []string{"1|a,\nb", "2|c", "1|a,\nb"}},
		"no header":      {Config{File: "a.csv", Columns: []string{"x", "y"}, Delimiter: ";"}, "1;2\n3;4", []string{"x", "y"}, []string{"1|2", "3|4"}},
		"tabs, prefixed": {Config{File: "a.tsv", Delimiter: "tab", Prefix: "u."}, "a\tb\n1\t2\n", []string{"u.a", "u.b"}, []string{"1|2"}},
		"json lines": {Config{File: "a.jsonl"}, `{"b":12345678901234567,"a":"x"}` + "\n" + `{"a":true,"b":{"c":1}}`,
			[]string{"a", "b"}, []string{"x|12345678901234567", `true|{"c":1}`}},
		"json, some":     {Config{File: "a", Format: "jsonl", Columns: []string{"b"}}, `{"b":null,"a":"x"}`, []string{"b"}, []string{"null"}},
		"stops":          {Config{File: "a.csv", AtEnd: "stop"}, "a\n1\n2\n", []string{"a"}, []string{"1", "2", "end"}},
		"rows in a plan": {Config{Rows: []Row{{"b": "1", "a": "2"}, {"a": "3", "b": "4"}}}, "", []string{"a", "b"}, []string{"2|1", "3|4"}},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := from(tc.config, tc.text)
			require.NoError(t, err)
			require.Equal(t, tc.columns, f.Columns())
			require.Equal(t, tc.rows, rows(f, len(tc.rows)))
		})
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for want, tc := range map[string]struct {
		config Config
		text   string
	}{
		"give a file, or rows":           {},
		"not both":                       {config: Config{File: "a", Rows: []Row{{"a": "1"}}}},
		"holds no row":                   {config: Config{File: "a.csv"}, text: "a,b\n"},
		"first line of a.csv":            {config: Config{File: "a.csv"}},
		"wrong number of fields":         {config: Config{File: "a.csv"}, text: "a,b\n1\n"},
		"not one character":              {config: Config{File: "a.csv", Delimiter: "::"}, text: "a\n"},
		`object 1 has no "b"`:            {config: Config{File: "a.jsonl"}, text: `{"a":1}{"b":1}`},
		"object 1":                       {config: Config{File: "a.jsonl"}, text: `[1]`},
		"does not have the same columns": {config: Config{Rows: []Row{{"a": "1"}, {"b": "2"}}}},
		"rows[1] does not have":          {config: Config{Rows: []Row{{"a": "1"}, {"a": "1", "b": "2"}}}},
	} {
		_, err := from(tc.config, tc.text)
		require.ErrorContains(t, err, want)
	}
	_, err := Open(Config{File: "x"}, 1, func(string) (io.ReadCloser, error) { return nil, errors.New("not there") })
	require.ErrorContains(t, err, "not there")
	_, err = OpenFile(t.TempDir())
	require.ErrorContains(t, err, "no plain file")
	_, err = OpenFile(filepath.Join(t.TempDir(), "no"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestOrdersRepeatWithTheSeed(t *testing.T) {
	text := "n\n" + strings.Repeat("a\nb\nc\nd\ne\nf\n", 4)
	for _, order := range []string{"random", "shuffled"} {
		one, err := from(Config{File: "a.csv", Order: order}, text)
		require.NoError(t, err)
		same, err := from(Config{File: "a.csv", Order: order}, text)
		require.NoError(t, err)
		require.Equal(t, rows(one, 60), rows(same, 60))
		other, err := Open(Config{File: "a.csv", Order: order}, 8, func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil })
		require.NoError(t, err)
		require.NotEqual(t, rows(one, 60), rows(other, 60))
	}
	f, err := from(Config{File: "a.csv", Order: "shuffled"}, "n\n1\n2\n3\n4\n")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"1", "2", "3", "4"}, rows(f, 4), "each once")
}

func FuzzOpen(f *testing.F) {
	f.Add("a,b\n1,2\n", "", "")
	f.Add(`{"a":1}`, "jsonl", "")
	f.Fuzz(func(t *testing.T, text, format, delimiter string) {
		fd, err := from(Config{File: "a", Format: format, Delimiter: delimiter}, text)
		if err == nil {
			for _, n := range []uint64{0, 1, 1 << 63} {
				require.Len(t, fd.Row(n), len(fd.Columns()))
			}
		}
	})
}

func TestPlainLinesAndSkippedNames(t *testing.T) {
	f, err := from(Config{File: "a.csv", Columns: []string{"a", "b"}, SkipFirst: true}, "x,y\n1,\"2,3\"\n")
	require.NoError(t, err)
	require.Equal(t, []string{"1|2,3"}, rows(f, 1))
	require.Equal(t, 1, f.Len())
	f, err = from(Config{File: "a.csv", Delimiter: "||", Plain: true}, "id||body\r\n1||{\"k\":\"v, w\"}\r\n\r\n2||\"x\n")
	require.NoError(t, err)
	require.Equal(t, []string{"id", "body"}, f.Columns())
	require.Equal(t, []string{`1|{"k":"v, w"}`, `2|"x`}, rows(f, 2))
	f, err = from(Config{File: "a.csv", Delimiter: "tab", Plain: true, Columns: []string{"a"}, SkipFirst: true}, "name\n1\n")
	require.NoError(t, err)
	require.Equal(t, 1, f.Len())
	_, err = from(Config{File: "a.csv", Plain: true}, "a,b\n1\n")
	require.ErrorContains(t, err, "line 2 has 1 values, and there are 2 columns")
}
