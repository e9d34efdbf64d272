// Package requests writes every single request of a run to a file, without keeping the run waiting.
package requests

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"gameday/engine/load"
)

// Encoder is a format. Its methods are called by one goroutine.
type Encoder interface {
	Begin(dst []byte) []byte                        // what comes before the first request
	Append(dst []byte, r *load.RequestLog) []byte   // one request; it may append nothing for one that has no place in the format
	End(dst []byte, written, dropped uint64) []byte // what comes after the last one
}

const (
	stripes   = 16 // requests of different users are put down under different locks
	batchSize = 256
	waiting   = 256 // batches: 65,536 requests
	flushing  = 250 * time.Millisecond
)

// Writer takes requests from many goroutines and writes them from one of its own. What it cannot write in time is
// dropped, and counted: a slow disk must not make a target look slow. It holds 70,000 requests at most.
type Writer struct {
	out     *bufio.Writer
	encoder Encoder
	stripes [stripes]stripe
	full    chan []load.RequestLog
	free    chan []load.RequestLog
	dropped atomic.Uint64
	written uint64
	failure error
	ended   chan struct{}
	done    chan struct{}
}

type stripe struct {
	mu    sync.Mutex
	batch []load.RequestLog
	_     [32]byte // a cache line of its own
}

// NewWriter begins to write to out, which stays the caller's to close after Close.
func NewWriter(out io.Writer, e Encoder) *Writer {
	w := &Writer{
		out: bufio.NewWriterSize(out, 256<<10), encoder: e, full: make(chan []load.RequestLog, waiting),
		free: make(chan []load.RequestLog, waiting), ended: make(chan struct{}), done: make(chan struct{}),
	}
	go w.main()
	return w
}

// Put takes a request; it is what load.Options.Each wants. It never waits for the file.
func (w *Writer) Put(r load.RequestLog) {
	s := &w.stripes[r.User%stripes]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.batch == nil {
		s.batch = w.fresh()
	}
	s.batch = append(s.batch, r)
	if len(s.batch) < batchSize {
		return
	}
	select {
	case w.full <- s.batch:
		s.batch = nil
	default:
		w.dropped.Add(batchSize)
		clear(s.batch)
		s.batch = s.batch[:0]
	}
}

func (w *Writer) fresh() []load.RequestLog {
	select {
	case b := <-w.free:
		return b
	default:
		return make([]load.RequestLog, 0, batchSize)
	}
}

func (w *Writer) main() {
	defer close(w.done)
	buf := w.write(w.encoder.Begin(nil))
	timer := time.NewTicker(flushing)
	defer timer.Stop()
	for {
		select {
		case b := <-w.full:
			buf = w.batch(buf, b)
		case <-timer.C:
			buf = w.collect(buf)
		case <-w.ended:
			for len(w.full) > 0 {
				buf = w.batch(buf, <-w.full)
			}
			buf = w.collect(buf)
			w.write(w.encoder.End(buf[:0], w.written, w.dropped.Load()))
			return
		}
	}
}

// collect takes the batches that are not full.
func (w *Writer) collect(buf []byte) []byte {
	for i := range w.stripes {
		s := &w.stripes[i]
		s.mu.Lock()
		b := s.batch
		s.batch = nil
		s.mu.Unlock()
		if len(b) > 0 {
			buf = w.batch(buf, b)
		}
	}
	return buf
}

func (w *Writer) batch(buf []byte, b []load.RequestLog) []byte {
	buf = buf[:0]
	var n uint64
	for i := range b {
		before := len(buf)
		buf = w.encoder.Append(buf, &b[i])
		if len(buf) > before {
			n++
		}
	}
	buf = w.write(buf)
	if w.failure != nil {
		w.dropped.Add(n)
	} else {
		w.written += n
	}
	clear(b)
	select {
	case w.free <- b[:0]:
	default:
	}
	return buf
}

// write keeps the first error until the end: a full disk does not end a load test.
func (w *Writer) write(b []byte) []byte {
	if w.failure == nil {
		_, w.failure = w.out.Write(b)
	}
	return b
}

// Close writes what is left, once no Put is under way any more, and returns how many requests were written and how many
// were not.
func (w *Writer) Close() (written, dropped uint64, err error) {
	close(w.ended)
	<-w.done
	if err = errors.Join(w.failure, w.out.Flush()); err != nil {
		err = fmt.Errorf("write requests: %w", err)
	}
	return w.written, w.dropped.Load(), err
}
