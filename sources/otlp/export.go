package otlp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/examine"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
	"gameday/sources/unpack"
)

// Kind is how a configuration names an endpoint that signals are sent to: a collector, or a back-end that takes OTLP.
func Kind() driver.Kind {
	return driver.Kind{Name: "otlp", Help: "An endpoint that signals can be sent to in OTLP, such as a collector.", Signals: []string{"traces", "logs", "metrics"},
		Open: func(s driver.Settings) (driver.Driver, error) {
			e, err := OpenExporter(s)
			if err != nil {
				return nil, err
			}
			return e, nil
		}}
}

// Exporter sends signals to an endpoint. It is a driver.Exporter; its Run looks whether the endpoint still answers.
type Exporter struct {
	settings driver.Settings
	address  string
	http     *client.Client
	conn     *grpc.ClientConn // nil: it speaks HTTP
	timeout  time.Duration

	sent, rejected atomic.Uint64
	mu             sync.Mutex
	why            string // of the last rejection
	trouble        error  // of the last try of a request that is going to be sent again
	handshakes     *handshakes
}

var _ interface {
	driver.Driver
	driver.Exporter
	driver.Checker
} = (*Exporter)(nil)

// OpenExporter makes an exporter. http:// and https:// are OTLP over HTTP, grpc:// and grpcs:// over gRPC; without a scheme it
// is HTTP, except on port 4317, which is gRPC's.
func OpenExporter(s driver.Settings) (*Exporter, error) {
	scheme, target, named := strings.Cut(s.Address, "://")
	if !named {
		scheme, target = "http", s.Address
		if strings.HasSuffix(target, ":4317") {
			scheme = "grpc"
		}
	}
	e := &Exporter{settings: s, address: scheme + "://" + target, timeout: s.Client.Timeout}
	if e.timeout == 0 {
		e.timeout = client.DefaultTimeout
	}
	overGRPC := scheme == "grpc" || scheme == "grpcs"
	reached := e.address
	if overGRPC {
		reached = "http" + strings.TrimPrefix(scheme, "grpc") + "://" + target // for its checks, its credentials and TLS
	}
	var err error
	if e.http, err = client.New(reached, s.Client); err != nil || !overGRPC {
		return e, err
	}
	u, err := url.Parse(reached)
	if err != nil {
		return nil, errors.New("address: it is not one such as grpc://host:4317")
	}
	creds := insecure.NewCredentials()
	if scheme == "grpcs" {
		verify, err := s.Client.TLS.Build()
		if err != nil {
			return nil, err
		}
		e.handshakes = &handshakes{}
		creds = watched{credentials.NewTLS(verify), e.handshakes}
	}
	e.conn, err = grpc.NewClient("passthrough:///"+u.Host, append(s.Client.GRPC(), grpc.WithTransportCredentials(creds), grpc.WithUserAgent("gameday"),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))...)
	if err != nil {
		return nil, fmt.Errorf("address: %s: %w", u.Host, err)
	}
	return e, nil
}

// Close gives the connections back.
func (e *Exporter) Close() error {
	e.http.Close()
	if e.conn != nil {
		return e.conn.Close()
	}
	return nil
}

// Run sends nothing, every so often, and ends with an error when even that is not taken.
func (e *Exporter) Run(ctx context.Context, _ func(signal.Batch)) error {
	every := e.settings.Every
	if every <= 0 {
		every = 15 * time.Second
	}
	for ctx.Err() == nil {
		if err := e.send(ctx, kindTraces, nil); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
	return nil
}

// Report is what the endpoint took and what it rejected; err is why it rejected the last.
func (e *Exporter) Report() (received, kept, dropped uint64, err error) {
	sent, rejected := e.sent.Load(), e.rejected.Load()
	return sent + rejected, sent, rejected, nil
}

// Rejected is why the endpoint rejected items of a request that it took; "" when it never did.
func (e *Exporter) Rejected() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.why
}

// Export sends a batch: spans, records and metrics as they are, events of the timeline as spans once they have ended, and as
// records. What the endpoint asks to be sent again, and what did not reach it, is sent again for as long as ctx allows, and no
// other failure; Trouble says meanwhile why.
func (e *Exporter) Export(ctx context.Context, b signal.Batch) error {
	req := encode(b)
	var errs []error
	for _, part := range []struct {
		kind  signalKind
		items int
		data  func() ([]byte, error)
	}{
		{kindTraces, req.traces.SpanCount(), ptraceotlp.NewExportRequestFromTraces(req.traces).MarshalProto},
		{kindLogs, req.logs.LogRecordCount(), plogotlp.NewExportRequestFromLogs(req.logs).MarshalProto},
		{kindMetrics, req.metrics.DataPointCount(), pmetricotlp.NewExportRequestFromMetrics(req.metrics).MarshalProto},
	} {
		if part.items == 0 {
			continue
		}
		data, err := part.data()
		if err != nil {
			errs = append(errs, fmt.Errorf("otlp: encode %s: %w", part.kind, err))
			continue
		}
		if err := e.again(ctx, part.kind, part.items, data); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (e *Exporter) sendCounted(ctx context.Context, kind signalKind, items int, data []byte) error {
	rejected, why, err := e.sendOne(ctx, kind, data)
	if err != nil {
		return err
	}
	rejected = min(max(rejected, 0), int64(items))
	e.sent.Add(uint64(int64(items) - rejected))
	e.rejected.Add(uint64(rejected))
	if why != "" {
		e.mu.Lock()
		e.why = sanitize.Line(why, 300)
		e.mu.Unlock()
	}
	return nil
}

func (e *Exporter) send(ctx context.Context, kind signalKind, data []byte) error {
	_, _, err := e.sendOne(ctx, kind, data)
	return err
}

// sendOne sends one request and reads what the endpoint says of it.
func (e *Exporter) sendOne(ctx context.Context, kind signalKind, data []byte) (rejected int64, why string, err error) {
	var body []byte
	if e.conn != nil {
		body, err = e.overGRPC(ctx, kind, data)
	} else {
		body, err = e.overHTTP(ctx, kind, data)
	}
	if err != nil {
		return 0, "", err
	}
	return partial(kind, body)
}

func (e *Exporter) overGRPC(ctx context.Context, kind signalKind, data []byte) (answer []byte, err error) {
	h := http.Header{}
	if err := e.http.Authorise(ctx, h); err != nil {
		return nil, fmt.Errorf("otlp: %s: %w", e.address, err)
	}
	for name, values := range h {
		for _, v := range values {
			ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(name), v)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	if err := e.conn.Invoke(ctx, "/"+kind.service()+"/Export", &data, &answer, grpc.UseCompressor(unpack.Gzip)); err != nil {
		says := cmp.Or(e.tlsReason(err), sanitize.Line(status.Convert(err).Message(), 300))
		return nil, &sendError{fmt.Sprintf("otlp: send %s to %s: %s", kind, e.address, says), err}
	}
	return answer, nil
}

// sendError is an error of gRPC with a text of ours.
type sendError struct {
	text string
	err  error
}

// Error is one line for the operator.
func (e *sendError) Error() string { return e.text }

// Unwrap is gRPC's error.
func (e *sendError) Unwrap() error { return e.err }

// GRPCStatus lets status.FromError tell what it was.
func (e *sendError) GRPCStatus() *status.Status { return status.Convert(e.err) }

func (e *Exporter) overHTTP(ctx context.Context, kind signalKind, data []byte) ([]byte, error) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	r := e.request(kind)
	r.Body = packed.Bytes()
	body, _, err := e.http.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer body.Close() // it was only read
	var answer bytes.Buffer
	_, err = answer.ReadFrom(http.MaxBytesReader(nil, body, 1<<20))
	return answer.Bytes(), e.http.Explain(r, err)
}

func (e *Exporter) request(kind signalKind) client.Request {
	return client.Request{Method: http.MethodPost, Path: "/v1/" + kind.String(),
		Header: http.Header{"Content-Type": {typeProtobuf}, "Content-Encoding": {"gzip"}}}
}

// partial reads the protocol's success message.
func partial(kind signalKind, body []byte) (rejected int64, why string, err error) {
	switch kind {
	case kindTraces:
		r := ptraceotlp.NewExportResponse()
		err = r.UnmarshalProto(body)
		rejected, why = r.PartialSuccess().RejectedSpans(), r.PartialSuccess().ErrorMessage()
	case kindLogs:
		r := plogotlp.NewExportResponse()
		err = r.UnmarshalProto(body)
		rejected, why = r.PartialSuccess().RejectedLogRecords(), r.PartialSuccess().ErrorMessage()
	default:
		r := pmetricotlp.NewExportResponse()
		err = r.UnmarshalProto(body)
		rejected, why = r.PartialSuccess().RejectedDataPoints(), r.PartialSuccess().ErrorMessage()
	}
	if err != nil {
		return 0, "", fmt.Errorf("otlp: the answer is not OTLP's: %w", err)
	}
	return rejected, why, nil
}

// Check sends an empty request, which changes nothing.
func (e *Exporter) Check(ctx context.Context) []driver.Finding {
	began := time.Now()
	err := e.send(ctx, kindTraces, nil)
	f := driver.Finding{Name: examine.Reachable, State: driver.FindingGood, Says: fmt.Sprintf("%s takes OTLP, within %s", e.address, time.Since(began).Round(100*time.Microsecond))}
	if err != nil {
		f = driver.Finding{Name: f.Name, State: driver.FindingBad, Says: err.Error(), Advice: "start it, or correct address, auth and tls"}
	}
	return []driver.Finding{f}
}
