package jmx

import (
	"regexp"
	"strconv"
	"strings"

	"gameday/engine/load"
	"gameday/engine/load/format"
)

// lastGood holds when the user's last request was good.
func lastGood() load.Condition {
	yes := "true"
	return load.Condition{Value: "{{lastok}}", Equals: &yes}
}

// notComparison says why a condition was not taken over.
func notComparison(text string) string {
	if strings.Contains(text, "__groovy") || strings.Contains(text, "__jexl") || strings.Contains(text, "__BeanShell") || strings.Contains(text, "__javaScript") {
		return "scripts are not run; of conditions only comparisons of a variable with a text or a number are understood, joined by &&"
	}
	return "of conditions only comparisons of a variable with a text or a number are understood, joined by &&"
}

var (
	scripted   = lazily(`^\$\{__(?:jexl[23]?|groovy|javaScript|BeanShell)\((.*?)(?:,\s*\w*)?\)\}$`)
	comparison = lazily(`^(.+?)\s*(==|!=|>=|<=|=~|>|<|\s(?:eq|ne|gt|lt|ge|le)\s)\s*(.+)$`)
	called     = lazily(`^(!?)\s*(.+?)\.(equals|equalsIgnoreCase|contains|startsWith|endsWith|matches|isEmpty)\(\s*(.*?)\s*\)$`)
	varsGet    = lazily(`vars\.get\(\s*["']([A-Za-z0-9_.-]+)["']\s*\)`)
)

// conditions understands a condition of JMeter as comparisons that must all hold; false when it is anything else.
func (c *converter) conditions(text string) (out []load.Condition, ok bool) {
	text = strings.TrimSpace(text)
	if m := scripted().FindStringSubmatch(text); m != nil {
		text = strings.ReplaceAll(m[1], `\,`, ",")
	}
	text = varsGet().ReplaceAllString(text, "$${$1}")
	if strings.Contains(text, "||") || len(text) > 2000 {
		return nil, false
	}
	parts := strings.Split(strings.ReplaceAll(text, " and ", "&&"), "&&")
	if len(parts) > 5 {
		return nil, false
	}
	for _, part := range parts {
		one, ok := c.comparison(strings.TrimSpace(part))
		if !ok {
			return nil, false
		}
		out = append(out, one)
	}
	return out, true
}

func (c *converter) comparison(text string) (load.Condition, bool) {
	for strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") && strings.Count(text, "(") == 1 {
		text = strings.TrimSpace(text[1 : len(text)-1])
	}
	if m := called().FindStringSubmatch(text); m != nil {
		return c.call(m)
	}
	if m := comparison().FindStringSubmatch(text); m != nil {
		left, right, op := operand(m[1]), operand(m[3]), strings.TrimSpace(m[2])
		if _, isVar := c.looked(left); !isVar && op != "=~" {
			left, right, op = right, left, mirrored(op)
		}
		return c.compared(left, op, right)
	}
	not := strings.HasPrefix(text, "!")
	value, ok := c.looked(operand(strings.TrimSpace(strings.TrimPrefix(text, "!"))))
	switch plain := strings.ToLower(text); {
	case plain == "true" || plain == "false":
		yes := "true"
		return load.Condition{Value: plain, Equals: &yes}, true
	case !ok:
		return load.Condition{}, false
	}
	yes := "true"
	return load.Condition{Value: value, Equals: &yes, Not: not}, true
}

// compared is `left op right`, where left holds a variable and right must be known.
func (c *converter) compared(left, op, right string) (out load.Condition, ok bool) {
	if out.Value, ok = c.looked(left); !ok {
		// Both sides are known before the run.
		if strings.Contains(left+right, "${") {
			return out, false
		}
		out.Value = format.Literal(left)
	}
	want := c.resolved(right)
	if strings.Contains(want, "${") {
		return out, false
	}
	number, err := strconv.ParseFloat(want, 64)
	switch op {
	case "==", "eq":
		out.Equals = &want
		return out, true
	case "!=", "ne":
		if want == "null" {
			return out, false
		}
		out.Equals, out.Not = &want, true
		return out, true
	case "=~":
		out.Matches = "^(?:" + want + ")$"
		_, bad := regexp.Compile(out.Matches)
		return out, bad == nil
	case ">", "gt":
		out.Above = &number
	case "<", "lt":
		out.Below = &number
	case ">=", "ge":
		out.Below, out.Not = &number, true
	default:
		out.Above, out.Not = &number, true
	}
	return out, err == nil
}

// call is a method of a text, such as "${x}".equals("y").
func (c *converter) call(m []string) (out load.Condition, ok bool) {
	left, right := operand(m[2]), operand(m[4])
	if _, isVar := c.looked(left); !isVar && (m[3] == "equals" || m[3] == "equalsIgnoreCase") {
		left, right = right, left
	}
	want := c.resolved(right)
	if out.Value, ok = c.looked(left); !ok || strings.Contains(want, "${") {
		return out, false
	}
	out.Not = m[1] == "!"
	switch m[3] {
	case "equals", "isEmpty":
		out.Equals = &want
	case "equalsIgnoreCase":
		out.Matches = "(?i)^" + regexp.QuoteMeta(want) + "$"
	case "contains":
		out.Contains = want
		ok = want != ""
	case "startsWith":
		out.Matches = "^" + regexp.QuoteMeta(want)
	case "endsWith":
		out.Matches = regexp.QuoteMeta(want) + "$"
	default:
		out.Matches = "^(?:" + want + ")$"
		_, bad := regexp.Compile(out.Matches)
		ok = bad == nil
	}
	return out, ok
}

// operand is a side of a comparison without its quotes.
func operand(s string) string {
	s = strings.TrimSpace(s)
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}

// looked is a text that holds a variable, in the plan's notation; false when it holds none, or more than variables.
func (c *converter) looked(s string) (string, bool) {
	if !strings.Contains(s, "${") || strings.ContainsAny(s, "()\"'") {
		return "", false
	}
	silent := *c // whether it is one is asked several times, and told once
	silent.cov = &format.Coverage{}
	out := silent.text(s, "")
	if silent.cov.Count(format.NotConverted) > 0 {
		return "", false
	}
	return out, true
}

func mirrored(op string) string {
	if to, ok := map[string]string{">": "<", "<": ">", ">=": "<=", "<=": ">=", "gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}[op]; ok {
		return to
	}
	return op
}

// static judges a condition that holds no variable of the run.
func static(c *load.Condition) (holds, known bool) {
	if strings.Contains(c.Value, "{{") || strings.Contains(c.Value, "${") || c.Equals == nil {
		return false, false
	}
	return (c.Value == *c.Equals) != c.Not, true
}
