package gatling

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// The kinds of record.
const (
	recordRun     = 0
	recordRequest = 1
	recordUser    = 2
	recordGroup   = 3
	recordError   = 4
)

// The bounds of what a log may claim.
const (
	maxString = 1 << 20
	maxList   = 10_000
	maxGroups = 64
	maxCached = 64 << 20 // bytes of all cached strings
)

var errMalformed = errors.New("the log is malformed")

// decoder reads big-endian records; the first error stays.
type decoder struct {
	in     *bufio.Reader
	err    error
	cache  map[int32]string
	cached int
}

func (d *decoder) read(p []byte) {
	if d.err == nil {
		_, d.err = io.ReadFull(d.in, p)
	}
	if d.err != nil {
		clear(p)
	}
}

func (d *decoder) byte() byte {
	var p [1]byte
	d.read(p[:])
	return p[0]
}

func (d *decoder) int() int32 {
	var p [4]byte
	d.read(p[:])
	return int32(binary.BigEndian.Uint32(p[:]))
}

func (d *decoder) long() int64 {
	var p [8]byte
	d.read(p[:])
	return int64(binary.BigEndian.Uint64(p[:]))
}

// count reads how many of something follow.
func (d *decoder) count(most int32) int32 {
	n := d.int()
	if d.err == nil && (n < 0 || n > most) {
		d.err = fmt.Errorf("%w: it claims %d of something", errMalformed, n)
	}
	if d.err != nil {
		return 0
	}
	return n
}

// string reads a Java string: bytes and how they are coded, 0 for Latin-1, 1 for UTF-16 in the machine's order.
func (d *decoder) string() string {
	n := d.count(maxString)
	if n == 0 {
		return ""
	}
	p := make([]byte, n)
	d.read(p)
	coder := d.byte()
	if d.err != nil {
		return ""
	}
	var b strings.Builder
	if coder == 0 {
		for _, c := range p {
			b.WriteRune(rune(c))
		}
		return b.String()
	}
	units := make([]uint16, len(p)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(p[2*i:])
	}
	return string(utf16.Decode(units))
}

// repeated reads a string that is written out once, under a number, and called by that number's negative afterwards.
func (d *decoder) repeated() string {
	id := d.int()
	if d.err != nil {
		return ""
	}
	if id < 0 {
		s, ok := d.cache[-id]
		if !ok {
			d.err = fmt.Errorf("%w: it refers to a string it never had", errMalformed)
		}
		return s
	}
	s := d.string()
	if d.cached += len(s) + 16; d.cached > maxCached {
		d.err = fmt.Errorf("%w: more than 64 MiB of names", errMalformed)
		return ""
	}
	d.cache[id] = s
	return s
}

func (d *decoder) groups() string {
	n := d.count(maxGroups)
	names := make([]string, 0, n)
	for range n {
		names = append(names, d.repeated())
	}
	return strings.Join(names, " / ")
}

// binary reads the form from 3.13 on. A log that ends in the middle of a record was cut off and counts as far as it goes.
func (r *reader) binary(in *bufio.Reader) error {
	d := &decoder{in: in, cache: map[int32]string{}}
	start, err := r.header(d)
	if err != nil {
		return err
	}
	for {
		kind := d.byte()
		if errors.Is(d.err, io.EOF) {
			return nil
		}
		switch kind {
		case recordRequest:
			groups, name := d.groups(), d.repeated()
			from, to := start+int64(d.int()), start+int64(d.int())
			ok, message := d.byte() != 0, d.repeated()
			if d.err == nil {
				r.request(groups, name, from, to, ok, message)
			}
		case recordUser:
			d.int()
			d.byte()
			d.int()
		case recordGroup:
			d.groups()
			d.int()
			d.int()
			d.int()
			d.byte()
		case recordError:
			d.repeated()
			d.int()
			r.errors++
		default:
			if d.err == nil {
				d.err = fmt.Errorf("%w: a record of kind %d", errMalformed, kind)
			}
		}
		switch {
		case errors.Is(d.err, io.EOF), errors.Is(d.err, io.ErrUnexpectedEOF):
			r.cut = true
			return nil
		case d.err != nil:
			return d.err
		}
	}
}

// header reads the run record that a log begins with.
func (r *reader) header(d *decoder) (start int64, err error) {
	d.byte()
	r.version, r.simulation = d.string(), d.string()
	start = d.long()
	d.string() // description
	for range d.count(maxList) {
		d.string() // scenario
	}
	for range d.count(maxList) {
		n := d.count(maxString) // assertion
		if d.err == nil {
			_, d.err = d.in.Discard(int(n))
		}
	}
	if d.err != nil {
		return 0, fmt.Errorf("not a Gatling log: its first record: %w", d.err)
	}
	return start, nil
}
