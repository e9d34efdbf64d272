package logql

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
)

// stage is one step of a query: it may change the line, add labels, or leave the record out.
type stage interface {
	run(b *labels, line string) (out string, keep bool)
}

// lineFilter looks for texts in the line. Without not, one of them must be there; with not, none may.
type lineFilter struct {
	not   bool
	tests []lineTest
}

func (f *lineFilter) run(_ *labels, line string) (string, bool) { return line, f.match(line) }

func (f *lineFilter) match(line string) bool {
	for i := range f.tests {
		if f.tests[i].in(line) {
			return !f.not
		}
	}
	return f.not
}

// lineTest is one text or one expression. An expression that is only a text in disguise, such as .*timeout.*, is looked
// for as one; of others the longest text that must be there is looked for first, which rules most lines out.
type lineTest struct {
	literal string
	re      *regexp.Regexp
	any     []lineTest // an expression that is a choice of texts
	pieces  []string   // of a pattern: what stands between its <_>, the first at the beginning of the line and the last at its end
}

func (t *lineTest) in(line string) bool {
	for i := range t.any {
		if strings.Contains(line, t.any[i].literal) {
			return true
		}
	}
	if t.any != nil || t.literal != "" && !strings.Contains(line, t.literal) {
		return false
	}
	if t.pieces != nil {
		return t.fits(line)
	}
	return t.re == nil || t.re.MatchString(line)
}

// fits reports whether the line is the pattern, with some text for each <_>.
func (t *lineTest) fits(line string) bool {
	last := len(t.pieces) - 1
	if len(t.pieces) == 1 {
		return line == t.pieces[0]
	}
	line, ok := strings.CutPrefix(line, t.pieces[0])
	if !ok {
		return false
	}
	for _, piece := range t.pieces[1:last] {
		if len(line) == 0 {
			return false
		}
		i := strings.Index(line[1:], piece) // a <_> stands for something
		if i < 0 {
			return false
		}
		line = line[1+i+len(piece):]
	}
	return len(line) > len(t.pieces[last]) && strings.HasSuffix(line, t.pieces[last])
}

// newPatternTest reads a pattern: <_> stands for any text, at least one byte of it.
func newPatternTest(text string) (lineTest, error) {
	t := lineTest{pieces: strings.Split(text, "<_>")}
	for i, p := range t.pieces {
		if p == "" && i > 0 && i < len(t.pieces)-1 {
			return lineTest{}, errors.New("<_><_> is no pattern: there must be a text between two of them")
		}
		if len(p) > len(t.literal) {
			t.literal = p
		}
	}
	if t.literal == "" && len(t.pieces) > 1 {
		return lineTest{}, errors.New("a pattern of nothing but <_> asks for nothing")
	}
	return t, nil
}

func newLineTest(expr string) (lineTest, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return lineTest{}, err
	}
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return lineTest{}, err
	}
	tree = tree.Simplify()
	if text, whole := required(tree); whole {
		return lineTest{literal: text}, nil
	} else if any := choices(tree); any != nil {
		return lineTest{any: any}, nil
	} else {
		return lineTest{literal: text, re: re}, nil
	}
}

// required is the longest text that every match has; whole says that a line with it always matches.
func required(re *syntax.Regexp) (text string, whole bool) {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return "", false
		}
		return string(re.Rune), true
	case syntax.OpCapture:
		return required(re.Sub[0])
	case syntax.OpPlus:
		text, _ = required(re.Sub[0])
		return text, false
	case syntax.OpConcat:
		parts := 0
		for i, sub := range re.Sub {
			if (i == 0 || i == len(re.Sub)-1) && sub.Op == syntax.OpStar && anyRune(sub.Sub[0].Op) {
				continue // .* before and after the text asks for nothing
			}
			part, all := required(sub)
			if len(part) > len(text) {
				text = part
			}
			whole = all
			parts++
		}
		return text, whole && parts == 1
	}
	return "", false
}

func anyRune(op syntax.Op) bool { return op == syntax.OpAnyChar || op == syntax.OpAnyCharNotNL }

// choices are the texts of an expression such as timeout|refused; nil when it is none. (syntax factors common beginnings
// out, so that a choice of similar texts is not always seen as one; then the expression is run.)
func choices(re *syntax.Regexp) []lineTest {
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	if re.Op != syntax.OpAlternate {
		return nil
	}
	var out []lineTest
	for _, sub := range re.Sub {
		text, whole := required(sub)
		if !whole || text == "" {
			return nil
		}
		out = append(out, lineTest{literal: text})
	}
	return out
}
