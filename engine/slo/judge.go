package slo

import (
	"context"
	"fmt"
	"math"
	"time"

	"gameday/sources/driver"
	"gameday/sources/signal"
)

// Judge measures an objective now. since is how far back the metrics reach: a window that reaches further is judged over
// what there is, and says so; an alert whose long window reaches further is not known, and does not fire.
func Judge(ctx context.Context, m driver.Metrics, o *Objective, since, now time.Time) signal.SLO {
	have := now.Sub(since)
	whole := min(o.Window, have).Truncate(time.Second)
	s := signal.SLO{Name: o.Metadata.Name, Title: o.Metadata.Title, Service: o.Metadata.Service, Target: o.Target / 100, Window: o.Window, Covered: max(whole, 0), Budget: math.NaN(), Good: math.NaN()}
	if whole < time.Second {
		s.Err = "nothing has been measured yet"
		return s
	}
	bad := map[time.Duration]float64{}
	for _, w := range o.windows(whole) {
		if w > have {
			continue
		}
		v, err := badShare(ctx, m, o, w, now)
		if err != nil {
			s.Err = err.Error()
			return s
		}
		bad[w] = v
	}
	budget := o.Budget()
	if v, ok := bad[whole]; ok && !math.IsNaN(v) {
		s.Good = 1 - v
		// of the budget of the whole window, what has been covered of it could have spent its share only
		spent := v / budget * (float64(whole) / float64(o.Window))
		s.Budget = 1 - spent
	}
	for _, b := range o.Alerts {
		s.Burns = append(s.Burns, burn(b, bad, budget))
	}
	if math.IsNaN(s.Good) {
		s.Err = "no events in this window"
	}
	return s
}

// burn judges one rule.
func burn(b Burn, bad map[time.Duration]float64, budget float64) signal.BurnRate {
	out := signal.BurnRate{Rate: b.Rate, Long: b.Long, Short: b.Short, Page: b.Severity == Page, NowLong: math.NaN(), NowShort: math.NaN()}
	if v, ok := bad[b.Long]; ok {
		out.NowLong = v / budget
	}
	if v, ok := bad[b.Short]; ok {
		out.NowShort = v / budget
	}
	out.Firing = out.NowLong > b.Rate && out.NowShort > b.Rate // NaN is not above anything
	return out
}

// badShare is the share of bad events over a window; NaN when there were none at all.
func badShare(ctx context.Context, m driver.Metrics, o *Objective, w time.Duration, now time.Time) (float64, error) {
	good, err := one(ctx, m, query(o.Good, w), now)
	if err != nil {
		return 0, fmt.Errorf("good: %w", err)
	}
	total, err := one(ctx, m, query(o.Total, w), now)
	if err != nil {
		return 0, fmt.Errorf("total: %w", err)
	}
	if math.IsNaN(total) || total <= 0 {
		return math.NaN(), nil
	}
	if math.IsNaN(good) {
		good = 0 // events came, and none of them was good
	}
	return min(max(1-good/total, 0), 1), nil
}

// one is the value of a query; NaN when it has none.
func one(ctx context.Context, m driver.Metrics, query string, now time.Time) (float64, error) {
	series, err := m.Instant(ctx, query, now)
	if err != nil {
		return 0, err
	}
	switch {
	case len(series) == 0 || len(series[0].Samples) == 0:
		return math.NaN(), nil
	case len(series) > 1:
		return 0, fmt.Errorf("%s gives %d values: aggregate it, for example with sum()", query, len(series))
	}
	return series[0].Samples[len(series[0].Samples)-1].V, nil
}
