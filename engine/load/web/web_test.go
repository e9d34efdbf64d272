package web

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// user is one worker's client and what it needs for a call.
type user struct {
	t      *testing.T
	proto  *Protocol
	client protocol.Client
	call   protocol.Call
	out    protocol.Outcome
}

// reads is a request that keeps what it is answered.
func reads(path string) protocol.Request {
	return protocol.Request{Method: "GET", Path: path, Step: protocol.Step{Name: path, Timeout: patience, Keep: 1 << 20}}
}

func newUser(t *testing.T, target string, o protocol.Options, two bool, c *Config, reqs ...protocol.Request) *user {
	t.Helper()
	p, err := New(target, o, two, c)
	require.NoError(t, err)
	for _, r := range reqs {
		_, err := p.Prepare(r, c)
		require.NoError(t, err)
	}
	u := &user{t: t, proto: p, client: p.NewClient(t.Context(), time.Now())}
	t.Cleanup(u.client.Close)
	u.call.Plan, u.call.Fresh = rand.New(rand.NewPCG(1, 1)), rand.New(rand.NewPCG(2, 2))
	u.call.Trace, u.call.Span = [16]byte{15: 7}, [8]byte{7: 9}
	return u
}

// do makes a request and looks at what must hold of every outcome.
func (u *user) do(request int) *protocol.Outcome {
	u.t.Helper()
	u.call.Request = request
	u.client.Do(&u.call, &u.out)
	p := u.out.Phases
	require.LessOrEqual(u.t, p.Resolve+p.Connect+p.TLS+p.Write+p.Wait+p.Read, u.out.Done-u.out.Start)
	for _, one := range []time.Duration{p.Resolve, p.Connect, p.TLS, p.Write, p.Wait, p.Read} {
		require.GreaterOrEqual(u.t, one, time.Duration(0))
	}
	if u.out.Err != nil {
		require.NotContains(u.t, u.out.Err.Error(), secret)
		require.True(u.t, u.out.Kind.Failed() || u.out.Kind == protocol.Interrupted)
	}
	return &u.out
}

// quiet is for servers whose clients misbehave on purpose.
var quiet = log.New(io.Discard, "", 0)

// secret must never be told.
const secret = "s3cr&t/p@ss:w"

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

func number(n int) *int { return &n }
func yes() *bool        { b := true; return &b }

func TestARequestSaysWhatThePlanSays(t *testing.T) {
	var got *http.Request
	var body string
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
		w.Header().Set("X-Who", "me")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "thanks")
	})
	slots := template.Names(func(name string) (int, bool) { return 0, name == "v" })
	req := reads("/b%2Fc/{{n}}?q={{url v}}&x=a+b")
	req.Method, req.Body, req.Names = "POST", "hello {{v}}", slots
	req.Headers = []protocol.Header{{Name: "Host", Value: "shop.example"}, {Name: "x-v", Value: "<{{v}}>"}}
	u := newUser(t, srv.URL+"/base/", protocol.Options{}, false, nil, req)
	u.call.N, u.call.Sampled, u.call.Slots = 5, true, [][]byte{[]byte("a&b")}
	out := u.do(0)
	require.Equal(t, protocol.OK, out.Kind, out.Err)
	require.Equal(t, 201, out.Status)
	require.Equal(t, "thanks", string(out.Body))
	require.Equal(t, int64(6), out.Received)
	require.Contains(t, string(out.Head), "X-Who: me\r\n")
	require.Equal(t, uint32(1), out.Dials)
	require.False(t, out.Reused)
	require.Equal(t, "POST /base/b%2Fc/5?q=a%26b&x=a+b HTTP/1.1", got.Method+" "+got.RequestURI+" "+got.Proto)
	require.Equal(t, "shop.example", got.Host)
	require.Equal(t, "hello a&b", body)
	require.Equal(t, "<a&b>", got.Header.Get("X-V"))
	require.Equal(t, "00-00000000000000000000000000000007-0000000000000009-01", got.Header.Get("Traceparent"))
	require.Equal(t, "00000000000000000000000000000007", got.Header.Get("X-Correlation-Id"))
	require.Equal(t, "gameday", got.UserAgent())
	require.Empty(t, got.Header.Get("Accept-Encoding"))
	out = u.do(0)
	require.True(t, out.Reused)
	require.Zero(t, out.Dials)
	require.Zero(t, out.Phases.Connect+out.Phases.Resolve+out.Phases.TLS)
	require.False(t, out.Retried)

	u.call.Slots[0] = []byte("x\r\nX-Evil: 1")
	require.Equal(t, protocol.Unsendable, u.do(0).Kind)
	_, err := u.proto.Prepare(protocol.Request{Method: "GET", Path: "/%zz" + secret, Step: protocol.Step{Timeout: 1}}, nil)
	require.Error(t, err)
	require.NotContains(t, err.Error(), secret)
}

func TestRedirectsAreFollowedAndCounted(t *testing.T) {
	var last *http.Request
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/login":
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: "1", Path: "/"})
			http.Redirect(w, r, "a/b", http.StatusSeeOther)
		case "/a/b":
			http.Redirect(w, r, "../end", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/again":
			http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
		case "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		case "/odd":
			w.Header().Set("Location", "http://[::\x01\x1b[31m")
			w.WriteHeader(http.StatusFound)
		case "/end":
			last = r
			b, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, r.Method+" "+string(b))
		}
	})
	login, again := reads("/login"), reads("/again")
	login.Method, login.Body, login.Cookies = "POST", "user=x", true
	again.Method, again.Body = "POST", "user={{n}}"
	u := newUser(t, srv.URL, protocol.Options{}, false, &Config{Redirects: number(3)},
		login, again, reads("/round"), reads("/file"), reads("/odd"))
	u.call.Jar, _ = cookiejar.New(nil)
	out := u.do(0)
	require.Equal(t, protocol.OK, out.Kind, out.Err)
	require.Equal(t, "GET ", string(out.Body))
	require.Equal(t, 2.0, out.Extra[0])
	require.Equal(t, []protocol.Extra{{Name: "redirects"}}, u.proto.Extras())
	require.Equal(t, uint32(1), out.Dials)
	require.False(t, out.Retried)
	cookie, err := last.Cookie("sid")
	require.NoError(t, err, "a cookie that a redirect sets is there at once")
	require.Equal(t, "1", cookie.Value)
	require.NotEmpty(t, last.Header.Get("Traceparent"))

	out = u.do(1)
	require.Equal(t, "POST user=0", string(out.Body), "307 sends everything again")

	out = u.do(2)
	require.Equal(t, protocol.CheckFailed, out.Kind)
	require.Equal(t, 302, out.Status)
	require.Equal(t, 3.0, out.Extra[0])
	require.EqualError(t, out.Err, "redirected more often than http.redirects allows")

	require.Equal(t, protocol.BadResponse, u.do(3).Kind)
	require.EqualError(t, u.out.Err, "redirected to something that is no http address")
	require.Equal(t, protocol.BadResponse, u.do(4).Kind)
	require.NotContains(t, u.out.Err.Error(), "\x1b")

	plain := newUser(t, srv.URL, protocol.Options{}, false, nil, reads("/round"))
	require.Equal(t, protocol.OK, plain.do(0).Kind)
	require.Equal(t, 302, plain.out.Status)
	require.Nil(t, plain.proto.Extras())
}

func TestNoOtherHostGetsWhatIsTheTargets(t *testing.T) {
	var seen http.Header
	other := serve(t, func(_ http.ResponseWriter, r *http.Request) { seen = r.Header })
	var signature atomic.Value
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		signature.Store(r.Header.Get("Authorization"))
		http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+"/", http.StatusFound)
	})
	slots := template.Names(func(string) (int, bool) { return 0, true })
	req := reads("/")
	req.Names = slots
	u := newUser(t, srv.URL, protocol.Options{}, false, &Config{
		Redirects: number(1), Auth: &Auth{Basic: &Basic{User: "{{v}}", Password: secret}}, Resolve: map[string]string{"localhost": "127.0.0.1"},
	}, req)
	u.call.Slots = [][]byte{[]byte("ann")}
	require.Equal(t, protocol.OK, u.do(0).Kind, u.out.Err)
	user, password, ok := (&http.Request{Header: http.Header{"Authorization": {signature.Load().(string)}}}).BasicAuth()
	require.True(t, ok)
	require.Equal(t, "ann "+secret, user+" "+password)
	require.Empty(t, seen.Get("Authorization"))

	u = newUser(t, srv.URL, protocol.Options{}, false, &Config{
		Redirects: number(1), Auth: &Auth{SigV4: &SigV4{Region: "r", Service: "s3", AccessKey: "AK", SecretKey: secret, SessionToken: "st"}},
	}, reads("/?b=2&a=1"))
	require.Equal(t, protocol.OK, u.do(0).Kind, u.out.Err)
	require.Contains(t, signature.Load(), "AWS4-HMAC-SHA256 Credential=AK/")
	require.Contains(t, signature.Load(), "x-amz-content-sha256")
	require.Contains(t, signature.Load(), "traceparent")
	require.Empty(t, seen.Get("Authorization"))
	require.Empty(t, seen.Get("X-Amz-Date"))
}

// The example of AWS's documentation of Signature Version 4, and of the suite that comes with it.
func TestSignaturesAreThoseOfAWS(t *testing.T) {
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for _, c := range []struct{ service, url, kind, want string }{
		{"iam", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", "application/x-www-form-urlencoded; charset=utf-8",
			"5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
		{"service", "https://example.amazonaws.com/", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	} {
		req, err := http.NewRequest("GET", c.url, nil)
		require.NoError(t, err)
		if c.kind != "" {
			req.Header.Set("Content-Type", c.kind)
		}
		s := newSigner(&SigV4{Region: "us-east-1", Service: c.service, AccessKey: "AKIDEXAMPLE", SecretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"})
		signed, err := s.signed(req, nil, at)
		require.NoError(t, err)
		require.Contains(t, signed.Header.Get("Authorization"), "Signature="+c.want)
		require.Empty(t, req.Header.Get("Authorization"), "the one that was given stays as it is")
	}
}

func TestCompressedAnswersAreUnpacked(t *testing.T) {
	text := strings.Repeat("hello, hello, ", 10_000)
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip, zstd" {
			http.Error(w, "no", http.StatusNotAcceptable)
			return
		}
		kind := strings.Trim(r.URL.Path, "/")
		w.Header().Set("Content-Encoding", kind)
		var to io.WriteCloser
		switch kind {
		case "gzip":
			to = gzip.NewWriter(w)
		case "zstd":
			to, _ = zstd.NewWriter(w)
		default:
			w.Header().Set("Content-Encoding", r.URL.Query().Get("as"))
			_, _ = io.WriteString(w, r.URL.Query().Get("body"))
			return
		}
		_, _ = io.WriteString(to, text)
		_ = to.Close()
	})
	bomb := reads("/gzip")
	bomb.Keep = 100
	head := reads("/gzip")
	head.Method = "HEAD"
	u := newUser(t, srv.URL, protocol.Options{}, false, &Config{Compression: yes()}, reads("/gzip"), reads("/zstd"), bomb, head,
		reads("/x?as=gzip&body=nonsense"), reads("/x?as=zstd&body=nonsense"), reads("/x?as=br&body=nonsense"), reads("/x?as=gzip"),
		reads("/x?as=identity&body=plain"))
	for range 2 {
		for i := range 2 {
			out := u.do(i)
			require.Equal(t, protocol.OK, out.Kind, out.Err)
			require.Equal(t, text, string(out.Body))
			require.Less(t, out.Received, int64(5000), "what came over the wire counts")
			require.Positive(t, out.Received)
		}
	}
	require.Equal(t, protocol.OK, u.do(2).Kind)
	require.Equal(t, text[:100], string(u.out.Body))
	require.Equal(t, protocol.OK, u.do(3).Kind, u.out.Err)
	for i := 4; i < 7; i++ {
		require.Equal(t, protocol.BadResponse, u.do(i).Kind)
		require.NotContains(t, u.out.Err.Error(), "nonsense")
	}
	require.Equal(t, protocol.OK, u.do(7).Kind, u.out.Err)
	require.Equal(t, protocol.OK, u.do(8).Kind, u.out.Err)
	require.Equal(t, "plain", string(u.out.Body))
}

func TestLimitsHold(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(strings.Trim(r.URL.Path, "/"))
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Got", strconv.Itoa(len(b)))
		if r.URL.Query().Has("chunked") {
			w.(http.Flusher).Flush()
		}
		_, _ = w.Write(make([]byte, n))
	})
	u := newUser(t, srv.URL, protocol.Options{}, false, &Config{MaxBody: 1000}, reads("/1000"), reads("/1001"), reads("/100000?chunked"))
	require.Equal(t, protocol.OK, u.do(0).Kind, u.out.Err)
	for i := 1; i < 3; i++ {
		require.Equal(t, protocol.CheckFailed, u.do(i).Kind)
		require.Equal(t, 200, u.out.Status)
		require.Equal(t, errTooLong.Error(), u.out.Err.Error())
	}
	require.Equal(t, protocol.OK, u.do(0).Kind, u.out.Err)

	up := reads("/0")
	up.Method, up.Body = "POST", strings.Repeat("x", 60_000)
	u = newUser(t, srv.URL, protocol.Options{}, false, &Config{BytesPerSecond: 100_000}, reads("/60000"), up)
	for i := range 2 {
		began := time.Now()
		require.Equal(t, protocol.OK, u.do(i).Kind, u.out.Err)
		require.Greater(t, time.Since(began), 400*time.Millisecond)
	}
	require.Contains(t, string(u.out.Head), "X-Got: 60000")
}

func TestConnectionsLiveAsLongAsThePlanSays(t *testing.T) {
	var opened, asked atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Close {
			asked.Add(1)
		}
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	for policy, want := range map[string]int32{"": 1, "keep": 1, "iteration": 2, "request": 4} {
		c := &Config{Connections: policy}
		opened.Store(0)
		asked.Store(0)
		u := newUser(t, srv.URL, protocol.Options{Lifetime: c.Lifetime()}, false, c, reads("/"))
		for n := range 4 {
			u.call.N = uint64(n / 2)
			require.Equal(t, protocol.OK, u.do(0).Kind, u.out.Err)
		}
		require.Equal(t, want, opened.Load(), policy)
		require.Equal(t, policy == "request", asked.Load() == 4, policy)
	}
}

func TestHTTP2(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/go" {
			http.Redirect(w, r, "/", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, r.Proto)
	})
	clear := httptest.NewUnstartedServer(h)
	clear.Config.Protocols = new(http.Protocols)
	clear.Config.Protocols.SetUnencryptedHTTP2(true)
	clear.Start()
	t.Cleanup(clear.Close)
	secure := httptest.NewUnstartedServer(h)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	for _, target := range []string{clear.URL, secure.URL} {
		u := newUser(t, target, protocol.Options{TLS: &tls.Config{RootCAs: roots}}, true, &Config{Redirects: number(1)}, reads("/go"))
		for i := range 3 {
			require.Equal(t, protocol.OK, u.do(0).Kind, u.out.Err)
			require.Equal(t, "HTTP/2.0", string(u.out.Body))
			require.Equal(t, 1.0, u.out.Extra[0])
			require.False(t, u.out.Retried, "%s %d", target, i)
			if i == 0 {
				// net/http gives a new connection to the request that waits for it before it tells others of it, so that a
				// redirect which comes at once may find none and dial too.
				require.Contains(t, []uint32{1, 2}, u.out.Dials)
				continue
			}
			require.Zero(t, u.out.Dials, "%s %d", target, i)
			require.True(t, u.out.Reused, "the redirect goes over the connection of the request before")
		}
	}
}
