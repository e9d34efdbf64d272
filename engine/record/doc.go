// Package record keeps what a session saw in a file, and reads such a file again: log records, spans, metric samples,
// the timeline, and the states that a frame shows. A recording holds data and no picture, so that a replay lays out at
// any size, can be searched and focused, and looks the same every time.
//
// # The format, version 1
//
// All fixed-size numbers are little-endian; "uvarint" and "varint" are those of encoding/binary.
//
//	file    = "gameday rec\n" version(u16) 0(u16) meta block*
//	meta    = length(u32) crc(u32) CBOR of Meta
//	block   = "blk" kind(u8) payload(u32) raw(u32) first(i64) last(i64) crc(u32) payload bytes
//
// A block is written about once a second and is what was recorded in the meantime, from first to last (nanoseconds of
// Unix time). Its CRC (Castagnoli) covers the header before it and the payload. The payloads of a chapter are one zstd
// stream, flushed at the end of each block; raw is what the block's payload unpacks to. kind is 1 for the first block of
// a chapter, else 0. A chapter can be read without those before it: its tables start empty and it repeats the states and
// the timeline as they stood. A file that ends within a block is read up to the block before.
//
// The unpacked stream is a sequence of entries: kind(u8) length(uvarint) body. A reader skips kinds it does not know, so
// that older readers read what newer writers add within one version. Within a body a string is length(uvarint) bytes, and
// a name is an index(uvarint) into a table of the chapter: 0 is followed by a string that is not kept, the table's size
// plus one by a string that is added to it. An instant is a uvarint: 0 for none, else one more than the zigzag of the
// nanoseconds since the chapter's first. Kinds:
//
//	1 base      the chapter's first instant, as varint nanoseconds of Unix time
//	2 log       severity(u8) flags(u8) instant [trace ID] [span ID] name(service) name(source) string(body) attributes
//	3 span      kind(u8) flags(u8) instant varint(duration) trace ID [span ID] [parent ID] name(service) name(name)
//	            name(source) string(message) attributes, count(uvarint) times instant name attributes
//	4 series    id(uvarint), count(uvarint) times name(label) string(value)
//	5 samples   varint(first sample's milliseconds), then until the end: varint(series, as difference to the one before plus one),
//	            varint(milliseconds, as difference to the sample before), uvarint(bytes of the value's bits XOR those of the
//	            series' sample before, reversed)
//	6 exemplar  series(uvarint) varint(milliseconds) value(8 bytes) trace ID, attributes
//	7 event     instant(when it was told), CBOR of signal.Event
//	8 state     instant, section(u8), CBOR; sections are the fields of State
//	9 second    CBOR of signal.LoadSecond: the next one that load states count
//	10 answer   CBOR of Answer: what is new of what a remote system answered for a chart
//	11 words    CBOR of Words: which words a remote system knew, for the variables of dashboards
//
// Attributes are count(uvarint) times name(key) string(value). Times in CBOR are RFC 3339 with nanoseconds.
package record

import (
	"time"

	"github.com/fxamacker/cbor/v2"

	"gameday/sources/signal"
)

// Version of the format that is written, and the newest that is read.
const Version = 1

const (
	magic      = "gameday rec\n"
	blockMagic = "blk"
	blockHead  = 32
	maxMeta    = 1 << 20
	maxPayload = 64 << 20  // of one block
	maxEntry   = 32 << 20  // of one entry, unpacked
	maxChapter = 256 << 20 // of one chapter, unpacked; a writer stays far below it
	maxNames   = 8192      // kept in a chapter's table
	maxName    = 128       // bytes of a name that is worth keeping
	maxWindow  = 4 << 20   // of zstd, on both sides
)

// The kinds of entry.
const (
	kindBase = iota + 1
	kindLog
	kindSpan
	kindSeries
	kindSamples
	kindExemplar
	kindEvent
	kindState
	kindSecond
	kindAnswer
	kindWords
)

// Meta says what was recorded. Its texts come from a file: they are made harmless when it is read.
type Meta struct {
	System            string    `cbor:"system"`
	Environment       string    `cbor:"environment"`
	Program           string    `cbor:"program"` // the version of gameday that wrote it
	Started           time.Time `cbor:"started"`
	CorrelationFields []string  `cbor:"correlation_fields"`
	// Settings is what the engine needs to draw the same charts again; this package does not look into it.
	Settings cbor.RawMessage `cbor:"settings"`
}

// State is what a frame shows besides signals, at one instant. Nobody changes what hangs on it.
type State struct {
	Experiment *signal.ExperimentState
	Load       *signal.LoadState
	Faults     []signal.FaultState
	Health     []signal.SourceHealth
	Processes  []signal.Process
	Switches   []signal.Switch
	Store      signal.StoreStats
	SLOs       []signal.SLO
	Scorecard  *signal.Scorecard
	Host       []signal.Resource
	Incidents  []signal.Incident
}
