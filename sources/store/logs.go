package store

import (
	"time"

	"gameday/sources/signal"
)

// logRec is the fixed part of a log record. Its text is the length of the body, the body, and the attributes.
type logRec struct {
	span     signal.SpanID
	trace    uint16 // of the chunk's
	service  uint16 // symbol
	source   uint16 // symbol
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
	off := h.arena.Len()
	rec := logRec{span: r.SpanID, severity: r.Severity, service: uint16(h.intern(r.Service)), source: uint16(h.intern(r.Source))}
	h.putText(r.Body)
	if !r.TraceID.IsZero() {
		hash := s.hashTrace(r.TraceID)
		rec.trace = h.trace(r.TraceID, hash, func(r *logRec) uint16 { return r.trace })
		h.index.add(hash, len(h.recs))
	}
	found := 0
	h.putAttrs(r.Attrs, s.hashText, &found)
	h.push(nanos(r.Time, now), off, rec)
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

// logText is the body of record i, and its attributes as putAttrs wrote them.
func logText(c *logChunk, i int) (body, attrs string) {
	a := attrReader{rest: c.textAt(i)}
	body = a.text()
	return body, a.rest
}

func logBody(c *logChunk, i int) string {
	body, _ := logText(c, i)
	return body
}

func logAttrs(c *logChunk, i int) string {
	_, attrs := logText(c, i)
	return attrs
}

// logAt makes record i of a chunk. Its text is shared with the chunk.
func logAt(c *logChunk, i int) signal.Record {
	r := &c.recs[i]
	body, attrs := logText(c, i)
	return signal.Record{
		Seq: c.base + uint64(i), Time: time.Unix(0, c.times[i]), Severity: r.severity,
		Service: c.syms[r.service], Source: c.syms[r.source], Body: body,
		TraceID: c.traces[r.trace], SpanID: r.span, Attrs: readAttrs(c.syms, attrs),
	}
}
