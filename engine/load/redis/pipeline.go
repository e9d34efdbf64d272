// Package redis loads Redis, and what speaks its protocol (Valkey, KeyDB, Dragonfly), with commands and pipelines of
// commands over one connection per worker. It writes and reads the protocol (RESP, versions 2 and 3) itself: that is
// little, times each phase, and holds no more of a reply than is asked for.
//
// It is no general client: it does not follow the redirections of a cluster, and it does not subscribe.
package redis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gameday/engine/load/payload"
	"gameday/engine/load/template"
	"gameday/sources/spec"
)

const (
	maxCommands = 10_000
	maxWords    = 100_000
)

// Pipeline is one step: a command, or several that are sent at once.
type Pipeline struct {
	Command  `yaml:",inline"`
	Pipeline []Command `yaml:"pipeline" doc:"Commands sent at once, without waiting for each other's replies, instead of one command."`
}

// Command is one command and what is expected to come back.
type Command struct {
	Words  Words   `yaml:"command" doc:"The command with its arguments, as a list or as one line as redis-cli takes it; they may hold {{values}}."`
	Expect *Expect `yaml:"expect" doc:"The reply that is expected: its value, or a map with value and type. Default: anything but an error."`
}

// Words are a command and its arguments.
type Words []string

// UnmarshalSpec reads a list of words, or a line in which spaces separate them unless they are quoted or in {{ }}.
func (w *Words) UnmarshalSpec(part *spec.Document) {
	line, ok := part.Scalar()
	if !ok {
		part.Decode((*[]string)(w))
		return
	}
	words, err := split(line)
	if err != nil {
		part.Reportf("", "%v", err)
	}
	*w = words
}

// JSONSchema says what UnmarshalSpec accepts.
func (*Words) JSONSchema() map[string]any {
	return map[string]any{"anyOf": []any{
		map[string]any{"type": "string"},
		map[string]any{"type": "array", "minItems": 1, "items": map[string]any{"type": []string{"string", "number", "boolean"}}},
	}}
}

// split cuts a line into words. In "double quotes" \n, \r, \t, \", \\ and \xHH stand for what they do in redis-cli; in
// 'single quotes' only \'.
func split(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r\n")
		if line == "" {
			return words, nil
		}
		var word strings.Builder
		for line != "" && !strings.ContainsRune(" \t\r\n", rune(line[0])) {
			var part string
			var err error
			switch {
			case line[0] == '"' || line[0] == '\'':
				part, line, err = unquote(line)
			case strings.HasPrefix(line, "{{"):
				n := strings.Index(line, "}}")
				if n < 0 {
					return nil, fmt.Errorf("{{ is not closed: add }}")
				}
				part, line = line[:n+2], line[n+2:]
			default:
				part, line = line[:1], line[1:]
			}
			if err != nil {
				return nil, err
			}
			word.WriteString(part)
		}
		words = append(words, word.String())
	}
}

// unquote reads a quoted part from the beginning of a line.
func unquote(line string) (part, rest string, err error) {
	quote := line[0]
	var out strings.Builder
	for i := 1; i < len(line); i++ {
		switch c := line[i]; {
		case c == quote:
			return out.String(), line[i+1:], nil
		case c != '\\' || i+1 == len(line) || (quote == '\'' && line[i+1] != '\''):
			out.WriteByte(c)
		default:
			i++
			switch c = line[i]; c {
			case 'n':
				out.WriteByte('\n')
			case 'r':
				out.WriteByte('\r')
			case 't':
				out.WriteByte('\t')
			case 'x':
				b, err := strconv.ParseUint(line[i+1:min(i+3, len(line))], 16, 8)
				if err != nil || i+3 > len(line) {
					return "", "", fmt.Errorf(`\x takes two hexadecimal digits`)
				}
				out.WriteByte(byte(b))
				i += 2
			default:
				out.WriteByte(c)
			}
		}
	}
	return "", "", fmt.Errorf("the quote %c is not closed", quote)
}

// Expect is the reply that is expected.
type Expect struct {
	Value *string `yaml:"value" doc:"The reply as text; may hold {{values}}."`
	Type  string  `yaml:"type" enum:"string,integer,double,boolean,array,map,nil,error" doc:"The reply's type. A status is a string, a set an array."`
}

// UnmarshalSpec reads the value alone, or a map with value and type.
func (e *Expect) UnmarshalSpec(part *spec.Document) {
	if text, ok := part.Scalar(); ok {
		e.Value = &text
		return
	}
	type whole Expect // without this method
	part.Decode((*whole)(e))
}

// JSONSchema says what UnmarshalSpec accepts.
func (*Expect) JSONSchema() map[string]any {
	type whole Expect
	return map[string]any{"anyOf": []any{
		map[string]any{"type": []string{"string", "number", "boolean"}}, spec.Ref{V: whole{}},
	}}
}

// refusedCommands turn a connection into something else than requests and replies.
var refusedCommands = map[string]string{
	"SUBSCRIBE": "it does not end: load the publishing side with PUBLISH", "PSUBSCRIBE": "it does not end: load the publishing side with PUBLISH",
	"SSUBSCRIBE": "it does not end: load the publishing side with SPUBLISH", "MONITOR": "it does not end",
	"SYNC": "it makes the connection a replica's", "PSYNC": "it makes the connection a replica's",
	"QUIT": "it ends the worker's connection", "AUTH": "user and password stand in the target: redis://user:password@host",
	"SELECT": "the database's number stands in the target: redis://host/3",
}

// Validate reports what is wrong with the step and can be said without the server.
func (p *Pipeline) Validate(report func(path, format string, args ...any)) {
	switch {
	case len(p.Words) > 0 && len(p.Pipeline) > 0:
		report("pipeline", "stands beside command: put all commands into it, or leave it out")
	case len(p.Pipeline) > maxCommands:
		report("pipeline", "%d commands are more than the %d a pipeline may have", len(p.Pipeline), maxCommands)
	case len(p.Pipeline) == 0:
		p.Command.validate("", report)
	case p.Expect != nil:
		report("expect", "belongs to a command: put it into the pipeline's")
	}
	for i := range p.Pipeline {
		p.Pipeline[i].validate(fmt.Sprintf("pipeline[%d].", i), report)
	}
}

func (c *Command) validate(at string, report func(path, format string, args ...any)) {
	if len(c.Words) == 0 || c.Words[0] == "" {
		report(at+"command", `is missing: give one such as "GET user:{{n}}"`)
		return
	}
	if len(c.Words) > maxWords {
		report(at+"command", "%d words are more than the %d a command may have", len(c.Words), maxWords)
		return
	}
	for i, w := range c.Words {
		if _, err := template.Compile(w, payload.AnyName); err != nil {
			report(at+"command", "word %d: %v", i+1, err)
		}
	}
	name := strings.ToUpper(c.Words[0])
	if why, ok := refusedCommands[name]; ok {
		report(at+"command", "%s cannot be a step: %s", name, why)
	}
	if name == "CLIENT" && len(c.Words) > 1 && strings.EqualFold(c.Words[1], "REPLY") {
		report(at+"command", "CLIENT REPLY cannot be a step: every command must have its reply")
	}
	if e := c.Expect; e != nil && e.Value != nil {
		if _, err := template.Compile(*e.Value, payload.AnyName); err != nil {
			report(at+"expect", "%v", err)
		}
		if slices.Contains([]string{"array", "map", "nil"}, e.Type) {
			report(at+"expect", "a reply of type %s has no value to compare", e.Type)
		}
	}
}
