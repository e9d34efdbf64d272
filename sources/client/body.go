package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"gameday/sources/sanitize"
	"gameday/sources/unpack"
)

// ErrTruncated is what reading an answer ends in when it has more than Config.MaxBytes.
var ErrTruncated = errors.New("the answer is longer than is read (maxBytes)")

// body is a decompressed answer within its bound.
type body struct {
	r       io.Reader
	closers []func() error
	cancel  context.CancelFunc
	explain func(error) error
}

// Read implements io.Reader. Its errors name the address.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && b.explain != nil {
		err = b.explain(err)
	}
	return n, err
}

// Close gives the connection back.
func (b *body) Close() error {
	var errs []error
	for _, c := range b.closers {
		errs = append(errs, c())
	}
	b.cancel()
	return errors.Join(errs...)
}

func (c *Client) unpack(resp *http.Response, stream bool) (*body, error) {
	b := &body{r: resp.Body, closers: []func() error{resp.Body.Close}, cancel: func() {}}
	var packed io.Reader = resp.Body
	if !stream { // an endless row of empty gzip members gives nothing to count below
		packed = &bounded{r: resp.Body, left: c.cfg.MaxBytes + 64<<10}
	}
	enc := strings.ToLower(resp.Header.Get("Content-Encoding"))
	if enc == "x-gzip" {
		enc = unpack.Gzip
	}
	if !unpack.Known(enc) {
		return nil, fmt.Errorf("the answer is encoded as %s, which was not asked for", sanitize.Line(enc, 40))
	}
	z, closing, err := unpack.Reader(packed, enc)
	if err != nil {
		return nil, fmt.Errorf("the answer is no %s, although it says so: %w", enc, plainError(err))
	}
	b.r = z
	b.closers = append(b.closers, func() error { closing(); return nil })
	if !stream {
		b.r = &bounded{r: b.r, left: c.cfg.MaxBytes}
	}
	return b, nil
}

// bounded reads so many bytes and then says that there was more.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		n, err := b.r.Read(one[:])
		if n > 0 {
			return 0, ErrTruncated
		}
		return 0, err
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}
