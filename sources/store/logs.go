package store

import (
	"time"

	"gameday/sources/signal"
)

// logRec is the fixed part of a log record. Its text lies in the chunk at off: the body, then the attributes.
type logRec struct {
	trace    signal.TraceID
	span     signal.SpanID
	off      uint32
	body     uint32 // bytes
	attrs    uint32 // bytes
	service  uint32 // symbol
	source   uint32 // symbol
	severity signal.Severity
}

type logChunk = chunk[logRec]

func (s *Store) addLogs(logs []signal.Record, now time.Time) {
	for i := range logs {
		s.addLog(&logs[i], now)
	}
}

// addLog appends one record under the lock, so that a reader never waits for a whole batch.
func (s *Store) addLog(r *signal.Record, now time.Time) {
	c := s.logs
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received++
	if textSize(r.Body, r.Attrs) > c.biggest() {
		c.dropped++
		return
	}
	h := c.room()
	rec := logRec{
		trace: r.TraceID, span: r.SpanID, severity: r.Severity,
		service: h.intern(r.Service), source: h.intern(r.Source),
		off: uint32(h.arena.Len()), body: uint32(len(r.Body)),
	}
	h.arena.WriteString(r.Body)
	if !r.TraceID.IsZero() {
		h.index.add(s.hashTrace(r.TraceID), len(h.recs))
	}
	found := 0
	h.putAttrs(r.Attrs, s.hashText, &found)
	rec.attrs = uint32(h.arena.Len()) - rec.off - rec.body
	h.push(nanos(r.Time, now), rec)
	for c.shrink(0) != nil {
	}
}

// textSize is about what a record's text takes in a chunk.
func textSize(body string, attrs signal.Attrs) int64 {
	n := len(body)
	for i := range attrs {
		n += len(attrs[i].Key) + len(attrs[i].Value) + 4
	}
	return int64(n)
}

func logBody(c *logChunk, r *logRec) string  { return c.text[r.off : r.off+r.body] }
func logAttrs(c *logChunk, r *logRec) string { return c.text[r.off+r.body : r.off+r.body+r.attrs] }

// logAt makes record i of a chunk. Its text is shared with the chunk.
func logAt(c *logChunk, i int) signal.Record {
	r := &c.recs[i]
	return signal.Record{
		Seq: c.base + uint64(i), Time: time.Unix(0, c.times[i]), Severity: r.severity,
		Service: c.syms[r.service], Source: c.syms[r.source], Body: logBody(c, r),
		TraceID: r.trace, SpanID: r.span, Attrs: readAttrs(c.syms, logAttrs(c, r)),
	}
}
