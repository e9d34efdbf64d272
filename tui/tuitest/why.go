package tuitest

import (
	"math"
	"time"

	"gameday/sources/signal"
)

// SampleWhy is an answer to what changed in the sample frame.
func SampleWhy() *signal.Why {
	return &signal.Why{
		Baseline: signal.Window{From: at(78), To: at(38)}, Interest: signal.Window{From: at(38), To: Now}, Since: "since payment +800ms",
		Requests: 4472, Bad: 391, Failed: 54, Before: 4689, Took: 412 * time.Millisecond,
		Active: []string{"fault payment +800ms since 12:01:40", "fault replica-1 killed since 12:03:05, irreversible", "switch patterns off at 12:02:10"},
		Rows: []signal.WhyRow{
			{Kind: signal.WhySlow, Service: "checkout", Peer: "payment", Operation: "shop.payment.v1.Payment/Charge", What: "801ms more on the way: shop.payment.v1.Payment/Charge",
				Bad: 0.86, Good: 0.004, BadCount: 336, GoodCount: 3, Lift: 215, P: 7e-51, Score: 0.86, Example: SampleTrace},
			{Kind: signal.WhyFails, Peer: "orders-db-1", What: "calls fail, whoever makes them", Bad: 0.138, BadCount: 54, Lift: math.Inf(1), P: 3e-12, Score: 0.138, Example: traceID(9),
				Also: []string{"catalog: GET orders-db-1 fails", "gateway: GET orders-db-1 fails"}},
			{Kind: signal.WhyEntry, Service: "gateway", Operation: "POST /checkout", What: "POST /checkout is what was asked for", Bad: 0.95, Good: 0.07, BadCount: 371, GoodCount: 640, Lift: 13.6, P: 5e-115, Score: 0.26, Example: SampleTrace},
			{Kind: signal.WhyMissing, Service: "checkout", Peer: "orders-db", What: "no span of orders-db", Bad: 0.08, Good: 0.001, BadCount: 31, GoodCount: 1, Lift: 80, P: 2e-7, Score: 0.05, Example: traceID(11)},
			{Kind: signal.WhyLog, Service: "checkout", What: "WARN payment is slow: * ms, attempt * of *", Bad: 0.11, Good: 0, BadCount: 43, Lift: math.Inf(1), P: 4e-8, Score: 0.04, Example: SampleTrace},
			{Kind: signal.WhyAttr, Service: "gateway", What: "http.response.status_code=502", Bad: 0.1, Good: 0, BadCount: 39, Lift: math.Inf(1), P: 0.0004, Score: 0.02, Example: traceID(12)},
		},
		Metrics: []signal.WhyMetric{
			{Name: `http_server_request_duration_seconds_sum{service="checkout"}`, Rate: true, Before: 1.9, After: 26.4, Greater: 1, P: 2e-8},
			{Name: `breaker_state{service="checkout",to="payment"}`, Before: 0, After: 2, Greater: 0.97, P: 0.0061},
		},
		Notes: []string{"1391 of 9161 requests were read whole, evenly chosen"},
	}
}
