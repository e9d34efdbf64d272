package logql

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
)

// maxFormatted bounds, in bytes, what a template may make of one line, and each text on the way.
const maxFormatted = 32 << 10

var errTooLong = errors.New("the template makes more than 32 kB of a line")

// lineFormat makes another line of the labels.
type lineFormat struct{ t *lineTemplate }

func (s lineFormat) run(b *labels, line string) (string, bool) {
	out, err := s.t.fill(b, line)
	if err != nil {
		b.fail("TemplateFormatErr", err.Error())
		return line, true
	}
	return out, true
}

// labelFormat renames labels, and makes them of templates.
type labelFormat struct{ set []labelSet }

type labelSet struct {
	name string
	from label
	t    *lineTemplate // nil for a rename
}

func (s *labelFormat) run(b *labels, line string) (string, bool) {
	for _, set := range s.set {
		if set.t == nil {
			if v, ok := b.get(set.from); ok {
				b.remove(set.from.name)
				b.set(set.name, v)
			}
			continue
		}
		out, err := set.t.fill(b, line)
		if err != nil {
			b.fail("TemplateFormatErr", err.Error())
			continue
		}
		b.set(set.name, out)
	}
	return line, true
}

// trim is drop and keep: labels by name, or by name and value.
type trim struct {
	keep bool
	by   []matcher // with an empty op: by name alone
}

func (s *trim) run(b *labels, line string) (string, bool) {
	chosen := func(m *matcher) bool { return m.op == "" || m.match(b) }
	if !s.keep {
		for i := range s.by {
			if m := &s.by[i]; !chosen(m) {
				continue
			} else if m.label.error {
				b.err, b.details = "", ""
			} else {
				b.remove(m.label.name)
			}
		}
		return line, true
	}
	var stay []string
	for i := range s.by {
		if m := &s.by[i]; chosen(m) && !b.hidden(m.label.name) {
			stay = append(stay, m.label.name)
		}
	}
	b.made = slices.DeleteFunc(b.made, func(p pair) bool { return !slices.Contains(stay, p.name) })
	b.keeps, b.kept = true, append(b.kept[:0], stay...)
	return line, true
}

// decolorize takes the colours of a terminal out of the line.
type decolorize struct{}

// colour is ECMA-48's select graphic rendition, as it comes, and as it is held once it was made harmless.
var colour = regexp.MustCompile("(?:\x1b|␛)\\[[0-9;:]*m")

func (decolorize) run(_ *labels, line string) (string, bool) {
	return colour.ReplaceAllLiteralString(line, ""), true
}

// lineTemplate is a template of package text/template without loops and with functions that cannot make much of little.
type lineTemplate struct {
	t     *template.Template
	names []label // that it asks for
}

// fill is called from one goroutine for each matcher; templates may be executed side by side.
func (t *lineTemplate) fill(b *labels, line string) (string, error) {
	data := make(map[string]string, len(t.names)+2)
	for _, l := range t.names {
		data[l.name], _ = b.get(l)
	}
	data["__line__"] = line
	data["__timestamp__"] = b.rec.Time.UTC().Format("2006-01-02T15:04:05.999999999Z07:00")
	var out bounded
	if err := t.t.Execute(&out, data); err != nil {
		return "", err
	}
	return out.String(), nil
}

type bounded struct{ strings.Builder }

func (w *bounded) Write(p []byte) (int, error) {
	if w.Len()+len(p) > maxFormatted {
		return 0, errTooLong
	}
	return w.Builder.Write(p)
}

// within passes a text that is not too long.
func within(s string) (string, error) {
	if len(s) > maxFormatted {
		return "", errTooLong
	}
	return s, nil
}

var errNoFunction = errors.New("this function is left out")

// functions are those of Loki's that are usual, with their arguments in Loki's order, and the standard ones made safe.
var functions = template.FuncMap{
	"__line__": func() string { return "" }, "__timestamp__": func() string { return "" }, // look makes fields of them
	"lower": strings.ToLower, "ToLower": strings.ToLower, "upper": strings.ToUpper, "ToUpper": strings.ToUpper,
	"trim": strings.TrimSpace, "TrimSpace": strings.TrimSpace, "Trim": strings.Trim, "TrimPrefix": strings.TrimPrefix, "TrimSuffix": strings.TrimSuffix,
	"trimPrefix": func(prefix, s string) string { return strings.TrimPrefix(s, prefix) },
	"trimSuffix": func(suffix, s string) string { return strings.TrimSuffix(s, suffix) },
	"contains":   func(part, s string) bool { return strings.Contains(s, part) },
	"hasPrefix":  func(prefix, s string) bool { return strings.HasPrefix(s, prefix) },
	"hasSuffix":  func(suffix, s string) bool { return strings.HasSuffix(s, suffix) },
	"replace":    func(old, with, s string) (string, error) { return replaced(s, old, with, -1) },
	"Replace":    replaced,
	"trunc":      truncated,
	"substr": func(start, end int, s string) string {
		start = min(max(start, 0), len(s))
		return s[start:min(max(end, start), len(s))]
	},
	"default": func(otherwise, s string) string {
		if s == "" {
			return otherwise
		}
		return s
	},
	"printf": func(format string, args ...any) (string, error) {
		if strings.ContainsAny(format, "0123456789*") {
			return "", errors.New("printf takes no widths here")
		}
		return within(fmt.Sprintf(format, args...))
	},
	"print":   func(args ...any) (string, error) { return within(fmt.Sprint(args...)) },
	"println": func(args ...any) (string, error) { return within(fmt.Sprintln(args...)) },
	"html":    leftOut, "js": leftOut, "urlquery": leftOut, "call": leftOut,
}

func leftOut(...any) (string, error) { return "", errNoFunction }

// truncated keeps so many bytes of the beginning, or of the end when n is negative.
func truncated(n int, s string) string {
	switch {
	case n >= 0 && n < len(s):
		return s[:n]
	case n < 0 && -n > 0 && -n < len(s):
		return s[len(s)+n:]
	}
	return s
}

// replaced is Loki's Replace: n is how often at most, negative for always.
func replaced(s, old, with string, n int) (string, error) {
	times := strings.Count(s, old)
	if n >= 0 {
		times = min(times, n)
	}
	if times > maxFormatted || len(s)+times*len(with) > 2*maxFormatted {
		return "", errTooLong
	}
	return within(strings.Replace(s, old, with, n))
}

// newTemplate understands a template.
func newTemplate(text string) (*lineTemplate, error) {
	t := &lineTemplate{t: template.New("line").Option("missingkey=zero").Funcs(functions)}
	if _, err := t.t.Parse(text); err != nil {
		return nil, err
	}
	if len(t.t.Templates()) > 1 {
		return nil, errors.New("templates within a template are not filled in here")
	}
	if t.t.Tree == nil {
		return t, nil
	}
	return t, t.look(t.t.Root, 0)
}

// look refuses what may run for long and collects the fields. Names in {{__line__}} are fields too.
func (t *lineTemplate) look(n parse.Node, depth int) error {
	if depth > maxDepth {
		return errors.New("it is nested too deep")
	}
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, c := range n.Nodes {
			if err := t.look(c, depth+1); err != nil {
				return err
			}
		}
	case *parse.ActionNode:
		return t.look(n.Pipe, depth+1)
	case *parse.IfNode:
		return errors.Join(t.look(n.Pipe, depth+1), t.look(n.List, depth+1), t.look(n.ElseList, depth+1))
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			for i, a := range c.Args {
				if id, ok := a.(*parse.IdentifierNode); ok && (id.Ident == "__line__" || id.Ident == "__timestamp__") {
					c.Args[i] = &parse.FieldNode{NodeType: parse.NodeField, Pos: id.Pos, Ident: []string{id.Ident}}
					continue
				}
				if err := t.look(a, depth+1); err != nil {
					return err
				}
			}
		}
	case *parse.FieldNode:
		if len(n.Ident) > 1 {
			return fmt.Errorf("%s: a label's name has no dots: write .%s", n, strings.Join(n.Ident, "_"))
		}
		t.names = append(t.names, newLabel(n.Ident[0]))
	case *parse.RangeNode, *parse.WithNode, *parse.TemplateNode, *parse.ChainNode, *parse.VariableNode:
		return fmt.Errorf("%s is not understood here: there are fields, functions and if", shorten(n.String()))
	}
	return nil
}

func (p *parser) template() (*lineTemplate, error) {
	at := p.tok.pos
	text, err := p.take(tokString, `a template in quotes, such as "{{.status}} {{.path}}"`)
	if err != nil {
		return nil, err
	}
	t, terr := newTemplate(text)
	if terr != nil {
		return nil, p.fault(at, "this is no template: "+strings.TrimPrefix(terr.Error(), "template: "), "")
	}
	return t, nil
}

func (p *parser) lineFormat() (stage, error) {
	t, err := p.template()
	return lineFormat{t}, err
}

// labelFormat reads a=b, c="template".
func (p *parser) labelFormat() (stage, error) {
	s := &labelFormat{}
	for {
		name, err := p.take(tokName, `a label, such as in to=from or to="{{.from}}"`)
		if err != nil {
			return nil, err
		}
		if err := p.expect("="); err != nil {
			return nil, err
		}
		set := labelSet{name: name}
		if p.tok.kind == tokString {
			set.t, err = p.template()
		} else {
			var from string
			from, err = p.take(tokName, "a label, or a template in quotes")
			set.from = newLabel(from)
		}
		if err != nil {
			return nil, err
		}
		if s.set = append(s.set, set); len(s.set) > maxStages {
			return nil, p.fault(p.tok.pos, "there are more labels than are made", "")
		}
		if !p.is(",") {
			return s, nil
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
}

// dropOrKeep reads a, b="x".
func (p *parser) dropOrKeep(keep bool) (stage, error) {
	s := &trim{keep: keep}
	for {
		name, err := p.take(tokName, "a label")
		if err != nil {
			return nil, err
		}
		m := matcher{label: newLabel(name)}
		if p.tok.kind == tokSign && slices.Contains([]string{"=", "!=", "=~", "!~"}, p.tok.text) {
			if m, err = p.matcher(name, fitsMatcher); err != nil {
				return nil, err
			}
		}
		if s.by = append(s.by, m); len(s.by) > maxStages {
			return nil, p.fault(p.tok.pos, "there are more labels than are compared", "")
		}
		if !p.is(",") {
			return s, nil
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
}
