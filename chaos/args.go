package chaos

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// ArgError is one argument that a fault cannot take.
type ArgError struct {
	Name string // the argument; "" when it is about the fault as a whole
	Err  error
}

// Error names the argument and what is wrong with it.
func (e *ArgError) Error() string { return e.Name + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *ArgError) Unwrap() error { return e.Err }

// CheckArgs brings args into the types that a fault's Plan expects and fills in defaults: duration → time.Duration,
// int → int, percent → float64 of 0..100, string → string, bool → bool, list → []any. Values may come as Go values or as text
// ("800ms", "50%"). All faults are reported, sorted by name; the input is left as it is.
func CheckArgs(params []Param, args Args) (Args, []*ArgError) {
	out := Args{}
	var errs []*ArgError
	known := map[string]bool{}
	for _, p := range params {
		known[p.Name] = true
		v, given := args[p.Name]
		if !given || v == nil {
			if p.Required {
				errs = append(errs, &ArgError{p.Name, errors.New("is required: " + p.Help)})
				continue
			}
			if v = p.Default; v == nil {
				continue
			}
		}
		c, err := p.convert(v)
		if err != nil {
			errs = append(errs, &ArgError{p.Name, err})
			continue
		}
		out[p.Name] = c
	}
	for name := range args {
		if known[name] {
			continue
		}
		names := make([]string, 0, len(known))
		for k := range known {
			names = append(names, k)
		}
		slices.Sort(names)
		err := fmt.Errorf("is unknown; this fault takes %s", strings.Join(names, ", "))
		if near, ok := nearest(name, known); ok {
			err = fmt.Errorf("is unknown; did you mean %s?", near)
		}
		errs = append(errs, &ArgError{name, err})
	}
	sort.Slice(errs, func(i, j int) bool { return errs[i].Name < errs[j].Name })
	return out, errs
}

func (p Param) convert(v any) (any, error) {
	switch p.Type {
	case "duration":
		return p.duration(v)
	case "int":
		f, ok := number(v)
		if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return nil, fmt.Errorf("%v is not a whole number", v)
		}
		return int(f), p.bounds(f, fmt.Sprint)
	case "percent":
		f, err := percent(v)
		if err != nil {
			return nil, err
		}
		return f, p.bounds(f, func(a ...any) string { return fmt.Sprint(a...) + "%" })
	case "bool":
		if b, ok := v.(bool); ok {
			return b, nil
		}
		return nil, fmt.Errorf("%v is neither true nor false", v)
	case "string":
		return p.text(v)
	case "list":
		l, ok := v.([]any)
		if !ok {
			return nil, fmt.Errorf("%v is not a list", v)
		}
		if p.Check != nil {
			return l, p.Check(l)
		}
		return l, nil
	}
	return nil, fmt.Errorf("the fault declares it with the unknown type %q", p.Type)
}

func (p Param) duration(v any) (any, error) {
	d, ok := v.(time.Duration)
	if !ok {
		s, isText := v.(string)
		var err error
		if d, err = time.ParseDuration(s); !isText || err != nil {
			return nil, fmt.Errorf(`%v is not a duration; write it with its unit, such as "800ms" or "1.5s"`, v)
		}
	}
	if d < 0 {
		return nil, fmt.Errorf("%v is negative", d)
	}
	return d, p.bounds(d.Seconds(), func(a ...any) string {
		return time.Duration(a[0].(float64) * float64(time.Second)).String()
	})
}

func (p Param) text(v any) (any, error) {
	s, ok := v.(string)
	if f, isNumber := number(v); !ok && isNumber { // a bare number in YAML where a word is expected, such as a status
		s, ok = strconv.FormatFloat(f, 'f', -1, 64), true
	}
	if !ok {
		return nil, fmt.Errorf("%v is not text", v)
	}
	if len(p.OneOf) > 0 && !slices.Contains(p.OneOf, s) {
		return nil, fmt.Errorf("%q is not one of %s", s, strings.Join(p.OneOf, ", "))
	}
	return s, nil
}

func (p Param) bounds(f float64, show func(...any) string) error {
	if p.Min == 0 && p.Max == 0 {
		return nil
	}
	if f < p.Min {
		return fmt.Errorf("%s is less than %s", show(f), show(p.Min))
	}
	if f > p.Max && (p.Max != 0 || p.Min < 0) { // a maximum of zero beside a minimum means none
		return fmt.Errorf("%s is more than %s", show(f), show(p.Max))
	}
	return nil
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float64:
		return n, !math.IsNaN(n) && !math.IsInf(n, 0)
	}
	return 0, false
}

// percent reads "50%", or a bare number of percent. A bare number between 0 and 1 may mean either, and is refused.
func percent(v any) (float64, error) {
	f, ok := number(v)
	if s, isText := v.(string); isText {
		n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, "%")), 64)
		if err != nil || !strings.HasSuffix(s, "%") {
			return 0, fmt.Errorf(`%q is not a share; write it as "50%%"`, s)
		}
		f, ok = n, true
	} else if ok && f > 0 && f < 1 {
		return 0, fmt.Errorf(`%v can be read two ways; write "%g%%" or "%g%%"`, v, f*100, f)
	}
	if !ok || !(f >= 0 && f <= 100) {
		return 0, fmt.Errorf("%v is not a share between 0%% and 100%%", v)
	}
	return f, nil
}
