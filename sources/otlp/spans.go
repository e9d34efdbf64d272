package otlp

import (
	"gameday/sources/signal"
)

// Spans reads the protobuf of a TracesData or of an ExportTraceServiceRequest, which are the same, with the bounds that
// requests have. It is for drivers of systems that answer in it; source is what the spans carry as theirs.
func Spans(data []byte, source string) ([]signal.Span, error) {
	in := &intake{Receiver: &Receiver{cfg: Config{Source: source}.withDefaults()}}
	b, _, _, err := in.decode(kindTraces, data, false)
	return b.Spans, err
}

// Keep lists the attributes of a resource that are kept with its spans, unless Config.Resource says otherwise.
func Keep() []string { return Config{}.withDefaults().Resource }
