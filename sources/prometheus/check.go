package prometheus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/examine"
	"gameday/sources/jsonstream"
	"gameday/sources/signal"
)

// Check implements driver.Checker: besides what all have, it looks for exemplars, for targets that are down and for rules
// that cannot be evaluated.
func (d *Driver) Check(ctx context.Context) []driver.Finding {
	out, ok := examine.HTTP(ctx, d.client, pinging())
	if !ok {
		return out
	}
	return append(out, d.checkExemplars(ctx), d.checkTargets(ctx), d.checkRules(ctx))
}

func (d *Driver) checkExemplars(ctx context.Context) driver.Finding {
	f := driver.Finding{Name: examine.Exemplars}
	now := time.Now()
	// OpenMetrics has them on buckets and on counters
	all, err := d.exemplars(ctx, `{__name__=~".+_(bucket|total)"}`, signal.Window{From: now.Add(-time.Hour), To: now})
	if err != nil {
		f.State, f.Says = driver.FindingUnknown, "it was not to be found out: "+err.Error()
		return f
	}
	n, traced := 0, 0
	for _, one := range all {
		for _, e := range one.exemplars {
			n++
			if !e.TraceID.IsZero() {
				traced++
			}
		}
	}
	switch {
	case traced > 0:
		f.State, f.Says = driver.FindingGood, fmt.Sprintf("%d of the last hour lead to a trace", traced)
	case n > 0:
		f.State, f.Says = driver.FindingPoor, fmt.Sprintf("it has %d of the last hour, none with a trace ID", n)
		f.Advice = "let the services put trace_id into the exemplars' labels, or map the label that they use with rename: in gameday.yaml"
	default:
		f.State, f.Says = driver.FindingPoor, "it has none of the last hour: no way leads from a chart to a trace"
		f.Advice = "let the services expose OpenMetrics with exemplars that carry trace_id"
		if !d.keepsExemplars(ctx) {
			f.Advice = "start Prometheus with --enable-feature=exemplar-storage, and " + f.Advice
		}
	}
	return f
}

// keepsExemplars reports whether the server was started so that it does. One that does not tell its flags may not.
func (d *Driver) keepsExemplars(ctx context.Context) bool {
	features := ""
	_, err := d.fetch(ctx, client.Request{Path: "/api/v1/status/flags"}, func(key string, j *jsonstream.Reader) (err error) {
		if key != "enable-feature" {
			return errSkip
		}
		features, err = j.Scalar()
		return err
	})
	return err == nil && strings.Contains(features, "exemplar-storage")
}

func (d *Driver) checkTargets(ctx context.Context) driver.Finding {
	f := driver.Finding{Name: "targets"}
	up, err := d.Instant(ctx, "count(up)", time.Now())
	down, derr := d.Instant(ctx, "count(up == 0)", time.Now())
	if err := errors.Join(err, derr); err != nil {
		f.State, f.Says = driver.FindingUnknown, "they were not to be found out: "+clean(err.Error())
		return f
	}
	switch {
	case len(up) == 0:
		f.State, f.Says = driver.FindingUnknown, "it scrapes nothing itself"
	case len(down) == 0:
		f.State, f.Says = driver.FindingGood, fmt.Sprintf("all %g are up", up[0].Samples[0].V)
	default:
		f.State, f.Says = driver.FindingPoor, fmt.Sprintf("%g of %g are down: their charts have gaps", down[0].Samples[0].V, up[0].Samples[0].V)
		f.Advice = "see which with the query up == 0"
	}
	return f
}

func (d *Driver) checkRules(ctx context.Context) driver.Finding {
	f := driver.Finding{Name: "rules"}
	alerting, failed, why := 0, 0, ""
	_, err := d.fetch(ctx, client.Request{Path: "/api/v1/rules"}, func(key string, j *jsonstream.Reader) error {
		if key != "groups" {
			return errSkip
		}
		return j.Array(func() error {
			return j.Object(func(key string) error {
				if key != "rules" {
					return j.Skip()
				}
				return j.Array(func() error {
					var r struct{ Name, Type, Health, LastError string }
					if err := j.Decode(&r); err != nil {
						return err
					}
					if r.Type == "alerting" {
						alerting++
					}
					if r.Health == "err" {
						failed++
						why = r.Name + ": " + r.LastError
					}
					return nil
				})
			})
		})
	})
	switch {
	case err != nil:
		f.State, f.Says = driver.FindingUnknown, "it tells none: "+err.Error()
	case failed > 0:
		f.State, f.Says, f.Advice = driver.FindingPoor, fmt.Sprintf("%d cannot be evaluated, such as %s", failed, clean(why)), "mend them; an alert that cannot be evaluated never fires"
	case alerting == 0:
		f.State, f.Says = driver.FindingUnknown, "it has no alerting rules"
	default:
		f.State, f.Says = driver.FindingGood, fmt.Sprintf("all are evaluated, %d of them alert", alerting)
	}
	return f
}
