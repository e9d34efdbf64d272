// Package file follows log files, and standard input, through rotation and truncation.
//
// It looks at the files several times a second instead of asking the kernel to be told: that works on every file system,
// also those of containers and over the network, and a look costs a microsecond.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"gameday/sources/driver"
	"gameday/sources/examine"
	"gameday/sources/logline"
	"gameday/sources/signal"
)

// Bounds.
const (
	maxFiles    = 500
	maxLine     = 64 << 10 // bytes of one record; what is longer is cut, and the rest of the line left out
	maxBatch    = 500      // records emitted at once
	defaultTail = 1000     // lines of the past
	lookEvery   = 25 * time.Millisecond
	globEvery   = 2 * time.Second
)

// Options are what a configuration may say of files.
type Options struct {
	Format    logline.Format `yaml:"format" doc:"How lines are to be read: auto, json, logfmt, clf, cri, docker or plain. Default: auto, each line by itself."`
	Service   string         `yaml:"service" doc:"Service of lines that name none. Default: from the file's name."`
	Tail      *int           `yaml:"tail" doc:"How many lines of the past are read at the start, of each file. Default 1000."`
	Multiline string         `yaml:"multiline" doc:"auto: indented lines and stack traces belong to the line before; off; or a regular expression that begins a record. Default auto."`
	Zone      string         `yaml:"zone" doc:"Time zone of times without one, such as Europe/Berlin. Default: the machine's."`
}

// Driver follows the files of one pattern.
type Driver struct {
	pattern string
	opt     Options
	tail    int
	parser  logline.Parser
	begins  func(line string) bool // nil: every line is a record
	stdin   io.Reader              // instead of files
}

// Kind is files as a source of a configuration.
func Kind() driver.Kind {
	return driver.Kind{Name: "file", Help: "Log files, followed through rotation.", Signals: []string{"logs"}, Schema: &Options{},
		Open: func(s driver.Settings) (driver.Driver, error) { return open(s, nil) }}
}

// Stdin is standard input as a source of a configuration. It can be read by one source only.
func Stdin() driver.Kind {
	return driver.Kind{Name: "stdin", Help: "Lines of standard input; the address is -.", Signals: []string{"logs"}, Schema: &Options{},
		Open: func(s driver.Settings) (driver.Driver, error) { return open(s, os.Stdin) }}
}

func open(s driver.Settings, stdin io.Reader) (*Driver, error) {
	d := &Driver{pattern: s.Address, stdin: stdin, tail: defaultTail}
	if s.Options != nil {
		s.Options.Decode(&d.opt)
		if err := s.Options.Err(); err != nil {
			return nil, errors.New("options are wrong") // they are reported where they stand
		}
	}
	if d.opt.Tail != nil {
		d.tail = max(*d.opt.Tail, 0)
	}
	if _, err := filepath.Match(d.pattern, ""); err != nil {
		return nil, fmt.Errorf("address: %q is no pattern of files: %w", d.pattern, err)
	}
	d.parser = logline.Parser{Format: d.opt.Format, Service: d.opt.Service, Rename: s.Rename}
	if d.opt.Zone != "" {
		zone, err := time.LoadLocation(d.opt.Zone)
		if err != nil {
			return nil, fmt.Errorf("options.zone: %q is not known here", d.opt.Zone)
		}
		d.parser.Zone = zone
	}
	switch m := d.opt.Multiline; m {
	case "", "auto":
		d.begins = begins
	case "off":
	default:
		re, err := regexp.Compile(m)
		if err != nil {
			return nil, fmt.Errorf("options.multiline: %w", err)
		}
		d.begins = re.MatchString
	}
	return d, nil
}

// begins reports that a line begins a record: it is not indented, and not one of those with which stack traces go on.
func begins(line string) bool {
	if line == "" {
		return true
	}
	switch line[0] {
	case ' ', '\t':
		return false
	case '}', ')':
		return len(line) > 2
	}
	for _, p := range []string{"Caused by: ", "Traceback (", "... ", "goroutine ", "During handling of ", "The above exception "} {
		if strings.HasPrefix(line, p) {
			return false
		}
	}
	return true
}

// Run follows the files until ctx ends. Files that come later are followed from their beginning. A pattern that fits
// nothing yet is waited for; a file that is named outright must be there.
func (d *Driver) Run(ctx context.Context, emit func(signal.Batch)) error {
	if d.stdin != nil {
		return d.runStdin(ctx, emit)
	}
	f := follower{d: d, open: map[string]*tailed{}, emit: emit}
	defer f.close()
	if err := f.find(true); err != nil {
		return err
	}
	look, glob := time.NewTicker(lookEvery), time.NewTicker(globEvery)
	defer look.Stop()
	defer glob.Stop()
	for {
		if err := f.look(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case <-glob.C:
			if err := f.find(false); err != nil {
				return err
			}
		}
	}
}

// follower is one Run.
type follower struct {
	d     *Driver
	open  map[string]*tailed
	emit  func(signal.Batch)
	batch signal.Batch
}

// files are those that the pattern fits now.
func (d *Driver) files() ([]string, error) {
	found, err := filepath.Glob(d.pattern)
	if err != nil {
		return nil, fmt.Errorf("follow %s: %w", d.pattern, err)
	}
	if len(found) == 0 && !strings.ContainsAny(d.pattern, "*?[") {
		_, err := os.Stat(d.pattern)
		return nil, fmt.Errorf("follow %s: %w", d.pattern, errors.Join(errors.Unwrap(err), missing(err)))
	}
	if len(found) > maxFiles {
		return nil, fmt.Errorf("follow %s: %d files fit, %d can be followed: narrow the pattern", d.pattern, len(found), maxFiles)
	}
	return found, nil
}

func missing(err error) error {
	if err == nil {
		return errors.New("it came and went")
	}
	return nil
}

// find opens the files that are not open yet: those that are there at the start near their end, later ones from the
// beginning.
func (f *follower) find(first bool) error {
	found, err := f.d.files()
	if err != nil {
		if !first && len(f.open) > 0 {
			return nil // it is being rotated
		}
		return err
	}
	for _, path := range found {
		if f.open[path] != nil {
			continue
		}
		t, err := f.d.tailed(path, first)
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				continue // gone between the two looks
			}
			return err
		}
		if t != nil {
			f.open[path] = t
		}
	}
	for path, t := range f.open {
		if !slices.Contains(found, path) && t.idle() {
			t.close()
			delete(f.open, path)
		}
	}
	return nil
}

// look reads what was appended to every file, and emits it.
func (f *follower) look(ctx context.Context) error {
	for path, t := range f.open {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = t.read(f.take); err != nil {
				return fmt.Errorf("follow %s: %w", path, err)
			}
			f.flush()
		}
	}
	return nil
}

func (f *follower) take(r signal.Record) {
	f.batch.Logs = append(f.batch.Logs, r)
	if len(f.batch.Logs) >= maxBatch {
		f.flush()
	}
}

func (f *follower) flush() {
	if len(f.batch.Logs) > 0 {
		f.emit(f.batch)
		f.batch = signal.Batch{}
	}
}

func (f *follower) close() {
	for _, t := range f.open {
		t.close()
	}
}

// Check says for the doctor whether the files are there and can be read, and whether their lines carry trace IDs.
func (d *Driver) Check(context.Context) []driver.Finding {
	if d.stdin != nil {
		return []driver.Finding{{Name: "reachable", State: driver.FindingGood, Says: "standard input is always there"}}
	}
	found, err := d.files()
	if err != nil {
		return []driver.Finding{{Name: "reachable", State: driver.FindingBad, Says: err.Error(), Advice: "correct the path, or wait until the file is there"}}
	}
	if len(found) == 0 {
		return []driver.Finding{{Name: "reachable", State: driver.FindingPoor, Says: "no file fits " + d.pattern + " yet"}}
	}
	var lines examine.Lines
	for _, path := range found {
		t, err := d.tailed(path, true)
		if err != nil {
			return []driver.Finding{{Name: "reachable", State: driver.FindingBad, Says: err.Error(), Advice: "let the user that gameday runs as read it"}}
		}
		if t == nil {
			continue
		}
		_, err = t.read(lines.Add)
		t.lines.end(time.Now(), lines.Add)
		t.close()
		if err != nil {
			return []driver.Finding{{Name: "reachable", State: driver.FindingBad, Says: err.Error()}}
		}
	}
	out := []driver.Finding{{Name: "reachable", State: driver.FindingGood, Says: fmt.Sprintf("files that can be read: %d", len(found))}}
	return append(out, lines.Finding())
}
