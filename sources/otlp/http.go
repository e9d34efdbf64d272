package otlp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"gameday/sources/unpack"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// serveHTTP serves until ctx ends.
func (in *intake) serveHTTP(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: in.routes(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: in.cfg.Wait + in.cfg.Read,
		IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: log.New(io.Discard, "", 0), // the terminal is the cockpit's
	}
	done := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), in.cfg.Grace)
		defer cancel()
		err := srv.Shutdown(grace)
		if err != nil {
			err = srv.Close()
		}
		done <- err
	}()
	err := srv.Serve(l)
	if ctx.Err() == nil {
		return errors.Join(fmt.Errorf("otlp: serve HTTP on %s: %w", in.httpAddr, err), srv.Close())
	}
	<-done         // what is cut off after the grace time is the client's to send again
	in.gate.Lock() // never unlocked: handlers have ended and none begins, so nothing is emitted after Run
	return nil
}

func (in *intake) routes() http.Handler {
	mux := http.NewServeMux()
	for _, kind := range []signalKind{kindTraces, kindLogs, kindMetrics} {
		mux.HandleFunc("/v1/"+kind.String(), func(w http.ResponseWriter, r *http.Request) {
			if !in.gate.TryRLock() {
				answerError(w, wantsJSON(r), http.StatusServiceUnavailable, codes.Unavailable, errStopping.Error())
				return
			}
			defer in.gate.RUnlock()
			in.post(kind, w, r)
		})
	}
	for path, v1 := range map[string]bool{zipkinV2: false, zipkinV1: true} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if !in.gate.TryRLock() {
				http.Error(w, errStopping.Error(), http.StatusServiceUnavailable)
				return
			}
			defer in.gate.RUnlock()
			in.zipkin(v1, w, r)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		in.counts.bad.Add(1)
		answerError(w, wantsJSON(r), http.StatusNotFound, codes.NotFound, "no such path: send to /v1/traces, /v1/logs or /v1/metrics, or spans of Zipkin to "+zipkinV2)
	})
	return mux
}

func wantsJSON(r *http.Request) bool {
	mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err != nil || mt != typeProtobuf
}

// post answers one request.
func (in *intake) post(kind signalKind, w http.ResponseWriter, r *http.Request) {
	asJSON := wantsJSON(r)
	refuse := func(code int, c codes.Code, format string, args ...any) {
		answerError(w, asJSON, code, c, fmt.Sprintf(format, args...))
	}
	bad := func(code int, format string, args ...any) {
		in.counts.bad.Add(1)
		refuse(code, codes.InvalidArgument, format, args...)
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		bad(http.StatusMethodNotAllowed, "method %.20q is not allowed: use POST", r.Method)
		return
	}
	if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || (mt != typeJSON && mt != typeProtobuf) {
		bad(http.StatusUnsupportedMediaType, "content type %.100q is not supported: send %s or %s", r.Header.Get("Content-Type"), typeProtobuf, typeJSON)
		return
	}
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	if !unpack.Known(encoding) {
		w.Header().Set("Accept-Encoding", unpack.Names)
		bad(http.StatusUnsupportedMediaType, "content encoding %.100q is not supported: send %s or none", encoding, unpack.Names)
		return
	}
	if err := in.enter(r.Context()); err != nil {
		code, c := http.StatusServiceUnavailable, codes.Unavailable
		if errors.Is(err, errBusy) {
			code, c = http.StatusTooManyRequests, codes.ResourceExhausted
		}
		w.Header().Set("Retry-After", "1")
		refuse(code, c, "%s", err)
		return
	}
	defer in.leave()
	body, err := in.read(w, r, encoding)
	if err == nil {
		body, err = in.take(kind, body, asJSON)
	}
	var readErr readError
	switch {
	case err == nil:
		w.Header().Set("Content-Type", contentType(asJSON))
		_, _ = w.Write(body) // the client has gone; it will send again
	case errors.Is(err, errTooLarge):
		refuse(http.StatusRequestEntityTooLarge, codes.InvalidArgument, "%s", err)
	case errors.As(err, &readErr):
		bad(http.StatusBadRequest, "%s", err)
	default:
		refuse(http.StatusBadRequest, codes.InvalidArgument, "%s", err)
	}
}

// readError is a body that could not be read whole.
type readError struct{ error }

// read reads the body whole, unpacked, but never more than the limit, whatever the headers promise.
func (in *intake) read(w http.ResponseWriter, r *http.Request, encoding string) ([]byte, error) {
	limit := in.cfg.MaxBody
	tooLarge := func() error {
		in.counts.tooLarge.Add(1)
		return fmt.Errorf("%w: more than %d bytes: send smaller batches", errTooLarge, limit)
	}
	if r.ContentLength > limit {
		return nil, tooLarge()
	}
	wire := http.MaxBytesReader(w, r.Body, limit)
	src, closing, err := unpack.Reader(wire, encoding)
	if err != nil {
		return nil, readError{fmt.Errorf("unpack %s: %w", encoding, err)}
	}
	defer closing()
	body, err := io.ReadAll(io.LimitReader(src, limit+1))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge()
	case int64(len(body)) > limit:
		_, _ = io.Copy(io.Discard, wire) // a sender that is cut off while it writes would not read why; it is bounded by limit
		return nil, tooLarge()
	case err != nil:
		return nil, readError{fmt.Errorf("read body: %w", err)}
	}
	return body, nil
}

func contentType(asJSON bool) string {
	if asJSON {
		return typeJSON
	}
	return typeProtobuf
}

// answerError sends the protocol's error message (google.rpc.Status) in the encoding of the request.
func answerError(w http.ResponseWriter, asJSON bool, httpCode int, code codes.Code, text string) {
	st := status.New(code, strings.ToValidUTF8(text, "\ufffd")).Proto()
	var body []byte
	var err error
	if asJSON {
		body, err = protojson.Marshal(st)
	} else {
		body, err = proto.Marshal(st)
	}
	if err != nil {
		body = nil // cannot happen: two plain fields
	}
	w.Header().Set("Content-Type", contentType(asJSON))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(httpCode)
	_, _ = w.Write(body) // the client has gone
}
