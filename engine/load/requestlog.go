package load

import (
	"time"

	"gameday/engine/load/protocol"
	"gameday/sources/signal"
)

// RequestLog is one request that has ended, for outputs that list them all.
type RequestLog struct {
	At        time.Time     // when it was due
	Latency   time.Duration // from then to the end of the answer
	Service   time.Duration // from when it was begun
	Scenario  string
	Step      string
	User      uint64
	Iteration uint64
	Status    int
	Kind      protocol.Kind
	Err       error
	Phases    protocol.Phases
	Received  int64
	Trace     signal.TraceID
	Warmup    bool // it does not count for the result
}

func (r *Run) requestLog(st *step, due time.Duration, call *protocol.Call, out *protocol.Outcome) RequestLog {
	return RequestLog{
		At: r.epoch.Add(due), Latency: out.Done - due, Service: out.Done - out.Start, Scenario: st.scenario, Step: st.name, User: call.User,
		Iteration: call.N, Status: out.Status, Kind: out.Kind, Err: out.Err, Phases: out.Phases, Received: out.Received, Trace: call.Trace,
		Warmup: due < r.warmup,
	}
}
