package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gameday/engine/dashboard"
	"gameday/engine/record"
	"gameday/sources/driver"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// The bounds of dashboards.
const (
	boardTimeout   = 5 * time.Second  // of one panel or of all variables
	maxKept        = 256              // panels and sets of variables that are remembered, of all dashboards and windows together
	maxAtOnce      = 4                // that are evaluated at the same time
	variablesEvery = 15 * time.Second // how often the values of variables are asked for anew
)

// boards evaluates dashboards: panels that are looked at, each on its own and in the background, so that a slow one holds up
// neither the screen nor the others. What was evaluated last is shown until the next is ready.
type boards struct {
	all []*dashboard.Dashboard
	ask dashboard.Asker
	// every is how often metrics are measured.
	every time.Duration
	// still evaluates where it is asked for, and never anew: a replay shows the same at the same instant.
	still   bool
	timeout time.Duration // of one evaluation

	ctx    context.Context
	slots  chan struct{}
	work   sync.WaitGroup
	mu     sync.Mutex
	closed bool
	asked  uint64
	kept   map[string]*keptBoard
}

// keptBoard is one thing that was evaluated.
type keptBoard struct {
	panel   *signal.BoardPanel
	vars    []signal.BoardVar
	values  dashboard.Values
	words   signal.Words
	window  signal.Window
	at      time.Time
	running bool
	used    uint64
}

func newBoards(ctx context.Context, all []*dashboard.Dashboard, ask dashboard.Asker, every time.Duration) *boards {
	return &boards{ctx: ctx, all: all, ask: ask, every: every, timeout: boardTimeout, slots: make(chan struct{}, maxAtOnce), kept: map[string]*keptBoard{}}
}

// get is the dashboard that a view asks for as far as it is known, nil when it asks for none. It waits for nothing. It is safe for
// concurrent use.
func (b *boards) get(v signal.View) *signal.Board {
	if !v.Board.Wanted {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	s := b.span(v)
	out := &signal.Board{}
	for _, d := range b.all {
		out.All = append(out.All, signal.BoardName{Name: d.Metadata.Name, Title: d.Title(), Detail: d.Metadata.Description})
	}
	if d := b.find(v.Board.Name); d != nil {
		b.fill(out, d, v, s)
	}
	if q := v.Board.Query; q != "" {
		p := &dashboard.Panel{Title: "query", Type: "timeseries", Width: 24, Reduce: "last", Targets: []dashboard.Target{{Expr: q, Source: v.Board.Source}}}
		panel := b.panel("query", p, -1, nil, v, s)
		out.Query = &panel
	}
	if v.Board.Typed != "" {
		out.Words = b.typed(v.Board)
	}
	b.forget()
	return out
}

func (b *boards) find(name string) *dashboard.Dashboard {
	for _, d := range b.all {
		if d.Metadata.Name == name {
			return d
		}
	}
	if len(b.all) > 0 {
		return b.all[0]
	}
	return nil
}

// span is the window in whole steps, so that the points of two successive pictures are the same.
func (b *boards) span(v signal.View) dashboard.Span {
	step := v.Step
	if step <= 0 {
		step = stepFor(v.Window.Length())
	}
	to := v.Window.To.Truncate(step)
	return dashboard.Span{From: to.Add(-v.Window.Length().Truncate(step)), To: to, Step: step, Scrape: b.every}
}

func (b *boards) fill(out *signal.Board, d *dashboard.Dashboard, v signal.View, s dashboard.Span) {
	out.Name, out.Title = d.Metadata.Name, d.Title()
	var when any
	if b.still {
		when = s
	}
	vars := b.entry(keyOf("vars", d.Metadata.Name, v.Board.Chosen, when))
	if vars.values == nil || !b.still && time.Since(vars.at) > variablesEvery {
		chosen := v.Board.Values()
		b.start(vars, func(ctx context.Context, k *keptBoard) func() {
			found, values := d.Resolve(ctx, b.ask, chosen, s)
			return func() { k.vars, k.values = found, values }
		})
	}
	out.Vars = vars.vars
	values := vars.values
	for id, l := range d.Lay(vars.vars, values) {
		var panel signal.BoardPanel
		if shown := id >= v.Board.From && id < v.Board.To; shown && values != nil {
			panel = b.panel(d.Metadata.Name, l.Panel, id, l.Values, v, s)
		} else {
			panel = l.Panel.Bare(id, l.Values, s)
		}
		if panel.NewRow = l.NewRow; l.NewRow {
			panel.Row = dashboard.ExpandText(l.Row, l.Values, s)
		}
		out.Panels = append(out.Panels, panel)
	}
}

// panel is a panel as it was evaluated last; a new evaluation is begun when the window has moved on. The caller holds the lock.
func (b *boards) panel(board string, p *dashboard.Panel, id int, values dashboard.Values, v signal.View, s dashboard.Span) signal.BoardPanel {
	w := signal.Window{From: s.From, To: s.To}
	when := any(w)
	if v.Live {
		when = w.Length()
	}
	query := ""
	if id < 0 {
		query = p.Targets[0].Source + "\x00" + p.Targets[0].Expr
	}
	k := b.entry(keyOf("panel", board, id, values, when, s.Step, v.Live, query))
	if k.panel == nil || k.window != w {
		b.start(k, func(ctx context.Context, k *keptBoard) func() {
			panel := p.Evaluate(ctx, b.ask, id, values, s)
			return func() {
				if k.panel != nil {
					panel.Keep(*k.panel, k.window.To, w)
				}
				k.panel, k.window = &panel, w
			}
		})
	}
	if k.panel == nil {
		return p.Bare(id, values, s)
	}
	return *k.panel
}

// typed are the words that go on from what is being typed, when they are known.
func (b *boards) typed(v signal.BoardView) signal.Words {
	k := b.entry(keyOf("words", v.Source, v.Typed))
	if k.at.IsZero() {
		b.start(k, func(ctx context.Context, k *keptBoard) func() {
			words, err := dashboard.Complete(ctx, b.ask, v.Source, v.Typed)
			if err != nil {
				words.List = nil // a prompt goes on without help
			}
			return func() { k.words = words }
		})
	}
	return k.words
}

// keyOf names what is kept. Maps are written sorted.
func keyOf(parts ...any) string {
	out, err := json.Marshal(parts)
	if err != nil {
		return fmt.Sprintf("%+v", parts)
	}
	return string(out)
}

// entry is what is kept under a key, which may be empty still. The caller holds the lock.
func (b *boards) entry(key string) *keptBoard {
	k := b.kept[key]
	if k == nil {
		k = &keptBoard{}
		b.kept[key] = k
	}
	k.used = b.asked
	return k
}

// start evaluates in the background, one at a time of each. done is called with the lock held. The caller holds the lock.
func (b *boards) start(k *keptBoard, do func(context.Context, *keptBoard) (done func())) {
	if k.running || b.closed {
		return
	}
	if b.still {
		ctx, cancel := context.WithTimeout(b.ctx, b.timeout)
		defer cancel()
		do(ctx, k)()
		k.at = time.Now()
		return
	}
	k.running = true
	b.work.Add(1)
	go func() {
		defer b.work.Done()
		var done func()
		select {
		case b.slots <- struct{}{}:
			ctx, cancel := context.WithTimeout(b.ctx, b.timeout)
			done = do(ctx, k)
			cancel()
			<-b.slots
		case <-b.ctx.Done():
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		k.running = false
		if done != nil {
			done()
			k.at = time.Now()
		}
	}()
}

// forget drops what was asked for the longest ago when there is too much. The caller holds the lock.
func (b *boards) forget() {
	for len(b.kept) > maxKept {
		oldest, least := "", b.asked
		for key, k := range b.kept {
			if !k.running && k.used < least {
				oldest, least = key, k.used
			}
		}
		if least == b.asked {
			return
		}
		delete(b.kept, oldest)
	}
}

// close waits for what is being evaluated; the context must have ended.
func (b *boards) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.work.Wait()
}

// overview is a dashboard of the charts that a session has anyway, for those who have none of their own.
func overview(panels []PanelSpec) *dashboard.Dashboard {
	d := &dashboard.Dashboard{Metadata: dashboard.Metadata{Name: "overview", Title: "overview"}, Rows: []dashboard.Row{{}}}
	for _, p := range panels {
		one := dashboard.Panel{Title: p.Title, Type: "timeseries", Unit: p.Unit, Reduce: "last", Width: 12,
			Targets: []dashboard.Target{{Expr: p.Query, Source: p.Source}}}
		if p.Legend != "" {
			one.Targets[0].Legend = "{{" + p.Legend + "}}"
		}
		if bound := p.Bound; bound > 0 {
			one.Thresholds = []dashboard.Threshold{{From: &bound, Level: "warning"}}
		}
		d.Rows[0].Panels = append(d.Rows[0].Panels, one)
	}
	return d
}

// parseDashboards reads those of the configuration. One that cannot be read is an error; the session goes on without it.
func parseDashboards(cfg Config) (out []*dashboard.Dashboard, err error) {
	var errs []error
	for _, doc := range cfg.Dashboards {
		d, _, err := dashboard.Read(doc.File, doc.ID, doc.Data)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if slices.ContainsFunc(out, func(o *dashboard.Dashboard) bool { return o.Metadata.Name == d.Metadata.Name }) {
			errs = append(errs, fmt.Errorf("%s: there is a dashboard %s already", doc.File, d.Metadata.Name))
			continue
		}
		out = append(out, d)
	}
	if len(cfg.Panels) > 0 {
		out = append(out, overview(cfg.Panels))
	}
	return out, errors.Join(errs...)
}

// boardAsker answers what dashboards ask of a session.
type boardAsker struct{ s *Session }

func (a boardAsker) Metrics(source string) (driver.Metrics, error) { return a.s.shown(source) }

func (a boardAsker) Sources() []string { return metricSources(a.s.cfg) }

// metricSources names those that answer PromQL, the one that is asked by default first. "" is the session's own memory.
func metricSources(cfg Config) []string {
	var out []string
	for _, src := range cfg.Sources {
		if _, ok := src.Driver.(driver.Metrics); ok {
			out = append(out, src.Name)
		}
	}
	if cfg.Metrics == "" || len(out) == 0 {
		out = append([]string{""}, out...)
	}
	if i := slices.Index(out, cfg.Metrics); i > 0 {
		out[0], out[i] = out[i], out[0]
	}
	return out
}

func (a boardAsker) Words(ctx context.Context, source string, kind driver.WordKind, of, prefix string, limit int) ([]string, error) {
	if source == "" {
		source = a.s.cfg.Metrics
	}
	if source == "" {
		return a.s.db.Complete(ctx, kind, of, prefix, limit)
	}
	for _, src := range a.s.cfg.Sources {
		if src.Name != source {
			continue
		}
		c, ok := src.Driver.(driver.Completer)
		if !ok {
			return nil, fmt.Errorf("source %s (%s) does not tell which names there are", src.Name, src.Kind)
		}
		out, err := c.Complete(ctx, kind, of, prefix, limit)
		for i := range out {
			out[i] = sanitize.Line(out[i], sanitize.MaxValue)
		}
		if err == nil && a.s.recorder != nil {
			a.s.recorder.Words(record.Words{Source: source, Kind: uint8(kind), Of: of, Prefix: prefix, List: out})
		}
		return out, remote{src: src}.explain(err)
	}
	_, err := a.s.metrics(source)
	return nil, err
}

// Describe is what a metric is as its system tells it: its type, what it stands for, its unit.
func (a boardAsker) Describe(ctx context.Context, source, metric string) string {
	if source == "" {
		source = a.s.cfg.Metrics
	}
	for _, src := range a.s.cfg.Sources {
		d, ok := src.Driver.(driver.Describer)
		if src.Name != source || !ok {
			continue
		}
		kind, help, unit, err := d.Describe(ctx, metric)
		if err != nil {
			return "" // a prompt goes on without help
		}
		return metricLine(metric, kind, help, unit)
	}
	return ""
}

// metricLine is one line about a metric; "" when nothing is known.
func metricLine(metric, kind, help, unit string) string {
	if unit != "" {
		unit = "in " + unit
	}
	said := strings.Join(slices.DeleteFunc([]string{kind, unit, help}, func(s string) bool { return s == "" || s == "unknown" }), ", ")
	if said == "" {
		return ""
	}
	return sanitize.Line(metric+": "+said, sanitize.MaxValue)
}

func (a boardAsker) Logs(_ context.Context, query string, w signal.Window, limit int) ([]signal.Record, error) {
	return logsOf(a.s.store, query, w, limit)
}

// logsOf are the newest records of a window that a filter lets through.
func logsOf(st *store.Store, query string, w signal.Window, limit int) ([]signal.Record, error) {
	f := st.Frame(signal.View{Window: w, Logs: signal.LogFilter{Text: query, Limit: limit}, Traces: signal.TraceFilter{Limit: 1}})
	if f.LogsErr != "" {
		return f.Logs, errors.New(f.LogsErr)
	}
	return f.Logs, nil
}
