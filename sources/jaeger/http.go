package jaeger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/jaegertracing/jaeger-idl/model/v1"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/jsonstream"
	"gameday/sources/signal"
	"gameday/sources/tracing"
)

// overHTTP reads the API of Jaeger's own screen: /api/services, /api/operations, /api/traces, /api/dependencies. All answers
// are {"data": […], "errors": […]}.
type overHTTP struct {
	d      *Driver
	client *client.Client
}

func newHTTP(d *Driver, address string) (*overHTTP, error) {
	c, err := client.New(address, d.settings.Client)
	if err != nil {
		return nil, err
	}
	return &overHTTP{d: d, client: c}, nil
}

// maxPageSpans bounds how many spans one answer may have: more are cut off, as are more bytes than MaxBytes.
const maxPageSpans = 20_000

// each reads one answer and hands each element of its data to a function, which must read or skip it.
func (h *overHTTP) each(ctx context.Context, r client.Request, element func(*jsonstream.Reader) error) error {
	return h.client.ReadJSON(ctx, r, jsonstream.Limits{}, func(in *jsonstream.Reader) error {
		return in.Object(func(key string) error {
			switch key {
			case "data":
				return in.Array(func() error { return element(in) })
			case "errors":
				var list []struct{ Msg string }
				if err := in.Decode(&list); err != nil || len(list) == 0 {
					return err
				}
				return errors.New("it says: " + list[0].Msg)
			}
			return in.Skip()
		})
	})
}

func (h *overHTTP) texts(ctx context.Context, r client.Request) (out []string, err error) {
	err = h.each(ctx, r, func(in *jsonstream.Reader) error {
		s, err := in.Text()
		if len(out) == maxPageSpans {
			return client.ErrTruncated
		}
		out = append(out, s)
		return err
	})
	return out, err
}

func servicesRequest() client.Request { return client.Request{Path: "/api/services"} }

func (h *overHTTP) services(ctx context.Context) ([]string, error) {
	return h.texts(ctx, servicesRequest())
}

func (h *overHTTP) operations(ctx context.Context, service string) ([]string, error) {
	return h.texts(ctx, client.Request{Path: "/api/services/" + url.PathEscape(service) + "/operations"})
}

func (h *overHTTP) find(ctx context.Context, w signal.Window, s tracing.Search, limit int) (p tracing.Page, err error) {
	q := url.Values{"service": {s.Service}, "limit": {strconv.Itoa(limit)}, "raw": {"true"},
		"start": {strconv.FormatInt(w.From.UnixMicro(), 10)}, "end": {strconv.FormatInt(w.To.UnixMicro()-1, 10)}} // it takes what begins at the end as well
	if s.Operation != "" {
		q.Set("operation", s.Operation)
	}
	if s.MinDuration > 0 {
		q.Set("minDuration", s.MinDuration.String())
	}
	if s.MaxDuration > 0 {
		q.Set("maxDuration", s.MaxDuration.String())
	}
	if tags := tagsOf(s); len(tags) > 0 {
		text, err := json.Marshal(tags)
		if err != nil {
			return p, err
		}
		q.Set("tags", string(text))
	}
	p.Traces, err = h.traces(ctx, client.Request{Path: "/api/traces", Query: q}, &p.Spans)
	p.Full = p.Traces >= limit
	return p, err
}

func (h *overHTTP) trace(ctx context.Context, id signal.TraceID) (spans []signal.Span, err error) {
	r := client.Request{Path: "/api/traces/" + id.String(), Query: url.Values{"raw": {"true"}}}
	_, err = h.traces(ctx, r, &spans)
	var refused *client.StatusError
	if errors.As(err, &refused) && refused.Code == http.StatusNotFound || err == nil && len(spans) == 0 {
		return nil, fmt.Errorf("jaeger: %s has no trace %s: %w", h.client.Address(), id, driver.ErrNotFound)
	}
	return spans, err
}

// traces reads the traces of one answer and counts them.
func (h *overHTTP) traces(ctx context.Context, r client.Request, out *[]signal.Span) (count int, err error) {
	err = h.each(ctx, r, func(in *jsonstream.Reader) error {
		began := len(*out)
		err := h.oneTrace(in, out)
		if len(*out) > began {
			count++
		}
		return err
	})
	return count, err
}

// wireSpan is a span as the API writes it. Times are microseconds.
type wireSpan struct {
	TraceID, SpanID, OperationName, ProcessID string
	ParentSpanID                              string // of old versions
	References                                []struct{ RefType, TraceID, SpanID string }
	StartTime, Duration                       int64
	Tags                                      []wireTag
	Logs                                      []struct {
		Timestamp int64
		Fields    []wireTag
	}
	Warnings []string
}

type wireTag struct {
	Key, Type string
	Value     json.RawMessage
}

type wireProcess struct {
	ServiceName string
	Tags        []wireTag
}

// oneTrace reads {"traceID", "spans", "processes"}; the processes, which name the services, come after the spans.
func (h *overHTTP) oneTrace(in *jsonstream.Reader, out *[]signal.Span) error {
	began := len(*out)
	var processOf []string
	processes := make(map[string]wireProcess)
	err := in.Object(func(key string) error {
		switch key {
		case "spans":
			return in.Array(func() error {
				if len(*out) >= maxPageSpans {
					return client.ErrTruncated
				}
				var w wireSpan
				if err := in.Decode(&w); err != nil {
					return err
				}
				s, ok := w.model()
				if !ok {
					return nil
				}
				if span, ok := h.d.convert(&s); ok {
					*out, processOf = append(*out, span), append(processOf, w.ProcessID)
				}
				return nil
			})
		case "processes":
			return in.Object(func(id string) error {
				var p wireProcess
				err := in.Decode(&p)
				if len(processes) < maxPageSpans {
					processes[id] = p
				}
				return err
			})
		}
		return in.Skip()
	})
	for i, id := range processOf {
		p, s := processes[id], &(*out)[began+i]
		s.Service = p.ServiceName
		for _, t := range p.Tags {
			if processTags[t.Key] {
				kv := t.model()
				s.Attrs = append(s.Attrs, h.d.attr(&kv))
			}
		}
	}
	return err
}

// model makes the span of api_v2, so that there is one way on from there.
func (w *wireSpan) model() (s model.Span, ok bool) {
	trace, ok := idOf(w.TraceID)
	span, ok2 := spanOf(w.SpanID)
	if !ok || !ok2 {
		return s, false
	}
	s = model.Span{TraceID: trace, SpanID: span, OperationName: w.OperationName, StartTime: micros(w.StartTime),
		Duration: microseconds(w.Duration), Tags: tagsModel(w.Tags), Warnings: w.Warnings}
	for _, r := range w.References {
		trace, ok := idOf(r.TraceID)
		span, ok2 := spanOf(r.SpanID)
		if !ok || !ok2 {
			continue
		}
		kind := model.ChildOf
		if r.RefType == "FOLLOWS_FROM" {
			kind = model.FollowsFrom
		}
		s.References = append(s.References, model.SpanRef{TraceID: trace, SpanID: span, RefType: kind})
	}
	if parent, ok := spanOf(w.ParentSpanID); ok && len(s.References) == 0 {
		s.References = []model.SpanRef{{TraceID: trace, SpanID: parent, RefType: model.ChildOf}}
	}
	for _, l := range w.Logs {
		s.Logs = append(s.Logs, model.Log{Timestamp: micros(l.Timestamp), Fields: tagsModel(l.Fields)})
	}
	return s, true
}

func tagsModel(tags []wireTag) []model.KeyValue {
	out := make([]model.KeyValue, 0, len(tags))
	for _, t := range tags {
		out = append(out, t.model())
	}
	return out
}

// model takes every value as the text that it is written as: that is what an attribute is here.
func (t wireTag) model() model.KeyValue {
	var text string
	if json.Unmarshal(t.Value, &text) != nil {
		text = string(t.Value)
	}
	return model.String(t.Key, text)
}

// idOf reads a trace ID, whose leading zeros may be missing.
func idOf(s string) (model.TraceID, bool) {
	if s == "" || len(s) > 32 || strings.ContainsAny(s, "+-_") {
		return model.TraceID{}, false
	}
	id, err := model.TraceIDFromString(s)
	return id, err == nil
}

func spanOf(s string) (model.SpanID, bool) {
	n, err := strconv.ParseUint(s, 16, 64)
	return model.SpanID(n), err == nil && n != 0
}

func (h *overHTTP) dependencies(ctx context.Context, w signal.Window) (edges []driver.Edge, err error) {
	q := url.Values{"endTs": {strconv.FormatInt(w.To.UnixMilli(), 10)}, "lookback": {strconv.FormatInt(w.Length().Milliseconds(), 10)}}
	err = h.each(ctx, client.Request{Path: "/api/dependencies", Query: q}, func(in *jsonstream.Reader) error {
		return tracing.ReadEdge(in, &edges, maxPageSpans)
	})
	return edges, err
}
