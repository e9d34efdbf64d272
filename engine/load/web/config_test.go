package web

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/template"
)

func TestSectionsAreLaidOverEachOther(t *testing.T) {
	off := false
	plan := &Config{Redirects: number(5), Compression: yes(), MaxBody: 9, Auth: &Auth{Bearer: &Bearer{Token: "t"}}}
	got := (&Config{Redirects: number(0), Compression: &off, Auth: &Auth{None: true}}).Over(plan)
	require.Equal(t, []string{"long answers are broken off"}, got.Reasons(false))
	value, err := got.Auth.Authorization("")
	require.NoError(t, err)
	require.Empty(t, value)
	require.Equal(t, []string{"redirects are followed", "compressed answers are asked for", "long answers are broken off"}, plan.Reasons(false))
	require.Equal(t, (*Config)(nil).Over(nil), &Config{})
	require.Equal(t, plan, (*Config)(nil).Over(plan))
	require.Equal(t, []string{"HTTP/2's connections are not kept"}, (&Config{Connections: "request"}).Reasons(true))
}

func TestAddressesInstead(t *testing.T) {
	c := &Config{Resolve: map[string]string{"a": "10.0.0.7", "b:443": "x:8443", "c": "[::1]:80", "d": "::1"}}
	require.NoError(t, c.Err())
	for address, want := range map[string]string{
		"a:80": "10.0.0.7:80", "b:443": "x:8443", "b:80": "", "c:99": "[::1]:80", "d:99": "[::1]:99", "e:1": "", "nonsense": "",
	} {
		require.Equal(t, want, c.Dial(address), address)
	}
}

func TestMistakesInTheSectionAreFound(t *testing.T) {
	for want, c := range map[string]*Config{
		"redirects":            {Redirects: number(-1)},
		"maxBody":              {MaxBody: -1},
		"bytesPerSecond":       {BytesPerSecond: -1},
		`resolve["a"]`:         {Resolve: map[string]string{"a": "x:y:z"}},
		"resolve":              {Resolve: map[string]string{"a": "b"}, Proxy: &Proxy{URL: "http://p:1"}},
		"proxy.url":            {Proxy: &Proxy{URL: "http://u:" + "s3cret" + "@p:1"}},
		"auth":                 {Auth: &Auth{}},
		"auth.bearer":          {Auth: &Auth{Bearer: &Bearer{}}},
		"auth.basic.user":      {Auth: &Auth{Basic: &Basic{User: "a:b"}}},
		"auth.oauth2.tokenURL": {Auth: &Auth{OAuth2: &OAuth2{TokenURL: "ftp://s3cret"}}},
		"tls":                  {TLS: &TLS{Cert: "x"}},
		"tls.maxVersion":       {TLS: &TLS{MaxVersion: "1.1"}},
		"tls.insecure":         {TLS: &TLS{Insecure: true, CA: "x"}},
	} {
		var paths []string
		c.Validate(func(path, format string, args ...any) {
			paths = append(paths, path)
			require.NotContains(t, format, "s3cret")
		})
		require.Equal(t, []string{want}, paths)
		require.Error(t, c.Err())
		require.NotContains(t, c.Err().Error(), "s3cret")
	}
}

func TestSecretsStandForThemselves(t *testing.T) {
	vars := map[string]string{"p": "a{{n}}${x}", "u": "ann"}
	lookup := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	a, err := (&Auth{Bearer: &Bearer{Token: "${p}-{{n}}"}}).Expand(lookup, func(f string) string { return f })
	require.NoError(t, err)
	value, err := a.Authorization("")
	require.NoError(t, err)
	made, err := template.Compile(value, nil)
	require.NoError(t, err)
	v := template.Values{N: 4, Plan: rand.New(rand.NewPCG(1, 1))}
	require.Equal(t, "Bearer a{{n}}${x}-4", string(made.Append(nil, &v)))
	_, err = (&Auth{Basic: &Basic{User: "x", Password: "${missing}"}}).Expand(lookup, nil)
	require.ErrorContains(t, err, "missing")
	a, err = (&Auth{Basic: &Basic{User: "${u}", Password: "w"}}).Expand(lookup, nil)
	require.NoError(t, err)
	value, err = a.Authorization("")
	require.NoError(t, err)
	require.Equal(t, "Basic YW5uOnc=", value)
}
