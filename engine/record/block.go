package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// block is one written piece of a chapter.
type block struct {
	begins      bool // a chapter
	payload     []byte
	raw         uint32
	first, last int64
}

func (b *block) append(out []byte) []byte {
	at := len(out)
	kind := byte(0)
	if b.begins {
		kind = 1
	}
	out = append(append(out, blockMagic...), kind)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(b.payload)))
	out = binary.LittleEndian.AppendUint32(out, b.raw)
	out = binary.LittleEndian.AppendUint64(out, uint64(b.first))
	out = binary.LittleEndian.AppendUint64(out, uint64(b.last))
	sum := crc32.Update(crc32.Checksum(out[at:], castagnoli), castagnoli, b.payload)
	out = binary.LittleEndian.AppendUint32(out, sum)
	return append(out, b.payload...)
}

// errCut says that a file ends within a block, or that one is not what its CRC says.
var errCut = errors.New("cut off")

// readBlock reads the next one. io.EOF is the end; errCut is told with what is wrong.
func readBlock(in io.Reader, buf []byte) (b block, _ []byte, err error) {
	var head [blockHead]byte
	switch n, err := io.ReadFull(in, head[:]); {
	case n == 0 && errors.Is(err, io.EOF):
		return b, buf, io.EOF
	case cut(err):
		return b, buf, fmt.Errorf("%w within a block's header", errCut)
	case err != nil:
		return b, buf, err
	}
	n := binary.LittleEndian.Uint32(head[4:])
	b.raw = binary.LittleEndian.Uint32(head[8:])
	if string(head[:3]) != blockMagic || n > maxPayload || b.raw > maxChapter {
		return b, buf, fmt.Errorf("%w: what follows is no block", errCut)
	}
	b.begins = head[3] == 1
	b.first, b.last = int64(binary.LittleEndian.Uint64(head[12:])), int64(binary.LittleEndian.Uint64(head[20:]))
	if buf, err = readSome(in, buf[:0], int(n)); cut(err) {
		return b, buf, fmt.Errorf("%w within a block", errCut)
	} else if err != nil {
		return b, buf, err
	}
	b.payload = buf
	sum := crc32.Update(crc32.Checksum(head[:blockHead-4], castagnoli), castagnoli, buf)
	if sum != binary.LittleEndian.Uint32(head[blockHead-4:]) {
		return b, buf, fmt.Errorf("%w: a block differs from its checksum", errCut)
	}
	if b.last < b.first || time.Unix(0, b.first).Before(earliest) || time.Unix(0, b.last).After(latest) {
		return b, buf, fmt.Errorf("%w: a block ends before it begins", errCut)
	}
	return b, buf, nil
}

// fileHead is what a file begins with.
func fileHead(m Meta) []byte {
	out := binary.LittleEndian.AppendUint16([]byte(magic), Version)
	out = binary.LittleEndian.AppendUint16(out, 0)
	data := pack(m)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(data)))
	out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(data, castagnoli))
	return append(out, data...)
}

// readHead reads it, and refuses what it does not know.
func readHead(in io.Reader) (m Meta, size int64, err error) {
	var head [len(magic) + 4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil || string(head[:len(magic)]) != magic {
		if err != nil && !cut(err) {
			return m, 0, err
		}
		return m, 0, errors.New("this is no recording of gameday: --record FILE makes one")
	}
	if v := binary.LittleEndian.Uint16(head[len(magic):]); v > Version {
		return m, 0, fmt.Errorf("it was written by a newer gameday, in format %d; this one reads up to format %d: update gameday", v, Version)
	}
	var lead [8]byte
	if _, err := io.ReadFull(in, lead[:]); err != nil {
		return m, 0, errors.New("it ends before anything was recorded")
	}
	n := binary.LittleEndian.Uint32(lead[:])
	if n > maxMeta {
		return m, 0, fmt.Errorf("%w: its description has %d bytes", errDamaged, n)
	}
	data, err := readSome(in, nil, int(n))
	switch {
	case cut(err):
		return m, 0, errors.New("it ends before anything was recorded")
	case err != nil:
		return m, 0, err
	case crc32.Checksum(data, castagnoli) != binary.LittleEndian.Uint32(lead[4:]):
		return m, 0, fmt.Errorf("%w: its description differs from its checksum", errDamaged)
	}
	if err := unpack(data, &m); err != nil {
		return m, 0, fmt.Errorf("%w: its description: %v", errDamaged, err)
	}
	return m, int64(len(head) + len(lead) + len(data)), nil
}
