package loki

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/common/model"

	// Grafana's own client pushes only, and its package loki does not compile beside this Prometheus: its back-off, its notation
	// of labels and the types of Loki's push package are what is used of it. Where it is, sources/client knows.
	"github.com/grafana/loki-client-go/pkg/backoff"
	"github.com/grafana/loki-client-go/pkg/labelutil"
	"github.com/grafana/loki/pkg/push"

	"gameday/sources/client"
	"gameday/sources/signal"
)

const (
	pushTries   = 4
	pushEntries = 1000 // of one request
)

// Pushing is a Driver that also implements driver.Exporter: it pushes gameday's timeline, and what else of gameday's own it is
// given, as streams of their own ({service_name="gameday"}). It is what Open returns when push is switched on.
type Pushing struct {
	*Driver
	labels model.LabelSet // of everything pushed
}

func newPushing(d *Driver) *Pushing {
	p := &Pushing{Driver: d, labels: model.LabelSet{"service_name": "gameday"}}
	var more labelutil.LabelSet
	if more.Set(d.opt.PushLabels) == nil { // an error was reported when the options were read; "" is one too
		maps.Copy(p.labels, more.LabelSet)
	}
	return p
}

// Export implements driver.Exporter. A Loki that is busy is asked again three times.
func (p *Pushing) Export(ctx context.Context, b signal.Batch) error {
	streams := p.streamsOf(b)
	for len(streams) > 0 {
		n, entries := 0, 0
		for n < len(streams) && (n == 0 || entries+len(streams[n].Entries) <= pushEntries) {
			entries += len(streams[n].Entries)
			n++
		}
		if err := p.send(ctx, streams[:n]); err != nil {
			return err
		}
		streams = streams[n:]
	}
	return nil
}

func (p *Pushing) send(ctx context.Context, streams []push.Stream) error {
	data, err := (&push.PushRequest{Streams: streams}).Marshal()
	if err != nil {
		return fmt.Errorf("push to %s: %w", p.client.Address(), err)
	}
	req := client.Request{Method: http.MethodPost, Path: "/loki/api/v1/push", Body: snappy.Encode(nil, data),
		Header: http.Header{"Content-Type": {"application/x-protobuf"}}}
	wait := backoff.New(ctx, backoff.BackoffConfig{MinBackoff: 200 * time.Millisecond, MaxBackoff: 5 * time.Second, MaxRetries: pushTries})
	for {
		body, _, err := p.client.Do(ctx, req)
		if err == nil {
			return body.Close()
		}
		var refused *client.StatusError
		again := !errors.As(err, &refused) || refused.Code == http.StatusTooManyRequests || refused.Code >= 500
		if !again {
			return err
		}
		pauseFor := wait.NextDelay()
		if refused != nil {
			pauseFor = max(pauseFor, refused.RetryAfter)
		}
		if !wait.Ongoing() || !pause(ctx, pauseFor) {
			return err
		}
	}
}

// streamsOf sorts what is pushed into streams by kind, each of at most as many entries as a request has.
func (p *Pushing) streamsOf(b signal.Batch) []push.Stream {
	byKind := map[string][]push.Entry{}
	for i := range b.Events {
		kind, e := eventEntry(&b.Events[i])
		byKind[kind] = append(byKind[kind], e)
	}
	for i := range b.Logs {
		byKind["log"] = append(byKind["log"], logEntry(&b.Logs[i]))
	}
	for i := range b.Spans {
		byKind["request"] = append(byKind["request"], spanEntry(&b.Spans[i]))
	}
	var out []push.Stream
	for _, kind := range slices.Sorted(maps.Keys(byKind)) {
		labels := maps.Clone(p.labels)
		labels["kind"] = model.LabelValue(kind)
		entries := byKind[kind]
		slices.SortStableFunc(entries, func(a, b push.Entry) int { return a.Timestamp.Compare(b.Timestamp) })
		for part := range slices.Chunk(entries, pushEntries) {
			out = append(out, push.Stream{Labels: labels.String(), Entries: part})
		}
	}
	return out
}

// meta is structured metadata without what is empty.
func meta(pairs ...string) (out push.LabelsAdapter) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out = append(out, push.LabelAdapter{Name: pairs[i], Value: pairs[i+1]})
		}
	}
	return out
}

var (
	eventKinds = map[signal.EventKind]string{signal.EventFault: "fault", signal.EventProbe: "probe", signal.EventLoad: "load", signal.EventExperiment: "experiment",
		signal.EventAbort: "abort", signal.EventProcess: "process", signal.EventSource: "source", signal.EventSwitch: "switch"}
	outcomes = map[signal.Outcome]string{signal.Good: "info", signal.Warning: "warn", signal.Bad: "error", signal.Neutral: "info"}
)

func eventEntry(e *signal.Event) (kind string, _ push.Entry) {
	kind = eventKinds[e.Kind]
	if kind == "" {
		kind = "note"
	}
	state, at := "at", e.Start
	switch {
	case e.Open:
		state = "begins"
	case !e.End.IsZero():
		state, at = "ended", e.End
	}
	line := fmt.Sprintf("level=%s kind=%s state=%s title=%s", outcomes[e.Outcome], kind, state, strconv.Quote(e.Title))
	for _, part := range [][2]string{{"target", e.Target}, {"detail", e.Detail}, {"trace_id", e.TraceID.String()}} {
		if part[1] != "" {
			line += " " + part[0] + "=" + strconv.Quote(part[1])
		}
	}
	if !e.End.IsZero() {
		line += " took=" + e.End.Sub(e.Start).Round(time.Millisecond).String()
	}
	return kind, push.Entry{Timestamp: at, Line: line, StructuredMetadata: meta("trace_id", e.TraceID.String(), "event_id", strconv.FormatUint(e.ID, 10))}
}

func logEntry(r *signal.Record) push.Entry {
	m := meta("trace_id", r.TraceID.String(), "span_id", r.SpanID.String(), "service", r.Service)
	if r.Severity != signal.SeverityUnset {
		m = append(m, meta("level", strings.ToLower(r.Severity.String()))...)
	}
	for _, a := range r.Attrs {
		m = append(m, meta(plainName(a.Key), a.Value)...)
	}
	return push.Entry{Timestamp: r.Time, Line: r.Body, StructuredMetadata: m}
}

func spanEntry(s *signal.Span) push.Entry {
	level := "info"
	if s.Failed {
		level = "error"
	}
	line := fmt.Sprintf("level=%s service=%s name=%s took=%s trace_id=%s", level, strconv.Quote(s.Service), strconv.Quote(s.Name), s.Duration, s.TraceID)
	if s.Message != "" {
		line += " message=" + strconv.Quote(s.Message)
	}
	return push.Entry{Timestamp: s.Start, Line: line, StructuredMetadata: meta("trace_id", s.TraceID.String(), "span_id", s.SpanID.String())}
}
