package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"gameday/sources/logline"
	"gameday/sources/signal"
)

const (
	readSize = 256 << 10
	tailBack = 4 << 20 // how far back the lines of the past are looked for
)

// tailed is one file that is followed. It stays open when its name moves on, until it is read to its end.
type tailed struct {
	path   string
	file   *os.File
	offset int64
	lines  lines
	buf    []byte
}

// tailed opens a file. With back it begins as many lines before the end as the options say. nil is what is no file.
func (d *Driver) tailed(path string, back bool) (*tailed, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // os names the path
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, f.Close())
	}
	t := &tailed{path: path, file: f, buf: make([]byte, 0, 4096)}
	if back {
		if t.offset, err = lastLines(f, info.Size(), d.tail); err != nil {
			return nil, errors.Join(fmt.Errorf("read the end of %s: %w", path, err), f.Close())
		}
	}
	parser := d.parser
	if parser.Service == "" {
		parser.Service = serviceOf(path)
	}
	t.lines = lines{parser: parser, begins: d.begins}
	return t, nil
}

// containerFile is how Kubernetes names the files of containers: pod_namespace_container-id.log.
var containerFile = regexp.MustCompile(`^[^_]+_[^_]+_(.+)-[0-9a-f]{64}\.log$`)

// serviceOf is the service that a file's name tells.
func serviceOf(path string) string {
	base := filepath.Base(path)
	if m := containerFile.FindStringSubmatch(base); m != nil {
		return m[1]
	}
	if dir := filepath.Dir(path); strings.Contains(dir, "/pods/") && strings.Trim(strings.TrimSuffix(base, ".log"), "0123456789") == "" {
		return filepath.Base(dir) // /var/log/pods/namespace_pod_uid/container/0.log
	}
	name, _, _ := strings.Cut(base, ".")
	if name == "" {
		return base
	}
	return name
}

// lastLines is where the last n lines begin.
func lastLines(f *os.File, size int64, n int) (int64, error) {
	if n == 0 {
		return size, nil
	}
	var buf [64 << 10]byte
	for end := size; end > 0 && size-end < tailBack; {
		from := max(end-int64(len(buf)), 0)
		part := buf[:end-from]
		if _, err := f.ReadAt(part, from); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for i := len(part) - 1; i >= 0; i-- {
			if part[i] != '\n' || from+int64(i) == size-1 {
				continue
			}
			if n--; n == 0 {
				return from + int64(i) + 1, nil
			}
		}
		end = from
	}
	return max(0, size-tailBack), nil
}

// read takes what was appended, at most one buffer; more says that there may be more. When nothing was, it looks whether
// the file was cut off or another one has taken its name.
func (t *tailed) read(take func(signal.Record)) (more bool, err error) {
	if cap(t.buf) < readSize {
		t.buf = make([]byte, readSize)
	}
	n, err := t.file.ReadAt(t.buf[:cap(t.buf)], t.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	now := time.Now()
	if n > 0 {
		t.offset += int64(n)
		t.lines.feed(t.buf[:n], now, take)
		return true, nil
	}
	t.lines.rest(take)
	t.buf = nil // hundreds of files lie still
	return t.moved(take)
}

// moved looks whether the file was truncated or rotated away.
func (t *tailed) moved(take func(signal.Record)) (more bool, err error) {
	info, err := t.file.Stat()
	if err != nil {
		return false, err
	}
	if info.Size() < t.offset { // copied and truncated, or written anew
		t.offset = 0
		t.lines.end(time.Now(), take)
		return true, nil
	}
	named, err := os.Stat(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // its successor is not there yet
	}
	if err != nil {
		return false, err
	}
	if os.SameFile(info, named) || info.Size() > t.offset {
		return info.Size() > t.offset, nil
	}
	next, err := os.Open(t.path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	t.lines.end(time.Now(), take)
	old := t.file
	t.file, t.offset = next, 0
	return true, old.Close()
}

// idle reports that all of it was read.
func (t *tailed) idle() bool {
	info, err := t.file.Stat()
	return err != nil || info.Size() <= t.offset
}

func (t *tailed) close() { _ = t.file.Close() } // it was only read

// lines puts pieces of text together to lines, and lines to records.
type lines struct {
	parser  logline.Parser
	begins  func(string) bool
	part    []byte // of a line whose end has not come; what is too long of it is left out
	held    []byte // a record that may go on in the next line
	holding bool
	at      time.Time
	partial []byte // of a line that its container runtime cut in parts
}

// feed takes the next piece of text.
func (l *lines) feed(text []byte, now time.Time, take func(signal.Record)) {
	for len(text) > 0 {
		i := bytes.IndexByte(text, '\n')
		piece := text
		if i >= 0 {
			piece = text[:i]
		}
		if room := maxLine - len(l.part); len(piece) > room {
			piece = piece[:room]
		}
		l.part = append(l.part, piece...)
		if i < 0 {
			return
		}
		l.line(string(bytes.TrimSuffix(l.part, []byte{'\r'})), now, take)
		l.part = l.part[:0]
		text = text[i+1:]
	}
}

// line takes a whole line.
func (l *lines) line(s string, now time.Time, take func(signal.Record)) {
	if l.begins == nil {
		l.record(s, now, take)
		return
	}
	if l.holding && !l.begins(s) {
		if len(l.held)+len(s) < maxLine {
			l.held = append(append(l.held, '\n'), s...)
		}
		return
	}
	l.release(take)
	l.held, l.holding, l.at = append(l.held[:0], s...), true, now
}

func (l *lines) release(take func(signal.Record)) {
	if l.holding {
		l.holding = false
		l.record(string(l.held), l.at, take)
	}
}

func (l *lines) record(s string, now time.Time, take func(signal.Record)) {
	if strings.TrimSpace(s) == "" {
		return
	}
	r, partial := l.parser.Parse(s, now)
	if partial && len(l.partial)+len(r.Body) < maxLine {
		l.partial = append(l.partial, r.Body...)
		return
	}
	if len(l.partial) > 0 {
		whole := string(l.partial) + r.Body
		l.partial = l.partial[:0]
		inner := l.parser
		inner.Format = logline.Auto
		again, _ := inner.Parse(whole, r.Time)
		again.Attrs = append(again.Attrs, r.Attrs...)
		r = again
	}
	take(r)
}

// skip passes over a piece in which nothing is looked for, but for the beginning of a line at its end.
func (l *lines) skip(text []byte) {
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		text, l.part = text[i+1:], l.part[:0]
	}
	if room := maxLine - len(l.part); len(text) > room {
		text = text[:room]
	}
	l.part = append(l.part, text...)
}

// fileTime is when a file was written last: the time of lines that have none.
func fileTime(f *os.File) time.Time {
	if info, err := f.Stat(); err == nil {
		return info.ModTime()
	}
	return time.Now()
}

// rest lets go of a record that nothing has followed up to now.
func (l *lines) rest(take func(signal.Record)) { l.release(take) }

// end lets go of everything: the text has ended.
func (l *lines) end(now time.Time, take func(signal.Record)) {
	if len(l.part) > 0 {
		l.line(string(l.part), now, take)
		l.part = l.part[:0]
	}
	l.release(take)
}

// runStdin reads standard input to its end, and then does nothing until ctx ends: what was read stays on the screen. A read
// cannot be taken back, so its goroutine is left behind when ctx ends first; what it still gets goes nowhere.
func (d *Driver) runStdin(ctx context.Context, emit func(signal.Batch)) error {
	pieces, failed := make(chan []byte), make(chan error, 1)
	go func() {
		for {
			buf := make([]byte, 64<<10)
			n, err := d.stdin.Read(buf)
			if n > 0 {
				select {
				case pieces <- buf[:n]:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				failed <- err
				return
			}
		}
	}()
	parser := d.parser
	if parser.Service == "" {
		parser.Service = "stdin"
	}
	f := follower{d: d, emit: emit}
	l := lines{parser: parser, begins: d.begins}
	quiet := time.NewTicker(lookEvery)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case text := <-pieces:
			l.feed(text, time.Now(), f.take)
		case <-quiet.C:
			l.rest(f.take)
		case err := <-failed:
			l.end(time.Now(), f.take)
			f.flush()
			if !errors.Is(err, io.EOF) {
				return fmt.Errorf("read standard input: %w", err)
			}
			<-ctx.Done()
			return nil
		}
		f.flush()
	}
}
