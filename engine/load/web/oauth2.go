package web

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"gameday/engine/load/template"
	"gameday/sources/sanitize"
)

// OAuth2 is where a token comes from (RFC 6749, 4.4) that all users share.
type OAuth2 struct {
	TokenURL     string            `yaml:"tokenURL,required" doc:"Where tokens are given out."`
	ClientID     string            `yaml:"clientID,required" doc:"Who asks."`
	ClientSecret string            `yaml:"clientSecret,required" doc:"Best given as ${env:NAME}."`
	Scopes       []string          `yaml:"scopes" doc:"What the token is for."`
	Params       map[string]string `yaml:"params" doc:"What else is sent along, such as audience."`
	Style        string            `yaml:"style" enum:"header,body" doc:"How the client's ID and secret are sent. Default: header, and body if that is refused."`
}

const (
	fetchTimeout = 10 * time.Second
	fetchAgain   = time.Second      // after a fetch that failed
	soonest      = time.Second      // between two fetches, however short-lived the tokens are
	mostAhead    = 30 * time.Second // of a token's end it is replaced, or a fifth of its life if that is less
)

func (o *OAuth2) validate(report func(path, format string, args ...any)) {
	if !strings.Contains(o.TokenURL, "${") && !address(o.TokenURL) {
		report("tokenURL", "is not an address such as https://login.example/token")
	}
	for name := range o.Params {
		if name == "grant_type" || name == "client_secret" {
			report(fmt.Sprintf("params[%q]", name), "is sent anyway")
		}
	}
}

// expand is the section with every ${name} filled in.
func (o *OAuth2) expand(lookup func(string) (string, bool), plain func(...*string) error) (*OAuth2, error) {
	out := *o
	out.Scopes, out.Params = append([]string(nil), o.Scopes...), maps.Clone(o.Params)
	if err := plain(&out.TokenURL, &out.ClientID, &out.ClientSecret); err != nil {
		return nil, err
	}
	for i := range out.Scopes {
		if err := plain(&out.Scopes[i]); err != nil {
			return nil, err
		}
	}
	for name, value := range out.Params {
		filled, err := template.Expand(value, lookup)
		if err != nil {
			return nil, fmt.Errorf("http.auth.oauth2.params: %w", err)
		}
		out.Params[name] = filled
	}
	if !address(out.TokenURL) {
		return nil, errors.New("http.auth.oauth2.tokenURL is not an address such as https://login.example/token")
	}
	return &out, nil
}

// Tokens holds a token that is fetched before a run and replaced before it expires. Value is safe for concurrent use.
type Tokens struct {
	fetch   func(context.Context) (*oauth2.Token, error)
	current atomic.Pointer[held]
}

type held struct {
	value  []byte
	got    time.Time
	expiry time.Time // zero: never
}

// NewTokens prepares to fetch tokens; nothing is sent yet. They come by the certificates and the proxy of the section.
func NewTokens(o *OAuth2, p *Transports) *Tokens {
	source := clientcredentials.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret, TokenURL: o.TokenURL, Scopes: o.Scopes}
	if len(o.Params) > 0 {
		source.EndpointParams = url.Values{}
		for name, value := range o.Params {
			source.EndpointParams.Set(name, value)
		}
	}
	switch o.Style {
	case "header":
		source.AuthStyle = oauth2.AuthStyleInHeader
	case "body":
		source.AuthStyle = oauth2.AuthStyleInParams
	}
	return &Tokens{fetch: func(ctx context.Context) (*oauth2.Token, error) {
		transport := p.plain()
		defer transport.CloseIdleConnections() // it is not needed again for a while
		client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("it redirects, which could carry the secret elsewhere")
		}}
		return source.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	}}
}

// Begin fetches the first token.
func (t *Tokens) Begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	got, err := t.fetch(ctx)
	if err == nil && (got.AccessToken == "" || strings.ContainsFunc(got.AccessToken, func(r rune) bool { return r <= ' ' || r >= 0x7f })) {
		err = errors.New("the answer holds no token that could stand in a header")
	}
	if err != nil {
		return fmt.Errorf("fetch an OAuth2 token: %w", tokenFault(err))
	}
	t.current.Store(&held{value: []byte(got.AccessToken), got: time.Now(), expiry: got.Expiry})
	return nil
}

// tokenFault is an error without what came from the place of the tokens, but for the error code that the standard has.
func tokenFault(err error) error {
	var refused *oauth2.RetrieveError
	var at *url.Error
	switch {
	case errors.As(err, &refused) && refused.Response != nil:
		if code := refused.ErrorCode; code != "" {
			return fmt.Errorf("refused with status %d (%s)", refused.Response.StatusCode, sanitize.Line(code, 64))
		}
		return fmt.Errorf("refused with status %d", refused.Response.StatusCode)
	case errors.As(err, &at):
		return errors.New(sanitize.Line(at.Err.Error(), maxErr))
	}
	return errors.New(sanitize.Line(err.Error(), maxErr))
}

// Keep replaces the token before it expires, until ctx ends. When that fails it is tried again.
func (t *Tokens) Keep(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		now := t.current.Load()
		if now == nil || now.expiry.IsZero() {
			return
		}
		life := now.expiry.Sub(now.got)
		timer.Reset(max(time.Until(now.expiry.Add(-min(life/5, mostAhead))), soonest))
		for {
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
			if t.Begin(ctx) == nil {
				break
			}
			timer.Reset(fetchAgain)
		}
	}
}

// Value is the token, nil when it has expired and there is no other.
func (t *Tokens) Value() []byte {
	now := t.current.Load()
	if now == nil || !now.expiry.IsZero() && time.Now().After(now.expiry) {
		return nil
	}
	return now.value
}
