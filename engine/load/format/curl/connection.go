package curl

import (
	"net"
	"strconv"
	"strings"

	"gameday/engine/load"
	"gameday/engine/load/format"
	"gameday/engine/load/web"
)

// connection does what a flag says about how HTTP is spoken; false when it says nothing of that.
func (c *command) connection(flag, value string) bool {
	text := format.Literal(value)
	tls := func() *web.TLS {
		if c.http.TLS == nil {
			c.http.TLS = &web.TLS{}
		}
		return c.http.TLS
	}
	why := ""
	switch flag {
	case "--location":
		hops := c.hops
		c.http.Redirects = &hops
	case "--max-redirs":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 100 {
			why = "is not from 0 to 100"
		} else if c.hops = n; c.http.Redirects != nil {
			c.http.Redirects = &n
		}
	case "--compressed":
		yes := true
		c.http.Compression = &yes
	case "--insecure":
		tls().Insecure = true
	case "--cacert":
		tls().CA = text
	case "--cert":
		if name, _, ok := strings.Cut(value, ":"); ok {
			text, why = format.Literal(name), "an encrypted key is not read: without its password"
		}
		if tls().Cert = text; tls().Key == "" {
			tls().Key = text // as curl does: both may be in one file
		}
	case "--key":
		tls().Key = text
	case "--tlsv1.2", "--tlsv1.3":
		tls().MinVersion = strings.TrimPrefix(flag, "--tlsv")
	case "--tls-max":
		if tls().MaxVersion = value; value != "1.2" && value != "1.3" {
			tls().MaxVersion, why = "", "is not 1.2 or 1.3"
		}
	case "--proxy":
		why = c.proxy(value)
	case "--resolve":
		why = c.resolve(value)
	default:
		return false
	}
	outcome := format.Converted
	if why != "" {
		outcome = format.NotConverted
	}
	c.cov.Add(flag, "the command line", outcome, why)
	return true
}

// proxy is [scheme://][user:password@]host[:port]. A password becomes a variable of the environment.
func (c *command) proxy(value string) (why string) {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	scheme, rest, _ := strings.Cut(value, "://")
	if scheme == "socks5h" { // names are looked up by the proxy in both
		scheme = "socks5"
	}
	p := &web.Proxy{}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		user, _, _ := strings.Cut(rest[:at], ":")
		p.User, p.Password, rest = format.Literal(user), "${env:LOAD_PROXY_PASSWORD}", rest[at+1:]
		c.cov.Add("proxy's password", "the command line", format.Approximated,
			"a secret does not belong into a plan: taken from the environment variable LOAD_PROXY_PASSWORD, which must be set")
	}
	rest = strings.TrimRight(rest, "/")
	if _, _, err := net.SplitHostPort(rest); err != nil {
		rest = net.JoinHostPort(strings.Trim(rest, "[]"), "1080") // curl's default
	}
	p.URL = format.Literal(scheme + "://" + rest)
	if err := (&web.Config{Proxy: p}).Err(); err != nil {
		return "is not an http, https or socks5 proxy"
	}
	c.http.Proxy = p
	return ""
}

// resolve is host:port:address.
func (c *command) resolve(value string) (why string) {
	parts := strings.SplitN(strings.TrimPrefix(value, "+"), ":", 3)
	if len(parts) != 3 || parts[0] == "*" || strings.Contains(parts[2], ",") {
		return "is not one host:port:address"
	}
	name := net.JoinHostPort(parts[0], parts[1])
	to := net.JoinHostPort(strings.Trim(parts[2], "[]"), parts[1])
	if err := (&web.Config{Resolve: map[string]string{name: to}}).Err(); err != nil {
		return "is not one host:port:address"
	}
	if c.http.Resolve == nil {
		c.http.Resolve = map[string]string{}
	}
	c.http.Resolve[format.Literal(name)] = format.Literal(to)
	return ""
}

// form is one part of a multipart body: name=text, name=@file or name=<file, with ;type= behind it.
func (c *command) form(flag, value string) {
	const line = "the command line"
	name, text, ok := strings.Cut(value, "=")
	if !ok || name == "" {
		c.cov.Add(flag, line, format.NotConverted, "a part is name=text or name=@file")
		return
	}
	part := load.Part{Name: format.Literal(name)}
	if flag == "--form" {
		var more string
		if text, more, _ = strings.Cut(text, ";"); more != "" {
			kind, ok := strings.CutPrefix(more, "type=")
			if !ok || strings.Contains(kind, ";") {
				c.cov.Add(flag, line, format.NotConverted, "of what stands behind a part only its type is understood")
				return
			}
			part.Type = format.Literal(kind)
		}
		if strings.HasPrefix(text, "<") {
			c.cov.Add(flag, line, format.NotConverted, "a part that is a file's text has no counterpart: @file sends it as a file")
			return
		}
		if file, ok := strings.CutPrefix(text, "@"); ok {
			part.File, text = format.Literal(file), ""
		}
	}
	part.Value = format.Literal(text)
	c.parts = append(c.parts, part)
	c.cov.Add(flag, line, format.Converted, "")
}

// upload is --upload-file: the body is a file as it is.
func (c *command) upload(file string) {
	if file == "-" || file == "." || strings.ContainsAny(file, "{[") {
		c.cov.Add("--upload-file", file, format.NotConverted, "is not one file")
		return
	}
	c.file = format.Literal(file)
	c.cov.Add("--upload-file", "the command line", format.Converted, "")
}

// oneBody leaves a request with one body where the line gives it several, which curl refuses.
func (c *command) oneBody() {
	drop := func(flag string) {
		c.cov.Add(flag, "the command line", format.NotConverted, "a request has one body, and another flag gives it")
	}
	if len(c.data) > 0 && !c.asQuery && len(c.parts) > 0 {
		drop("--form")
		c.parts = nil
	}
	if (len(c.data) > 0 && !c.asQuery || len(c.parts) > 0) && c.file != "" {
		drop("--upload-file")
		c.file = ""
	}
}

// reconcile takes away what cannot stand beside the rest of what was read.
func (c *command) reconcile() {
	if c.http.Proxy != nil && c.http.Resolve != nil {
		c.http.Resolve = nil
		c.cov.Add("--resolve", "the command line", format.NotConverted, "behind a proxy it has no effect: the proxy looks names up")
	}
	if t := c.http.TLS; t != nil && t.Insecure && t.CA != "" {
		t.CA = ""
		c.cov.Add("--cacert", "the command line", format.Skipped, "--insecure verifies nothing")
	}
	if t := c.http.TLS; t != nil && t.Cert == "" && t.Key != "" {
		t.Key = ""
		c.cov.Add("--key", "the command line", format.NotConverted, "there is no --cert that it belongs to")
		if *t == (web.TLS{}) {
			c.http.TLS = nil
		}
	}
}
