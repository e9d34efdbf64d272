package correlate

import "strings"

// scan hands out what looks like a key with its value in a text: "key":"value" of JSON (one level of nesting gives
// outer.inner), key=value, key="value", key: value. It makes one pass and does not need the text to be well-formed.
func scan(s string, pair func(key, value string)) {
	outer := ""
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case isWord(c):
			start := i
			for i < len(s) && isKey(s[i]) {
				i++
			}
			key, quoted := s[start:i], start > 0 && s[start-1] == '"'
			var value string
			var nested, ok bool
			if value, i, nested, ok = valueAfter(s, i, quoted); !ok {
				continue
			}
			if nested {
				outer = key
				continue
			}
			pair(key, value)
			if outer != "" {
				pair(outer+"."+key, value)
			}
		case c == '}':
			outer = ""
			i++
		default:
			i++
		}
	}
}

// valueAfter reads the separator and the value that follow a key which ended at i. next is where to go on; nested says
// that the value is an object.
func valueAfter(s string, i int, quoted bool) (value string, next int, nested, ok bool) {
	end := i
	if quoted && i < len(s) && s[i] == '"' {
		i++
	}
	i = skipSpace(s, i)
	if i >= len(s) || s[i] != '=' && s[i] != ':' {
		return "", max(end, i), false, false
	}
	i = skipSpace(s, i+1)
	if i >= len(s) {
		return "", i, false, false
	}
	switch s[i] {
	case '{':
		return "", i + 1, true, true
	case '"', '\'':
		quote := s[i]
		from := i + 1
		for i = from; i < len(s) && s[i] != quote; i++ {
			if s[i] == '\\' {
				i++
			}
		}
		return s[from:min(i, len(s))], min(i+1, len(s)), false, true
	}
	from := i
	for i < len(s) && !strings.ContainsRune(" \t,;&}])\"'\n", rune(s[i])) {
		i++
	}
	return s[from:i], i, false, true
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return i
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// isKey reports what a key may go on with.
func isKey(c byte) bool { return isWord(c) || c == '-' || c == '.' || c == '/' || c == '@' }
