package logql

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// logfmtStage makes labels of key=value pairs: of all, or of those that wanted names.
type logfmtStage struct {
	strict bool // what is no pair marks the record
	empty  bool // a key without a value is a label without one
	wanted []wantedField
}

type wantedField struct{ name, key string }

func (s *logfmtStage) run(b *labels, line string) (string, bool) {
	rest := line
	for rest != "" {
		key, value, left, ok := nextPair(rest)
		if rest = left; !ok {
			if s.strict {
				b.fail("LogfmtParserErr", "the line has a part that is no key=value")
				return line, true
			}
			continue
		}
		if key == "" || value == "" && !s.empty {
			continue
		}
		if s.wanted == nil {
			b.scratch = appendName(b.scratch[:0], key)
			b.extracted(b.intern(b.scratch), value)
			continue
		}
		for _, w := range s.wanted {
			if w.key == key {
				b.extracted(w.name, value)
			}
		}
	}
	return line, true
}

// nextPair reads key=value, key="value" or key alone. ok is false for what is none of them; rest goes on behind it.
func nextPair(s string) (key, value, rest string, ok bool) {
	i := 0
	for i < len(s) && s[i] <= ' ' {
		i++
	}
	start := i
	for i < len(s) && s[i] > ' ' && s[i] != '=' && s[i] != '"' {
		i++
	}
	key = s[start:i]
	switch {
	case i == len(s) || s[i] <= ' ':
		return key, "", s[i:], true
	case s[i] == '"' || key == "": // a quote within a key, a value without one
		return "", "", s[skipWord(s, i):], false
	}
	i++
	if i < len(s) && s[i] == '"' {
		return quotedPair(s, key, i)
	}
	start = i
	for i < len(s) && s[i] > ' ' && s[i] != '=' && s[i] != '"' {
		i++
	}
	if i < len(s) && s[i] > ' ' {
		return "", "", s[skipWord(s, i):], false
	}
	return key, s[start:i], s[i:], true
}

// skipWord is where the next word can begin.
func skipWord(s string, i int) int {
	for i < len(s) && s[i] > ' ' {
		i++
	}
	return i
}

// quotedPair reads a value whose opening quote stands at i.
func quotedPair(s, key string, i int) (string, string, string, bool) {
	plain := true
	for j := i + 1; j < len(s); j++ {
		switch {
		case s[j] == '\\':
			plain = false
			j++
		case s[j] == '"' && plain:
			return key, s[i+1 : j], s[j+1:], true
		case s[j] == '"':
			return key, unescape(s[i+1 : j]), s[j+1:], true
		}
	}
	return "", "", "", false // the closing quote is missing
}

// unescape takes the escapes of JSON out; what is none stays.
func unescape(s string) string {
	r := jsonReader{s: `"` + s + `"`}
	if text, err := r.text(); err == nil {
		return text
	}
	if text, err := strconv.Unquote(`"` + s + `"`); err == nil && utf8.ValidString(text) {
		return text
	}
	return s
}

// regexpStage makes labels of an expression's named groups.
type regexpStage struct {
	re    *regexp.Regexp
	names []string // per group; "" for one without a name
}

func (s *regexpStage) run(b *labels, line string) (string, bool) {
	found := s.re.FindStringSubmatchIndex(line)
	for i := 1; i < len(s.names) && found != nil; i++ {
		if name := s.names[i]; name != "" && found[2*i] >= 0 {
			b.extracted(name, line[found[2*i]:found[2*i+1]])
		}
	}
	return line, true
}

// jsonStage reads what may follow json: a, b="c.d[0]".
func (p *parser) jsonStage() (stage, error) {
	s := &jsonStage{}
	wanted, err := p.wanted()
	for _, w := range wanted {
		steps, ok := jsonSteps(w.key)
		if !ok {
			return nil, p.fault(p.tok.pos, shorten(w.key)+" is no path into JSON", `a path such as "error.code" or "items[0].name"`)
		}
		s.paths = append(s.paths, jsonPath{w.name, steps})
	}
	return s, err
}

// jsonSteps reads a.b[0]["c d"].
func jsonSteps(path string) (out []jsonStep, ok bool) {
	for rest := path; rest != ""; {
		switch {
		case strings.HasPrefix(rest, `["`):
			end := strings.Index(rest, `"]`)
			if end < 0 {
				return nil, false
			}
			out = append(out, jsonStep{key: rest[2:end], index: -1})
			rest = rest[end+2:]
		case rest[0] == '[':
			inside, after, found := strings.Cut(rest[1:], "]")
			n, err := strconv.Atoi(inside)
			if !found || err != nil || n < 0 {
				return nil, false
			}
			out = append(out, jsonStep{index: n})
			rest = after
		default:
			if rest[0] == '.' {
				if rest = rest[1:]; len(out) == 0 {
					return nil, false
				}
			}
			n := strings.IndexAny(rest, ".[")
			if n < 0 {
				n = len(rest)
			}
			if n == 0 {
				return nil, false
			}
			out = append(out, jsonStep{key: rest[:n], index: -1})
			rest = rest[n:]
		}
	}
	return out, len(out) > 0 && len(out) <= maxJSONDepth
}

// logfmtStage reads what may follow logfmt: --strict, --keep-empty, a, b="c".
func (p *parser) logfmtStage() (stage, error) {
	s := &logfmtStage{}
	for p.is("-") {
		at := p.tok.pos
		flag := ""
		for p.is("-") || p.tok.kind == tokName && flag != "" {
			flag += p.tok.text
			if err := p.advance(); err != nil {
				return nil, err
			}
			if flag == "--strict" || flag == "--keep-empty" {
				break
			}
		}
		switch flag {
		case "--strict":
			s.strict = true
		case "--keep-empty":
			s.empty = true
		default:
			return nil, p.fault(at, "logfmt has no "+shorten(flag), "--strict or --keep-empty")
		}
	}
	var err error
	s.wanted, err = p.wanted()
	return s, err
}

// wanted reads a list of names, each with or without where its value comes from.
func (p *parser) wanted() (out []wantedField, err error) {
	for p.tok.kind == tokName && len(out) < maxStages {
		w := wantedField{name: p.tok.text, key: p.tok.text}
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.is("=") {
			if err := p.advance(); err != nil {
				return nil, err
			}
			if w.key, err = p.take(tokString, "a text in quotes"); err != nil {
				return nil, err
			}
		}
		out = append(out, w)
		if !p.is(",") {
			break
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.tok.kind != tokName {
			return nil, p.fail("a name")
		}
	}
	return out, nil
}

func (p *parser) regexpStage() (stage, error) {
	at := p.tok.pos
	text, err := p.take(tokString, `an expression in quotes, such as "(?P<status>\\d+)"`)
	if err != nil {
		return nil, err
	}
	re, rerr := regexp.Compile(text)
	if rerr != nil {
		return nil, p.fault(at, "this is no regular expression: "+reason(rerr), "")
	}
	names := re.SubexpNames()
	if !slices.ContainsFunc(names, func(n string) bool { return n != "" }) {
		return nil, p.fault(at, "the expression names no group", `a group such as (?P<status>\\d+)`)
	}
	return &regexpStage{re: re, names: names}, nil
}
