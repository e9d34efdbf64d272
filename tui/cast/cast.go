// Package cast writes what a terminal shows as asciicast v2 (docs.asciinema.org/manual/asciicast/v2): one JSON value a
// line, the header first, then [seconds, "o", output], [seconds, "r", "120x35"] when the terminal changes its size, and
// [seconds, "m", label] at what a viewer wants to find. What is typed is not written.
package cast

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
	"unicode/utf8"
)

// Header says what a cast shows.
type Header struct {
	Width, Height int
	Title         string
	Term          string // the value of TERM
}

// Writer writes a cast. Its methods may be called from any goroutine. The file holds everything up to a second before a crash.
type Writer struct {
	mu     sync.Mutex
	file   *os.File
	out    *bufio.Writer
	began  time.Time
	flush  *time.Timer // a second after the first event that the file does not have yet; nil when it has all
	rest   []byte      // of a character that comes in two writes
	size   [2]int
	err    error
	closed bool
}

// Create begins a cast in a new file that only its owner may read. A file that is there already is left alone.
func Create(path string, h Header) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("cast to %s: there is such a file already: give another name, or remove it", path)
	}
	if err != nil {
		return nil, fmt.Errorf("cast: %w", err)
	}
	w := &Writer{file: f, out: bufio.NewWriterSize(f, 64<<10), began: time.Now(), size: [2]int{h.Width, h.Height}}
	head := struct {
		Version   int               `json:"version"`
		Width     int               `json:"width"`
		Height    int               `json:"height"`
		Timestamp int64             `json:"timestamp"`
		Title     string            `json:"title,omitempty"`
		Env       map[string]string `json:"env,omitempty"`
	}{2, h.Width, h.Height, w.began.Unix(), h.Title, nil}
	if h.Term != "" {
		head.Env = map[string]string{"TERM": h.Term}
	}
	w.line(head)
	if w.err == nil { // at once: a file that cannot be written is told of before anybody plays for it
		w.err = w.out.Flush()
	}
	if w.err != nil {
		return nil, errors.Join(fmt.Errorf("cast to %s: %w", path, w.err), f.Close(), os.Remove(path))
	}
	return w, nil
}

// line writes one value. The lock is held, or nobody else has the writer yet.
func (w *Writer) line(v any) {
	if w.err != nil {
		return
	}
	data, err := json.Marshal(v)
	if err == nil {
		_, err = w.out.Write(append(data, '\n'))
	}
	w.err = err
}

// event writes one of the cast's three kinds. The file has it a second later, also when nothing follows.
func (w *Writer) event(kind, text string) {
	w.line([]any{json.Number(fmt.Sprintf("%.6f", time.Since(w.began).Seconds())), kind, text})
	if w.flush == nil && !w.closed {
		w.flush = time.AfterFunc(time.Second, w.late)
	}
}

// late gives the file what it does not have yet.
func (w *Writer) late() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.flush = nil; w.closed || w.err != nil {
		return
	}
	w.err = w.out.Flush()
}

// Output keeps what was sent to the terminal.
func (w *Writer) Output(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	data := append(w.rest, p...)
	whole := len(data) - partial(data)
	w.rest = append([]byte(nil), data[whole:]...)
	if whole > 0 {
		w.event("o", string(data[:whole]))
	}
}

// partial is how many bytes at the end begin a character that is not there yet.
func partial(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if b := p[len(p)-n]; utf8.RuneStart(b) {
			if b >= utf8.RuneSelf && !utf8.FullRune(p[len(p)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

// Resize keeps that the terminal has another size.
func (w *Writer) Resize(width, height int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if size := [2]int{width, height}; size != w.size && !w.closed {
		w.size = size
		w.event("r", fmt.Sprintf("%dx%d", width, height))
	}
}

// Mark keeps that something happened that a viewer wants to find.
func (w *Writer) Mark(label string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.event("m", label)
	}
}

// Close writes what is left. Its error is the first that the file gave.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	if w.flush != nil {
		w.flush.Stop()
	}
	if len(w.rest) > 0 {
		w.event("o", string(w.rest))
	}
	err := w.err
	if err == nil {
		err = w.out.Flush()
	}
	err = errors.Join(err, w.file.Close())
	if err != nil {
		return fmt.Errorf("cast to %s: %w", w.file.Name(), err)
	}
	return nil
}
