package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

func TestTokensAreReplacedBeforeTheyExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, down := 0, atomic.Bool{}
		tokens := &Tokens{fetch: func(context.Context) (*oauth2.Token, error) {
			if down.Load() {
				return nil, errors.New("down")
			}
			n++
			return &oauth2.Token{AccessToken: "t" + string(rune('0'+n)), Expiry: time.Now().Add(time.Minute)}, nil
		}}
		require.Nil(t, tokens.Value())
		require.NoError(t, tokens.Begin(t.Context()))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); tokens.Keep(ctx) }()
		require.Equal(t, "t1", string(tokens.Value()))
		time.Sleep(49 * time.Second)
		require.Equal(t, "t2", string(tokens.Value()), "a fifth of its life ahead")
		down.Store(true)
		time.Sleep(59 * time.Second)
		require.Equal(t, "t2", string(tokens.Value()), "what is still good is used")
		time.Sleep(2 * time.Second)
		require.Nil(t, tokens.Value(), "what is not is not")
		down.Store(false)
		time.Sleep(2 * time.Second)
		require.Equal(t, "t3", string(tokens.Value()))
		cancel()
		<-ended
	})
}

func TestPlacesThatGiveNoTokens(t *testing.T) {
	var form url.Values
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form = r.Form
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/good":
			_, _ = io.WriteString(w, `{"access_token":"abc","token_type":"bearer","expires_in":3600}`)
		case "/denied":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"invalid_client\u001b[31m","error_description":"`+secret+`"}`)
		case "/away":
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		case "/lines":
			_, _ = io.WriteString(w, `{"access_token":"a\r\nX-Evil: 1"}`)
		default:
			_, _ = io.WriteString(w, "{")
		}
	})
	transports, err := NewTransports(nil, nil)
	require.NoError(t, err)
	ask := func(path string) (*Tokens, error) {
		tokens := NewTokens(&OAuth2{
			TokenURL: srv.URL + path, ClientID: "me", ClientSecret: secret, Style: "body", Scopes: []string{"a", "b"}, Params: map[string]string{"audience": "x"},
		}, transports)
		return tokens, tokens.Begin(t.Context())
	}
	tokens, err := ask("/good")
	require.NoError(t, err)
	require.Equal(t, "abc", string(tokens.Value()))
	require.Equal(t, "a b x me client_credentials", strings.Join([]string{
		form.Get("scope"), form.Get("audience"), form.Get("client_id"), form.Get("grant_type"),
	}, " "))
	for path, want := range map[string]string{"/denied": "refused with status 401 (invalid_client", "/away": "redirects", "/lines": "no token", "/bad": "fetch"} {
		_, err := ask(path)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), secret)
		require.NotContains(t, err.Error(), "\x1b")
	}
}
