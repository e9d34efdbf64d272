package slo

import (
	"fmt"
	"math"
	"time"

	"gameday/sources/signal"
)

// Run is what the scorecard needs to know of an experiment that was run.
type Run struct {
	Experiment string
	At         time.Time
	Verdict    signal.Verdict
	Recovery   time.Duration // from the undo until every probe was good again
	Recovered  bool
}

// The scorecard's bounds.
const (
	scoreDays = 30
	recoverIn = time.Minute // a system that needs longer to recover loses points
)

// Score grades how well promises are kept and how well that has been tried. Each part is a share from 0 to 1 with a
// weight; parts of which nothing is known are left out, and said.
//
//   - promises (40): the mean over objectives of the budget that is left, none below 0;
//   - resilience (30): of the experiments tried in the last 30 days, the share whose latest decided run held;
//   - recovery (20): of the latest decided runs, the share that recovered within a minute;
//   - safety (10): 1 without a failed rollback in the last 30 days, else 0.
//
// A is 90 of a hundred and more, B 80, C 70, D 60, F below.
func Score(slos []signal.SLO, runs []Run, now time.Time) signal.Scorecard {
	card := signal.Scorecard{}
	add := func(name string, weight, share float64, says string) {
		card.Parts = append(card.Parts, signal.ScorePart{Name: name, Weight: weight, Share: share, Says: says})
	}
	kept, known, spent := 0.0, 0, 0
	for _, s := range slos {
		if math.IsNaN(s.Budget) {
			continue
		}
		known++
		kept += max(s.Budget, 0)
		if s.Budget <= 0 {
			spent++
		}
	}
	if known > 0 {
		add("promises", 40, kept/float64(known), fmt.Sprintf("%d objectives, %d with their budget spent", known, spent))
	} else {
		add("promises", 40, math.NaN(), "no objective is measured")
	}
	latest, safe, tried := map[string]Run{}, true, false
	for _, r := range runs {
		if now.Sub(r.At) > scoreDays*24*time.Hour {
			continue
		}
		tried = true
		safe = safe && r.Verdict != signal.VerdictRollbackFailed
		if old, ok := latest[r.Experiment]; (r.Verdict == signal.VerdictHeld || r.Verdict == signal.VerdictBroken) && (!ok || r.At.After(old.At)) {
			latest[r.Experiment] = r
		}
	}
	held, fast := 0, 0
	for _, r := range latest {
		if r.Verdict == signal.VerdictHeld {
			held++
		}
		if r.Recovered && r.Recovery <= recoverIn {
			fast++
		}
	}
	if n := len(latest); n > 0 {
		add("resilience", 30, float64(held)/float64(n), fmt.Sprintf("%d of %d experiments held when last run", held, n))
		add("recovery", 20, float64(fast)/float64(n), fmt.Sprintf("%d of %d were well again within %s", fast, n, recoverIn))
	} else {
		add("resilience", 30, math.NaN(), fmt.Sprintf("no experiment was decided in %d days", scoreDays))
		add("recovery", 20, math.NaN(), "nothing to recover from was tried")
	}
	switch {
	case !tried:
		add("safety", 10, math.NaN(), "no rollback was needed")
	case safe:
		add("safety", 10, 1, "every rollback worked")
	default:
		add("safety", 10, 0, "a rollback failed")
	}
	points, weights := 0.0, 0.0
	for _, p := range card.Parts {
		if !math.IsNaN(p.Share) {
			points, weights = points+p.Weight*p.Share, weights+p.Weight
		}
	}
	card.Points, card.Grade = math.NaN(), "-"
	if weights > 0 {
		card.Points = 100 * points / weights
		card.Grade = grade(card.Points)
	}
	return card
}

func grade(points float64) string {
	for _, g := range []struct {
		from  float64
		grade string
	}{{90, "A"}, {80, "B"}, {70, "C"}, {60, "D"}} {
		if points >= g.from {
			return g.grade
		}
	}
	return "F"
}
