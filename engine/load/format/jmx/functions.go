package jmx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gameday/engine/load/feed"
	"gameday/engine/load/format"
	"gameday/engine/load/template"
)

// function is what ${__name(arguments)} becomes.
func (c *converter) function(body, at string, depth int) []piece {
	name, rest, called := strings.Cut(body, "(")
	var args []string
	if called {
		args = arguments(strings.TrimSuffix(strings.TrimSpace(rest), ")"))
	}
	arg := func(i int) string {
		if i < len(args) {
			return strings.TrimSpace(args[i])
		}
		return ""
	}
	done := func(value, how string) []piece {
		outcome := format.Converted
		if how != "" {
			outcome = format.Approximated
		}
		c.cov.Add("function "+name, at, outcome, how)
		return []piece{{value: value}}
	}
	switch name {
	case "__P", "__property":
		return c.property(name, args, at, depth)
	case "__UUID":
		return done("{{uuid}}", "")
	case "__threadNum":
		return done("{{user}}", "")
	case "__counter":
		return done("{{count 1}}", "the number of the iteration, from 1")
	case "__threadGroupName":
		return []piece{{literal: c.group}}
	case "__V", "__evalVar":
		if v := c.resolved(arg(0)); plainName().MatchString(v) {
			return c.reference(v, at, depth+1)
		}
	case "__eval", "__log", "__logn":
		if len(args) > 0 && depth < maxNesting {
			return c.pieces(args[0], at, depth+1)
		}
	case "__urlencode":
		if out, ok := c.urlEncoded(arg(0), at, depth); ok {
			return out
		}
	case "__time":
		if unit, how, ok := timeUnit(c.resolved(arg(0))); ok {
			return done(c.kept("{{time"+unit+"}}", arg(1)), how)
		}
	case "__RandomString":
		if value, ok := randomText(c.resolved(arg(0)), c.resolved(arg(1))); ok {
			return done(c.kept(value, arg(2)), "")
		}
	case "__Random":
		low, high := c.resolved(arg(0)), c.resolved(arg(1))
		value := "{{random " + low + " " + high + "}}"
		if _, err := template.Compile(value, nil); err == nil && wholeNum().MatchString(low) && wholeNum().MatchString(high) {
			return done(c.kept(value, arg(2)), "")
		}
	case "__chooseRandom":
		if n := len(args); n > 1 {
			words := args[:n-1]
			fit := true
			for i := range words {
				words[i] = strings.TrimSpace(words[i])
				fit = fit && pickWord().MatchString(words[i])
			}
			if fit {
				return done(c.kept("{{pick "+strings.Join(words, " ")+"}}", arg(n-1)), "")
			}
		}
	case "__CSVRead":
		if value, ok := c.csvRead(arg(0), arg(1), at); ok {
			return done(value, "a row for each iteration; the file must have no more columns than are used")
		}
	case "__env":
		if plainName().MatchString(arg(0)) {
			return done("${env:"+arg(0)+"}", "")
		}
	}
	why := "the plan has no such value; the text of the call is sent"
	if slices.Contains(scripts, name) {
		why = "scripts are not run; the text of the call is sent"
	}
	c.cov.Add("function "+name, at, format.NotConverted, why)
	return []piece{{literal: "${" + body + "}"}}
}

// property is a property of JMeter: a variable of the plan with its default.
func (c *converter) property(name string, args []string, at string, depth int) []piece {
	given := "1" // JMeter's own default
	switch {
	case name == "__property" && len(args) > 2:
		given = strings.TrimSpace(args[2])
	case name == "__property":
		given = ""
	case len(args) > 1:
		given = strings.TrimSpace(args[1])
	}
	c.cov.Add("function "+name, at, format.Approximated, "the property became its default; change it under vars, or with --var")
	if prop := strings.TrimSpace(args0(args)); plainName().MatchString(prop) && !strings.Contains(given, "${") {
		if _, taken := c.vars[prop]; !taken {
			c.vars[prop] = given
		}
		if _, live := c.live[prop]; !live && c.vars[prop] == given {
			return c.reference(prop, at, depth)
		}
	}
	if depth > maxNesting {
		return nil
	}
	return c.pieces(given, at, depth+1)
}

func args0(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// scripts are the functions that run one.
var scripts = []string{"__BeanShell", "__groovy", "__jexl", "__jexl2", "__jexl3", "__javaScript"}

// kept is a value that is also kept in a variable: it is set before the request, and used by it.
func (c *converter) kept(value, variable string) string {
	if variable == "" {
		return value
	}
	to, ok := c.setsLive(variable)
	if !ok {
		return value
	}
	c.before = append(c.before, format.Pair{Name: to, Value: value})
	return "{{" + to + "}}"
}

// urlEncoded is a text, or a variable, percent-encoded.
func (c *converter) urlEncoded(s, at string, depth int) ([]piece, bool) {
	if depth > maxNesting {
		return nil, false
	}
	list := c.pieces(s, at, depth+1)
	for i, p := range list {
		switch {
		case p.live != "":
			list[i] = piece{value: "{{url " + p.live + "}}"}
		case p.value != "":
			return nil, false
		default:
			list[i] = piece{literal: format.FormEscape(p.literal)}
		}
	}
	return list, true
}

// timeUnit is a format of __time in the plan's notation.
func timeUnit(pattern string) (unit, how string, ok bool) {
	switch {
	case pattern == "":
		return "", "", true
	case pattern == "/1000":
		return " s", "", true
	case strings.HasPrefix(pattern, "yyyy-MM-dd'T'HH:mm:ss"):
		return " iso", "in UTC, to the nanosecond", true
	}
	return "", "", false
}

// randomText is random letters: any, or some.
func randomText(length, from string) (string, bool) {
	n, err := strconv.Atoi(length)
	if err != nil || n < 1 || n > 10_000 {
		return "", false
	}
	if from == "" {
		return fmt.Sprintf("{{text %d}}", n), true
	}
	one := "{{pick " + strings.Join(strings.Split(from, ""), " ") + "}}"
	if strings.ContainsAny(from, "{} \t\r\n$") || n*len(one) > 1<<14 {
		return "", false
	}
	return strings.Repeat(one, n), true
}

// csvRead is a column of a file, by its number.
func (c *converter) csvRead(file, column, at string) (string, bool) {
	n, err := strconv.Atoi(c.resolved(column))
	if name := c.text(file, at); err != nil || n < 0 || n > 99 || name == "" || strings.HasPrefix(name, "*") || c.hasLive(name) {
		return "", false
	}
	name := c.text(file, at)
	for i := range c.draft.Feeds {
		f := &c.draft.Feeds[i]
		if f.File == name && f.Prefix == "" && len(f.Columns) > 0 && strings.HasPrefix(f.Columns[0], "csv") {
			for len(f.Columns) <= n {
				f.Columns = append(f.Columns, fmt.Sprintf("%s_%d", strings.TrimSuffix(f.Columns[0], "_0"), len(f.Columns)))
			}
			return "{{" + f.Columns[n] + "}}", true
		}
	}
	f := feed.Config{File: name, Plain: true, AtEnd: "restart"}
	for i := range n + 1 {
		f.Columns = append(f.Columns, fmt.Sprintf("csv%d_%d", len(c.draft.Feeds)+1, i))
	}
	c.draft.Feeds = append(c.draft.Feeds, f)
	return "{{" + f.Columns[n] + "}}", true
}
