package answer

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Check is one condition on an answer.
type Check struct {
	Name     string `yaml:"name" doc:"What it is called in the result. Default: what it says."`
	Source   `yaml:",inline"`
	Equals   *string  `yaml:"equals" doc:"The value is exactly this."`
	Contains string   `yaml:"contains" doc:"The value holds this text."`
	Matches  string   `yaml:"matches" doc:"The value matches this regular expression (RE2)."`
	Above    *float64 `yaml:"above" doc:"The value is a number above this."`
	Below    *float64 `yaml:"below" doc:"The value is a number below this."`
	Exists   *bool    `yaml:"exists" doc:"The value is there at all, or is not."`
	Not      bool     `yaml:"not" doc:"The condition must not hold."`
}

// Checker judges one Check. It is immutable and safe for concurrent use.
type Checker struct {
	err    error // what a failed check is told as
	finder *Finder
	holds  func(value []byte, found bool) bool
	not    bool
}

// Compile checks the check. Its errors name the field that is wrong.
func (c *Check) Compile() (*Checker, error) {
	f, err := c.Source.Compile()
	if err != nil {
		return nil, err
	}
	out := &Checker{finder: f, not: c.Not}
	if out.holds, err = c.condition(); err != nil {
		return nil, err
	}
	name := c.Name
	if name == "" {
		name = c.says()
	}
	out.err = errors.New(name)
	return out, nil
}

// condition is the one condition that is given.
func (c *Check) condition() (func([]byte, bool) bool, error) {
	var all []func([]byte, bool) bool
	if c.Equals != nil {
		want := []byte(*c.Equals)
		all = append(all, func(v []byte, ok bool) bool { return ok && bytes.Equal(v, want) })
	}
	if c.Contains != "" {
		want := []byte(c.Contains)
		all = append(all, func(v []byte, ok bool) bool { return ok && bytes.Contains(v, want) })
	}
	if c.Matches != "" {
		re, err := regexp.Compile(c.Matches)
		if err != nil {
			return nil, fmt.Errorf("matches: %q: %s", c.Matches, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		all = append(all, func(v []byte, ok bool) bool { return ok && re.Match(v) })
	}
	if c.Above != nil || c.Below != nil {
		all = append(all, func(v []byte, ok bool) bool {
			n, err := strconv.ParseFloat(string(bytes.TrimSpace(v)), 64)
			return ok && err == nil && (c.Above == nil || n > *c.Above) && (c.Below == nil || n < *c.Below)
		})
	}
	if c.Exists != nil {
		want := *c.Exists
		all = append(all, func(_ []byte, ok bool) bool { return ok == want })
	}
	switch {
	case len(all) > 1:
		return nil, errors.New("give one of equals, contains, matches, above and below, exists")
	case len(all) == 0 && !c.Given():
		return nil, errors.New("says nothing: give equals, contains, matches, above, below or exists")
	case len(all) == 0:
		return func(_ []byte, ok bool) bool { return ok }, nil // naming a place is asking that it be there
	}
	return all[0], nil
}

// says is the check as a sentence.
func (c *Check) says() string {
	f, err := c.Source.Compile()
	if err != nil {
		return "check"
	}
	s := f.Name()
	if c.Not {
		s += " not"
	}
	switch {
	case c.Equals != nil:
		s += fmt.Sprintf(" equals %q", *c.Equals)
	case c.Contains != "":
		s += fmt.Sprintf(" contains %q", c.Contains)
	case c.Matches != "":
		s += fmt.Sprintf(" matches %q", c.Matches)
	case c.Above != nil && c.Below != nil:
		s += fmt.Sprintf(" between %v and %v", *c.Above, *c.Below)
	case c.Above != nil:
		s += fmt.Sprintf(" above %v", *c.Above)
	case c.Below != nil:
		s += fmt.Sprintf(" below %v", *c.Below)
	case c.Exists != nil && !*c.Exists:
		s += " is absent"
	default:
		s += " is there"
	}
	return s
}

// Judge returns nil when the answer passes, or else an error that is the check's name. It never holds text of the answer.
func (c *Checker) Judge(head, body []byte) error {
	v, ok := c.finder.Find(head, body, 0)
	if c.holds(v, ok) == c.not {
		return c.err
	}
	return nil
}
