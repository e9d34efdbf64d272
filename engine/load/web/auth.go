package web

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"gameday/engine/load/template"
)

// Auth is how requests say who they are from. One field is given.
type Auth struct {
	Basic  *Basic  `yaml:"basic" doc:"User and password in an Authorization header."`
	Bearer *Bearer `yaml:"bearer" doc:"A token in an Authorization header."`
	OAuth2 *OAuth2 `yaml:"oauth2" doc:"A bearer token that is fetched before the run and replaced before it expires: OAuth 2.0, client credentials."`
	SigV4  *SigV4  `yaml:"sigv4" doc:"Each request is signed: AWS Signature Version 4."`
	None   bool    `yaml:"none" doc:"In a scenario or a step: nothing of the kind, whatever the plan says."`
}

// Basic is RFC 7617's user and password.
type Basic struct {
	User     string `yaml:"user,required" doc:"May hold {{values}}."`
	Password string `yaml:"password,required" doc:"May hold {{values}}; best given as ${env:NAME}."`

	fixed bool // what it holds stands for itself: braces are part of a secret
}

// Bearer is RFC 6750's token.
type Bearer struct {
	Token string `yaml:"token" doc:"May hold {{values}}; best given as ${env:NAME}."`
	File  string `yaml:"file" doc:"Or a file with nothing else in it, read before the run."`
}

// SigV4 is what a request is signed with.
type SigV4 struct {
	Region       string `yaml:"region,required" doc:"Such as eu-central-1."`
	Service      string `yaml:"service,required" doc:"Such as execute-api or s3."`
	AccessKey    string `yaml:"accessKey,required" doc:"The key's ID."`
	SecretKey    string `yaml:"secretKey,required" doc:"The key itself; best given as ${env:NAME}."`
	SessionToken string `yaml:"sessionToken" doc:"Of temporary keys."`
}

func (a *Auth) validate(report func(path, format string, args ...any)) {
	var given []string
	for _, one := range []struct {
		name string
		is   bool
	}{{"basic", a.Basic != nil}, {"bearer", a.Bearer != nil}, {"oauth2", a.OAuth2 != nil}, {"sigv4", a.SigV4 != nil}, {"none", a.None}} {
		if one.is {
			given = append(given, one.name)
		}
	}
	if len(given) != 1 {
		report("", "has %s: give one of basic, bearer, oauth2, sigv4 and none", strings.Join(append(given, "nothing")[:max(len(given), 1)], " and "))
	}
	if b := a.Basic; b != nil && strings.Contains(b.User, ":") {
		report("basic.user", "must not hold a colon, which ends it on the wire")
	}
	if b := a.Bearer; b != nil && (b.Token == "") == (b.File == "") {
		report("bearer", "give a token or a file")
	}
	if o := a.OAuth2; o != nil {
		o.validate(func(path, format string, args ...any) { report("oauth2."+path, format, args...) })
	}
	if s := a.SigV4; s != nil {
		for _, f := range []struct{ name, value string }{
			{"region", s.Region}, {"service", s.Service}, {"accessKey", s.AccessKey}, {"secretKey", s.SecretKey},
		} {
			if strings.Contains(f.value, "{{") {
				report("sigv4."+f.name, "cannot hold {{values}}: it is the same for all requests")
			}
		}
	}
}

// templates are the texts that may hold {{values}}.
func (a *Auth) templates() (texts []*string) {
	if a.Basic != nil && !a.Basic.fixed {
		texts = append(texts, &a.Basic.User, &a.Basic.Password)
	}
	if a.Bearer != nil {
		texts = append(texts, &a.Bearer.Token)
	}
	return texts
}

// variable reports whether user and password differ from request to request, so that only the full client can join them.
func (a *Auth) variable() bool {
	return a != nil && a.Basic != nil && !a.Basic.fixed && strings.Contains(a.Basic.User+a.Basic.Password, "{{")
}

// Texts lists what in it may hold {{values}}, for who looks for variables.
func (a *Auth) Texts() (texts []string) {
	if a != nil {
		for _, t := range a.templates() {
			texts = append(texts, *t)
		}
	}
	return texts
}

// Expand is the section with every ${name} filled in and every file found by beside. What comes from ${name} stands for
// itself, also where {{values}} are read: a password may hold anything.
func (a *Auth) Expand(lookup func(string) (string, bool), beside func(string) string) (*Auth, error) {
	if a == nil {
		return nil, nil
	}
	out := *a
	plain := func(texts ...*string) (err error) {
		for _, t := range texts {
			if *t, err = template.Expand(*t, lookup); err != nil {
				return fmt.Errorf("http.auth: %w", err)
			}
		}
		return nil
	}
	literal := func(name string) (string, bool) {
		v, ok := lookup(name)
		return template.Literal(v), ok
	}
	var err error
	switch {
	case a.Basic != nil:
		own := *a.Basic
		out.Basic = &own
		if !a.variable() {
			own.fixed = true
			err = plain(&own.User, &own.Password)
		}
	case a.Bearer != nil:
		own := *a.Bearer
		out.Bearer = &own
		if err = plain(&own.File); err == nil && own.File != "" {
			own.Token, err = secretFile(beside(own.File))
			own.Token, own.File = template.Literal(own.Token), ""
			return &out, err
		}
	case a.OAuth2 != nil:
		out.OAuth2, err = a.OAuth2.expand(lookup, plain)
	case a.SigV4 != nil:
		own := *a.SigV4
		out.SigV4 = &own
		err = plain(&own.Region, &own.Service, &own.AccessKey, &own.SecretKey, &own.SessionToken)
	}
	for _, t := range out.templates() {
		if err == nil {
			*t, err = template.Expand(*t, literal)
		}
	}
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// secretFile reads a file that holds one secret.
func secretFile(name string) (string, error) {
	info, err := os.Stat(name)
	if err == nil && (info.Size() > 64<<10 || !info.Mode().IsRegular()) {
		err = errors.New("it is no file of at most 64 KiB")
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(name)
	}
	if at := new(fs.PathError); errors.As(err, &at) {
		err = at.Err // the file is named below
	}
	if err == nil && len(strings.TrimSpace(string(data))) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", fmt.Errorf("read the bearer token's file %s: %w", name, err)
	}
	return strings.TrimSpace(string(data)), nil
}

// TokenVariable is the variable that holds the nth OAuth2 token in templates; no plan can have one of that name.
func TokenVariable(n int) string { return fmt.Sprintf("oauth2{%d", n) }

// Authorization is the value of the Authorization header where it is one that every client can send; "" is none. It may
// hold {{values}}; token is the name of the variable that holds an OAuth2 token.
func (a *Auth) Authorization(token string) (string, error) {
	switch {
	case a == nil:
		return "", nil
	case a.OAuth2 != nil:
		return "Bearer {{" + token + "}}", nil
	case a.Bearer != nil:
		return "Bearer " + a.Bearer.Token, nil
	case a.Basic != nil && !a.variable():
		return basic(a.Basic.User, a.Basic.Password)
	}
	return "", nil
}

func basic(user, password string) (string, error) {
	if strings.Contains(user, ":") {
		return "", errors.New("the user of basic authentication holds a colon, which ends it on the wire")
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)), nil
}

// address reports whether a text is an http or https address without a password.
func address(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil && u.Fragment == ""
}
