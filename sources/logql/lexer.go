package logql

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

type kind uint8

const (
	tokEnd    kind = iota
	tokName        // a label, a function, a word of the language
	tokString      // its value is in text
	tokNumber      // a number, a duration or a number of bytes
	tokSign        // punctuation and operators
)

type token struct {
	kind kind
	text string // as it counts: a string without its quotes
	pos  int
}

// what is the token as an error shows it.
func (t token) what() string {
	switch t.kind {
	case tokEnd:
		return "the query ends"
	case tokString:
		return "found " + strconv.Quote(shorten(t.text))
	}
	return "found " + shorten(t.text)
}

func shorten(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// signs in the order in which they are tried: the longer before their beginnings.
var signs = [...]string{"|=", "|~", "|>", "!>", "!=", "!~", "=~", "==", ">=", "<=", "{", "}", "(", ")", "[", "]", ",", "|", "=", ">", "<",
	"+", "-", "*", "/", "%", "^"}

// lexer takes a query's text apart.
type lexer struct {
	text string
	pos  int
}

func (l *lexer) next() (token, error) {
	l.skip()
	start := l.pos
	if start >= len(l.text) {
		return token{kind: tokEnd, pos: len(l.text)}, nil
	}
	rest := l.text[start:]
	switch c := rest[0]; {
	case c == '"' || c == '`':
		return l.quoted(rest)
	case c >= '0' && c <= '9', c == '.' && len(rest) > 1 && digit(rest[1]):
		n := 1
		for n < len(rest) && (nameByte(rest[n]) || rest[n] == '.' || rest[n] >= utf8.RuneSelf || // µs
			(rest[n] == '+' || rest[n] == '-') && (rest[n-1] == 'e' || rest[n-1] == 'E')) {
			n++
		}
		l.pos += n
		return token{kind: tokNumber, text: rest[:n], pos: start}, nil
	case nameByte(c) || c == ':':
		n := 1
		for n < len(rest) && (nameByte(rest[n]) || rest[n] == '.' || rest[n] == ':') {
			n++
		}
		l.pos += n
		return token{kind: tokName, text: rest[:n], pos: start}, nil
	}
	for _, s := range signs {
		if strings.HasPrefix(rest, s) {
			l.pos += len(s)
			return token{kind: tokSign, text: s, pos: start}, nil
		}
	}
	_, n := utf8.DecodeRuneInString(rest)
	return token{}, l.fault(start, fmt.Sprintf("%q has no meaning here", rest[:n]), "")
}

// skip goes over spaces and comments.
func (l *lexer) skip() {
	for l.pos < len(l.text) {
		switch l.text[l.pos] {
		case ' ', '\t', '\r', '\n':
			l.pos++
		case '#':
			end := strings.IndexByte(l.text[l.pos:], '\n')
			if end < 0 {
				end = len(l.text) - l.pos
			}
			l.pos += end
		default:
			return
		}
	}
}

func (l *lexer) quoted(rest string) (token, error) {
	start, quote := l.pos, rest[0]
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && quote == '"':
			i++
		case rest[i] == quote:
			l.pos += i + 1
			if quote == '`' {
				return token{kind: tokString, text: rest[1:i], pos: start}, nil
			}
			text, err := strconv.Unquote(rest[:i+1])
			if err != nil {
				return token{}, l.fault(start, "the text in quotes has an escape that is none", "text in `backquotes`, which knows no escapes")
			}
			return token{kind: tokString, text: text, pos: start}, nil
		}
	}
	return token{}, l.fault(start, "the closing "+string(quote)+" is missing", "")
}

func (l *lexer) fault(pos int, problem, fits string) error {
	return &SyntaxError{Text: l.text, Pos: pos, Problem: problem, Fits: fits}
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// nameByte is what a name has, dots aside.
func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || digit(c) || c == '_'
}
