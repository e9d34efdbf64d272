// Package incident keeps the book of incidents: who opened one, how bad it is, who took it, when it was passed on because
// nobody did, what was told about it, how it ended, and a post-mortem that blames nobody.
//
// Each incident is one JSON file, replaced whole and synced before a change counts, so that neither a crash nor two
// sessions at once lose an entry.
package incident

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gameday/engine/atomicfile"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

// Bounds.
const (
	maxTitle   = 200
	maxText    = 2000
	maxEntries = 1000
	maxFile    = 8 << 20
	version    = 1
)

// Policy says who is told, and when an incident that nobody takes goes to the next.
type Policy struct {
	// Levels are who is told, in their order: "on-call", "second line", "lead".
	Levels []string
	// Within is how long each has to acknowledge before the next is told; 0: incidents are only passed on by hand.
	Within time.Duration
}

// DefaultPolicy is three levels of five minutes each.
func DefaultPolicy() Policy {
	return Policy{Levels: []string{"on-call", "second line", "lead"}, Within: 5 * time.Minute}
}

// Book is the incidents in one directory. Its methods may be called from any goroutine, and by several processes.
type Book struct {
	dir    string
	policy Policy
}

// Open makes the book of a directory, which is created when it is missing.
func Open(dir string, policy Policy) (*Book, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("no directory for incidents: %w", err)
	}
	if len(policy.Levels) == 0 {
		policy.Levels = DefaultPolicy().Levels
	}
	return &Book{dir: dir, policy: policy}, nil
}

// Dir is where a state directory keeps its incidents.
func Dir(state string) string { return filepath.Join(state, "incidents") }

// ErrNone is returned for an incident that is not in the book.
var ErrNone = errors.New("there is no such incident")

// document is one file.
type document struct {
	Version  int             `json:"version"`
	Incident signal.Incident `json:"incident"`
	Timeline []Happening     `json:"timeline,omitempty"` // what else happened, kept when it was resolved
}

// Happening is one event of the timeline as a post-mortem needs it.
type Happening struct {
	At     time.Time `json:"at"`
	Until  time.Time `json:"until,omitzero"`
	Kind   string    `json:"kind"`
	Title  string    `json:"title"`
	Detail string    `json:"detail,omitempty"`
	By     string    `json:"by,omitempty"`
}

// New opens an incident. Severity is 1, the worst, to 4.
func (b *Book) New(title string, severity int, by string, trace signal.TraceID, now time.Time) (signal.Incident, error) {
	title = spec.Line(strings.TrimSpace(title), maxTitle)
	if title == "" {
		return signal.Incident{}, errors.New("an incident needs a title: what do users see?")
	}
	if severity < 1 || severity > 4 {
		return signal.Incident{}, fmt.Errorf("severity %d is none: 1 is the worst, 4 the least", severity)
	}
	inc := signal.Incident{ID: now.UTC().Format("20060102T150405.000Z"), Title: title, Severity: severity, Opened: now, Trace: trace.String()}
	inc.Entries = []signal.IncidentEntry{{At: now, By: by, Kind: "opened", Text: fmt.Sprintf("SEV%d; %s is told", severity, b.policy.Levels[0])}}
	b.derive(&inc)
	unlock, err := b.lock()
	if err != nil {
		return inc, err
	}
	defer unlock()
	for n := 2; b.exists(inc.ID); n++ {
		inc.ID = fmt.Sprintf("%s-%d", now.UTC().Format("20060102T150405.000Z"), n)
	}
	return inc, b.write(document{Version: version, Incident: inc})
}

// Acknowledge says that somebody takes it.
func (b *Book) Acknowledge(id, by string, now time.Time) (signal.Incident, error) {
	return b.change(id, now, func(d *document) error {
		if !d.Incident.Acknowledged.IsZero() {
			return errors.New("it is acknowledged already")
		}
		d.Incident.Acknowledged = now
		return d.note(now, by, "acknowledged", "after "+now.Sub(d.Incident.Opened).Round(time.Second).String())
	})
}

// Escalate passes it on to the next level.
func (b *Book) Escalate(id, by string, now time.Time) (signal.Incident, error) {
	return b.change(id, now, func(d *document) error { return b.escalate(d, by, "by hand", now) })
}

func (b *Book) escalate(d *document, by, why string, now time.Time) error {
	if d.Incident.Level+1 >= len(b.policy.Levels) {
		return fmt.Errorf("%s is the last who can be told", b.policy.Levels[len(b.policy.Levels)-1])
	}
	d.Incident.Level++
	d.Incident.Told = now
	return d.note(now, by, "escalated", fmt.Sprintf("%s: %s is told", why, b.policy.Levels[d.Incident.Level]))
}

// Update tells how it stands.
func (b *Book) Update(id, text, by string, now time.Time) (signal.Incident, error) {
	return b.change(id, now, func(d *document) error {
		text = spec.Line(strings.TrimSpace(text), maxText)
		if text == "" {
			return errors.New("an update needs a text")
		}
		return d.note(now, by, "update", text)
	})
}

// SetSeverity changes how bad it is.
func (b *Book) SetSeverity(id string, severity int, by string, now time.Time) (signal.Incident, error) {
	return b.change(id, now, func(d *document) error {
		if severity < 1 || severity > 4 {
			return fmt.Errorf("severity %d is none: 1 is the worst, 4 the least", severity)
		}
		was := d.Incident.Severity
		d.Incident.Severity = severity
		return d.note(now, by, "severity", fmt.Sprintf("SEV%d, was SEV%d", severity, was))
	})
}

// Resolve ends it. What happened meanwhile is kept with it for the post-mortem.
func (b *Book) Resolve(id, text, by string, timeline []Happening, now time.Time) (signal.Incident, error) {
	return b.change(id, now, func(d *document) error {
		text = spec.Line(strings.TrimSpace(text), maxText)
		d.Incident.Resolved = now
		d.Timeline = timeline[:min(len(timeline), maxEntries)]
		return d.note(now, by, "resolved", strings.TrimPrefix(text+", after "+now.Sub(d.Incident.Opened).Round(time.Second).String(), ", "))
	})
}

// Tick passes on what nobody has acknowledged in time, and returns what was changed.
func (b *Book) Tick(now time.Time) ([]signal.Incident, error) {
	if b.policy.Within <= 0 {
		return nil, nil
	}
	all, err := b.List()
	if err != nil {
		return nil, err
	}
	var out []signal.Incident
	var errs []error
	for _, inc := range all {
		if inc.EscalatesAt.IsZero() || now.Before(inc.EscalatesAt) {
			continue
		}
		changed := false
		next, err := b.change(inc.ID, now, func(d *document) error {
			if d.Incident.EscalatesAt.IsZero() || now.Before(d.Incident.EscalatesAt) {
				return nil // another session was first
			}
			changed = true
			return b.escalate(d, "", "nobody acknowledged within "+b.policy.Within.String(), now)
		})
		if err != nil {
			errs = append(errs, err)
		} else if changed {
			out = append(out, next)
		}
	}
	return out, errors.Join(errs...)
}

// note appends an entry.
func (d *document) note(now time.Time, by, kind, text string) error {
	if len(d.Incident.Entries) >= maxEntries {
		return fmt.Errorf("the incident has %d entries, which is the most: resolve it and open another", maxEntries)
	}
	d.Incident.Entries = append(d.Incident.Entries, signal.IncidentEntry{At: now, By: by, Kind: kind, Text: text})
	return nil
}

// derive fills in what follows from the rest.
func (b *Book) derive(inc *signal.Incident) {
	inc.LevelName = b.policy.Levels[min(inc.Level, len(b.policy.Levels)-1)]
	inc.EscalatesAt = time.Time{}
	if b.policy.Within > 0 && inc.Acknowledged.IsZero() && inc.Resolved.IsZero() && inc.Level+1 < len(b.policy.Levels) {
		since := inc.Opened
		if inc.Told.After(since) {
			since = inc.Told
		}
		inc.EscalatesAt = since.Add(b.policy.Within)
	}
}

// change reads, changes and writes one incident under the book's lock. A resolved one is not changed any more.
func (b *Book) change(id string, _ time.Time, do func(*document) error) (signal.Incident, error) {
	unlock, err := b.lock()
	if err != nil {
		return signal.Incident{}, err
	}
	defer unlock()
	d, err := b.read(id)
	if err != nil {
		return signal.Incident{}, err
	}
	if !d.Incident.Resolved.IsZero() {
		return d.Incident, fmt.Errorf("incident %s is resolved: open another", spec.Quote(d.Incident.Title))
	}
	if err := do(&d); err != nil {
		return d.Incident, err
	}
	b.derive(&d.Incident)
	return d.Incident, b.write(d)
}

// List is every incident of the book, open ones first, then the newest. A damaged file is left out and reported with the
// error, beside those that could be read.
func (b *Book) List() ([]signal.Incident, error) {
	files, err := filepath.Glob(filepath.Join(b.dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("list incidents: %w", err)
	}
	var out []signal.Incident
	var errs []error
	for _, f := range files {
		d, err := b.read(strings.TrimSuffix(filepath.Base(f), ".json"))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, d.Incident)
	}
	slices.SortFunc(out, func(a, c signal.Incident) int {
		if open := a.Resolved.IsZero(); open != c.Resolved.IsZero() {
			if open {
				return -1
			}
			return 1
		}
		return cmp.Or(c.Opened.Compare(a.Opened), cmp.Compare(a.ID, c.ID))
	})
	return out, errors.Join(errs...)
}

// Read is one incident with what happened meanwhile.
func (b *Book) Read(id string) (signal.Incident, []Happening, error) {
	d, err := b.read(id)
	return d.Incident, d.Timeline, err
}

func (b *Book) path(id string) (string, error) {
	if id == "" || strings.ContainsAny(id, "/\\\x00") || strings.HasPrefix(id, ".") {
		return "", fmt.Errorf("%w: %s", ErrNone, spec.Quote(id))
	}
	return filepath.Join(b.dir, id+".json"), nil
}

func (b *Book) exists(id string) bool {
	path, err := b.path(id)
	if err != nil {
		return false
	}
	_, err = os.Stat(path)
	return err == nil
}

func (b *Book) read(id string) (d document, err error) {
	path, err := b.path(id)
	if err != nil {
		return d, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return d, fmt.Errorf("%w: %s", ErrNone, spec.Quote(id))
	}
	if err == nil && info.Size() > maxFile {
		return d, fmt.Errorf("incident %s: the file has %d bytes, more than any incident", path, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return d, fmt.Errorf("incident %s: %w", path, errors.Unwrap(err))
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return d, fmt.Errorf("incident %s is damaged: %w", path, err)
	}
	if d.Version != version {
		return d, fmt.Errorf("incident %s is of version %d, this program reads %d", path, d.Version, version)
	}
	d.Incident.ID = id
	b.derive(&d.Incident)
	return d, nil
}

// write replaces the file whole and waits until it is on disk.
func (b *Book) write(d document) error {
	path, err := b.path(d.Incident.ID)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("write incident: %w", err)
	}
	if err := atomicfile.Write(path, data, 0o600); err != nil {
		return fmt.Errorf("write incident: %w", err)
	}
	return nil
}
