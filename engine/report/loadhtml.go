package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"time"
)

//go:embed loadrun.html
var loadPage string

// loadView is what the page's template needs besides the run.
type loadView struct {
	*LoadRun
	Tone    string
	Heatmap heatmap
	Charts  []chart
	Phases  []phaseBar
}

type phaseBar struct {
	Name  string
	Mean  Seconds
	Width float64 // share of all, in per cent
}

// writeLoadHTML makes one page that needs nothing else. The run is harmless already, and the template escapes for its
// place whatever it is given.
func writeLoadHTML(w io.Writer, d *LoadRun) error {
	t, err := template.New("parts").Funcs(template.FuncMap{
		"since": (&Document{}).since, "undone": (&Document{}).undone, "duration": duration, "optional": optional, "glyph": glyph, "join": func(l []string, sep string) string { return "" },
		"when": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }, "share": Fault.share, "touched": Fault.touched,
		"latency": latency, "rate": func(v float64) string { return value(v, "/s") }, "waterfall": waterfall,
		"offset": func(Trace, Log) string { return "" }, "level": func(string) string { return "" },
		"tone": func(check string) string { return tones[check] },
	}).Parse(page)
	if err == nil {
		t, err = t.New("load").Parse(loadPage)
	}
	if err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	if err := t.Execute(w, d.view()); err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	return nil
}

func (d *LoadRun) view() loadView {
	v := loadView{LoadRun: d, Tone: tones[d.Verdict], Heatmap: d.heatmap()}
	if v.Tone == "" {
		v.Tone = "dim"
	}
	number := func(of func(s *LoadSecond) Number) func(*LoadSecond) float64 {
		return func(s *LoadSecond) float64 { return float64(of(s)) }
	}
	rate := []loadLine{{"done", func(s *LoadSecond) float64 { return s.per(float64(s.Done)) }}}
	users := false
	planned := false
	for i := range d.Seconds {
		planned, users = planned || d.Seconds[i].Planned > 0, users || d.Seconds[i].Users > 0
	}
	if planned {
		rate = append(rate, loadLine{"planned", func(s *LoadSecond) float64 { return s.Planned }})
	}
	rate = append(rate, loadLine{"missed", func(s *LoadSecond) float64 { return s.per(float64(s.Missed)) }})
	v.Charts = []chart{
		d.secondsChart("latency", "s", loadLine{"p50", number(func(s *LoadSecond) Number { return s.P50 })}, loadLine{"p90", number(func(s *LoadSecond) Number { return s.P90 })},
			loadLine{"p95", number(func(s *LoadSecond) Number { return s.P95 })}, loadLine{"p99", number(func(s *LoadSecond) Number { return s.P99 })}),
		d.secondsChart("rate against plan", "/s", rate...),
		d.spectrum(),
		d.secondsChart("errors", "share", loadLine{"failed", func(s *LoadSecond) float64 {
			if s.Done == 0 {
				return math.NaN()
			}
			return float64(s.Failed) / float64(s.Done)
		}}),
	}
	if users {
		v.Charts = append(v.Charts, d.secondsChart("users", "", loadLine{"users", func(s *LoadSecond) float64 { return s.Users }}))
	}
	var sum Seconds
	for _, m := range d.Total.Phases {
		sum += m
	}
	for _, name := range PhaseNames() {
		b := phaseBar{Name: name, Mean: d.Total.Phases[name]}
		if sum > 0 {
			b.Width = round1(100 * float64(b.Mean/sum))
		}
		v.Phases = append(v.Phases, b)
	}
	return v
}

// All are the steps and the total.
func (v loadView) All() []LoadFigures { return append(append([]LoadFigures(nil), v.Steps...), v.Total) }

// Told is the verdict in words.
func (v loadView) Told() string { return v.told() }

// Answer is what became of a request.
func (r LoadRequest) Answer() string { return r.answer() }
