package otlp

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the window that RFC 9659 allows a sender of zstd to want.
const maxWindow = 8 << 20

// The ways a request may be packed.
const (
	packedGzip = "gzip"
	packedZstd = "zstd"
)

// packings lists them for messages.
const packings = packedGzip + ", " + packedZstd

// unpack reads what is packed as an HTTP header or gRPC's says; "" and identity are not at all. What is read is bounded by whoever reads; close gives the memory back.
func unpack(src io.Reader, encoding string) (out io.Reader, closing func(), err error) {
	switch encoding {
	case "", "identity":
		return src, func() {}, nil
	case packedGzip:
		z, err := gzip.NewReader(src)
		if err != nil {
			return nil, nil, fmt.Errorf("unpack gzip: %w", err)
		}
		return z, func() { _ = z.Close() }, nil // it was only read
	case packedZstd:
		z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(4*maxWindow))
		if err != nil {
			return nil, nil, fmt.Errorf("unpack zstd: %w", err)
		}
		return z, z.Close, nil
	}
	return nil, nil, fmt.Errorf("%.100q is no known packing", encoding)
}

// knownPacking reports whether unpack knows it.
func knownPacking(encoding string) bool {
	switch encoding {
	case "", "identity", packedGzip, packedZstd:
		return true
	}
	return false
}

// unpacker is how gRPC unpacks zstd, which it does not know by itself: it belongs to one server, where a registered compressor
// would belong to the whole program.
type unpacker struct{ most int64 }

// Type implements grpc.Decompressor.
func (unpacker) Type() string { return packedZstd }

// Do implements grpc.Decompressor. It reads one byte more than may be: then gRPC refuses the message.
func (u unpacker) Do(r io.Reader) ([]byte, error) {
	z, closing, err := unpack(r, packedZstd)
	if err != nil {
		return nil, err
	}
	defer closing()
	return io.ReadAll(io.LimitReader(z, u.most+1))
}
