package udp

// tally counts what became of a worker's datagrams. Numbers run on over its steps, so that an answer that comes after
// its step has ended is still known.
type tally struct {
	mask     uint64
	next     uint64                // number of the next datagram
	first    uint64                // number of the step's first
	expected uint64                // of an answer in order: one more than the highest of the step so far
	seen     [maxBurst / 64]uint64 // whether each of the last datagrams was answered, by its number

	answered, late, duplicates, reordered int // of the step
}

// begin starts a step's counts.
func (t *tally) begin(mask uint64) {
	t.mask, t.first, t.expected = mask, t.next, t.next
	t.answered, t.late, t.duplicates, t.reordered = 0, 0, 0, 0
}

// send is the number of the datagram that is sent now.
func (t *tally) send() uint64 {
	n := t.next
	t.next++
	t.seen[n/64%uint64(len(t.seen))] &^= 1 << (n % 64)
	return n
}

// number is the whole number of an answer that shows only some of its bits: that of the latest datagram that it can be.
func (t *tally) number(shown uint64) (n uint64, ok bool) {
	back := (t.next - 1 - shown) & t.mask
	if shown > t.mask || back >= maxBurst || back >= t.next {
		return 0, false
	}
	return t.next - 1 - back, true
}

// receive counts the answer to datagram n, and reports whether it is one that the step waits for.
func (t *tally) receive(n uint64) bool {
	word, bit := &t.seen[n/64%uint64(len(t.seen))], uint64(1)<<(n%64)
	switch {
	case *word&bit != 0:
		t.duplicates++
		return false
	case n < t.first:
		*word |= bit
		t.late++
		return false
	}
	*word |= bit
	t.answered++
	if n < t.expected { // RFC 4737, 3.3: reordered is what is lower than the next expected
		t.reordered++
	} else {
		t.expected = n + 1
	}
	return true
}
