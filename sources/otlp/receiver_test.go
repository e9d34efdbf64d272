package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"gameday/sources/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink collects what is emitted.
type sink struct {
	mu  sync.Mutex
	got signal.Batch
}

func (s *sink) emit(b signal.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got.Logs = append(s.got.Logs, b.Logs...)
	s.got.Spans = append(s.got.Spans, b.Spans...)
	s.got.Metrics = append(s.got.Metrics, b.Metrics...)
}

func (s *sink) all() signal.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// serve runs a receiver until the test ends.
func serve(t *testing.T, cfg Config, emit func(signal.Batch)) *Receiver {
	t.Helper()
	cfg.GRPC, cfg.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	r, err := New(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, emit) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return r
}

func dial(t *testing.T, r *Receiver) *grpc.ClientConn {
	t.Helper()
	cc, err := grpc.NewClient(r.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cc.Close()) })
	return cc
}

// answer is what came back over HTTP.
type answer struct {
	code   int
	body   string
	header http.Header
}

func post(t *testing.T, r *Receiver, path string, body []byte, header ...string) answer {
	t.Helper()
	return request(t, http.MethodPost, "http://"+r.HTTPAddr()+path, body, header...)
}

func request(t *testing.T, method, url string, body []byte, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return answer{res.StatusCode, string(text), res.Header}
}

func zip(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(b)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Bytes()
}

const traceHex, spanHex = "0102030405060708090a0b0c0d0e0f10", "0102030405060708"

// jsonTrace is a trace as a browser would send it, with IDs in hex as OTLP's JSON has them.
var jsonTrace = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"checkout"}},` +
	`{"key":"host.name","value":{"stringValue":"h1"}},{"key":"os.type","value":{"stringValue":"linux"}}]},` +
	`"scopeSpans":[{"spans":[{"traceId":"` + traceHex + `","spanId":"` + spanHex + `","name":"POST /pay","kind":2,` +
	`"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000250000000",` +
	`"attributes":[{"key":"http.status_code","value":{"intValue":"500"}}],` +
	`"events":[{"timeUnixNano":"1700000000100000000","name":"retry","attributes":[{"key":"n","value":{"intValue":"2"}}]}],` +
	`"status":{"code":2,"message":"boom"}}]}]}]}`

func requireTrace(t *testing.T, spans []signal.Span) {
	t.Helper()
	require.Len(t, spans, 1)
	s := spans[0]
	require.Equal(t, traceHex, s.TraceID.String())
	require.Equal(t, spanHex, s.SpanID.String())
	require.True(t, s.ParentID.IsZero())
	require.Equal(t, "checkout", s.Service)
	require.Equal(t, "POST /pay", s.Name)
	require.Equal(t, signal.SpanServer, s.Kind)
	require.Equal(t, 250*time.Millisecond, s.Duration)
	require.Equal(t, int64(1700000000), s.Start.Unix())
	require.True(t, s.Failed)
	require.Equal(t, "boom", s.Message)
	require.Equal(t, "500", s.Attrs.Get("http.status_code"))
	require.Equal(t, "h1", s.Attrs.Get("host.name"))
	require.Empty(t, s.Attrs.Get("os.type"), "resource attributes that are not on the list are left out")
	require.Equal(t, []signal.SpanEvent{{Time: s.Start.Add(100 * time.Millisecond), Name: "retry", Attrs: signal.Attrs{{Key: "n", Value: "2"}}}}, s.Events)
	require.Equal(t, "otlp", s.Source)
}

func TestTracesOverEveryWay(t *testing.T) {
	req := ptraceotlp.NewExportRequest()
	require.NoError(t, req.UnmarshalJSON([]byte(jsonTrace)))
	proto, err := req.MarshalProto()
	require.NoError(t, err)
	const pb, js = "application/x-protobuf", "application/json; charset=utf-8"
	for name, c := range map[string]struct {
		body   []byte
		header []string
	}{
		"json":          {[]byte(jsonTrace), []string{"Content-Type", js}},
		"json gzip":     {zip(t, []byte(jsonTrace)), []string{"Content-Type", js, "Content-Encoding", "gzip"}},
		"protobuf":      {proto, []string{"Content-Type", pb}},
		"protobuf gzip": {zip(t, proto), []string{"Content-Type", pb, "Content-Encoding", "gzip"}},
	} {
		t.Run(name, func(t *testing.T) {
			var s sink
			a := post(t, serve(t, Config{}, s.emit), "/v1/traces", c.body, c.header...)
			require.Equal(t, 200, a.code, a.body)
			require.Equal(t, strings.Split(c.header[1], ";")[0], a.header.Get("Content-Type"))
			requireTrace(t, s.all().Spans)
		})
	}
	for _, opts := range [][]grpc.CallOption{nil, {grpc.UseCompressor("gzip")}} {
		t.Run("grpc", func(t *testing.T) {
			var s sink
			r := serve(t, Config{}, s.emit)
			_, err := ptraceotlp.NewGRPCClient(dial(t, r)).Export(t.Context(), req, opts...)
			require.NoError(t, err)
			requireTrace(t, s.all().Spans)
			require.Equal(t, Stats{Requests: 1, Items: 1}, r.Stats())
		})
	}
}

func TestLogs(t *testing.T) {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "payment")
	lrs := rl.ScopeLogs().AppendEmpty().LogRecords()
	full := lrs.AppendEmpty()
	full.SetTimestamp(pcommon.NewTimestampFromTime(time.Unix(1700000000, 5)))
	full.SetSeverityNumber(plog.SeverityNumberError2)
	full.Body().SetEmptyMap().PutStr("msg", "declined")
	full.Attributes().PutStr("request_id", "r1")
	full.SetTraceID(pcommon.TraceID{1})
	full.SetSpanID(pcommon.SpanID{2})
	textual := lrs.AppendEmpty()
	textual.SetObservedTimestamp(pcommon.NewTimestampFromTime(time.Unix(1700000001, 0)))
	textual.SetSeverityText("WARNING")
	textual.Body().SetInt(42)
	textual.Attributes().PutStr("trace_id", traceHex)
	textual.Attributes().PutStr("span_id", spanHex)
	bare := lrs.AppendEmpty()
	bare.SetEventName("started")

	var s sink
	r := serve(t, Config{Source: "shop"}, s.emit)
	res, err := plogotlp.NewGRPCClient(dial(t, r)).Export(t.Context(), plogotlp.NewExportRequestFromLogs(ld))
	require.NoError(t, err)
	require.Zero(t, res.PartialSuccess().RejectedLogRecords())
	got := s.all().Logs
	require.Len(t, got, 3)
	require.Equal(t, signal.Record{Time: time.Unix(1700000000, 5).UTC(), Severity: 18, Service: "payment", Body: `{"msg":"declined"}`,
		TraceID: signal.TraceID{1}, SpanID: signal.SpanID{2}, Attrs: signal.Attrs{{Key: "request_id", Value: "r1"}}, Source: "shop"}, got[0])
	require.Equal(t, "42", got[1].Body)
	require.Equal(t, signal.SeverityWarn, got[1].Severity)
	require.Equal(t, traceHex, got[1].TraceID.String())
	require.Equal(t, spanHex, got[1].SpanID.String())
	require.EqualValues(t, 1700000001, got[1].Time.Unix())
	require.Equal(t, "started", got[2].Body)
	require.WithinDuration(t, time.Now(), got[2].Time, time.Minute)
}

func TestPartialSuccessNamesTheReason(t *testing.T) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	spans.AppendEmpty().SetName("no id")
	good := spans.AppendEmpty()
	good.SetTraceID(pcommon.TraceID{1})
	good.SetSpanID(pcommon.SpanID{1})
	var s sink
	r := serve(t, Config{}, s.emit)
	res, err := ptraceotlp.NewGRPCClient(dial(t, r)).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td))
	require.NoError(t, err)
	require.EqualValues(t, 1, res.PartialSuccess().RejectedSpans())
	require.Contains(t, res.PartialSuccess().ErrorMessage(), "trace ID")
	require.Equal(t, unknownService, s.all().Spans[0].Service)
	require.Equal(t, Stats{Requests: 1, Items: 1, Rejected: 1}, r.Stats())
	received, kept, dropped, err := r.Report()
	require.NoError(t, err)
	require.Equal(t, [3]uint64{1, 0, 1}, [3]uint64{received, kept, dropped})
}

func TestBadRequestsGetClearAnswers(t *testing.T) {
	var s sink
	r := serve(t, Config{MaxBody: 64 << 10}, s.emit)
	pb, js := []string{"Content-Type", typeProtobuf}, []string{"Content-Type", typeJSON}
	gz := func(h []string) []string { return append(append([]string(nil), h...), "Content-Encoding", "gzip") }
	bomb := zip(t, make([]byte, 50<<20))
	require.Less(t, len(bomb), 64<<10)
	for name, c := range map[string]struct {
		method, path string
		body         []byte
		header       []string
		code         int
		want         string
	}{
		"get":          {"GET", "/v1/logs", nil, js, 405, "use POST"},
		"path":         {"POST", "/v2/logs", nil, js, 404, "/v1/traces"},
		"type":         {"POST", "/v1/logs", nil, []string{"Content-Type", "text/plain"}, 415, "application/x-protobuf"},
		"no type":      {"POST", "/v1/logs", nil, nil, 415, "application/json"},
		"encoding":     {"POST", "/v1/logs", nil, append(js, "Content-Encoding", "br"), 415, "gzip"},
		"json":         {"POST", "/v1/logs", []byte(`{"resourceLogs":[`), js, 400, "decode logs as JSON"},
		"protobuf":     {"POST", "/v1/traces", []byte("\x0a\xff"), pb, 400, "decode traces as protobuf"},
		"no gzip":      {"POST", "/v1/traces", []byte("hello"), gz(pb), 400, "unpack gzip"},
		"large":        {"POST", "/v1/traces", make([]byte, 100<<10), pb, 413, "smaller batches"},
		"bomb":         {"POST", "/v1/traces", bomb, gz(pb), 413, "smaller batches"},
		"nested json":  {"POST", "/v1/logs", []byte(strings.Repeat("[", 10000)), js, 400, "nested"},
		"nested proto": {"POST", "/v1/logs", nestedLog(5000), pb, 400, "nested"},
		"many items":   {"POST", "/v1/traces", manySpans(30000), pb, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := request(t, c.method, "http://"+r.HTTPAddr()+c.path, c.body, c.header...)
			require.Equal(t, c.code, a.code, a.body)
			require.Contains(t, a.body, c.want)
		})
	}
	require.Zero(t, r.Stats().Items)

	client := plogotlp.NewGRPCClient(dial(t, r))
	big := plogotlp.NewExportRequest()
	big.Logs().ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(strings.Repeat("x", 100<<10))
	for _, opts := range [][]grpc.CallOption{nil, {grpc.UseCompressor("gzip")}} {
		_, err := client.Export(t.Context(), big, opts...)
		require.Equal(t, codes.ResourceExhausted, status.Code(err), err)
		require.ErrorContains(t, err, "larger than max")
	}
	require.Equal(t, codes.InvalidArgument, status.Code(send(t, dial(t, r), kindLogs, nestedLog(3000))))
	require.Equal(t, codes.InvalidArgument, status.Code(send(t, dial(t, r), kindTraces, []byte{0x0a, 0xff})))
	err := dial(t, r).Invoke(t.Context(), "/opentelemetry.proto.collector.profiles.v1.ProfilesService/Export", new([]byte), new([]byte), grpc.ForceCodecV2(rawCodec{}))
	require.Equal(t, codes.Unimplemented, status.Code(err))
}

func send(t *testing.T, cc *grpc.ClientConn, kind signalKind, body []byte) error {
	t.Helper()
	return cc.Invoke(t.Context(), "/"+kind.service()+"/Export", &body, new([]byte), grpc.ForceCodecV2(rawCodec{}))
}

func wrap(field byte, body []byte) []byte {
	out := []byte{field<<3 | 2}
	n := len(body)
	for n >= 0x80 {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	return append(append(out, byte(n)), body...)
}

// nestedLog is a record whose body is an array in an array in an array …
func nestedLog(depth int) []byte {
	var v []byte
	for range depth {
		v = wrap(5, wrap(1, v))
	}
	return wrap(1, wrap(2, wrap(2, wrap(5, v))))
}

func manySpans(n int) []byte { return wrap(1, wrap(2, bytes.Repeat([]byte{0x12, 0}, n))) }

func TestShapeBoundsItems(t *testing.T) {
	require.NoError(t, checkShape(kindTraces, manySpans(maxItems-10), false))
	require.ErrorIs(t, checkShape(kindTraces, manySpans(maxItems+10), false), errTooLarge)
	require.ErrorIs(t, checkShape(kindTraces, []byte(`[`+strings.Repeat("null,", maxJSON)), true), errTooLarge)
	require.NoError(t, checkShape(kindLogs, []byte(`{"a":"[[[{{{\"[[["}`), true))
	require.NoError(t, checkShape(kindLogs, nestedLog(maxNesting-1), false))
	require.Error(t, checkShape(kindLogs, nestedLog(maxNesting), false))
}

func TestTakenPortSaysWhatToDo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	addr := l.Addr().String()
	_, err = New(Config{GRPC: addr})
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.EqualError(t, err, fmt.Sprintf("otlp: cannot listen on %s: address already in use: another collector or gameday is running there; choose another with --otlp-grpc", addr))
	_, err = New(Config{GRPC: "127.0.0.1:0", HTTP: addr})
	require.ErrorContains(t, err, "--otlp-http")
	_, err = New(Config{GRPC: "no such address"})
	require.ErrorContains(t, err, "cannot listen on no such address")
	_, err = New(Config{})
	require.Error(t, err)
}

func TestBusyReceiverTellsToComeAgain(t *testing.T) {
	release := make(chan struct{})
	entered := make(chan struct{}, 10)
	r := serve(t, Config{MaxInFlight: 1, Wait: 20 * time.Millisecond}, func(signal.Batch) {
		entered <- struct{}{}
		<-release
	})
	var wg sync.WaitGroup
	wg.Go(func() { post(t, r, "/v1/traces", []byte(jsonTrace), "Content-Type", typeJSON) })
	<-entered
	a := post(t, r, "/v1/traces", []byte(jsonTrace), "Content-Type", typeJSON)
	require.Equal(t, 429, a.code)
	require.Equal(t, "1", a.header.Get("Retry-After"))
	require.Contains(t, a.body, "send again")
	err := send(t, dial(t, r), kindLogs, nil)
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	require.Len(t, status.Convert(err).Details(), 1, "the retry info without which an exporter gives up")
	require.EqualValues(t, 2, r.Stats().Busy)
	close(release)
	wg.Wait()
	require.Equal(t, 200, post(t, r, "/v1/traces", []byte(jsonTrace), "Content-Type", typeJSON).code)
}

func TestSilentClientLosesItsSlot(t *testing.T) {
	r := serve(t, Config{MaxInFlight: 1, Read: 50 * time.Millisecond, Wait: 10 * time.Second}, func(signal.Batch) {})
	s, err := dial(t, r).NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, "/"+kindLogs.service()+"/Export")
	require.NoError(t, err)
	require.Equal(t, codes.DeadlineExceeded, status.Code(s.RecvMsg(new([]byte))))
	require.NoError(t, send(t, dial(t, r), kindLogs, nil), "the slot is free again")
}

func TestRequestUnderWayIsFinishedOnStop(t *testing.T) {
	r, err := New(Config{GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", Grace: 10 * time.Second})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	entered, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() { done <- r.Run(ctx, func(signal.Batch) { close(entered); <-release }) }()
	code := make(chan int, 1)
	go func() { code <- post(t, r, "/v1/traces", []byte(jsonTrace), "Content-Type", typeJSON).code }()
	<-entered
	cancel()
	select {
	case <-done:
		t.Fatal("ended while a request was being emitted")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	require.Equal(t, 200, <-code)
	require.NoError(t, <-done)
	_, err = net.DialTimeout("tcp", r.HTTPAddr(), time.Second)
	require.Error(t, err, "the port is free again")
}

// zstdOut packs what a client sends over gRPC, as the collector does.
type zstdOut struct{}

func (zstdOut) Do(w io.Writer, p []byte) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err == nil {
		_, err = z.Write(p)
	}
	if err == nil {
		err = z.Close()
	}
	return err
}
func (zstdOut) Type() string { return "zstd" }

// TestZstd is taken over HTTP and over gRPC, and a bomb of it is refused.
func TestZstd(t *testing.T) {
	var s sink
	r := serve(t, Config{MaxBody: 1 << 20}, s.emit)
	pack := func(b []byte) []byte {
		var out bytes.Buffer
		require.NoError(t, zstdOut{}.Do(&out, b))
		return out.Bytes()
	}
	bomb := []byte(strings.Repeat("\n", 50<<20))
	require.Equal(t, 200, post(t, r, "/v1/traces", pack([]byte(jsonTrace)), "Content-Type", typeJSON, "Content-Encoding", "zstd").code)
	requireTrace(t, s.all().Spans)
	require.Equal(t, http.StatusRequestEntityTooLarge, post(t, r, "/v1/traces", pack(bomb), "Content-Type", typeJSON, "Content-Encoding", "zstd").code)
	bad := post(t, r, "/v1/traces", []byte("no zstd"), "Content-Type", typeJSON, "Content-Encoding", "zstd")
	require.Equal(t, http.StatusBadRequest, bad.code, bad.body)
	unknown := post(t, r, "/v1/traces", []byte("x"), "Content-Type", typeJSON, "Content-Encoding", "br")
	require.Equal(t, http.StatusUnsupportedMediaType, unknown.code)
	require.Equal(t, "gzip, zstd", unknown.header.Get("Accept-Encoding"))

	//lint:ignore SA1019 a registered one would be the whole program's
	cc, err := grpc.NewClient(r.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithCompressor(zstdOut{}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cc.Close()) })
	logs := plog.NewLogs()
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("packed")
	_, err = plogotlp.NewGRPCClient(cc).Export(t.Context(), plogotlp.NewExportRequestFromLogs(logs))
	require.NoError(t, err)
	require.Equal(t, "packed", s.all().Logs[0].Body)
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().SetStr(string(bomb))
	_, err = plogotlp.NewGRPCClient(cc).Export(t.Context(), plogotlp.NewExportRequestFromLogs(logs))
	require.Equal(t, codes.ResourceExhausted, status.Code(err), "%v", err)
}
