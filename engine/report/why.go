package report

import (
	"bytes"
	"fmt"
	"time"
)

// Why is what the bad requests under the faults had in common that the others had not; docs/why.md says how it is found.
type Why struct {
	BaselineFrom time.Time   `json:"baselineFrom"` // to From
	From         time.Time   `json:"from"`
	To           time.Time   `json:"to"`
	Before       int         `json:"baselineRequests"`
	Requests     int         `json:"requests"`
	Bad          int         `json:"badRequests"`
	Failed       int         `json:"failedRequests"`
	Rows         []WhyRow    `json:"rows"`
	Metrics      []WhyMetric `json:"metrics,omitempty"`
	Notes        []string    `json:"notes,omitempty"` // what the answer does not cover
}

// WhyRow is one candidate, the best first.
type WhyRow struct {
	Kind      string   `json:"kind"`              // fails, slow, missing, more, log, attribute, entry
	Service   string   `json:"service,omitempty"` // absent: all that call the peer
	Peer      string   `json:"peer,omitempty"`    // whom the service calls, when it is about the call
	Operation string   `json:"operation,omitempty"`
	What      string   `json:"what"`
	Bad       float64  `json:"shareOfBad"`
	Good      float64  `json:"shareOfOthers"`
	Lift      Number   `json:"lift"` // null: no other request has it
	P         float64  `json:"p"`    // corrected for the number of candidates
	Score     float64  `json:"score"`
	TraceID   string   `json:"traceId"`
	Also      []string `json:"also,omitempty"`
}

// WhyMetric is a series that moved.
type WhyMetric struct {
	Name   string  `json:"name"`
	Before Number  `json:"before"` // the median
	After  Number  `json:"after"`
	P      float64 `json:"p"`
}

// maxWhyRows is how many candidates a report for people shows; the document has them all.
const maxWhyRows = 8

// Where names the place of a candidate.
func (r WhyRow) Where() string {
	switch {
	case r.Peer == "":
		return r.Service
	case r.Service == "":
		return "all → " + r.Peer
	}
	return r.Service + " → " + r.Peer
}

// Top are the candidates that are shown to people.
func (w *Why) Top() []WhyRow { return w.Rows[:min(len(w.Rows), maxWhyRows)] }

// Told is the sum of it in a sentence.
func (w *Why) Told() string {
	text := fmt.Sprintf("%d of %d requests under the faults were bad, %d of them with a failure", w.Bad, w.Requests, w.Failed)
	if len(w.Rows) == 0 {
		return text + "; nothing sets them apart from the others."
	}
	return text + fmt.Sprintf("; what they have in common, against all others and %d requests before:", w.Before)
}

// BadShare and GoodShare are written as a person reads them.
func (r WhyRow) BadShare() string { return share(r.Bad) }

// GoodShare is the share of all others.
func (r WhyRow) GoodShare() string { return share(r.Good) }

func share(v float64) string {
	if v > 0 && v < 0.01 {
		return "< 1 %"
	}
	return fmt.Sprintf("%.0f %%", v*100)
}

// mdWhy tells what changed, as a table.
func mdWhy(b *bytes.Buffer, w *Why) {
	if w == nil {
		return
	}
	fmt.Fprintf(b, "\n## What changed\n\n%s\n", md(w.Told()))
	if len(w.Rows) > 0 {
		fmt.Fprintf(b, "\n| | where | what | bad | others | p | for example |\n| --- | --- | --- | ---: | ---: | ---: | --- |\n")
	}
	for _, r := range w.Top() {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %.1g | `%s` |\n", md(r.Kind), md(r.Where()), md(r.What), r.BadShare(), r.GoodShare(), r.P, digits(r.TraceID))
	}
	for _, n := range w.Notes {
		fmt.Fprintf(b, "\n%s.\n", md(n))
	}
}
