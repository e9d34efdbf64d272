package pattern

// The masks: what a part of a line that is different each time becomes. Any is a whole word of which more is not known.
const (
	Any      = "<*>"
	Number   = "<num>"
	Hex      = "<hex>"
	UUID     = "<uuid>"
	Address  = "<ip>"
	Duration = "<dur>"
)

// appendMasked appends a word with its numbers, hexadecimal IDs, UUIDs, IP addresses and durations masked. A word without
// a digit has none of them.
func appendMasked(out []byte, word string) []byte {
	for i := 0; i < len(word); {
		if !wordByte[word[i]] {
			out = append(out, word[i])
			i++
			continue
		}
		j, digits := i, 0
		for j < len(word) && wordByte[word[j]] {
			if digit(word[j]) {
				digits++
			}
			j++
		}
		if j < len(word) && word[j] == ':' && digits > 0 { // an address of IPv6 is one run
			if k := ipv6(word, i); k > j {
				out, i = append(out, Address...), k
				continue
			}
		}
		out = appendRun(out, word[i:j], digits)
		i = j
	}
	return out
}

// wordByte are the bytes of a run: what separates runs is left as it is.
var wordByte = func() (t [256]bool) {
	for c := range t {
		b := byte(c)
		t[c] = digit(b) || letter(b) || b == '.' || b == '-' || b == '_' || b >= 0x80
	}
	return t
}()

func digit(c byte) bool  { return '0' <= c && c <= '9' }
func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func hexDigit(c byte) bool {
	return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// appendRun appends one run: as a whole when it is one of the things that have a name, else with its digits masked.
func appendRun(out []byte, run string, digits int) []byte {
	if digits == 0 {
		return append(out, run...)
	}
	switch {
	case isUUID(run):
		return append(out, UUID...)
	case isIPv4(run):
		return append(out, Address...)
	case isHex(run):
		return append(out, Hex...)
	case isDuration(run):
		return append(out, Duration...)
	}
	for i := 0; i < len(run); {
		if !digit(run[i]) {
			out = append(out, run[i])
			i++
			continue
		}
		for i < len(run) && (digit(run[i]) || run[i] == '.' && i+1 < len(run) && digit(run[i+1])) {
			i++
		}
		out = append(out, Number...)
	}
	return out
}

// isUUID: 8-4-4-4-12 hexadecimal digits (RFC 9562).
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !hexDigit(s[i]) {
			return false
		}
	}
	return true
}

func isIPv4(s string) bool {
	if len(s) < 7 || len(s) > 15 {
		return false
	}
	dots, run := 0, 0
	for i := range len(s) {
		switch {
		case digit(s[i]) && run < 3:
			run++
		case s[i] == '.' && run > 0:
			dots, run = dots+1, 0
		default:
			return false
		}
	}
	return dots == 3 && run > 0
}

// ipv6 is where an address of IPv6 that begins at i ends, or i: groups of up to four hexadecimal digits, at least two of
// its colons beside each other or seven in all, which a time of day does not have.
func ipv6(s string, i int) int {
	colons, run, double := 0, 0, false
	j := i
	for ; j < len(s); j++ {
		if s[j] == ':' {
			if j > i && s[j-1] == ':' {
				double = true
			}
			colons, run = colons+1, 0
			continue
		}
		if !hexDigit(s[j]) {
			break
		}
		if run++; run > 4 {
			return i
		}
	}
	if double && colons <= 7 || colons == 7 {
		return j
	}
	return i
}

// isHex: 0x and digits, or at least six hexadecimal digits with letters among them.
func isHex(s string) bool {
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	} else if len(s) < 6 {
		return false
	} else {
		letters := false
		for i := range len(s) {
			letters = letters || letter(s[i])
		}
		if !letters {
			return false
		}
	}
	for i := range len(s) {
		if !hexDigit(s[i]) {
			return false
		}
	}
	return true
}

// isDuration: numbers with units, as Go writes them and people do: 800ms, 1.5s, 2m30s, 12µs.
func isDuration(s string) bool {
	parts := 0
	for i := 0; i < len(s); parts++ {
		n := i
		for i < len(s) && (digit(s[i]) || s[i] == '.') {
			i++
		}
		if i == n || !digit(s[n]) {
			return false
		}
		u := i
		for i < len(s) && !digit(s[i]) && s[i] != '.' {
			i++
		}
		switch s[u:i] {
		case "ns", "us", "µs", "μs", "ms", "s", "sec", "m", "min", "h", "d":
		default:
			return false
		}
	}
	return parts > 0
}
