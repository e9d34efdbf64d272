package dependency

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"gameday/chaos"
	"gameday/chaos/journal"
	"gameday/chaos/proxy"
)

func TestErrorsAnswerAShareOfTheRequests(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	s := proxy.NewSet()
	defer s.Close()
	l, err := s.Link("checkout", "inventory", "http", srv.Listener.Addr().String())
	require.NoError(t, err)
	_, err = s.Link("checkout", "payment", "grpc", "127.0.0.1:1")
	require.NoError(t, err)
	_, err = s.Link("orders", "db", "tcp", "127.0.0.1:1")
	require.NoError(t, err)
	d := filepath.Join(t.TempDir(), "j")
	require.NoError(t, os.Mkdir(d, 0o700))
	j, err := journal.Create(d, "s1")
	require.NoError(t, err)
	c, err := chaos.NewController(chaos.Config{Journal: j, Inventory: s.Inventory(), Faults: []chaos.Fault{NewError(s, 42)}})
	require.NoError(t, err)
	plan := func(to string, args chaos.Args) (*chaos.Planned, error) {
		return c.Plan(t.Context(), chaos.Request{Kind: "dependency.error", Select: chaos.Selector{Service: to}, Args: args})
	}
	for _, tc := range []struct {
		to   string
		args chaos.Args
		want string
	}{
		{"db", nil, "plain TCP"},
		{"payment", chaos.Args{"method": "POST"}, "select by path"},
		{"payment", chaos.Args{"code": "UNAVAILBLE"}, "not a gRPC error code"},
		{"payment", chaos.Args{"code": "OK"}, "not a gRPC error code"},
		{"inventory", chaos.Args{"status": 200}, "less than 400"},
		{"inventory", chaos.Args{"share": 0.5}, "can be read two ways"},
		{"inventory", chaos.Args{"share": 0}, "changes nothing"},
	} {
		_, err := plan(tc.to, tc.args)
		require.ErrorContains(t, err, tc.want)
	}
	p, err := plan("payment", chaos.Args{"code": "deadline_exceeded"})
	require.NoError(t, err)
	require.Equal(t, "payment answers DeadlineExceeded", p.Title)

	p, err = plan("inventory", chaos.Args{"status": 429, "share": "50%", "path": "/stock/*"})
	require.NoError(t, err)
	require.Equal(t, "inventory answers 429 (50%)", p.Title)
	id, err := c.Inject(t.Context(), p)
	require.NoError(t, err)
	hit := 0
	for range 200 {
		resp, err := http.Get("http://" + l.Addr() + "/stock/1")
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, resp.Body) // only the status counts
		resp.Body.Close()
		if resp.StatusCode == 429 {
			hit++
		}
	}
	http.DefaultClient.CloseIdleConnections()
	require.InDelta(t, 100, hit, 35)
	require.EqualValues(t, hit, c.States()[0].Touched)
	require.Equal(t, "requests", c.States()[0].Unit)
	require.NoError(t, c.Undo(t.Context(), id))
	require.NoError(t, c.Close(t.Context()))
}

func TestCodesByNameAndNumber(t *testing.T) {
	for in, want := range map[string]codes.Code{"": codes.Unavailable, "14": codes.Unavailable, "unavailable": codes.Unavailable, "RESOURCE_EXHAUSTED": codes.ResourceExhausted} {
		got, err := parseCode(in)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"0", "17", "-1", "FOO", `"`, "99999999999999"} {
		_, err := parseCode(bad)
		require.Error(t, err, bad)
	}
}
