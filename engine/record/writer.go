package record

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/prometheus/model/labels"

	"gameday/sources/signal"
)

// The writer's rhythm and bounds.
const (
	sampleEvery = 250 * time.Millisecond // between two looks at the states
	flushEvery  = time.Second
	chapterRaw  = 64 << 20 // unpacked, after which a chapter ends
	maxPending  = 32 << 20 // unpacked, that waits for the disk; what comes on top is lost and counted
)

// Config says what to record. Everything in it but Meta may be nil.
type Config struct {
	Meta Meta
	// Home is the home directory of whoever records; it is written as ~. "" is none.
	Home string
	// State is asked four times a second.
	State func() State
	// Events are all that the timeline holds: for the beginning of a chapter.
	Events func() []signal.Event
	// Failed is told once when the file cannot be written any more. The session goes on without it.
	Failed func(error)

	chapterRaw int64 // for tests; 0 is the constant's value
	pending    int
	every      time.Duration
}

// Writer records into a file. Its methods may be called from any goroutine; they only encode into memory, and the file is
// written about once a second, so that a crash loses no more than that. It is synced when it is closed.
type Writer struct {
	cfg  Config
	file *os.File
	zip  *zstd.Encoder
	out  bytes.Buffer // where zip writes
	buf  []byte       // a block on its way

	mu      sync.Mutex
	enc     encoder
	sampler sampler
	answers answers
	raw     int64 // of the chapter, as far as it was taken
	begins  bool  // the next block begins a chapter
	first   time.Time
	lost    uint64 // since it was last told
	losses  uint64
	failed  error
	closed  bool

	written int64
	ask     chan chan struct{} // to write at once
	stop    chan struct{}
	done    chan struct{}
}

// Create begins a recording in a new file that only its owner may read. A file that is there already is left alone.
func Create(path string, cfg Config) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("record to %s: there is such a file already: give another name, or remove it", path)
	}
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	w := &Writer{cfg: cfg, file: f, ask: make(chan chan struct{}), stop: make(chan struct{}), done: make(chan struct{})}
	w.enc.private = newRedactor(cfg.Home)
	w.enc.private.meta(&cfg.Meta)
	if w.cfg.chapterRaw == 0 {
		w.cfg.chapterRaw = chapterRaw
	}
	if w.cfg.pending == 0 {
		w.cfg.pending = maxPending
	}
	if w.cfg.every == 0 {
		w.cfg.every = flushEvery
	}
	w.zip, err = zstd.NewWriter(&w.out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault),
		zstd.WithWindowSize(maxWindow), zstd.WithEncoderCRC(false))
	if err == nil {
		_, err = f.Write(fileHead(cfg.Meta))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("record to %s: %w", path, err), f.Close(), os.Remove(path))
	}
	w.begin(time.Now())
	go w.run()
	return w, nil
}

// Batch records logs and spans. Metrics come through Sample, events through Event.
func (w *Writer) Batch(b signal.Batch) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range b.Logs {
		if w.room() {
			r := b.Logs[i]
			w.enc.private.record(&r)
			w.enc.log(&r, now)
		}
	}
	for i := range b.Spans {
		if w.room() && !b.Spans[i].TraceID.IsZero() {
			s := b.Spans[i]
			w.enc.private.span(&s)
			w.enc.span(&s, now)
		}
	}
}

// Sample records one sample that was kept, with its exemplars. key is the same for all samples of a series.
func (w *Writer) Sample(key uint64, ls labels.Labels, ms int64, v float64, exemplars []signal.Exemplar) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.room() {
		w.enc.sample(key, ls, ms, v, exemplars)
	}
}

// Event records an entry of the timeline, with its ID. The same ID may come again.
func (w *Writer) Event(e signal.Event) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.room() {
		w.enc.private.event(&e)
		w.enc.event(now, e)
	}
}

// Bytes is how much was written so far.
func (w *Writer) Bytes() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written
}

// Lost is how many signals were not recorded because the disk did not keep up, or could not be written any more, or, of what a remote
// system answered, because there were too many series: then it is points, each counted once, of up to 65,536 series.
func (w *Writer) Lost() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.losses
}

// room reports whether there is room for one signal more, and counts it as lost when there is none. The lock is held.
func (w *Writer) room() bool {
	if w.closed {
		return false
	}
	if w.failed != nil || len(w.enc.buf) > w.cfg.pending {
		w.lost++
		w.losses++
		return false
	}
	return true
}

// begin starts a chapter with what must be known at its start. The lock is held, or nobody else has the writer yet.
func (w *Writer) begin(now time.Time) {
	w.raw, w.begins = 0, true
	w.sampler, w.answers = sampler{private: w.enc.private}, w.answers.next()
	w.enc.reset(now)
}

// keyframe repeats the timeline and the states. They are asked for without the lock: whoever answers may be recording.
func (w *Writer) keyframe() {
	var events []signal.Event
	if w.cfg.Events != nil {
		events = w.cfg.Events()
	}
	w.mu.Lock()
	at := time.Unix(0, w.enc.base)
	for i := range events {
		w.enc.private.event(&events[i])
		w.enc.event(at, events[i])
	}
	w.mu.Unlock()
	w.sample()
}

func (w *Writer) sample() {
	if w.cfg.State == nil {
		return
	}
	s := w.cfg.State()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil && len(w.enc.buf) <= 2*w.cfg.pending {
		w.sampler.sample(&w.enc, time.Now(), s)
	}
}

func (w *Writer) run() {
	defer close(w.done)
	w.keyframe()
	look, flush := time.NewTicker(sampleEvery), time.NewTicker(w.cfg.every)
	defer look.Stop()
	defer flush.Stop()
	for {
		select {
		case <-w.stop:
			w.sample()
			w.flush(true)
			return
		case <-look.C:
			w.sample()
		case <-flush.C:
			w.flush(false)
		case written := <-w.ask:
			w.sample()
			w.flush(false)
			close(written)
		}
	}
}

// Flush writes what was recorded so far, without waiting for the second to be over.
func (w *Writer) Flush() {
	written := make(chan struct{})
	select {
	case w.ask <- written:
		<-written
	case <-w.done:
	}
}

// flush writes what has come together as one block, and begins another chapter when this one is long enough.
func (w *Writer) flush(last bool) {
	now := time.Now()
	w.mu.Lock()
	if w.lost > 0 && w.failed == nil {
		w.enc.event(now, signal.Event{ID: 1<<63 | uint64(now.UnixNano()), Start: now, Kind: signal.EventSource, Outcome: signal.Warning,
			Title: fmt.Sprintf("recording lost %d signals", w.lost), Detail: "the disk did not keep up"})
		w.lost = 0
	}
	begins, first := w.begins, w.first
	raw := w.enc.take()
	if begins {
		first = time.Unix(0, w.enc.base)
	}
	w.first, w.begins = now, false
	w.raw += int64(len(raw))
	ends := last || w.raw >= w.cfg.chapterRaw
	if ends {
		w.begin(now)
	}
	failed := w.failed
	w.mu.Unlock()
	if failed != nil {
		return
	}
	if err := w.write(block{begins: begins, raw: uint32(len(raw)), first: first.UnixNano(), last: now.UnixNano()}, raw, ends); err != nil {
		w.fail(err)
		return
	}
	if ends && !last {
		w.keyframe()
	}
}

// write packs and writes one block.
func (w *Writer) write(b block, raw []byte, ends bool) error {
	if b.begins {
		w.out.Reset()
		w.zip.Reset(&w.out)
	}
	_, err := w.zip.Write(raw)
	if err == nil && ends {
		err = w.zip.Close()
	} else if err == nil {
		err = w.zip.Flush()
	}
	if err != nil {
		return err
	}
	b.payload = w.out.Bytes()
	w.buf = b.append(w.buf[:0])
	w.out.Reset()
	n, err := w.file.Write(w.buf)
	w.mu.Lock()
	w.written += int64(n)
	w.mu.Unlock()
	return err
}

// fail gives the file up; what was written so far can be replayed.
func (w *Writer) fail(err error) {
	w.mu.Lock()
	w.failed = fmt.Errorf("record to %s: %w; what was written so far can be replayed", w.file.Name(), err)
	w.enc.buf = nil
	err = w.failed
	w.mu.Unlock()
	if w.cfg.Failed != nil {
		w.cfg.Failed(err)
	}
}

// Close writes what is left, syncs the file and closes it. Its error is the first that the file gave.
func (w *Writer) Close() error {
	w.mu.Lock()
	again := w.closed
	w.closed = true
	w.mu.Unlock()
	if again {
		<-w.done
		return nil
	}
	close(w.stop)
	<-w.done
	errs := []error{w.failed}
	if err := w.file.Sync(); err != nil && w.failed == nil {
		errs = append(errs, fmt.Errorf("record to %s: %w", w.file.Name(), err))
	}
	return errors.Join(append(errs, w.file.Close())...)
}
