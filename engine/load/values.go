package load

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"gameday/sources/spec"
)

// Share is a part of a whole, 0 to 1, written as 0.1 or 10%.
type Share float64

// UnmarshalScalar reads "10%" or "0.1".
func (s *Share) UnmarshalScalar(text string) error {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return fmt.Errorf("%s is not a share; write it as 10%% or 0.1", spec.Quote(text))
	}
	*s = Share(v)
	return nil
}

// JSONSchema says what UnmarshalScalar accepts.
func (*Share) JSONSchema() map[string]any {
	return map[string]any{"anyOf": []any{
		map[string]any{"type": "number", "minimum": 0, "maximum": 1},
		map[string]any{"type": "string", "pattern": `^[0-9.]+ *%$`},
	}}
}

// StatusSet is a set of HTTP status codes. The zero value is "not given".
type StatusSet struct{ bits [10]uint64 }

// Empty reports whether no status was given.
func (s *StatusSet) Empty() bool { return s.bits == [10]uint64{} }

// Has reports whether the status belongs to the set.
func (s *StatusSet) Has(status int) bool {
	return status >= 0 && status < 640 && s.bits[status>>6]&(1<<(status&63)) != 0
}

func (s *StatusSet) add(text string) error {
	fault := fmt.Errorf("%s is not a status; write it as 200 or 2xx", spec.Quote(text))
	if len(text) != 3 || text[0] < '1' || text[0] > '5' {
		return fault
	}
	first, last := text, text
	if strings.EqualFold(text[1:], "xx") {
		first, last = text[:1]+"00", text[:1]+"99"
	}
	lo, err := strconv.Atoi(first)
	if err != nil {
		return fault
	}
	hi, err := strconv.Atoi(last)
	if err != nil {
		return fault
	}
	for ; lo <= hi; lo++ {
		s.bits[lo>>6] |= 1 << (lo & 63)
	}
	return nil
}

// UnmarshalSpec reads one status or a list of them.
func (s *StatusSet) UnmarshalSpec(part *spec.Document) {
	if text, ok := part.Scalar(); ok {
		if err := s.add(text); err != nil {
			part.Reportf("", "%v", err)
		}
		return
	}
	var list []string
	part.Decode(&list)
	for i, text := range list {
		if err := s.add(text); err != nil {
			part.Reportf(fmt.Sprintf("[%d]", i), "%v", err)
		}
	}
}

// JSONSchema says what UnmarshalSpec accepts.
func (*StatusSet) JSONSchema() map[string]any {
	one := map[string]any{"anyOf": []any{
		map[string]any{"type": "integer", "minimum": 100, "maximum": 599},
		map[string]any{"type": "string", "pattern": `^[1-5]([0-9][0-9]|[xX][xX])$`},
	}}
	return map[string]any{"anyOf": []any{one, map[string]any{"type": "array", "items": one}}}
}

// ThinkTime is a pause a user makes: constant, evenly spread between two bounds, or normal around a mean (never below
// zero). The zero value is no pause.
type ThinkTime struct {
	Constant  time.Duration `yaml:"constant" doc:"Always this long."`
	Min       time.Duration `yaml:"min" doc:"Evenly spread: the shortest."`
	Max       time.Duration `yaml:"max" doc:"Evenly spread: the longest."`
	Mean      time.Duration `yaml:"mean" doc:"Normal: the mean."`
	Deviation time.Duration `yaml:"deviation" doc:"Normal: the standard deviation."`
}

// UnmarshalSpec reads "2s", {constant: 2s}, {min: 1s, max: 3s} or {mean: 2s, deviation: 500ms}.
func (t *ThinkTime) UnmarshalSpec(part *spec.Document) {
	if _, ok := part.Scalar(); ok {
		part.Decode(&t.Constant)
	} else {
		type plain ThinkTime
		part.Decode((*plain)(t))
	}
	kinds := 0
	for _, given := range []bool{t.Constant != 0, t.Min != 0 || t.Max != 0, t.Mean != 0 || t.Deviation != 0} {
		if given {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		part.Reportf("", "give one of constant, min and max, or mean and deviation")
	case t.Constant < 0 || t.Min < 0 || t.Mean < 0 || t.Deviation < 0:
		part.Reportf("", "a pause cannot be negative")
	case t.Max < t.Min:
		part.Reportf("max", "max %v is below min %v", t.Max, t.Min)
	}
}

// JSONSchema says what UnmarshalSpec accepts.
func (*ThinkTime) JSONSchema() map[string]any {
	type plain ThinkTime
	return map[string]any{"anyOf": []any{spec.Ref{V: time.Duration(0)}, spec.Ref{V: plain{}}}}
}

// draw is the next pause.
func (t *ThinkTime) draw(rng *rand.Rand) time.Duration {
	switch {
	case t.Max > 0:
		return t.Min + time.Duration(rng.Uint64N(uint64(t.Max-t.Min)+1))
	case t.Mean > 0 || t.Deviation > 0:
		return max(t.Mean+time.Duration(rng.NormFloat64()*float64(t.Deviation)), 0)
	}
	return t.Constant
}
