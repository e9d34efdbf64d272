// Package schedule says when which experiment runs by itself: at fixed times (cron), or at random within given hours with
// a given probability, one of a group. What it says follows from the document and its seed alone, so a restart changes
// nothing and the coming runs can be shown beforehand. A file stops everything.
package schedule

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/robfig/cron/v3"

	"gameday/chaos/experiment"
	"gameday/chaos/hours"
	"gameday/sources/spec"
)

// Kind is the document's kind; its version is experiment.APIVersion.
const Kind = "Schedule"

// Schedule is a document of kind Schedule.
type Schedule struct {
	APIVersion string      `yaml:"apiVersion,required" enum:"gameday/v1" doc:"gameday/v1"`
	Kind       string      `yaml:"kind,required" enum:"Schedule" doc:"Schedule"`
	Metadata   Metadata    `yaml:"metadata,required" doc:"what the schedule is called"`
	Seed       uint64      `yaml:"seed" doc:"of everything random in it; the same seed gives the same runs"`
	StopFile   string      `yaml:"stopFile,required" doc:"the kill switch: while this file is there, nothing is started, and what runs is aborted"`
	Hours      hours.Hours `yaml:"hours" doc:"nothing is started outside of these hours"`
	Entries    []Entry     `yaml:"entries,required" doc:"what is run and when"`

	file string
}

// Metadata names a schedule.
type Metadata struct {
	Name  string `yaml:"name,required" doc:"a short word"`
	Title string `yaml:"title" doc:"what people read"`
}

// Entry is one rule: cron or random.
type Entry struct {
	Name        string             `yaml:"name,required" doc:"what the entry is called; unique. Its random choices hang on it"`
	Cron        string             `yaml:"cron" doc:"minute hour day month weekday, such as \"30 10 * * tue\", or @daily"`
	Zone        string             `yaml:"zone" doc:"time zone of cron; this machine's when not given"`
	Random      *Random            `yaml:"random" doc:"instead of cron: at random times within these hours"`
	Probability experiment.Percent `yaml:"probability" doc:"how likely each time is used at all; 100% when not given"`
	OneOf       []string           `yaml:"oneOf,required" doc:"files of experiments; one of them is run each time, at random"`
}

// Random are times within hours.
type Random struct {
	hours.Hours `yaml:",inline"`
	Times       int `yaml:"times" doc:"how often in each window; once when not given"`
}

const maxTimes = 100

// Load reads a schedule and checks it. The files of experiments are found from the schedule's own folder, and so is the
// stop file; they are not opened.
func Load(file string) (*Schedule, error) {
	doc, err := spec.Load(file)
	if err != nil {
		return nil, err
	}
	return parse(doc)
}

// Parse reads a schedule that is in memory. The error is a *spec.Problems.
func Parse(file string, data []byte) (*Schedule, error) {
	doc, err := spec.Parse(file, data)
	if err != nil {
		return nil, err
	}
	return parse(doc)
}

// Schema is the JSON Schema of schedules, for editors.
func Schema() ([]byte, error) { return spec.Schema("gameday schedule", Schedule{}) }

func parse(doc *spec.Document) (*Schedule, error) {
	s := &Schedule{file: doc.File()}
	doc.Decode(s)
	at := func(prefix string) func(path, format string, args ...any) {
		return func(path, format string, args ...any) {
			doc.Reportf(strings.Trim(prefix+"."+path, "."), format, args...)
		}
	}
	s.Hours.Check(at("hours"))
	if doc.Has("entries") && len(s.Entries) == 0 {
		doc.Reportf("entries", "is empty: nothing would ever run")
	}
	seen := map[string]bool{}
	for i := range s.Entries {
		e := &s.Entries[i]
		path := fmt.Sprintf("entries[%d]", i)
		if !doc.Has(path) {
			doc.Reportf(path, "is empty")
			continue
		}
		if e.Name != "" && seen[e.Name] {
			doc.Reportf(path+".name", "%s is the name of another entry", spec.Quote(e.Name))
		}
		seen[e.Name] = true
		e.check(doc, path, at(path))
		for j, f := range e.OneOf {
			e.OneOf[j] = s.resolve(f)
		}
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	s.StopFile = s.resolve(s.StopFile)
	return s, nil
}

func (s *Schedule) resolve(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(s.file), file)
}

func (e *Entry) check(doc *spec.Document, path string, report func(path, format string, args ...any)) {
	switch {
	case e.Cron == "" && e.Random == nil:
		report("", `needs cron: "30 10 * * tue", or random: {from: 09:00, to: 15:00}`)
	case e.Cron != "" && e.Random != nil:
		report("", "has cron and random; give one of them")
	case e.Cron != "":
		if _, err := e.cron(); err != nil {
			report("cron", "%s", err)
		}
		if _, err := (hours.Hours{Zone: e.Zone}).Location(); err != nil {
			report("zone", "%s", err)
		}
	default:
		e.Random.Check(func(p, format string, args ...any) { report("random."+p, format, args...) })
		if e.Random.Times < 0 || e.Random.Times > maxTimes {
			report("random.times", "%d is outside 1 to %d", e.Random.Times, maxTimes)
		}
		if e.Zone != "" {
			report("zone", "is for cron; a random time has its zone among its hours")
		}
	}
	if doc.Has(path+".probability") && e.Probability == 0 {
		report("probability", "0%% means never; leave the entry out")
	}
	if doc.Has(path+".oneOf") && len(e.OneOf) == 0 {
		report("oneOf", "is empty: nothing would be run")
	}
	for j, f := range e.OneOf {
		if strings.TrimSpace(f) == "" {
			report(fmt.Sprintf("oneOf[%d]", j), "is empty")
		}
	}
}

var cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// cron reads the expression. The library's own ways of naming a time zone panic on bad input, and @every hangs on when
// the program was started; neither is let through.
func (e *Entry) cron() (cron.Schedule, error) {
	switch text := strings.TrimSpace(e.Cron); {
	case strings.Contains(text, "TZ="):
		return nil, errors.New("a time zone goes into the field zone")
	case strings.HasPrefix(text, "@every"):
		return nil, errors.New(`@every hangs on when the program was started; write it as "*/10 * * * *"`)
	}
	s, err := cronParser.Parse(e.Cron)
	if err != nil {
		return nil, fmt.Errorf(`%s is not understood; write minute hour day month weekday, such as "30 10 * * tue": %s`, spec.Quote(e.Cron), err)
	}
	if s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("%s never comes", spec.Quote(e.Cron))
	}
	return s, nil
}

// Stopped looks at the kill switch. A file that cannot be looked at stops as well: nobody can say that it is not there.
func (s *Schedule) Stopped() (why string, stopped bool) {
	_, err := os.Lstat(s.StopFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", false
	case err != nil:
		return fmt.Sprintf("the stop file cannot be looked at: %v", err), true
	}
	why = "the stop file " + s.StopFile + " is there"
	if said := s.firstLine(); said != "" {
		why += ": " + said
	}
	return why, true
}

// firstLine is what somebody wrote into the stop file, harmless and short.
func (s *Schedule) firstLine() string {
	f, err := os.OpenFile(s.StopFile, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return "" // that it is there is enough
	}
	defer f.Close() // only read
	buf := make([]byte, 200)
	n, err := f.Read(buf)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(buf[:n]), "\n")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return ' '
	}, line))
}

// Title is what people read.
func (s *Schedule) Title() string {
	if s.Metadata.Title != "" {
		return s.Metadata.Title
	}
	return s.Metadata.Name
}

// File is the file the schedule was read from.
func (s *Schedule) File() string { return s.file }
