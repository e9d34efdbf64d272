package protocol

// Kind says how a request ended.
type Kind uint8

// The kinds. OK and Interrupted are no failures; the rest are.
const (
	OK            Kind = iota
	Interrupted        // the run was stopped while it was going on: neither answered nor failed
	Resolve            // the host's name could not be looked up
	Refused            // nobody listens
	Connect            // any other failure to connect
	TLS                // the handshake failed
	Timeout            // not answered in time, whatever it was waiting for
	Reset              // the target broke the connection off
	Closed             // the target closed the connection before its answer was complete
	BadResponse        // what came back is not the protocol
	Status4xx          // an answer that the plan did not expect
	Status5xx          //
	CheckFailed        // an answer that a check of the plan refuses
	Unsendable         // the request could not be made, such as a path that is too long
	kindCount          //
	Kinds         = int(kindCount)
	firstFailure  = Resolve
	answerFailure = Status4xx
)

// String is the kind as it stands in lists of errors and in labels.
func (k Kind) String() string {
	return [...]string{
		"ok", "interrupted", "name not found", "connection refused", "connect failed", "tls failed", "timeout", "reset",
		"closed early", "bad response", "status 4xx", "status 5xx", "check failed", "unsendable",
	}[k]
}

// Failed reports whether the kind is a failure of the request.
func (k Kind) Failed() bool { return k >= firstFailure }

// Answered reports whether a whole answer was received, be it good or bad.
func (k Kind) Answered() bool { return k == OK || (k >= answerFailure && k != Unsendable) }
