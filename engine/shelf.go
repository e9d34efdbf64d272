package engine

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"gameday/chaos"
	"gameday/chaos/experiment"
	"gameday/chaos/fault"
	"gameday/engine/report"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

// How old what is read from disk, or tried on the machine, may be while somebody looks at it.
const (
	runsEvery    = 3 * time.Second
	catalogEvery = 5 * time.Minute
	maxReport    = 5000 // lines
)

// shelf is what the chaos workspace shows besides the signals: read beside the frames, for disks and kernels may be slow.
type shelf struct {
	mu       sync.Mutex
	catalog  aged[[]signal.FaultKind]
	runs     aged[[]signal.KeptRun]
	report   aged[*signal.KeptReport]
	reportOf string // the run that report is of
	files    map[string][]signal.DefinitionLine
}

// aged is a value that is made anew when it is asked for and old.
type aged[T any] struct {
	value T
	at    time.Time
	busy  bool
}

// fresh returns the value as it is, and has it made anew beside the frames when it is older than every.
func fresh[T any](s *Session, k *aged[T], every time.Duration, make func() T) T {
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	if k.busy || !k.at.IsZero() && time.Since(k.at) < every {
		return k.value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return k.value
	}
	k.busy = true
	s.work.Go(func() {
		v := make()
		s.shelf.mu.Lock()
		defer s.shelf.mu.Unlock()
		k.value, k.at, k.busy = v, time.Now(), false
	})
	return k.value
}

// fillChaos puts into a frame what its view asks for of that.
func (s *Session) fillChaos(f *signal.Frame, v signal.View) {
	if v.Catalog {
		if f.Catalog = fresh(s, &s.shelf.catalog, catalogEvery, s.triedCatalog); f.Catalog == nil {
			f.Catalog = describe(s.faults, nil)
		}
	}
	if v.Runs {
		f.Runs = fresh(s, &s.shelf.runs, runsEvery, s.keptRuns)
		f.Definitions = s.definitions(v.Definition)
	}
	if v.Report == "" {
		return
	}
	s.shelf.mu.Lock()
	if s.shelf.reportOf != v.Report && !s.shelf.report.busy {
		s.shelf.reportOf, s.shelf.report = v.Report, aged[*signal.KeptReport]{}
	}
	s.shelf.mu.Unlock()
	id := v.Report
	f.Report = fresh(s, &s.shelf.report, time.Hour, func() *signal.KeptReport { return readReport(report.Dir(s.cfg.StateDir), id) })
}

func (s *Session) triedCatalog() []signal.FaultKind {
	features := fault.Features()
	return describe(s.faults, func(f chaos.Fault) error { return fault.Ready(f, features) })
}

// describe tells about faults, by name; ready, when it is not nil, says why one cannot be used here.
func describe(all []chaos.Fault, ready func(chaos.Fault) error) []signal.FaultKind {
	out := make([]signal.FaultKind, 0, len(all))
	for _, f := range all {
		about := fault.Of(f)
		k := signal.FaultKind{Kind: f.Kind(), Hits: fmt.Sprint(f.Hits()), Help: f.Help(), Undo: about.Undo, Needs: about.Needs}
		for _, p := range f.Params() {
			t := p.Type
			if len(p.OneOf) > 0 {
				t = strings.Join(p.OneOf, ", ")
			}
			switch {
			case p.Required:
				t += "; required"
			case p.Default != nil:
				t += fmt.Sprintf("; default %v", p.Default)
			}
			k.Params = append(k.Params, signal.FaultParam{Name: p.Name, Type: t, Help: p.Help})
		}
		if ready != nil {
			k.Tried = true
			if err := ready(f); err != nil {
				k.Cannot = sanitize.Line(err.Error(), sanitize.MaxBody)
			}
		}
		out = append(out, k)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Kind < out[j].Kind })
	return out
}

// keptRuns lists the kept runs. A directory that cannot be read is one row that says so.
func (s *Session) keptRuns() []signal.KeptRun {
	list, err := report.List(report.Dir(s.cfg.StateDir))
	out := make([]signal.KeptRun, 0, len(list)+1)
	if err != nil {
		out = append(out, signal.KeptRun{Err: sanitize.Line(err.Error(), sanitize.MaxBody)})
	}
	for _, l := range list {
		r := signal.KeptRun{ID: l.ID, Name: l.Name, Title: l.Title, Started: l.Started, Ended: l.Ended, Verdict: l.Verdict, Reason: l.Reason}
		if l.Err != nil {
			r.Err = sanitize.Line(l.Err.Error(), sanitize.MaxBody)
		}
		out = append(out, r)
	}
	return out
}

func readReport(dir, id string) *signal.KeptReport {
	out := &signal.KeptReport{ID: id}
	doc, err := report.Find(dir, id)
	var text bytes.Buffer
	if err == nil {
		err = report.Write(&text, report.Markdown, doc)
	}
	if err != nil {
		out.Err = sanitize.Line(err.Error(), sanitize.MaxBody)
		return out
	}
	out.Lines = lines(text.Bytes())
	return out
}

// lines are those of a text, made harmless, at most maxReport.
func lines(text []byte) []string {
	var out []string
	for l := range strings.Lines(string(text)) {
		if len(out) == maxReport {
			return append(out, "… there is more")
		}
		out = append(out, sanitize.Line(strings.ReplaceAll(strings.TrimRight(l, "\r\n"), "\t", "    "), sanitize.MaxBody))
	}
	return out
}

// definitions are the experiments, with the lines of the one that is asked for.
func (s *Session) definitions(id string) []signal.Definition {
	out := make([]signal.Definition, 0, len(s.cfg.Experiments))
	for _, doc := range s.cfg.Experiments {
		p := s.docs.experiments[doc.ID]
		d := signal.Definition{ID: doc.ID, Title: doc.ID}
		if p.err != nil {
			d.Err = sanitize.Line(p.err.Error(), sanitize.MaxBody)
		} else {
			d.Title = p.exp.Title()
		}
		if doc.ID == id {
			d.Lines = s.explained(doc)
		}
		out = append(out, d)
	}
	return out
}

// explained is an experiment's file with an explanation beside each part, made once.
func (s *Session) explained(doc Document) []signal.DefinitionLine {
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	if l, ok := s.shelf.files[doc.ID]; ok {
		return l
	}
	var help map[int]string
	if parsed, err := spec.Parse(doc.File, doc.Data); err == nil { // one that is broken is shown without
		help = parsed.Explain(experiment.Experiment{})
	}
	var out []signal.DefinitionLine
	for i, l := range lines(doc.Data) {
		out = append(out, signal.DefinitionLine{Text: l, Help: help[i+1]})
	}
	if s.shelf.files == nil {
		s.shelf.files = map[string][]signal.DefinitionLine{}
	}
	s.shelf.files[doc.ID] = out
	return out
}
