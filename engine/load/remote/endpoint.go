package remote

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"gameday/engine/load/template"
)

// endpoint is where something is sent or asked, without what must not be seen.
type endpoint struct {
	url    string // never with credentials
	header http.Header
}

// newEndpoint reads an address and headers. ${env:NAME} in either becomes the environment's, so that credentials stand in
// no command line; a user and password in the address become basic authentication. path is what an address without one
// gets. Errors never hold what was given: it may be a secret.
func newEndpoint(what, address, path string, headers map[string]string) (endpoint, error) {
	address, err := template.Expand(address, environment)
	if err != nil {
		return endpoint{}, fmt.Errorf("%s: %w", what, environmental(err))
	}
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return endpoint{}, fmt.Errorf("%s is not an address such as http://prometheus:9090", what)
	}
	out := endpoint{header: http.Header{"User-Agent": {"gameday"}}}
	if u.User != nil {
		password, _ := u.User.Password()
		req := http.Request{Header: out.header}
		req.SetBasicAuth(u.User.Username(), password)
		u.User = nil
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = path
	}
	out.url = u.String()
	for name, value := range headers {
		value, err := template.Expand(value, environment)
		if err != nil {
			return endpoint{}, fmt.Errorf("header %s for %s: %w", name, what, environmental(err))
		}
		if !fieldName(name) || strings.ContainsAny(value, "\r\n\x00") {
			return endpoint{}, fmt.Errorf("header %q for %s: its name or its value is none that HTTP can carry", name, what)
		}
		out.header.Set(name, value)
	}
	return out, nil
}

func environment(name string) (string, bool) {
	name, ok := strings.CutPrefix(name, "env:")
	if !ok {
		return "", false
	}
	return os.LookupEnv(name)
}

// environmental says what can be done here about a name that is not known; there are no vars to give it under.
func environmental(err error) error {
	text, _, _ := strings.Cut(err.Error(), ": give it")
	return errors.New(text + ": write ${env:NAME}, and set NAME in the environment")
}

// fieldName reports whether a header can be called that.
func fieldName(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}

// host is the part of the address that may be shown.
func (e endpoint) host() string {
	u, err := url.Parse(e.url)
	if err != nil {
		return "the address"
	}
	return u.Host
}

// withoutAddress takes the address, which may hold a token in its query, out of an error of net/http.
func withoutAddress(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// newClient never follows: a redirect would take credentials to somewhere else.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       requestTimeout,
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
