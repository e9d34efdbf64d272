// Package unpack reads what is packed as HTTP's Content-Encoding or gRPC's encoding says, whoever sent it: the memory that it takes
// is bounded, and how much comes out is for the reader to bound.
package unpack

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the window that RFC 9659 allows a sender of zstd to want.
const maxWindow = 8 << 20

// The encodings that are unpacked, beside identity and "", which are not packed at all.
const (
	Gzip = "gzip"
	Zstd = "zstd"
)

// Names lists them, as the header Accept-Encoding and messages do.
const Names = Gzip + ", " + Zstd

// Known reports whether Reader knows an encoding, which is in lower case.
func Known(encoding string) bool {
	switch encoding {
	case "", "identity", Gzip, Zstd:
		return true
	}
	return false
}

// Reader reads what is packed in src. closing gives its memory back and leaves src alone. The error says that the encoding is unknown
// or that src does not begin as it should; later ones come from reading.
func Reader(src io.Reader, encoding string) (out io.Reader, closing func(), err error) {
	switch encoding {
	case "", "identity":
		return src, func() {}, nil
	case Gzip:
		z, err := gzip.NewReader(src)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { _ = z.Close() }, nil // it was only read
	case Zstd:
		z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(4*maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return nil, nil, fmt.Errorf("%.100q is no known packing", encoding)
}
