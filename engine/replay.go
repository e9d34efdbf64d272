package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"gameday/engine/dashboard"
	"gameday/engine/record"
	"gameday/sources/driver"
	"gameday/sources/metrics"
	"gameday/sources/pattern"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// Bounds of a replay.
const (
	// wholeRaw is how many bytes, unpacked, a recording may have to be held as a whole. Of a longer one the chapter that is
	// looked at is held, and the one before.
	wholeRaw = 224 << 20
	// replayBudget is how long one frame may look for what a filter admits: the same instant must give the same frame, also
	// on a slow machine.
	replayBudget = 2 * time.Second
	// replayTimeout bounds the evaluation of its charts, for the same reason.
	replayTimeout = time.Minute
)

// ErrReplay is why nothing can be done in a replay.
var ErrReplay = errors.New("this is a replay: what it shows has happened already, and nothing can be done to it")

// Replay answers for frames from a recording. A frame depends on the recording and the view alone, so that the same
// instant looks the same however it was reached. All methods may be called from any goroutine.
type Replay struct {
	file     *record.File
	settings settings
	whole    bool
	ctx      context.Context
	cancel   context.CancelFunc
	boards   []*dashboard.Dashboard
	// looking is held for reading by who looks into a part for longer than a frame, for writing by who closes one.
	looking sync.RWMutex

	mu      sync.Mutex
	part    *part
	view    signal.View // of the last frame
	compare comparer
	last    *signal.Frame
	err     error
}

// OpenReplay reads a recording. progress, when it is not nil, is told the share that was read. The caller closes the replay.
func OpenReplay(ctx context.Context, path string, progress func(share float64)) (*Replay, error) {
	f, err := record.Open(path)
	if err != nil {
		return nil, err
	}
	r := &Replay{file: f}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	var raw int64
	for _, c := range f.Chapters() {
		raw += c.Raw
	}
	r.whole = raw <= wholeRaw
	if r.settings, err = readSettings(f.Meta().Settings); err == nil {
		r.boards, err = r.settings.dashboards()
	}
	if err == nil {
		r.part, err = r.load(ctx, f.From(), progress)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// maxCharts bounds what a recording may want drawn.
const maxCharts = 200

func readSettings(data []byte) (s settings, err error) {
	if len(data) == 0 {
		return s, nil
	}
	if err := cbor.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("replay: the recording's charts cannot be read: %w", err)
	}
	s.Panels = s.Panels[:min(len(s.Panels), maxCharts)]
	for i := range s.Panels {
		p := &s.Panels[i]
		p.Title, p.Unit = sanitize.Line(p.Title, sanitize.MaxName), sanitize.Line(p.Unit, sanitize.MaxKey)
		p.Query, p.Legend = sanitize.Line(p.Query, sanitize.MaxBody), sanitize.Line(p.Legend, sanitize.MaxKey)
		p.Source = sanitize.Line(p.Source, sanitize.MaxKey)
	}
	s.Metrics = sanitize.Line(s.Metrics, sanitize.MaxKey)
	for i := range s.Sources {
		s.Sources[i] = sanitize.Line(s.Sources[i], sanitize.MaxKey)
	}
	return s, nil
}

// Span is from when to when was recorded.
func (r *Replay) Span() signal.Window { return signal.Window{From: r.file.From(), To: r.file.To()} }

// System is what was recorded, and the environment it was in.
func (r *Replay) System() (name, environment string) {
	m := r.file.Meta()
	return m.System, m.Environment
}

// Cut says why the end of the recording is missing; "" when it is not.
func (r *Replay) Cut() string { return r.file.Cut() }

// Err is why the part of the recording that was asked for last could not be read; nil when it could.
func (r *Replay) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Frame is the picture of the window's end. A view that asks for the same as before gets the same frame.
func (r *Replay) Frame(v signal.View) *signal.Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	v.Live = false // charts are evaluated for this window, never for one of a moment ago
	if r.last != nil && reflect.DeepEqual(v, r.view) {
		return r.last
	}
	if p := r.part; !p.holds(r.chapter(v.Window.To), r.whole) {
		next, err := r.load(r.ctx, v.Window.To, nil)
		if r.err = err; err != nil {
			return r.last
		}
		r.part = next
		r.looking.Lock()
		r.err = p.close()
		r.looking.Unlock()
	}
	p, at := r.part, v.Window.To
	f := p.store.Frame(v)
	f.System, f.Environment = r.System()
	f.Now = at
	f.Metrics, f.Headline = p.panels.get(r.ctx, v)
	f.Events = p.eventsAt(at, v.Window)
	s := p.stateAt(at)
	f.Experiment, f.Load, f.Faults, f.Health = s.Experiment, s.Load, s.Faults, s.Health
	f.Processes, f.Switches, f.Store = s.Processes, s.Switches, s.Store
	f.SLOs, f.Scorecard, f.Host, f.Incidents = s.SLOs, s.Scorecard, s.Host, s.Incidents
	p.patterns.fill(f, v)
	f.Board = p.boards.get(v)
	if v.Map {
		f.Map = withFaults(p.mapOf(r.ctx, v.Window, r.file.To()), f)
	}
	r.compare.fill(f, v, p.store, func(w signal.Window) []signal.Event { return p.eventsAt(at, w) }, at)
	r.view, r.last = v, f
	return f
}

// Close gives memory and file back. No frame may be asked for afterwards.
func (r *Replay) Close() error {
	r.cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looking.Lock()
	defer r.looking.Unlock()
	var errs []error
	if r.part != nil {
		errs = append(errs, r.part.close())
		r.part = nil
	}
	return errors.Join(append(errs, r.file.Close())...)
}

// chapter is the one in which an instant lies, the first or last for one outside.
func (r *Replay) chapter(at time.Time) int {
	all := r.file.Chapters()
	i, _ := slices.BinarySearchFunc(all, at, func(c record.Chapter, t time.Time) int { return c.From.Compare(t) })
	if i < len(all) && all[i].From.Equal(at) {
		return i
	}
	return max(i-1, 0)
}

// part is what is held of a recording. Signals are in the same memories as those of a session; what changes in place, the
// timeline and the states, is kept with all its versions.
type part struct {
	chapter  int // the last that is held
	store    *store.Store
	db       *metrics.DB
	panels   *panels
	boards   *boards
	answers  *toldAnswers
	patterns *patterns
	restorer *metrics.Restorer
	sections [record.Sections][]section
	seconds  [][]signal.LoadSecond // per chapter
	events   map[uint64][]version
	order    []uint64 // of events, as they came first
	batch    signal.Batch
	counted  *signal.ServiceMap // the last map
}

// section is one part of the states from an instant on.
type section struct {
	at      time.Time
	data    []byte
	seconds int // index of its chapter's
}

// version is how an event stood from an instant on.
type version struct {
	at time.Time
	e  signal.Event
}

func (p *part) holds(chapter int, whole bool) bool { return whole || p.chapter == chapter }

// load reads what is to be held for an instant.
func (r *Replay) load(ctx context.Context, at time.Time, progress func(float64)) (_ *part, err error) {
	all := r.file.Chapters()
	last := len(all) - 1
	first := 0
	if !r.whole {
		last = r.chapter(at)
		first = max(last-1, 0)
	}
	to := all[last].To
	p := &part{chapter: last, events: map[uint64][]version{}, answers: newToldAnswers()}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.store, err = store.New(store.Config{CorrelationFields: r.file.Meta().CorrelationFields, FrameBudget: replayBudget}); err != nil {
		return p, err
	}
	if p.db, err = metrics.Open(metrics.Config{Retention: max(to.Sub(all[first].From)+10*time.Minute, time.Hour), Timeout: replayTimeout, Now: func() time.Time { return to }}); err != nil {
		return p, err
	}
	asks := replayAsker{p, r.settings}
	p.panels = newPanels(asks.Metrics, r.settings.Panels, r.settings.Headline)
	p.panels.timeout = replayTimeout
	p.boards = newBoards(r.ctx, r.boards, asks, cmp.Or(r.settings.Every, time.Second))
	p.boards.still, p.boards.timeout = true, replayTimeout
	step := max(to.Sub(all[first].From)/pattern.DefaultSteps+time.Second, pattern.DefaultStep)
	p.patterns = newPatterns(pattern.Config{Step: step}, 0)
	p.restorer = p.db.Restore(ctx)
	for i := first; i <= last; i++ {
		p.restorer.Forget()
		p.seconds = append(p.seconds, nil)
		if err := r.file.Read(ctx, i, p); err != nil {
			return p, err
		}
		if progress != nil {
			progress(float64(i-first+1) / float64(last-first+1))
		}
	}
	p.flush()
	p.answers.settle()
	return p, p.restorer.Close()
}

func (p *part) close() error {
	if p.panels != nil {
		p.panels.close()
	}
	if p.boards != nil {
		p.boards.close()
	}
	if p.db != nil {
		return p.db.Close()
	}
	return nil
}

// batchOf is how many signals are put into the store at once.
const batchOf = 512

// Log implements record.Sink.
func (p *part) Log(l signal.Record) {
	p.batch.Logs = append(p.batch.Logs, l)
	if len(p.batch.Logs) == batchOf {
		p.flush()
	}
}

// Span implements record.Sink.
func (p *part) Span(s signal.Span) {
	p.batch.Spans = append(p.batch.Spans, s)
	if len(p.batch.Spans) == batchOf {
		p.flush()
	}
}

func (p *part) flush() {
	p.store.Add(p.batch)
	p.patterns.add(p.batch.Logs)
	p.batch.Logs, p.batch.Spans = p.batch.Logs[:0], p.batch.Spans[:0]
}

// Series implements record.Sink.
func (p *part) Series(id uint64, ls signal.Attrs) { p.restorer.Series(id, ls) }

// Sample implements record.Sink.
func (p *part) Sample(id uint64, ms int64, v float64) { p.restorer.Sample(id, ms, v) }

// Exemplar implements record.Sink.
func (p *part) Exemplar(id uint64, e signal.Exemplar) { p.restorer.Exemplar(id, e) }

// Second implements record.Sink.
func (p *part) Second(s signal.LoadSecond) {
	n := len(p.seconds) - 1
	p.seconds[n] = append(p.seconds[n], s)
}

// Answer implements record.Sink.
func (p *part) Answer(a record.Answer) { p.answers.add(a) }

// Words implements record.Sink.
func (p *part) Words(v record.Words) {
	p.answers.words[keyOf(v.Source, driver.WordKind(v.Kind), v.Of, v.Prefix)] = v
}

// Event implements record.Sink.
func (p *part) Event(told time.Time, e signal.Event) {
	if _, known := p.events[e.ID]; !known {
		p.order = append(p.order, e.ID)
	}
	p.events[e.ID] = append(p.events[e.ID], version{told, e})
}

// Section implements record.Sink.
func (p *part) Section(at time.Time, n record.Section, data []byte) {
	p.sections[n] = append(p.sections[n], section{at, data, len(p.seconds) - 1})
}

// eventsAt are the events as they stood at an instant that overlap the window, by start.
func (p *part) eventsAt(at time.Time, w signal.Window) []signal.Event {
	var out []signal.Event
	for _, id := range p.order {
		all := p.events[id]
		i := latestAt(all, at, func(v version) time.Time { return v.at })
		if i < 0 {
			continue
		}
		e := all[i].e
		end := e.End
		if end.Before(e.Start) {
			end = e.Start
		}
		if e.Start.Before(w.To) && (e.Open || !end.Before(w.From)) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b signal.Event) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID)) })
	return out
}

// latestAt is the index of the last entry that is not after an instant, -1 when there is none.
func latestAt[T any](all []T, at time.Time, when func(T) time.Time) int {
	i, _ := slices.BinarySearchFunc(all, at, func(v T, t time.Time) int {
		if when(v).After(t) {
			return 1
		}
		return -1
	})
	return i - 1
}

// stateAt is what a frame shows besides signals at an instant. A section that cannot be read is left out: the rest of
// the picture stands without it.
func (p *part) stateAt(at time.Time) (s record.State) {
	for _, n := range [...]record.Section{record.SectionSpectrum, record.SectionLoad, record.SectionExperiment, record.SectionFaults, record.SectionHealth,
		record.SectionProcesses, record.SectionSwitches, record.SectionStore, record.SectionSLOs, record.SectionScorecard, record.SectionHost,
		record.SectionIncidents} {
		all := p.sections[n]
		i := latestAt(all, at, func(x section) time.Time { return x.at })
		if i < 0 {
			continue
		}
		before := s
		if err := record.DecodeSection(n, all[i].data, p.seconds[all[i].seconds], &s); err != nil {
			s = before
		}
	}
	if s.Load != nil && s.Load.Started.IsZero() {
		s.Load = nil // only its latencies were told
	}
	return s
}
