package jaeger_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/driver"
	"gameday/sources/drivertest"
	"gameday/sources/jaeger"
	"gameday/sources/otlp"
	"gameday/sources/signal"
)

// real is a running Jaeger all-in-one, which `make test-jaeger` builds.
type real struct{ http, grpc, otlpGRPC, otlpHTTP string }

func startReal(t *testing.T) real {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	bin := filepath.Join(cache, "gameday-testservers", "jaeger")
	if _, err := os.Stat(bin); err != nil {
		t.Skipf("%s is not there: make test-jaeger builds it, in 5 to 20 minutes", bin)
	}
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		return l.Addr().String()
	}
	j := real{http: free(), grpc: free(), otlpGRPC: free(), otlpHTTP: free()}
	cmd := exec.Command(bin, "--query.http-server.host-port="+j.http, "--query.grpc-server.host-port="+j.grpc, "--collector.otlp.grpc.host-port="+j.otlpGRPC,
		"--collector.otlp.http.host-port="+j.otlpHTTP, "--admin.http.host-port="+free(), "--collector.http-server.host-port="+free(), "--collector.grpc-server.host-port="+free())
	cmd.Env = append(os.Environ(), "SPAN_STORAGE_TYPE=memory")
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // killed is what it was
	})
	require.Eventually(t, func() bool {
		res, err := http.Get("http://" + j.http + "/api/services")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, time.Minute, 50*time.Millisecond, "Jaeger did not come up")
	http.DefaultClient.CloseIdleConnections()
	return j
}

// tell writes spans into it through our exporter and the OpenTelemetry collector's receiver, which Jaeger has inside.
func (j real) tell(t *testing.T, address string, b signal.Batch) {
	t.Helper()
	e, err := otlp.OpenExporter(driver.Settings{Address: address})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, e.Export(ctx, b))
	require.Empty(t, e.Rejected())
	require.NoError(t, e.Close())
}

func TestRealConformance(t *testing.T) {
	j := startReal(t)
	drivertest.RunHTTP(t, drivertest.HTTP{
		Kind: jaeger.Kind(), Options: "{services: [checkout, payment], limit: 20}", Spans: true,
		System: func(t *testing.T, known signal.Batch) http.Handler {
			j.tell(t, "grpc://"+j.otlpGRPC, known)
			return httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: j.http})
		},
		Huge: drivertest.Huge{Head: `{"data":[{"traceID":"1","spans":[`, Separator: ",", Tail: `],"processes":{}}]}`,
			Item: `{"traceID":"1","spanID":"1","operationName":"` + drivertest.Filler + `","startTime":1,"duration":1}`},
	})
}

// TestReal reads back over both ways what was sent over both ways, follows without doubling, and asks who calls whom.
func TestReal(t *testing.T) {
	j := startReal(t)
	b := known()
	for i := range b.Spans {
		b.Spans[i].Kind = signal.SpanServer
	}
	j.tell(t, "http://"+j.otlpHTTP, signal.Batch{Spans: b.Spans[:1]})
	j.tell(t, "grpc://"+j.otlpGRPC, signal.Batch{Spans: b.Spans[1:]})
	for name, s := range map[string]driver.Settings{
		"grpc": {Address: "grpc://" + j.grpc, Fields: []string{"order_id"}, Every: 20 * time.Millisecond, Options: options(t, "lookback: 10m")},
		"http": {Address: "http://" + j.http, Fields: []string{"order_id"}, Every: 20 * time.Millisecond, Options: options(t, "lookback: 10m")},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, s)
			require.Eventually(t, func() bool {
				a, err := d.Query(t.Context(), driver.Query{Text: "service=payment"})
				return err == nil && len(a.Spans) == 2
			}, time.Minute, 50*time.Millisecond)
			a, err := d.Query(t.Context(), driver.Query{ID: signal.CorrelationID(b.Spans[0].TraceID.In(signal.FormXRay))})
			require.NoError(t, err)
			require.Len(t, a.Spans, 2)
			for _, sp := range a.Spans {
				if sp.Service == "payment" {
					require.True(t, sp.Failed)
					require.Equal(t, "declined", sp.Message)
					require.Equal(t, b.Spans[0].SpanID, sp.ParentID)
					require.True(t, b.Spans[1].Start.Equal(sp.Start), "as it was stored, without Jaeger's own corrections")
				}
			}
			for text, want := range map[string]int{"service=gateway order_id=o-17": 2, "duration>900ms": 2, "status=error": 2, `operation="GET /cart"`: 1} {
				a, err := d.Query(t.Context(), driver.Query{Text: text})
				require.NoError(t, err, text)
				require.Len(t, a.Spans, want, text)
			}
			words, err := d.Complete(t.Context(), driver.WordOperation, "gateway", "", 10)
			require.NoError(t, err)
			require.Equal(t, []string{"GET /cart", "POST /checkout"}, words)
			edges, err := d.Dependencies(t.Context(), signal.Window{From: start.Add(-time.Hour), To: time.Now().Add(time.Minute)})
			require.NoError(t, err)
			require.Equal(t, []driver.Edge{{From: "gateway", To: "payment", Calls: 1}}, edges)
			for _, f := range d.Check(t.Context()) {
				require.NotEqual(t, driver.FindingBad, f.State, "%+v", f)
			}
			follow(t, d, 3)
		})
	}
}

// follow runs a driver for a while, and each span must have been told once.
func follow(t *testing.T, d *jaeger.Driver, want int) {
	ctx, cancel := context.WithCancel(t.Context())
	seen := map[signal.SpanID]int{}
	done := make(chan error, 1)
	go func() {
		done <- d.Run(ctx, func(b signal.Batch) {
			for _, s := range b.Spans {
				seen[s.SpanID]++
			}
		})
	}()
	time.Sleep(500 * time.Millisecond) // several rounds
	cancel()
	require.NoError(t, <-done)
	for id, n := range seen {
		require.Equal(t, 1, n, id)
	}
	require.Len(t, seen, want)
}
