package sources

import (
	"regexp"
	"strings"
)

// secret stands for what was taken out.
const secret = "<secret>"

// Where secrets stand in the texts of errors. Each keeps what is before the secret, so that the text still tells what it
// was about.
var redactions = []*regexp.Regexp{
	// user:password@ in a URL, and a token as user
	regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)[^/\s"'@?#]+(?:@[^/\s"'@?#]+)*(@)`),
	// Authorization: Basic abc, "authorization":"Bearer abc", Cookie: a=b
	regexp.MustCompile(`(?i)((?:proxy-)?authorization["']?\s*[:=]\s*["'\[]*(?:[a-z0-9-]+\s+)?)[^\s"',;\]]+()`),
	regexp.MustCompile(`(?i)((?:set-)?cookie["']?\s*[:=]\s*["'\[]*)[^"'\]\r\n]+()`),
	regexp.MustCompile(`(?i)(\bbearer\s+)[a-z0-9._~+/=-]{6,}()`),
	// token=abc in a query or a message, "password":"abc", X-Api-Key: abc
	regexp.MustCompile(`(?i)((?:passw(?:or)?d|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|signature|credentials?)["']?\s*[:=]\s*["']?)[^\s"'&,;)]+()`),
	// key=abc in the query of a URL
	regexp.MustCompile(`(?i)([?&](?:key|sig|auth|jwt|sid|pwd|sessionid)=)[^&\s"'#)<>]+()`),
	// the well-known shapes: AWS, GitHub, Grafana, JWT
	regexp.MustCompile(`()\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|gl(?:sa|c)_[A-Za-z0-9_=]{16,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)()`),
}

// Redact takes secrets out of a text: the given ones, and what stands where secrets stand (user info of URLs,
// authorization and cookie headers, passwords, tokens and keys by name or shape).
func Redact(s string, secrets ...string) string {
	for _, known := range secrets {
		if len(known) >= 3 { // shorter ones would shred the text and give themselves away
			s = strings.ReplaceAll(s, known, secret)
		}
	}
	for _, re := range redactions {
		s = re.ReplaceAllString(s, "${1}"+secret+"${2}")
	}
	return s
}
