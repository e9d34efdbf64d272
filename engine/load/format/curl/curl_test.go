package curl

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/format"
	"gameday/engine/load/web"
)

func TestCommandLines(t *testing.T) {
	for _, tc := range []struct {
		line, method, path, body string
		headers                  map[string]string
	}{
		{"curl example.com", "GET", "/", "", nil},
		{"curl -X DELETE https://h/x?y=1#frag", "DELETE", "/x?y=1", "", nil},
		{"curl -XPUT -d a=1 -d 'b=2 3' http://h/f", "PUT", "/f", "a=1&b=2 3", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		{`curl --json '{"a":[1]}' http://h/j`, "POST", "/j", `{"a":[1]}`, map[string]string{"Content-Type": "application/json", "Accept": "application/json"}},
		{"curl -G --data-urlencode 'q=a b&c' -d x=1 http://h/s?z", "GET", "/s?z&q=a+b%26c&x=1", "", nil},
		{"curl -I http://h/", "HEAD", "/", "", nil},
		{"curl -sSL -A me -e http://r/ -H 'X-A: b' \\\n  'http://h/a b'", "GET", "/a%20b", "", map[string]string{"User-Agent": "me", "Referer": "http://r/", "X-A": "b"}},
		{`curl $'http://h/\x41\u00e9' --data-raw $'l1\nl2'`, "POST", "/A%C3%A9", "l1\nl2", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		{`curl "http://h/\"q\"" --data-raw @notafile | jq .`, "POST", `/%22q%22`, "@notafile", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		{"curl -u me:pw -b 's=1' http://h/", "GET", "/", "", map[string]string{"Authorization": "${env:LOAD_AUTHORIZATION}", "Cookie": "${env:LOAD_COOKIE}"}},
		{"curl -o out.txt -w '%{http_code}' --request=POST http://h/ -m 2.5", "POST", "/", "", nil},
	} {
		res, err := Convert(tc.line, Options{})
		require.NoError(t, err, tc.line)
		st := res.Plan.Scenarios[0].Steps[0]
		require.Equal(t, tc.method, st.Method, tc.line)
		require.Equal(t, tc.path, st.Path, tc.line)
		require.Equal(t, tc.body, st.Body, tc.line)
		if tc.headers == nil {
			require.Empty(t, st.Headers, tc.line)
		} else {
			require.Equal(t, tc.headers, st.Headers, tc.line)
		}
		require.NotContains(t, res.Coverage.String()+string(res.YAML), "pw")
	}
}

func TestWhatIsNotConvertedIsNamed(t *testing.T) {
	res, err := Convert("curl -F 'file=<x' --proxy ftp://p --resolve h:80 http://h/ https://other/", Options{Target: "http://t:1"})
	require.NoError(t, err)
	require.Equal(t, "http://t:1", res.Plan.Target)
	table := res.Coverage.String()
	for _, want := range []string{"--form", "--proxy", "--resolve", "a plan has one target"} {
		require.Contains(t, table, want)
	}
	require.Equal(t, 4, res.Coverage.Count(format.NotConverted))
}

// TestHowHTTPIsSpoken: what a command line says about connections is the plan's section http.
func TestHowHTTPIsSpoken(t *testing.T) {
	convert := func(line string) *format.Result {
		res, err := Convert(line, Options{})
		require.NoError(t, err, line)
		require.NotContains(t, string(res.YAML), "geheim")
		return res
	}
	res := convert("curl -L --max-redirs 3 --compressed --tlsv1.3 --cacert ca.pem -E client.pem --key client.key --resolve h:443:10.0.0.7 https://h/x")
	h := res.Plan.HTTP
	require.Equal(t, 3, *h.Redirects)
	require.True(t, *h.Compression)
	require.Equal(t, web.TLS{Cert: "client.pem", Key: "client.key", CA: "ca.pem", MinVersion: "1.3"}, *h.TLS)
	require.Equal(t, map[string]string{"h:443": "10.0.0.7:443"}, h.Resolve)
	require.Zero(t, res.Coverage.Count(format.NotConverted), res.Coverage.String())

	res = convert("curl -L -x me:geheim@proxy:3128 --resolve h:80:10.0.0.7 http://h/")
	require.Equal(t, 50, *res.Plan.HTTP.Redirects)
	require.Equal(t, &web.Proxy{URL: "http://proxy:3128", User: "me", Password: "${env:LOAD_PROXY_PASSWORD}"}, res.Plan.HTTP.Proxy)
	require.Nil(t, res.Plan.HTTP.Resolve)
	require.Equal(t, 1, res.Coverage.Count(format.NotConverted), res.Coverage.String())
	require.Equal(t, "socks5://proxy:1080", convert("curl -x socks5h://proxy http://h/").Plan.HTTP.Proxy.URL)

	st := convert("curl -F 'note=hello {{n}}' -F 'photo=@cat.jpg;type=image/jpeg' http://h/up").Plan.Scenarios[0].Steps[0]
	require.Equal(t, "POST", st.Method)
	require.Len(t, st.Multipart, 2)
	require.Equal(t, "cat.jpg", st.Multipart[1].File)
	require.Equal(t, "image/jpeg", st.Multipart[1].Type)
	require.Contains(t, st.Multipart[0].Value, "{{pick {{}}n}}", "braces of the line stand for themselves")
	st = convert("curl -T dir/report.pdf http://h/files/").Plan.Scenarios[0].Steps[0]
	require.Equal(t, "PUT /files/report.pdf dir/report.pdf", st.Method+" "+st.Path+" "+st.BodyFile)

	require.Equal(t, web.TLS{Insecure: true}, *convert("curl -k --cacert ca.pem https://h/").Plan.HTTP.TLS)

	res = convert("curl --key lonely.key -d a=1 -T x -F b=2 http://h/")
	require.Nil(t, res.Plan.HTTP)
	require.Equal(t, "a=1", res.Plan.Scenarios[0].Steps[0].Body)
	require.Equal(t, 3, res.Coverage.Count(format.NotConverted), res.Coverage.String())
}

func TestBadCommandLines(t *testing.T) {
	for line, want := range map[string]string{
		"wget http://h":         "begins with curl",
		"curl":                  "no address",
		"curl 'http://h":        "not closed",
		"curl -H":               "needs a value",
		"curl ftp://h/":         "not an http or https address",
		"curl -X LINK http://h": "no such method",
	} {
		_, err := Convert(line, Options{})
		require.ErrorContains(t, err, want, line)
	}
}

func FuzzCurl(f *testing.F) {
	f.Add("curl -kLx u:p@h --resolve a:1:::1 -F a=@b;type=c -T d -E e:f --key g --tls-max 1.2 --max-redirs 7 http://h/")
	f.Add("curl -XPOST 'http://h/{{x}}?${y}' -d $'a\\x00\\u1234' -H \"A: b\" -u a:b")
	f.Fuzz(func(t *testing.T, line string) {
		if res, err := Convert(line, Options{}); err == nil {
			require.NotNil(t, res.Plan)
		}
	})
}
