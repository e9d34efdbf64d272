package format

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"

	"gameday/chaos/experiment"
	"gameday/sources/spec"
)

// Draft is an experiment on its way to YAML.
type Draft struct {
	From        string // what it was made of, for the comment on top
	Name        string
	Title       string
	Description string
	Hypothesis  string
	Labels      Map
	Probes      []Map
	Steps       []Map
	Abort       []Map
	Notes       []string // for the comment on top
	Needs       []Need
	After       time.Duration // the least that the phase after lasts
}

// maxPath is how much of a path is kept: what needs an engine is listed for people.
const maxPath = 160

// Need notes a step that only another engine could do.
func (d *Draft) Need(c *Coverage, element, path, engine, what string, at, lasts time.Duration) {
	when := "at " + short(at)
	if at == 0 {
		when = "at once"
	}
	if lasts > 0 {
		when += " for " + short(lasts)
	}
	d.Needs = append(d.Needs, Need{engine, spec.Line(path, maxPath), Label(what, element), when})
	c.Add(element, path, NeedsEngine, "needs "+engine+": "+what)
}

// Label makes a name of somebody's text: one harmless line, not too long, never empty.
func Label(s, otherwise string) string {
	s = strings.TrimSpace(spec.Line(s, 120))
	if s == "" {
		return otherwise
	}
	return s
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// name makes a word that an experiment can be called.
func name(s string) string {
	s = strings.Trim(notInName.ReplaceAllString(s, "-"), "-._")
	if len(s) > 60 {
		s = strings.TrimRight(s[:60], "-._")
	}
	if s == "" {
		return "imported"
	}
	return strings.ToLower(s)
}

// warmup is how long a load that was asked for runs before anything is judged.
const warmup = 4 * time.Second

// MaxMethod is the longest that a method may last.
const MaxMethod = 24 * time.Hour

// Bound keeps a duration of a file within what an experiment can hold; ok is false when it is none at all.
func Bound(d time.Duration) (time.Duration, bool) {
	return max(0, min(d, MaxMethod)), d > 0 && d <= MaxMethod
}

// length is how long a group of steps lasts when nothing holds it up.
func length(steps []Map, inSequence bool) (total time.Duration) {
	for _, s := range steps {
		var d time.Duration
		for _, kind := range []string{"for", "wait"} {
			d += s.Duration(kind)
		}
		if kids, ok := s.Get("sequence").([]Map); ok {
			d = length(kids, true)
		}
		if kids, ok := s.Get("parallel").([]Map); ok {
			d = length(kids, false)
		}
		if kids, ok := s.Get("choose").([]Map); ok {
			d = length(kids, false)
		}
		if r, ok := s.Get("repeat").(Map); ok {
			kids, _ := r.Get("steps").([]Map)
			times, _ := r.Get("times").(int)
			d = time.Duration(times)*length(kids, true) + time.Duration(max(0, times-1))*r.Duration("pause")
		}
		if inSequence {
			total += d
		} else {
			total = max(total, s.Duration("at")+d)
		}
	}
	return total
}

// Length is how long the method lasts when nothing holds it up.
func (d *Draft) Length() time.Duration { return length(d.Steps, false) }

// Finish writes the draft as YAML and proves that it can be read. An error means that the file held nothing to run, or
// something that no experiment can hold.
func Finish(d *Draft, c *Coverage, o Options) (*Result, error) {
	res := &Result{Coverage: c, Needs: d.Needs}
	if len(d.Steps) == 0 {
		if len(d.Needs) > 0 {
			return res, nil
		}
		return nil, fmt.Errorf("nothing in it can be run as an experiment:\n%s", c)
	}
	d.claim(c, o)
	d.unique()
	text := d.yaml(o)
	e, err := experiment.Parse("", text, experiment.ParseConfig{Faults: o.Faults})
	if err != nil {
		return nil, fmt.Errorf("the experiment made of it is not accepted: %w\n%s", err, c)
	}
	res.YAML, res.Experiment = text, e
	return res, nil
}

// claim gives a file that claims nothing something that is judged, and a file that claims something only at its end
// something to begin with.
func (d *Draft) claim(c *Coverage, o Options) {
	if o.Probe != "" {
		d.Probes = append(d.Probes, Map{{"name", "health check"}, {"http", o.Probe}, {"expect", "in 200..299"}, {"tolerate", 2}})
		return
	}
	for _, p := range d.Probes {
		if mode, _ := p.Get("mode").(string); mode != "after" && mode != "on-fault" {
			return
		}
	}
	if len(d.Probes) > 0 {
		first := d.Probes[0]
		mode := map[any]string{"after": "edge", "on-fault": "continuous"}[first.Get("mode")]
		d.Probes[0] = first.Set("mode", mode)
		c.Add("mode", "the first probe", Approximated, "gameday measures before it touches anything, so its mode is "+mode)
		return
	}
	if o.Load != "" {
		d.Probes = []Map{{{"name", "requests succeed"}, {"load", Map{{"stat", "success"}, {"over", 5 * time.Second}}}, {"expect", "> 95%"}, {"tolerate", 2 * time.Second}}}
		c.Add("steady state", "", Approximated, "the file claims nothing: more than 95% of the load's requests succeed. Give --probe URL, or write probes of your own")
		return
	}
	d.Probes = []Map{{{"name", "traces with errors"}, {"traces", Map{{"stat", "errorRate"}, {"over", 5 * time.Second}}}, {"expect", "< 5%"}}}
	c.Add("steady state", "", Approximated, "the file claims nothing: less than 5% of the traces with errors; without traces the run is refused. Give --load PLAN or --probe URL, or write probes of your own")
}

// unique numbers probes that are called the same.
func (d *Draft) unique() {
	seen := map[string]bool{}
	for i, p := range d.Probes {
		text, _ := p.Get("name").(string)
		base := Label(text, "probe")
		n := base
		for k := 2; seen[n]; k++ {
			n = fmt.Sprintf("%s #%d", base, k)
		}
		seen[n] = true
		d.Probes[i] = p.Set("name", n)
	}
}

// durations makes the phases long enough for every probe to be judged in them.
func (d *Draft) durations(o Options) Map {
	before, during, after := 5*time.Second, time.Duration(0), max(10*time.Second, d.After)
	for _, p := range d.Probes {
		need := max(p.Duration("interval"), time.Second)
		for _, kind := range []string{"traces", "load", "logs"} {
			if m, ok := p.Get(kind).(Map); ok {
				need += max(m.Duration("over"), 5*time.Second) + time.Second
			}
		}
		if text, _ := p.Get("expect").(string); strings.Contains(text, "baseline") {
			before = max(before, 4*need)
		}
		need += time.Second
		mode, _ := p.Get("mode").(string)
		if mode != "after" && mode != "on-fault" {
			before = max(before, need)
		}
		if mode != "after" && mode != "before" && mode != "edge" {
			during = max(during, need)
		}
		if mode != "before" && mode != "on-fault" {
			after = max(after, need)
		}
	}
	m := Map{{"before", before}}
	if o.Load != "" {
		m = Map{{"warmup", warmup}, {"before", before}}
	}
	if during > d.Length() {
		m = append(m, Field{"during", during})
	}
	return append(m, Field{"after", after})
}

func (d *Draft) yaml(o Options) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Made by gameday import from %s.\n", Label(d.From, "a file"))
	for _, n := range d.Notes {
		fmt.Fprintf(&b, "# %s\n", spec.Line(n, 300))
	}
	for _, n := range d.Needs {
		fmt.Fprintf(&b, "# Left out, needs %s: %s, %s (%s)\n", n.Engine, n.What, n.When, spec.Line(n.Path, 100))
	}
	title := Label(d.Title, "")
	called := d.Name
	if called == "" {
		called = o.Name
	}
	if called == "" {
		called = title
	}
	hypothesis := Label(d.Hypothesis, "")
	if hypothesis == "" {
		hypothesis = "The steady state holds while this is done: " + Label(title, name(called)) + "."
	}
	description := strings.TrimSpace(spec.Line(d.Description, 1000))
	var load Map
	if o.Load != "" {
		load = Map{{"file", o.Load}}
	}
	block(&b, "", Map{
		{"apiVersion", experiment.APIVersion}, {"kind", experiment.Kind},
		{"metadata", Map{{"name", name(called)}, {"title", title}, {"description", description}, {"labels", d.Labels}}},
		{"hypothesis", hypothesis},
		{"steadyState", Map{{"probes", d.Probes}}},
		{"load", load},
		{"method", d.Steps},
		{"abort", d.Abort},
		{"durations", d.durations(o)},
	})
	return b.Bytes()
}
