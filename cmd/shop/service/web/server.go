package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"gameday/cmd/shop/service/telemetry"
)

const maxBody = 64 << 10

// Handler answers a request or says why it cannot: an *Error with its status, anything else as 500.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Server routes requests. Add routes before serving.
type Server struct {
	tel  *telemetry.Telemetry
	edge bool
	mux  *http.ServeMux
	http *http.Server
}

// NewServer makes a server without routes. An edge server logs every request, and finishes what it began when the
// client leaves: half an order helps nobody.
func NewServer(tel *telemetry.Telemetry, edge bool) *Server {
	s := &Server{tel: tel, edge: edge, mux: http.NewServeMux()}
	s.http = &http.Server{Handler: s.mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(tel.Log.Handler(), slog.LevelWarn)}
	return s
}

// Quiet adds a route that is not part of the shop's business: no span, no metric, no log line.
func (s *Server) Quiet(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Handle adds a route ("POST /checkout") that is traced, measured and logged.
func (s *Server) Handle(pattern string, h Handler) {
	method, route, _ := strings.Cut(pattern, " ")
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, method, route, h) })
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, method, route string, h Handler) {
	started := time.Now()
	m := s.tel.Metrics
	m.HTTPInFlight.Inc()
	defer m.HTTPInFlight.Dec()

	ctx := s.tel.Propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	if s.edge {
		ctx = context.WithoutCancel(ctx)
	}
	id := requestID(r.Header.Get(HeaderRequestID))
	ctx = telemetry.WithRequest(ctx, id)
	ctx, span := s.tel.Tracer.Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", method), attribute.String("http.route", route),
		attribute.String("url.path", r.URL.Path), attribute.String("request_id", id)))
	defer span.End()

	w.Header().Set(HeaderRequestID, id)
	w.Header().Set(HeaderTraceID, span.SpanContext().TraceID().String())
	r = r.WithContext(ctx)
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	err := s.safely(rec, r, h)
	if err != nil {
		s.fail(ctx, rec, err)
	}

	took := time.Since(started)
	code := strconv.Itoa(rec.status)
	m.HTTPRequests.WithLabelValues(method, route, code).Inc()
	telemetry.Observe(ctx, m.HTTPDuration.WithLabelValues(method, route, code), took.Seconds())
	span.SetAttributes(attribute.Int("http.response.status_code", rec.status))
	degraded := rec.Header().Get(HeaderDegraded) != ""
	if degraded {
		span.SetAttributes(attribute.Bool("shop.degraded", true))
	}
	if rec.status >= 500 && err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	s.logRequest(ctx, method+" "+route, rec, took, degraded, err)
}

// logRequest writes the edge's line per request, and everyone's failures; other services' handlers say what they did
// in their own words.
func (s *Server) logRequest(ctx context.Context, what string, rec *recorder, took time.Duration, degraded bool, err error) {
	attrs := []slog.Attr{slog.Int("status", rec.status), slog.Float64("duration_ms", float64(took.Microseconds())/1000)}
	level, msg := slog.LevelInfo, what+" "+strconv.Itoa(rec.status)
	switch {
	case rec.status >= 500:
		level, msg = slog.LevelError, what+" failed"
	case rec.status >= 400:
		level, msg = slog.LevelWarn, what+" refused"
	case !s.edge:
		return
	}
	if degraded {
		attrs = append(attrs, slog.Bool("degraded", true))
	}
	if err != nil {
		attrs = append(attrs, slog.String("cause", err.Error()))
	}
	s.tel.Log.LogAttrs(ctx, level, msg, attrs...)
}

// safely turns a panic in a handler into its error: one bad request must not take the others along.
func (s *Server) safely(w http.ResponseWriter, r *http.Request, h Handler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return h(w, r)
}

func (s *Server) fail(ctx context.Context, w *recorder, err error) {
	if w.wrote {
		return
	}
	e := &Error{Status: http.StatusInternalServerError, Text: "internal error", Cause: err}
	errors.As(err, &e)
	body := map[string]string{"error": e.Text, "request_id": telemetry.Request(ctx)}
	_ = JSON(w, e.Status, body) // the client is gone, and the request is logged anyway
}

// Serve answers on ln until Shutdown; it returns nil then.
func (s *Server) Serve(ln net.Listener) error {
	if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", ln.Addr(), err)
	}
	return nil
}

// Shutdown lets requests finish while ctx lasts, then cuts them.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return s.http.Close()
	}
	return nil
}

// JSON writes v as the answer.
func JSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return Raw(w, status, body)
}

// Raw writes a body that is JSON already.
func Raw(w http.ResponseWriter, status int, body []byte) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

// Degraded marks the answer as one that a fallback took part in. Call it before writing.
func Degraded(w http.ResponseWriter) { w.Header().Set(HeaderDegraded, "true") }

// Decode reads a JSON body; what is wrong with it becomes a 400.
func Decode(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return &Error{Status: http.StatusBadRequest, Text: "the body is not the JSON that " + r.URL.Path + " takes", Cause: err}
	}
	return nil
}

// Key reports whether s may be used as an ID from outside: 1 to 128 printable ASCII characters.
func Key(s string) bool {
	return s != "" && len(s) <= 128 && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func requestID(s string) string {
	if Key(s) {
		return s
	}
	return rand.Text()[:16]
}

type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.wrote = true
	return r.ResponseWriter.Write(b)
}
