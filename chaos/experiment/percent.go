package experiment

import (
	"fmt"
	"strconv"
	"strings"
)

// Percent is a share in percent, 0 to 100.
type Percent float64

// UnmarshalScalar reads "25%" or 25. A number below 1 without a sign could be meant either way and is refused.
func (p *Percent) UnmarshalScalar(text string) error {
	number, signed := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(v >= 0 && v <= 100) {
		return fmt.Errorf("expected a share between 0%% and 100%%, such as 25%%")
	}
	if !signed && v > 0 && v < 1 {
		return fmt.Errorf("%g can be read two ways; write %g%% or %g%%", v, v*100, v)
	}
	*p = Percent(v)
	return nil
}

// JSONSchema admits both ways of writing.
func (*Percent) JSONSchema() map[string]any {
	return map[string]any{"oneOf": []any{
		map[string]any{"type": "string", "pattern": `^\s*[0-9.]+\s*%$`},
		map[string]any{"type": "number", "minimum": 0, "maximum": 100},
	}}
}
