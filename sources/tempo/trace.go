package tempo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/otlp"
	"gameday/sources/signal"
)

// trace reads one trace from /api/v2/traces/{id}; where that is not there, as before Tempo 2.7, from /api/traces/{id}. What was
// read before an error is returned with it.
func (d *Driver) trace(ctx context.Context, id signal.TraceID, w signal.Window) ([]signal.Span, error) {
	accept := "application/protobuf"
	if d.options.Encoding == "json" {
		accept = "application/json"
	}
	q := url.Values{}
	if !w.To.IsZero() { // so that it looks into the blocks of that time only; a trace may be longer than what was asked for
		q.Set("start", strconv.FormatInt(w.From.Add(-time.Hour).Unix(), 10))
		q.Set("end", strconv.FormatInt(w.To.Add(time.Hour).Unix(), 10))
	}
	for _, path := range []string{"/api/v2/traces/", "/api/traces/"} {
		r := client.Request{Path: path + id.String(), Query: q, Header: http.Header{"Accept": {accept}}}
		spans, err := d.readTrace(ctx, r)
		if err == nil && len(spans) > 0 || err != nil && !notFound(err) {
			return spans, err
		}
	}
	return nil, fmt.Errorf("tempo: %s has no trace %s: %w", d.client.Address(), id, driver.ErrNotFound)
}

func (d *Driver) readTrace(ctx context.Context, r client.Request) (spans []signal.Span, err error) {
	body, header, err := d.client.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer body.Close() // it was only read
	if strings.Contains(header.Get("Content-Type"), "protobuf") {
		spans, err = d.protobuf(body)
	} else {
		spans, err = d.json(body)
	}
	return spans, d.client.Explain(r, err)
}

// protobuf reads a TraceByIDResponse, whose field 1 is the trace, or the bare trace of the older path: both hold OTLP's
// resource spans as field 1.
func (d *Driver) protobuf(body io.Reader) ([]signal.Span, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	spans, err := otlp.Spans(data, d.settings.Name)
	if err == nil && len(spans) > 0 {
		return spans, nil
	}
	number, kind, n := protowire.ConsumeTag(data)
	if n > 0 && number == 1 && kind == protowire.BytesType {
		if inner, m := protowire.ConsumeBytes(data[n:]); m > 0 {
			if spans, err := otlp.Spans(inner, d.settings.Name); err == nil {
				return spans, nil
			}
		}
	}
	if len(data) == 0 {
		return nil, errors.New("the answer is empty: is there another system at this address?")
	}
	if err == nil {
		return nil, nil
	}
	return nil, fmt.Errorf("the answer is not the protobuf of a trace: %w", err)
}
