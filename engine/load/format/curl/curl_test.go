package curl

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/format"
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
	res, err := Convert("curl -k -F file=@x --proxy http://p http://h/ https://other/", Options{Target: "http://t:1"})
	require.NoError(t, err)
	require.Equal(t, "http://t:1", res.Plan.Target)
	table := res.Coverage.String()
	for _, want := range []string{"--insecure", "--form", "--proxy", "a plan has one target"} {
		require.Contains(t, table, want)
	}
	require.Equal(t, 4, res.Coverage.Count(format.NotConverted))
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
	f.Add("curl -XPOST 'http://h/{{x}}?${y}' -d $'a\\x00\\u1234' -H \"A: b\" -u a:b")
	f.Fuzz(func(t *testing.T, line string) {
		if res, err := Convert(line, Options{}); err == nil {
			require.NotNil(t, res.Plan)
		}
	})
}
