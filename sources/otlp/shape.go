package otlp

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Bounds on what a body may make the decoder build. Attribute values nest without end in the protocol, and an empty span
// takes two bytes on the wire and some hundred in memory.
const (
	maxNesting = 64        // of values within values
	maxItems   = 100_000   // spans, records, data points of one request
	maxParts   = 2_000_000 // messages within messages of one request
	maxJSON    = 500_000   // brackets and commas of one JSON request, where items cannot be told apart cheaply
)

// message names the protobuf messages that can hold others; the numbers index the table below.
type message uint8

const (
	leaf message = iota
	tracesRequest
	logsRequest
	metricsRequest
	resourceSpans
	resourceLogs
	resourceMetrics
	resource
	scope
	scopeSpans
	scopeLogs
	scopeMetrics
	span
	spanEvent
	spanLink
	logRecord
	metric
	numbers // gauge and sum
	histogram
	exponential
	summary
	numberPoint
	histogramPoint
	exponentialPoint
	summaryPoint
	exemplarValue
	keyValue
	anyValue
	arrayValue
	keyValueList
	messages
)

// children says which field of a message holds which message. The numbers are those of opentelemetry/proto, which never
// change.
var children = [messages][16]message{
	tracesRequest:    {1: resourceSpans},
	logsRequest:      {1: resourceLogs},
	metricsRequest:   {1: resourceMetrics},
	resourceSpans:    {1: resource, 2: scopeSpans},
	resourceLogs:     {1: resource, 2: scopeLogs},
	resourceMetrics:  {1: resource, 2: scopeMetrics},
	resource:         {1: keyValue},
	scope:            {3: keyValue},
	scopeSpans:       {1: scope, 2: span},
	scopeLogs:        {1: scope, 2: logRecord},
	scopeMetrics:     {1: scope, 2: metric},
	span:             {9: keyValue, 11: spanEvent, 13: spanLink},
	spanEvent:        {3: keyValue},
	spanLink:         {4: keyValue},
	logRecord:        {5: anyValue, 6: keyValue},
	metric:           {5: numbers, 7: numbers, 9: histogram, 10: exponential, 11: summary, 12: keyValue},
	numbers:          {1: numberPoint},
	histogram:        {1: histogramPoint},
	exponential:      {1: exponentialPoint},
	summary:          {1: summaryPoint},
	numberPoint:      {5: exemplarValue, 7: keyValue},
	histogramPoint:   {8: exemplarValue, 9: keyValue},
	exponentialPoint: {1: keyValue, 11: exemplarValue},
	summaryPoint:     {7: keyValue},
	exemplarValue:    {7: keyValue},
	keyValue:         {2: anyValue},
	anyValue:         {5: arrayValue, 6: keyValueList},
	arrayValue:       {1: anyValue},
	keyValueList:     {1: keyValue},
}

// item reports whether a message is one that the request's size is counted in.
func (m message) item() bool {
	switch m {
	case span, logRecord, metric, numberPoint, histogramPoint, exponentialPoint, summaryPoint, spanEvent, spanLink, exemplarValue,
		resourceSpans, resourceLogs, resourceMetrics, scopeSpans, scopeLogs, scopeMetrics:
		return true
	}
	return false
}

// checkShape refuses bodies that would make the decoder recurse too deep or allocate out of proportion. What is broken
// otherwise is left to the decoder, which says it better.
func checkShape(kind signalKind, body []byte, asJSON bool) error {
	if asJSON {
		return checkJSON(body)
	}
	w := walker{}
	w.walk([...]message{tracesRequest, logsRequest, metricsRequest}[kind], body, 0)
	switch {
	case w.items > maxItems:
		return fmt.Errorf("%w: more than %d items: send smaller batches", errTooLarge, maxItems)
	case w.parts > maxParts:
		return fmt.Errorf("%w: more than %d parts: send smaller batches", errTooLarge, maxParts)
	case w.deep:
		return fmt.Errorf("values are nested deeper than %d levels", maxNesting)
	}
	return nil
}

type walker struct {
	items, parts int
	deep         bool
}

// walk visits the messages within body; values counts how many values it stands in.
func (w *walker) walk(m message, body []byte, values int) {
	if m == anyValue {
		if values++; values > maxNesting {
			w.deep = true
		}
	}
	for len(body) > 0 && !w.deep && w.items <= maxItems && w.parts <= maxParts {
		field, wire, n := protowire.ConsumeTag(body)
		if n < 0 {
			return
		}
		body = body[n:]
		if wire != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(field, wire, body); n < 0 {
				return
			}
			body = body[n:]
			continue
		}
		inner, n := protowire.ConsumeBytes(body)
		if n < 0 {
			return
		}
		body = body[n:]
		if int(field) >= len(children[m]) {
			continue
		}
		if child := children[m][field]; child != leaf {
			w.parts++
			if child.item() {
				w.items++
			}
			w.walk(child, inner, values)
		}
	}
}

// checkJSON counts brackets outside of strings.
func checkJSON(body []byte) error {
	depth, marks, inString := 0, 0, false
	for i := 0; i < len(body); i++ {
		c := body[i]
		if inString {
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
			}
			continue
		}
		switch c {
		case '"':
			inString = true
		case '{', '[':
			marks++
			if depth++; depth > 3*maxNesting { // an object, its key and an array make one level
				return fmt.Errorf("values are nested deeper than %d levels", maxNesting)
			}
		case ',':
			// An array of nulls or numbers makes as many messages as one of objects.
			marks++
		case '}', ']':
			depth--
		}
		if marks > maxJSON {
			return fmt.Errorf("%w: too many JSON values: send smaller batches", errTooLarge)
		}
	}
	return nil
}
