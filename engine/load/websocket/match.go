package websocket

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gameday/engine/load/payload"
)

// matcher is a Match that is ready to be used. Its zero value matches every message.
type matcher struct {
	contains []byte
	regex    *regexp.Regexp
	field    []string
	equals   *string
}

func (m *Match) compile() (*matcher, error) {
	c := &matcher{equals: m.Equals}
	var err error
	if c.contains, err = payload.Bytes(m.Contains); err != nil {
		return nil, fmt.Errorf("contains: %w", err)
	}
	if m.Regex != "" {
		if c.regex, err = regexp.Compile(m.Regex); err != nil {
			return nil, fmt.Errorf("regex: %w", err)
		}
	}
	if m.JSON != "" {
		c.field = strings.Split(m.JSON, ".")
	} else if m.Equals != nil {
		return nil, errors.New("equals is about a field: give json")
	}
	return c, nil
}

// matches reports whether a message is one that is waited for.
func (c *matcher) matches(message []byte) bool {
	if !bytes.Contains(message, c.contains) || c.regex != nil && !c.regex.Match(message) {
		return false
	}
	if c.field == nil {
		return true
	}
	value, ok := lookUp(message, c.field)
	return ok && (c.equals == nil || value == *c.equals)
}

// lookUp finds a field of a JSON text and writes its value: strings without quotes, all else as JSON without spaces.
func lookUp(text []byte, field []string) (value string, ok bool) {
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	var at any
	if in.Decode(&at) != nil {
		return "", false
	}
	for _, name := range field {
		switch holder := at.(type) {
		case map[string]any:
			if at, ok = holder[name]; !ok {
				return "", false
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(holder) {
				return "", false
			}
			at = holder[i]
		default:
			return "", false
		}
	}
	if s, isText := at.(string); isText {
		return s, true
	}
	b, err := json.Marshal(at)
	return string(b), err == nil
}
