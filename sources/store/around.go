package store

import (
	"slices"

	"gameday/sources/signal"
)

// Bounds of the records around one.
const (
	aroundEach = 60     // before it and after it
	aroundLook = 50_000 // records that are looked at for them on either side
)

// around finds the records of the same service and source that arrived before and after one, sorted by time, with the record
// itself. It is nil when the record is not held any more.
func (s *Store) around(a signal.Around) []signal.Record {
	if a.Seq == 0 {
		return nil
	}
	chunks := s.logs.snapshot(false)
	at := slices.IndexFunc(chunks, func(c *logChunk) bool { return a.Seq >= c.base && a.Seq < c.base+uint64(len(c.recs)) })
	if at < 0 {
		return nil
	}
	i := int(a.Seq - chunks[at].base)
	hits := []hit{{t: chunks[at].times[i], c: chunks[at], i: i}}
	hits = beside(chunks, at, i, -1, a, hits)
	hits = beside(chunks, at, i, 1, a, hits)
	slices.SortFunc(hits, compareHits)
	return records(hits)
}

// beside walks through the arrivals from record i of chunk at, in one direction.
func beside(chunks []*logChunk, at, i, by int, a signal.Around, hits []hit) []hit {
	found, looked := 0, 0
	for c := at; c >= 0 && c < len(chunks); c += by {
		ch := chunks[c]
		if c != at {
			if i = 0; by < 0 {
				i = len(ch.recs) - 1
			}
		} else {
			i += by
		}
		service, has := ch.symbol(a.Service)
		source, also := ch.symbol(a.Source)
		if !has || !also {
			looked += len(ch.recs)
			i = -1
		}
		for ; i >= 0 && i < len(ch.recs) && looked < aroundLook; i += by {
			looked++
			if uint32(ch.recs[i].service) != service || uint32(ch.recs[i].source) != source {
				continue
			}
			hits = append(hits, hit{t: ch.times[i], c: ch, i: i})
			if found++; found == aroundEach {
				return hits
			}
		}
		if looked >= aroundLook {
			break
		}
	}
	return hits
}
