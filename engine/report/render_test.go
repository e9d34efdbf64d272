package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"gameday/engine/report"
)

var update = flag.Bool("update", false, "write the golden reports anew")

func render(t *testing.T, f report.Format, d *report.Document) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, report.Write(&out, f, d))
	return out.String()
}

func TestGolden(t *testing.T) {
	for f, name := range map[report.Format]string{report.HTML: "report.html", report.Markdown: "report.md", report.JSON: "report.json", report.JUnit: "report.xml"} {
		t.Run(name, func(t *testing.T) {
			got, file := render(t, f, document()), filepath.Join("testdata", name)
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), got, "go test ./engine/report -update writes it anew; look at the difference")
		})
	}
}

// tags are the elements of a page, with how often each is there and all attributes' names.
func tags(t *testing.T, page string) (map[string]int, map[string]bool) {
	t.Helper()
	count, attrs := map[string]int{}, map[string]bool{}
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			require.ErrorIs(t, z.Err(), io.EOF)
			return count, attrs
		case html.StartTagToken, html.SelfClosingTagToken:
			tok := z.Token()
			count[tok.Data]++
			for _, a := range tok.Attr {
				attrs[a.Key] = true
			}
		}
	}
}

func TestPageIsOneFile(t *testing.T) {
	page := render(t, report.HTML, document())
	count, attrs := tags(t, page)
	for _, tag := range []string{"script", "img", "link", "iframe", "a", "object", "form", "base"} {
		require.Zero(t, count[tag], tag)
	}
	for _, attr := range []string{"src", "href", "onclick", "onload", "style"} {
		require.False(t, attrs[attr], attr)
	}
	require.Equal(t, 3, strings.Count(page, `<svg class="chart"`), "two probes and a chart")
	require.NotContains(t, page, "http://")
	require.NotContains(t, page, "https://")
	require.NotContains(t, page, "ZgotmplZ", "no value was thrown away by the template")
	require.NotContains(t, page, "url(")
}

func TestHostileTextStaysText(t *testing.T) {
	d := hostileDocument(t)
	page := render(t, report.HTML, d)
	count, attrs := tags(t, page)
	for _, tag := range []string{"script", "img", "a"} {
		require.Zero(t, count[tag], tag)
	}
	require.False(t, attrs["onerror"])
	clean, _ := tags(t, render(t, report.HTML, document()))
	require.Equal(t, clean["article"], count["article"], "the page keeps its shape")
	require.NotContains(t, page, "ZgotmplZ")
	for f, text := range map[report.Format]string{report.HTML: page, report.Markdown: render(t, report.Markdown, d), report.JSON: render(t, report.JSON, d), report.JUnit: render(t, report.JUnit, d)} {
		for _, never := range []string{"\x1b", "\u202e", "swordfish", "hunter2"} {
			require.NotContains(t, text, never, "%s", f)
		}
	}
	var diff bytes.Buffer
	require.NoError(t, report.Compare(d, document()).Write(&diff))
	require.NotContains(t, diff.String(), "\x1b")
	require.NotContains(t, diff.String(), "swordfish")
}

func TestHostileMarkdown(t *testing.T) {
	text := render(t, report.Markdown, hostileDocument(t))
	inFence, fence := false, ""
	for l := range strings.Lines(text) {
		l = strings.TrimRight(l, "\n")
		if mark := l[:len(l)-len(strings.TrimLeft(l, "`"))]; len(mark) >= 3 && (!inFence || l == fence) {
			inFence, fence = !inFence, mark
			continue
		}
		if inFence {
			continue
		}
		require.NotContains(t, l, "<script")
		require.NotContains(t, l, "<img")
		require.NotContains(t, l, "@everyone")
		require.NotContains(t, l, " #1")
		require.NotContains(t, l, "http://")
		require.NotRegexp(t, `[^\\]\[x\]\(`, l, "no link")
		require.False(t, strings.HasPrefix(l, "# x"), "no heading of its own")
		if strings.HasPrefix(l, "| ") && strings.Contains(l, "everyone") {
			cells := strings.Count(l, "|") - strings.Count(l, `\|`)
			require.Contains(t, []int{3, 4, 5, 6, 8, 9}, cells, "the table keeps its columns: %s", l)
		}
	}
	require.False(t, inFence)
}

func TestHostileXMLIsWellFormed(t *testing.T) {
	for _, d := range []*report.Document{document(), hostileDocument(t)} {
		dec := xml.NewDecoder(strings.NewReader(render(t, report.JUnit, d)))
		cases := 0
		for {
			tok, err := dec.Token()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			if s, ok := tok.(xml.StartElement); ok && s.Name.Local == "testcase" {
				cases++
			}
		}
		require.Equal(t, 4, cases, "two probes, one rollback, the verdict")
	}
}

// A run that went wrong is never green, whatever its probes say.
func TestJUnitIsNeverGreenWhenTheRunIsNot(t *testing.T) {
	for _, c := range []struct {
		verdict string
		exit    int
		want    string
	}{{"held", 0, `failures="0" errors="0"`}, {"could not run", 2, `failures="0" errors="1"`}, {"aborted", 3, `failures="0" errors="1"`},
		{"inconclusive", 2, `failures="0" errors="1"`}, {"rollback failed", 4, `failures="1" errors="0"`}} {
		d := document()
		d.Summary.Verdict, d.Summary.ExitCode = c.verdict, c.exit
		d.Probes = d.Probes[1:]
		require.Contains(t, render(t, report.JUnit, d), c.want, c.verdict)
	}
	d := document()
	d.Probes[0].During.Check, d.Probes[1].During.Check = "unknown", "pending"
	out := render(t, report.JUnit, d)
	require.Contains(t, out, `failures="1" errors="1" skipped="1"`)
}

func TestRoundTrip(t *testing.T) {
	d := document()
	again, err := report.Decode("run.json", []byte(render(t, report.JSON, d)))
	require.NoError(t, err)
	require.Equal(t, render(t, report.JSON, d), render(t, report.JSON, again))
	require.Equal(t, render(t, report.HTML, d), render(t, report.HTML, again))
	require.True(t, math.IsNaN(float64(again.Probes[0].Lo)))
	require.True(t, d.Summary.Started.Equal(again.Summary.Started))
	require.Len(t, again.Probes[0].Readings, 40)
}

// Numbers that no run produces must not make the renderers hang or fail.
func TestOddNumbers(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e308, -1e308, 5e-324, 0} {
		d := document()
		for i := range d.Probes[0].Readings {
			d.Probes[0].Readings[i].Value = report.Number(v)
		}
		d.Probes[0].Lo, d.Probes[0].Hi = report.Number(v), report.Number(-v)
		d.Panels[0].Series[0].Points[3][1], d.Panels[0].Series[1].Points[0][0] = report.Number(v), report.Number(v)
		d.Panels[0].Bound = v
		d.Traces[0].Took, d.Traces[0].Spans[1].Took, d.Traces[0].Spans[1].Offset = report.Seconds(v), report.Seconds(v), report.Seconds(-v)
		d.Traces[0].Spans[1].Depth = math.MinInt
		d.Load.Total.Rate, d.Load.Total.P50 = v, report.Seconds(v)
		*d.Summary.Detected = report.Seconds(v)
		for _, f := range []report.Format{report.HTML, report.Markdown, report.JUnit} {
			out := render(t, f, d)
			require.NotContains(t, out, `"NaN`, "%v", v)
			require.NotContains(t, out, `d="MNaN`, "%v", v)
		}
	}
	empty := &report.Document{Version: 1}
	for _, f := range []report.Format{report.HTML, report.Markdown, report.JUnit, report.JSON} {
		require.NotEmpty(t, render(t, f, empty))
	}
	require.NoError(t, report.Compare(empty, document()).Write(io.Discard))
}

func TestFormatOf(t *testing.T) {
	for file, want := range map[string]report.Format{"a.html": report.HTML, "b/c.HTM": report.HTML, "x.md": report.Markdown, "x.json": report.JSON, "junit.xml": report.JUnit} {
		f, err := report.FormatOf(file)
		require.NoError(t, err)
		require.Equal(t, want, f)
	}
	_, err := report.FormatOf("report.pdf")
	require.EqualError(t, err, "the report report.pdf has no known format: end its name in .html, .md, .json or .xml (JUnit)")
}

func TestCompare(t *testing.T) {
	a, b := document(), document()
	b.Summary.Verdict, b.Summary.ExitCode, b.Summary.Detected = "held", 0, nil
	b.Probes[0].During.Typical = report.Figure{Value: 0.02, Text: "20.0 ms"}
	b.Probes[0].During.Worst, b.Probes[0].During.Check = b.Probes[0].During.Typical, "passed"
	b.Probes = b.Probes[:1]
	b.Switches[0].On = true
	b.Faults[0].Targets = []string{"gateway→payment"}
	b.Program.Version = "v1.3.0"
	var out bytes.Buffer
	require.NoError(t, report.Compare(a, b).Write(&out))
	require.Contains(t, out.String(), "did not hold")
	require.Regexp(t, `during +✘ 831 ms +✔ 20.0 ms +-98 %`, out.String())
	require.Contains(t, out.String(), "no such probe")
	require.Equal(t, []string{"switched on in B, not in A: patterns", "payment +800ms hit checkout→payment, then gateway→payment", "gameday v1.2.3 → v1.3.0"}, report.Compare(a, b).Changed())
	require.Empty(t, report.Compare(a, a).Changed())
	for l := range strings.Lines(out.String()) {
		require.Equal(t, strings.TrimRight(l, " \n"), strings.TrimRight(l, "\n"), "no trailing blanks")
	}
}

func TestStats(t *testing.T) {
	d := document()
	p := d.Probes[0]
	require.Equal(t, report.Stats{Check: "passed", Readings: 5, Typical: report.Figure{Value: 0.04, Text: "40.0 ms"}, Worst: report.Figure{Value: 0.04, Text: "40.0 ms"}}, p.Before,
		"readings that look back to the warm-up do not count")
	require.Equal(t, 20, p.During.Readings, "a bad reading counts from the first touch")
	require.InDelta(t, 0.84, float64(p.During.Worst.Value), 1e-9)
	require.Equal(t, 8, p.After.Readings)
	success := report.Probe{Lo: 0.99, Hi: report.Number(math.NaN()), Readings: []report.ProbeReading{
		{At: at(1), From: at(1), Value: 1, Text: "100 %", Check: "passed"}, {At: at(2), From: at(2), Value: 0.5, Text: "50 %", Check: "failed"}, {At: at(3), From: at(3), Value: 1, Text: "100 %", Check: "passed"}}}
	require.Equal(t, "50 %", success.Measure(at(0), at(5), false).Worst.Text)
	success.Readings[2] = report.ProbeReading{At: at(3), From: at(3), Value: report.Number(math.NaN()), Text: "connection refused", Check: "failed"}
	require.Equal(t, "connection refused", success.Measure(at(0), at(5), false).Worst.Text, "no answer is worse than a bad one")
	require.Zero(t, success.Measure(at(0).AddDate(-1, 0, 0), at(0), false).Readings)
}

func TestThinKeepsTheBad(t *testing.T) {
	var in []report.ProbeReading
	for i := range 101 {
		check := "passed"
		if i == 41 || i == 80 {
			check = "failed"
		}
		in = append(in, report.ProbeReading{At: at(float64(i)), Check: check})
	}
	out := report.Thin(in)
	require.Len(t, out, 51)
	bad := 0
	for _, r := range out {
		if r.Check == "failed" {
			bad++
		}
	}
	require.Equal(t, 2, bad)
}

func TestHeadersAreWithheld(t *testing.T) {
	in := `load: # the load
  headers: {Authorization: Bearer abcdefgh, 'X-Key': "k\"2", Plain: *a}
  target: http://u:pw@h
  scenarios:
    - name: "headers" # not one
      steps:
        - path: /x
          headers:
            X-One: one   # a comment
            X-Two: |
              first
              second
            X-Three: >-
              folded
            "X-Four": [a, b]
          body: '{"headers": 1}'
probe: {http: {url: /, Headers: {Cookie: c00kie}}}
`
	out := report.WithoutHeaders(in)
	for _, never := range []string{"abcdefgh", `k\"2`, " one ", "first", "second", "folded", "[a, b]", "c00kie"} {
		require.NotContains(t, out, never)
	}
	for _, still := range []string{"load: # the load", "'X-Key': withheld", "# not one", "# a comment", `body: '{"headers": 1}'`, "Authorization: withheld", "X-One: withheld"} {
		require.Contains(t, out, still)
	}
	require.Equal(t, strings.Count(in, "name:"), strings.Count(out, "name:"))
	same := "a: 1 # x\nb:\n  - \"two\"\n\n# end\n"
	require.Equal(t, same, report.WithoutHeaders(same))
	require.NotContains(t, report.WithoutHeaders("headers: {a: secret"), "secret", "what cannot be read is left out")
}

func FuzzWithoutHeaders(f *testing.F) {
	f.Add("headers: {a: b}\n")
	f.Add("x:\n  headers:\n    a: |\n      b\n")
	f.Fuzz(func(t *testing.T, text string) { report.WithoutHeaders(text) })
}

func FuzzDecode(f *testing.F) {
	var out bytes.Buffer
	if err := report.Write(&out, report.JSON, document()); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Add([]byte(`{"version":1,"probes":[{"readings":[{}]}],"faults":[{"injected":"2026-01-01T00:00:00Z"}],"panels":[{"series":[{"points":[[1,2],[null,null]]}]}],"traces":[{"spans":[{}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := report.Decode("x", data)
		if err != nil {
			return
		}
		for _, format := range []report.Format{report.HTML, report.Markdown, report.JUnit} {
			require.NoError(t, report.Write(io.Discard, format, d))
		}
	})
}

func TestJSONIsWhatOthersCanRead(t *testing.T) {
	var plain map[string]any
	require.NoError(t, json.Unmarshal([]byte(render(t, report.JSON, document())), &plain))
	require.Equal(t, 1.0, plain["version"])
	summary := plain["summary"].(map[string]any)
	require.Equal(t, 3.0, summary["secondsToDetect"])
	require.Equal(t, "did not hold", summary["verdict"])
}

// A kill is not told as if it had been undone.
func TestIrreversibleFaultIsToldAsSuch(t *testing.T) {
	d := document()
	f := &d.Faults[0]
	f.State, f.Undone, f.Touched, f.Unit = "irreversible", at(11), 1, "processes"
	out := render(t, report.Markdown, d)
	require.Contains(t, out, "it cannot be taken back; its target was back at +0:11.0, after 1.0 s")
	require.Contains(t, out, "| 1 process |")
	require.NotContains(t, out, "its undo was verified")
	d = document()
	d.Faults[0].State = "NEEDS YOU"
	d.Faults[0].Remedy = "gameday recover"
	require.Contains(t, render(t, report.Markdown, d), "Not everything is undone")
}
