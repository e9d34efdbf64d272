package store

// postings finds the records of one chunk by the hash of a correlation value. It is part of the chunk, so evicting the
// chunk cleans the index, and a look-up costs one probe per chunk.
type postings struct {
	slots   []uint16  // 1 + position in entries of the newest record with that hash; 0 is none. A power of two long.
	entries []posting // chained
}

type posting struct{ rec, next uint16 }

// maxFieldValues bounds how many correlation values of one record are indexed, so that positions fit 16 bits.
const maxFieldValues = 8

func newPostings(records int) postings {
	return postings{slots: make([]uint16, 2*records), entries: make([]posting, 0, records+records/4)}
}

func (p *postings) add(hash uint64, rec int) {
	slot := &p.slots[hash&uint64(len(p.slots)-1)]
	p.entries = append(p.entries, posting{rec: uint16(rec), next: *slot})
	*slot = uint16(len(p.entries))
}

// each calls f once with each record that may have that hash, newest first, until f returns false. The caller compares
// the value itself.
func (p *postings) each(hash uint64, f func(rec int) bool) {
	last := -1 // a record with two values in one slot comes twice in a row
	for at := p.slots[hash&uint64(len(p.slots)-1)]; at != 0; {
		e := p.entries[at-1]
		if int(e.rec) != last && !f(int(e.rec)) {
			return
		}
		last, at = int(e.rec), e.next
	}
}

// clone is a copy nobody writes to.
func (p *postings) clone() postings {
	return postings{slots: append([]uint16(nil), p.slots...), entries: append([]posting(nil), p.entries...)}
}

func (p *postings) bytes() int64 { return int64(cap(p.slots))*2 + int64(cap(p.entries))*4 }
