package web

import (
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// What unpacking may cost, whatever the target sends.
const (
	maxWindow = 8 << 20 // RFC 9659's for HTTP
	maxMemory = 64 << 20
)

// unpacker unpacks one worker's answers. What it unpacks with is used again.
type unpacker struct {
	gzip *gzip.Reader
	zstd *zstd.Decoder
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}

// of is a reader of what is in a body with such a Content-Encoding.
func (u *unpacker) of(encoding string, body io.Reader) (io.Reader, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		var err error
		if u.gzip == nil {
			u.gzip, err = gzip.NewReader(body)
		} else {
			err = u.gzip.Reset(body)
		}
		if err == io.EOF {
			return body, nil // there is no body, so that nothing is packed
		}
		if err != nil {
			return nil, unpacking(err)
		}
		return checked{u.gzip}, nil
	case "zstd":
		var err error
		if u.zstd == nil {
			u.zstd, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxMemory))
		} else {
			err = u.zstd.Reset(body)
		}
		if err != nil {
			return nil, unpacking(err)
		}
		return checked{u.zstd}, nil
	}
	return nil, malformed("bad response: the body is encoded in a way that was not asked for")
}

// checked gives errors of unpacking their kind.
type checked struct{ from io.Reader }

func (c checked) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	if err != nil && err != io.EOF {
		err = unpacking(err)
	}
	return n, err
}

func unpacking(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed("bad response: the compressed body ends too early")
	}
	return malformed("bad response: the body is not compressed as it says")
}
