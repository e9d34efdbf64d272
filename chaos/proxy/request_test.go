package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Etag", `"1"`)
	w.Header().Set("Server", "hello")
	fmt.Fprintf(w, "hello %s%s %s", r.Host, r.URL.Path, r.Header.Get("X-Client"))
}

func get(t *testing.T, c *http.Client, url string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(b)
}

func TestDelayActsOnWhatMatches(t *testing.T) {
	l, c, url := httpLink(t, hello)
	r := must(t)(l.Set(Delay{Delay: 120 * time.Millisecond, Match: Match{Regexp: `^/a/\d+$`, Header: "X-Client: web*", Host: "127.0.0.*"}}))
	start := time.Now()
	get(t, c, url+"/a/12", "X-Client", "web-1")
	require.GreaterOrEqual(t, time.Since(start), 120*time.Millisecond)
	require.EqualValues(t, 1, r.Touched())
	get(t, c, url+"/a/b", "X-Client", "web-1")
	get(t, c, url+"/a/12", "X-Client", "app")
	get(t, c, url+"/a/12")
	require.EqualValues(t, 1, r.Touched())
	r.Remove()
	r = must(t)(l.Set(Delay{Delay: time.Hour}))
	done := make(chan int)
	go func() {
		resp, err := c.Get(url)
		if err != nil {
			done <- 0
			return
		}
		resp.Body.Close()
		done <- resp.StatusCode
	}()
	require.Eventually(t, func() bool { return r.Touched() == 1 }, patience, time.Millisecond)
	r.Remove()
	require.Equal(t, 200, <-done, "a request that waits is let go")
}

func TestAbortResets(t *testing.T) {
	l, c, url := httpLink(t, hello)
	r := must(t)(l.Set(Abort{Match{Path: "/no"}}))
	_, err := c.Post(url+"/no", "text/plain", io.LimitReader(strings.NewReader("x"), 1))
	require.Error(t, err) // as a reset, unless the client was still writing
	require.False(t, os.IsTimeout(err))
	require.EqualValues(t, 1, r.Touched())
	get(t, c, url+"/yes")
	require.EqualValues(t, 1, r.Touched())
}

func TestRateLimitAnswers429(t *testing.T) {
	l, c, url := httpLink(t, hello)
	r := must(t)(l.Set(RateLimit{PerSecond: 5}))
	start, ok, limited := time.Now(), 0, 0
	for range 40 {
		resp, _ := get(t, c, url)
		if resp.StatusCode == 429 {
			require.Equal(t, "1", resp.Header.Get("Retry-After"))
			limited++
		} else {
			ok++
		}
	}
	require.GreaterOrEqual(t, ok, 5)
	require.LessOrEqual(t, float64(ok), 5+5*time.Since(start).Seconds()+1)
	require.EqualValues(t, limited, r.Touched())
}

func TestHeadersAndBodyAreChanged(t *testing.T) {
	l, c, url := httpLink(t, hello)
	must(t)(l.Set(Header{On: Request, Name: "X-Client", Value: "changed"}))
	must(t)(l.Set(Header{On: Request, Name: "Host", Value: "elsewhere"}))
	r := must(t)(l.Set(Header{Name: "Cache-Control", Value: "max-age=1", Remove: "Server", Match: Match{Path: "/h"}}))
	resp, body := get(t, c, url+"/h", "X-Client", "as sent")
	require.Equal(t, "hello elsewhere/h changed", body)
	require.Equal(t, "max-age=1", resp.Header.Get("Cache-Control"))
	require.Empty(t, resp.Header.Get("Server"))
	require.NotEmpty(t, resp.Header.Get("Etag"))
	require.EqualValues(t, 1, r.Touched())
	resp, _ = get(t, c, url+"/other")
	require.Equal(t, "hello", resp.Header.Get("Server"))

	b := must(t)(l.Set(Body{Text: `{"ok":false}`, ContentType: "application/json"}))
	resp, body = get(t, c, url+"/h")
	require.Equal(t, `{"ok":false}`, body)
	require.EqualValues(t, len(body), resp.ContentLength)
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	require.Empty(t, resp.Header.Get("Etag"))
	head, err := c.Head(url + "/h")
	require.NoError(t, err)
	head.Body.Close()
	require.EqualValues(t, len(body), head.ContentLength)
	require.EqualValues(t, 2, b.Touched())
	b.Remove()
	b = must(t)(l.Set(Body{}))
	_, body = get(t, c, url+"/h")
	require.Empty(t, body)
	require.EqualValues(t, 1, b.Touched())
}

func TestGRPCRequestsAreDelayedAbortedAndLimited(t *testing.T) {
	l, c := grpcLink(t, &echoHealth{})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r := must(t)(l.Set(Delay{Delay: 80 * time.Millisecond}))
	start := time.Now()
	_, err := c.Check(ctx, &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(start), 80*time.Millisecond)
	r.Remove()
	r = must(t)(l.Set(RateLimit{PerSecond: 0.001}))
	for _, want := range []codes.Code{codes.ResourceExhausted, codes.ResourceExhausted} {
		_, err = c.Check(ctx, &healthpb.HealthCheckRequest{})
		require.Equal(t, want, status.Code(err), "%v", err)
	}
	require.EqualValues(t, 2, r.Touched())
	r.Remove()
	r = must(t)(l.Set(Abort{Match{Path: "*/Check"}}))
	_, err = c.Check(ctx, &healthpb.HealthCheckRequest{})
	require.Error(t, err)
	require.NotZero(t, r.Touched())
}

// FuzzRequestsStayInSync sends a request of any shape and one that is known over the same connection, through faults
// that rewrite both: whatever the first was, the second gets its own answer, or the connection ends.
func FuzzRequestsStayInSync(f *testing.F) {
	f.Add([]byte("body"), "/a", "X: y", false, "replaced")
	f.Add([]byte{}, "/", "", true, "")
	f.Add([]byte("0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"), "/x", "Transfer-Encoding: chunked", false, "HTTP/1.1 200 OK\r\n\r\n")
	f.Add([]byte("5\r\nhello\r\n"), "/%zz", "Content-Length: 3", true, "\r\n")
	f.Add([]byte("x"), "/a b", "Expect: 100-continue", false, "x")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // answers with its path
		n, _ := io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Path", strconv.Quote(r.URL.Path))
		fmt.Fprintf(w, "got %d", n)
	}))
	f.Cleanup(srv.Close)
	l := link(f, "http", srv.Listener.Addr().String())
	must(f)(l.Set(Header{Name: "X-Fault", Value: "yes"}))
	must(f)(l.Set(Header{On: Request, Remove: "X", Name: "Y", Value: "z"}))
	f.Fuzz(func(t *testing.T, body []byte, path, header string, chunked bool, text string) {
		r, err := l.Set(Body{Text: text, Match: Match{Path: "/known"}})
		require.NoError(t, err)
		defer r.Remove()
		c := dial(t, l.Addr())
		defer c.Close()
		var b strings.Builder
		fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: h\r\n%s\r\n", strings.NewReplacer("\r", "", "\n", "").Replace(path), strings.NewReplacer("\r", "", "\n", "").Replace(header))
		if chunked {
			fmt.Fprintf(&b, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		} else {
			fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
		}
		b.WriteString("GET /known HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		go func() { _, _ = io.WriteString(c, b.String()); _ = c.CloseWrite() }()
		in := bufio.NewReader(c)
		for {
			resp, err := http.ReadResponse(in, nil)
			if err != nil { // the end, or a reset after nonsense
				require.False(t, os.IsTimeout(err), "the connection hangs")
				return
			}
			got, err := io.ReadAll(resp.Body)
			if err != nil {
				require.False(t, os.IsTimeout(err), "the connection hangs")
				return
			}
			switch resp.Header.Get("X-Path") {
			case `"/known"`:
				require.Equal(t, text, string(got))
				require.EqualValues(t, len(text), resp.ContentLength)
				require.Equal(t, "yes", resp.Header.Get("X-Fault"))
			case "": // the proxy's own: 400 for nonsense, 100 on request
				require.Contains(t, []int{100, 400, 417, 431, 501, 505}, resp.StatusCode)
			default:
				require.Regexp(t, `^got \d+$`, string(got))
			}
		}
	})
}
