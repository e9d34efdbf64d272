package otlp

import (
	"fmt"
	"io"

	"gameday/sources/unpack"
)

// unpacker is how gRPC unpacks zstd, which it does not know by itself: it belongs to one server, where a registered compressor
// would belong to the whole program.
type unpacker struct{ most int64 }

// Type implements grpc.Decompressor.
func (unpacker) Type() string { return unpack.Zstd }

// Do implements grpc.Decompressor. It reads one byte more than may be: then gRPC refuses the message.
func (u unpacker) Do(r io.Reader) ([]byte, error) {
	z, closing, err := unpack.Reader(r, unpack.Zstd)
	if err != nil {
		return nil, fmt.Errorf("unpack zstd: %w", err)
	}
	defer closing()
	return io.ReadAll(io.LimitReader(z, u.most+1))
}
