package record

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"
)

// File is a recording that is read. Its methods may be called from any goroutine.
type File struct {
	f        *os.File
	meta     Meta
	chapters []Chapter
	cut      string
}

// Chapter is a part of a recording that can be read by itself.
type Chapter struct {
	From, To time.Time
	Raw      int64 // bytes, unpacked
	offset   int64
	end      int64
}

// maxChapters of one file: some 64 TB of what was recorded.
const maxChapters = 1 << 20

// Open checks a whole recording, block by block, and finds its chapters. One that was cut off is read up to there. The
// caller closes it.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("replay %s: %w", path, errors.Unwrap(err))
	}
	r := &File{f: f}
	if err := r.scan(); err != nil {
		return nil, errors.Join(fmt.Errorf("replay %s: %w", path, err), f.Close())
	}
	return r, nil
}

func (r *File) scan() error {
	in := bufio.NewReaderSize(r.f, 1<<20)
	meta, at, err := readHead(in)
	if err != nil {
		return err
	}
	r.meta = meta
	var buf []byte
	for {
		var b block
		b, buf, err = readBlock(in, buf)
		if errors.Is(err, errCut) {
			r.cut = err.Error()
			break
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if b.begins {
			if len(r.chapters) == maxChapters {
				return fmt.Errorf("%w: more than %d chapters", errDamaged, maxChapters)
			}
			r.chapters = append(r.chapters, Chapter{From: time.Unix(0, b.first), To: time.Unix(0, b.first), offset: at})
		}
		if len(r.chapters) == 0 {
			return fmt.Errorf("%w: it does not begin with a chapter", errDamaged)
		}
		at += blockHead + int64(len(b.payload))
		c := &r.chapters[len(r.chapters)-1]
		c.Raw += int64(b.raw)
		c.end = at
		if to := time.Unix(0, b.last); to.After(c.To) {
			c.To = to
		}
	}
	if len(r.chapters) == 0 {
		return errors.New("it ends before anything was recorded")
	}
	return nil
}

// Meta says what was recorded.
func (r *File) Meta() Meta { return r.meta }

// Chapters are the parts, oldest first. The slice must not be changed.
func (r *File) Chapters() []Chapter { return r.chapters }

// From is when the recording begins, To when it ends.
func (r *File) From() time.Time { return r.chapters[0].From }

// To is when the recording ends.
func (r *File) To() time.Time { return r.chapters[len(r.chapters)-1].To }

// Cut says why the end is missing; "" when the recording was closed in order or is still going on.
func (r *File) Cut() string { return r.cut }

// Close gives the file back.
func (r *File) Close() error { return r.f.Close() }

// Read hands everything in a chapter to the sink, until ctx ends.
func (r *File) Read(ctx context.Context, chapter int, into Sink) error {
	c := r.chapters[chapter]
	src := &payloads{ctx: ctx, in: bufio.NewReaderSize(io.NewSectionReader(r.f, c.offset, c.end-c.offset), 1<<18)}
	zip, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(2*maxWindow), zstd.WithDecoderMaxMemory(maxChapter))
	if err != nil {
		return err
	}
	defer zip.Close()
	var d decoder
	if err := d.run(zip, into); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("replay %s, chapter %d of %d: %w", r.f.Name(), chapter+1, len(r.chapters), err)
	}
	return context.Cause(ctx)
}

// payloads is what the blocks of a chapter hold, one after the other.
type payloads struct {
	ctx  context.Context
	in   io.Reader
	buf  []byte
	left []byte
}

func (p *payloads) Read(into []byte) (int, error) {
	for len(p.left) == 0 {
		if err := p.ctx.Err(); err != nil {
			return 0, err
		}
		b, buf, err := readBlock(p.in, p.buf)
		p.buf = buf
		if errors.Is(err, errCut) {
			return 0, io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		p.left = b.payload
	}
	n := copy(into, p.left)
	p.left = p.left[n:]
	return n, nil
}
