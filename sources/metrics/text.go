package metrics

import "gameday/sources/sanitize"

const (
	maxText   = 1024 // bytes of one label value on the way out
	maxQuoted = 120  // bytes of a query in an error
)

// clean makes text from outside harmless: one row, no control characters.
func clean(s string) string { return sanitize.Line(s, maxText) }

func quote(query string) string { return `"` + sanitize.Line(query, maxQuoted) + `"` }

// cleanError keeps the chain for errors.Is while its text is harmless.
type cleanError struct{ error }

func (e cleanError) Error() string { return clean(e.error.Error()) }
func (e cleanError) Unwrap() error { return e.error }
