package digest

import (
	"regexp"
	"strconv"
	"strings"

	"gameday/engine/load/protocol"
)

// causes are what other tools call the ways a request can fail. The first that fits counts.
var causes = []struct {
	kind  protocol.Kind
	words []string
}{
	{protocol.Resolve, []string{"unknownhost", "name not resolved", "failed to resolve", "no such host"}},
	{protocol.Refused, []string{"connection refused", "httphostconnect"}},
	{protocol.TLS, []string{"ssl", "tls", "certificate"}},
	{protocol.Timeout, []string{"timeout", "timed out"}},
	{protocol.Reset, []string{"connection reset", "reset by peer", "broken pipe"}},
	{protocol.Closed, []string{"nohttpresponse", "prematureclose", "premature close", "prematurely closed", "remotely closed", "failed to respond"}},
	{protocol.Connect, []string{"connectexception", "socketexception", "noroutetohost", "network is unreachable"}},
}

var foundStatus = regexp.MustCompile(`(?:actually )?found (\d{3})\b`)

// Cause names the kind of a failure by the text another tool gave it; text that tells nothing stays as it is.
func Cause(text string) string {
	lower := strings.ToLower(text)
	if m := foundStatus.FindStringSubmatch(lower); m != nil {
		if code, err := strconv.Atoi(m[1]); err == nil && code >= 400 {
			return Status(code)
		}
	}
	for _, c := range causes {
		for _, w := range c.words {
			if strings.Contains(lower, w) {
				return c.kind.String()
			}
		}
	}
	if text = strings.TrimSpace(text); text == "" {
		return protocol.CheckFailed.String()
	}
	return text
}
