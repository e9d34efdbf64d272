package format

import (
	"bytes"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"gameday/engine/load"
	"gameday/engine/load/answer"
	"gameday/engine/load/feed"
	"gameday/sources/spec"
)

// fields writes the keys of one map, whose first one may stand behind the dash of a list.
type fields struct {
	b      *bytes.Buffer
	indent string
	begun  bool // the first line, which stands behind a dash, is written
}

// item begins a map that is an entry of a list.
func item(b *bytes.Buffer, indent string) *fields {
	fmt.Fprintf(b, "%s- ", indent)
	return &fields{b: b, indent: indent + "  "}
}

func (f *fields) key(name, value string) {
	if f.begun {
		f.b.WriteString(f.indent)
	}
	f.begun = true
	f.b.WriteString(strings.TrimRight(name+": "+value, " ") + "\n")
}

// text writes a text that is not empty.
func (f *fields) text(name, value string) {
	if value != "" {
		f.key(name, spec.Text(value))
	}
}

func (f *fields) flag(name string, value bool) {
	if value {
		f.key(name, "true")
	}
}

func (f *fields) pointer(name string, value *string) {
	if value != nil {
		f.key(name, spec.Text(*value))
	}
}

func (f *fields) number(name string, value *float64) {
	if value != nil {
		f.key(name, number(*value))
	}
}

// under writes the head of what is indented below.
func (f *fields) under(name string) string {
	f.key(name, "")
	return f.indent + "  "
}

func (f *fields) pairs(name string, list []Pair) {
	if len(list) == 0 {
		return
	}
	in := f.under(name)
	for _, p := range list {
		fmt.Fprintf(f.b, "%s%s: %s\n", in, spec.Text(p.Name), spec.Text(p.Value))
	}
}

func feeds(b *bytes.Buffer, list []feed.Config) {
	if len(list) == 0 {
		return
	}
	b.WriteString("feeds:\n")
	for _, c := range list {
		f := item(b, "  ")
		f.text("per", orElse(c.Per, "iteration"))
		f.text("file", c.File)
		f.text("format", c.Format)
		f.text("delimiter", c.Delimiter)
		if len(c.Columns) > 0 {
			quoted := make([]string, len(c.Columns))
			for i, name := range c.Columns {
				quoted[i] = strconv.Quote(name)
			}
			f.key("columns", "["+strings.Join(quoted, ", ")+"]")
		}
		f.flag("skipFirst", c.SkipFirst)
		f.flag("plain", c.Plain)
		f.text("atEnd", c.AtEnd)
		rows(f, c.Rows)
	}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func rows(f *fields, list []feed.Row) {
	if len(list) == 0 {
		return
	}
	in := f.under("rows")
	for _, row := range list {
		one := item(f.b, in)
		for _, name := range sortedKeys(row) {
			one.key(spec.Text(name), spec.Text(row[name]))
		}
	}
}

func sortedKeys(row feed.Row) []string {
	names := make([]string, 0, len(row))
	for name := range row {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (sc *Scenario) write(b *bytes.Buffer) {
	f := item(b, "  ")
	f.key("name", spec.Text(sc.Name))
	if sc.Weight > 0 && sc.Executor == nil {
		f.key("weight", number(sc.Weight))
	}
	executor(b, f.indent, sc.Executor)
	f.text("onFailure", sc.OnFailure)
	key := "steps"
	if sc.Mix {
		key = "mix"
	}
	steps(f, key, sc.Steps, sc.Mix)
}

func steps(f *fields, key string, list []Step, weighted bool) {
	if len(list) == 0 {
		return
	}
	in := f.under(key)
	for i := range list {
		one := item(f.b, in)
		if weighted && list[i].Weight > 0 {
			one.key("weight", number(list[i].Weight))
		}
		if list[i].Block != nil {
			list[i].Block.write(one)
		} else {
			list[i].write(one)
		}
	}
}

// write writes a block.
func (bl *Block) write(f *fields) {
	switch bl.Kind {
	case "set":
		f.pairs("set", bl.Set)
		return
	case "pause":
		f.key("pause", orElse(think(bl.Pause), "0s"))
		return
	case "once", "random", "turns", "shuffle":
		steps(f, bl.Kind, bl.Steps, bl.Kind == "random")
		return
	}
	in := &fields{b: f.b, indent: f.under(bl.Kind), begun: true}
	switch bl.Kind {
	case "group":
		in.key("name", spec.Text(bl.Name))
	case "repeat":
		in.key("times", strconv.Itoa(bl.Times))
	case "share":
		in.key("of", number(bl.Share))
	case "if", "while":
		in.condition(&bl.If)
		if bl.Times > 0 {
			in.key("max", strconv.Itoa(bl.Times))
		}
	}
	steps(in, "steps", bl.Steps, false)
	steps(in, "else", bl.Else, false)
}

func (f *fields) condition(c *load.Condition) {
	f.key("value", spec.Text(c.Value))
	f.pointer("equals", c.Equals)
	f.text("contains", c.Contains)
	f.text("matches", c.Matches)
	f.number("above", c.Above)
	f.number("below", c.Below)
	f.flag("not", c.Not)
}

// write writes a request.
func (st *Step) write(f *fields) {
	f.key("name", spec.Text(st.Name))
	f.text("target", st.Target)
	if st.Method != "GET" {
		f.text("method", st.Method)
	}
	f.key("path", spec.Text(st.Path))
	f.pairs("headers", st.Headers)
	f.text("body", st.Body)
	f.text("bodyFile", st.BodyFile)
	if len(st.Parts) > 0 {
		in := f.under("multipart")
		for _, p := range st.Parts {
			one := item(f.b, in)
			one.key("name", spec.Text(p.Name))
			one.text("value", p.Value)
			one.text("file", p.File)
			one.text("type", p.Type)
		}
	}
	if st.Timeout > 0 {
		f.key("timeout", st.Timeout.String())
	}
	f.http(st.HTTP)
	st.check(f)
	if len(st.Extract) > 0 {
		in := f.under("extract")
		for i := range st.Extract {
			e := &st.Extract[i]
			one := item(f.b, in)
			one.key("name", spec.Text(e.Name))
			one.source(&e.Source)
			one.text("which", e.Which)
			one.pointer("default", e.Default)
		}
	}
	if text := think(st.Think); text != "" {
		f.key("thinkTime", text)
	}
}

func (st *Step) check(f *fields) {
	if len(st.Status)+len(st.That) == 0 && st.Within == 0 && st.MinSize == 0 && st.MaxSize == 0 {
		return
	}
	in := &fields{b: f.b, indent: f.under("check"), begun: true}
	if len(st.Status) > 0 {
		quoted := make([]string, len(st.Status))
		for i, s := range st.Status {
			quoted[i] = strconv.Quote(s)
		}
		in.key("status", "["+strings.Join(quoted, ", ")+"]")
	}
	if st.Within > 0 {
		in.key("within", st.Within.String())
	}
	if st.MinSize > 0 {
		in.key("minSize", strconv.FormatInt(st.MinSize, 10))
	}
	if st.MaxSize > 0 {
		in.key("maxSize", strconv.FormatInt(st.MaxSize, 10))
	}
	if len(st.That) == 0 {
		return
	}
	list := in.under("that")
	for i := range st.That {
		item(f.b, list).that(&st.That[i])
	}
}

func (f *fields) that(c *answer.Check) {
	f.text("name", c.Name)
	f.source(&c.Source)
	f.pointer("equals", c.Equals)
	f.text("contains", c.Contains)
	f.text("matches", c.Matches)
	f.number("above", c.Above)
	f.number("below", c.Below)
	if c.Exists != nil {
		f.key("exists", strconv.FormatBool(*c.Exists))
	}
	f.flag("not", c.Not)
}

func (f *fields) source(s *answer.Source) {
	f.text("json", s.JSON)
	f.text("header", s.Header)
	f.text("cookie", s.Cookie)
	f.text("regex", s.Regex)
	f.text("xpath", s.XPath)
	f.text("head", s.Head)
}
