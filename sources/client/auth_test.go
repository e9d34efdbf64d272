package client

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/reference"
)

// target answers 401 to what does not carry the header that want says.
func target(t *testing.T, want func(r *http.Request) bool) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !want(r) {
			http.Error(w, "you sent "+r.Header.Get("Authorization"), http.StatusUnauthorized)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func open(t *testing.T, address string, a Auth) *Client {
	t.Helper()
	c, err := New(address, Config{Auth: a})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func ask(c *Client) error {
	body, _, err := c.Do(context.Background(), Request{})
	if err != nil {
		return err
	}
	return body.Close()
}

func TestOAuth2TokensAreKeptWhileTheyAreGood(t *testing.T) {
	var given atomic.Int32
	expires, status := 3600, 200
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		_ = r.ParseForm()
		if status != 200 || user != "id" || password != "pass" || r.Form.Get("grant_type") != "client_credentials" || r.Form.Get("audience") != "metrics" || r.Form.Get("scope") != "a b" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error":"invalid_client","error_description":"no\u001b such client"}`)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}`, given.Add(1), expires)
	}))
	t.Cleanup(server.Close)
	good := "Bearer token-1"
	var mu sync.Mutex
	s := target(t, func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		return r.Header.Get("Authorization") == good
	})
	o := &OAuth2{TokenURL: server.URL, ClientID: "id", ClientSecret: reference.NewSecret("pass"), Scopes: []string{"a", "b"}, Params: map[string]string{"audience": "metrics"}}
	c := open(t, s.URL, Auth{OAuth2: o})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { require.NoError(t, ask(c)) })
	}
	all.Wait()
	require.EqualValues(t, 1, given.Load(), "one token for all")

	mu.Lock()
	good = "Bearer token-2" // it was revoked
	mu.Unlock()
	err := ask(c)
	require.ErrorContains(t, err, "401")
	require.NotContains(t, err.Error(), "token-1", "which the system repeated")
	require.NoError(t, ask(c), "the next request has a new one")

	expires = 10 // less than is left for the way
	c = open(t, s.URL, Auth{OAuth2: o})
	before := given.Load()
	_ = ask(c)
	_ = ask(c)
	require.EqualValues(t, before+2, given.Load())

	status = 401
	c = open(t, s.URL, Auth{OAuth2: o})
	err = ask(c)
	require.ErrorContains(t, err, "auth.oauth2: ask "+server.URL+" for a token: it answered 401: invalid_client: no")
	require.NotContains(t, err.Error(), "\x1b")
	require.NotContains(t, err.Error(), "pass")
}

func TestAWSRequestsAreSigned(t *testing.T) {
	for _, env := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"} {
		t.Setenv(env, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	var got http.Header
	s := target(t, func(r *http.Request) bool { got = r.Header; return true })
	c := open(t, s.URL, Auth{AWS: &AWS{Region: "eu-central-1", AccessKey: reference.NewSecret("AKID"), SecretKey: reference.NewSecret("sEcr3t"), SessionToken: reference.NewSecret("sess")}})
	require.NoError(t, ask(c))
	require.Contains(t, got.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKID/")
	require.Contains(t, got.Get("Authorization"), "/eu-central-1/aps/aws4_request")
	require.NotContains(t, got.Get("Authorization"), "accept-encoding", "which a proxy may change")
	require.Equal(t, "sess", got.Get("X-Amz-Security-Token"))

	t.Setenv("AWS_ACCESS_KEY_ID", "FROMENV")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	c = open(t, s.URL, Auth{AWS: &AWS{Region: "eu-central-1", Service: "es"}})
	require.NoError(t, ask(c))
	require.Contains(t, got.Get("Authorization"), "Credential=FROMENV/")
	require.Contains(t, got.Get("Authorization"), "/es/aws4_request")
	require.ErrorContains(t, c.Authorise(context.Background(), http.Header{}), "auth.aws: this request cannot be signed")

	c = open(t, s.URL, Auth{AWS: &AWS{Region: "x", AccessKey: reference.NewSecret("${env:CLIENT_TEST_NONE}"), SecretKey: reference.NewSecret("x")}})
	require.ErrorContains(t, ask(c), "auth.aws: no keys: ")
	require.ErrorContains(t, ask(c), "CLIENT_TEST_NONE is not set")
}

func TestGoogleTokens(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = r.Form.Get("grant_type")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"ya29.google","token_type":"Bearer","expires_in":3600}`)
	}))
	t.Cleanup(server.Close)
	file, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "gameday@shop.iam.gserviceaccount.com", "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": server.URL, "universe_domain": "googleapis.com"})
	require.NoError(t, err)
	t.Setenv("CLIENT_TEST_GOOGLE", string(file))
	s := target(t, func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer ya29.google" })
	c := open(t, s.URL, Auth{Google: &Google{Credentials: reference.NewSecret("${env:CLIENT_TEST_GOOGLE}")}})
	require.NoError(t, ask(c))
	require.Equal(t, "urn:ietf:params:oauth:grant-type:jwt-bearer", asked)

	for text, want := range map[string]string{"${env:CLIENT_TEST_NONE}": "is not set", "{}": "it is not the JSON of a key", "not json": "it is not the JSON of a key", `{"type":"odd"}`: "no credentials"} {
		c := open(t, s.URL, Auth{Google: &Google{Credentials: reference.NewSecret(text)}})
		err := ask(c)
		require.ErrorContains(t, err, "auth.google: ")
		require.ErrorContains(t, err, want)
	}
}

// entra answers as Microsoft's server of tokens does.
type entra struct{ fails bool }

func (e *entra) Do(r *http.Request) (*http.Response, error) {
	answer := func(code int, text string) (*http.Response, error) {
		return &http.Response{StatusCode: code, Request: r, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text))}, nil
	}
	base := "https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111"
	switch {
	case strings.HasSuffix(r.URL.Path, "/discovery/instance"):
		return answer(200, `{"tenant_discovery_endpoint":"`+base+`/v2.0/.well-known/openid-configuration","metadata":[{"preferred_network":"login.microsoftonline.com","preferred_cache":"login.windows.net","aliases":["login.microsoftonline.com"]}]}`)
	case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
		return answer(200, `{"token_endpoint":"`+base+`/oauth2/v2.0/token","authorization_endpoint":"`+base+`/oauth2/v2.0/authorize","issuer":"`+base+`/v2.0"}`)
	case e.fails:
		return answer(401, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided"}`)
	}
	_ = r.ParseForm()
	if r.Form.Get("client_secret") != "s3" || !strings.Contains(r.Form.Get("scope"), "https://prometheus.monitor.azure.com/.default") {
		return answer(400, `{"error":"invalid_request"}`)
	}
	return answer(200, `{"token_type":"Bearer","expires_in":3600,"access_token":"entra-token"}`)
}

func TestAzureTokens(t *testing.T) {
	s := target(t, func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer entra-token" })
	z := &Azure{Tenant: "11111111-1111-1111-1111-111111111111", ClientID: "22222222-2222-2222-2222-222222222222", ClientSecret: reference.NewSecret("s3"), transport: &entra{}}
	require.NoError(t, ask(open(t, s.URL, Auth{Azure: z})))
	z.transport = &entra{fails: true}
	err := ask(open(t, s.URL, Auth{Azure: z}))
	require.ErrorContains(t, err, "auth.azure: no token: ")
	require.ErrorContains(t, err, "AADSTS7000215")
	require.NotContains(t, err.Error(), "\n")
}

func TestAWaiterForATokenCanGiveUp(t *testing.T) {
	release := make(chan struct{})
	k := newTokens("auth.test", http.DefaultClient, func(context.Context) (token, error) {
		<-release
		return token{"late", time.Time{}}, nil
	})
	done := make(chan error, 1)
	go func() {
		_, err := k.get(context.Background())
		done <- err
	}()
	for len(k.busy) == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := k.get(ctx)
	require.ErrorIs(t, err, context.Canceled)
	close(release)
	require.NoError(t, <-done)
	got, err := k.get(context.Background())
	require.NoError(t, err)
	require.Equal(t, "late", got)
}

func TestRedirectsThatAreNotFollowed(t *testing.T) {
	for _, one := range []struct{ from, to, want string }{
		{"http://prom:9090/a", "http://prom:9090/b", ""},
		{"http://prom/a", "https://PROM:443/a", ""}, // more secure, and the same host
		{"https://prom/a", "http://prom/a", "from https to http"},
		{"https://prom/a", "https://prom.evil.example/a", "another host, prom.evil.example"},
		{"https://prom/a", "https://other/a", "another host, other"},
	} {
		from, err := http.NewRequest(http.MethodGet, one.from, nil)
		require.NoError(t, err)
		to, err := http.NewRequest(http.MethodGet, one.to, nil)
		require.NoError(t, err)
		err = stayHere(to, []*http.Request{from})
		if one.want == "" {
			require.NoError(t, err, one.to)
			continue
		}
		require.ErrorContains(t, err, one.want)
	}
}
