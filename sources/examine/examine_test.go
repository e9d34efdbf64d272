package examine_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/examine"
)

func TestFindings(t *testing.T) {
	const good, poor, bad, unknown = driver.FindingGood, driver.FindingPoor, driver.FindingBad, driver.FindingUnknown
	for name, one := range map[string]struct {
		status int
		skew   time.Duration
		want   [3]driver.FindingState
		says   string // of the one that is not good
	}{
		"fine":      {200, 0, [3]driver.FindingState{good, good, good}, "agrees"},
		"ahead":     {200, 10 * time.Second, [3]driver.FindingState{good, good, poor}, "s ahead of this machine's"},
		"behind":    {200, -time.Hour, [3]driver.FindingState{good, good, bad}, "behind this machine's"},
		"no clock":  {200, 1, [3]driver.FindingState{good, good, unknown}, "no Date"},
		"stranger":  {401, 0, [3]driver.FindingState{good, bad, unknown}, "credentials are missing or wrong"},
		"forbidden": {403, 0, [3]driver.FindingState{good, bad, unknown}, "may not do this"},
		"elsewhere": {404, 0, [3]driver.FindingState{bad, unknown, unknown}, "is the address right?"},
		"ill":       {500, 0, [3]driver.FindingState{bad, unknown, unknown}, "it failed by itself"},
		"gone":      {0, 0, [3]driver.FindingState{bad, unknown, unknown}, "nobody listens there"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", time.Now().Add(one.skew).UTC().Format(http.TimeFormat))
				if one.skew == 1 {
					w.Header()["Date"] = nil
				}
				w.WriteHeader(one.status)
			}))
			defer s.Close()
			if one.status == 0 {
				s.Close()
			}
			c, err := client.New(s.URL, client.Config{})
			require.NoError(t, err)
			defer c.Close()
			got, ok := examine.HTTP(context.Background(), c, client.Request{})
			require.Equal(t, one.status == 200, ok)
			require.Len(t, got, 3)
			for i, f := range got {
				require.Equal(t, [...]string{examine.Reachable, examine.Authorised, examine.Clock}[i], f.Name)
				require.Equal(t, one.want[i], f.State, "%+v", f)
				require.Equal(t, f.State == poor || f.State == bad, f.Advice != "", "%+v", f)
			}
			require.Contains(t, got[0].Says+got[1].Says+got[2].Says, one.says)
		})
	}
}

func TestSkewKnowsItsLimits(t *testing.T) {
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, one := range []struct{ sent, took, want time.Duration }{
		{0, 0, 0}, {900 * time.Millisecond, 0, 0}, {-time.Second, time.Second, 0}, {-time.Second, 0, time.Second}, {3 * time.Second, 0, -2 * time.Second}, {-5 * time.Second, 10 * time.Second, 0},
	} {
		require.Equal(t, one.want, examine.Skew(at, at.Add(one.sent), one.took))
	}
}
