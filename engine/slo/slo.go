// Package slo keeps promises: service level objectives with their error budgets, alerts on how fast a budget burns, and
// a scorecard.
//
// The arithmetic is that of The Site Reliability Workbook (Beyer et al., 2018), chapter 5, "Alerting on SLOs": a burn rate
// of 1 spends exactly the budget within the objective's window; an alert needs a long window, so that it means something,
// and a short one, so that it ends soon after the harm does.
package slo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gameday/sources/spec"
)

// Kind is what stands at kind: in a document.
const Kind = "SLO"

// Objective is one promise, as a document has it.
type Objective struct {
	APIVersion string        `yaml:"apiVersion,required" enum:"gameday/v1" doc:"gameday/v1"`
	Kind       string        `yaml:"kind,required" enum:"SLO" doc:"SLO"`
	Metadata   Metadata      `yaml:"metadata,required" doc:"What it is called."`
	Target     float64       `yaml:"target,required" doc:"The share of events that must be good, in percent, such as 99.9."`
	Window     time.Duration `yaml:"window" doc:"Over which the promise is judged. Default 720h, 30 days."`
	Good       string        `yaml:"good,required" doc:"PromQL for the good events per second, with ${window} where the range stands: sum(rate(requests_total{code!~\"5..\"}[${window}]))."`
	Total      string        `yaml:"total,required" doc:"PromQL for all events per second, with ${window}."`
	Alerts     []Burn        `yaml:"alerts" doc:"Burn rates that alert. Default: 14.4 over 1h and 5m and 6 over 6h and 30m page, 3 over 24h and 2h and 1 over 72h and 6h make a ticket, where the window is long enough for them."`
}

// Metadata names it.
type Metadata struct {
	Name    string `yaml:"name,required" doc:"Short and unique, such as checkout-availability."`
	Title   string `yaml:"title" doc:"What was promised, in a few words."`
	Service string `yaml:"service" doc:"Whose promise it is."`
}

// Burn is one rule of an alert: the budget burns faster than Rate over Long and over Short.
type Burn struct {
	Rate     float64       `yaml:"rate,required" doc:"Times the rate that just spends the budget within the window."`
	Long     time.Duration `yaml:"long,required" doc:"The window in which it must have burnt so fast."`
	Short    time.Duration `yaml:"short,required" doc:"The window in which it must still burn so fast."`
	Severity string        `yaml:"severity" enum:"page,ticket" doc:"page: somebody is needed now; ticket: within days. Default page."`
}

const placeholder = "${window}"

// defaults are the rules of the workbook's table 5-8, and one that pages earlier for those who watch.
func defaults() []Burn {
	return []Burn{
		{14.4, time.Hour, 5 * time.Minute, Page}, {6, 6 * time.Hour, 30 * time.Minute, Page},
		{3, 24 * time.Hour, 2 * time.Hour, Ticket}, {1, 72 * time.Hour, 6 * time.Hour, Ticket},
	}
}

// The severities.
const (
	Page   = "page"
	Ticket = "ticket"
)

// Parse reads one objective. Every fault is reported at once, in a *spec.Problems.
func Parse(file string, data []byte) (*Objective, error) {
	doc, err := spec.Parse(file, data)
	if err != nil {
		return nil, err
	}
	o := &Objective{Window: 720 * time.Hour}
	doc.Decode(o)
	o.check(doc)
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *Objective) check(doc *spec.Document) {
	if o.Target <= 0 || o.Target >= 100 {
		doc.Reportf("target", "must lie between 0 and 100: a promise of everything leaves no budget, one of nothing is none")
	}
	if o.Window < time.Minute {
		doc.Reportf("window", "must be at least 1m")
	}
	for _, q := range []struct{ path, text string }{{"good", o.Good}, {"total", o.Total}} {
		if q.text != "" && !strings.Contains(q.text, placeholder) {
			doc.Reportf(q.path, "needs %s where its range stands, so that it can be asked over several: rate(requests_total[%s])", placeholder, placeholder)
		}
	}
	if o.Metadata.Title == "" {
		o.Metadata.Title = o.Metadata.Name
	}
	if o.Alerts == nil {
		for _, b := range defaults() {
			if b.Long <= o.Window {
				o.Alerts = append(o.Alerts, b)
			}
		}
	}
	for i := range o.Alerts {
		b := &o.Alerts[i]
		at := fmt.Sprintf("alerts[%d]", i)
		if b.Severity == "" {
			b.Severity = Page
		}
		if b.Rate <= 0 {
			doc.Reportf(at+".rate", "must be above 0")
		}
		if b.Short <= 0 || b.Long <= b.Short {
			doc.Reportf(at, "long must be longer than short, and both above 0")
		}
		if b.Long > o.Window {
			doc.Reportf(at+".long", "is longer than the objective's window, %s", o.Window)
		}
	}
}

// Budget is the share of events that may be bad.
func (o *Objective) Budget() float64 { return 1 - o.Target/100 }

// query fills in a range.
func query(text string, window time.Duration) string {
	return strings.ReplaceAll(text, placeholder, fmt.Sprintf("%ds", max(int64(window/time.Second), 1)))
}

// windows are all that must be asked about, each once.
func (o *Objective) windows(whole time.Duration) []time.Duration {
	out := []time.Duration{whole}
	for _, b := range o.Alerts {
		for _, w := range []time.Duration{b.Long, b.Short} {
			if !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

// Schema is the JSON Schema of the format, for editors.
func Schema() ([]byte, error) { return spec.Schema("gameday service level objective", &Objective{}) }
