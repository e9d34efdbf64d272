// Package answer finds values in answers: for checks, and for variables that later requests carry on.
//
// A Source is compiled once before the run. Answers are read as they are needed: the regular expressions, headers and
// plain texts on the bytes themselves, JSON and XML by parsing the answer once for each look.
package answer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/antchfx/htmlquery"
	"github.com/antchfx/xmlquery"
	"github.com/antchfx/xpath"
	"github.com/theory/jsonpath"
)

// Source says where in an answer a value is. Exactly one field is given; in a check none means the body.
type Source struct {
	JSON   string `yaml:"json" doc:"JSONPath (RFC 9535) into the body, such as $.items[0].id."`
	Header string `yaml:"header" doc:"Name of a header."`
	Cookie string `yaml:"cookie" doc:"Name of a cookie that the answer sets."`
	Regex  string `yaml:"regex" doc:"Regular expression (RE2) on the body; its first group is the value, or the whole match."`
	XPath  string `yaml:"xpath" doc:"XPath into the body as XML, or as HTML when it is none."`
	Head   string `yaml:"head" doc:"Regular expression (RE2) on the headers as lines of Name: value; its first group is the value, or the whole match."`
}

// Which says which of several values is meant: the first (0), the second (1) and so on, or the last (-1).
type Which int

// Last is the last of several values.
const Last Which = -1

// Finder finds one Source's values. It is immutable and safe for concurrent use.
type Finder struct {
	name string // of what it looks for, for messages
	find func(head, body []byte, which Which) ([]byte, bool)
}

// Given reports whether any field is set.
func (s *Source) Given() bool { return *s != Source{} }

// Compile checks the source. Its errors name the field that is wrong.
func (s *Source) Compile() (*Finder, error) {
	given := 0
	for _, v := range []string{s.JSON, s.Header, s.Cookie, s.Regex, s.XPath, s.Head} {
		if v != "" {
			given++
		}
	}
	if given > 1 {
		return nil, errors.New("give one of json, header, cookie, regex, xpath and head")
	}
	switch {
	case s.JSON != "":
		return compileJSON(s.JSON)
	case s.Header != "":
		return &Finder{"header " + s.Header, func(head, _ []byte, which Which) ([]byte, bool) {
			return pick(headerValues(head, s.Header), which)
		}}, nil
	case s.Cookie != "":
		return &Finder{"cookie " + s.Cookie, func(head, _ []byte, which Which) ([]byte, bool) {
			return cookieValue(head, s.Cookie, which)
		}}, nil
	case s.Regex != "":
		return compileRegex("regex", s.Regex)
	case s.Head != "":
		f, err := compileRegex("head", s.Head)
		if err != nil {
			return nil, err
		}
		return &Finder{f.name, func(head, _ []byte, which Which) ([]byte, bool) { return f.find(nil, head, which) }}, nil
	case s.XPath != "":
		return compileXPath(s.XPath)
	}
	return &Finder{"body", func(_, body []byte, _ Which) ([]byte, bool) { return body, true }}, nil
}

// Name says what is looked for, such as "header Location".
func (f *Finder) Name() string { return f.name }

// Find returns a value, which may share the answer's memory. head is lines of "Name: value" that end in CR LF.
func (f *Finder) Find(head, body []byte, which Which) ([]byte, bool) {
	return f.find(head, body, which)
}

func pick(all [][]byte, which Which) ([]byte, bool) {
	n := int(which)
	if which < 0 {
		n += len(all)
	}
	if n < 0 || n >= len(all) {
		return nil, false
	}
	return all[n], true
}

func compileJSON(path string) (*Finder, error) {
	p, err := jsonpath.Parse(path)
	if err != nil {
		return nil, fmt.Errorf("json: %q is no JSONPath such as $.items[0].id: %w", path, err)
	}
	return &Finder{"json " + path, func(_, body []byte, which Which) ([]byte, bool) {
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber() // an ID of twenty digits must come out as it went in
		var doc any
		if dec.Decode(&doc) != nil {
			return nil, false
		}
		var all [][]byte
		for _, v := range p.Select(doc) {
			all = append(all, jsonText(v))
		}
		return pick(all, which)
	}}, nil
}

// jsonText is a value as a person would write it: a string without its quotes, everything else as JSON.
func jsonText(v any) []byte {
	switch v := v.(type) {
	case string:
		return []byte(v)
	case json.Number:
		return []byte(v.String())
	}
	out, err := json.Marshal(v)
	if err != nil {
		return nil // what was decoded can be encoded
	}
	return out
}

func compileRegex(field, text string) (*Finder, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %q: %s", field, text, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	group := min(re.NumSubexp(), 1)
	return &Finder{field + " " + text, func(_, body []byte, which Which) ([]byte, bool) {
		if which == 0 {
			if m := re.FindSubmatchIndex(body); m != nil && m[2*group] >= 0 {
				return body[m[2*group]:m[2*group+1]], true
			}
			return nil, false
		}
		var all [][]byte
		for _, m := range re.FindAllSubmatch(body, -1) {
			all = append(all, m[group])
		}
		return pick(all, which)
	}}, nil
}

func compileXPath(text string) (*Finder, error) {
	if _, err := xpath.Compile(text); err != nil {
		return nil, fmt.Errorf("xpath: %q: %w", text, err)
	}
	// The library's expressions keep notes while they are evaluated: each serves one answer at a time.
	idle := &sync.Pool{New: func() any {
		expr, err := xpath.Compile(text)
		if err != nil {
			return (*xpath.Expr)(nil) // it could be compiled a moment ago
		}
		return expr
	}}
	return &Finder{"xpath " + text, func(_, body []byte, which Which) ([]byte, bool) {
		nav, ok := navigator(body)
		if !ok {
			return nil, false
		}
		expr, ok := idle.Get().(*xpath.Expr)
		if !ok || expr == nil {
			return nil, false
		}
		defer idle.Put(expr)
		switch v := expr.Evaluate(nav).(type) {
		case *xpath.NodeIterator:
			var all [][]byte
			for v.MoveNext() {
				all = append(all, []byte(v.Current().Value()))
			}
			return pick(all, which)
		case string:
			return []byte(v), true
		case bool:
			return strconv.AppendBool(nil, v), true
		case float64:
			return strconv.AppendFloat(nil, v, 'f', -1, 64), true
		}
		return nil, false
	}}, nil
}

// navigator reads XML, and HTML when it is none.
func navigator(body []byte) (xpath.NodeNavigator, bool) {
	if doc, err := xmlquery.Parse(bytes.NewReader(body)); err == nil {
		return xmlquery.CreateXPathNavigator(doc), true
	}
	doc, err := htmlquery.Parse(bytes.NewReader(body))
	if err != nil {
		return nil, false
	}
	return htmlquery.CreateXPathNavigator(doc), true
}

// headerValues are the values of all lines of that name.
func headerValues(head []byte, name string) (all [][]byte) {
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte("\r\n"))
		head = rest
		if n, v, ok := bytes.Cut(line, []byte(":")); ok && len(n) == len(name) && strings.EqualFold(string(n), name) {
			all = append(all, bytes.TrimSpace(v))
		}
	}
	return all
}

func cookieValue(head []byte, name string, which Which) ([]byte, bool) {
	var all [][]byte
	for _, line := range headerValues(head, "Set-Cookie") {
		pair, _, _ := bytes.Cut(line, []byte(";"))
		if n, v, ok := bytes.Cut(pair, []byte("=")); ok && string(bytes.TrimSpace(n)) == name {
			all = append(all, bytes.Trim(bytes.TrimSpace(v), `"`))
		}
	}
	return pick(all, which)
}
