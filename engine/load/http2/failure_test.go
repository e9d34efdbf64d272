package http2

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
)

func TestFailuresBeforeThereIsAConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := "h2c://" + l.Addr().String()
	require.NoError(t, l.Close())
	secure, _ := serve(t, true, func(http.ResponseWriter, *http.Request) {})
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.StartTLS()
	defer old.Close()
	trusted := &tls.Config{RootCAs: x509.NewCertPool()}
	trusted.RootCAs.AddCert(old.Certificate())
	address := func(s *httptest.Server) string { return s.Listener.Addr().String() }
	for name, tc := range map[string]struct {
		target string
		tls    *tls.Config
		kind   protocol.Kind
		err    string
	}{
		"nobody listens":    {closed, nil, protocol.Refused, "refused"},
		"unknown name":      {"h2c://nosuch.invalid:1", nil, protocol.Resolve, "nosuch.invalid"},
		"unknown authority": {secure, &tls.Config{RootCAs: x509.NewCertPool()}, protocol.TLS, "unknown authority"},
		"only HTTP/1.1":     {"h2c://" + address(plain), nil, protocol.BadResponse, "not HTTP/2"},
		"no ALPN":           {"h2://" + address(old), trusted, protocol.TLS, "application protocol"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := one(t, prepare(t, tc.target, tc.tls, Sharing{}, request("GET", "/", "")))
			var out protocol.Outcome
			c.Do(newCall(0), &out)
			require.Equal(t, tc.kind, out.Kind, out.Err)
			require.ErrorContains(t, out.Err, tc.err)
			require.EqualValues(t, 1, out.Dials)
		})
	}
}

func TestMistakesAreFoundBeforeTheRun(t *testing.T) {
	for target, want := range map[string]string{
		"http://h":         "must start with h2:// or h2c://",
		"h2c://":           "no host",
		"h2://u:secret@h":  "holds a user or a password",
		"h2c://h?x=1":      "must not have a query",
		"h2c://h:99999999": "port",
	} {
		_, err := New(target, protocol.Options{}, Sharing{})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := New("h2c://h", protocol.Options{}, Sharing{Streams: -1})
	require.ErrorContains(t, err, "streams: -1 is not from 0")
	p := prepare(t, "h2c://h", nil, Sharing{})
	for want, r := range map[string]protocol.Request{
		"method \"BREW\" is not supported": request("BREW", "/", ""),
		"path must start with /":           {Method: "GET", Step: protocol.Step{Name: "s", Timeout: 1}, Path: "x"},
		"no timeout":                       {Method: "GET", Path: "/"},
		"HTTP/2 has no such header":        request("GET", "/", "", protocol.Header{Name: "TE", Value: "x"}),
		"connections are kept":             request("GET", "/", "", protocol.Header{Name: "connection", Value: "x"}),
		"unknown":                          request("GET", "/{{nope}}", ""),
	} {
		_, err := p.Prepare(r)
		require.ErrorContains(t, err, want)
	}
}

func TestVariablesCannotBreakOut(t *testing.T) {
	names := func(name string) (int, bool) { return 0, name == "v" }
	target, _ := serve(t, false, func(http.ResponseWriter, *http.Request) {})
	path, header := request("GET", "/{{v}}", ""), request("GET", "/", "", protocol.Header{Name: "X", Value: "{{v}}"})
	path.Names, header.Names = names, names
	c, _ := one(t, prepare(t, target, nil, Sharing{}, path, header))
	for _, tc := range []struct {
		handle int
		value  string
		kind   protocol.Kind
	}{{0, "a b", protocol.Unsendable}, {1, "a\r\nb", protocol.Unsendable}, {0, "a%20b", protocol.OK}, {1, "a b", protocol.OK}} {
		call := newCall(tc.handle)
		call.Slots = [][]byte{[]byte(tc.value)}
		var out protocol.Outcome
		c.Do(call, &out)
		require.Equal(t, tc.kind, out.Kind, out.Err)
	}
}
