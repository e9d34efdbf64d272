package otlp

import (
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// signalKind is one of the protocol's three signals.
type signalKind uint8

const (
	kindTraces signalKind = iota
	kindLogs
	kindMetrics
)

// String is the plural that stands in paths and errors.
func (k signalKind) String() string { return [...]string{"traces", "logs", "metrics"}[k] }

// service is the name of the signal's gRPC service.
func (k signalKind) service() string {
	return [...]string{
		"opentelemetry.proto.collector.trace.v1.TraceService",
		"opentelemetry.proto.collector.logs.v1.LogsService",
		"opentelemetry.proto.collector.metrics.v1.MetricsService",
	}[k]
}

// response is the protocol's success message, which names what was rejected and why.
func response(kind signalKind, rejected int64, why string, asJSON bool) ([]byte, error) {
	type message interface {
		MarshalProto() ([]byte, error)
		MarshalJSON() ([]byte, error)
	}
	var m message
	switch kind {
	case kindTraces:
		r := ptraceotlp.NewExportResponse()
		if rejected > 0 {
			r.PartialSuccess().SetRejectedSpans(rejected)
			r.PartialSuccess().SetErrorMessage(why)
		}
		m = r
	case kindLogs:
		r := plogotlp.NewExportResponse()
		if rejected > 0 {
			r.PartialSuccess().SetRejectedLogRecords(rejected)
			r.PartialSuccess().SetErrorMessage(why)
		}
		m = r
	default:
		r := pmetricotlp.NewExportResponse()
		if rejected > 0 {
			r.PartialSuccess().SetRejectedDataPoints(rejected)
			r.PartialSuccess().SetErrorMessage(why)
		}
		m = r
	}
	if asJSON {
		return m.MarshalJSON()
	}
	return m.MarshalProto()
}
