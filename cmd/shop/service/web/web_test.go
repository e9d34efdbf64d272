package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/cmd/shop/service/telemetry"
	"gameday/cmd/shop/service/web"
)

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func serve(t *testing.T, edge bool, routes map[string]web.Handler) (*web.Client, *telemetry.Telemetry, *buffer) {
	log := &buffer{}
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Stderr: log})
	require.NoError(t, err)
	s := web.NewServer(tel, edge)
	for pattern, h := range routes {
		s.Handle(pattern, h)
	}
	s.Quiet("GET /metrics", tel.Metrics.Handler())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	c := web.NewClient("test", ln.Addr().String(), tel)
	t.Cleanup(func() {
		c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, s.Shutdown(ctx))
		require.NoError(t, <-done)
		require.NoError(t, tel.Close(ctx))
	})
	return c, tel, log
}

func TestRequestIDIsPassedOnAndHostileOnesAreReplaced(t *testing.T) {
	c, _, log := serve(t, true, map[string]web.Handler{"GET /who": func(w http.ResponseWriter, r *http.Request) error {
		return web.JSON(w, 200, map[string]string{"id": telemetry.Request(r.Context())})
	}})
	var out struct{ ID string }
	_, err := c.Do(telemetry.WithRequest(t.Context(), "req-7"), "GET", "/who", nil, &out)
	require.NoError(t, err)
	require.Equal(t, "req-7", out.ID)
	require.Contains(t, log.String(), `"request_id":"req-7"`)
	require.Contains(t, log.String(), `"trace_id":"`)

	for _, bad := range []string{strings.Repeat("x", 129), "a b", "\u202eevil"} {
		_, err := c.Do(t.Context(), "GET", "/who", nil, &out, web.HeaderRequestID, bad)
		require.NoError(t, err)
		require.NotEqual(t, bad, out.ID)
		require.True(t, web.Key(out.ID))
	}
}

func TestErrorsBecomeAnswers(t *testing.T) {
	cause := errors.New("disk is gone")
	c, _, log := serve(t, false, map[string]web.Handler{
		"GET /refused": func(http.ResponseWriter, *http.Request) error { return web.Errorf(422, "no such product") },
		"GET /broken":  func(http.ResponseWriter, *http.Request) error { return fmt.Errorf("read the shelf: %w", cause) },
		"GET /panics":  func(http.ResponseWriter, *http.Request) error { panic("oh") },
		"POST /body": func(_ http.ResponseWriter, r *http.Request) error {
			var v struct{ A int }
			return web.Decode(r, &v)
		},
	})
	var e *web.Error
	_, err := c.Do(t.Context(), "GET", "/refused", nil, nil)
	require.ErrorAs(t, err, &e)
	require.Equal(t, 422, e.Status)
	require.True(t, e.Rejected())
	require.ErrorContains(t, err, "no such product")

	_, err = c.Do(t.Context(), "GET", "/broken", nil, nil)
	require.ErrorAs(t, err, &e)
	require.Equal(t, 500, e.Status)
	require.False(t, e.Rejected())
	require.NotContains(t, err.Error(), "disk", "what went wrong inside is for the log")
	require.Contains(t, log.String(), "read the shelf: disk is gone")

	_, err = c.Do(t.Context(), "GET", "/panics", nil, nil)
	require.ErrorAs(t, err, &e)
	require.Equal(t, 500, e.Status)

	for _, body := range []any{map[string]int{"B": 1}, "text", strings.Repeat("x", 100_000)} {
		_, err = c.Do(t.Context(), "POST", "/body", body, nil)
		require.ErrorAs(t, err, &e)
		require.Equal(t, 400, e.Status)
	}
}

func TestUpstreamStatus(t *testing.T) {
	for _, x := range []struct {
		err  error
		want int
	}{
		{errors.New("connection refused"), 502},
		{&web.Error{Status: 500, Text: "x"}, 502},
		{&web.Error{Status: 503, Text: "x"}, 503},
		{&web.Error{Status: 409, Text: "x"}, 409},
		{fmt.Errorf("ask: %w", context.DeadlineExceeded), 504},
	} {
		var e *web.Error
		require.ErrorAs(t, web.Upstream("db", x.err), &e)
		require.Equal(t, x.want, e.Status, "%v", x.err)
	}
}

func TestMeasurementsLeadToTraces(t *testing.T) {
	c, _, _ := serve(t, true, map[string]web.Handler{"GET /x/{id}": func(w http.ResponseWriter, r *http.Request) error {
		return web.JSON(w, 200, json.RawMessage(`{}`))
	}})
	_, err := c.Do(t.Context(), "GET", "/x/1", nil, nil)
	require.NoError(t, err)
	require.Eventually(t, func() bool { // the measurement comes just after the answer
		m, err := c.Do(t.Context(), "GET", "/metrics", nil, nil, "Accept", "application/openmetrics-text; version=1.0.0")
		require.NoError(t, err)
		return strings.Contains(string(m.Body), `http_request_duration_seconds_bucket{code="200",method="GET",route="/x/{id}"`) &&
			strings.Contains(string(m.Body), `# {trace_id="`)
	}, 10*time.Second, 10*time.Millisecond)
}
