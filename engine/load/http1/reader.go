package http1

import (
	"bytes"
	"errors"
	"io"
)

// Limits on what a target may make us hold or do. Everything else it can waste is bounded by the request's timeout.
const (
	bufferStart  = 4 << 10
	bufferLarge  = 64 << 10 // for bodies that are read in bulk
	maxLine      = 32 << 10
	maxHead      = 128 << 10
	maxLines     = 512
	maxInterim   = 8 // 1xx answers before the real one
	maxEmptyRead = 64
)

// formatError is an answer that is not HTTP. It never quotes what the target sent.
type formatError string

func (e formatError) Error() string { return string(e) }

const (
	errLineTooLong = formatError("bad response: a line is longer than 32 KiB")
	errControl     = formatError("bad response: a line holds a control character")
	errBareLF      = formatError("bad response: a chunk's or trailer's line does not end in CR LF")
)

// errTruncated is the end of the stream in the middle of an answer, or in place of one.
var errTruncated = errors.New("connection closed before the answer was complete")

// reader is the buffer between a connection and the parser. It is used for one answer after the other.
type reader struct {
	src    io.Reader
	buf    []byte
	r, w   int
	total  int64 // bytes received since begin
	parser parser
}

// begin starts a new answer. What is left in the buffer stays.
func (r *reader) begin() { r.total = int64(r.w - r.r) }

// buffered is how much was received and not yet used.
func (r *reader) buffered() int { return r.w - r.r }

// reset forgets everything, for a new connection.
func (r *reader) reset(src io.Reader) { r.src, r.r, r.w, r.total = src, 0, 0, 0 }

// fill reads at least one byte more. It moves what is buffered.
func (r *reader) fill() error {
	if r.r == r.w {
		r.r, r.w = 0, 0
	}
	if r.w == len(r.buf) {
		r.makeRoom()
	}
	for range maxEmptyRead {
		n, err := r.src.Read(r.buf[r.w:])
		if n > 0 {
			r.w += n
			r.total += int64(n)
			return nil
		}
		if err == io.EOF {
			return errTruncated
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

func (r *reader) makeRoom() {
	if r.r > 0 {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
		return
	}
	grown := make([]byte, max(2*len(r.buf), bufferStart))
	r.w = copy(grown, r.buf[:r.w])
	r.buf = grown
}

// read reads one whole answer, body included. head says that the request's method was HEAD. On an error nothing further
// can be read from the connection.
func (r *reader) read(res *response, head bool) error {
	r.parser.begin(head)
	for {
		used, done, err := r.parser.feed(r.buf[r.r:r.w])
		r.r += used
		if done || err != nil {
			*res = r.parser.res
			return err
		}
		if r.r == r.w && r.parser.left > bufferStart && len(r.buf) < bufferLarge {
			r.buf, r.r, r.w = make([]byte, bufferLarge), 0, 0
		}
		if err := r.fill(); err == errTruncated {
			*res = r.parser.res
			return r.parser.ended()
		} else if err != nil {
			return err
		}
	}
}

// endLine takes the end off a line. strict refuses a bare LF.
func endLine(line []byte, strict bool) ([]byte, error) {
	switch n := len(line); {
	case n > 0 && line[n-1] == '\r':
		line = line[:n-1]
	case strict:
		return nil, errBareLF
	}
	if len(line) > maxLine {
		return nil, errLineTooLong
	}
	if bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
		return nil, errControl
	}
	return line, nil
}
