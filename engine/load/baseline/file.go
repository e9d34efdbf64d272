package baseline

import (
	"bytes"
	"cmp"
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
)

// maxFile is the largest file that is written or read, in bytes. Hundreds of steps stay far below.
const maxFile = 64 << 20

// The bounds of what a file may hold, beyond which nobody would read a comparison anyway.
const (
	maxSteps  = 5_000
	maxPieces = 10_000 // blocks of one step
	maxName   = 200
	maxParts  = 500_000 // objects and lists: a few bytes of text become a hundred of memory
)

// file is the form on disk. Its version and head stand first, so that a list of files is read from their beginnings.
type file struct {
	Version int        `json:"version"`
	Head    Head       `json:"head"`
	Blocks  [][2]int64 `json:"blocks"` // begin and end, in nanoseconds since the run began
	Steps   []fileStep `json:"steps"`
}

type fileStep struct {
	Name   string  `json:"name"`
	Blocks []Block `json:"blocks"`
}

// Save writes the baseline into the directory, which is made when it is not there, under its time and its plan's name, and
// returns the file's path. The file is private to the user, and it is there whole or not at all.
func Save(dir string, b *Baseline) (path string, err error) {
	data, err := encode(b)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("no directory for the baselines: %w", err)
	}
	id := b.Started.UTC().Format("20060102T150405.000Z") + "-" + slug(b.Name)
	path = filepath.Join(dir, id+".json")
	for n := 2; exists(path); n++ {
		path = filepath.Join(dir, id+"-"+strconv.Itoa(n)+".json")
	}
	if err := atomicfile.Write(path, data, 0o600); err != nil {
		return "", fmt.Errorf("the baseline was not saved: %w", err)
	}
	return path, nil
}

func encode(b *Baseline) ([]byte, error) {
	f := file{Version: Version, Head: b.Head}
	for _, s := range b.Blocks {
		f.Blocks = append(f.Blocks, [2]int64{int64(s.From), int64(s.To)})
	}
	for _, s := range b.Steps {
		f.Steps = append(f.Steps, fileStep(s))
	}
	if _, err := f.baseline(); err != nil {
		return nil, fmt.Errorf("the run cannot be a baseline: %w", err)
	}
	data, err := json.Marshal(&f)
	if err != nil {
		return nil, fmt.Errorf("write the baseline of %s: %w", sanitize.Line(b.Name, maxName), err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("the baseline would be %d MiB large, more than the %d MiB that are read back: split the plan", len(data)>>20, maxFile>>20)
	}
	return append(data, '\n'), nil
}

var unsafeInName = regexp.MustCompile(`[^a-zA-Z0-9-]+`)

func slug(s string) string {
	s = strings.Trim(unsafeInName.ReplaceAllString(s, "-"), "-")
	if s == "" {
		return "run"
	}
	return s[:min(len(s), 80)]
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Listed is one file of a list. Err says why it cannot be read.
type Listed struct {
	Path string
	Head
	Err error
}

var named = regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-[a-zA-Z0-9-]+\.json$`)

// List reads the heads of all baselines in the directory, the newest first. A damaged file is listed with what is wrong
// with it. A directory that is not there has none.
func List(dir string) ([]Listed, error) {
	all, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list the baselines: %w", err)
	}
	var out []Listed
	for _, e := range all {
		if e.Type().IsRegular() && named.MatchString(e.Name()) {
			one := Listed{Path: filepath.Join(dir, e.Name())}
			one.Head, one.Err = readHead(one.Path)
			out = append(out, one)
		}
	}
	slices.SortFunc(out, func(a, b Listed) int { return later(filepath.Base(b.Path), filepath.Base(a.Path)) })
	return out, nil
}

// later orders the names of files, which begin with their time and may end in the number of a namesake.
func later(a, b string) int {
	const stamp = len("20060102T150405.000Z")
	return cmp.Or(strings.Compare(a[:stamp], b[:stamp]), cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// Latest is the path of the newest readable baseline of a plan by its name; an error says what there is instead.
func Latest(dir, plan string) (string, error) {
	all, err := List(dir)
	if err != nil {
		return "", err
	}
	var broken error
	for _, one := range all {
		if one.Err == nil && one.Name == plan {
			return one.Path, nil
		}
		broken = errors.Join(broken, one.Err)
	}
	if broken != nil {
		return "", fmt.Errorf("no baseline of %s among %d files, of which some cannot be read: %w", sanitize.Line(plan, maxName), len(all), broken)
	}
	return "", fmt.Errorf("no baseline of %s has been saved yet (%d of other plans)", sanitize.Line(plan, maxName), len(all))
}

// readHead reads the beginning of a file and no more.
func readHead(path string) (h Head, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, fmt.Errorf("cannot read the baseline: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	name := filepath.Base(path)
	dec := json.NewDecoder(io.LimitReader(f, 1<<20))
	version := 0
	for {
		t, err := dec.Token()
		if err != nil {
			return h, damaged(name, err)
		}
		switch t {
		case json.Delim('{'):
		case "version":
			if err := dec.Decode(&version); err != nil {
				return h, damaged(name, err)
			}
		case "head":
			if err := checkVersion(name, version); err != nil {
				return h, err
			}
			if err := dec.Decode(&h); err != nil {
				return Head{}, damaged(name, err)
			}
			h.clean()
			return h, nil
		default:
			return h, damaged(name, errors.New("it does not begin with a version and a head"))
		}
	}
}

// Load reads a baseline from a file.
func Load(path string) (_ *Baseline, err error) {
	shown := sanitize.Line(path, 500)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read baseline %s: %w", shown, errors.Unwrap(err))
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read baseline %s: %w", shown, err)
	}
	return Decode(filepath.Base(path), data)
}

// Decode reads a baseline; name is for messages. Every text is made harmless, and figures that no run could have are an
// error.
func Decode(name string, data []byte) (*Baseline, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d MiB: that is no baseline of gameday", sanitize.Line(name, maxName), maxFile>>20)
	}
	if bytes.Count(data, []byte("{")) > maxParts || bytes.Count(data, []byte("[")) > maxParts {
		return nil, fmt.Errorf("%s has more than %d parts: that is no baseline of gameday", sanitize.Line(name, maxName), maxParts)
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, damaged(name, err)
	}
	if err := checkVersion(name, head.Version); err != nil {
		return nil, err
	}
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, damaged(name, err)
	}
	b, err := f.baseline()
	if err != nil {
		return nil, damaged(name, err)
	}
	return b, nil
}

// baseline checks the figures, and makes the texts harmless.
func (f *file) baseline() (*Baseline, error) {
	if len(f.Steps) > maxSteps || len(f.Blocks) > maxPieces {
		return nil, fmt.Errorf("%d steps and %d blocks are more than %d and %d", len(f.Steps), len(f.Blocks), maxSteps, maxPieces)
	}
	out := &Baseline{Head: f.Head}
	out.clean()
	last := time.Duration(0)
	for i, s := range f.Blocks {
		from, to := time.Duration(s[0]), time.Duration(s[1])
		if from < last || to <= from {
			return nil, fmt.Errorf("block %d goes back in time", i+1)
		}
		last = to
		out.Blocks = append(out.Blocks, Span{From: from, To: to})
	}
	for _, s := range f.Steps {
		name := sanitize.Line(s.Name, maxName)
		if len(s.Blocks) != len(f.Blocks) {
			return nil, fmt.Errorf("step %s has %d blocks of %d", name, len(s.Blocks), len(f.Blocks))
		}
		for i, b := range s.Blocks {
			if b.Failed > b.Done || b.Latency.Count() > b.Done || b.Done > 1<<48 {
				return nil, fmt.Errorf("step %s, block %d: %d failed and %d latencies of %d requests", name, i+1, b.Failed, b.Latency.Count(), b.Done)
			}
		}
		out.Steps = append(out.Steps, Step{Name: name, Blocks: s.Blocks})
	}
	return out, nil
}

func (h *Head) clean() {
	for _, s := range []*string{&h.Name, &h.Plan, &h.Gameday, &h.Note, &h.Machine.Name, &h.Machine.OS, &h.Machine.Arch} {
		*s = sanitize.Line(*s, maxName)
	}
}

func damaged(name string, err error) error {
	var syntax *json.SyntaxError
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &syntax) && strings.HasPrefix(syntax.Error(), "unexpected end") {
		err = errors.New("it ends too early")
	}
	return fmt.Errorf("%s is not a whole baseline of gameday: %w", sanitize.Line(name, maxName), err)
}

func checkVersion(name string, v int) error {
	switch name = sanitize.Line(name, maxName); {
	case v <= 0:
		return fmt.Errorf("%s is not a baseline of gameday: it has no version", name)
	case v > Version:
		return fmt.Errorf("%s was written by a newer gameday (baseline version %d, this one reads up to %d): read it with that one", name, v, Version)
	}
	return nil
}
