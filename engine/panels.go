package engine

import (
	"context"
	"math"
	"sync"
	"time"

	"gameday/sources/driver"
	"gameday/sources/signal"
)

// asked finds whom a panel asks, by the name of the source; "" is the session's own choice.
type asked func(source string) (driver.Metrics, error)

// panelTimeout bounds one evaluation of all panels: a cockpit that waits for a chart is worse than one without it.
const panelTimeout = 3 * time.Second

// maxPictures bounds how many pictures of each kind are kept: one for each length of window that somebody looks at, and one
// for each past that somebody stands at.
const maxPictures = 16

// panels evaluates the charts. A live cockpit asks ten times a second, while samples come once a second: so the live
// picture is evaluated in the background once a second and handed out until the next is ready. A paused one is
// evaluated where it is asked for, and remembered. Several cockpits may look at windows of several lengths: each length has
// its picture, and those who look at the same share it.
type panels struct {
	ask   asked
	specs []PanelSpec
	head  HeadlineSpec
	// timeout bounds one evaluation
	timeout time.Duration

	mu     sync.Mutex
	live   map[span]*picture          // by what is shown; the latest of each
	paused map[signal.Window]*picture // by the window itself
	asked  uint64
	work   sync.WaitGroup
	closed bool
}

// span is what makes two live pictures the same but for the time.
type span struct{ length, step time.Duration }

// picture is the charts of one window.
type picture struct {
	window signal.Window
	step   time.Duration
	panels []signal.Panel
	head   signal.Headline

	running bool   // another one is being made in its place
	used    uint64 // when it was asked for last
}

func newPanels(ask asked, specs []PanelSpec, head HeadlineSpec) *panels {
	return &panels{ask: ask, specs: specs, head: head, timeout: panelTimeout, live: map[span]*picture{}, paused: map[signal.Window]*picture{}}
}

// stepFor is the distance of two points: about 120 of them across the window, on whole seconds, so that the points of
// two successive pictures are the same and lines do not shimmer.
func stepFor(length time.Duration) time.Duration {
	step := (length / 120).Truncate(time.Second)
	return max(step, time.Second)
}

// get returns the charts for the view. It is safe for concurrent use.
func (p *panels) get(ctx context.Context, v signal.View) ([]signal.Panel, signal.Headline) {
	step := v.Step
	if step <= 0 {
		step = stepFor(v.Window.Length())
	}
	to := v.Window.To.Truncate(step)
	w := signal.Window{From: to.Add(-v.Window.Length().Truncate(step)), To: to}
	if v.Live {
		return p.latest(ctx, w, step)
	}
	return p.past(ctx, w, step)
}

// latest is the live picture as it was evaluated last. The first one of its length is empty charts: better than to hold up
// the screen.
func (p *panels) latest(ctx context.Context, w signal.Window, step time.Duration) ([]signal.Panel, signal.Headline) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	key := span{w.Length(), step}
	kept := p.live[key]
	if kept == nil {
		kept = &picture{panels: p.empty(), head: unknownHeadline}
		p.live[key] = kept
		forget(p.live, key)
	}
	kept.used = p.asked
	if kept.window != w {
		p.refresh(ctx, key, w)
	}
	return kept.panels, kept.head
}

// past is the picture of a window that does not move.
func (p *panels) past(ctx context.Context, w signal.Window, step time.Duration) ([]signal.Panel, signal.Headline) {
	p.mu.Lock()
	p.asked++
	if kept := p.paused[w]; kept != nil && kept.step == step {
		kept.used = p.asked
		p.mu.Unlock()
		return kept.panels, kept.head
	}
	p.mu.Unlock()
	pic := p.evaluate(ctx, w, step)
	p.mu.Lock()
	defer p.mu.Unlock()
	pic.used = p.asked
	p.paused[w] = &pic
	forget(p.paused, w)
	return pic.panels, pic.head
}

// forget drops the pictures that were asked for the longest ago when there are too many, but not one: it has just come. What
// is being made stays.
func forget[K comparable](all map[K]*picture, but K) {
	for len(all) > maxPictures {
		var oldest K
		found := false
		for k, pic := range all {
			if k != but && !pic.running && (!found || pic.used < all[oldest].used) {
				oldest, found = k, true
			}
		}
		if !found {
			return
		}
		delete(all, oldest)
	}
}

// refresh evaluates a live picture in the background, one at a time of each length. The caller holds the lock.
func (p *panels) refresh(ctx context.Context, key span, w signal.Window) {
	kept := p.live[key]
	if kept.running || p.closed {
		return
	}
	kept.running = true
	p.work.Add(1)
	go func() {
		defer p.work.Done()
		pic := p.evaluate(ctx, w, key.step)
		p.mu.Lock()
		for i := range pic.panels {
			pic.panels[i].Keep(kept.panels[i], kept.window.To, w)
		}
		pic.used = kept.used
		p.live[key] = &pic
		p.mu.Unlock()
	}()
}

func (p *panels) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.work.Wait()
}

func (p *panels) empty() []signal.Panel {
	out := make([]signal.Panel, len(p.specs))
	for i, s := range p.specs {
		out[i] = signal.Panel{Title: s.Title, Query: s.Query, Unit: s.Unit, Bound: s.Bound, Err: "being evaluated"}
	}
	return out
}

func (p *panels) evaluate(ctx context.Context, w signal.Window, step time.Duration) picture {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	pic := picture{window: w, step: step, panels: make([]signal.Panel, len(p.specs))}
	for i, s := range p.specs {
		panel := signal.Panel{Title: s.Title, Query: s.Query, Unit: s.Unit, Bound: s.Bound}
		var series []signal.Series
		db, err := p.ask(s.Source)
		if err == nil {
			series, err = db.Range(ctx, s.Query, w, step)
		}
		switch {
		case err != nil:
			panel.Err, panel.Failed = err.Error(), true
		case len(series) == 0:
			panel.Err = "no samples yet"
		}
		for j := range series {
			if name := series[j].Labels.Get(s.Legend); s.Legend != "" && name != "" {
				series[j].Name = name
			}
		}
		panel.Series = series
		pic.panels[i] = panel
	}
	pic.head = signal.Headline{
		Rate: p.value(ctx, p.head.Rate, w.To), P95: p.value(ctx, p.head.P95, w.To),
		ErrorRate: p.value(ctx, p.head.ErrorRate, w.To), Budget: p.value(ctx, p.head.Budget, w.To),
	}
	return pic
}

// unknownHeadline is the header before anything was measured.
var unknownHeadline = signal.Headline{Rate: -1, P95: -1, ErrorRate: -1, Budget: -1}

// value is the one value of a query, or -1 when there is none: unknown is not zero.
func (p *panels) value(ctx context.Context, query string, at time.Time) float64 {
	if query == "" {
		return -1
	}
	db, err := p.ask("")
	if err != nil {
		return -1
	}
	series, err := db.Instant(ctx, query, at)
	if err != nil || len(series) != 1 || len(series[0].Samples) == 0 {
		return -1
	}
	v := series[0].Samples[len(series[0].Samples)-1].V
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return -1
	}
	return v
}
