package http2

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/engine/load/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is longer than anything here takes.
const patience = 30 * time.Second

// serve starts net/http's server, for HTTP/2 only.
func serve(t testing.TB, secure bool, handler http.HandlerFunc) (target string, roots *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.Protocols = new(http.Protocols)
	if secure {
		s.Config.Protocols.SetHTTP2(true)
		s.EnableHTTP2 = true
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		pool := x509.NewCertPool()
		pool.AddCert(s.Certificate())
		return "h2://" + s.Listener.Addr().String(), &tls.Config{RootCAs: pool}
	}
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return "h2c://" + s.Listener.Addr().String(), nil
}

func request(method, path, body string, headers ...protocol.Header) protocol.Request {
	return protocol.Request{
		Step: protocol.Step{Name: "s", Timeout: patience, Headers: headers, Keep: 1 << 10}, Method: method, Path: path, Body: body,
	}
}

// prepare makes a protocol with requests, whose handles are 0 and up.
func prepare(t testing.TB, target string, config *tls.Config, sharing Sharing, reqs ...protocol.Request) *Protocol {
	t.Helper()
	p, err := New(target, protocol.Options{TLS: config}, sharing)
	require.NoError(t, err)
	for i, r := range reqs {
		handle, err := p.Prepare(r)
		require.NoError(t, err)
		require.Equal(t, i, handle)
	}
	return p
}

// one makes one worker.
func one(t testing.TB, p *Protocol) (protocol.Client, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := p.NewClient(ctx, time.Now())
	t.Cleanup(func() { c.Close(); cancel() })
	return c, cancel
}

func newCall(handle int) *protocol.Call {
	rng := rand.New(rand.NewPCG(1, 2))
	c := &protocol.Call{Request: handle, Sampled: true}
	c.N, c.Plan, c.Fresh = 7, rng, rng
	for i := range c.Trace {
		c.Trace[i] = byte(i + 1)
	}
	c.Span[7] = 9
	return c
}

func TestWhatIsSentArrives(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("tls=", secure), func(t *testing.T) {
			type seen struct {
				method, path, host, body string
				header                   http.Header
				length                   int64
			}
			got := make(chan seen, 1)
			target, roots := serve(t, secure, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got <- seen{r.Method, r.URL.RequestURI(), r.Host, string(body), r.Header, r.ContentLength}
				w.Header().Set("X-Answer", "a: b")
				w.WriteHeader(http.StatusCreated)
				_, _ = w.Write([]byte("hello"))
			})
			post := request("POST", "/things?n={{n}}", `{"n":{{n}}}`, protocol.Header{Name: "X-Number", Value: "no {{n}}"},
				protocol.Header{Name: "Host", Value: "shop.example"}, protocol.Header{Name: "Content-Type", Value: "application/json"})
			post.Cookies = true
			c, _ := one(t, prepare(t, target+"/base/", roots, Sharing{}, request("GET", "/static", ""), post, request("POST", "/none", "")))
			var out protocol.Outcome
			for i := range 3 {
				c.Do(newCall(0), &out)
				require.NoError(t, out.Err)
				require.Equal(t, protocol.OK, out.Kind)
				require.Equal(t, 201, out.Status)
				require.Equal(t, "hello", string(out.Body))
				require.Contains(t, string(out.Head), "x-answer: a: b\r\n")
				require.EqualValues(t, 5, out.Received)
				require.Equal(t, i > 0, out.Reused)
				require.Positive(t, out.Done-out.Start)
				require.LessOrEqual(t, out.Phases.Write+out.Phases.Wait+out.Phases.Read, out.Done-out.Start)
				s := <-got
				require.Equal(t, "GET", s.method)
				require.Equal(t, "/base/static", s.path)
				require.Equal(t, "00-0102030405060708090a0b0c0d0e0f10-0000000000000009-01", s.header.Get("Traceparent"))
				require.Equal(t, "0102030405060708090a0b0c0d0e0f10", s.header.Get("X-Correlation-Id"))
				require.Equal(t, "gameday", s.header.Get("User-Agent"))
			}
			call := newCall(1)
			call.Cookie = []byte("a=b; c=d")
			c.Do(call, &out)
			require.Equal(t, protocol.OK, out.Kind, out.Err)
			s := <-got
			require.Equal(t, "/base/things?n=7", s.path)
			require.Equal(t, `{"n":7}`, s.body)
			require.EqualValues(t, 7, s.length)
			require.Equal(t, "shop.example", s.host)
			require.Equal(t, "no 7", s.header.Get("X-Number"))
			require.Equal(t, "a=b; c=d", s.header.Get("Cookie"))
			c.Do(newCall(2), &out)
			require.Equal(t, protocol.OK, out.Kind, out.Err)
			require.Zero(t, (<-got).length)
		})
	}
}

// TestLargeBodiesBothWays is more than any window and any frame, on streams that share a connection.
func TestLargeBodiesBothWays(t *testing.T) {
	target, _ := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(w, r.Body)
		if err != nil || n == 0 {
			panic(http.ErrAbortHandler)
		}
	})
	text := strings.Repeat("0123456789abcdef", 6<<20/16)
	p := prepare(t, target, nil, Sharing{Connections: 1}, request("POST", "/", text))
	var wg sync.WaitGroup
	epoch := time.Now()
	for range 4 {
		wg.Go(func() {
			c := p.NewClient(context.Background(), epoch)
			defer c.Close()
			var out protocol.Outcome
			for range 3 {
				c.Do(newCall(0), &out)
				if out.Kind != protocol.OK || out.Received != int64(len(text)) || string(out.Body) != text[:1<<10] {
					t.Errorf("%v %v: %d bytes", out.Kind, out.Err, out.Received)
				}
			}
		})
	}
	wg.Wait()
}

func TestWorkersShareConnections(t *testing.T) {
	for _, tc := range []struct {
		sharing            Sharing
		workers, wantConns int
	}{
		{Sharing{Connections: 2}, 20, 2},
		{Sharing{Connections: 1, Streams: 3}, 20, 1},
		{Sharing{Streams: 4}, 20, 5},
		{Sharing{Streams: 1}, 6, 6},
	} {
		t.Run(fmt.Sprintf("%+v", tc.sharing), func(t *testing.T) {
			var open, most, conns atomic.Int64
			var mu sync.Mutex
			peers := map[string]bool{}
			target, _ := serve(t, false, func(_ http.ResponseWriter, r *http.Request) {
				n := open.Add(1)
				defer open.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				mu.Lock()
				peers[r.RemoteAddr] = true
				mu.Unlock()
			})
			p := prepare(t, target, nil, tc.sharing, request("GET", "/", ""))
			var wg sync.WaitGroup
			epoch := time.Now()
			clients := make([]protocol.Client, tc.workers)
			for i := range clients {
				clients[i] = p.NewClient(context.Background(), epoch)
			}
			for _, c := range clients {
				wg.Go(func() {
					defer c.Close()
					var out protocol.Outcome
					for range 50 {
						c.Do(newCall(0), &out)
						conns.Add(int64(out.Dials))
						if out.Kind != protocol.OK {
							t.Errorf("%v: %v", out.Kind, out.Err)
						}
					}
				})
			}
			wg.Wait()
			require.EqualValues(t, tc.wantConns, conns.Load())
			require.Len(t, peers, tc.wantConns)
			if tc.sharing.Streams > 0 {
				require.LessOrEqual(t, most.Load(), int64(tc.sharing.Streams*tc.wantConns))
			}
		})
	}
}

func TestTheTargetsLimitOfStreamsIsKept(t *testing.T) {
	var open, over atomic.Int64
	handler := func(http.ResponseWriter, *http.Request) {
		if open.Add(1) > 2 {
			over.Add(1)
		}
		time.Sleep(time.Millisecond)
		open.Add(-1)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(handler))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 2}
	s.Start()
	defer s.Close()
	p := prepare(t, "h2c://"+s.Listener.Addr().String(), nil, Sharing{Connections: 1}, request("GET", "/", ""))
	var wg sync.WaitGroup
	epoch := time.Now()
	for range 16 {
		wg.Go(func() {
			c := p.NewClient(context.Background(), epoch)
			defer c.Close()
			var out protocol.Outcome
			for range 20 {
				if c.Do(newCall(0), &out); out.Kind != protocol.OK {
					t.Errorf("%v: %v", out.Kind, out.Err)
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, over.Load())
}

func TestTimeoutResetsTheStreamAndKeepsTheConnection(t *testing.T) {
	gone := make(chan struct{}, 1)
	target, _ := serve(t, false, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			gone <- struct{}{}
		}
	})
	slow := request("GET", "/slow", "")
	slow.Timeout = 50 * time.Millisecond
	c, _ := one(t, prepare(t, target, nil, Sharing{}, slow, request("GET", "/", "")))
	var out protocol.Outcome
	c.Do(newCall(1), &out)
	require.Equal(t, protocol.OK, out.Kind, out.Err)
	c.Do(newCall(0), &out)
	require.Equal(t, protocol.Timeout, out.Kind)
	require.GreaterOrEqual(t, out.Done-out.Start, slow.Timeout)
	<-gone
	c.Do(newCall(1), &out)
	require.Equal(t, protocol.OK, out.Kind, out.Err)
	require.True(t, out.Reused)
}

func TestStopEndsWhatIsWaitedFor(t *testing.T) {
	arrived := make(chan struct{})
	target, _ := serve(t, false, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	c, cancel := one(t, prepare(t, target, nil, Sharing{}, request("GET", "/", "")))
	go func() { <-arrived; cancel() }()
	var out protocol.Outcome
	c.Do(newCall(0), &out)
	require.Equal(t, protocol.Interrupted, out.Kind)
	require.NoError(t, out.Err)
	c.Do(newCall(0), &out)
	require.Equal(t, protocol.Interrupted, out.Kind)
}

func TestHeadHasNoBody(t *testing.T) {
	target, _ := serve(t, false, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "12345") })
	c, _ := one(t, prepare(t, target, nil, Sharing{}, request("HEAD", "/", "")))
	var out protocol.Outcome
	c.Do(newCall(0), &out)
	require.Equal(t, protocol.OK, out.Kind, out.Err)
	require.Zero(t, out.Received)
}

func TestNothingIsAllocatedPerRequest(t *testing.T) {
	target, _ := serve(t, false, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	r := request("GET", "/", "")
	r.Keep = 0
	p := prepare(t, target, nil, Sharing{}, r)
	c, _ := one(t, p)
	var out protocol.Outcome
	call := newCall(0)
	c.Do(call, &out)
	// The server runs in this process, so only what the client makes itself can be counted.
	cl := c.(*client)
	require.Zero(t, testing.AllocsPerRun(100, func() { require.NoError(t, cl.render(p.reqs[0], call)) }))
}
