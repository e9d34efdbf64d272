package why

import (
	"strings"
	"time"

	"gameday/sources/pattern"
	"gameday/sources/signal"
)

const maxPattern = 160 // bytes of a line's pattern

// lines groups log lines by the statement that wrote them, as the cockpit's list of patterns does.
type lines struct{ parser *pattern.Parser }

// newLines makes an empty one; it counts nothing over time.
func newLines() lines { return lines{pattern.New(pattern.Config{Step: time.Hour, Steps: 1})} }

func (l lines) learn(t *looked) {
	for i := range t.Logs {
		l.parser.Add(&t.Logs[i])
	}
}

// of is what a line may be known by: its pattern, and itself with its numbers and IDs masked, for what sets bad requests
// apart may be the one word in which "charge refused" differs from "charge accepted".
func (l lines) of(r *signal.Record) []string {
	text, line := l.parser.Text(r)
	if text == line {
		return []string{short(line)}
	}
	return []string{short(text), short(line)}
}

func short(s string) string {
	if len(s) <= maxPattern {
		return s
	}
	return strings.ToValidUTF8(s[:maxPattern], "") + "…"
}
