package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"gameday/sources/reference"
	"gameday/sources/sanitize"
)

// OAuth2 gets tokens by client credentials (RFC 6749, section 4.4).
type OAuth2 struct {
	TokenURL     string            `yaml:"tokenURL,required" doc:"Where tokens are asked for."`
	ClientID     string            `yaml:"clientID,required"`
	ClientSecret reference.Secret  `yaml:"clientSecret,required"`
	Scopes       []string          `yaml:"scopes"`
	Params       map[string]string `yaml:"params" doc:"Further parameters of the token request, such as audience."`
	TLS          TLS               `yaml:"tls" doc:"How the server of tokens is verified."`
}

func (o *OAuth2) validate() error {
	return errors.Join(checkURL("auth.oauth2.tokenURL", o.TokenURL), o.TLS.validate("auth.oauth2.tls"))
}

func (o *OAuth2) source() (authoriser, error) {
	verify, err := o.TLS.Build()
	if err != nil {
		return nil, fmt.Errorf("auth.oauth2.%w", err)
	}
	via := &http.Client{Transport: newTransport(verify, Config{Timeout: DefaultTimeout})}
	params := url.Values{}
	for key, value := range o.Params {
		params.Set(key, value)
	}
	return newTokens("auth.oauth2", via, func(ctx context.Context) (token, error) {
		secret, err := o.ClientSecret.Reveal()
		if err != nil {
			return token{}, fmt.Errorf("clientSecret: %w", err)
		}
		ask := clientcredentials.Config{ClientID: o.ClientID, ClientSecret: secret, TokenURL: o.TokenURL, Scopes: o.Scopes, EndpointParams: params}
		got, err := ask.Token(context.WithValue(ctx, oauth2.HTTPClient, via))
		if err != nil {
			return token{}, fmt.Errorf("ask %s for a token: %w", hostOf(o.TokenURL), tokenError(err))
		}
		return token{got.AccessToken, got.Expiry}, nil
	}), nil
}

// tokenError makes one harmless line of what the libraries of the token servers say, and names what is known to go wrong.
func tokenError(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil {
		text := fmt.Sprintf("it answered %d", refused.Response.StatusCode)
		for _, more := range []string{refused.ErrorCode, refused.ErrorDescription} {
			if more != "" {
				text += ": " + sanitize.Line(more, 200)
			}
		}
		if refused.ErrorCode == "" && len(refused.Body) > 0 {
			text += ": " + sanitize.Line(string(refused.Body), 200)
		}
		return errors.New(text)
	}
	return plainError(err)
}

// plainError is an error as one harmless line of bounded length; what it wraps is still found.
func plainError(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return &lined{sanitize.Line(err.Error(), 400), err}
}

type lined struct {
	text string
	err  error
}

func (l *lined) Error() string { return l.text }
func (l *lined) Unwrap() error { return l.err }

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the server of tokens"
	}
	return u.Scheme + "://" + u.Host
}
