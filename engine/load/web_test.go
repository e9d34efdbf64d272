package load

import (
	"compress/gzip"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
	"gameday/sources/spec"
)

const webSecret = "s3cr{{n}}&t" // braces stand for themselves

func TestWhoARequestIsFrom(t *testing.T) {
	t.Setenv("SHOP_SECRET", webSecret)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte("from-file\n"), 0o600))
	overBoth(t, func(t *testing.T, engine Engine) {
		var mu sync.Mutex
		seen := map[string]string{}
		srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			seen[r.URL.Path] = r.Header.Get("Authorization")
			if user, password, ok := r.BasicAuth(); ok {
				seen[r.URL.Path] = user + " " + password
			}
		}))
		defer srv.Close()
		r, err := Start(t.Context(), plan(t, `
http: {auth: {basic: {user: me, password: "${env:SHOP_SECRET}"}}}
executor: {kind: shared-iterations, users: 1, iterations: 1}
feeds: [{rows: [{who: ann}]}]
scenarios:
  - name: a
    steps:
      - {path: /basic}
      - {path: /own, headers: {authorization: mine}}
      - {path: /none, http: {auth: {none: true}}}
      - {path: /file, http: {auth: {bearer: {file: "`+dir+`/token"}}}}
      - {path: /variable, http: {auth: {bearer: {token: "{{who}}-${env:SHOP_SECRET}"}}}}
`), Options{Target: srv.URL, Engine: engine})
		require.NoError(t, err)
		res := r.Wait()
		require.Zero(t, res.Total.Failed, "%+v", res.Exemplars)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, map[string]string{
			"/basic": "me " + webSecret, "/own": "mine", "/none": "", "/file": "Bearer from-file", "/variable": "Bearer ann-" + webSecret,
		}, seen)
		require.Equal(t, uint64(1), res.Total.Dials, "all of it over one connection")
		require.NotContains(t, strings.Join(res.Notes, "\n"), "full HTTP client")
	})
}

func TestTheFullClientServesWhatTheFastOnesCannotAndSaysSo(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s" + r.URL.Query().Get("u"), Path: "/"})
		http.Redirect(w, r, "/home", http.StatusFound)
	})
	mux.HandleFunc("/home", func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("sid")
		user, _, ok := r.BasicAuth()
		if err != nil || !ok || c.Value != "s"+user {
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_ = json.NewEncoder(z).Encode(map[string]string{"name": user})
		_ = z.Close()
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	text := `
http: {redirects: 2, compression: true, auth: {basic: {user: "{{u}}", password: "x"}}}
cookies: user
executor: {kind: user-iterations, users: 3, iterations: 2}
feeds: [{rows: [{u: ann}, {u: bob}]}]
scenarios:
  - name: s
    steps:
      - {path: "/login?u={{u}}", check: {that: [{json: $.name, equals: "ann"}]}, http: {redirects: 1}, name: login}
      - {path: /home, extract: [{name: who, json: $.name}]}
      - {path: "/home?{{who}}"}
`
	r, err := Start(t.Context(), plan(t, strings.Replace(text, `equals: "ann"`, `matches: "^(ann|bob)$"`, 1)), Options{Target: srv.URL})
	require.NoError(t, err)
	res := r.Wait()
	require.Equal(t, uint64(18), res.Total.Done)
	require.Zero(t, res.Total.Failed, "%+v", res.Exemplars)
	require.Equal(t, uint64(3), res.Total.Dials)
	require.Equal(t, []ExtraFigure{{protocol.Extra{Name: "redirects"}, 6}}, res.Steps[0].Extras)
	require.Contains(t, strings.Join(res.Notes, "\n"), "by the full HTTP client (net/http), a goroutine for each connection, which takes more "+
		"of the machine: compressed answers are asked for; redirects are followed; the user or the password is a variable")

	_, err = Start(t.Context(), plan(t, text), Options{Target: srv.URL, Engine: EngineEpoll})
	require.ErrorContains(t, err, "redirects are followed")
}

func TestTokensAreFetchedBeforeTheRunAndReplaced(t *testing.T) {
	t.Setenv("SHOP_SECRET", webSecret)
	overBoth(t, func(t *testing.T, engine Engine) {
		var given atomic.Int64
		var mu sync.Mutex
		used := map[string]bool{}
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				id, secret, _ := r.BasicAuth()
				if id != "me" || secret != "s3cr%7B%7Bn%7D%7D%26t" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(w, `{"access_token":"t%d","token_type":"bearer","expires_in":3}`, given.Add(1))
				return
			}
			mu.Lock()
			used[r.Header.Get("Authorization")] = true
			mu.Unlock()
		}))
		defer srv.Close()
		text := `
http: {auth: {oauth2: {tokenURL: "` + srv.URL + `/token", clientID: me, clientSecret: "${env:SHOP_SECRET}"}}}
executor: {kind: constant-users, users: 2}
scenarios: [{name: s, thinkTime: 10ms, steps: [{path: /a}, {path: /b, method: POST, body: x}]}]
`
		r, err := Start(t.Context(), plan(t, text), Options{Target: srv.URL, Engine: engine})
		require.NoError(t, err)
		require.Positive(t, given.Load())
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return used["Bearer t1"] && used["Bearer t2"]
		}, 30*time.Second, 10*time.Millisecond)
		r.Stop()
		res := r.Wait()
		require.NotContains(t, fmt.Sprint(res), webSecret)
		require.NotContains(t, fmt.Sprint(res), "full HTTP client", "a token is no reason for a slower client")
		if len(res.Errors) > 0 { // a slow machine may be late for a token of three seconds
			require.Equal(t, protocol.Unsendable.String(), res.Errors[0].Kind)
		}

		_, err = Start(t.Context(), plan(t, strings.Replace(text, "clientID: me", "clientID: you", 1)), Options{Target: srv.URL, Engine: engine})
		require.ErrorContains(t, err, "fetch an OAuth2 token: refused with status 401")
		require.NotContains(t, err.Error(), "s3cr")
	})
}

func TestConnectionPoliciesOnTheFastPath(t *testing.T) {
	for policy, want := range map[string]uint64{"keep": 2, "iteration": 6, "request": 12} {
		overBoth(t, func(t *testing.T, engine Engine) {
			_, res := runShop(t, engine, `
http: {connections: `+policy+`}
executor: {kind: user-iterations, users: 2, iterations: 3}
scenarios: [{name: s, steps: [{path: /a}, {path: "/b/{{n}}"}]}]
`, Options{})
			require.Zero(t, res.Total.Failed, "%+v", res.Errors)
			require.Equal(t, want, res.Total.Dials, policy)
			require.Zero(t, res.Total.Retried)
			require.NotContains(t, strings.Join(res.Notes, "\n"), "full HTTP client")
		})
	}
}

func TestHostsAreConnectedToElsewhere(t *testing.T) {
	for _, extra := range []string{"", ", redirects: 1"} {
		overBoth(t, func(t *testing.T, engine Engine) {
			var host atomic.Value
			srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { host.Store(r.Host) }))
			defer srv.Close()
			r, err := Start(t.Context(), plan(t, `
http: {resolve: {shop.invalid: "`+srv.Listener.Addr().String()+`"}`+extra+`}
executor: {kind: shared-iterations, users: 1, iterations: 2}
scenarios: [{name: s, steps: [{path: /a}]}]
`), Options{Target: "http://shop.invalid", Engine: engine})
			require.NoError(t, err)
			res := r.Wait()
			require.Zero(t, res.Total.Failed, "%+v", res.Exemplars)
			require.Equal(t, "shop.invalid", host.Load())
		})
	}
}

func TestTargetsAreVerifiedAsThePlanSays(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.TLS.ServerName+" "+r.Proto) })
	srv := httptest.NewUnstartedServer(page)
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // clients refuse it on purpose
	srv.StartTLS()
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600))
	for _, version := range []string{"1.1", "2"} {
		for _, extra := range []string{"", ", redirects: 1"} {
			for tls, good := range map[string]bool{"{}": false, "{ca: " + ca + ", serverName: example.com}": true, "{insecure: true}": true} {
				r, err := Start(t.Context(), plan(t, `
version: `+version+`
http: {tls: `+tls+extra+`}
executor: {kind: shared-iterations, users: 1, iterations: 1}
scenarios: [{name: s, steps: [{path: /a, check: {that: [{contains: HTTP/`+version+`}]}}]}]
`), Options{Target: srv.URL})
				require.NoError(t, err)
				res := r.Wait()
				require.Equal(t, good, res.Total.Failed == 0, "%s %s %s: %+v", version, extra, tls, res.Exemplars)
				if !good {
					require.Equal(t, protocol.TLS.String(), res.Errors[0].Kind)
				}
				require.Equal(t, strings.Contains(tls, "insecure"), strings.Contains(strings.Join(res.Notes, "\n"), "targets were not verified"))
			}
		}
	}
}

func TestMistakesInTheSectionHTTPAreSaidWhereTheyAre(t *testing.T) {
	doc, err := spec.Parse("bad.yaml", []byte(`
apiVersion: gameday/v1
kind: Load
target: http://127.0.0.1:1
http: {redirects: -1, auth: {basic: {user: "{{who}}", password: x}}}
executor: {kind: constant-users, users: 1}
scenarios:
  - name: s
    http: {tls: {cert: a}}
    steps:
      - {path: /a, http: {resolve: {a: "b:c:d"}, auth: {}}}
      - {target: "tcp://127.0.0.1:1", name: t, tcp: {send: x}, http: {tls: {}, redirects: 1}}
      - {repeat: {times: 1, steps: [{path: /b}]}, http: {redirects: 1}}
`))
	require.NoError(t, err)
	_, err = ParsePlan(doc)
	require.Error(t, err)
	for _, want := range []string{
		"5:19: http.redirects: -1 is not from 0 to 100", "http.auth: unknown value {{who}}", "scenarios[0].http.tls: needs cert and key",
		`scenarios[0].steps[0].http.resolve["a"]: is not an address`, "scenarios[0].steps[0].http.auth: has nothing",
		"scenarios[0].steps[1].http.redirects: has no effect on tcp", "scenarios[0].steps[2].http: only counts for a request",
	} {
		require.ErrorContains(t, err, want)
	}
}
