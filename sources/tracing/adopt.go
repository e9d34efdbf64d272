package tracing

import "gameday/sources/signal"

// Adopt gives the spans of one trace the ID that was asked for, where their system keeps the lower half of it only: spans of
// one trace must not look like those of two.
func Adopt(spans []signal.Span, id signal.TraceID) {
	for i := range spans {
		if spans[i].TraceID.Same(id) {
			spans[i].TraceID = id
		}
	}
}
