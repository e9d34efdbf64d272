package load

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"

	"gameday/engine/load/http1"
	"gameday/engine/load/http2"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
	"gameday/engine/load/web"
)

// settings is how a step speaks HTTP: the sections of its plan, its scenario and its own as one, ready for use.
type settings struct {
	config *web.Config
	line   string // tells apart what cannot share connections
	tls    *tls.Config
	header string // value of Authorization that any client can send; empty is none
	token  *tokenSlot
}

// tokenSlot is a token that all users share, and the variable that it is sent as.
type tokenSlot struct {
	from *web.Tokens
	name string
	slot int
}

// fullProtocol makes the full client's protocol one of those that speak HTTP.
type fullProtocol struct{ *web.Protocol }

// Prepare prepares a request without anything that only this client can do.
func (f *fullProtocol) Prepare(req protocol.Request) (int, error) {
	return f.Protocol.Prepare(req, nil)
}

// targetOf is where a step's requests go.
func (c *compiler) targetOf(sc *Scenario, s *Step) (string, error) {
	own := cmp.Or(s.Target, sc.Target)
	if own == "" {
		return c.target, nil
	}
	target, err := template.Expand(own, c.lookup)
	if err != nil {
		return "", fmt.Errorf("target: %w", err)
	}
	return target, nil
}

// set is how a step speaks HTTP.
func (c *compiler) set(sc *Scenario, s *Step) (*settings, error) {
	key := [2]*web.Config{sc.HTTP, s.HTTP}
	if made, ok := c.settings[key]; ok {
		return made, nil
	}
	as := s.HTTP.Over(sc.HTTP.Over(c.plan.HTTP))
	made := &settings{line: as.Line()}
	var err error
	if made.config, err = as.Expand(c.lookup, c.plan.beside); err != nil {
		return nil, err
	}
	if made.tls, err = c.secure(made.config.TLS); err != nil {
		return nil, err
	}
	name := ""
	if as.Auth != nil && as.Auth.OAuth2 != nil {
		if made.token, err = c.tokenSlot(as.Auth.OAuth2, made); err != nil {
			return nil, err
		}
		name = made.token.name
	}
	if made.header, err = made.config.Auth.Authorization(name); err != nil {
		return nil, err
	}
	c.settings[key] = made
	return made, nil
}

// secure is the configuration that a section means: one for all who have the same.
func (c *compiler) secure(t *web.TLS) (*tls.Config, error) {
	if t == nil {
		return c.options.TLS, nil
	}
	if made, ok := c.secured[*t]; ok {
		return made, nil
	}
	made, err := t.Build(c.options.TLS)
	if err != nil {
		return nil, err
	}
	c.secured[*t] = made
	if remark := "targets were not verified (http.tls.insecure): anybody could have answered in their place"; t.Insecure &&
		!slices.Contains(c.remarks, remark) {
		c.remarks = append(c.remarks, remark)
	}
	return made, nil
}

// tokenSlot is where the tokens of a section come from: one place for all who share the section.
func (c *compiler) tokenSlot(from *web.OAuth2, set *settings) (*tokenSlot, error) {
	if made, ok := c.given[from]; ok {
		return made, nil
	}
	transports, err := web.NewTransports(set.tls, set.config)
	if err != nil {
		return nil, err
	}
	made := &tokenSlot{from: web.NewTokens(set.config.Auth.OAuth2, transports), name: web.TokenVariable(len(c.tokens)), slot: c.slots}
	c.variable(made.name, errors.New("the OAuth2 token has expired, and no other could be fetched"))
	c.given[from] = made
	c.tokens = append(c.tokens, made.from)
	return made, nil
}

// authorize adds the header that says who a request is from, unless the plan has one of its own.
func (s *settings) authorize(out *step, common *protocol.Step) {
	if s.header == "" || hasHeader(common.Headers, "Authorization") {
		return
	}
	common.Headers = append(common.Headers, protocol.Header{Name: "Authorization", Value: s.header})
	if s.token != nil {
		out.token = s.token
		out.needs = append(out.needs, s.token.slot)
	}
}

// findFull finds the targets that only the full client can speak to as the plan wants it: all requests to one of them go
// by it, so that their figures can be compared and a user has one connection.
func (c *compiler) findFull() (err error) {
	c.plan.eachStep(func(sc *Scenario, _ string, s *Step) {
		if err != nil || len(s.blocks()) > 0 || len(s.speech(c.plan, protocol.Options{})) > 0 {
			return
		}
		var target string
		var set *settings
		if target, err = c.targetOf(sc, s); err != nil {
			return
		}
		if set, err = c.set(sc, s); err != nil {
			return
		}
		_, two := c.plan.versioned(target)
		for _, why := range set.config.Reasons(two) {
			if !slices.Contains(c.full[target], why) {
				c.full[target] = append(c.full[target], why)
			}
		}
	})
	return err
}

// fullClient says why requests go by the full client, if any do.
func (c *compiled) fullClient() string {
	var why []string
	for _, reasons := range c.full {
		why = append(why, reasons...)
	}
	slices.Sort(why)
	return strings.Join(slices.Compact(why), "; ")
}

// webProtocol is the protocol that speaks HTTP to a target: one for all the steps that can share connections to it.
func (c *compiler) webProtocol(target string, set *settings) (webProtocol, int, error) {
	key := target + " " + set.line
	if at, ok := c.web[key]; ok {
		return c.protocols[at].(webProtocol), at, nil
	}
	made := c.options.protocol
	if made == nil {
		var err error
		if made, err = c.newWeb(target, set); err != nil {
			return nil, 0, err
		}
	}
	at := len(c.protocols)
	c.web[key] = at
	c.protocols = append(c.protocols, made)
	return made, at, nil
}

func (c *compiler) newWeb(target string, set *settings) (webProtocol, error) {
	address, two := c.plan.versioned(target)
	o := protocol.Options{TLS: set.tls, Lifetime: set.config.Lifetime(), Dial: instead(address, set.config)}
	switch {
	case len(c.full[target]) > 0:
		for scheme, as := range map[string]string{"h2c://": "http://", "h2://": "https://"} {
			if rest, ok := strings.CutPrefix(target, scheme); ok {
				target = as + rest
			}
		}
		made, err := web.New(target, o, two, set.config)
		return &fullProtocol{made}, err
	case two:
		return http2.New(address, o, c.plan.HTTP2)
	}
	return http1.New(target, o)
}

// instead is what is connected to instead of a target of HTTP; empty is the target.
func instead(target string, config *web.Config) string {
	u, err := url.Parse(target)
	if err != nil {
		return "" // judged by who speaks to it
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "h2c": "80", "h2": "443"}[u.Scheme]
	}
	return config.Dial(net.JoinHostPort(u.Hostname(), port))
}

// versioned is an HTTP target in the notation of the version that the plan asks for.
func (p *Plan) versioned(target string) (address string, two bool) {
	if p.Version == "2" {
		if rest, ok := strings.CutPrefix(target, "http://"); ok {
			return "h2c://" + rest, true
		}
		if rest, ok := strings.CutPrefix(target, "https://"); ok {
			return "h2://" + rest, true
		}
	}
	return target, strings.HasPrefix(target, "h2c://") || strings.HasPrefix(target, "h2://")
}

// beginTokens fetches what the run's first requests need.
func (c *compiled) beginTokens(ctx context.Context) error {
	for _, t := range c.tokens {
		if err := t.Begin(ctx); err != nil {
			return err
		}
	}
	return nil
}

// keepTokens replaces tokens before they expire, until the function it returns is called.
func (c *compiled) keepTokens(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, t := range c.tokens {
		all.Go(func() { t.Keep(ctx) })
	}
	return func() { cancel(); all.Wait() }
}

// http reports what is wrong with a section `http`.
func (c checker) http(path string, config *web.Config) {
	config.Validate(func(at, format string, args ...any) { c.doc.Reportf(path+"."+at, format, args...) })
	for _, text := range authOf(config).Texts() {
		c.template(path+".auth", text)
	}
}

func authOf(c *web.Config) *web.Auth {
	if c == nil {
		return nil
	}
	return c.Auth
}

// onlyHTTP reports what a step's section holds that its protocol does not look at.
func (c checker) onlyHTTP(path string, s *Step, p *Plan) {
	for _, how := range s.speech(p, protocol.Options{}) {
		kinds := []string{"tls"}
		if how.name == "grpc" || how.name == "websocket" {
			kinds = append(kinds, "auth")
		}
		for _, name := range s.HTTP.Beside(kinds...) {
			c.doc.Reportf(path+"."+name, "has no effect on %s", how.name)
		}
	}
}

var (
	_ webProtocol = (*http2.Protocol)(nil)
	_ webProtocol = (*fullProtocol)(nil)
)
