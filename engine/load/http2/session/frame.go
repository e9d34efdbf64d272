package session

import (
	"encoding/binary"
	"fmt"

	"gameday/engine/load/dial"
)

// Frames as RFC 9113, section 6, has them.
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	framePriority     = 0x2
	frameReset        = 0x3
	frameSettings     = 0x4
	framePush         = 0x5
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindow       = 0x8
	frameContinuation = 0x9

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	settingTableSize = 0x1
	settingPush      = 0x2
	settingStreams   = 0x3
	settingWindow    = 0x4
	settingFrameSize = 0x5
	settingListSize  = 0x6

	headerSize    = 9
	maxWindow     = 1<<31 - 1
	defaultWindow = 1<<16 - 1
	leastFrame    = 1 << 14 // what every peer takes, and the largest frame we take
	largestFrame  = 1 << 16 // the largest DATA frame we send, whatever the peer allows
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Error codes of RFC 9113, section 7.
const (
	codeNone = iota
	codeProtocol
	codeInternal
	codeFlowControl
	codeSettingsTimeout
	codeStreamClosed
	codeFrameSize
	codeRefused
	codeCancel
	codeCompression
	codeConnect
	codeCalm
)

var codeNames = [...]string{
	"no error", "protocol error", "internal error", "flow control error", "settings timeout", "stream closed", "frame size error",
	"stream refused", "cancelled", "compression error", "connect error", "enhance your calm", "inadequate security", "HTTP/1.1 required",
}

// codeName is a peer's error code as a person reads it.
func codeName(code uint32) string {
	if code < uint32(len(codeNames)) {
		return codeNames[code]
	}
	return fmt.Sprintf("unknown code %d", code)
}

// frame is one frame as it was received. Its payload is part of the reader's buffer.
type frame struct {
	kind    byte
	flags   byte
	stream  uint32
	payload []byte
}

const errTooLong = dial.Malformed("bad response: a frame is longer than the 16 KiB that were agreed")

// parseFrame takes one frame off the front of b. size is what it took, 0 when b does not hold a whole one yet.
func parseFrame(b []byte) (f frame, size int, err error) {
	if len(b) < headerSize {
		return f, 0, nil
	}
	n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
	if n > leastFrame {
		return f, 0, errTooLong
	}
	if len(b) < headerSize+n {
		return f, 0, nil
	}
	f.kind, f.flags = b[3], b[4]
	f.stream = binary.BigEndian.Uint32(b[5:]) &^ (1 << 31)
	f.payload = b[headerSize : headerSize+n]
	return f, headerSize + n, nil
}

// appendHeader appends the header of a frame.
func appendHeader(dst []byte, size int, kind, flags byte, stream uint32) []byte {
	return append(dst, byte(size>>16), byte(size>>8), byte(size), kind, flags,
		byte(stream>>24), byte(stream>>16), byte(stream>>8), byte(stream))
}

func appendReset(dst []byte, stream, code uint32) []byte {
	return binary.BigEndian.AppendUint32(appendHeader(dst, 4, frameReset, 0, stream), code)
}

func appendWindow(dst []byte, stream, more uint32) []byte {
	return binary.BigEndian.AppendUint32(appendHeader(dst, 4, frameWindow, 0, stream), more)
}

func appendSetting(dst []byte, id uint16, value uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(dst, id), value)
}

// unpad takes the padding off a payload.
func (f *frame) unpad() error {
	if f.flags&flagPadded == 0 {
		return nil
	}
	if len(f.payload) == 0 || int(f.payload[0]) >= len(f.payload) {
		return dial.Malformed("bad response: a frame has more padding than it is long")
	}
	f.payload = f.payload[1 : len(f.payload)-int(f.payload[0])]
	return nil
}
