package otlp

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"gameday/sources/jsonstream"
	"gameday/sources/signal"
	"gameday/sources/unpack"
	"gameday/sources/zipkin/wire"
)

// The paths at which Zipkin's reporters send spans, here on the HTTP port of OTLP.
const (
	zipkinV2 = "/api/v2/spans"
	zipkinV1 = "/api/v1/spans"
)

// zipkin takes spans in Zipkin's JSON or protobuf and answers 202 as Zipkin does. It has no partial success: what cannot be used is
// counted, and only a list of which nothing can be used is refused.
func (in *intake) zipkin(v1 bool, w http.ResponseWriter, r *http.Request) {
	bad := func(code int, format string, args ...any) {
		in.counts.bad.Add(1)
		http.Error(w, fmt.Sprintf(format, args...), code)
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		bad(http.StatusMethodNotAllowed, "method %.20q is not allowed: use POST", r.Method)
		return
	}
	mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	proto := err == nil && mt == typeProtobuf && !v1
	if err == nil && mt != typeJSON && !proto {
		bad(http.StatusUnsupportedMediaType, "content type %.100q is not supported: send %s, or %s to %s", mt, typeJSON, typeProtobuf, zipkinV2)
		return
	}
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	if !unpack.Known(encoding) {
		w.Header().Set("Accept-Encoding", unpack.Names)
		bad(http.StatusUnsupportedMediaType, "content encoding %.100q is not supported: send %s or none", encoding, unpack.Names)
		return
	}
	if err := in.enter(r.Context()); err != nil {
		code := http.StatusServiceUnavailable
		if errors.Is(err, errBusy) {
			code = http.StatusTooManyRequests
		}
		w.Header().Set("Retry-After", "1")
		http.Error(w, err.Error(), code)
		return
	}
	defer in.leave()
	body, err := in.read(w, r, encoding)
	switch {
	case errors.Is(err, errTooLarge):
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		bad(http.StatusBadRequest, "%s", err)
		return
	}
	if code, err := in.takeZipkin(v1, proto, body); err != nil {
		http.Error(w, err.Error(), code)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// takeZipkin decodes one list, emits what it holds, or says why not and with which status.
func (in *intake) takeZipkin(v1, proto bool, body []byte) (code int, err error) {
	var spans []signal.Span
	rejected := 0
	if reader := (wire.Reader{Source: in.cfg.Source, Now: time.Now(), V1: v1, Most: maxItems}); proto {
		rejected, err = reader.Proto(body, &spans)
	} else {
		rejected, err = reader.List(jsonstream.NewReader(bytes.NewReader(body), jsonstream.Limits{}), &spans)
	}
	switch {
	case errors.Is(err, wire.ErrMany):
		in.counts.tooLarge.Add(1)
		return http.StatusRequestEntityTooLarge, fmt.Errorf("more than %d spans: send smaller batches", maxItems)
	case err != nil:
		in.counts.bad.Add(1)
		return http.StatusBadRequest, fmt.Errorf("decode spans of Zipkin: %w", err)
	case rejected > 0 && len(spans) == 0:
		in.counts.bad.Add(1)
		return http.StatusBadRequest, errors.New("no span has a traceId and an id in hex: they could not be found again")
	}
	in.counts.rejected.Add(uint64(rejected))
	if len(spans) > 0 {
		in.emit(signal.Batch{Spans: spans})
		in.counts.items.Add(uint64(len(spans)))
	}
	in.counts.requests.Add(1)
	return 0, nil
}
