package curl

import (
	"fmt"
	"strings"

	"gameday/engine/load/format"
)

// short are the one-letter flags by their long names.
var short = map[byte]string{
	'X': "--request", 'H': "--header", 'd': "--data", 'u': "--user", 'A': "--user-agent", 'e': "--referer", 'b': "--cookie",
	'G': "--get", 'I': "--head", 'k': "--insecure", 'L': "--location", 'm': "--max-time", 'F': "--form", 'T': "--upload-file",
	'o': "--output", 's': "--silent", 'S': "--show-error", 'v': "--verbose", 'i': "--include", 'f': "--fail", 'x': "--proxy",
	'w': "--write-out", 'c': "--cookie-jar", 'E': "--cert", 'N': "--no-buffer", 'O': "--remote-name", 'g': "--globoff",
	'D': "--dump-header", 'r': "--range", 'K': "--config", '#': "--progress-bar", '0': "--http1.0",
}

// valued are the flags that take a value.
var valued = map[string]bool{
	"--request": true, "--header": true, "--data": true, "--data-raw": true, "--data-binary": true, "--data-ascii": true,
	"--data-urlencode": true, "--json": true, "--user": true, "--user-agent": true, "--referer": true, "--cookie": true,
	"--max-time": true, "--connect-timeout": true, "--form": true, "--form-string": true, "--upload-file": true, "--output": true,
	"--proxy": true, "--write-out": true, "--cookie-jar": true, "--cert": true, "--key": true, "--cacert": true, "--url": true,
	"--oauth2-bearer": true, "--resolve": true, "--connect-to": true, "--dump-header": true, "--retry": true, "--range": true,
	"--config": true, "--max-redirs": true, "--interface": true, "--limit-rate": true, "--ciphers": true, "--unix-socket": true,
	"--proxy-user": true, "--tls-max": true, "--aws-sigv4": true, "--stderr": true, "--retry-delay": true, "--retry-max-time": true, "--trace-ascii": true,
}

// silent say only what curl prints.
var silent = map[string]bool{
	"--silent": true, "--show-error": true, "--verbose": true, "--include": true, "--fail": true, "--output": true, "--write-out": true,
	"--no-buffer": true, "--remote-name": true, "--globoff": true, "--dump-header": true, "--progress-bar": true, "--stderr": true,
	"--trace-ascii": true, "--http1.1": true, "--fail-with-body": true, "--no-progress-meter": true, "--next": false,
}

// read goes through the words after curl.
func (c *command) read(words []string) error {
	for i := 0; i < len(words); i++ {
		word := words[i]
		if word == "--" {
			c.urls = append(c.urls, words[i+1:]...)
			return nil
		}
		if len(word) < 2 || word[0] != '-' {
			c.urls = append(c.urls, word)
			continue
		}
		if strings.HasPrefix(word, "--") {
			flag, value, given := strings.Cut(word, "=")
			if !valued[flag] {
				flag = word
			} else if !given {
				if i++; i >= len(words) {
					return fmt.Errorf("%s needs a value", flag)
				}
				value = words[i]
			}
			c.flag(flag, value)
			continue
		}
		for at := 1; at < len(word); at++ { // -sSL is three flags, -XPOST one with its value
			flag, known := short[word[at]]
			if !known {
				flag = "-" + word[at:at+1]
			}
			if !valued[flag] {
				c.flag(flag, "")
				continue
			}
			value := word[at+1:]
			if value == "" {
				if i++; i >= len(words) {
					return fmt.Errorf("%s needs a value", flag)
				}
				value = words[i]
			}
			c.flag(flag, value)
			break
		}
	}
	return nil
}

// flag does what one flag says.
func (c *command) flag(flag, value string) {
	const line = "the command line"
	done := func() { c.cov.Add(flag, line, format.Converted, "") }
	refuse := func(why string) { c.cov.Add(flag, line, format.NotConverted, why) }
	switch flag {
	case "--url":
		c.urls = append(c.urls, value)
	case "--request":
		c.method = value
		done()
	case "--header":
		name, v, ok := strings.Cut(value, ":")
		if !ok {
			refuse("a header without a colon removes one; the engine sends what the plan says")
			return
		}
		c.header(name, strings.TrimSpace(v))
		done()
	case "--data", "--data-raw", "--data-binary", "--data-ascii":
		c.addData(flag, value)
	case "--json":
		c.isJSON = true
		c.addData(flag, value)
	case "--data-urlencode":
		c.encoded(value)
	case "--user":
		c.user(value)
	case "--oauth2-bearer":
		c.header("Authorization", "Bearer "+value)
	case "--user-agent":
		c.header("User-Agent", value)
		done()
	case "--referer":
		c.header("Referer", value)
		done()
	case "--cookie":
		if !strings.Contains(value, "=") {
			refuse("files are not read")
			return
		}
		c.header("Cookie", value)
	case "--get":
		c.asQuery = true
		done()
	case "--head":
		c.head = true
		done()
	case "--max-time":
		c.seconds(flag, value)
	case "--connect-timeout":
		c.cov.Add(flag, line, format.Approximated, "a request's timeout includes connecting")
	case "--form", "--form-string":
		c.form(flag, value)
	case "--upload-file":
		c.upload(value)
	default:
		if c.connection(flag, value) {
			return
		}
		if silent[flag] {
			c.cov.Add(flag, line, format.Skipped, "says only what curl prints")
			return
		}
		refuse("has no counterpart in a plan")
	}
}

// split takes a command line apart the way a shell does: quotes, backslashes, $'...' and continued lines. Nothing is
// expanded: a $ stands for itself.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inside := false
	flush := func() {
		if inside {
			words = append(words, word.String())
			word.Reset()
			inside = false
		}
	}
	for i := 0; i < len(line); i++ {
		if len(words) > maxWords {
			return nil, fmt.Errorf("the command line has more than %d words", maxWords)
		}
		switch ch := line[i]; {
		case ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r':
			flush()
		case ch == '\\' && i+1 < len(line):
			i++
			if line[i] == '\r' && i+1 < len(line) && line[i+1] == '\n' {
				i++
			}
			if line[i] != '\n' {
				word.WriteByte(line[i])
				inside = true
			}
		case ch == '\'' || ch == '"' || ch == '$' && strings.HasPrefix(line[i+1:], "'"):
			n, err := quoted(line[i:], &word)
			if err != nil {
				return nil, err
			}
			i += n - 1
			inside = true
		case (ch == '|' || ch == ';' || ch == '>' || ch == '&') && !inside:
			flush()
			return words, nil // what comes after is no part of the request
		default:
			word.WriteByte(ch)
			inside = true
		}
	}
	flush()
	return words, nil
}

// quoted reads one quoted piece at the start of s and returns how long it was.
func quoted(s string, word *strings.Builder) (int, error) {
	ansi := s[0] == '$'
	i, end := 1, s[0]
	if ansi {
		i, end = 2, '\''
	}
	for ; i < len(s); i++ {
		ch := s[i]
		switch {
		case ch == end:
			return i + 1, nil
		case ch == '\\' && i+1 < len(s) && (ansi || end == '"' && strings.IndexByte("\\\"$`\n", s[i+1]) >= 0):
			i++
			if !ansi {
				if s[i] != '\n' {
					word.WriteByte(s[i])
				}
				continue
			}
			i += escape(s[i:], word) - 1
		default:
			word.WriteByte(ch)
		}
	}
	return 0, fmt.Errorf("a quote (%c) in the command line is not closed", end)
}

// escape writes one escape of $'...' and returns how many bytes it took.
func escape(s string, word *strings.Builder) int {
	plain := map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'a': 7, 'b': 8, 'f': 12, 'v': 11, 'e': 27}
	if c, ok := plain[s[0]]; ok {
		word.WriteByte(c)
		return 1
	}
	most := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]]
	n, v := 1, 0
	for ; n <= most && n < len(s); n++ {
		digit := strings.IndexByte("0123456789abcdefABCDEF", s[n])
		if digit < 0 {
			break
		}
		if digit > 15 {
			digit -= 6
		}
		v = v<<4 | digit
	}
	switch {
	case n == 1:
		word.WriteByte(s[0])
	case s[0] == 'x':
		word.WriteByte(byte(v))
	default:
		word.WriteRune(rune(v))
	}
	return n
}
