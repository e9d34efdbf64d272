package leaktest

import "math/rand/v2"

// How somebody dies.
const (
	byKill        = "SIGKILL"
	byTerm        = "SIGTERM"
	byHangup      = "SIGHUP"
	byStop        = "SIGSTOP, then SIGKILL"
	byForce       = "SIGSTOP, then `gameday recover --force`"
	keeperOnly    = "SIGKILL of the keeper alone"
	both          = "SIGKILL of both, then `gameday recover`"
	keeperUndoing = "SIGKILL, and of the keeper while it undoes"
	recovering    = "SIGKILL of both, and of `gameday recover`"
)

// ways are all of them, in the order of the report.
var ways = []string{byKill, byTerm, byHangup, byStop, byForce, keeperOnly, both, keeperUndoing, recovering}

// plan is one kill. Given as JSON in GAMEDAY_LEAK_CASE it is done again.
type plan struct {
	Kind    string
	How     string
	Record  string  `json:",omitempty"` // at this record of the journal: "open", "intent", "armed", "undone", "closed"
	Edge    int     `json:",omitempty"` // of the record: 0 before it is written, 1 after, 2 after it is on disk
	From    string  `json:",omitempty"` // else at a call, counted from where this record is written
	Where   float64 `json:",omitempty"` // how far from there to the end, 0 to 1
	Call    int     `json:",omitempty"` // the call, when it is known; instead of Where
	Leaving bool    `json:",omitempty"` // at the call's end, not its beginning
	Then    float64 `json:",omitempty"` // how far into its work the keeper or the recovery is killed
}

// plans draws n kills: every way of every kind in turn, in a random order, each at a random point.
func plans(rnd *rand.Rand, kinds []string, n int) []plan {
	var turn, out []plan
	for _, k := range kinds {
		for _, how := range append([]string{byKill, byKill}, ways...) {
			turn = append(turn, plan{Kind: k, How: how})
		}
	}
	for len(out) < n {
		rnd.Shuffle(len(turn), func(i, j int) { turn[i], turn[j] = turn[j], turn[i] })
		out = append(out, turn...)
	}
	out = out[:n]
	records := []string{"open", "intent", "intent", "armed", "armed", "undone", "undone", "closed"}
	for i := range out {
		p := &out[i]
		p.Then = rnd.Float64()
		switch x := rnd.Float64(); {
		case x < 0.35:
			p.Record, p.Edge = records[rnd.IntN(len(records))], rnd.IntN(3)
		case x < 0.42:
			p.From, p.Where, p.Leaving = "open", rnd.Float64(), rnd.IntN(2) == 0
		default:
			p.From, p.Where, p.Leaving = "intent", rnd.Float64(), rnd.IntN(2) == 0
		}
	}
	return out
}
