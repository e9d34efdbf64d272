package record

import (
	"slices"

	"gameday/sources"
	"gameday/sources/signal"
)

// hints are what every text has that sources.Redact would change: looking for them is much cheaper than its expressions.
var hints = []string{"://", "auth", "cookie", "bearer", "pass", "secret", "token", "key", "signature", "credential", "akia", "ghp_", "gho_",
	"ghu_", "ghs_", "ghr_", "glsa_", "glc_", "eyj"}

// redact takes secrets out of a text before it is kept in a file that may be handed on.
func redact(s string) string {
	for _, h := range hints {
		if containsFold(s, h) {
			return sources.Redact(s)
		}
	}
	return s
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

// redactAttrs returns the list, or a copy without its secrets: others hold the list as well.
func redactAttrs(list signal.Attrs) signal.Attrs {
	return redactEach(list, func(a signal.Attr) string {
		if a.Value != "" && slices.ContainsFunc(private, func(p string) bool { return containsFold(a.Key, p) }) {
			return "<secret>"
		}
		return redact(a.Value)
	})
}

// redactLabels is redactAttrs for the labels of a series, which tell it from others: a label secret is the name of one, as in
// kube_secret_info, and series that all had the same one would become one.
func redactLabels(list signal.Attrs) signal.Attrs {
	return redactEach(list, func(a signal.Attr) string { return redact(a.Value) })
}

func redactEach(list signal.Attrs, value func(signal.Attr) string) signal.Attrs {
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

func redactRecord(r *signal.Record) {
	r.Body = redact(r.Body)
	r.Attrs = redactAttrs(r.Attrs)
}

func redactSpan(s *signal.Span) {
	s.Message = redact(s.Message)
	s.Attrs = redactAttrs(s.Attrs)
	for i := range s.Events {
		if a := redactAttrs(s.Events[i].Attrs); len(a) > 0 && &a[0] != &s.Events[i].Attrs[0] {
			s.Events = slices.Clone(s.Events)
			s.Events[i].Attrs = a
		}
	}
}

func redactEvent(e *signal.Event) {
	e.Title, e.Detail = redact(e.Title), redact(e.Detail)
}
