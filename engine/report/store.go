package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gameday/engine/atomicfile"
	"gameday/sources/sanitize"
	"gameday/sources/spec"
)

// How many runs are kept, and for how long.
const (
	KeepRuns = 200
	KeepFor  = 90 * 24 * time.Hour
)

// maxFile is the largest document that is read, in bytes. What gameday writes is far smaller.
const maxFile = 64 << 20

// Dir is where a state directory keeps its runs.
func Dir(state string) string { return filepath.Join(state, "runs") }

// Keep writes the document into the directory, names it by its time and its experiment, and removes what is too old or
// too much. It sets the document's version and ID. The file is private to the user, and it is there whole or not at all.
// An error of the removing alone comes with an ID that is set.
func Keep(dir string, d *Document, now time.Time) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("no directory for the runs: %w", err)
	}
	id := d.Summary.Started.UTC().Format("20060102T150405.000Z") + "-" + slug(d.Summary.Name)
	d.Version, d.Summary.ID = Version, id
	for n := 2; exists(filepath.Join(dir, d.Summary.ID+".json")); n++ {
		d.Summary.ID = id + "-" + strconv.Itoa(n)
	}
	data, err := encode(d)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(dir, d.Summary.ID+".json"), data, 0o600); err != nil {
		d.Summary.ID = ""
		return fmt.Errorf("the run was not kept: %w", err)
	}
	return prune(dir, now)
}

func encode(d *Document) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(true)
	enc.SetIndent("", " ")
	if err := enc.Encode(harmless(d)); err != nil {
		return nil, fmt.Errorf("write run %s: %w", d.Summary.ID, err)
	}
	return out.Bytes(), nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// slug is a name that may stand in a file's name.
func slug(s string) string {
	s = strings.Trim(regexp.MustCompile(`[^a-zA-Z0-9-]+`).ReplaceAllString(s, "-"), "-")
	if s == "" {
		return "run"
	}
	return s[:min(len(s), 80)]
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// named is what a run's file is called, with the time of its beginning. Nothing else in the directory is ours.
var named = regexp.MustCompile(`^(\d{8}T\d{6}\.\d{3}Z)-[a-zA-Z0-9-]+\.json$`)

// files are the names of the runs in the directory, oldest first.
func files(dir string) ([]string, error) {
	all, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list the runs: %w", err)
	}
	var out []string
	for _, e := range all {
		if e.Type().IsRegular() && named.MatchString(e.Name()) {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out) // their names begin with their time
	return out, nil
}

// prune removes runs beyond the number and the age. The newest one always stays.
func prune(dir string, now time.Time) error {
	all, err := files(dir)
	if err != nil {
		return err
	}
	var errs []error
	for i, name := range all {
		at, err := time.Parse("20060102T150405.000Z", named.FindStringSubmatch(name)[1])
		old := err == nil && now.Sub(at) > KeepFor
		if i < len(all)-1 && (old || len(all)-i > KeepRuns) {
			errs = append(errs, ignoreGone(os.Remove(filepath.Join(dir, name))))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("old runs cannot be removed: %w", err)
	}
	return nil
}

// Listed is one run of a list. Err says why it cannot be read; the ID is set anyway.
type Listed struct {
	Summary
	Err error
}

// List reads the summaries of all runs, newest first. A damaged file is listed with what is wrong with it.
func List(dir string) ([]Listed, error) {
	names, err := files(dir)
	if err != nil {
		return nil, err
	}
	out := make([]Listed, 0, len(names))
	for _, name := range slices.Backward(names) {
		id := strings.TrimSuffix(name, ".json")
		s, err := readSummary(filepath.Join(dir, name))
		if err != nil {
			s = Summary{ID: id}
		}
		s.ID = id // the name decides: it is what a run is asked for by
		out = append(out, Listed{Summary: s, Err: err})
	}
	return out, nil
}

// readSummary reads the beginning of a document and no more.
func readSummary(path string) (s Summary, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	dec := json.NewDecoder(io.LimitReader(f, 1<<20))
	version := 0
	for {
		t, err := dec.Token()
		if err != nil {
			return s, damaged(filepath.Base(path), err)
		}
		switch t {
		case json.Delim('{'):
		case "version":
			err = dec.Decode(&version)
		case "summary":
			if err := checkVersion(filepath.Base(path), version); err != nil {
				return s, err
			}
			if err := dec.Decode(&s); err != nil {
				return s, damaged(filepath.Base(path), err)
			}
			d := harmless(&Document{Summary: s})
			return d.Summary, nil
		default:
			return s, damaged(filepath.Base(path), errors.New("it does not begin with a version and a summary"))
		}
		if err != nil {
			return s, damaged(filepath.Base(path), err)
		}
	}
}

func damaged(name string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends too early")
	}
	return fmt.Errorf("%s is not a whole run of gameday: %w", sanitize.Line(name, 200), err)
}

func checkVersion(name string, v int) error {
	name = sanitize.Line(name, 200)
	switch {
	case v <= 0:
		return fmt.Errorf("%s is not a run of gameday: it has no version", name)
	case v > Version:
		return fmt.Errorf("%s was written by a newer gameday (document version %d, this one reads up to %d): read it with that one", name, v, Version)
	}
	return nil
}

// Read reads a document from a file and makes it harmless.
func Read(path string) (_ *Document, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", sanitize.Line(path, 500), errors.Unwrap(err))
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", sanitize.Line(path, 500), err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d MiB: that is no run of gameday", sanitize.Line(path, 500), maxFile>>20)
	}
	return Decode(filepath.Base(path), data)
}

// Decode reads a document; name is for messages. Every text is made harmless.
func Decode(name string, data []byte) (*Document, error) {
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, damaged(name, tooEarly(err))
	}
	if err := checkVersion(name, head.Version); err != nil {
		return nil, err
	}
	var d Document
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, damaged(name, tooEarly(err))
	}
	return harmless(&d), nil
}

// tooEarly makes Unmarshal's own words for a cut file those of a reader.
func tooEarly(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && strings.HasPrefix(syntax.Error(), "unexpected end") {
		return io.ErrUnexpectedEOF
	}
	return err
}

// back is "last" and "last~2": the last run, and the second before it.
var back = regexp.MustCompile(`^last(?:~(\d{1,6}))?$`)

// Find reads the run that a person means: "last", "last~1" (the one before), the name of an experiment (its last run),
// the beginning of an ID, or the path of a document.
func Find(dir, run string) (*Document, error) {
	if strings.HasSuffix(run, ".json") && strings.ContainsRune(run, filepath.Separator) || strings.HasSuffix(run, ".json") && exists(run) {
		return Read(run)
	}
	names, err := files(dir)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("no run has been kept yet: gameday run and the cockpit keep one of every experiment")
	}
	name, err := pick(names, run)
	if err != nil {
		return nil, err
	}
	return Read(filepath.Join(dir, name))
}

// pick chooses one of the names, which are sorted by time.
func pick(names []string, run string) (string, error) {
	if m := back.FindStringSubmatch(run); m != nil {
		n, _ := strconv.Atoi("0" + m[1]) // digits only
		if n >= len(names) {
			return "", fmt.Errorf("%s is before the first run: %d are kept", run, len(names))
		}
		return names[len(names)-1-n], nil
	}
	var begins []string
	experiments := map[string]string{} // the last run of each
	for _, n := range names {
		id := strings.TrimSuffix(n, ".json")
		_, experiment, _ := strings.Cut(id, "-")
		if id == run {
			return n, nil
		}
		experiments[experiment] = n
		if run != "" && strings.HasPrefix(id, run) {
			begins = append(begins, n)
		}
	}
	switch {
	case experiments[run] != "":
		return experiments[run], nil
	case len(begins) == 1:
		return begins[0], nil
	case len(begins) > 1:
		return "", fmt.Errorf("%d runs begin with %s, from %s to %s: give more of the name, or last", len(begins), spec.Quote(run),
			strings.TrimSuffix(begins[0], ".json"), strings.TrimSuffix(begins[len(begins)-1], ".json"))
	}
	known := make([]string, 0, len(experiments)+1)
	for e := range experiments {
		known = append(known, e)
	}
	slices.Sort(known)
	return "", fmt.Errorf("no run is called %s%s; gameday runs lists them", spec.Quote(run), spec.DidYouMean(run, append(known, "last")))
}
