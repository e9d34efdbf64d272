package logline

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gameday/sources/signal"
)

// clfLine is the common log format, with what the combined one adds: host ident user [time] "request" status bytes
// "referer" "agent".
var clfLine = regexp.MustCompile(`^(\S+) (\S+) (\S+) \[([^\]]{20,40})\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?(.*)$`)

const clfTime = "02/Jan/2006:15:04:05 -0700"

func (p *Parser) clf(r *signal.Record, line string) bool {
	if !strings.Contains(line, `] "`) {
		return false
	}
	m := clfLine.FindStringSubmatch(line)
	if m == nil {
		return false
	}
	at, err := time.Parse(clfTime, m[4])
	if err != nil {
		return false
	}
	r.Time, r.Body = at, m[5]+" "+m[6]
	status, _ := strconv.Atoi(m[6]) // three digits
	switch {
	case status >= 500:
		r.Severity = signal.SeverityError
	case status >= 400:
		r.Severity = signal.SeverityWarn
	default:
		r.Severity = signal.SeverityInfo
	}
	method, rest, _ := strings.Cut(m[5], " ")
	path, _, _ := strings.Cut(rest, " ")
	for _, a := range []signal.Attr{{Key: "client", Value: m[1]}, {Key: "user", Value: m[3]}, {Key: "method", Value: method}, {Key: "path", Value: path},
		{Key: "status", Value: m[6]}, {Key: "bytes", Value: m[7]}, {Key: "referer", Value: m[8]}, {Key: "agent", Value: m[9]}} {
		if a.Value != "" && a.Value != "-" {
			r.Attrs = append(r.Attrs, a)
		}
	}
	if rest := strings.TrimSpace(m[10]); rest != "" {
		r.Attrs = append(r.Attrs, signal.Attr{Key: "rest", Value: rest})
	}
	return true
}

// looksCRI reports a line of a Kubernetes container runtime: an RFC 3339 time, stdout or stderr, F or P.
func looksCRI(line string) bool {
	return len(line) > 30 && line[4] == '-' && (strings.Contains(line[:min(len(line), 50)], " stdout ") || strings.Contains(line[:min(len(line), 50)], " stderr "))
}

func cri(line string) (text string, at time.Time, stream string, more, ok bool) {
	parts := strings.SplitN(line, " ", 4)
	if len(parts) != 4 || parts[1] != "stdout" && parts[1] != "stderr" {
		return "", at, "", false, false
	}
	at, err := time.Parse(time.RFC3339Nano, parts[0])
	if err != nil {
		return "", at, "", false, false
	}
	tag, _, _ := strings.Cut(parts[2], ":")
	return parts[3], at, parts[1], tag == "P", true
}

// docker reads a line of Docker's json-file driver. A line of the container that was cut in parts does not end in a newline.
func docker(line string) (text string, at time.Time, stream string, ok bool) {
	var l struct {
		Log    string    `json:"log"`
		Stream string    `json:"stream"`
		Time   time.Time `json:"time"`
	}
	if json.Unmarshal([]byte(line), &l) != nil || l.Stream == "" {
		return "", at, "", false
	}
	return l.Log, l.Time, l.Stream, true
}

// plain finds the time at the beginning of a line and the level within its first words; the body is the whole line but for
// the time.
func (p *Parser) plain(r *signal.Record, line string) {
	r.Body = line
	if at, n, ok := leadingTime(line, p.zone(), r.Time); ok {
		r.Time = at
		r.Body = strings.TrimLeft(line[n:], " \t:-]|")
		if r.Body == "" {
			r.Body = line
		}
	}
	r.Severity = leadingLevel(r.Body)
}

// layouts of times at the beginning of lines, the longest first.
var layouts = []string{
	"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999-0700", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 -0700",
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006/01/02 15:04:05.999999999", "02/Jan/2006:15:04:05 -0700",
	"Mon Jan _2 15:04:05 2006", "Mon, 02 Jan 2006 15:04:05 MST", "Jan _2 15:04:05.999999999", "02-Jan-2006 15:04:05.999999999", "15:04:05.999999999",
}

// leadingTime reads a time at the beginning of a line, also in brackets. A time without a date is of the day of now, one
// without a year of the year that puts it nearest to now.
func leadingTime(line string, zone *time.Location, now time.Time) (at time.Time, n int, ok bool) {
	start := 0
	if strings.HasPrefix(line, "[") {
		start = 1
	}
	rest := line[start:]
	if rest == "" || !isDigit(rest[0]) && !isCapital(rest[0]) {
		return at, 0, false
	}
	for words := min(6, strings.Count(rest, " ")+1); words >= 1; words-- {
		end := wordsEnd(rest, words)
		text := strings.TrimRight(rest[:end], "]:,|")
		if len(text) < 8 || len(text) > 40 {
			continue
		}
		if at, ok := parseLayouts(text, zone, now); ok {
			return at, start + len(text), true
		}
	}
	return at, 0, false
}

func isDigit(c byte) bool   { return '0' <= c && c <= '9' }
func isCapital(c byte) bool { return 'A' <= c && c <= 'Z' }

// wordsEnd is where the first so many words end.
func wordsEnd(s string, words int) int {
	i := 0
	for ; words > 0; words-- {
		for i < len(s) && s[i] == ' ' {
			i++
		}
		for i < len(s) && s[i] != ' ' {
			i++
		}
	}
	return i
}

func parseLayouts(text string, zone *time.Location, now time.Time) (time.Time, bool) {
	text = strings.Replace(text, ",", ".", 1) // Python and Java write 12:00:00,123
	for _, layout := range layouts {
		at, err := time.ParseInLocation(layout, text, zone)
		if err != nil {
			continue
		}
		now = now.In(zone)
		switch {
		case layout[:2] == "15":
			at = time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), zone)
			if at.Sub(now) > 12*time.Hour {
				at = at.AddDate(0, 0, -1)
			}
		case at.Year() == 0:
			at = at.AddDate(now.Year(), 0, 0)
			if at.Sub(now) > 30*24*time.Hour {
				at = at.AddDate(-1, 0, 0)
			}
		}
		return at, true
	}
	return time.Time{}, false
}

// parseTime reads the value of a field that holds a time: a layout, or seconds, milliseconds, microseconds or nanoseconds
// since 1970, told apart by their size.
func parseTime(v string, zone *time.Location) (time.Time, bool) {
	v = strings.TrimSpace(v)
	if n, err := strconv.ParseFloat(v, 64); err == nil {
		switch {
		case n < 1e8 || n > 1e19:
			return time.Time{}, false
		case n < 1e11:
			sec := int64(n)
			return time.Unix(sec, int64((n-float64(sec))*1e9)), true
		case n < 1e14:
			return time.UnixMilli(int64(n)), true
		case n < 1e17:
			return time.UnixMicro(int64(n)), true
		}
		whole, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return time.Time{}, false
		}
		return time.Unix(0, whole), true
	}
	if len(v) > 48 {
		return time.Time{}, false
	}
	return parseLayouts(v, zone, time.Now())
}

// severity reads a level by its name, or by the numbers of pino and bunyan (10 to 60) and syslog (0 to 7).
func severity(v string) signal.Severity {
	if s := signal.ParseSeverity(v); s != signal.SeverityUnset {
		return s
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return signal.SeverityUnset
	}
	syslog := [...]signal.Severity{signal.SeverityFatal, signal.SeverityFatal, signal.SeverityFatal, signal.SeverityError, signal.SeverityWarn, signal.SeverityInfo, signal.SeverityInfo, signal.SeverityDebug}
	switch {
	case n >= 0 && n < len(syslog):
		return syslog[n]
	case n >= 10 && n <= 60:
		return [...]signal.Severity{signal.SeverityTrace, signal.SeverityDebug, signal.SeverityInfo, signal.SeverityWarn, signal.SeverityError, signal.SeverityFatal}[n/10-1]
	}
	return signal.SeverityUnset
}

// leadingLevel finds a level at the beginning of a text: the first word, or one of the first five in capitals or in
// brackets, so that a sentence about errors is none; also as klog's I1129 and glog's.
func leadingLevel(s string) signal.Severity {
	if len(s) > 5 && strings.IndexByte("IWEF", s[0]) >= 0 && isDigit(s[1]) && isDigit(s[2]) && isDigit(s[3]) && isDigit(s[4]) && s[5] == ' ' {
		return map[byte]signal.Severity{'I': signal.SeverityInfo, 'W': signal.SeverityWarn, 'E': signal.SeverityError, 'F': signal.SeverityFatal}[s[0]]
	}
	for i := range 5 {
		s = strings.TrimLeft(s, " \t[(<|")
		end := strings.IndexAny(s, " \t])>|:,")
		word := s
		if end >= 0 {
			word = s[:end]
		}
		if len(word) >= 3 && len(word) <= 11 && word[0] >= 'A' { // "3" is no level here
			if v := signal.ParseSeverity(word); v != signal.SeverityUnset && (word == strings.ToUpper(word) || end >= 0 && strings.IndexByte("])>|:", s[end]) >= 0 || i == 0) {
				return v
			}
		}
		if end < 0 {
			break
		}
		s = s[end+1:]
	}
	return signal.SeverityUnset
}
