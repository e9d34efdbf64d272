package spec_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/spec"
)

type percent float64

func (p *percent) UnmarshalScalar(text string) error {
	_, err := fmt.Sscanf(text, "%f%%", (*float64)(p))
	if err != nil {
		return errors.New("expected a share such as 25%")
	}
	return nil
}

// source is written as a name or as a map.
type source struct {
	Name string
	Port int
}

func (s *source) UnmarshalSpec(part *spec.Document) {
	if text, ok := part.Scalar(); ok {
		s.Name = text
		return
	}
	var m struct {
		Name string `yaml:"name,required"`
		Port int    `yaml:"port"`
	}
	part.Decode(&m)
	if m.Port > 65535 {
		part.Reportf("port", "%d is no port", m.Port)
	}
	s.Name, s.Port = m.Name, m.Port
}

type common struct {
	Title string `yaml:"title" doc:"what people read"`
}

type plan struct {
	common `yaml:",inline"`
	Name   string            `yaml:"name,required" doc:"a word that names it"`
	Wait   time.Duration     `yaml:"wait"`
	Count  int               `yaml:"count"`
	Small  uint8             `yaml:"small"`
	Rate   float64           `yaml:"rate"`
	On     bool              `yaml:"on"`
	Pick   string            `yaml:"pick" enum:"all,one,some"`
	Share  percent           `yaml:"share"`
	Tags   []string          `yaml:"tags"`
	Labels map[string]string `yaml:"labels"`
	Steps  []step            `yaml:"steps"`
	Maybe  *int              `yaml:"maybe"`
	Any    map[string]any    `yaml:"any"`
	Raw    *spec.Document    `yaml:"raw"`
	From   source            `yaml:"from"`
	hidden int
}

type step struct {
	At   time.Duration `yaml:"at"`
	Kind string        `yaml:"kind,required"`
	Sub  []step        `yaml:"sub"`
}

func parse(t *testing.T, text string) *spec.Document {
	t.Helper()
	d, err := spec.Parse("p.yaml", []byte(text))
	require.NoError(t, err)
	return d
}

func TestDecodeFillsEveryShape(t *testing.T) {
	d := parse(t, `
title: "99%"
name: 12
wait: 1m30s
count: 0x10
small: 255
rate: 1e3
on: true
pick: one
share: 25%
tags: [a, "b", 3]
labels: {zone: eu, "a.b": c}
steps:
  - {at: 5s, kind: x, sub: [{kind: y}]}
maybe: 7
any: {a: 1, b: [true, 1.5, null, "1"], c: {d: e}}
raw: {deep: {er: 1}}
from: {name: n, port: 80}
`)
	p := plan{hidden: 1}
	d.Decode(&p)
	require.NoError(t, d.Err())
	raw := p.Raw
	p.Raw = nil
	seven := 7
	require.Equal(t, plan{
		common: common{"99%"}, Name: "12", Wait: 90 * time.Second, Count: 16, Small: 255, Rate: 1000, On: true, Pick: "one",
		Share: 25, Tags: []string{"a", "b", "3"}, Labels: map[string]string{"zone": "eu", "a.b": "c"},
		Steps: []step{{At: 5 * time.Second, Kind: "x", Sub: []step{{Kind: "y"}}}}, Maybe: &seven,
		Any:  map[string]any{"a": int64(1), "b": []any{true, 1.5, nil, "1"}, "c": map[string]any{"d": "e"}},
		From: source{"n", 80}, hidden: 1,
	}, p)
	require.True(t, raw.Has("deep.er"))
	require.Equal(t, []string{"deep"}, raw.Keys(""))
}

func TestDefaultsStayWhereNothingIsGiven(t *testing.T) {
	d := parse(t, "name: x\nwait:\ncount: ~\n")
	p := plan{Wait: time.Second, Count: 3}
	d.Decode(&p)
	require.NoError(t, d.Err())
	require.Equal(t, time.Second, p.Wait)
	require.Equal(t, 3, p.Count)
}

func TestAllProblemsAtOnce(t *testing.T) {
	d := parse(t, `titel: x
wait: 5
count: many
small: 256
rate: fast
on: yes
pick: some-of
share: half
tags: a
labels: [a]
steps:
  - kimd: a
  - kind: {}
    at: 5 s
maybe: 1.5
from: {port: 70000}
"a.b": 1
`)
	var p plan
	d.Decode(&p)
	d.Reportf("steps[1].at", "too late")
	d.Reportf("steps[9].nowhere", "is needed")
	require.EqualError(t, d.Err(), strings.Join([]string{
		`p.yaml:1:1: titel: unknown field (did you mean "title"?)`,
		`p.yaml:1:1: name: is required: a word that names it`,
		`p.yaml:2:7: wait: "5" has no unit; write 5s, 5ms or 5m`,
		`p.yaml:3:8: count: expected a whole number, found "many"`,
		`p.yaml:4:8: small: "256" is outside 0 to 255`,
		`p.yaml:5:7: rate: expected a number, found "fast"`,
		`p.yaml:6:5: on: expected true or false, found "yes"`,
		`p.yaml:7:7: pick: "some-of" is not one of all, one, some (did you mean "some"?)`,
		`p.yaml:8:8: share: expected a share such as 25%`,
		`p.yaml:9:7: tags: expected a list, found "a"`,
		`p.yaml:10:1: labels: expected a map, found a list`,
		`p.yaml:11:1: steps[9].nowhere: is needed`,
		`p.yaml:12:5: steps[0].kimd: unknown field (did you mean "kind"?)`,
		`p.yaml:12:5: steps[0].kind: is required`,
		`p.yaml:13:5: steps[1].kind: expected text, found a map`,
		`p.yaml:14:9: steps[1].at: "5 s" is not a duration; write it as 500ms, 5s or 1m30s`,
		`p.yaml:14:9: steps[1].at: too late`,
		`p.yaml:15:8: maybe: expected a whole number, found "1.5"`,
		`p.yaml:16:1: from.name: is required`,
		`p.yaml:16:14: from.port: 70000 is no port`,
		`p.yaml:17:1: ["a.b"]: unknown field`,
	}, "\n"))
}

func TestSyntaxErrors(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\nexpect: > 99%\n":  `f.yaml:2:9: a value that begins with > or | must be in quotes: "> 99%"`,
		"expect: != 0\n":         `f.yaml:1:9: expect: tags are not understood; a value that begins with ! must be in quotes`,
		"a: b: c\n":              `f.yaml:1:4: a value that contains ": " must be in quotes`,
		"a:\n\tb: 1\n":           `f.yaml:2:1: indent with spaces, not with tabs`,
		"a: [1,\n":               `f.yaml:1:4: not valid YAML: sequence end token ']' not found`,
		"":                       "f.yaml:1:1: the file is empty",
		"# only a comment\n":     "f.yaml:1:1: the file is empty",
		"a: 1\n---\nb: 2\n":      "f.yaml:3:1: a second document begins here; a file holds one",
		"a: 1\nb: 2\na: 3\nb: 4": "f.yaml:3:1: a: the key comes twice, first on line 1\nf.yaml:4:1: b: the key comes twice, first on line 2",
		"x: {y: 1, y: 2}":        "f.yaml:1:11: x.y: the key comes twice, first on line 1",
		"a: *b\n":                "f.yaml:1:4: a: alias *b has no anchor &b before it; a value that begins with * must be in quotes",
		"a: 1\nb: \xff\n":        "f.yaml:2:4: byte 0xff is not UTF-8 text",
		"a: \x1b[31m\n":          "f.yaml:1:4: control character 0x1b is not allowed",
		"? [a, b]\n: c\n":        "f.yaml:2:1: not valid YAML: found an invalid key for this map",
		"a:\n  <<: 3\n":          "f.yaml:2:3: a: << takes a map",
	} {
		_, err := spec.Parse("f.yaml", []byte(text))
		require.EqualError(t, err, want, "%q", text)
		require.ErrorAs(t, err, new(*spec.Problems))
	}
}

func TestDirectiveMarkersAndByteOrderMark(t *testing.T) {
	for _, text := range []string{"---\na: 1\n...\n", "%YAML 1.2\n---\na: 1\n", "\ufeffa: 1\r\n"} {
		d, err := spec.Parse("", []byte(text))
		require.NoError(t, err, "%q", text)
		require.Equal(t, []string{"a"}, d.Keys(""), "%q", text)
	}
}

func TestAliasesAndMerge(t *testing.T) {
	d := parse(t, "base: &b {at: 1s, kind: k}\nsteps:\n  - *b\n  - {<<: *b, kind: own}\n")
	var v struct {
		Base  step   `yaml:"base"`
		Steps []step `yaml:"steps"`
	}
	d.Decode(&v)
	require.NoError(t, d.Err())
	require.Equal(t, []step{{At: time.Second, Kind: "k"}, {At: time.Second, Kind: "own"}}, v.Steps)
}

// TestHostileDocuments: what would unfold, nest or take for ever is refused before it costs anything.
func TestHostileDocuments(t *testing.T) {
	var bomb, merges, keys strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	merges.WriteString("a0: &a0 {k: v}\n")
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
		fmt.Fprintf(&merges, "a%d: &a%d {x: *a%d, y: *a%d, <<: *a%d}\n", i, i, i-1, i-1, i-1)
	}
	for i := range 30_000 {
		fmt.Fprintf(&keys, "k%d: v\n", i)
	}
	nested := ""
	for i := range 100 {
		nested += strings.Repeat(" ", i) + "a:\n"
	}
	for name, c := range map[string]struct{ text, want string }{
		"alias bomb":  {bomb.String(), "unfold to"},
		"merge bomb":  {merges.String(), "unfold to"},
		"flow depth":  {strings.Repeat("[", 40_000), "nested more than 64 deep"},
		"map depth":   {strings.Repeat("{a: ", 12_000), "nested more than 64 deep"},
		"list depth":  {strings.Repeat("- ", 40_000) + "a", "nested more than 64 deep"},
		"block depth": {nested, "nested more than 64 deep"},
		"many keys":   {keys.String(), "more than 50000 words"},
		"endless":     {strings.Repeat("[]", 1<<20), "more than 200000 lines"},
		"too large":   {strings.Repeat("#", 5<<20), "more than the 4 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := spec.Parse("", []byte(c.text))
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestSubDocumentKeepsLinesAndReportsUpwards(t *testing.T) {
	d := parse(t, "name: x\nload:\n  spec:\n    rate: fast\n")
	sub, ok := d.Sub("load.spec")
	require.True(t, ok)
	var v struct {
		Rate float64 `yaml:"rate"`
	}
	sub.Decode(&v)
	sub.Decode(&v) // a second reader does not double the message
	d.Reportf("name", "is taken")
	require.EqualError(t, sub.Err(), `p.yaml:4:11: load.spec.rate: expected a number, found "fast"`)
	require.EqualError(t, d.Err(), "p.yaml:1:7: name: is taken\n"+`p.yaml:4:11: load.spec.rate: expected a number, found "fast"`)
	_, ok = d.Sub("load.nothing")
	require.False(t, ok)
	line, col, ok := d.Position("load.spec.rate")
	require.Equal(t, []any{4, 11, true}, []any{line, col, ok})
}

func TestManyProblemsAreCut(t *testing.T) {
	d := parse(t, "a: 1\n")
	for i := range 60 {
		d.Reportf("a", "fault %d", i)
	}
	require.ErrorContains(t, d.Err(), "fault 49\nand 10 more")
}

func TestQuoteIsHarmless(t *testing.T) {
	require.Equal(t, `"a\u202e\x1b[31m"`, spec.Quote("a\u202e\x1b[31m"))
	require.Equal(t, `"`+strings.Repeat("é", 30)+`…"`, spec.Quote(strings.Repeat("é", 100)))
}

func TestNearest(t *testing.T) {
	known := []string{"network.latency", "network.partition", "process.kill", "expect", "maxTargets"}
	for word, want := range map[string]string{
		"network.latancy": "network.latency", "latency": "network.latency", "exepct": "expect", "max_targets": "maxTargets",
		"proces.kil": "process.kill", "xepect": "expect", "nonsense": "", "": "", "x": "",
	} {
		got, ok := spec.Nearest(word, known)
		require.Equal(t, want != "", ok, word)
		if ok {
			require.Equal(t, want, got)
		}
	}
}

func TestNearestPrefersTheSameLetters(t *testing.T) {
	got, ok := spec.Nearest("p59", []string{"p50", "p95", "p99"})
	require.True(t, ok)
	require.Equal(t, "p95", got)
	got, _ = spec.Nearest("fro", []string{"at", "for", "fault"})
	require.Equal(t, "for", got)
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	_, err := spec.Load(filepath.Join(dir, "none.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = spec.Load(dir)
	require.ErrorContains(t, err, "it is a folder")
	file := filepath.Join(dir, "a.yaml")
	require.NoError(t, os.WriteFile(file, []byte("a: 1\n"), 0o600))
	d, err := spec.Load(file)
	require.NoError(t, err)
	require.Equal(t, file, d.File())
}

func TestDecodeIntoNonPointerPanics(t *testing.T) {
	require.Panics(t, func() { parse(t, "a: 1").Decode(plan{}) })
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"name: x\nsteps: [{kind: a}]\n", "a: &x [*x]\n", "? a\n: b\n", "a: !!int 3\n", "- - - 1\n", "a: |\n  x\n", "<<: {a: 1}\n", "{a: 1, a: 2}", "a: \"\\u12\"", "--- >\n x\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := spec.Parse("", data)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		var p plan
		d.Decode(&p)
		var anything any
		d.Decode(&anything)
		for _, key := range d.Keys("") {
			d.Reportf(key, "seen")
		}
		if err := d.Err(); err != nil {
			require.NotContains(t, err.Error(), "\x1b")
		}
	})
}

// Other programs write JSON on one line; how deep it is does not depend on how long the line is.
func TestManyMapsSideBySideOnOneLineAreNotDeep(t *testing.T) {
	_, err := spec.Parse("", []byte(`{"steps": [`+strings.Repeat(`{"a": {"b": 1}, "c": [1]}, `, 200)+`{}]}`))
	require.NoError(t, err)
}
