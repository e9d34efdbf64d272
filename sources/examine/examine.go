// Package examine finds out for the doctor what all systems that speak HTTP have in common: are they reachable, is gameday
// authorised, does their clock agree with this machine's.
package examine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"gameday/sources/client"
	"gameday/sources/correlate"
	"gameday/sources/driver"
	"gameday/sources/signal"
)

// The names of the findings that every driver has, in their order.
const (
	Reachable  = "reachable"
	Authorised = "authorised"
	Clock      = "clock"
	Exemplars  = "exemplars"
	TraceIDs   = "trace IDs"
)

// How far two clocks may be apart. A Date header tells whole seconds.
const (
	skewPoor = 2 * time.Second
	skewBad  = 30 * time.Second
)

// HTTP sends one request that needs authorisation and that every such system answers, and returns the first three
// findings. ok is true when the system gave a good answer, so that asking more makes sense.
func HTTP(ctx context.Context, c *client.Client, r client.Request) (findings []driver.Finding, ok bool) {
	sent := time.Now()
	body, header, err := c.Do(ctx, r)
	took := time.Since(sent)
	if err == nil {
		_ = body.Close() // its headers are what is looked at
		return []driver.Finding{
			{Name: Reachable, State: driver.FindingGood, Says: fmt.Sprintf("%s answers within %s", c.Address(), round(took))},
			{Name: Authorised, State: driver.FindingGood, Says: "it lets gameday read"},
			clock(header, sent, took),
		}, true
	}
	unknown := driver.Finding{Name: Clock, State: driver.FindingUnknown, Says: "it gave no good answer that would tell its time"}
	var refused *client.StatusError
	if !errors.As(err, &refused) {
		return []driver.Finding{
			{Name: Reachable, State: driver.FindingBad, Says: err.Error(), Advice: "start it, or correct address and tls"},
			{Name: Authorised, State: driver.FindingUnknown, Says: "it could not be asked"},
			unknown,
		}, false
	}
	if refused.Code == http.StatusUnauthorized || refused.Code == http.StatusForbidden {
		return []driver.Finding{
			{Name: Reachable, State: driver.FindingGood, Says: fmt.Sprintf("%s answers within %s", c.Address(), round(took))},
			{Name: Authorised, State: driver.FindingBad, Says: err.Error(), Advice: "give credentials in auth that may read, and the tenant if it has tenants"},
			unknown,
		}, false
	}
	return []driver.Finding{
		{Name: Reachable, State: driver.FindingBad, Says: err.Error(), Advice: "look whether this is the right system at the right path, and into its log"},
		{Name: Authorised, State: driver.FindingUnknown, Says: "it gave no good answer"},
		unknown,
	}, false
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// clock compares the time in an answer with ours. It was written somewhere between sending and the end of took, and
// stands for a whole second.
func clock(h http.Header, sent time.Time, took time.Duration) driver.Finding {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return driver.Finding{Name: Clock, State: driver.FindingUnknown, Says: "its answers carry no Date"}
	}
	skew := Skew(at, sent, took)
	f := driver.Finding{Name: Clock, State: driver.FindingGood, Says: "its clock agrees with this machine's"}
	if skew.Abs() <= skewPoor {
		return f
	}
	f.State = driver.FindingPoor
	if skew.Abs() > skewBad {
		f.State = driver.FindingBad
	}
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	f.Says = fmt.Sprintf("its clock is %s %s this machine's", skew.Abs().Round(time.Second), direction)
	f.Advice = "set both clocks by NTP: what is joined by time is off by that much"
	return f
}

// Skew is how far a clock is ahead that wrote at, a whole second, between sent and sent+took. What the resolution and the way
// can explain is no skew.
func Skew(at, sent time.Time, took time.Duration) time.Duration {
	switch first, last := at, at.Add(time.Second); {
	case first.After(sent.Add(took)):
		return first.Sub(sent.Add(took))
	case last.Before(sent):
		return last.Sub(sent)
	}
	return 0
}

// Lines counts how many of the last lines of a log name their trace. The zero value is ready.
type Lines struct {
	n, named int
	reader   *correlate.Reader
}

// Add looks at one record, also at what its text says: records are joined by that, too.
func (l *Lines) Add(r signal.Record) {
	if l.reader == nil {
		l.reader = correlate.New(nil)
	}
	l.n++
	if l.reader.Record(&r); !r.TraceID.IsZero() {
		l.named++
	}
}

// Finding says whether a trace can be followed into the log, and what to change when it cannot.
func (l *Lines) Finding() driver.Finding {
	f := driver.Finding{Name: TraceIDs, State: driver.FindingGood, Says: fmt.Sprintf("%d of the last %d lines carry one", l.named, l.n)}
	switch {
	case l.n == 0:
		f.State = driver.FindingUnknown
	case l.named == 0:
		f.State = driver.FindingPoor
		f.Advice = "have the services write trace_id into each line, such as with their OpenTelemetry log bridge, or say in rename which field has it, such as my_trace: trace_id"
	}
	return f
}
