package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/theory/jsonpath"
)

// set reports whether something is to be taken out of the text.
func (x Extract) set() bool { return x.JSON != "" || x.Regex != "" }

// check reports what is wrong with the extraction. fits says whether the measure is the text it works on.
func (x Extract) check(report func(path, format string, args ...any), where string, fits bool, text string) {
	if !x.set() {
		return
	}
	if x.JSON != "" && x.Regex != "" {
		report(where, "has json and regex; give one of them")
	}
	if !fits {
		report(where+".measure", "json and regex read the %s; leave measure out", text)
	}
	if x.JSON != "" {
		if _, err := parsePath(x.JSON); err != nil {
			report(where+".json", "%s", err)
		}
	}
	if x.Regex != "" {
		if _, err := regexp.Compile(x.Regex); err != nil {
			report(where+".regex", "%q is not a regular expression: %s", clean(x.Regex), strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
	}
}

// extractor is the function that takes the reading's text out of a text. Its errors are errors of the measurement.
func (x Extract) extractor() (func(string) (string, error), error) {
	switch {
	case x.JSON != "":
		path, err := parsePath(x.JSON)
		if err != nil {
			return nil, err
		}
		return func(s string) (string, error) { return one(path, x.JSON, s) }, nil
	case x.Regex != "":
		re, err := regexp.Compile(x.Regex)
		if err != nil {
			return nil, err
		}
		return func(s string) (string, error) {
			m := re.FindStringSubmatch(s)
			if m == nil {
				return "", fmt.Errorf("nothing matches %s in %q", x.Regex, clean(s))
			}
			return m[min(1, len(m)-1)], nil
		}, nil
	}
	return func(s string) (string, error) { return s, nil }, nil
}

func parsePath(s string) (*jsonpath.Path, error) {
	path, err := jsonpath.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not a JSON path such as $.queue.length: %s", clean(s), clean(strings.TrimPrefix(err.Error(), "jsonpath: ")))
	}
	return path, nil
}

// one is the text of the only value at a path.
func one(path *jsonpath.Path, name, text string) (string, error) {
	found, err := at(path, text)
	switch {
	case err != nil:
		return "", err
	case len(found) != 1:
		return "", fmt.Errorf("%d values stand at %s, not one", len(found), name)
	}
	return found[0], nil
}

// at are the texts of the values at a path: a string without its quotes, everything else as JSON.
func at(path *jsonpath.Path, text string) ([]string, error) {
	doc, err := decode(text)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, v := range path.Select(doc) {
		s, err := plain(v)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// decode reads one JSON value. Digits stay as they were written.
func decode(text string) (doc any, err error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("this is not JSON: %q", clean(text))
	}
	if dec.More() {
		return nil, errors.New("this is more than one JSON value")
	}
	return doc, nil
}

func plain(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("show a JSON value: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// taken makes the reading of a text that was taken out of an answer. Where the expectation is about numbers, anything but
// a number is an error, never zero.
func (p *Probe) taken(s string, extract func(string) (string, error), number bool) Reading {
	s, err := extract(s)
	if err != nil {
		return faulty(err)
	}
	if !number && !p.config.Expect.numeric() {
		return text(s)
	}
	v, suffix, err := parseNumber(s)
	if err != nil {
		return faulty(fmt.Errorf("%q is not a number", clean(s)))
	}
	_, factor, err := unitOf(suffix)
	if err != nil {
		return faulty(err)
	}
	r := p.number(v*factor, noTrace)
	r.Raw = s
	return r
}
