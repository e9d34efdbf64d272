package tracing

import (
	"errors"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/jsonstream"
	"gameday/sources/signal"
)

// Answer is what a trace system answered: one that was cut off (client.ErrTruncated) is no error, and says that there is more.
func Answer(spans []signal.Span, more bool, err error) (driver.Answer, error) {
	a := driver.Answer{Batch: signal.Batch{Spans: spans}, Truncated: more}
	if errors.Is(err, client.ErrTruncated) {
		a.Truncated, err = true, nil
	}
	return a, err
}

// ReadEdge adds one call of a dependency graph, in the form that Zipkin and Jaeger share, to edges. The graph is cut off after
// most calls (client.ErrTruncated).
func ReadEdge(in *jsonstream.Reader, edges *[]driver.Edge, most int) error {
	var l struct {
		Parent, Child string
		CallCount     uint64
	}
	err := in.Decode(&l)
	if len(*edges) == most {
		return client.ErrTruncated
	}
	*edges = append(*edges, driver.Edge{From: l.Parent, To: l.Child, Calls: l.CallCount})
	return err
}
