package sources

import (
	"slices"

	"gameday/sources/signal"
)

// hints are what every text has that Redact would change: looking for them is much cheaper than its expressions.
var hints = []string{"://", "auth", "cookie", "bearer", "pass", "secret", "token", "key", "signature", "credential", "akia", "ghp_", "gho_",
	"ghu_", "ghs_", "ghr_", "glsa_", "glc_", "eyj", "sig=", "jwt=", "sid=", "pwd=", "sessionid="}

// RedactText takes secrets out of a text before it is kept in a file that may be handed on: Redact, which is called for texts only that may
// hold any.
func RedactText(s string) string {
	if MayHoldSecrets(s) {
		return Redact(s)
	}
	return s
}

// MayHoldSecrets is false of a text that RedactText leaves as it is.
func MayHoldSecrets(s string) bool {
	return slices.ContainsFunc(hints, func(h string) bool { return containsFold(s, h) })
}

// containsFold looks for a lower-case ASCII text in any case.
func containsFold(s, low string) bool {
	for i := 0; i+len(low) <= len(s); i++ {
		j := 0
		for j < len(low) {
			c := s[i+j]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			if c != low[j] {
				break
			}
			j++
		}
		if j == len(low) {
			return true
		}
	}
	return false
}

// private are the names, in any case, behind which the whole value is a secret.
var private = []string{"authorization", "cookie", "password", "passwd", "secret", "token", "api_key", "apikey", "api-key", "access_key", "private_key",
	"credential"}

// RedactAttrs returns the list, or a copy without its secrets, by the names of attributes and in their values: others hold the list as well.
func RedactAttrs(list signal.Attrs) signal.Attrs {
	return RedactEach(list, func(a signal.Attr) string {
		if a.Value != "" && slices.ContainsFunc(private, func(p string) bool { return containsFold(a.Key, p) }) {
			return secret
		}
		return RedactText(a.Value)
	})
}

// RedactEach returns the list with other values, or a copy when any is another.
func RedactEach(list signal.Attrs, value func(signal.Attr) string) signal.Attrs {
	out, own := list, false
	for i := range list {
		v := value(list[i])
		if v == list[i].Value {
			continue
		}
		if !own {
			out, own = slices.Clone(list), true
		}
		out[i].Value = v
	}
	return out
}

// RedactRecord takes secrets out of a record that the caller owns; its attributes may be shared.
func RedactRecord(r *signal.Record) {
	r.Body = RedactText(r.Body)
	r.Attrs = RedactAttrs(r.Attrs)
}

// RedactSpan takes secrets out of a span that the caller owns; its attributes and events may be shared.
func RedactSpan(s *signal.Span) {
	s.Message = RedactText(s.Message)
	s.Attrs = RedactAttrs(s.Attrs)
	for i := range s.Events {
		if a := RedactAttrs(s.Events[i].Attrs); len(a) > 0 && &a[0] != &s.Events[i].Attrs[0] {
			s.Events = slices.Clone(s.Events)
			s.Events[i].Attrs = a
		}
	}
}
