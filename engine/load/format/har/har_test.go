package har

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/format"
)

const fixture = "../../../../testdata/load/formats/shop.har"

func TestRecording(t *testing.T) {
	data, err := os.ReadFile(fixture)
	require.NoError(t, err)
	res, err := Convert(data, Options{})
	require.NoError(t, err)
	require.Equal(t, "https://shop.example.com", res.Plan.Target)
	steps := res.Plan.Scenarios[0].Steps
	require.Len(t, steps, 3)
	require.Equal(t, "/products?sort=price%20up", steps[0].Path)
	require.Equal(t, 2500*time.Millisecond, steps[0].ThinkTime.Constant)
	require.Equal(t, map[string]string{"Accept": "text/html", "Cookie": "${env:LOAD_COOKIE}"}, steps[0].Headers)
	require.Equal(t, "user=a+b&next=%2Fx%3Fy%3D1", steps[2].Body)
	require.True(t, steps[2].Check.Status.Has(302))
	require.False(t, steps[2].Check.Status.Has(200))
	require.Equal(t, 2, res.Coverage.Count(format.NotConverted))
	require.NotContains(t, string(res.YAML)+res.Coverage.String(), "topsecret")
}

func TestBadArchives(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "not an HTTP archive",
		"{}":                       "no log",
		`{"log":{}}`:               "nothing in it can be run",
		`{"log":{"entries":[{}]}}`: "not http or https",
	} {
		_, err := Convert([]byte(text), Options{})
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzHAR(f *testing.F) {
	data, err := os.ReadFile(fixture)
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{"log":{"entries":[{"startedDateTime":"2026-01-01T00:00:00Z","time":-1e300,"request":{"method":"GET","url":"http://h:99999999/%zz"}}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if res, err := Convert(data, Options{}); err == nil {
			require.NotNil(t, res.Plan)
		}
	})
}
