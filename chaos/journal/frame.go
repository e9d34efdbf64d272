package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
)

// A frame is: mark (4 bytes), length of the payload, CRC32C of mark and length, CRC32C of the payload (each 4 bytes,
// little endian), payload. The header has a checksum of its own so that a wrong length is told from a short file.
const (
	headerSize = 16
	maxPayload = 1 << 20
)

// The mark makes records findable behind damage. None of its bytes occur in JSON text.
var mark = [4]byte{0x1d, 'G', 0xd7, 0x01}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// DamageError says that a journal has wrong bytes in it, other than a torn write at its end. Faults that it spoke of may
// still be in force, so nobody may just go on without it.
type DamageError struct {
	Path   string
	Offset int64
	Reason string
}

// Error says where the damage is and what to do.
func (e *DamageError) Error() string {
	return fmt.Sprintf("journal %s is damaged at byte %d: %s; run `gameday recover`, which undoes what can still be read, "+
		"check the targets by hand, then move the file away: mv %s %s.damaged", e.Path, e.Offset, e.Reason, quote(e.Path), quote(e.Path))
}

func appendFrame(buf []byte, r *Record) ([]byte, error) {
	payload, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode %s record: %w", r.Type, err)
	}
	if len(payload) > maxPayload {
		return nil, fmt.Errorf("encode %s record: %d bytes are more than the %d a record may have", r.Type, len(payload), maxPayload)
	}
	var h [headerSize]byte
	copy(h[:4], mark[:])
	binary.LittleEndian.PutUint32(h[4:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(h[8:], crc32.Checksum(h[:8], castagnoli))
	binary.LittleEndian.PutUint32(h[12:], crc32.Checksum(payload, castagnoli))
	return append(append(buf, h[:]...), payload...), nil
}

// header checks the 16 bytes at the start of data and returns the payload's length.
func header(data []byte) (int, bool) {
	if len(data) < headerSize || !bytes.Equal(data[:4], mark[:]) ||
		binary.LittleEndian.Uint32(data[8:]) != crc32.Checksum(data[:8], castagnoli) {
		return 0, false
	}
	n := binary.LittleEndian.Uint32(data[4:])
	return int(n), n <= maxPayload
}

// payload returns the payload of a whole frame at the start of data.
func payload(data []byte) ([]byte, bool) {
	n, ok := header(data)
	if !ok || len(data) < headerSize+n {
		return nil, false
	}
	p := data[headerSize : headerSize+n]
	return p, binary.LittleEndian.Uint32(data[12:]) == crc32.Checksum(p, castagnoli)
}

// parse folds all records. It stops at the first byte that is wrong, with a *DamageError, or at a torn end.
func parse(path string, data []byte) (*Contents, error) {
	c := &Contents{Path: path}
	damage := func(reason string) error { return &DamageError{Path: path, Offset: c.valid, Reason: reason} }
	for int(c.valid) < len(data) {
		rest := data[c.valid:]
		p, ok := payload(rest)
		if !ok {
			if torn(rest) {
				c.Torn = int64(len(rest))
				return c, nil
			}
			return c, damage("the checksum does not match")
		}
		var r Record
		if err := json.Unmarshal(p, &r); err != nil {
			return c, damage("the record cannot be read: " + err.Error())
		}
		if reason := c.fold(&r); reason != "" {
			return c, damage(reason)
		}
		c.valid += int64(headerSize + len(p))
	}
	return c, nil
}

// torn reports whether what is left can be the beginning of a write that never finished: it is shorter than it says, or
// the file was made longer and its bytes never came (they are zero; JSON never ends in a zero byte).
func torn(rest []byte) bool {
	if len(bytes.Trim(rest, "\x00")) == 0 {
		return true
	}
	if len(rest) < headerSize {
		return bytes.HasPrefix(mark[:], rest[:min(4, len(rest))])
	}
	n, ok := header(rest)
	if !ok {
		return false
	}
	return len(rest) < headerSize+n || (len(rest) == headerSize+n && rest[len(rest)-1] == 0)
}

// salvage folds every whole record that can be found, whatever lies between. It is for undoing as much as can be known
// of a damaged journal: an undo compares before it restores, so one too many does no harm.
func salvage(path string, data []byte) *Contents {
	c := &Contents{Path: path}
	for i := 0; i < len(data); {
		j := bytes.Index(data[i:], mark[:])
		if j < 0 {
			break
		}
		i += j
		n, ok := header(data[i:])
		if !ok {
			i++
			continue
		}
		p, ok := payload(data[i:])
		if !ok { // the header is right, so what follows it belongs to the damaged record, unless the file was cut there
			i += headerSize
			if i+n <= len(data) {
				i += n
			}
			continue
		}
		var r Record
		if json.Unmarshal(p, &r) == nil {
			c.next = r.Seq
			_ = c.fold(&r) // a record that does not fit here tells nothing that could be undone
		}
		i += headerSize + len(p)
	}
	return c
}

// Read folds the journal at path without changing it, locked or not. The error is a *DamageError when bytes are wrong;
// the contents up to there come with it.
func Read(path string) (*Contents, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return parse(path, data)
}

// Salvage folds every record of a damaged journal that is still whole.
func Salvage(path string) (*Contents, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read damaged journal: %w", err)
	}
	return salvage(path, data), nil
}

// quote makes a path safe to paste into a shell.
func quote(path string) string {
	if !bytes.ContainsFunc([]byte(path), func(r rune) bool {
		return !(r == '/' || r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}) {
		return path
	}
	return "'" + string(bytes.ReplaceAll([]byte(path), []byte("'"), []byte(`'\''`))) + "'"
}
