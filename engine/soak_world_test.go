package engine

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// failing is what is wrong with a system.
type failing int32

// The faults. refuse and lost are of the network, the others are answers.
const (
	fine      failing = iota
	refuse            // nobody listens
	hang              // the network takes what is sent, and nothing comes back
	lost              // no connection comes about
	reset             // each connection ends in the middle of an answer
	denied            // 401
	forbidden         // 403
	busy              // 429, with a time to wait
	broken            // 500
	away              // 503
	garbage           // another system's answer
	long              // an answer that does not come to its point
	faults            // how many there are
)

// system is something that a source speaks to, which fails when it is told to.
type system struct {
	name     string
	handler  http.Handler
	accept   chan net.Conn
	shut     sync.Once
	patience int           // seconds that a 429 asks for
	open     *atomic.Int64 // connections of the world, both ends
	fault    atomic.Int32
	asked    atomic.Int64
	failed   atomic.Int64

	mu    sync.Mutex
	thaw  chan struct{} // closed while the network works
	conns map[*end]struct{}
}

func newSystem(name string, h http.Handler, open *atomic.Int64) *system {
	s := &system{name: name, handler: h, accept: make(chan net.Conn), open: open, patience: 20, thaw: make(chan struct{}), conns: map[*end]struct{}{}}
	close(s.thaw)
	return s
}

func (s *system) is() failing { return failing(s.fault.Load()) }

// set begins a fault, or ends all. Connections are lost when one begins, except that those that hang stay; half of them
// live on when the network is back, as they do after a short partition.
func (s *system) set(f failing, rng *rand.Rand) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := failing(s.fault.Swap(int32(f)))
	if f == hang && before != hang {
		s.thaw = make(chan struct{})
	}
	for c := range s.conns {
		if f != hang && (f != fine || rng.IntN(2) == 0) {
			_ = c.Conn.Close() // a pipe's cannot fail
		}
	}
	if before == hang && f != hang {
		close(s.thaw)
	}
}

// frozen waits for as long as nothing gets through.
func (s *system) frozen(gone <-chan struct{}) {
	s.mu.Lock()
	thaw := s.thaw
	s.mu.Unlock()
	select {
	case <-thaw:
		return
	default:
		s.failed.Add(1)
	}
	select {
	case <-thaw:
	case <-gone:
	}
}

// dial is the network.
func (s *system) dial(ctx context.Context, network, address string) (net.Conn, error) {
	switch s.is() {
	case refuse:
		s.failed.Add(1)
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	case lost:
		s.failed.Add(1)
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	}
	near, far := net.Pipe()
	s.open.Add(2)
	there := &end{Conn: far, s: s, gone: make(chan struct{}), far: true}
	s.mu.Lock()
	s.conns[there] = struct{}{}
	s.mu.Unlock()
	select {
	case s.accept <- there:
		return &end{Conn: near, s: s, gone: make(chan struct{})}, nil
	case <-ctx.Done():
		there.Close()
		s.open.Add(-1)
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	}
}

// end is one end of a connection. The far one freezes.
type end struct {
	net.Conn
	s    *system
	far  bool
	once sync.Once
	gone chan struct{}
}

// Read implements net.Conn.
func (e *end) Read(p []byte) (int, error) {
	if !e.far {
		return e.Conn.Read(p)
	}
	e.s.frozen(e.gone)
	n, err := e.Conn.Read(p)
	e.s.frozen(e.gone)
	return n, err
}

// Write implements net.Conn.
func (e *end) Write(p []byte) (int, error) {
	if e.far {
		e.s.frozen(e.gone)
	}
	return e.Conn.Write(p)
}

// Close implements net.Conn. What is never closed stays counted, as a descriptor would.
func (e *end) Close() error {
	e.once.Do(func() {
		close(e.gone)
		e.s.open.Add(-1)
		e.s.mu.Lock()
		delete(e.s.conns, e)
		e.s.mu.Unlock()
	})
	return e.Conn.Close()
}

// address is of both ends.
type address string

func (a address) Network() string { return "pipe" }
func (a address) String() string  { return string(a) }

// Accept implements net.Listener.
func (s *system) Accept() (net.Conn, error) {
	c, ok := <-s.accept
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

// Close implements net.Listener.
func (s *system) Close() error {
	s.shut.Do(func() { close(s.accept) })
	return nil
}

// Addr implements net.Listener.
func (s *system) Addr() net.Addr { return address(s.name) }

// serve answers until stop is called.
func (s *system) serve() (stop func()) {
	srv := &http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0), Protocols: &http.Protocols{}}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true) // gRPC's
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(s) // it ends when the test does
	}()
	return func() {
		_ = srv.Close() // pipes
		<-done
	}
}

// ServeHTTP implements http.Handler.
func (s *system) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	f := s.is()
	if f != fine {
		s.failed.Add(1)
	}
	switch f {
	case denied:
		http.Error(w, "who are you?", http.StatusUnauthorized)
	case forbidden:
		http.Error(w, "not you", http.StatusForbidden)
	case busy:
		w.Header().Set("Retry-After", strconv.Itoa(s.patience))
		http.Error(w, "slowly", http.StatusTooManyRequests)
	case broken:
		http.Error(w, "oh no", http.StatusInternalServerError)
	case away:
		http.Error(w, "later", http.StatusServiceUnavailable)
	case garbage:
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>Sign in</title>") // the client may have gone
	case long:
		for range 50 {
			if _, err := io.WriteString(w, strings.Repeat(" ", 4<<10)); err != nil || s.is() != long {
				return
			}
		}
	case reset:
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"status":"success","data":{`) // cut off here
		panic(http.ErrAbortHandler)
	default:
		s.handler.ServeHTTP(w, r)
	}
}

// answers are what a system says, by the beginning of the path; the longest that fits.
func answers(all map[string]func(r *http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		best := "-"
		for path := range all {
			if strings.HasPrefix(r.URL.Path, path) && len(path) > len(best) || best == "-" && strings.HasPrefix(r.URL.Path, path) {
				best = path
			}
		}
		if best == "-" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // what it is does not matter
		_, _ = io.WriteString(w, all[best](r))
	})
}

// text answers always the same.
func text(s string) func(*http.Request) string { return func(*http.Request) string { return s } }

// numbered is a trace, a record or an alert with a number that no other has.
type numbered struct{ n atomic.Int64 }

func (n *numbered) hex(digits int) string { return fmt.Sprintf("%0*x", digits, n.n.Add(1)) }

// grpcSide ends the names of systems that are spoken to over gRPC.
const grpcSide = "-grpc"

// rawMessages are messages as they are on the wire.
type rawMessages struct{}

func (rawMessages) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (rawMessages) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (rawMessages) Name() string { return "proto" }

// calls answers gRPC's calls by their method; what there is no answer to is answered by nothing.
func calls(all map[string]func() []byte) http.Handler {
	return grpc.NewServer(grpc.ForceServerCodecV2(rawMessages{}), grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(s)
		var asked []byte
		if err := s.RecvMsg(&asked); err != nil {
			return err
		}
		var answer []byte
		if f := all[path.Base(method)]; f != nil {
			answer = f()
		}
		return s.SendMsg(&answer)
	}))
}

// span is a message of Jaeger's with one span that no other has.
func (n *numbered) span() []byte {
	id := func(digits int) []byte {
		b, _ := hex.DecodeString(n.hex(digits)) // it is hex
		return b
	}
	field := func(b []byte, num protowire.Number, data []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), data)
	}
	start := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(time.Now().Unix()))
	span := field(field(field(nil, 1, id(32)), 2, id(16)), 3, []byte("pay"))
	span = field(field(span, 6, start), 10, field(nil, 1, []byte("shop")))
	return field(nil, 1, span)
}

// systems are one of each kind that speaks HTTP, and those that speak gRPC, with something new in every answer.
func systems() map[string]http.Handler {
	var n numbered
	micros := func() int64 { return time.Now().UnixMicro() }
	return map[string]http.Handler{
		"prometheus": answers(map[string]func(*http.Request) string{
			"/api/v1/alerts": func(*http.Request) string {
				state := []string{"pending", "firing"}[n.n.Add(1)%2]
				return fmt.Sprintf(`{"status":"success","data":{"alerts":[{"state":%q,"labels":{"alertname":"Slow"},"activeAt":%q}]}}`, state, time.Now().Truncate(time.Hour).Format(time.RFC3339))
			},
			"/api/v1/query_range": func(*http.Request) string {
				return fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"shop"},"values":[[%d,"1"]]}]}}`, time.Now().Unix())
			},
			"/api/v1/query_exemplars": text(`{"status":"success","data":[]}`),
		}),
		"alertmanager": answers(map[string]func(*http.Request) string{"/api/v2/alerts": func(*http.Request) string {
			return fmt.Sprintf(`[{"labels":{"alertname":"A%s"},"startsAt":%q,"status":{"state":"active"}}]`, n.hex(4), time.Now().Format(time.RFC3339))
		}}),
		"loki": lokiSystem(&n),
		"elasticsearch": answers(map[string]func(*http.Request) string{
			"/logs-*/_pit": text(`{"id":"point"}`), "/_pit": text(`{"succeeded":true}`),
			"/_search": func(*http.Request) string {
				return fmt.Sprintf(`{"pit_id":"point","hits":{"hits":[{"_index":"logs-1","_id":%q,"_source":{"@timestamp":%q,"message":"paid","trace.id":%q},"sort":[%d,1]}]}}`,
					n.hex(8), time.Now().Add(-time.Second).Format(time.RFC3339Nano), n.hex(32), time.Now().UnixMilli())
			},
		}),
		"jaeger": answers(map[string]func(*http.Request) string{
			"/api/services": text(`{"data":["shop"]}`),
			"/api/traces": func(*http.Request) string {
				return fmt.Sprintf(`{"data":[{"traceID":%q,"spans":[{"traceID":%q,"spanID":%q,"operationName":"pay","startTime":%d,"duration":1000,"processID":"p1"}],"processes":{"p1":{"serviceName":"shop"}}}]}`,
					n.hex(32), n.hex(32), n.hex(16), micros())
			},
		}),
		"zipkin": answers(map[string]func(*http.Request) string{
			"/api/v2/services": text(`["shop"]`),
			"/api/v2/trace": func(*http.Request) string {
				return fmt.Sprintf(`[[{"traceId":%q,"id":%q,"name":"pay","timestamp":%d,"duration":1000,"localEndpoint":{"serviceName":"shop"}}]]`, n.hex(32), n.hex(16), micros())
			},
		}),
		"tempo": answers(map[string]func(*http.Request) string{"/api/search": text(`{"traces":[]}`), "/api": text(`{"traces":[]}`)}),
		"grafana": answers(map[string]func(*http.Request) string{"/api/annotations": func(r *http.Request) string {
			if r.Method == http.MethodGet {
				return fmt.Sprintf(`[{"id":%d,"time":%d,"text":"deployed"}]`, n.n.Add(1), time.Now().UnixMilli())
			}
			return fmt.Sprintf(`{"id":%d,"message":"ok"}`, n.n.Add(1))
		}}),
		"jaeger" + grpcSide: calls(map[string]func() []byte{
			"GetServices": func() []byte {
				return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte("shop"))
			},
			"FindTraces": n.span, "GetTrace": n.span,
		}),
		"otlp" + grpcSide: calls(nil),
		"otlp":            answers(map[string]func(*http.Request) string{"/v1/": text("")}),
	}
}

// lokiSystem answers and has a tail.
func lokiSystem(n *numbered) http.Handler {
	streams := func() string {
		return fmt.Sprintf(`{"stream":{"service_name":"shop"},"values":[["%d","paid trace_id=%s"]]}`, time.Now().UnixNano(), n.hex(32))
	}
	rest := answers(map[string]func(*http.Request) string{
		"/loki/api/v1/label": text(`{"status":"success","data":["service_name"]}`),
		"/loki/api/v1/push":  text(""),
		"/loki/api/v1/query_range": func(*http.Request) string {
			return `{"status":"success","data":{"resultType":"streams","result":[` + streams() + `]}}`
		},
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/loki/api/v1/tail" {
			rest.ServeHTTP(w, r)
			return
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }() // it is over either way
		ctx := conn.CloseRead(r.Context())
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Minute):
			}
			if err := conn.Write(ctx, websocket.MessageText, []byte(`{"streams":[`+streams()+`]}`)); err != nil {
				return
			}
		}
	})
}
