package jmx

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"gameday/engine/load/format"
)

// piece is a part of a text: one that stands for itself, or a value in the plan's notation.
type piece struct{ literal, value, live string } // live: the name of the variable that value is

const (
	maxNesting  = 16      // of variables in variables
	maxRefs     = 500     // of one text, unfolded
	maxUnfolded = 1 << 20 // bytes of one text, unfolded
)

// lazily compiles an expression when it is first needed. gameday is started far more often than it reads a JMeter plan, and
// the demo starts it once for every process of the shop.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

var (
	plainName = lazily(`^[A-Za-z0-9_.-]{1,64}$`)
	wholeNum  = lazily(`^-?[0-9]{1,18}$`)
	pickWord  = lazily(`^[^\s{}]{1,200}$`)
)

// pieces translates ${...} of a text.
func (c *converter) pieces(s, at string, depth int) (out []piece) {
	if depth == 0 {
		c.refs, c.unfolded = 0, 0
	}
	for s != "" {
		i := strings.Index(s, "${")
		if i < 0 {
			return append(out, piece{literal: s})
		}
		end := closing(s[i:])
		if end < 0 {
			return append(out, piece{literal: s})
		}
		if i > 0 {
			out = append(out, piece{literal: s[:i]})
		}
		out = append(out, c.reference(s[i+2:i+end], at, depth)...)
		s = s[i+end+1:]
	}
	return out
}

// closing finds the } that ends the ${ at the start of s.
func closing(s string) int {
	open := 0
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "${"):
			open++
			i++
		case s[i] == '}':
			if open--; open == 0 {
				return i
			}
		}
	}
	return -1
}

// reference is what ${body} becomes.
func (c *converter) reference(body, at string, depth int) []piece {
	if strings.HasPrefix(body, "__") {
		return c.function(body, at, depth)
	}
	name := strings.TrimSpace(body)
	if name == "JMeterThread.last_sample_ok" {
		return []piece{{value: "{{lastok}}"}}
	}
	if to, ok := c.live[name]; ok {
		return liveValue(to)
	}
	raw, known := c.vars[name]
	switch {
	case !known && c.anyLive && plainName().MatchString(name): // a column of a file that names its columns itself
		to, _ := c.setsLive(name)
		return liveValue(to)
	case !plainName().MatchString(name):
		c.cov.Add("variable", at, format.NotConverted, "${"+name+"} is no plain name; it stands for itself")
		return []piece{{literal: "${" + body + "}"}}
	case !known:
		c.cov.Add("variable ${"+name+"}", at, format.NotConverted, "nothing in the plan that is understood sets it; give it under vars")
		return []piece{{value: "${" + name + "}"}}
	}
	c.refs, c.unfolded = c.refs+1, c.unfolded+len(raw)
	if depth > maxNesting || c.refs > maxRefs || c.unfolded > maxUnfolded {
		c.cov.Add("variable ${"+name+"}", at, format.NotConverted, "variables refer to each other in a circle, or unfold to too much")
		return nil
	}
	value := join(c.pieces(raw, at, depth+1), format.Literal)
	if strings.Contains(value, "${") { // Expand goes one level deep
		return c.pieces(raw, at, depth+1)
	}
	c.draft.SetVar(name, value)
	return []piece{{value: "${" + name + "}"}}
}

func liveValue(name string) []piece { return []piece{{value: "{{" + name + "}}", live: name}} }

// arguments splits at commas that are not escaped and not inside of ${...}.
func arguments(s string) (out []string) {
	var b strings.Builder
	open := 0
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case ch == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
			continue
		case ch == '{':
			open++
		case ch == '}':
			open--
		case ch == ',' && open <= 0:
			out = append(out, b.String())
			b.Reset()
			continue
		}
		b.WriteByte(s[i])
	}
	return append(out, b.String())
}

// join writes pieces in the plan's notation; escape is for the parts that stand for themselves.
func join(list []piece, escape func(string) string) string {
	var b strings.Builder
	for _, p := range list {
		if p.value != "" {
			b.WriteString(p.value)
			continue
		}
		b.WriteString(escape(p.literal))
	}
	return b.String()
}

// text translates a text that stands for itself, in a header or a body.
func (c *converter) text(s, at string) string { return join(c.pieces(s, at, 0), format.Literal) }

// encoded translates a text for a path or a query that is encoded already.
func (c *converter) encoded(s, at string) string {
	return join(c.pieces(s, at, 0), func(s string) string { return format.Literal(format.Encode(s)) })
}

// escaped translates a text for a field of a query or a form.
func (c *converter) escaped(s, at string) string {
	list := c.pieces(s, at, 0)
	for i := range list {
		if list[i].live != "" {
			list[i].value = "{{url " + list[i].live + "}}"
		}
	}
	return join(list, func(s string) string { return format.Literal(format.FormEscape(s)) })
}

// resolved is a text with the variables and properties filled in as they stand in the plan; calls that only a run could
// answer stay as they are.
func (c *converter) resolved(s string) string {
	for range 4 * maxNesting {
		i := strings.Index(s, "${")
		if i < 0 || len(s) > 1<<16 {
			break
		}
		end := closing(s[i:])
		if end < 0 {
			break
		}
		body := s[i+2 : i+end]
		value, ok := c.vars[strings.TrimSpace(body)]
		if _, live := c.live[strings.TrimSpace(body)]; live {
			ok = false
		}
		if name, rest, called := strings.Cut(body, "("); called && (name == "__P" || name == "__property") {
			args := arguments(strings.TrimSuffix(strings.TrimSpace(rest), ")"))
			value, ok = args[len(args)-1], true
			if len(args) < 2 {
				value = "1"
			}
		}
		if !ok {
			break
		}
		s = s[:i] + value + s[i+end+1:]
	}
	return strings.TrimSpace(s)
}

// number is a number of the plan; otherwise when it is not given, and when only a run could tell.
func (c *converter) number(s, what, at string, otherwise float64) float64 {
	if strings.TrimSpace(s) == "" {
		return otherwise
	}
	v, err := strconv.ParseFloat(c.resolved(s), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		c.cov.Add(what, at, format.Approximated, fmt.Sprintf("%s is no number before the run: taken as %v", format.Label(s, `""`), otherwise))
		return otherwise
	}
	if strings.Contains(s, "${") {
		c.cov.Add(what, at, format.Approximated, "fixed at the value its variable has in the plan")
	}
	return min(max(v, -1e8), 1e8)
}

// seconds and millis turn numbers of the plan into durations.
func seconds(v float64) time.Duration {
	return time.Duration(max(v, 0) * float64(time.Second)).Round(time.Millisecond)
}

func millis(v float64) time.Duration {
	return time.Duration(max(v, 0) * float64(time.Millisecond)).Round(time.Microsecond)
}
