package load

import (
	"bytes"
	"net/http"
	"net/http/cookiejar"
	"net/url"
)

// CookiePolicy says what a user does with the cookies it is given.
type CookiePolicy string

// The policies.
const (
	CookiesOff          CookiePolicy = ""          // none are kept
	CookiesPerUser      CookiePolicy = "user"      // a user keeps them from iteration to iteration
	CookiesPerIteration CookiePolicy = "iteration" // each iteration begins without any
)

// cookies is one user's jar.
type cookies struct{ jar *cookiejar.Jar }

func newCookies() *cookies {
	c := &cookies{}
	c.clear()
	return c
}

func (c *cookies) clear() {
	c.jar, _ = cookiejar.New(nil) // cannot fail: it is given nothing that could
}

// header appends the value of the Cookie header for a request.
func (c *cookies) header(dst []byte, to *url.URL) []byte {
	for i, one := range c.jar.Cookies(to) {
		if i > 0 {
			dst = append(dst, "; "...)
		}
		dst = append(append(append(dst, one.Name...), '='), one.Value...)
	}
	return dst
}

// take keeps the cookies that an answer sets.
func (c *cookies) take(from *url.URL, head []byte) {
	var set []*http.Cookie
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte("\r\n"))
		head = rest
		if n, v, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(n, []byte("Set-Cookie")) {
			if one, err := http.ParseSetCookie(string(bytes.TrimSpace(v))); err == nil {
				set = append(set, one)
			}
		}
	}
	if len(set) > 0 {
		c.jar.SetCookies(from, set)
	}
}
