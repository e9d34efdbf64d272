package probe

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how much of bad readings in a row is let pass: Count of them, or For so long. The zero value lets none
// pass.
type Tolerance struct {
	Count int
	For   time.Duration
}

// UnmarshalScalar reads "2" (readings) or "3s".
func (t *Tolerance) UnmarshalScalar(text string) error {
	text = strings.TrimSpace(text)
	if n, err := strconv.Atoi(text); err == nil {
		if n < 0 || n > 1000 {
			return fmt.Errorf("%d readings are outside 0 to 1000", n)
		}
		*t = Tolerance{Count: n}
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > time.Hour {
		return fmt.Errorf("%q is neither a number of readings such as 2 nor a time such as 3s", clean(text))
	}
	*t = Tolerance{For: d}
	return nil
}

// JSONSchema admits a count or a duration.
func (*Tolerance) JSONSchema() map[string]any {
	return map[string]any{"oneOf": []any{
		map[string]any{"type": "integer", "minimum": 0, "maximum": 1000},
		map[string]any{"type": "string"},
	}}
}

// Exceeded reports whether a run of so many bad readings, which began at first and is still going on at last, counts.
func (t Tolerance) Exceeded(bad int, first, last time.Time) bool {
	if bad == 0 {
		return false
	}
	if t.For > 0 {
		return last.Sub(first) >= t.For
	}
	return bad > t.Count
}
