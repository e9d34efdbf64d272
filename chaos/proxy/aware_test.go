package proxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func httpLink(t *testing.T, h http.HandlerFunc) (*Link, *http.Client, string) {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	l := link(t, "http", srv.Listener.Addr().String())
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	t.Cleanup(client.CloseIdleConnections)
	return l, client, "http://" + l.Addr()
}

func fetch(t *testing.T, c *http.Client, method, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader("body"))
	require.NoError(t, err)
	resp, err := c.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}

func TestFailureHitsByMethodPathAndShare(t *testing.T) {
	l, c, url := httpLink(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, r.Host, " ", r.URL.RawQuery, " ", r.Header.Get("X-Forwarded-For"))
	})
	code, _ := fetch(t, c, "POST", url+"/charge") // a connection from before the fault
	require.Equal(t, 200, code)
	r := must(t)(l.Set(Failure{Status: 503, Match: Match{Method: "post", Path: "/charge*"}}))
	code, body := fetch(t, c, "POST", url+"/charge/1")
	require.Equal(t, 503, code)
	require.Contains(t, body, "injected by gameday")
	code, body = fetch(t, c, "GET", url+"/charge?a=1;b")
	require.Equal(t, 200, code)
	require.Equal(t, l.Addr()+" a=1;b ", body, "passed on as it came")
	code, _ = fetch(t, c, "POST", url+"/refund")
	require.Equal(t, 200, code)
	require.EqualValues(t, 1, r.Touched())
	r.Remove()
	code, _ = fetch(t, c, "POST", url+"/charge")
	require.Equal(t, 200, code)

	r = must(t)(l.Set(Failure{Status: 500, Match: Match{Share: 0.3, Seed: 7}}))
	failed := 0
	for range 400 {
		if code, _ := fetch(t, c, "GET", url); code == 500 {
			failed++
		}
	}
	require.InDelta(t, 120, failed, 40) // more than four sigma, and the seed is fixed
	require.EqualValues(t, failed, r.Touched())
}

func TestLatencyAddsToFailure(t *testing.T) {
	l, c, url := httpLink(t, func(http.ResponseWriter, *http.Request) {})
	must(t)(l.Set(Failure{Status: 502}))
	must(t)(l.Set(Latency{Delay: 120 * time.Millisecond}))
	start := time.Now()
	code, _ := fetch(t, c, "GET", url)
	require.Equal(t, 502, code)
	require.GreaterOrEqual(t, time.Since(start), 120*time.Millisecond)
}

func TestTurningFailuresOnAndOffBreaksNoHTTPRequest(t *testing.T) {
	l, c, url := httpLink(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = w.Write(b)
	})
	c.Transport.(*http.Transport).MaxIdleConnsPerHost = 8
	var ok, injected atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				// POST without GetBody: the client cannot hide a broken connection by trying again.
				req, _ := http.NewRequest("POST", url, io.LimitReader(strings.NewReader(strings.Repeat("x", 5000)), 5000))
				resp, err := c.Do(req)
				if err != nil {
					t.Errorf("broken: %v", err)
					return
				}
				b, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				switch {
				case err != nil:
					t.Errorf("broken: %v", err)
					return
				case resp.StatusCode == 503:
					injected.Add(1)
				case len(b) == 5000:
					ok.Add(1)
				default:
					t.Errorf("status %d with %d bytes", resp.StatusCode, len(b))
				}
			}
		})
	}
	for range 12 {
		before := injected.Load()
		r := must(t)(l.Set(Failure{Status: 503, Match: Match{Share: 0.5}}))
		require.Eventually(t, func() bool { return injected.Load() > before+20 || t.Failed() }, patience, time.Millisecond)
		r.Remove()
		now := ok.Load()
		require.Eventually(t, func() bool { return ok.Load() > now+50 || t.Failed() }, patience, time.Millisecond)
	}
	close(stop)
	wg.Wait()
}

type echoHealth struct {
	healthpb.UnimplementedHealthServer
	slow time.Duration
}

func (e *echoHealth) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	time.Sleep(e.slow)
	md, _ := metadata.FromIncomingContext(ctx)
	_ = grpc.SetTrailer(ctx, metadata.Pairs("seen", strings.Join(md.Get("traceparent"), ",")))
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
}

func grpcLink(t *testing.T, h healthpb.HealthServer) (*Link, healthpb.HealthClient) {
	srv := grpc.NewServer()
	healthpb.RegisterHealthServer(srv, h)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(ln) })
	t.Cleanup(func() { srv.Stop(); wg.Wait() })
	l := link(t, "grpc", ln.Addr().String())
	cc, err := grpc.NewClient(l.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
	require.NoError(t, err)
	t.Cleanup(func() { cc.Close() })
	return l, healthpb.NewHealthClient(cc)
}

func TestGRPCFailureAndTrailersThroughTheAwarePath(t *testing.T) {
	l, c := grpcLink(t, &echoHealth{})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r := must(t)(l.Set(Failure{Code: int(codes.ResourceExhausted), Match: Match{Path: "*/Check"}}))
	_, err := c.Check(ctx, &healthpb.HealthCheckRequest{})
	require.Equal(t, codes.ResourceExhausted, status.Code(err), "%v", err)
	require.ErrorContains(t, err, "injected by gameday")
	require.EqualValues(t, 1, r.Touched())
	r.Remove()
	r = must(t)(l.Set(Failure{Code: int(codes.Internal), Match: Match{Path: "/other"}}))
	var trailer metadata.MD
	resp, err := c.Check(metadata.AppendToOutgoingContext(ctx, "traceparent", "00-1"), &healthpb.HealthCheckRequest{}, grpc.Trailer(&trailer))
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, resp.Status)
	require.Equal(t, []string{"00-1"}, trailer.Get("seen"))
	require.Zero(t, r.Touched())
}

func TestGRPCStreamsPassTheAwarePathWithoutWaiting(t *testing.T) {
	hs := health.NewServer()
	l, c := grpcLink(t, hs)
	must(t)(l.Set(Failure{Code: 14, Match: Match{Path: "/other"}}))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	st, err := c.Watch(ctx, &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	m, err := st.Recv()
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, m.Status)
	hs.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	m, err = st.Recv()
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_NOT_SERVING, m.Status)
}

func TestTurningFailuresOnAndOffBreaksNoGRPCCall(t *testing.T) {
	l, c := grpcLink(t, &echoHealth{slow: 2 * time.Millisecond})
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	defer cancel()
	var ok, injected atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := c.Check(ctx, &healthpb.HealthCheckRequest{})
				switch status.Code(err) {
				case codes.OK:
					ok.Add(1)
				case codes.DataLoss:
					injected.Add(1)
				default:
					t.Errorf("broken: %v", err)
					return
				}
			}
		})
	}
	for range 6 {
		before := injected.Load()
		r := must(t)(l.Set(Failure{Code: int(codes.DataLoss), Match: Match{Share: 0.5}}))
		require.Eventually(t, func() bool { return injected.Load() > before+20 || t.Failed() }, patience, time.Millisecond)
		r.Remove()
		now := ok.Load()
		require.Eventually(t, func() bool { return ok.Load() > now+50 || t.Failed() }, patience, time.Millisecond)
	}
	close(stop)
	wg.Wait()
}

func TestBrokenUpstreamStaysABrokenConnectionOnTheAwarePath(t *testing.T) {
	l, c, url := httpLink(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	must(t)(l.Set(Failure{Status: 500, Match: Match{Path: "/other"}}))
	req, err := http.NewRequest("POST", url, io.LimitReader(strings.NewReader("x"), 1))
	require.NoError(t, err)
	_, err = c.Do(req)
	require.Error(t, err, "a 502 would be an answer that nobody gave")
}

func TestGlob(t *testing.T) {
	for _, tc := range []struct {
		pattern, text string
		want          bool
	}{{"/a", "/a", true}, {"/a", "/ab", false}, {"/a*", "/ab", true}, {"*", "", true}, {"*/Charge", "/p.P/Charge", true},
		{"/a*b*c", "/axxbyyc", true}, {"/a*b*c", "/axxcyyb", false}, {"ab*ba", "aba", false}, {"*a*", "bbb", false}} {
		require.Equal(t, tc.want, glob(tc.pattern, tc.text), "%s %s", tc.pattern, tc.text)
	}
}

func TestRequestsAndFramesAreRecognised(t *testing.T) {
	require.True(t, beginsRequest([]byte("GET / HTTP/1.1\r\nHost: x\r\n")))
	for _, no := range []string{"", "GET", "GET / ", "PRI * HTTP/2.0\r\n\r\nSM", "{\"a\": \" HTTP/1.1\"}", "get / HTTP/1.1\r\n", "POST body without\r\n / HTTP/1.1"} {
		require.False(t, beginsRequest([]byte(no)), no)
	}
	require.True(t, wholeFrames(goAway))
	require.True(t, wholeFrames(append(append([]byte{}, goAway...), goAway...)))
	require.False(t, wholeFrames(goAway[:16]))
	require.False(t, wholeFrames(append(append([]byte{}, goAway...), 0)))
	require.False(t, wholeFrames([]byte("HTTP/1.1 200 OK\r\n")))
}
