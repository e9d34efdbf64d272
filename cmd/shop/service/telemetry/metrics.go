package telemetry

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the measurements every shop process has. Roles add their own through Registry.
type Metrics struct {
	Registry *prometheus.Registry

	HTTPDuration *prometheus.HistogramVec // seconds, by method, route, code
	HTTPRequests *prometheus.CounterVec   // by method, route, code
	HTTPInFlight prometheus.Gauge
	GRPCDuration *prometheus.HistogramVec // seconds, by method, code

	DepDuration *prometheus.HistogramVec // seconds of one attempt, by dep, outcome
	DepInFlight *prometheus.GaugeVec     // by dep
	Breaker     *prometheus.GaugeVec     // 0 closed, 1 half-open, 2 open; by dep, endpoint
	BreakerTo   *prometheus.CounterVec   // transitions, by dep, endpoint, to
	Retries     *prometheus.CounterVec   // by dep
	Fallbacks   *prometheus.CounterVec   // by dep
	PatternOn   *prometheus.GaugeVec     // 0 or 1, by pattern

	ExportFailures prometheus.Counter
}

// buckets are dense around the shop's promise (P95 under 200 ms), because a classic histogram interpolates.
var buckets = []float64{.001, .0025, .005, .01, .025, .05, .075, .1, .15, .2, .3, .5, .75, 1, 1.5, 2.5, 5, 10}

func newMetrics() *Metrics {
	m := &Metrics{
		Registry:     prometheus.NewRegistry(),
		HTTPDuration: Histogram("http_request_duration_seconds", "Time from request to answer.", "method", "route", "code"),
		HTTPRequests: counter("http_requests_total", "Requests answered.", "method", "route", "code"),
		HTTPInFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "Requests being answered."}),
		GRPCDuration: Histogram("grpc_request_duration_seconds", "Time from gRPC request to answer.", "method", "code"),
		DepDuration:  Histogram("dependency_request_duration_seconds", "Time of one attempt at a dependency.", "dep", "outcome"),
		DepInFlight:  gauge("dependency_requests_in_flight", "Attempts that wait for a dependency.", "dep"),
		Breaker:      gauge("circuit_breaker_state", "0 closed, 1 half-open, 2 open.", "dep", "endpoint"),
		BreakerTo:    counter("circuit_breaker_transitions_total", "Changes of a breaker's state.", "dep", "endpoint", "to"),
		Retries:      counter("dependency_retries_total", "Attempts made again after a failure.", "dep"),
		Fallbacks:    counter("dependency_fallbacks_total", "Degraded answers given in place of a dependency's.", "dep"),
		PatternOn:    gauge("resilience_pattern_on", "1 when the pattern is switched on.", "pattern"),
		ExportFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "telemetry_export_failures_total", Help: "Exports of spans or logs that failed and were dropped."}),
	}
	m.Registry.MustRegister(m.HTTPDuration, m.HTTPRequests, m.HTTPInFlight, m.GRPCDuration, m.DepDuration, m.DepInFlight, m.Breaker,
		m.BreakerTo, m.Retries, m.Fallbacks, m.PatternOn, m.ExportFailures,
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
	return m
}

// Histogram has classic and native buckets, so that either kind of query works on it.
func Histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
	}, labels)
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

// Handler serves the registry, as OpenMetrics or protobuf to those who ask for it (exemplars, native histograms).
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4, Timeout: 5 * time.Second})
}
