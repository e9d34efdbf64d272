package record

import (
	"gameday/sources"
	"gameday/sources/signal"
)

// redactLabels is sources.RedactAttrs for the labels of a series, which tell it from others: a label secret is the name of one, as in
// kube_secret_info, and series that all had the same one would become one.
func redactLabels(list signal.Attrs) signal.Attrs {
	return sources.RedactEach(list, func(a signal.Attr) string { return redact(a.Value) })
}

func redact(s string) string { return sources.RedactText(s) }

func redactEvent(e *signal.Event) {
	e.Title, e.Detail = redact(e.Title), redact(e.Detail)
}
