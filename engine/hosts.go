package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gameday/engine/load/analysis/rank"
	"gameday/sources/driver"
	"gameday/sources/signal"
)

const (
	hostEvery  = 5 * time.Second // between two looks at how the machine is doing
	hostWindow = 5 * time.Minute // over which a trend is judged
	hostPoints = 60
	// A trend counts when it would come about by chance in less than one of a thousand series without one, and when it has
	// moved the resource by this share of its whole within the window: a machine that idles breathes too.
	trendP    = 0.001
	trendMove = 0.05
)

// resources are what is looked at, by the metrics of package host.
var resources = []struct {
	name, query, label string
	limit              float64
}{
	{"CPU", `host_cpu_usage_ratio`, "", 1},
	{"CPU stolen", `host_cpu_steal_ratio`, "", 1},
	{"memory", `host_memory_used_ratio`, "", 1},
	{"disk", `host_disk_used_ratio`, "mount", 1},
	{"disk busy", `rate(host_disk_busy_seconds_total[15s])`, "device", 1},
	{"network in", `rate(host_network_received_bytes_total[15s])`, "device", 0},
	{"network out", `rate(host_network_sent_bytes_total[15s])`, "device", 0},
}

// hosts judges how the machine is doing, beside the screen.
type hosts struct {
	mu      sync.Mutex
	at      time.Time
	running bool
	now     []signal.Resource
}

// host is how the machine is doing; nil when nothing measures it. A look that is due is taken in the background.
func (s *Session) host() []signal.Resource {
	if !s.measuresHost() {
		return nil
	}
	h := &s.hosts
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); now.Sub(h.at) >= hostEvery && !h.running {
		h.at = now
		s.mu.Lock()
		if !s.closing {
			h.running = true
			s.work.Go(func() {
				found := judgeHost(s.ctx, s.db, time.Now())
				h.mu.Lock()
				h.now, h.running = found, false
				h.mu.Unlock()
			})
		}
		s.mu.Unlock()
	}
	return h.now
}

func (s *Session) measuresHost() bool {
	for _, src := range s.cfg.Sources {
		if src.Kind == "host" {
			return true
		}
	}
	return false
}

// judgeHost evaluates every resource over the window.
func judgeHost(ctx context.Context, db driver.Metrics, now time.Time) []signal.Resource {
	w := signal.Window{From: now.Add(-hostWindow), To: now}
	var out []signal.Resource
	for _, r := range resources {
		series, err := db.Range(ctx, r.query, w, hostWindow/hostPoints)
		if err != nil {
			continue // the panels tell of a memory that does not answer
		}
		for _, one := range series {
			res := signal.Resource{Name: r.name, Ratio: r.limit == 1, Unit: "B/s"}
			if res.Ratio {
				res.Unit = ""
			}
			if v := one.Labels.Get(r.label); r.label != "" && v != "" {
				res.Name = fmt.Sprintf("%s %s", r.name, v)
			}
			var x []float64
			for _, p := range one.Samples {
				if p.V == p.V { // not a gap
					x = append(x, p.T.Sub(w.From).Seconds())
					res.History = append(res.History, p.V)
				}
			}
			if len(res.History) == 0 {
				continue
			}
			res.Now = res.History[len(res.History)-1]
			res.Trend = trendOf(x, res.History, r.limit)
			out = append(out, res)
		}
	}
	return out
}

// trendOf judges usage: more of it is worse. A minute of values at least is needed to say anything.
func trendOf(x, y []float64, whole float64) signal.Trend {
	if len(y) < 12 {
		return signal.TrendUnknown
	}
	t := rank.Rising(x, y, 0.99)
	if whole == 0 { // what has no limit is held against what it usually is
		whole = 4 * max(rank.Median(y), 1)
	}
	moved := t.Slope * (x[len(x)-1] - x[0])
	switch {
	case !(t.P < trendP) || moved < trendMove*whole && moved > -trendMove*whole:
		return signal.TrendStable
	case moved > 0:
		return signal.TrendDegrading
	}
	return signal.TrendImproving
}
