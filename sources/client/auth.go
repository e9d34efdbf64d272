package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"gameday/sources/reference"
)

// Auth is how requests say who they are from. At most one way is given.
type Auth struct {
	Basic  *Basic           `yaml:"basic" doc:"User and password."`
	Bearer reference.Secret `yaml:"bearer" doc:"A token in an Authorization header."`
	OAuth2 *OAuth2          `yaml:"oauth2" doc:"Tokens from a server of tokens, by OAuth 2 client credentials."`
	AWS    *AWS             `yaml:"aws" doc:"Signed requests (SigV4), as Amazon Managed Service for Prometheus wants them."`
	Google *Google          `yaml:"google" doc:"Tokens of Google Cloud, by application default credentials unless a file is given."`
	Azure  *Azure           `yaml:"azure" doc:"Tokens of Microsoft Entra ID."`
}

// Basic is RFC 7617's user and password.
type Basic struct {
	User     string           `yaml:"user,required"`
	Password reference.Secret `yaml:"password,required"`
}

// given is the name of the way that is given; with several, all of them.
func (a Auth) given() string {
	var names []string
	for _, one := range []struct {
		name string
		is   bool
	}{{"basic", a.Basic != nil}, {"bearer", !a.Bearer.IsZero()}, {"oauth2", a.OAuth2 != nil}, {"aws", a.AWS != nil}, {"google", a.Google != nil}, {"azure", a.Azure != nil}} {
		if one.is {
			names = append(names, one.name)
		}
	}
	return strings.Join(names, " and ")
}

func (a Auth) validate() error {
	var errs []error
	if given := a.given(); strings.Contains(given, " and ") {
		errs = append(errs, fmt.Errorf("auth: has %s: give one", given))
	}
	if b := a.Basic; b != nil && strings.Contains(b.User, ":") {
		errs = append(errs, errors.New("auth.basic.user: a colon would end it"))
	}
	if o := a.OAuth2; o != nil {
		errs = append(errs, o.validate())
	}
	if w := a.AWS; w != nil {
		errs = append(errs, w.validate())
	}
	if z := a.Azure; z != nil {
		errs = append(errs, z.validate())
	}
	return errors.Join(errs...)
}

func (a Auth) secrets() []reference.Secret {
	out := []reference.Secret{a.Bearer}
	if a.Basic != nil {
		out = append(out, a.Basic.Password)
	}
	if a.OAuth2 != nil {
		out = append(out, a.OAuth2.ClientSecret)
	}
	if a.AWS != nil {
		out = append(out, a.AWS.SecretKey, a.AWS.SessionToken)
	}
	if a.Google != nil {
		out = append(out, a.Google.Credentials)
	}
	if a.Azure != nil {
		out = append(out, a.Azure.ClientSecret)
	}
	return slices.DeleteFunc(out, reference.Secret.IsZero)
}

// authoriser puts credentials on a request. Those that sign get its body and hand back another request.
type authoriser interface {
	authorise(ctx context.Context, req *http.Request, body []byte) (*http.Request, error)
	// refused is told that the system did not take the credentials, so that a token is not used again.
	refused()
	close()
}

// authoriser picks the way that is configured; nil is none.
func (a Auth) authoriser() (authoriser, error) {
	switch {
	case a.Basic != nil:
		return basic{a.Basic}, nil
	case !a.Bearer.IsZero():
		return bearer{a.Bearer}, nil
	case a.OAuth2 != nil:
		return a.OAuth2.source()
	case a.AWS != nil:
		return newAWSSigner(a.AWS), nil
	case a.Google != nil:
		return a.Google.source(), nil
	case a.Azure != nil:
		return a.Azure.source(), nil
	}
	return nil, nil
}

type basic struct{ *Basic }

func (b basic) authorise(_ context.Context, req *http.Request, _ []byte) (*http.Request, error) {
	password, err := b.Password.Reveal()
	if err != nil {
		return nil, fmt.Errorf("auth.basic.password: %w", err)
	}
	req.SetBasicAuth(b.User, password)
	return req, nil
}

func (basic) refused() {}
func (basic) close()   {}

type bearer struct{ token reference.Secret }

func (b bearer) authorise(_ context.Context, req *http.Request, _ []byte) (*http.Request, error) {
	token, err := b.token.Reveal()
	if err != nil {
		return nil, fmt.Errorf("auth.bearer: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return req, nil
}

func (bearer) refused() {}
func (bearer) close()   {}

// early is how long before its end a token is replaced: it has to arrive while it is good.
const early = 30 * time.Second

// token is what a server of tokens gave.
type token struct {
	text string
	ends time.Time // zero: it says nothing of that
}

// tokens keeps the last token as long as it is good, and asks for the next one once at a time.
type tokens struct {
	name string // auth.oauth2
	via  *http.Client
	ask  func(ctx context.Context) (token, error)
	busy chan struct{} // holds one value while somebody asks
	last atomic.Pointer[token]
}

func newTokens(name string, via *http.Client, ask func(ctx context.Context) (token, error)) *tokens {
	return &tokens{name: name, via: via, ask: ask, busy: make(chan struct{}, 1)}
}

func (t *tokens) authorise(ctx context.Context, req *http.Request, _ []byte) (*http.Request, error) {
	text, err := t.get(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	req.Header.Set("Authorization", "Bearer "+text)
	return req, nil
}

func (t *tokens) refused() { t.last.Store(nil) }
func (t *tokens) close()   { t.via.CloseIdleConnections() }

func (t *tokens) get(ctx context.Context) (string, error) {
	if k := t.last.Load(); k.good() {
		return k.text, nil
	}
	select {
	case t.busy <- struct{}{}:
		defer func() { <-t.busy }()
	case <-ctx.Done():
		return "", fmt.Errorf("wait for a token: %w", ctx.Err())
	}
	if k := t.last.Load(); k.good() {
		return k.text, nil // somebody else got it meanwhile
	}
	k, err := t.ask(ctx)
	if err != nil {
		return "", err
	}
	t.last.Store(&k)
	return k.text, nil
}

func (k *token) good() bool { return k != nil && (k.ends.IsZero() || time.Until(k.ends) > early) }

func checkURL(path, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s: it is not a URL such as https://host/path", path)
	}
	return nil
}
