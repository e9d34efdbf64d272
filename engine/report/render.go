package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gameday/chaos/probe"
	"gameday/engine/atomicfile"
)

// Format is how a document is told.
type Format string

// The formats.
const (
	HTML     Format = "html"
	Markdown Format = "md"
	JSON     Format = "json"
	JUnit    Format = "junit"
)

// FormatOf is the format that a file's extension stands for.
func FormatOf(file string) (Format, error) {
	switch ext := strings.ToLower(filepath.Ext(file)); ext {
	case ".html", ".htm":
		return HTML, nil
	case ".md", ".markdown":
		return Markdown, nil
	case ".json":
		return JSON, nil
	case ".xml":
		return JUnit, nil
	}
	return "", fmt.Errorf("the report %s has no known format: end its name in .html, .md, .json or .xml (JUnit)", line(file))
}

// Write renders the document.
func Write(w io.Writer, f Format, d *Document) error {
	data, err := render(f, d)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// WriteFile renders the document into a file, which is there whole or not at all. A device is written to as it is.
func WriteFile(path string, f Format, d *Document) error {
	data, err := render(f, d)
	if err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		err = os.WriteFile(path, data, 0o644)
		if err != nil {
			return fmt.Errorf("the report was not written: %w", err)
		}
		return nil
	}
	if err := atomicfile.Write(path, data, 0o644); err != nil {
		return fmt.Errorf("the report was not written: %w", err)
	}
	return nil
}

func render(f Format, d *Document) ([]byte, error) {
	if f == JSON {
		return encode(d)
	}
	d = harmless(d)
	var out bytes.Buffer
	var err error
	switch f {
	case HTML:
		err = writeHTML(&out, d)
	case Markdown:
		writeMarkdown(&out, d)
	case JUnit:
		err = writeJUnit(&out, d)
	default:
		err = fmt.Errorf("there is no format %q: take html, md, json or junit", f)
	}
	return out.Bytes(), err
}

// glyphs tell checks apart without colour.
var glyphs = map[string]string{passed: "✔", failed: "✘", unknown: "?", errored: "!"}

func glyph(check string) string {
	if g := glyphs[check]; g != "" {
		return g
	}
	return "·"
}

// duration is a length of time in words: "1.5 s", "2 min 5 s".
func duration(s Seconds) string {
	d := s.Duration()
	if d < 0 {
		return "-" + duration(-s)
	}
	if d >= time.Second && d < 2*time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	if d < time.Second {
		return probe.Format(d.Seconds(), probe.UnitSeconds)
	}
	d = d.Round(time.Second)
	if d < time.Hour {
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// latency is the duration of a request, to three digits.
func latency(s Seconds) string { return value(float64(s), "s") }

// optional is a duration that may not be known.
func optional(s *Seconds, none string) string {
	if s == nil {
		return none
	}
	return duration(*s)
}

// since is an instant as the time since the run began: "+0:12.3".
func (d *Document) since(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	off := t.Sub(d.Summary.Started)
	sign := "+"
	if off < 0 {
		sign, off = "−", -off
	}
	off = off.Round(100 * time.Millisecond)
	return fmt.Sprintf("%s%d:%02d.%d", sign, int(off.Minutes()), int(off.Seconds())%60, off.Milliseconds()/100%10)
}

// value writes a number in a unit of probes or of panels.
func value(v float64, unit string) string {
	switch unit {
	case "s":
		return probe.Format(v, probe.UnitSeconds)
	case "share":
		return probe.Format(v, probe.UnitShare)
	case "%":
		return probe.Format(v/100, probe.UnitShare)
	case "bytes":
		return probe.Format(v, probe.UnitBytes)
	case "/s", "req/s":
		return probe.Format(v, probe.UnitRate)
	}
	return probe.Format(v, probe.UnitNone)
}

// told is a probe's phase in a few words: what was typical, and the worst when it differs.
func (s Stats) told() string {
	switch {
	case s.Readings == 0 && (s.Check == unknown || s.Check == errored):
		return "too few readings"
	case s.Readings == 0:
		return "not measured"
	case s.Typical.Text == "" && s.Worst.Text == "":
		return "no data"
	case s.Worst.Text == "" || s.Worst.Text == s.Typical.Text:
		return s.Typical.Text
	case s.Typical.Text == "":
		return s.Worst.Text
	}
	return s.Typical.Text + ", worst " + s.Worst.Text
}

// share says how much of what there is a fault was to hit.
func (f Fault) share() string {
	kind := f.TargetKind
	if kind == "" {
		kind = "target"
	}
	if f.Of == 0 {
		return plural(len(f.Targets), kind)
	}
	return fmt.Sprintf("%d of %s", len(f.Targets), plural(f.Of, kind))
}

func plural(n int, word string) string {
	switch {
	case n == 1:
		return "1 " + word
	case strings.HasSuffix(word, "s"):
		return fmt.Sprintf("%d %ses", n, word)
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// limits are the blast radius in words, "" when the experiment sets none.
func (b Blast) limits() string {
	var out []string
	if b.MaxTargets > 0 {
		out = append(out, "at most "+plural(b.MaxTargets, "target"))
	}
	if b.Percent > 0 {
		out = append(out, fmt.Sprintf("at most %g %% of a kind", b.Percent))
	}
	if len(b.Environments) > 0 {
		out = append(out, "only in "+strings.Join(b.Environments, ", "))
	}
	if len(b.Protected) > 0 {
		out = append(out, "never "+strings.Join(b.Protected, ", "))
	}
	return strings.Join(out, "; ")
}

// undone says what proves that a fault is gone, or what does not.
func (d *Document) undone(f Fault) string {
	switch f.State {
	case "not injected", "planned":
		return "never in force"
	case "undone":
		return fmt.Sprintf("undone and verified at %s, after %s in force", d.since(f.Undone), duration(SecondsOf(f.Undone.Sub(f.Injected))))
	case "irreversible":
		if f.Err != "" {
			return "it cannot be taken back: " + f.Err
		}
		if f.Undone.IsZero() {
			return "it cannot be taken back, and its target was not seen back"
		}
		return fmt.Sprintf("it cannot be taken back; its target was back at %s, after %s", d.since(f.Undone), duration(SecondsOf(f.Undone.Sub(f.Injected))))
	}
	out := "NOT UNDONE (" + f.State + ")"
	if f.Err != "" {
		out += ": " + f.Err
	}
	if f.Remedy != "" {
		out += "; what remains: " + f.Remedy
	}
	return out
}

// rolledBack reports whether every fault that was injected is known to be gone, and how many there were.
func (d *Document) rolledBack() (n int, all bool) {
	all = len(d.Remains) == 0
	for _, f := range d.Faults {
		switch f.State {
		case "not injected", "planned":
		case "undone", "irreversible":
			n++
		default:
			n++
			all = false
		}
	}
	return n, all
}

// rollback is the proof in one sentence.
func (d *Document) rollback() string {
	n, all := d.rolledBack()
	switch {
	case !all:
		return "Not everything is undone. What remains is below."
	case n == 0:
		return "Nothing was injected, so there is nothing to undo."
	case d.irreversible() > 0:
		return fmt.Sprintf("Nothing is left in force. %d of %s cannot be taken back: see below what became of it.", d.irreversible(), plural(n, "fault"))
	case n == 1:
		return "The fault is gone: its undo was verified."
	}
	return fmt.Sprintf("All %d faults are gone: each undo was verified.", n)
}

// irreversible is how many faults there were that nothing takes back, such as a kill.
func (d *Document) irreversible() (n int) {
	for _, f := range d.Faults {
		if f.State == "irreversible" {
			n++
		}
	}
	return n
}

// touched is what a fault acted on: "1 process", "137 round trips".
func (f Fault) touched() string {
	unit := f.Unit
	if f.Touched == 1 {
		if unit = strings.TrimSuffix(f.Unit, "s"); strings.HasSuffix(unit, "sse") {
			unit = strings.TrimSuffix(unit, "e")
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", f.Touched, unit))
}
