package tuitest

import (
	"math"
	"time"

	"gameday/sources/signal"
)

// slos are one that is kept, one that burns, and one of which nothing is known.
func slos() []signal.SLO {
	burns := func(long, short float64, page, ticket bool) []signal.BurnRate {
		return []signal.BurnRate{
			{Rate: 14.4, Long: 2 * time.Minute, Short: 20 * time.Second, NowLong: long, NowShort: short, Page: true, Firing: page},
			{Rate: 6, Long: 10 * time.Minute, Short: time.Minute, NowLong: math.NaN(), NowShort: short, Firing: ticket},
		}
	}
	return []signal.SLO{
		{Name: "availability", Title: "99.9 % of requests are answered", Service: "gateway", Target: 0.999, Good: 0.99874, Window: time.Hour, Covered: 12 * time.Minute, Budget: 0.748, Burns: burns(0.4, 0.1, false, false)},
		{Name: "latency", Title: "95 % of requests take less than 200 ms", Service: "gateway", Target: 0.95, Good: 0.61, Window: time.Hour, Covered: 12 * time.Minute, Budget: -0.56, Burns: burns(16.2, 18.9, true, false)},
		{Name: "checkout-errors", Title: "less than 1 % of orders fail", Service: "checkout", Target: 0.99, Good: math.NaN(), Window: time.Hour, Budget: math.NaN(), Burns: burns(math.NaN(), math.NaN(), false, false), Err: "no events in this window"},
	}
}

func scorecard() *signal.Scorecard {
	return &signal.Scorecard{Grade: "D", Points: 61, Parts: []signal.ScorePart{
		{Name: "promises", Weight: 40, Share: 0.374, Says: "2 objectives, 1 with their budget spent"},
		{Name: "resilience", Weight: 30, Share: 0.75, Says: "3 of 4 experiments held when last run"},
		{Name: "recovery", Weight: 20, Share: math.NaN(), Says: "nothing to recover from was tried"},
		{Name: "safety", Weight: 10, Share: 1, Says: "every rollback worked"},
	}}
}

func host() []signal.Resource {
	rising := []float64{0.31, 0.33, 0.36, 0.38, 0.44, 0.47, 0.52, 0.58, 0.61, 0.66, 0.71, 0.78}
	level := []float64{0.42, 0.41, 0.42, 0.43, 0.42, 0.42, 0.41, 0.42, 0.43, 0.42, 0.42, 0.42}
	return []signal.Resource{
		{Name: "CPU", Ratio: true, Now: 0.78, History: rising, Trend: signal.TrendDegrading},
		{Name: "memory", Ratio: true, Now: 0.42, History: level, Trend: signal.TrendStable},
		{Name: "disk /", Ratio: true, Now: 0.93, History: level, Trend: signal.TrendImproving},
		{Name: "network in lo", Unit: "B/s", Now: 1.3e6, History: rising[:3], Trend: signal.TrendUnknown},
	}
}

func incidents() []signal.Incident {
	opened := Now.Add(-4 * time.Minute)
	return []signal.Incident{
		{ID: "2", Title: "checkouts take a second", Severity: 2, Opened: opened, Acknowledged: opened.Add(50 * time.Second), LevelName: "on-call", Trace: SampleTrace.String(),
			Entries: []signal.IncidentEntry{
				{At: opened, By: "alice", Kind: "opened", Text: "SEV2; on-call is told"},
				{At: opened.Add(50 * time.Second), By: "bob", Kind: "acknowledged", Text: "after 50s"},
				{At: opened.Add(2 * time.Minute), By: "bob", Kind: "update", Text: "payment answers 800 ms late; the breaker is off"},
			}},
		{ID: "1", Title: "replica-1 was gone", Severity: 3, Opened: opened.Add(-time.Hour), Acknowledged: opened.Add(-59 * time.Minute), Resolved: opened.Add(-40 * time.Minute), LevelName: "on-call",
			Entries: []signal.IncidentEntry{{At: opened.Add(-time.Hour), Kind: "opened", Text: "SEV3; on-call is told"}}},
	}
}
