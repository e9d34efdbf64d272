package tracing

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gameday/sources/signal"
)

// Search is a question to a trace system: the words that Jaeger's, Zipkin's and Tempo's own search forms have in common.
type Search struct {
	Service, Operation string
	Tags               signal.Attrs
	Failed             bool
	MinDuration        time.Duration
	MaxDuration        time.Duration // 0: none
}

// SearchHelp is what a search may consist of, for errors and docs.
const SearchHelp = `service=checkout operation="POST /checkout" duration>200ms duration<2s status=error http.route=/cart`

// ParseSearch reads words such as SearchHelp, separated by blanks; values with blanks stand in double quotes.
func ParseSearch(text string) (Search, error) {
	var s Search
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		at := strings.IndexAny(text, "=<>\" \t")
		if at <= 0 || text[at] == '"' || text[at] == ' ' || text[at] == '\t' {
			return s, fmt.Errorf("search for traces: %.40q is not understood: write such as %s", text, SearchHelp)
		}
		key, op := text[:at], text[at:at+1]
		text = strings.TrimPrefix(text[at+1:], "=") // >= and > are one: durations are not whole numbers
		value, rest, err := word(text)
		if err != nil {
			return s, fmt.Errorf("search for traces: %s%s: %w", key, op, err)
		}
		if err := s.take(key, op, value); err != nil {
			return s, fmt.Errorf("search for traces: %s%s%.40s: %w", key, op, value, err)
		}
		text = rest
	}
	if s.MaxDuration > 0 && s.MinDuration > s.MaxDuration {
		return s, fmt.Errorf("search for traces: nothing takes more than %s and less than %s", s.MinDuration, s.MaxDuration)
	}
	return s, nil
}

func word(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		at := strings.IndexAny(text, " \t")
		if at < 0 {
			at = len(text)
		}
		return text[:at], text[at:], nil
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:], nil
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return "", "", errors.New("a quotation mark is missing at the end")
}

func (s *Search) take(key, op, value string) error {
	lower := strings.ToLower(key)
	if op != "=" && lower != "duration" {
		return errors.New("only duration can be compared")
	}
	switch lower {
	case "service", "service.name":
		s.Service = value
	case "operation", "name":
		s.Operation = value
	case "duration", "minduration", "maxduration":
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return errors.New("it is not a duration such as 200ms")
		}
		if op == ">" || lower == "minduration" {
			s.MinDuration = d
		} else if op == "<" || lower == "maxduration" {
			s.MaxDuration = d
		} else {
			return errors.New("write duration> or duration<")
		}
	case "status":
		if value != "error" {
			return errors.New("only status=error can be searched for")
		}
		s.Failed = true
	default:
		s.Tags = append(s.Tags, signal.Attr{Key: key, Value: value})
	}
	return nil
}
