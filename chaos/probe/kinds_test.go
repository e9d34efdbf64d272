package probe_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"gameday/chaos/probe"
	"gameday/sources/signal"
)

func TestHTTPAnswers(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/sick" {
			w.WriteHeader(http.StatusBadGateway)
		}
		fmt.Fprintf(w, `{"state":"up","method":%q,"sent":%q,"host":%q,"queue":{"length":17}}`, r.Method, body, r.Host)
	}))
	defer srv.Close()
	vars := map[string]string{"gateway": srv.URL}
	judge := func(rest string) (probe.Reading, signal.Check) {
		text := "{name: a, " + rest + "}"
		r := measure(t, text, &observer{}, vars)
		return r, parse(t, text).Expect.Judge(r)
	}

	r, c := judge(`http: {url: "${gateway}", method: PUT, body: hello, headers: {Host: shop}, measure: body}, expect: 'json $.sent = hello'`)
	require.Equal(t, signal.CheckPassed, c, r.Err)
	require.Contains(t, r.Raw, `"method":"PUT"`)
	require.Contains(t, r.Raw, `"host":"shop"`)
	r, c = judge(`http: {url: "${gateway}", json: $.queue.length}, expect: "< 20"`)
	require.Equal(t, signal.CheckPassed, c)
	require.Equal(t, 17.0, r.Value, "a number that can be drawn and have a baseline")
	r, c = judge(`http: {url: "${gateway}", json: $.state}, expect: "< 20"`)
	require.Equal(t, signal.CheckError, c, "what is no number is an error, never zero")
	require.Equal(t, `"up" is not a number`, r.Err)
	r, c = judge(`http: {url: "${gateway}", json: $.none}, expect: "< 20"`)
	require.Equal(t, signal.CheckError, c)
	require.Equal(t, "0 values stand at $.none, not one", r.Err)
	_, c = judge(`http: {url: "${gateway}", regex: 'length":(\d+)'}, expect: "= 17"`)
	require.Equal(t, signal.CheckPassed, c)
	r, c = judge(`http: {url: "${gateway}/sick", measure: latency, status: "in 200..299"}, expect: "< 10s"`)
	require.Equal(t, signal.CheckFailed, c)
	require.Equal(t, "status 502, expected in 200..299", r.Err)
	r, c = judge(`http: {url: "${gateway}", answer: 'json $.state = down'}, expect: "= 200"`)
	require.Equal(t, signal.CheckFailed, c)
	require.Contains(t, r.Err, "expected json $.state = down")
	_, c = judge(`http: {url: "${gateway}", status: "one of 200, 204", answer: matches up, measure: size}, expect: "in 10B..1kB"`)
	require.Equal(t, signal.CheckPassed, c)
}

func TestTCPConversation(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			switch strings.TrimSpace(line) {
			case "PING": // in two pieces
				io.WriteString(conn, "PO")
				time.Sleep(20 * time.Millisecond)
				io.WriteString(conn, "NG\r\n")
			case "WAIT":
				time.Sleep(200 * time.Millisecond)
			}
			conn.Close()
		}
	}()
	defer func() { require.NoError(t, ln.Close()); <-done }()
	vars := map[string]string{"db": ln.Addr().String()}
	ask := func(rest string) probe.Reading {
		return measure(t, `{name: a, tcp: {address: "${db}", `+rest+`}, expect: connects, timeout: 100ms}`, &observer{}, vars)
	}
	r := ask(`send: "PING\r\n", answer: "= PONG"`)
	require.False(t, r.Down, r.Err)
	require.GreaterOrEqual(t, r.Value, 0.02, "until the answer is there")
	require.Equal(t, `expected = PANG, answered "PONG"`, ask(`send: "PING\r\n", answer: "= PANG"`).Err)
	require.Equal(t, "expected = x, closed without an answer", ask(`send: "QUIT\r\n", answer: "= x"`).Err)
	r = ask(`send: "WAIT\r\n", answer: "= x"`)
	require.True(t, r.Down)
	require.Equal(t, "no answer within 100ms", r.Err)
}

func TestGRPCHealth(t *testing.T) {
	cert, file := certificate(t)
	serve := func(o ...grpc.ServerOption) (string, *health.Server) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		srv, h := grpc.NewServer(o...), health.NewServer()
		grpc_health_v1.RegisterHealthServer(srv, h)
		done := make(chan struct{})
		go func() { defer close(done); _ = srv.Serve(ln) }()
		t.Cleanup(func() { srv.Stop(); <-done })
		return ln.Addr().String(), h
	}
	plain, h := serve()
	h.SetServingStatus("shop.Cart", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	secret, _ := serve(grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
	ask := func(rest string) probe.Reading {
		return measure(t, "{name: a, grpc: {"+rest+"}, expect: = SERVING, timeout: 5s}", &observer{}, map[string]string{"cart": plain, "tls": secret})
	}
	require.Equal(t, "SERVING", ask(`address: "${cart}"`).Raw)
	require.Equal(t, "NOT_SERVING", ask(`address: "${cart}", service: shop.Cart`).Raw)
	require.Equal(t, "SERVICE_UNKNOWN", ask(`address: "${cart}", service: shop.Card`).Raw)
	require.Equal(t, "SERVING", ask(`address: "${tls}", tls: true, ca: "`+file+`"`).Raw)
	r := ask(`address: "${tls}", tls: true`)
	require.True(t, r.Down, "nobody vouches for it")
	require.Contains(t, r.Err, "certificate")
	r = measure(t, `{name: a, grpc: {address: "${cart}", measure: latency}, expect: "< 10s"}`, &observer{}, map[string]string{"cart": plain})
	require.Positive(t, r.Value)

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gone := ln.Addr().String()
	require.NoError(t, ln.Close())
	r = ask(`address: "` + gone + `"`)
	require.True(t, r.Down)
	require.Contains(t, r.Err, "refused")

	ln, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	bare := grpc.NewServer()
	done := make(chan struct{})
	go func() { defer close(done); _ = bare.Serve(ln) }()
	r = ask(`address: "` + ln.Addr().String() + `"`)
	require.True(t, r.Faulty, "a server without a health service says nothing about health")
	bare.Stop()
	<-done
}

func certificate(t *testing.T) (tls.Certificate, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestCommand(t *testing.T) {
	t.Setenv("GAMEDAY_TEST_TOKEN", "s3cret")
	vars := map[string]string{"gateway": "http://h:1"}
	for text, want := range map[string]struct {
		check signal.Check
		raw   string
		err   string
	}{
		`command: {run: [/bin/true]}, expect: "= 0"`:                                                                                     {signal.CheckPassed, "0", ""},
		`command: {shell: "echo broken >&2; exit 3"}, expect: "= 0"`:                                                                     {signal.CheckFailed, "3", "broken"},
		`command: {shell: "exit 3"}, expect: "one of 0, 3"`:                                                                              {signal.CheckPassed, "3", ""},
		`command: {run: [/bin/echo, " 42 "], measure: number}, expect: "in 40..45"`:                                                      {signal.CheckPassed, "42", ""},
		`command: {run: [/bin/echo, 150ms], measure: number}, expect: "< 200ms"`:                                                         {signal.CheckPassed, "150ms", ""},
		`command: {run: [/bin/echo, fine], measure: number}, expect: "= 0"`:                                                              {signal.CheckError, "", `"fine" is not a number`},
		`command: {run: [/bin/echo], measure: number}, expect: "= 0"`:                                                                    {signal.CheckError, "", `"" is not a number`},
		`command: {run: [/bin/echo, "lag=7s"], regex: "lag=(.*)"}, expect: "< 10s"`:                                                      {signal.CheckPassed, "7s", ""},
		`command: {run: [/bin/echo, "lag"], regex: "lag=(.*)"}, expect: "< 10s"`:                                                         {signal.CheckError, "", `nothing matches lag=(.*) in "lag"`},
		`command: {run: [/bin/echo, '{"a":{"n":3}}'], json: $.a.n}, expect: "= 3"`:                                                       {signal.CheckPassed, "3", ""},
		`command: {run: [/bin/echo, 'nope'], json: $.a.n}, expect: "= 3"`:                                                                {signal.CheckError, "", `this is not JSON: "nope"`},
		`command: {run: [/bin/echo, 'all well'], measure: stdout}, expect: matches ^all`:                                                 {signal.CheckPassed, "all well", ""},
		`command: {run: [/bin/echo, "${gateway}/x"], measure: stdout}, expect: "= http://h:1/x"`:                                         {signal.CheckPassed, "http://h:1/x", ""},
		`command: {shell: "echo $GAMEDAY_GATEWAY $USER $A $GAMEDAY_TEST_TOKEN", env: {A: b}, measure: stdout}, expect: "= http://h:1 b"`: {signal.CheckPassed, "http://h:1 b", ""},
		`command: {shell: "echo $GAMEDAY_TEST_TOKEN", inherit: [GAMEDAY_TEST_TOKEN], measure: stdout}, expect: "= s3cret"`:               {signal.CheckPassed, "s3cret", ""},
		`command: {run: [/bin/pwd], measure: stdout}, expect: "= /"`:                                                                     {signal.CheckPassed, "/", ""},
		`command: {run: [/bin/pwd], dir: /tmp, measure: stdout}, expect: "= /tmp"`:                                                       {signal.CheckPassed, "/tmp", ""},
		`command: {run: [/bin/false], measure: stdout}, expect: "= x"`:                                                                   {signal.CheckError, "", "/bin/false ended with 1: "},
		`command: {run: [/no/such]}, expect: "= 0"`:                                                                                      {signal.CheckError, "", "/no/such could not be run: fork/exec /no/such: no such file or directory"},
		`command: {shell: "kill -9 $$"}, expect: "= 0"`:                                                                                  {signal.CheckError, "", "/bin/sh was ended by a signal: signal: killed"},
		`command: {shell: "head -c 100000 /dev/zero", measure: stdout}, expect: "= x"`:                                                   {signal.CheckError, "", "/bin/sh printed more than 64 kB"},
		`command: {run: [/bin/echo, "$HOME;", "*"], measure: stdout}, expect: "= $HOME; *"`:                                              {signal.CheckPassed, "$HOME; *", ""}, // no shell
	} {
		text = "{name: a, timeout: 20s, " + text + "}"
		r := measure(t, text, &observer{}, vars)
		require.Equal(t, want.check, parse(t, text).Expect.Judge(r), "%s: %s", text, r.Err)
		require.Equal(t, want.raw, r.Raw, text)
		require.Equal(t, strings.TrimSpace(want.err), r.Err, text)
	}
}

func TestCommandIsKilledWithItsChildren(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	begun := time.Now()
	r := measure(t, `{name: a, timeout: 300ms, command: {shell: "sleep 300 & echo $! >`+file+`; wait"}, expect: "= 0"}`, &observer{}, nil)
	require.True(t, r.Faulty)
	require.Equal(t, "/bin/sh did not end within 300ms", r.Err)
	require.Less(t, time.Since(begun), 30*time.Second)
	gone(t, file)
}

func TestCommandThatLeavesAChildBehind(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	r := measure(t, `{name: a, timeout: 20s, command: {shell: "sleep 300 & echo $! >`+file+`"}, expect: "= 0"}`, &observer{}, nil)
	require.True(t, r.Faulty)
	require.Equal(t, "/bin/sh ended and left something running that holds its output", r.Err)
	gone(t, file)
}

// gone waits until the process named in a file is no more.
func gone(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return syscall.Kill(pid, 0) != nil || err == nil && strings.Contains(string(stat), ") Z ")
	}, 30*time.Second, 10*time.Millisecond)
}

func TestCommandStopsWithItsCaller(t *testing.T) {
	p, err := probe.New(parse(t, `{name: a, timeout: 60s, command: {run: [/bin/sleep, "50"]}, expect: "= 0"}`), &observer{}, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	r := p.Measure(ctx)
	require.False(t, r.Known || r.Faulty)
	require.Equal(t, "the measurement was stopped", r.Err)
}

func TestCheckReportsTheNewKinds(t *testing.T) {
	for text, want := range map[string]string{
		`{name: a, command: {measure: stdout}, expect: = ok}`:                                `p.yaml:1:11: command: needs run: [program, argument], or shell: for a line of /bin/sh`,
		`{name: a, command: {run: [a], shell: b}, expect: "= 0"}`:                            `p.yaml:1:11: command: has run and shell; give one of them`,
		`{name: a, command: {run: [a], measure: exit, json: $.a}, expect: "= 0"}`:            `p.yaml:1:40: command.measure: json and regex read the stdout; leave measure out`,
		`{name: a, command: {run: [a], json: "$.a["}, expect: "= 0"}`:                        "",
		`{name: a, command: {run: [a], regex: "a("}, expect: "= 0"}`:                         "p.yaml:1:38: command.regex: \"a(\" is not a regular expression: missing closing ): `a(`",
		`{name: a, command: {run: [a], env: {"a=b": c}}, expect: "= 0"}`:                     `p.yaml:1:31: command.env: "a=b" is no name of a variable`,
		`{name: a, command: /bin/true, expect: "= 0"}`:                                       `p.yaml:1:20: command: expected a map with run, shell, dir, env, inherit, measure …, found "/bin/true"`,
		`{name: a, grpc: "h", expect: = SERVING}`:                                            `p.yaml:1:17: grpc: "h" is not an address such as host:port`,
		`{name: a, grpc: {address: "h:1", ca: x}, expect: = SERVING}`:                        `p.yaml:1:38: grpc.ca: is for an encrypted connection: add tls: true`,
		`{name: a, grpc: "h:1", expect: "= 1"}`:                                              `p.yaml:1:32: expect: the status is text; write "= word" or "matches regexp"`,
		`{name: a, http: {url: "http://h", status: matches 2}, expect: "= 200"}`:             "",
		`{name: a, http: {url: "http://h", answer: "> 2"}, expect: "= 200"}`:                 `p.yaml:1:43: http.answer: the answer is text; write "= word" or "matches regexp"`,
		`{name: a, http: {url: "http://h", json: $.a, measure: latency}, expect: "< 1s"}`:    `p.yaml:1:55: http.measure: json and regex read the body; leave measure out`,
		`{name: a, promql: up, expect: "json $.a = 1"}`:                                      "",
		`{name: a, load: {stat: p95}, expect: "json $.a = 1"}`:                               `p.yaml:1:38: expect: p95 is no JSON text`,
		`{name: a, load: {stat: p95}, expect: "one of up, down"}`:                            `p.yaml:1:38: expect: p95 is a number, and not all of "up, down" are`,
		`{name: a, load: {stat: p95}, expect: "baseline ± 5B"}`:                              `p.yaml:1:38: expect: p95 is a time; write its unit, as in "< 200ms"`,
		`{name: a, load: {stat: p95}, expect: "baseline ± 5"}`:                               `p.yaml:1:38: expect: p95 is a time; write its unit, as in "< 200ms"`,
		`{name: a, load: {stat: p95}, expect: "one of 1, 2"}`:                                `p.yaml:1:38: expect: p95 is a time; write its unit, as in "< 200ms"`,
		`{name: a, load: {stat: success}, expect: "one of 1, 2"}`:                            `p.yaml:1:42: expect: success is a share; write it as in "> 99%" or "> 0.99"`,
		`{name: a, process: p, expect: "baseline ± 5%"}`:                                     `p.yaml:1:31: expect: the state is text; only numbers have a baseline`,
		`{name: a, load: {stat: p95}, mode: on-fault, expect: "baseline ± 5%"}`:              `p.yaml:1:54: expect: a baseline is measured before anything is touched, and a probe of mode on-fault is not`,
		`{name: a, load: {stat: p95}, mode: onfault, expect: "< 1s"}`:                        `p.yaml:1:36: mode: "onfault" is not one of before, after, edge, continuous, on-fault (did you mean "on-fault"?)`,
		`{name: a, load: {stat: success}, expect: "> 99%", hysteresis: 2%}`:                  `p.yaml:1:63: hysteresis: no share is better than > 99% by 2%`,
		`{name: a, load: {stat: success}, expect: "> 99%", failureLimit: -1, minSamples: x}`: "p.yaml:1:81: minSamples: expected a whole number, found \"x\"",
		`{name: a, load: {stat: success}, expect: "> 99%", failureLimit: -1}`:                `p.yaml:1:65: failureLimit: -1 is outside 0 to 100000`,
	} {
		_, err := check(t, text)
		if want == "" {
			continue
		}
		require.EqualError(t, err, want, text)
	}
	_, err := check(t, `{name: a, command: {run: [a], json: "$.a["}, expect: "= 0"}`)
	require.ErrorContains(t, err, `p.yaml:1:37: command.json: "$.a[" is not a JSON path such as $.queue.length`)
	_, err = check(t, `{name: a, promql: up, expect: "json $.a = 1"}`)
	require.NoError(t, err)
}

func FuzzExpectWithMore(f *testing.F) {
	for _, s := range []string{"> 99%", "in 1..3", "one of a, 1", "json $.a[?@.b == ' '] = 3", "baseline ± 3 sigma", "< baseline - 5ms", "matches a b", "json $ json $ = 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := probe.ParseExpect(s)
		if err != nil {
			return
		}
		for _, r := range []probe.Reading{number(1), word(`{"a":[1]}`), {}, {Faulty: true}, {Known: true, Down: true}} {
			require.NotEqual(t, signal.CheckPending, e.Judge(r))
		}
		e.Over(1, 0.1, probe.UnitSeconds).Judge(number(1))
	})
}
