package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/sources/client"
	"gameday/sources/reference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func dial(t *testing.T, address string, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.New(address, cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// get reads a whole answer.
func get(t *testing.T, c *client.Client, r client.Request) (string, error) {
	t.Helper()
	body, _, err := c.Do(context.Background(), r)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(body)
	require.NoError(t, body.Close())
	return string(data), err
}

func TestARequestCarriesWhatIsConfigured(t *testing.T) {
	t.Setenv("CLIENT_TEST_TOKEN", "t0ken")
	var got *http.Request
	var sent []byte
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		sent, _ = io.ReadAll(r.Body)
		_, _ = w.Write([]byte("fine"))
	})
	c := dial(t, s.URL+"/prefix/", client.Config{
		Auth: client.Auth{Bearer: reference.NewSecret("${env:CLIENT_TEST_TOKEN}")}, Tenant: "shop",
		Headers: map[string]reference.Secret{"X-Extra": reference.NewSecret("a-${env:CLIENT_TEST_TOKEN}")},
	})
	r := client.Form("/api", map[string][]string{"q": {"a b"}})
	r.Query = map[string][]string{"x": {"1&2"}}
	text, err := get(t, c, r)
	require.NoError(t, err)
	require.Equal(t, "fine", text)
	require.Equal(t, "/prefix/api?x=1%262", got.RequestURI)
	require.Equal(t, http.MethodPost, got.Method)
	require.Equal(t, "q=a+b", string(sent))
	require.Equal(t, "Bearer t0ken", got.Header.Get("Authorization"))
	require.Equal(t, "shop", got.Header.Get("X-Scope-OrgID"))
	require.Equal(t, "a-t0ken", got.Header.Get("X-Extra"))
	require.Equal(t, "gameday", got.UserAgent())

	t.Setenv("CLIENT_TEST_TOKEN", "another") // a token is looked up for each request
	_, err = get(t, c, client.Request{})
	require.NoError(t, err)
	require.Equal(t, "Bearer another", got.Header.Get("Authorization"))
	h := http.Header{}
	require.NoError(t, c.Authorise(context.Background(), h))
	require.Equal(t, "Bearer another", h.Get("Authorization"))

	c = dial(t, s.URL, client.Config{Auth: client.Auth{Basic: &client.Basic{User: "me", Password: reference.NewSecret("pw")}}})
	_, err = get(t, c, client.Request{})
	require.NoError(t, err)
	user, password, _ := got.BasicAuth()
	require.Equal(t, "me pw", user+" "+password)

	c = dial(t, s.URL, client.Config{Auth: client.Auth{Bearer: reference.NewSecret("${env:CLIENT_TEST_NONE}")}})
	_, err = get(t, c, client.Request{Path: "/x"})
	require.EqualError(t, err, "GET "+s.URL+"/x: auth.bearer: the environment variable CLIENT_TEST_NONE is not set")
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	secret := reference.NewSecret("x")
	for want, cfg := range map[string]client.Config{
		"auth: has basic and bearer: give one":          {Auth: client.Auth{Basic: &client.Basic{}, Bearer: secret}},
		"auth: has oauth2 and aws":                      {Auth: client.Auth{OAuth2: &client.OAuth2{TokenURL: "http://x/"}, AWS: &client.AWS{}}},
		"auth.basic.user: a colon would end it":         {Auth: client.Auth{Basic: &client.Basic{User: "a:b"}}},
		"auth.oauth2.tokenURL: it is not a URL":         {Auth: client.Auth{OAuth2: &client.OAuth2{TokenURL: "token"}}},
		"auth.aws: needs accessKey and secretKey":       {Auth: client.Auth{AWS: &client.AWS{AccessKey: secret}}},
		"auth.aws.profile: contradicts accessKey":       {Auth: client.Auth{AWS: &client.AWS{AccessKey: secret, SecretKey: secret, Profile: "p"}}},
		"auth.azure.clientSecret: needs tenant":         {Auth: client.Auth{Azure: &client.Azure{ClientSecret: secret}}},
		`auth.azure.cloud: "moon" is not one of`:        {Auth: client.Auth{Azure: &client.Azure{Cloud: "moon"}}},
		"tls: needs cert and key, or neither":           {TLS: client.TLS{Cert: "x"}},
		"tls.insecure: contradicts ca":                  {TLS: client.TLS{Insecure: true, CA: "x"}},
		"tls.ca: open /none/such: no such file":         {TLS: client.TLS{CA: "/none/such"}},
		"tls.cert: open /none/such: no such file":       {TLS: client.TLS{Cert: "/none/such", Key: "/none/such"}},
		`headers: "a b" is no name of a header`:         {Headers: map[string]reference.Secret{"a b": secret}},
		"headers.host: it is set by gameday itself":     {Headers: map[string]reference.Secret{"host": secret}},
		"headers.authorization: contradicts auth.basic": {Auth: client.Auth{Basic: &client.Basic{}}, Headers: map[string]reference.Secret{"authorization": secret}},
		"tenant: it has characters":                     {Tenant: "a\nb"},
		"must not be negative":                          {Timeout: -1},
	} {
		_, err := client.New("http://127.0.0.1:1", cfg)
		require.ErrorContains(t, err, want)
	}
	for address, want := range map[string]string{
		"ftp://x": "ftp:// is not spoken here", "http://": "it names no host", "http://u:p@h": "it holds a user", "http://h/?a=b": "has a query", "http://a b": "not a URL", ":80": "names no host",
	} {
		_, err := client.New(address, client.Config{})
		require.ErrorContains(t, err, "address: ", address)
		require.ErrorContains(t, err, want, address)
	}
	c := dial(t, "localhost:9090", client.Config{})
	require.Equal(t, "http://localhost:9090", c.Address())
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	var status int
	var after, says string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, says, r.Header.Get("Authorization"))
	})
	c := dial(t, s.URL, client.Config{Auth: client.Auth{Bearer: reference.NewSecret("very-secret")}})
	for _, one := range []struct {
		status            int
		after, says, want string
		wait              time.Duration
	}{
		{401, "", "who?", "401 Unauthorized: the credentials are missing or wrong (auth): who?", 0},
		{403, "", "", "403 Forbidden: these credentials may not do this (auth, tenant)", 0},
		{404, "", "", "404 Not Found: there is no such thing there (is the address right?)", 0},
		{429, "7", "", "429 Too Many Requests: too many requests (rateLimit): it asks to wait 7s", 7 * time.Second},
		{429, "99999999", "", "it asks to wait 1h0m0s", time.Hour},
		{429, "soon", "", "too many requests (rateLimit)", 0},
		{500, "", "\x1b[2Jboom\nbang", "500 Internal Server Error: it failed by itself (its log says why)", 0},
		{503, "2", "", "503 Service Unavailable: it cannot answer now: it asks to wait 2s", 2 * time.Second},
		{302, "", "", "302 Found", 0},
	} {
		status, after, says = one.status, one.after, one.says
		_, err := get(t, c, client.Request{Path: "/x", Query: map[string][]string{"token": {"in the query"}}})
		var refused *client.StatusError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, one.status, refused.Code)
		require.Equal(t, one.wait, refused.RetryAfter)
		require.ErrorContains(t, err, "GET "+s.URL+"/x: ")
		require.ErrorContains(t, err, one.want)
		require.NotContains(t, err.Error(), "\n")
		require.NotContains(t, err.Error(), "\x1b")
		require.NotContains(t, err.Error(), "very-secret", "which the system repeated")
		require.NotContains(t, err.Error(), "in the query")
		require.Contains(t, string(refused.Body), one.says)
	}
	status, after = 429, time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	_, err := get(t, c, client.Request{})
	var refused *client.StatusError
	require.ErrorAs(t, err, &refused)
	require.InDelta(t, 60, refused.RetryAfter.Seconds(), 30)
}

func TestRedirectsStayWithTheSystem(t *testing.T) {
	var asked atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	to := ""
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1), http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/moved":
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
		default:
			to = r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization")
			_, _ = io.Copy(w, r.Body)
		}
	})
	c := dial(t, s.URL, client.Config{Auth: client.Auth{Bearer: reference.NewSecret("abc")}})
	_, err := get(t, c, client.Request{Path: "/away"})
	require.ErrorContains(t, err, "it sends on to another host, localhost:")
	require.Zero(t, asked.Load(), "the credentials stay here")
	_, err = get(t, c, client.Request{Path: "/loop"})
	require.ErrorContains(t, err, "it sends on again and again")
	r := client.Form("/moved", map[string][]string{"a": {"b"}})
	text, err := get(t, c, r)
	require.NoError(t, err)
	require.Equal(t, "a=b", text)
	require.Equal(t, "POST /there Bearer abc", to)
}

// packed is the answer in the form that is asked for by path.
func packed(w http.ResponseWriter, how string, write func(w io.Writer)) {
	switch how {
	case "gzip":
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		write(z)
		_ = z.Close() // the client may have gone
	case "zstd":
		w.Header().Set("Content-Encoding", "zstd")
		z, _ := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		write(z)
		_ = z.Close() // as above
	default:
		write(w)
	}
}

func TestAnswersAreDecompressed(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		packed(w, strings.TrimPrefix(r.URL.Path, "/"), func(w io.Writer) { _, _ = w.Write([]byte(`{"a":"b"}`)) })
	})
	c := dial(t, s.URL, client.Config{})
	for _, how := range []string{"plain", "gzip", "zstd"} {
		var v struct{ A string }
		require.NoError(t, c.JSON(context.Background(), client.Request{Path: "/" + how}, &v))
		require.Equal(t, "b", v.A)
	}
	for enc, want := range map[string]string{"br": "encoded as br, which was not asked for", "gzip": "it says so", "zstd": "magic"} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", enc)
			_, _ = w.Write([]byte("this is not so"))
		})
		_, err := get(t, dial(t, s.URL, client.Config{}), client.Request{})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, s.URL)
	}
}

// grown runs f and returns by how much the heap grew at most meanwhile.
func grown(f func()) uint64 {
	runtime.GC()
	var before, m runtime.MemStats
	runtime.ReadMemStats(&before)
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-stop:
				done <- most
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	return max(<-done, before.HeapAlloc) - before.HeapAlloc
}

// bomb is 24 MiB of one text, packed beforehand so that only the reading is measured.
func bomb(t *testing.T, how string) []byte {
	t.Helper()
	var out bytes.Buffer
	var z io.WriteCloser = gzip.NewWriter(&out)
	if how == "zstd" {
		var err error
		z, err = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(8<<20))
		require.NoError(t, err)
	}
	_, err := z.Write([]byte(`{"line":"`))
	require.NoError(t, err)
	piece := bytes.Repeat([]byte("x"), 1<<20)
	for range 24 {
		_, err := z.Write(piece)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	require.Less(t, out.Len(), 1<<20)
	return out.Bytes()
}

func TestImmenseAnswersAreCutOffAndCostLittle(t *testing.T) {
	bombs := map[string][]byte{"gzip": bomb(t, "gzip"), "zstd": bomb(t, "zstd")}
	piece := bytes.Repeat([]byte("x"), 1<<20)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if b := bombs[r.URL.Path[1:]]; b != nil {
			w.Header().Set("Content-Encoding", r.URL.Path[1:])
			_, _ = w.Write(b) // the client goes before its end
			return
		}
		_, err := w.Write([]byte(`{"line":"`))
		for err == nil { // without an end
			_, err = w.Write(piece)
		}
	})
	c := dial(t, s.URL, client.Config{})
	for _, how := range []string{"plain", "gzip", "zstd"} {
		var n int64
		var err error
		more := grown(func() {
			var body io.ReadCloser
			if body, _, err = c.Do(context.Background(), client.Request{Path: "/" + how}); err == nil {
				n, err = io.Copy(io.Discard, body)
				_ = body.Close()
			}
		})
		require.ErrorIs(t, err, client.ErrTruncated, how)
		require.ErrorContains(t, err, "GET "+s.URL+"/"+how+": the answer is longer than is read (maxBytes)")
		require.EqualValues(t, client.DefaultMaxBytes, n)
		require.Less(t, more, uint64(32<<20), how)
		more = grown(func() {
			var v any
			err = c.JSON(context.Background(), client.Request{Path: "/" + how}, &v)
		})
		require.ErrorIs(t, err, client.ErrTruncated, how)
		require.Less(t, more, uint64(32<<20), how)
	}
}

// An endless row of empty gzip members decompresses to nothing at all.
func TestABombOfNothingEnds(t *testing.T) {
	var member bytes.Buffer
	require.NoError(t, gzip.NewWriter(&member).Close())
	many := bytes.Repeat(member.Bytes(), 1000)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		for {
			if _, err := w.Write(many); err != nil {
				return
			}
		}
	})
	_, err := get(t, dial(t, s.URL, client.Config{MaxBytes: 64 << 10}), client.Request{})
	require.ErrorIs(t, err, client.ErrTruncated)
}

func TestAnswersThatAreNotWhole(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"a":`))
		case "/html":
			_, _ = w.Write([]byte("<!DOCTYPE html><title>Sign in</title>"))
		case "/empty":
		case "/half":
			_, _ = w.Write([]byte(`{"a":`))
		default:
			_, _ = w.Write([]byte(`{"a":`))
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-release:
			}
		}
	})
	defer close(release)
	c := dial(t, s.URL, client.Config{Timeout: 500 * time.Millisecond})
	for path, want := range map[string]string{
		"/cut":   "it ended the connection before the answer was whole",
		"/html":  "the answer is HTML or XML instead of JSON: is there a login page",
		"/empty": "the answer is empty",
		"/half":  "the answer is not the JSON that was expected",
		"/slow":  "no whole answer within 500ms (timeout)",
	} {
		var v any
		err := c.JSON(context.Background(), client.Request{Path: path}, &v)
		require.ErrorContains(t, err, "GET "+s.URL+path+": "+want)
		require.Equal(t, 1, strings.Count(err.Error(), s.URL), "the address is said once: %s", err)
	}
	// a stream may take as long as it likes, until it is given up
	ctx, cancel := context.WithCancel(context.Background())
	body, _, err := c.Do(ctx, client.Request{Path: "/slow", Stream: true})
	require.NoError(t, err)
	time.AfterFunc(700*time.Millisecond, cancel)
	_, err = io.ReadAll(body)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, body.Close())

	ctx, cancel = context.WithCancel(context.Background())
	cancel()
	_, _, err = c.Do(ctx, client.Request{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	_, err = get(t, dial(t, address, client.Config{}), client.Request{Path: "/x"})
	require.EqualError(t, err, "GET "+address+"/x: nobody listens there (is it running? is the port right?)")
	_, err = get(t, dial(t, "http://no-such-host.invalid", client.Config{}), client.Request{})
	require.ErrorContains(t, err, "the host no-such-host.invalid is not found")
}

func TestTheRateLimitHolds(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := dial(t, s.URL, client.Config{RateLimit: 20})
	began := time.Now()
	for range 30 {
		_, err := get(t, c, client.Request{})
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, time.Since(began), 450*time.Millisecond, "30 requests, of which 20 at once")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err := c.Do(ctx, client.Request{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestSecretsInFilesMayBeReplaced(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("one\n"), 0o600))
	got := ""
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") })
	c := dial(t, s.URL, client.Config{Auth: client.Auth{Bearer: reference.NewSecret(reference.File(file))}})
	for _, token := range []string{"one", "two"} {
		require.NoError(t, os.WriteFile(file, []byte(token), 0o600))
		_, err := get(t, c, client.Request{})
		require.NoError(t, err)
		require.Equal(t, "Bearer "+token, got)
	}
	require.NoError(t, os.Remove(file))
	_, err := get(t, c, client.Request{})
	require.ErrorContains(t, err, "no such file")
	require.False(t, errors.Is(err, context.Canceled))
}
