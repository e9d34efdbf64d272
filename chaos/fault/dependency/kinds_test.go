package dependency

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/journal"
	"gameday/chaos/proxy"
	"gameday/sources/signal"
)

func TestEveryKindActsAndIsUndone(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Was", "here")
		fmt.Fprint(w, "fine ", r.Header.Get("X-Tenant"))
	}))
	defer srv.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer secure.Close()
	s := proxy.NewSet()
	defer s.Close()
	l, err := s.Link("checkout", "inventory", "http", srv.Listener.Addr().String())
	require.NoError(t, err)
	ls, err := s.Link("checkout", "bank", "tcp", secure.Listener.Addr().String())
	require.NoError(t, err)
	_, err = s.Link("checkout", "payment", "grpc", "127.0.0.1:1")
	require.NoError(t, err)
	lf, err := s.Forward("checkout", "internet")
	require.NoError(t, err)
	d := filepath.Join(t.TempDir(), "j")
	require.NoError(t, os.Mkdir(d, 0o700))
	j, err := journal.Create(d, "s1")
	require.NoError(t, err)
	c, err := chaos.NewController(chaos.Config{Journal: j, Inventory: s.Inventory(), Faults: All(s, 42)})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close(t.Context())) }()

	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs},
		Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Host == srv.Listener.Addr().String() { // the outside
				return &url.URL{Scheme: "http", Host: lf.Addr()}, nil
			}
			return nil, nil
		}}}
	urls := map[string]string{"inventory": "http://" + l.Addr() + "/stock", "bank": "https://" + ls.Addr(), "internet": srv.URL + "/api"}
	try := func(to string) (status int, body string, h http.Header, err error) {
		req, err := http.NewRequest("GET", urls[to], nil)
		require.NoError(t, err)
		req.Header.Set("X-Tenant", "acme")
		resp, err := client.Do(req)
		if err != nil {
			return 0, "", nil, err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b), resp.Header, err
	}
	for _, tc := range []struct {
		kind, to string
		args     chaos.Args
		title    string
		feels    func(status int, body string, h http.Header, err error, took time.Duration) bool
		unit     string
	}{
		{"dependency.error", "internet", chaos.Args{"status": 504, "host": "127.0.0.1"}, "internet answers 504 for 127.0.0.1",
			func(s int, _ string, _ http.Header, _ error, _ time.Duration) bool { return s == 504 }, "requests"},
		{"dependency.delay", "inventory", chaos.Args{"delay": "70ms", "header": "X-Tenant: ac*"}, "inventory requests +70ms",
			func(s int, b string, _ http.Header, _ error, took time.Duration) bool {
				return s == 200 && b == "fine acme" && took >= 70*time.Millisecond
			}, "requests"},
		{"dependency.abort", "inventory", chaos.Args{"pathRegex": "^/sto"}, "inventory aborts requests",
			func(_ int, _ string, _ http.Header, err error, _ time.Duration) bool { return err != nil }, "requests"},
		{"dependency.header", "inventory", chaos.Args{"remove": "X-Was", "set": "Retry-After: 5"}, "inventory answers without X-Was, with another Retry-After",
			func(_ int, _ string, h http.Header, _ error, _ time.Duration) bool {
				return h.Get("X-Was") == "" && h.Get("Retry-After") == "5"
			}, "requests"},
		{"dependency.header", "inventory", chaos.Args{"on": "request", "set": "X-Tenant: other"}, "inventory requests with another X-Tenant",
			func(_ int, b string, _ http.Header, _ error, _ time.Duration) bool { return b == "fine other" }, "requests"},
		{"dependency.body", "inventory", chaos.Args{"body": "{", "contentType": "application/json"}, "inventory answers another body",
			func(s int, b string, h http.Header, _ error, _ time.Duration) bool {
				return s == 200 && b == "{" && h.Get("Content-Type") == "application/json" && h.Get("Content-Length") == "1"
			}, "requests"},
		{"dependency.certificate", "bank", chaos.Args{"flaw": "wrong-name"}, "bank certificate wrong-name",
			func(_ int, _ string, _ http.Header, err error, _ time.Duration) bool {
				return err != nil && !os.IsTimeout(err)
			}, "handshakes"},
	} {
		p, err := c.Plan(t.Context(), chaos.Request{Kind: tc.kind, Select: chaos.Selector{Service: tc.to}, Args: tc.args})
		require.NoError(t, err, tc.kind)
		require.Equal(t, tc.title, p.Title)
		require.Contains(t, p.Description.Actions[0], "link checkout→"+tc.to)
		id, err := c.Inject(t.Context(), p)
		require.NoError(t, err)
		start := time.Now()
		status, body, h, err := try(tc.to)
		require.True(t, tc.feels(status, body, h, err, time.Since(start)), "%s: %d %q %v", tc.kind, status, body, err)
		require.NoError(t, c.Undo(t.Context(), id))
		states := c.States()
		st := states[slices.IndexFunc(states, func(st signal.FaultState) bool { return st.ID == id })]
		require.Equal(t, signal.FaultUndone, st.Phase)
		require.EqualValues(t, 1, st.Touched, tc.kind)
		require.Equal(t, tc.unit, st.Unit)
		status, _, _, err = try(tc.to)
		require.NoError(t, err)
		require.Equal(t, 200, status)
	}

	p, err := c.Plan(t.Context(), chaos.Request{Kind: "dependency.rate-limit", Select: chaos.Selector{Service: "inventory"}, Args: chaos.Args{"rate": 1}})
	require.NoError(t, err)
	require.Equal(t, "inventory takes 1/s", p.Title)
	_, err = c.Inject(t.Context(), p)
	require.NoError(t, err)
	require.Eventually(t, func() bool { s, _, _, err := try("inventory"); return err == nil && s == 429 }, 20*time.Second, time.Millisecond)

	for _, tc := range []struct {
		kind, to string
		args     chaos.Args
		want     string
	}{
		{"dependency.delay", "inventory", chaos.Args{"delay": "0s"}, "delay: a delay of zero"},
		{"dependency.delay", "inventory", chaos.Args{"delay": "1s", "pathRegex": "("}, "pathRegex:"},
		{"dependency.delay", "inventory", chaos.Args{"delay": "1s", "jitter": "1s", "distribution": "constant"}, "jitter:"},
		{"dependency.abort", "bank", nil, "plain TCP"},
		{"dependency.abort", "payment", chaos.Args{"method": "GET"}, "method: link checkout→payment carries gRPC"},
		{"dependency.header", "inventory", nil, "set: nothing is set"},
		{"dependency.header", "inventory", chaos.Args{"set": "x"}, "set: \"x\" has no colon"},
		{"dependency.header", "inventory", chaos.Args{"remove": "content-length"}, "remove: content-length says where"},
		{"dependency.body", "payment", chaos.Args{"body": ""}, "body: it carries gRPC"},
		{"dependency.body", "inventory", nil, "body"},
		{"dependency.rate-limit", "inventory", chaos.Args{"rate": 0}, "rate"},
		{"dependency.certificate", "inventory", nil, "without TLS"},
		{"dependency.certificate", "bank", chaos.Args{"host": "x"}, "host: it leads to one host"},
		{"dependency.certificate", "bank", chaos.Args{"flaw": "ugly"}, "not one of expired, wrong-name, self-signed"},
	} {
		_, err := c.Plan(t.Context(), chaos.Request{Kind: tc.kind, Select: chaos.Selector{Service: tc.to}, Args: tc.args})
		require.ErrorContains(t, err, tc.want, tc.kind)
	}
}
