package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"gameday/sources/driver"
	"gameday/sources/signal"
)

const (
	maxScan      = 1 << 30 // bytes of all files that one query reads
	defaultLimit = 1000
)

// Query searches the files, and those that were rotated away beside them (.1, .2.gz, -20260101), for lines that hold an ID
// in any of its forms, or a text. The newest lines win when there are more than the limit.
func (d *Driver) Query(ctx context.Context, q driver.Query) (driver.Answer, error) {
	if d.stdin != nil {
		return driver.Answer{}, nil // what was read of it is in the memory
	}
	files, err := d.withRotated()
	if err != nil {
		return driver.Answer{}, err
	}
	s := search{d: d, q: q, limit: q.Limit, left: maxScan}
	if s.limit <= 0 {
		s.limit = defaultLimit
	}
	if id, ok := q.ID.TraceID(); ok {
		for _, form := range id.Forms() {
			s.words = append(s.words, []byte(form))
		}
	} else if q.ID != "" {
		s.words = append(s.words, []byte(q.ID))
	}
	if q.Text != "" {
		s.text = []byte(q.Text)
	}
	for _, path := range files {
		if err := s.file(ctx, path); err != nil {
			if ctx.Err() != nil {
				return s.answer, fmt.Errorf("search %s: %w", path, ctx.Err())
			}
			s.answer.Warnings = append(s.answer.Warnings, err.Error())
		}
	}
	sort.SliceStable(s.answer.Logs, func(i, j int) bool { return s.answer.Logs[i].Time.Before(s.answer.Logs[j].Time) })
	if n := len(s.answer.Logs); n > s.limit {
		s.answer.Logs, s.answer.Truncated = s.answer.Logs[n-s.limit:], true
	}
	return s.answer, nil
}

// withRotated are the files of the pattern and what rotation has left beside them, the newest first.
func (d *Driver) withRotated() ([]string, error) {
	found, err := d.files()
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var out []string
	for _, path := range found {
		beside, err := filepath.Glob(escape(path) + `[.\-]*`)
		if err != nil {
			return nil, fmt.Errorf("search beside %s: %w", path, err)
		}
		for _, p := range append([]string{path}, beside...) {
			if !seen[p] {
				seen[p] = true
				out = append(out, p)
			}
		}
	}
	return out, nil
}

// escape makes a path a pattern for itself.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// search is one query.
type search struct {
	d      *Driver
	q      driver.Query
	words  [][]byte // one of which a line must hold
	text   []byte
	limit  int
	left   int64
	answer driver.Answer
}

func (s *search) file(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err // os names the path
	}
	defer f.Close() // it is only read
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		r = z
	}
	parser := s.d.parser
	if parser.Service == "" {
		parser.Service = serviceOf(path)
	}
	l := lines{parser: parser, begins: s.d.begins}
	buf := make([]byte, readSize)
	now := fileTime(f)
	for ctx.Err() == nil {
		if s.left <= 0 {
			s.answer.Truncated = true
			return nil
		}
		n, err := r.Read(buf)
		s.left -= int64(n)
		if s.worth(buf[:n], &l) {
			l.feed(buf[:n], now, s.take)
		} else {
			l.release(s.take)
			l.skip(buf[:n])
		}
		if errors.Is(err, io.EOF) {
			l.end(now, s.take)
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
	return ctx.Err()
}

// worth reports that a piece may hold what is looked for. Most do not, and taking them apart is what costs.
func (s *search) worth(piece []byte, l *lines) bool {
	if len(s.words) == 0 && s.text == nil {
		return true
	}
	for _, w := range append(s.words, s.text) {
		if len(w) > 0 && (bytes.Contains(piece, w) || bytes.Contains(append(bytes.Clone(l.part), piece[:min(len(piece), len(w))]...), w)) {
			return true
		}
	}
	return false
}

func (s *search) take(r signal.Record) {
	if w := s.q.Window; !w.To.IsZero() && !w.Contains(r.Time) {
		return
	}
	if len(s.words) > 0 && !s.holds(r, s.words...) || s.text != nil && !s.holds(r, s.text) {
		return
	}
	s.answer.Logs = append(s.answer.Logs, r)
	if len(s.answer.Logs) >= 4*s.limit { // keep what is bounded bounded
		sort.SliceStable(s.answer.Logs, func(i, j int) bool { return s.answer.Logs[i].Time.Before(s.answer.Logs[j].Time) })
		s.answer.Logs, s.answer.Truncated = append([]signal.Record(nil), s.answer.Logs[3*s.limit:]...), true
	}
}

// holds reports that a record has one of the words anywhere.
func (s *search) holds(r signal.Record, words ...[]byte) bool {
	for _, word := range words {
		w := string(word)
		if strings.Contains(r.Body, w) || r.TraceID.String() == w {
			return true
		}
		for _, a := range r.Attrs {
			if strings.Contains(a.Value, w) {
				return true
			}
		}
	}
	return false
}
