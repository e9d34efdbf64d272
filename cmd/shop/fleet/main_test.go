package fleet_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/cmd/shop/fleet"
	"gameday/cmd/shop/service"
)

// The test binary is also the program that runs a service, and a parent that can be killed.
const (
	argService = "-as-service"
	argParent  = "-as-parent"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case argService:
			os.Exit(service.Main(context.Background(), os.Args[2:]))
		case argParent:
			os.Exit(parent())
		}
	}
	os.Exit(m.Run())
}

// parent starts a shop in the directory given, prints the PIDs, and waits to be killed.
func parent() int {
	f, err := fleet.Start(context.Background(), fleet.Config{Args: []string{argService}, Dir: os.Args[2], Patterns: true, StartTimeout: time.Minute})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, s := range f.Services() {
		fmt.Println(s.PID, s.StartTicks)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends, should it fail to kill us
	return 0
}

func start(t *testing.T, cfg fleet.Config) *fleet.Fleet {
	t.Helper()
	cfg.Args = []string{argService}
	cfg.Dir = t.TempDir()
	cfg.Seed = 1
	cfg.StartTimeout = time.Minute // a slow machine under the race detector
	f, err := fleet.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if t.Failed() {
			for _, p := range f.Processes() {
				b, _ := os.ReadFile(f.LogFile(p.Name)) // what there is
				t.Logf("%+v\n%s", p, tail(b, 1500))
			}
		}
		require.NoError(t, f.Stop(ctx))
		entries, err := os.ReadDir(cfg.Dir)
		require.NoError(t, err)
		require.Empty(t, entries, "Stop left files behind")
	})
	return f
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

type answer struct {
	status int
	header http.Header
	body   []byte
	took   time.Duration
}

func (a answer) ok() bool       { return a.status >= 200 && a.status < 300 }
func (a answer) degraded() bool { return a.header.Get("X-Degraded") == "true" }

var client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

func ask(method, url string, in any, headers ...string) (answer, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return answer{}, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	started := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, b, time.Since(started)}, err
}

func mustAsk(t *testing.T, method, url string, in any, headers ...string) answer {
	t.Helper()
	a, err := ask(method, url, in, headers...)
	require.NoError(t, err)
	return a
}

func decode[T any](t *testing.T, a answer) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.body, &v), "%s", a.body)
	return v
}

func buyBody(product string) map[string]any {
	return map[string]any{"customer": "ann", "items": []map[string]any{{"product": product, "quantity": 1}}}
}

// loggedBy reports whether a log line of the service carries all of the words.
func loggedBy(f *fleet.Fleet, name string, words ...string) bool {
	file, err := os.Open(f.LogFile(name))
	if err != nil {
		return false
	}
	defer file.Close()
	for s := bufio.NewScanner(file); s.Scan(); {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(s.Text(), w) }) {
			return true
		}
	}
	return false
}

func find(f *fleet.Fleet, name string) fleet.Service {
	for _, s := range f.Services() {
		if s.Name == name {
			return s
		}
	}
	return fleet.Service{}
}

func state(f *fleet.Fleet, name string) string {
	for _, p := range f.Processes() {
		if p.Name == name {
			return p.State
		}
	}
	return ""
}

func restarts(f *fleet.Fleet, name string) int {
	for _, p := range f.Processes() {
		if p.Name == name {
			return p.Restarts
		}
	}
	return -1
}

func percentile(d []time.Duration, p float64) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[min(int(float64(len(d))*p), len(d)-1)]
}

func lines(b []byte) func(func(string) bool) { return strings.SplitSeq(string(b), "\n") }
