package format

import (
	"bytes"
	"sort"
	"strconv"

	"gameday/engine/load/web"
	"gameday/sources/spec"
)

// http writes the section of that name, as far as other tools' files can say it: what is missing here is an error when the
// plan is read back and compared.
func (f *fields) http(c *web.Config) {
	if c == nil {
		return
	}
	in := f.inside("http")
	if c.Redirects != nil {
		in.key("redirects", strconv.Itoa(*c.Redirects))
	}
	if c.Compression != nil {
		in.key("compression", strconv.FormatBool(*c.Compression))
	}
	if p := c.Proxy; p != nil {
		proxy := in.inside("proxy")
		proxy.text("url", p.URL)
		proxy.text("user", p.User)
		proxy.text("password", p.Password)
	}
	if c.Auth != nil {
		auth := in.inside("auth")
		if b := c.Auth.Basic; b != nil {
			basic := auth.inside("basic")
			basic.key("user", spec.Text(b.User))
			basic.key("password", spec.Text(b.Password))
		}
		if b := c.Auth.Bearer; b != nil {
			auth.inside("bearer").text("token", b.Token)
		}
		auth.flag("none", c.Auth.None)
	}
	if t := c.TLS; t != nil {
		tls := in.inside("tls")
		tls.text("cert", t.Cert)
		tls.text("key", t.Key)
		tls.text("ca", t.CA)
		tls.text("serverName", t.ServerName)
		tls.text("minVersion", t.MinVersion)
		tls.text("maxVersion", t.MaxVersion)
		tls.flag("insecure", t.Insecure)
	}
	in.text("connections", c.Connections)
	if len(c.Resolve) > 0 {
		hosts := make([]string, 0, len(c.Resolve))
		for host := range c.Resolve {
			hosts = append(hosts, host)
		}
		sort.Strings(hosts)
		resolve := in.inside("resolve")
		for _, host := range hosts {
			resolve.key(spec.Text(host), spec.Text(c.Resolve[host]))
		}
	}
	if c.BytesPerSecond > 0 {
		in.key("bytesPerSecond", strconv.FormatInt(c.BytesPerSecond, 10))
	}
}

// inside is a map that is the value of a key.
func (f *fields) inside(name string) *fields {
	return &fields{b: f.b, indent: f.under(name), begun: true}
}

// httpSection is the plan's own.
func httpSection(b *bytes.Buffer, c *web.Config) { (&fields{b: b, begun: true}).http(c) }
