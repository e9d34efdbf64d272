package jmx

import (
	"reflect"
	"strings"

	"gameday/engine/load/format"
	"gameday/engine/load/web"
)

// hops are the redirects that JMeter follows at most (its property httpsampler.max_redirects).
const hops = 20

// login is one entry of an authorization manager: who asks for what begins with an address.
type login struct {
	prefix string // "" is everything
	basic  web.Basic
}

// spoken is how a sampler speaks HTTP; nil when it does so as a plan does by itself.
func (c *converter) spoken(e element, sc scope, address, at string) *web.Config {
	h := &web.Config{}
	if e.flag("HTTPSampler.follow_redirects") || e.flag("HTTPSampler.auto_redirects") {
		most := hops
		h.Redirects = &most
		c.cov.Add("follow redirects", at, format.Converted, "")
	}
	if e.prop("HTTPSampler.use_keepalive") == "false" {
		h.Connections = "request"
		c.cov.Add("use KeepAlive off", at, format.Converted, "")
	}
	for i := len(sc.logins) - 1; i >= 0; i-- {
		if l := &sc.logins[i]; strings.HasPrefix(address, l.prefix) {
			h.Auth = &web.Auth{Basic: &web.Basic{User: l.basic.User, Password: l.basic.Password}}
			break
		}
	}
	if reflect.DeepEqual(*h, web.Config{}) {
		return nil
	}
	return h
}

// logins reads an authorization manager.
func (c *converter) logins(e element, at string) (out []login) {
	const name = "AuthManager"
	for _, a := range e.collection("AuthManager.auth_list") {
		switch m := a.prop("Authorization.mechanism"); m {
		case "", "BASIC", "BASIC_DIGEST":
		default:
			c.cov.Add(name, at, format.NotConverted, "of its mechanisms a plan has Basic only, not "+format.Label(m, "this one"))
			continue
		}
		user, password := a.prop("Authorization.username"), a.prop("Authorization.password")
		if strings.Contains(c.resolved(user), ":") || user == "" {
			c.cov.Add(name, at, format.NotConverted, "its user is empty or holds a colon")
			continue
		}
		l := login{prefix: c.text(strings.TrimSpace(a.prop("Authorization.url")), at)}
		l.basic.User = c.text(user, at)
		if strings.Contains(password, "${") {
			l.basic.Password = c.text(password, at)
			c.cov.Add(name, at, format.Converted, "")
		} else {
			l.basic.Password = "${env:LOAD_PASSWORD}"
			c.cov.Add(name, at, format.Approximated, "a secret does not belong into a plan: taken from the environment variable LOAD_PASSWORD, which must be set")
		}
		out = append(out, l)
	}
	return out
}

// hoist makes what all requests have in common the plan's.
func hoist(d *format.Draft) {
	var common *web.Config
	same, n := true, 0
	each := func(f func(st *format.Step)) {
		for i := range d.Scenarios {
			format.Each(d.Scenarios[i].Steps, func(st *format.Step) {
				if st.Block == nil {
					f(st)
				}
			})
		}
	}
	each(func(st *format.Step) {
		if n++; n == 1 {
			common = st.HTTP
		}
		same = same && reflect.DeepEqual(common, st.HTTP)
	})
	if common == nil || !same {
		return
	}
	d.HTTP = common
	each(func(st *format.Step) { st.HTTP = nil })
}
