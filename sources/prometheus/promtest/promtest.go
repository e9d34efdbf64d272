// Package promtest runs the real Prometheus and Alertmanager for tests, which skip where they are not installed.
package promtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

// patience is how long a server may take to start on a machine that is busy with other tests.
const patience = time.Minute

// Prometheus starts the server with a configuration (YAML; "" for none), taking remote writes, and with room for exemplars.
// It returns its address and ends with the test.
func Prometheus(t *testing.T, config string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if config == "" {
		config = "global:\n  scrape_interval: 1s\nstorage:\n  exemplars:\n    max_exemplars: 10000\n"
	}
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	return run(t, "prometheus", "/-/ready", "--web.listen-address", append([]string{
		"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.enable-remote-write-receiver",
		"--enable-feature=exemplar-storage", "--log.level=error"}, flags...))
}

// Alertmanager starts the server with a configuration and returns its address.
func Alertmanager(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "alertmanager.yml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	return run(t, "prometheus-alertmanager", "/-/ready", "--web.listen-address", []string{
		"--config.file=" + file, "--storage.path=" + filepath.Join(dir, "data"), "--cluster.listen-address=", "--log.level=error"})
}

// run starts a program on a free port. Between looking for the port and taking it another process may take it: then it is
// tried again.
func run(t *testing.T, program, ready, listen string, flags []string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed (Debian's package %s)", program, program)
	}
	for attempt := 0; ; attempt++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		address := l.Addr().String()
		require.NoError(t, l.Close())
		var out bytes.Buffer
		cmd := exec.Command(path, append(flags, listen+"="+address)...)
		cmd.Stdout, cmd.Stderr = &out, &out
		require.NoError(t, cmd.Start())
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		stop := func() {
			_ = cmd.Process.Kill() // it may have ended
			<-ended
		}
		if waitReady("http://"+address+ready, ended) {
			t.Cleanup(stop)
			return "http://" + address
		}
		stop()
		if attempt == 3 {
			require.FailNow(t, program+" did not start", "%s", out.String())
		}
	}
}

// waitReady asks until it is ready; when the program ends it puts what it ended with back and gives up.
func waitReady(address string, ended chan error) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			return false
		default:
		}
		resp, err := http.Get(address)
		if err != nil {
			continue
		}
		_ = resp.Body.Close() // its status is what is asked for
		if resp.StatusCode == http.StatusOK {
			return true
		}
	}
	return false
}

// Write writes points into a server by remote write; those of a series are in the order of time.
func Write(t *testing.T, address string, points []signal.MetricPoint) {
	t.Helper()
	index := map[string]int{}
	var req prompb.WriteRequest
	for _, p := range points {
		labels := append(signal.Attrs{{Key: "__name__", Value: p.Name}}, p.Labels...).Sorted()
		at, ok := index[labels.String()]
		if !ok {
			at = len(req.Timeseries)
			index[labels.String()] = at
			var ts prompb.TimeSeries
			for _, l := range labels {
				ts.Labels = append(ts.Labels, prompb.Label{Name: l.Key, Value: l.Value})
			}
			req.Timeseries = append(req.Timeseries, ts)
		}
		ts := &req.Timeseries[at]
		ts.Samples = append(ts.Samples, prompb.Sample{Timestamp: p.T.UnixMilli(), Value: p.V})
		if e := p.Exemplar; e != nil {
			ts.Exemplars = append(ts.Exemplars, prompb.Exemplar{Value: e.V, Timestamp: e.T.UnixMilli(), Labels: []prompb.Label{{Name: "trace_id", Value: e.TraceID.String()}}})
		}
	}
	data, err := req.Marshal()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/api/v1/write", bytes.NewReader(snappy.Encode(nil, data)))
	require.NoError(t, err)
	r.Header.Set("Content-Encoding", "snappy")
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 2, resp.StatusCode/100, fmt.Sprintf("%d %s", resp.StatusCode, strings.TrimSpace(string(text))))
}
