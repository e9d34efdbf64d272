package format

import (
	"fmt"
	"net/url"
	"strings"
)

// Address splits a URL of a file into the origin, which becomes the plan's target, and the path with its query in the
// plan's notation. Only http and https have one.
func Address(raw string) (origin, path string, err error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return "", "", fmt.Errorf("%s is not an address", Label(raw, "an empty text"))
	}
	if u.Scheme = strings.ToLower(u.Scheme); (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", "", fmt.Errorf("%s is not an http or https address", Label(raw, "an empty text"))
	}
	path = u.EscapedPath()
	if u.RawQuery != "" || u.ForceQuery {
		path += "?" + u.RawQuery
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), Literal(Path(path)), nil
}

// Path makes a text fit to stand in a request line: it begins with /, and bytes that may not stand there are
// percent-encoded.
func Path(s string) string {
	if !strings.HasPrefix(s, "/") {
		s = "/" + s
	}
	return Encode(s)
}

// Encode percent-encodes the bytes that may not stand in a request line and leaves everything else as it is.
func Encode(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || c == '#' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// Origins counts which target the requests of a file go to: a plan has one.
type Origins struct {
	count map[string]int
	order []string
}

// Add counts one request.
func (o *Origins) Add(origin string) {
	if o.count == nil {
		o.count = map[string]int{}
	}
	if o.count[origin] == 0 {
		o.order = append(o.order, origin)
	}
	o.count[origin]++
}

// Main is where most requests go, the first one seen among equals; "" without any.
func (o *Origins) Main() (main string) {
	for _, origin := range o.order {
		if o.count[origin] > o.count[main] {
			main = origin
		}
	}
	return main
}

// FormEscape encodes a text for a query or a form's field.
func FormEscape(s string) string { return url.QueryEscape(s) }
