// Package otlp receives traces, logs and metrics in OpenTelemetry's protocol, over gRPC and over HTTP (protobuf or JSON,
// both with gzip or zstd), and spans in Zipkin's JSON or protobuf at Zipkin's own paths, and hands them on in gameday's vocabulary.
//
// Whoever can reach the ports may send anything, so a request is bounded before it is read (slots), while it is read
// (bytes, also after decompression) and before it is decoded (nesting, number of items).
package otlp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"gameday/sources/signal"
)

// Config says where to listen and what a client may send. Zero values mean the defaults.
type Config struct {
	// GRPC and HTTP are addresses such as "127.0.0.1:4317" and "127.0.0.1:4318"; port 0 takes a free one; "" switches that
	// protocol off. At least one is needed.
	GRPC, HTTP string
	// MaxBody is the size of one request in bytes, also after decompression; 8 MiB by default.
	MaxBody int64
	// MaxInFlight is how many requests are read, decoded and emitted at once; 8 by default. With MaxBody it bounds the memory.
	MaxInFlight int
	// Wait is how long a request waits for its turn before it is told to come again (429, RESOURCE_EXHAUSTED); 1 s by default.
	Wait time.Duration
	// Read is how long a client may take to send one request; 15 s by default.
	Read time.Duration
	// Grace is how long requests may finish after the end of Run was asked for; 2 s by default.
	Grace time.Duration
	// Resource lists the attributes of a resource that are kept on each of its spans and records; nil is a short list of
	// those that tell instances apart. service.name always becomes the service.
	Resource []string
	// Source is the name that records and spans carry; "otlp" by default.
	Source string
}

func (c Config) withDefaults() Config {
	if c.MaxBody <= 0 {
		c.MaxBody = 8 << 20
	}
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = 8
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&c.Wait, time.Second}, {&c.Read, 15 * time.Second}, {&c.Grace, 2 * time.Second}} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	if c.Resource == nil {
		c.Resource = []string{"service.version", "service.instance.id", "service.namespace", "deployment.environment.name",
			"host.name", "k8s.pod.name", "cloud.availability_zone"}
	}
	if c.Source == "" {
		c.Source = "otlp"
	}
	return c
}

// Stats counts requests and items since New.
type Stats struct {
	Requests uint64 // answered with success, also partial
	Busy     uint64 // told to come again
	TooLarge uint64
	Bad      uint64 // could not be decoded, wrong method, wrong content type
	Items    uint64 // spans, records and data points emitted
	Rejected uint64 // items of good requests that could not be used, such as a span without an ID
}

type counters struct{ requests, busy, tooLarge, bad, items, rejected atomic.Uint64 }

// Receiver listens from New on and serves while Run runs. It is a driver.Driver.
type Receiver struct {
	cfg    Config
	slots  chan struct{}
	counts counters

	mu         sync.Mutex
	grpc, http net.Listener // nil after a Run; the next one listens again
	grpcAddr   string
	httpAddr   string
	running    bool
}

// New takes the ports. A port that is taken is an error that says what to do about it.
func New(cfg Config) (*Receiver, error) {
	cfg = cfg.withDefaults()
	if cfg.GRPC == "" && cfg.HTTP == "" {
		return nil, errors.New("otlp: no address to listen on: give one for gRPC or one for HTTP")
	}
	r := &Receiver{cfg: cfg, slots: make(chan struct{}, cfg.MaxInFlight), grpcAddr: cfg.GRPC, httpAddr: cfg.HTTP}
	if err := r.listen(); err != nil {
		return nil, err
	}
	return r, nil
}

// GRPCAddr is the address the gRPC side listens on, with the real port; "" when it is off.
func (r *Receiver) GRPCAddr() string { return r.grpcAddr }

// HTTPAddr is the address the HTTP side listens on, with the real port; "" when it is off.
func (r *Receiver) HTTPAddr() string { return r.httpAddr }

// Stats returns what was counted so far.
func (r *Receiver) Stats() Stats {
	c := &r.counts
	return Stats{Requests: c.requests.Load(), Busy: c.busy.Load(), TooLarge: c.tooLarge.Load(), Bad: c.bad.Load(),
		Items: c.items.Load(), Rejected: c.rejected.Load()}
}

// Report is what arrived and was not emitted: rejected items, and each request that could not be used as one. Requests that
// were told to come again are not among them. It makes the source's balance whole; err is always nil.
func (r *Receiver) Report() (received, kept, dropped uint64, err error) {
	s := r.Stats()
	lost := s.Rejected + s.Bad + s.TooLarge
	return lost, 0, lost, nil
}

// Close gives the ports back when Run will not be called. After a Run it does nothing.
func (r *Receiver) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		return nil
	}
	var errs []error
	for _, l := range []*net.Listener{&r.grpc, &r.http} {
		if *l != nil {
			errs = append(errs, (*l).Close())
			*l = nil
		}
	}
	return errors.Join(errs...)
}

// maxConns bounds the connections of one port.
const maxConns = 128

// listen takes the ports that are not taken yet, and keeps the numbers that the system chose.
func (r *Receiver) listen() error {
	for _, p := range []struct {
		l    *net.Listener
		addr *string
		flag string
	}{{&r.grpc, &r.grpcAddr, "--otlp-grpc"}, {&r.http, &r.httpAddr, "--otlp-http"}} {
		if *p.addr == "" || *p.l != nil {
			continue
		}
		l, err := net.Listen("tcp", *p.addr)
		if err != nil {
			if r.grpc != nil {
				err = errors.Join(err, r.grpc.Close())
				r.grpc = nil
			}
			return listenError(*p.addr, p.flag, err)
		}
		// Written in New only: later on it is the same, and others read it.
		if real := l.Addr().String(); real != *p.addr {
			*p.addr = real
		}
		*p.l = netutil.LimitListener(l, maxConns)
	}
	return nil
}

func listenError(addr, flag string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("otlp: cannot listen on %s: %w: another collector or gameday is running there; choose another with %s", addr, syscall.EADDRINUSE, flag)
	}
	return fmt.Errorf("otlp: cannot listen on %s: choose another address with %s: %w", addr, flag, err)
}

// Run serves until ctx ends, then lets requests finish for the grace time. It returns nil then, and after that nothing is
// emitted any more. emit may be called from several goroutines at once. Run may be called again after it returned.
func (r *Receiver) Run(ctx context.Context, emit func(signal.Batch)) error {
	r.mu.Lock()
	if r.running {
		r.mu.Unlock()
		return errors.New("otlp: receiver runs already")
	}
	if err := r.listen(); err != nil {
		r.mu.Unlock()
		return err
	}
	gl, hl := r.grpc, r.http
	r.grpc, r.http, r.running = nil, nil, true
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.running = false
		r.mu.Unlock()
	}()

	in := &intake{Receiver: r, emit: emit, stop: ctx.Done()}
	g, gctx := errgroup.WithContext(ctx)
	if gl != nil {
		g.Go(func() error { return in.serveGRPC(gctx, gl) })
	}
	if hl != nil {
		g.Go(func() error { return in.serveHTTP(gctx, hl) })
	}
	return g.Wait()
}

// intake is one Run: the way of a request from its slot to emit, whatever protocol it came by.
type intake struct {
	*Receiver
	emit func(signal.Batch)
	stop <-chan struct{}
	gate sync.RWMutex // held for reading by each HTTP handler, locked for good at the end; gRPC waits for its own
}

// The reasons why a request is turned away.
var (
	errBusy     = errors.New("receiver is busy: send again in a second")
	errStopping = errors.New("receiver is stopping")
	errTooLarge = errors.New("request is too large")
)

// enter waits for a slot; leave must follow when it returns nil.
func (in *intake) enter(ctx context.Context) error {
	select {
	case in.slots <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(in.cfg.Wait)
	defer timer.Stop()
	select {
	case in.slots <- struct{}{}:
		return nil
	case <-timer.C:
		in.counts.busy.Add(1)
		return errBusy
	case <-in.stop:
		return errStopping
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (in *intake) leave() { <-in.slots }

// take decodes one request, emits what it holds and returns the answer in the request's encoding.
func (in *intake) take(kind signalKind, body []byte, asJSON bool) (answer []byte, err error) {
	batch, rejected, why, err := in.decode(kind, body, asJSON)
	if err != nil {
		if errors.Is(err, errTooLarge) {
			in.counts.tooLarge.Add(1)
		} else {
			in.counts.bad.Add(1)
		}
		return nil, err
	}
	in.counts.rejected.Add(uint64(rejected))
	if n := batch.Len(); n > 0 {
		in.emit(batch)
		in.counts.items.Add(uint64(n))
	}
	in.counts.requests.Add(1)
	return response(kind, rejected, why, asJSON)
}

// decode turns a body into a batch. A panic of the decoder is the sender's error, not our end.
func (in *intake) decode(kind signalKind, body []byte, asJSON bool) (b signal.Batch, rejected int64, why string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decode %s: decoder failed: %v", kind, p)
		}
	}()
	if err := checkShape(kind, body, asJSON); err != nil {
		return b, 0, "", err
	}
	c := &converter{keep: in.cfg.Resource, source: in.cfg.Source, now: time.Now()}
	if err := c.convert(kind, body, asJSON); err != nil {
		return b, 0, "", fmt.Errorf("decode %s as %s: %w", kind, encodingName(asJSON), err)
	}
	return c.batch, c.rejected, c.why, nil
}

func encodingName(asJSON bool) string {
	if asJSON {
		return "JSON"
	}
	return "protobuf"
}
